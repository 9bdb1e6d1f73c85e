//! BuildKit's status messages: the four kinds of things in a `StatusResponse`, out of their protocol buffers.
//!
//! Owns a decoder for just that message (moby/buildkit `api/services/control/control.proto`). What they mean for a log
//! is `log`'s.

/// One `StatusResponse`.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Status<'a> {
    pub(super) vertexes: Vec<Vertex<'a>>,
    pub(super) statuses: Vec<VertexStatus<'a>>,
    pub(super) logs: Vec<VertexLog<'a>>,
    pub(super) warnings: Vec<VertexWarning<'a>>,
}

/// A step.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Vertex<'a> {
    pub(super) digest: &'a [u8],
    pub(super) name: &'a [u8],
    pub(super) cached: bool,
    pub(super) started: bool,
    pub(super) completed: bool,
    pub(super) error: &'a [u8],
}

/// Something inside a step that takes its time.
#[derive(Debug, Default, PartialEq)]
pub(super) struct VertexStatus<'a> {
    pub(super) id: &'a [u8],
    pub(super) vertex: &'a [u8],
    pub(super) current: i64,
    pub(super) total: i64,
    pub(super) completed: bool,
}

/// What a step has written.
#[derive(Debug, Default, PartialEq)]
pub(super) struct VertexLog<'a> {
    pub(super) vertex: &'a [u8],
    /// 1 or 2.
    pub(super) stream: i64,
    pub(super) bytes: &'a [u8],
}

/// What the builder finds odd about a step.
#[derive(Debug, Default, PartialEq)]
pub(super) struct VertexWarning<'a> {
    pub(super) short: &'a [u8],
}

/// A field's value.
#[derive(Clone, Copy)]
enum Value<'a> {
    Number(u64),
    Bytes(&'a [u8]),
    /// Of a kind that none of ours has.
    Other,
}

impl<'a> Value<'a> {
    fn bytes(self) -> &'a [u8] {
        match self {
            Self::Bytes(bytes) => bytes,
            Self::Number(_) | Self::Other => &[],
        }
    }

    fn number(self) -> i64 {
        match self {
            // Negative ones are written as their two's complement.
            Self::Number(number) => number.cast_signed(),
            Self::Bytes(_) | Self::Other => 0,
        }
    }
}

/// Calls `see` with each field of a message; `None` when it is none.
fn fields<'a>(mut message: &'a [u8], mut see: impl FnMut(u64, Value<'a>) -> Option<()>) -> Option<()> {
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

/// The text of a message's field.
pub(super) fn text_field(message: &[u8], wanted: u64) -> Option<String> {
    let mut text = None;
    fields(message, |field, value| {
        if field == wanted {
            text = Some(String::from_utf8_lossy(value.bytes()).into_owned());
        }
        Some(())
    })?;
    text
}

impl<'a> Status<'a> {
    pub(super) fn read(message: &'a [u8]) -> Option<Self> {
        let mut status = Self::default();
        fields(message, |field, value| {
            let inner = value.bytes();
            match field {
                1 => status.vertexes.push(Vertex::read(inner)?),
                2 => status.statuses.push(VertexStatus::read(inner)?),
                3 => status.logs.push(VertexLog::read(inner)?),
                4 => status.warnings.push(VertexWarning::read(inner)?),
                _ => {}
            }
            Some(())
        })?;
        Some(status)
    }
}

impl<'a> Vertex<'a> {
    fn read(message: &'a [u8]) -> Option<Self> {
        let mut one = Self::default();
        fields(message, |field, value| {
            match field {
                1 => one.digest = value.bytes(),
                3 => one.name = value.bytes(),
                4 => one.cached = value.number() != 0,
                5 => one.started = true,
                6 => one.completed = true,
                7 => one.error = value.bytes(),
                _ => {}
            }
            Some(())
        })?;
        Some(one)
    }
}

impl<'a> VertexStatus<'a> {
    fn read(message: &'a [u8]) -> Option<Self> {
        let mut one = Self::default();
        fields(message, |field, value| {
            match field {
                1 => one.id = value.bytes(),
                2 => one.vertex = value.bytes(),
                4 => one.current = value.number(),
                5 => one.total = value.number(),
                8 => one.completed = true,
                _ => {}
            }
            Some(())
        })?;
        Some(one)
    }
}

impl<'a> VertexLog<'a> {
    fn read(message: &'a [u8]) -> Option<Self> {
        let mut one = Self::default();
        fields(message, |field, value| {
            match field {
                1 => one.vertex = value.bytes(),
                3 => one.stream = value.number(),
                4 => one.bytes = value.bytes(),
                _ => {}
            }
            Some(())
        })?;
        Some(one)
    }
}

impl<'a> VertexWarning<'a> {
    fn read(message: &'a [u8]) -> Option<Self> {
        let mut one = Self::default();
        fields(message, |field, value| {
            if field == 3 {
                one.short = value.bytes();
            }
            Some(())
        })?;
        Some(one)
    }
}

#[cfg(test)]
mod tests {
    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD;
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_recorded_log_and_a_recorded_step_are_read() {
        let log = STANDARD
            .decode("Gl8KR3NoYTI1NjozZmUxMmE1YzAzOGU1YmQ0YjlmNjExMTg1ODAwOGQ3NmI2ZjI0MTRmMDUxYzlhZjU4NDY0NmIwNmVjYjE2NTgwEgwIsMOc2AYQ4t7t8QIYASIEb3V0Cg==")
            .unwrap();
        let log = Status::read(&log).unwrap();
        assert_eq!((log.logs[0].stream, log.logs[0].bytes), (1, &b"out\n"[..]));
        let step = STANDARD
            .decode("CosBCkdzaGEyNTY6NmRhYTI1ZjIzZGU5ZmM4MjMwMjY2MWU3MmY3OWIyZjA1YzcyNDAzYTlmNjkxZjFiYzRhY2ZkOWIxOWJmOTlmMhokW2ludGVybmFsXSBsb2FkIHJlbW90ZSBidWlsZCBjb250ZXh0KgwIsMOc2AYQkNnSwAEyDAiww5zYBhCf6LHBAQ==")
            .unwrap();
        let step = &Status::read(&step).unwrap().vertexes[0];
        assert_eq!(step.name, b"[internal] load remote build context");
        assert!(step.started && step.completed && !step.cached && step.error.is_empty());
    }

    proptest! {
        #[test]
        fn rubbish_never_panics(message in any::<Vec<u8>>()) {
            let _ = Status::read(&message);
        }
    }
}
