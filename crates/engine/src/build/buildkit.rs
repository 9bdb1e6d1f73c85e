//! BuildKit's status messages: the four kinds of things in a `StatusResponse`, out of their protocol buffers.
//!
//! Owns just that message (moby/buildkit `api/services/control/control.proto`). The wire format is `proto`'s, what they mean
//! for a log `log`'s.

use super::proto::fields;

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
