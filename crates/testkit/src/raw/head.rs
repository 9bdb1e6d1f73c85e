//! Request and answer heads of the raw client: text in, text out.

use std::io;

use bytes::{Buf, Bytes, BytesMut};

use super::invalid;

/// No engine's head is near this; more is not HTTP.
const LONGEST_HEAD: usize = 64 * 1024;

/// Status line and headers of an answer, kept as they came.
#[derive(Debug, Clone)]
pub struct Head {
    status: u16,
    text: Bytes,
}

impl Head {
    /// The status code.
    #[must_use]
    pub fn status(&self) -> u16 {
        self.status
    }

    /// A header's value, by its name in any case; the first one when it is there twice.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        let text = std::str::from_utf8(&self.text).ok()?;
        text.split("\r\n").skip(1).find_map(|line| {
            let (key, value) = line.split_once(':')?;
            key.eq_ignore_ascii_case(name).then(|| value.trim())
        })
    }

    /// Takes a head off the front of `buffer`, when all of it is there.
    pub(super) fn take(buffer: &mut BytesMut) -> io::Result<Option<Self>> {
        let Some(end) = buffer.windows(4).position(|w| w == b"\r\n\r\n") else {
            if buffer.len() > LONGEST_HEAD {
                return Err(invalid(format!("no end of the head in {} bytes", buffer.len())));
            }
            return Ok(None);
        };
        let text = buffer.split_to(end).freeze();
        buffer.advance(4);
        let status = std::str::from_utf8(&text)
            .ok()
            .and_then(|text| {
                text.strip_prefix("HTTP/1.1 ")
                    .or_else(|| text.strip_prefix("HTTP/1.0 "))
            })
            .and_then(|rest| rest.get(..3))
            .and_then(|code| code.parse().ok())
            .ok_or_else(|| invalid(format!("not an HTTP/1.1 answer: {text:?}")))?;
        Ok(Some(Self { status, text }))
    }
}

pub(super) fn write_request(
    out: &mut Vec<u8>,
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
    body: Option<&[u8]>,
) {
    for part in [method, " ", path, " HTTP/1.1\r\nHost: docker\r\n"] {
        out.extend_from_slice(part.as_bytes());
    }
    for (name, value) in headers {
        for part in [*name, ": ", *value, "\r\n"] {
            out.extend_from_slice(part.as_bytes());
        }
    }
    match body {
        Some(body) => {
            let announced = format!(
                "Content-Type: application/json\r\nContent-Length: {}\r\n\r\n",
                body.len()
            );
            out.extend_from_slice(announced.as_bytes());
            out.extend_from_slice(body);
        }
        // A POST without a body still needs its length: some engines wait for a body otherwise.
        None if method == "POST" || method == "PUT" => out.extend_from_slice(b"Content-Length: 0\r\n\r\n"),
        None => out.extend_from_slice(b"\r\n"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_head_is_taken_when_it_is_whole() {
        let whole = b"HTTP/1.1 200 OK\r\nApi-Version: 1.51\r\nX:  y \r\n\r\nrest";
        for split in 0..whole.len() - 4 {
            let mut buffer = BytesMut::from(&whole[..split]);
            assert!(Head::take(&mut buffer).unwrap().is_none(), "at {split}");
        }
        let mut buffer = BytesMut::from(&whole[..]);
        let head = Head::take(&mut buffer).unwrap().unwrap();
        assert_eq!(head.status(), 200);
        assert_eq!(head.header("api-version"), Some("1.51"));
        assert_eq!(head.header("x"), Some("y"));
        assert_eq!(head.header("absent"), None);
        assert_eq!(&buffer[..], b"rest");
    }

    #[test]
    fn what_is_not_http_is_refused() {
        for rubbish in [
            "SSH-2.0-OpenSSH\r\n\r\n",
            "HTTP/1.1 abc\r\n\r\n",
            "HTTP/1.1 2\r\n\r\n",
        ] {
            assert!(Head::take(&mut BytesMut::from(rubbish)).is_err(), "{rubbish:?}");
        }
    }
}
