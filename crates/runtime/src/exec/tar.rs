//! A tar of one executable file, as the archive call takes it. Nothing else is ever packed here.

use bytes::Bytes;

const BLOCK: usize = 512;

/// `contents` as the file `name` (at most 100 bytes), mode 0555, of root.
pub(super) fn one_file(name: &str, contents: &[u8]) -> Bytes {
    let mut tar = Vec::with_capacity(contents.len() + 4 * BLOCK);
    tar.resize(BLOCK, 0);
    let mut put = |at: usize, text: &[u8]| {
        if let Some(place) = tar.get_mut(at..at + text.len()) {
            place.copy_from_slice(text);
        }
    };
    put(0, name.as_bytes());
    put(100, b"0000555\0");
    put(108, b"0000000\0");
    put(116, b"0000000\0");
    put(124, format!("{:011o}\0", contents.len()).as_bytes());
    put(136, b"00000000000\0");
    // The checksum is taken with blanks in its own place.
    put(148, b"        ");
    put(156, b"0");
    put(257, b"ustar\x0000");
    let sum: u32 = tar.iter().map(|byte| u32::from(*byte)).sum();
    if let Some(place) = tar.get_mut(148..156) {
        place.copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    }
    tar.extend_from_slice(contents);
    tar.resize(tar.len().next_multiple_of(BLOCK) + 2 * BLOCK, 0);
    tar.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_header_says_what_the_file_is() {
        let tar = one_file(".longshore-runner-0123", &[7; 700]);
        assert_eq!(tar.len(), BLOCK + 2 * BLOCK + 2 * BLOCK);
        assert!(tar.starts_with(b".longshore-runner-0123\0"));
        assert_eq!(&tar[124..135], b"00000001274", "700 in octal");
        let sum: u32 = tar[..BLOCK]
            .iter()
            .enumerate()
            .map(|(at, byte)| {
                if (148..156).contains(&at) {
                    32
                } else {
                    u32::from(*byte)
                }
            })
            .sum();
        assert_eq!(&tar[148..154], format!("{sum:06o}").as_bytes());
        assert_eq!(&tar[BLOCK..BLOCK + 700], &[7; 700]);
    }
}
