//! Who made a container, and whether it lives: a process on a boot of a machine.
//!
//! Owns the text of the label and what can be told from it. Where there is no `/proc` nobody is known to be dead, and only
//! the expiry counts.

use std::fs;

/// A process, as a label names it: `<pid>.<its start in ticks>.<boot id>`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Owner(String);

/// What is known of an owner.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Life {
    Alive,
    Dead,
    /// It is of another machine, or cannot be looked for.
    Unknown,
}

impl Owner {
    /// This process.
    pub(super) fn me() -> Self {
        let pid = std::process::id();
        let started = process_start(pid).unwrap_or_default();
        Self(format!("{pid}.{started}.{}", boot().unwrap_or_default()))
    }

    pub(super) fn as_str(&self) -> &str {
        &self.0
    }

    /// What is known of the owner that a label names.
    pub(super) fn life(label: &str) -> Life {
        let mut parts = label.splitn(3, '.');
        let (Some(Ok(pid)), Some(Ok(started)), Some(on)) = (
            parts.next().map(str::parse::<u32>),
            parts.next().map(str::parse::<u64>),
            parts.next(),
        ) else {
            return Life::Unknown;
        };
        match boot() {
            Some(here) if here == on && started > 0 => match process_start(pid) {
                Some(found) if found == started => Life::Alive,
                _ => Life::Dead,
            },
            _ => Life::Unknown,
        }
    }
}

fn boot() -> Option<String> {
    let text = fs::read_to_string("/proc/sys/kernel/random/boot_id").ok()?;
    Some(text.trim().to_owned()).filter(|id| !id.is_empty())
}

/// The start of a process in clock ticks since boot: field 22 of proc(5)'s stat, counted after the name, which may hold
/// blanks.
fn process_start(pid: u32) -> Option<u64> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let mut fields = stat.get(stat.rfind(')')? + 1..)?.split_ascii_whitespace();
    fields.nth(19)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[cfg(target_os = "linux")]
    fn this_process_lives_and_a_reused_id_does_not() {
        let me = Owner::me();
        assert_eq!(Owner::life(me.as_str()), Life::Alive);
        let mut parts = me.as_str().splitn(3, '.');
        let (pid, started, on) = (
            parts.next().unwrap(),
            parts.next().unwrap(),
            parts.next().unwrap(),
        );
        let later: u64 = started.parse::<u64>().unwrap() + 1;
        assert_eq!(Owner::life(&format!("{pid}.{later}.{on}")), Life::Dead);
        assert_eq!(Owner::life(&format!("{pid}.{started}.elsewhere")), Life::Unknown);
        assert_eq!(Owner::life("rubbish"), Life::Unknown);
    }
}
