//! A quick reader for JSON in the form that engines write it.
//!
//! Lists are asked for again and again, and two thirds of one is what nobody here needs: network settings of each
//! container. This reader hops over that at a third of serde's cost. It knows no errors: whatever it does not expect
//! is `None`, and the caller reads the text again with serde, which says what is wrong and where.

use std::borrow::Cow;

use memchr::memchr2;

/// Deeper than any engine's answer; what goes deeper is left to serde and its own limit.
const MAX_DEPTH: u32 = 64;

/// A place in a JSON text.
pub(crate) struct Scan<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Scan<'a> {
    pub(crate) fn new(text: &'a str) -> Self {
        Self { text, at: 0 }
    }

    /// The next byte that is no white space.
    fn peek(&mut self) -> Option<u8> {
        loop {
            let byte = *self.text.as_bytes().get(self.at)?;
            if !matches!(byte, b' ' | b'\n' | b'\r' | b'\t') {
                return Some(byte);
            }
            self.at += 1;
        }
    }

    fn eat(&mut self, byte: u8) -> bool {
        let found = self.peek() == Some(byte);
        self.at += usize::from(found);
        found
    }

    /// Nothing follows.
    pub(crate) fn end(&mut self) -> Option<()> {
        self.peek().is_none().then_some(())
    }

    /// Takes a `null`, when one is here.
    pub(crate) fn null(&mut self) -> bool {
        let found = self.peek() == Some(b'n') && self.text.as_bytes()[self.at..].starts_with(b"null");
        self.at += 4 * usize::from(found);
        found
    }

    /// An array; `each` reads one of its values.
    pub(crate) fn array(&mut self, mut each: impl FnMut(&mut Self) -> Option<()>) -> Option<()> {
        self.eat(b'[').then_some(())?;
        if self.eat(b']') {
            return Some(());
        }
        loop {
            each(self)?;
            if !self.eat(b',') {
                return self.eat(b']').then_some(());
            }
        }
    }

    /// An object; `each` reads the value of one key.
    pub(crate) fn object(
        &mut self,
        mut each: impl FnMut(&mut Self, Cow<'a, str>) -> Option<()>,
    ) -> Option<()> {
        self.eat(b'{').then_some(())?;
        if self.eat(b'}') {
            return Some(());
        }
        loop {
            let key = self.string()?;
            self.eat(b':').then_some(())?;
            each(self, key)?;
            if !self.eat(b',') {
                return self.eat(b'}').then_some(());
            }
        }
    }

    /// A string, borrowed unless something in it is escaped.
    pub(crate) fn string(&mut self) -> Option<Cow<'a, str>> {
        self.eat(b'"').then_some(())?;
        let begin = self.at;
        let bytes = self.text.as_bytes();
        let first = begin + memchr2(b'"', b'\\', bytes.get(begin..)?)?;
        if bytes.get(first) == Some(&b'"') {
            self.at = first + 1;
            return self.text.get(begin..first).map(Cow::Borrowed);
        }
        self.at = first;
        self.rest_of_string()?;
        serde_json::from_str(self.text.get(begin - 1..self.at)?)
            .ok()
            .map(Cow::Owned)
    }

    /// Goes behind the quote that ends the string we are in.
    fn rest_of_string(&mut self) -> Option<()> {
        let bytes = self.text.as_bytes();
        loop {
            let found = self.at + memchr2(b'"', b'\\', bytes.get(self.at..)?)?;
            if bytes.get(found) == Some(&b'"') {
                self.at = found + 1;
                return Some(());
            }
            self.at = found + 2;
        }
    }

    /// A number without fraction or exponent.
    pub(crate) fn integer(&mut self) -> Option<i64> {
        self.peek()?;
        let rest = self.text.get(self.at..)?;
        let length = rest
            .bytes()
            .take_while(|byte| matches!(byte, b'-' | b'0'..=b'9'))
            .count();
        let number = rest.get(..length)?.parse().ok()?;
        self.at += length;
        // Of `7.5` only the 7 was taken; what follows must be the end of the value.
        matches!(self.peek(), None | Some(b',' | b'}' | b']')).then_some(number)
    }

    /// Hops over a value of any kind. Inside arrays and objects only strings and nesting are looked at.
    pub(crate) fn skip(&mut self) -> Option<()> {
        match self.peek()? {
            b'"' => {
                self.at += 1;
                self.rest_of_string()
            }
            b'{' | b'[' => self.skip_nested(),
            b't' | b'f' | b'n' | b'-' | b'0'..=b'9' => {
                let rest = self.text.as_bytes().get(self.at..)?;
                self.at += rest
                    .iter()
                    .take_while(|byte| !matches!(byte, b',' | b'}' | b']'))
                    .count();
                Some(())
            }
            _ => None,
        }
    }

    fn skip_nested(&mut self) -> Option<()> {
        let bytes = self.text.as_bytes();
        let mut depth = 0;
        loop {
            let byte = *bytes.get(self.at)?;
            self.at += 1;
            match byte {
                b'"' => self.rest_of_string()?,
                b'{' | b'[' if depth == MAX_DEPTH => return None,
                b'{' | b'[' => depth += 1,
                b'}' | b']' if depth == 1 => return Some(()),
                b'}' | b']' => depth -= 1,
                _ => {}
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strings_are_borrowed_unless_escaped() {
        let mut scan = Scan::new(r#" "plain" "#);
        assert!(matches!(scan.string(), Some(Cow::Borrowed("plain"))));
        assert_eq!(scan.end(), Some(()));
        let mut scan = Scan::new(r#""a\"b\\\u00e9ü""#);
        assert_eq!(scan.string().as_deref(), Some("a\"b\\éü"));
        for broken in ["\"open", "\"open\\", "\"open\\\"", "\"\\u12\"", "x", ""] {
            assert!(Scan::new(broken).string().is_none(), "{broken}");
        }
    }

    #[test]
    fn only_whole_numbers_are_taken() {
        assert_eq!(Scan::new("-12,").integer(), Some(-12));
        assert_eq!(Scan::new("7").integer(), Some(7));
        for other in ["7.5", "1e3", "\"7\"", "--", "9223372036854775808", ""] {
            assert_eq!(Scan::new(other).integer(), None, "{other}");
        }
    }

    #[test]
    fn anything_is_hopped_over() {
        for value in [
            r#"{"a":[1,{"b":"]}\""}],"c":{}}"#,
            "[]",
            "true",
            "null",
            "-1.5e3",
            r#""x\\""#,
            "[[[]]]",
        ] {
            let text = format!("{value},");
            let mut scan = Scan::new(&text);
            assert_eq!(scan.skip(), Some(()), "{value}");
            assert_eq!(scan.at, value.len(), "{value}");
        }
        for broken in ["{", "[\"", "]", ""] {
            assert_eq!(Scan::new(broken).skip(), None, "{broken}");
        }
        assert_eq!(Scan::new(&"[".repeat(100_000)).skip(), None);
    }

    #[test]
    fn arrays_and_objects() {
        let mut keys = Vec::new();
        let mut scan = Scan::new(r#"{"a": 1, "b": [2, 3], "c": null}"#);
        let done = scan.object(|scan, key| {
            keys.push(key.into_owned());
            if scan.null() { Some(()) } else { scan.skip() }
        });
        assert_eq!((done, keys.join("")), (Some(()), "abc".to_owned()));
        for broken in ["{\"a\" 1}", "{\"a\":1", "{\"a\":1,}", "{1:2}"] {
            assert_eq!(Scan::new(broken).object(|scan, _| scan.skip()), None, "{broken}");
        }
    }
}
