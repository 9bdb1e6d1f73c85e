//! Reading values as far as they can be read.

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;

use serde::de::{IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};

/// The answer as text, checked once: checking each string by itself costs a tenth of the reading. What is no UTF-8
/// (engines replace it, proxies may not) is replaced.
pub(crate) fn text(json: &[u8]) -> Cow<'_, str> {
    std::str::from_utf8(json).map_or_else(|_| String::from_utf8_lossy(json), Cow::Borrowed)
}

/// For `#[serde(deserialize_with)]`: null is the default.
pub(crate) fn nullable<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de> + Default,
{
    Option::<T>::deserialize(deserializer).map(Option::unwrap_or_default)
}

/// A number that is not negative; anything else is unknown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Number(pub(crate) Option<u64>);

/// A whole number, also a negative one; anything else is unknown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Integer(pub(crate) Option<i64>);

/// A text, borrowed where it can be; anything else is empty.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Text<'a>(pub(crate) Cow<'a, str>);

impl Text<'_> {
    pub(crate) fn into_string(self) -> String {
        self.0.into_owned()
    }
}

impl AsRef<str> for Text<'_> {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

impl std::ops::Deref for Text<'_> {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

struct AnyValue<T>(PhantomData<T>);

/// What can be made from a value of any kind.
trait FromAny<'de>: Default {
    fn integer(_: i128) -> Self {
        Self::default()
    }
    fn float(_: f64) -> Self {
        Self::default()
    }
    fn text(_: &str) -> Self {
        Self::default()
    }
    fn borrowed(text: &'de str) -> Self {
        Self::text(text)
    }
}

impl FromAny<'_> for Number {
    fn integer(value: i128) -> Self {
        Self(u64::try_from(value).ok())
    }

    fn float(value: f64) -> Self {
        // Podman writes some counters as floats. The bound is the largest float below 2^64.
        #[allow(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "the range was checked"
        )]
        Self(
            (0.0..18_446_744_073_709_549_568.0)
                .contains(&value)
                .then_some(value as u64),
        )
    }

    fn text(text: &str) -> Self {
        Self(text.parse().ok())
    }
}

impl FromAny<'_> for Integer {
    fn integer(value: i128) -> Self {
        Self(i64::try_from(value).ok())
    }

    fn text(text: &str) -> Self {
        Self(text.parse().ok())
    }
}

impl<'de> FromAny<'de> for Text<'de> {
    fn text(text: &str) -> Self {
        Self(Cow::Owned(text.to_owned()))
    }

    fn borrowed(text: &'de str) -> Self {
        Self(Cow::Borrowed(text))
    }
}

impl<'de, T: FromAny<'de>> Visitor<'de> for AnyValue<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any value")
    }

    fn visit_u64<E>(self, value: u64) -> Result<T, E> {
        Ok(T::integer(value.into()))
    }

    fn visit_i64<E>(self, value: i64) -> Result<T, E> {
        Ok(T::integer(value.into()))
    }

    fn visit_f64<E>(self, value: f64) -> Result<T, E> {
        Ok(T::float(value))
    }

    fn visit_str<E>(self, text: &str) -> Result<T, E> {
        Ok(T::text(text))
    }

    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<T, E> {
        Ok(T::borrowed(text))
    }

    fn visit_bool<E>(self, _: bool) -> Result<T, E> {
        Ok(T::default())
    }

    fn visit_unit<E>(self) -> Result<T, E> {
        Ok(T::default())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<T, A::Error> {
        while seq.next_element::<IgnoredAny>()?.is_some() {}
        Ok(T::default())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<T, A::Error> {
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(T::default())
    }
}

macro_rules! from_any {
    ($($name:ty),+) => {
        $(impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                deserializer.deserialize_any(AnyValue(PhantomData))
            }
        })+
    };
}

from_any!(Number, Integer);

impl<'de: 'a, 'a> Deserialize<'de> for Text<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(AnyValue(PhantomData::<Text<'de>>))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_number_is_unknown_and_never_an_error() {
        let read = |json: &str| serde_json::from_str::<Number>(json).unwrap().0;
        assert_eq!(read("7"), Some(7));
        assert_eq!(read("18446744073709551615"), Some(u64::MAX));
        assert_eq!(read("7.5"), Some(7));
        assert_eq!(read("\"7\""), Some(7));
        for unknown in ["-1", "null", "true", "[1,[2]]", "{\"a\":{}}", "\"x\"", "1e300"] {
            assert_eq!(read(unknown), None, "{unknown}");
        }
    }

    #[test]
    fn what_is_no_utf8_is_replaced() {
        assert!(matches!(text(b"{}"), Cow::Borrowed("{}")));
        assert_eq!(text(b"\"\xff\""), "\"\u{fffd}\"");
    }

    #[test]
    fn text_is_borrowed_where_it_can_be() {
        let plain: Text<'_> = serde_json::from_str("\"plain\"").unwrap();
        assert!(matches!(plain.0, Cow::Borrowed("plain")));
        let escaped: Text<'_> = serde_json::from_str("\"a\\nb\"").unwrap();
        assert_eq!(&*escaped, "a\nb");
        assert_eq!(&*serde_json::from_str::<Text<'_>>("null").unwrap(), "");
    }
}
