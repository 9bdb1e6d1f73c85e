//! Secrets that machines make: random, shown once, kept as a hash.

use std::fmt;

use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use crate::{ErrorKind, StoreError};

/// A text that opens something. Its `Debug` is covered; [`Secret::reveal`] is the one way to it.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    pub(crate) fn new(text: String) -> Self {
        Self(text)
    }

    /// The text itself. Never log it.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(covered)")
    }
}

/// `N` random bytes of the system, as hexadecimal digits.
pub(crate) fn random_hex<const N: usize>() -> Result<String, StoreError> {
    let mut bytes = [0_u8; N];
    getrandom::fill(&mut bytes).map_err(|e| {
        StoreError::new(ErrorKind::Internal, "the system gives no random bytes").with_source(e)
    })?;
    Ok(bytes.iter().fold(String::with_capacity(N * 2), |mut text, byte| {
        for digit in [byte >> 4, byte & 15] {
            text.push(char::from(b"0123456789abcdef"[usize::from(digit)]));
        }
        text
    }))
}

/// What is kept of a secret.
pub(crate) fn hash(secret: &str) -> Vec<u8> {
    Sha256::digest(secret.as_bytes()).to_vec()
}

/// Compares a secret with what was kept of it, in a time that does not tell how much of it fits.
pub(crate) fn fits(secret: &str, kept: &[u8]) -> bool {
    bool::from(hash(secret).ct_eq(kept))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_covered_and_fits_only_itself() {
        let text = random_hex::<32>().unwrap();
        assert_eq!(text.len(), 64);
        assert_ne!(text, random_hex::<32>().unwrap());
        assert!(fits(&text, &hash(&text)));
        assert!(!fits(&text, &hash("other")));
        assert!(!fits(&text, b"short"));
        assert_eq!(format!("{:?}", Secret::new(text)), "Secret(covered)");
    }
}
