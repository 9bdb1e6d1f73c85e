//! Protocol buffers by hand: the fields of a message, and a message of fields that are bytes.
//!
//! Owns the wire format, of which BuildKit's messages here use only a part. What a field means its message's file knows.

/// A field's value.
#[derive(Clone, Copy)]
pub(super) enum Value<'a> {
    Number(u64),
    Bytes(&'a [u8]),
    /// Of a kind that none of ours has.
    Other,
}

impl<'a> Value<'a> {
    pub(super) fn bytes(self) -> &'a [u8] {
        match self {
            Self::Bytes(bytes) => bytes,
            Self::Number(_) | Self::Other => &[],
        }
    }

    pub(super) fn number(self) -> i64 {
        match self {
            // Negative ones are written as their two's complement.
            Self::Number(number) => number.cast_signed(),
            Self::Bytes(_) | Self::Other => 0,
        }
    }
}

/// Calls `see` with each field of a message; `None` when it is none.
pub(super) fn fields<'a>(
    mut message: &'a [u8],
    mut see: impl FnMut(u64, Value<'a>) -> Option<()>,
) -> Option<()> {
    while !message.is_empty() {
        let tag = varint(&mut message)?;
        let value = match tag & 7 {
            0 => Value::Number(varint(&mut message)?),
            1 => {
                message = message.get(8..)?;
                Value::Other
            }
            2 => {
                let length = usize::try_from(varint(&mut message)?).ok()?;
                let (bytes, rest) = message.split_at_checked(length)?;
                message = rest;
                Value::Bytes(bytes)
            }
            5 => {
                message = message.get(4..)?;
                Value::Other
            }
            _ => return None,
        };
        see(tag >> 3, value)?;
    }
    Some(())
}

fn varint(message: &mut &[u8]) -> Option<u64> {
    let mut value = 0_u64;
    for shift in (0..64).step_by(7) {
        let (byte, rest) = message.split_first()?;
        *message = rest;
        value |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}

/// The bytes of a message's field, empty when it is not there; `None` when the message is none.
pub(super) fn bytes_field(message: &[u8], wanted: u64) -> Option<&[u8]> {
    let mut found: &[u8] = &[];
    fields(message, |field, value| {
        if field == wanted {
            found = value.bytes();
        }
        Some(())
    })?;
    Some(found)
}

/// [`bytes_field`] as text.
pub(super) fn text_field(message: &[u8], wanted: u64) -> Option<String> {
    bytes_field(message, wanted).map(|bytes| String::from_utf8_lossy(bytes).into_owned())
}

/// Adds a field of bytes or text to a message; the field's number is below 16.
pub(super) fn put_field(message: &mut Vec<u8>, field: u8, bytes: &[u8]) {
    message.push(field << 3 | 2);
    let mut length = bytes.len();
    while length >= 0x80 {
        message.push(u8::try_from(length & 0x7f).unwrap_or(0) | 0x80);
        length >>= 7;
    }
    message.push(u8::try_from(length).unwrap_or(0));
    message.extend_from_slice(bytes);
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn what_is_put_is_read_and_rubbish_never_panics(bytes in any::<Vec<u8>>(), long in 0_usize..70_000) {
            let _ = bytes_field(&bytes, 1);
            let long = vec![7; long];
            let mut message = Vec::new();
            put_field(&mut message, 1, &bytes);
            put_field(&mut message, 2, &long);
            prop_assert_eq!(bytes_field(&message, 1), Some(&*bytes));
            prop_assert_eq!(bytes_field(&message, 2), Some(&*long));
            prop_assert_eq!(bytes_field(&message, 3), Some(&[][..]));
        }
    }
}
