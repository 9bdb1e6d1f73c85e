//! Text from engines and containers, made safe for a terminal. Nobody who names a container or writes a log line
//! may move the cursor, set the window's title or turn the direction of a line.

use std::borrow::Cow;

/// Whether a character could act on a terminal instead of standing on it: controls, and marks that reorder text.
fn acts(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{200e}' | '\u{200f}' | '\u{61c}')
}

/// Shows a character that acts: C0 controls by their Unicode pictures, the others by their number.
fn push_shown(out: &mut String, c: char) {
    match c {
        '\0'..='\x1f' => out.extend(char::from_u32(0x2400 + u32::from(c))),
        '\x7f' => out.push('␡'),
        _ => out.extend(c.escape_unicode()),
    }
}

/// `text` in one line with nothing in it that acts on a terminal.
pub(crate) fn neutral(text: &str) -> Cow<'_, str> {
    if !text.contains(acts) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len() + 8);
    for c in text.chars() {
        if acts(c) {
            push_shown(&mut out, c);
        } else {
            out.push(c);
        }
    }
    Cow::Owned(out)
}

/// What of a log stream may reach a terminal: text, line ends, tabs, and colours where they are wanted.
/// A character or a colour sequence that is cut by the end of a piece waits for the next one.
#[derive(Debug, Default)]
pub(crate) struct LogFilter {
    colours: bool,
    coloured: bool,
    carry: Vec<u8>,
}

/// A colour sequence longer than this is none (`ESC [ 38;2;r;g;b;48;2;r;g;b m` has 38).
const MAX_SEQUENCE: usize = 64;

impl LogFilter {
    /// `colours`: whether the containers' own colours are let through.
    pub(crate) fn new(colours: bool) -> Self {
        Self {
            colours,
            ..Self::default()
        }
    }

    /// Adds what may be shown of `bytes` to `out`.
    pub(crate) fn push(&mut self, bytes: &[u8], out: &mut String) {
        let mut all = std::mem::take(&mut self.carry);
        all.extend_from_slice(bytes);
        let whole = all.len() - cut_character(&all);
        let text = String::from_utf8_lossy(&all[..whole]);
        let mut rest = &*text;
        while let Some(c) = rest.chars().next() {
            if c == '\x1b' {
                match sequence(rest) {
                    Sequence::Colour(len) => {
                        if self.colours {
                            self.coloured = true;
                            out.push_str(&rest[..len]);
                        }
                        rest = &rest[len..];
                        continue;
                    }
                    Sequence::Cut => {
                        self.carry = rest.as_bytes().to_vec();
                        break;
                    }
                    Sequence::Other => {}
                }
            }
            if c == '\r' && rest.len() == 1 {
                self.carry.push(b'\r');
                break;
            }
            match c {
                '\n' | '\t' => out.push(c),
                '\r' if rest[1..].starts_with('\n') => {}
                c if acts(c) => push_shown(out, c),
                c => out.push(c),
            }
            rest = &rest[c.len_utf8()..];
        }
        self.carry.extend_from_slice(&all[whole..]);
    }

    /// Adds what still waited, and turns colours off if the stream left them on.
    pub(crate) fn finish(&mut self, out: &mut String) {
        let rest = std::mem::take(&mut self.carry);
        out.push_str(&neutral(String::from_utf8_lossy(&rest).trim_end_matches('\r')));
        if std::mem::take(&mut self.coloured) {
            out.push_str("\x1b[0m");
        }
    }
}

/// How many bytes at the end are the beginning of a character that is not complete.
fn cut_character(bytes: &[u8]) -> usize {
    for back in 1..=bytes.len().min(3) {
        let byte = bytes[bytes.len() - back];
        if byte & 0b1100_0000 == 0b1000_0000 {
            continue;
        }
        let needs = match byte {
            0xc2..=0xdf => 2,
            0xe0..=0xef => 3,
            0xf0..=0xf4 => 4,
            _ => 1,
        };
        return if needs > back { back } else { 0 };
    }
    0
}

enum Sequence {
    /// `ESC [ digits m`, of so many bytes.
    Colour(usize),
    /// So far like one, but the text ends.
    Cut,
    Other,
}

fn sequence(text: &str) -> Sequence {
    let bytes = text.as_bytes();
    match bytes.get(1) {
        None => return Sequence::Cut,
        Some(b'[') => {}
        Some(_) => return Sequence::Other,
    }
    for (at, byte) in bytes.iter().enumerate().skip(2).take(MAX_SEQUENCE) {
        match byte {
            b'0'..=b'9' | b';' | b':' => {}
            b'm' => return Sequence::Colour(at + 1),
            _ => return Sequence::Other,
        }
    }
    if bytes.len() < MAX_SEQUENCE {
        Sequence::Cut
    } else {
        Sequence::Other
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filtered(pieces: &[&[u8]], colours: bool) -> String {
        let mut filter = LogFilter::new(colours);
        let mut out = String::new();
        for piece in pieces {
            filter.push(piece, &mut out);
        }
        filter.finish(&mut out);
        out
    }

    #[test]
    fn what_acts_on_a_terminal_is_shown_instead() {
        assert_eq!(neutral("web-1"), "web-1");
        assert_eq!(
            neutral("a\x1b]0;title\x07b\nc\u{202e}d\u{9b}\u{61c}"),
            "a␛]0;title␇b␊c\\u{202e}d\\u{9b}\\u{61c}"
        );
    }

    #[test]
    fn logs_keep_lines_and_colours_and_nothing_else() {
        let log = b"\x1b[31mred\x1b[0m\tok\r\n\x1b[2J\x1b]52;c;eA==\x07\rend\n";
        assert_eq!(
            filtered(&[log], true),
            "\x1b[31mred\x1b[0m\tok\n␛[2J␛]52;c;eA==␇␍end\n\x1b[0m"
        );
        assert_eq!(filtered(&[log], false), "red\tok\n␛[2J␛]52;c;eA==␇␍end\n");
    }

    #[test]
    fn a_cut_anywhere_changes_nothing() {
        let log = "h€llo 🚢 \x1b[38;5;1mx\x1b[m\r\nend\u{9b}".as_bytes();
        let whole = filtered(&[log], true);
        for at in 0..=log.len() {
            let (a, b) = log.split_at(at);
            assert_eq!(filtered(&[a, b], true), whole, "cut at {at}");
        }
        let bytes: Vec<&[u8]> = log.chunks(1).collect();
        assert_eq!(filtered(&bytes, true), whole);
    }

    #[test]
    fn bytes_that_are_no_text_do_not_end_it() {
        assert_eq!(filtered(&[b"a\xffb\xc3"], true), "a\u{fffd}b\u{fffd}");
    }

    #[test]
    fn what_waits_is_bounded() {
        let mut filter = LogFilter::new(true);
        let mut out = String::new();
        for _ in 0..1_000 {
            filter.push(b"\x1b[1111111111111111", &mut out);
        }
        assert!(filter.carry.len() < 2 * MAX_SEQUENCE, "{}", filter.carry.len());
    }
}
