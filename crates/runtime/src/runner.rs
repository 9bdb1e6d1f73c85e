//! The program that was embedded when this crate was built. How it comes into a container is exec's business, what it
//! speaks `longshore-runner`'s, how it gets here `build.rs`'s.

/// The static program that runs inside containers, and what it runs on.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct RunnerProgram {
    /// The file's content.
    pub bytes: &'static [u8],
    /// What it runs on, as engines name it: `amd64`, `arm64`. Compare it with the image's; it does not run on another.
    pub architecture: &'static str,
}

impl std::fmt::Debug for RunnerProgram {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RunnerProgram")
            .field("bytes", &self.bytes.len())
            .field("architecture", &self.architecture)
            .finish()
    }
}

/// The embedded program; `None` when this crate was built where there was none, or it is for no machine that engines
/// run on.
#[must_use]
pub fn runner_program() -> Option<RunnerProgram> {
    let bytes = EMBEDDED?;
    let architecture = architecture(bytes)?;
    Some(RunnerProgram { bytes, architecture })
}

#[cfg(runner_program)]
const EMBEDDED: Option<&[u8]> = Some(include_bytes!(concat!(env!("OUT_DIR"), "/longshore-runner")));
#[cfg(not(runner_program))]
const EMBEDDED: Option<&[u8]> = None;

/// From an ELF header: the machine is a little-endian number at byte 18.
fn architecture(program: &[u8]) -> Option<&'static str> {
    if !program.starts_with(b"\x7fELF") {
        return None;
    }
    let machine = program.get(18..20)?.first_chunk()?;
    match u16::from_le_bytes(*machine) {
        0x3e => Some("amd64"),
        0xb7 => Some("arm64"),
        0xf3 => Some("riscv64"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_embedded_is_a_program_for_a_known_machine() {
        assert_eq!(runner_program().is_some(), EMBEDDED.is_some());
        let mut header = [0; 20];
        header[..4].copy_from_slice(b"\x7fELF");
        assert_eq!(architecture(&header), None);
        header[18] = 0x3e;
        assert_eq!(architecture(&header), Some("amd64"));
        assert_eq!(architecture(b"#!/bin/sh"), None);
        assert_eq!(architecture(&header[..19]), None);
    }
}
