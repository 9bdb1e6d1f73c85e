//! Sizes in bytes, as people write them: `512m`, `1.5g`, or a number.

use std::fmt;

/// A size in bytes, given as a number or as text. Text is read when the size is used, so that it can be given anywhere;
/// what holds a size checks it.
///
/// Units are `b`, `k`, `m`, `g`, `t` and `p`, in either case, with `b` or `ib` behind them if one likes, and mean powers of
/// 1024, as Docker's command line has it.
///
/// ```
/// use longshore_core::Size;
/// assert_eq!(Size::from("512m").bytes().unwrap(), 512 << 20);
/// assert_eq!(Size::from("1.5 GiB").bytes().unwrap(), 3 << 29);
/// assert_eq!(Size::from(4096).bytes().unwrap(), 4096);
/// assert!(Size::from("a lot").bytes().is_err());
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Size {
    /// So many bytes.
    Bytes(u64),
    /// A number and a unit.
    Text(Box<str>),
}

/// Text that is no size.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InvalidSize(Box<str>);

impl fmt::Display for InvalidSize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{:?} is no size: write a number of bytes, or a number and one of k, m, g, t, p",
            self.0
        )
    }
}

impl std::error::Error for InvalidSize {}

impl Size {
    /// The size in bytes; a part of a byte is left out.
    ///
    /// # Errors
    /// [`InvalidSize`] when the text is none, or more than an engine can count (2^63 - 1).
    pub fn bytes(&self) -> Result<u64, InvalidSize> {
        match self {
            Self::Bytes(bytes) => i64::try_from(*bytes)
                .map(|_| *bytes)
                .map_err(|_| InvalidSize(bytes.to_string().into())),
            Self::Text(text) => parse(text).ok_or_else(|| InvalidSize(text.chars().take(32).collect())),
        }
    }
}

fn parse(text: &str) -> Option<u64> {
    let text = text.trim();
    let end = text
        .find(|c: char| !c.is_ascii_digit() && c != '.')
        .unwrap_or(text.len());
    let (number, unit) = text.split_at(end);
    let unit = unit.trim_start().to_ascii_lowercase();
    let shift = match unit
        .strip_suffix("ib")
        .or(unit.strip_suffix('b'))
        .unwrap_or(&unit)
    {
        "" if !unit.ends_with("ib") => 0,
        "k" => 10,
        "m" => 20,
        "g" => 30,
        "t" => 40,
        "p" => 50,
        _ => return None,
    };
    let (whole, part) = number.split_once('.').unwrap_or((number, "0"));
    if whole.is_empty() || part.is_empty() || !part.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    // Digits beyond these say less than a byte in the largest unit.
    let part = part.get(..part.len().min(15))?;
    let scale = 10_u128.pow(u32::try_from(part.len()).ok()?);
    let digits = u128::from(whole.parse::<u64>().ok()?) * scale + part.parse::<u128>().ok()?;
    let bytes = digits.checked_mul(1_u128 << shift)? / scale;
    i64::try_from(bytes).ok()?.try_into().ok()
}

impl From<u64> for Size {
    fn from(bytes: u64) -> Self {
        Self::Bytes(bytes)
    }
}

impl From<&str> for Size {
    fn from(text: &str) -> Self {
        Self::Text(text.into())
    }
}

impl From<String> for Size {
    fn from(text: String) -> Self {
        Self::Text(text.into())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn units_are_powers_of_1024() {
        let bytes = |text: &str| Size::from(text).bytes().ok();
        assert_eq!(bytes("64"), Some(64));
        assert_eq!(bytes("64b"), Some(64));
        assert_eq!(bytes("64K"), Some(65_536));
        assert_eq!(bytes(" 512 MiB "), Some(512 << 20));
        assert_eq!(bytes("0.5kb"), Some(512));
        assert_eq!(bytes("1t"), Some(1 << 40));
        assert_eq!(bytes("8191p"), Some(8191 << 50));
        for bad in [
            "",
            "m",
            "-1",
            "1x",
            "1ib",
            "1mm",
            "1..2",
            ".5m",
            "5.m",
            "1e3",
            "0x10",
            "1 2",
            "8192p",
            "99999999999999999999",
            "١",
        ] {
            assert_eq!(bytes(bad), None, "{bad:?}");
        }
        assert!(Size::from(u64::MAX).bytes().is_err());
    }

    #[test]
    fn an_error_repeats_no_more_than_a_few_letters() {
        let text = Size::from("x".repeat(10_000)).bytes().unwrap_err().to_string();
        assert!(text.len() < 200);
    }

    proptest! {
        #[test]
        fn any_text_is_a_size_or_an_error(text in "\\PC*") {
            let _ = Size::from(text).bytes();
        }

        #[test]
        fn a_plain_number_is_itself(bytes in 0..=i64::MAX as u64) {
            prop_assert_eq!(Size::from(bytes.to_string()).bytes(), Ok(bytes));
        }
    }
}
