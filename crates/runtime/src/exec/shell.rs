//! The way through a container's shell: how a command is marked, and how what bears the mark is found and killed.
//!
//! It proves nothing: what cleared its environment and left the session is not found, and at the container's process limit
//! the second exec cannot start.

use std::time::Duration;

use longshore_core::ObjectRef;
use longshore_engine::{Engine, ExecSpec};

use super::Command;

/// The variable by which descendants are known.
const VARIABLE: &str = "LONGSHORE_EXEC";
/// What the shell says on stderr before it becomes the command.
const SAYS: &str = "longshore-exec";

/// The shell says its process id, and becomes the command.
const START: &str = r#"echo "longshore-exec $1 $$" >&2; shift; exec "$@""#;

/// Kills what is of the session `$1` or bears the mark `$2`: with TERM as `$3` all once, else stops until a look finds
/// none new, kills, and looks again. Builtins only but for `grep`, without which marks are not seen.
const END: &str = r#"
look() {
  found=
  for dir in /proc/[0-9]*; do
    pid=${dir#/proc/}
    [ "$pid" = $$ ] && continue
    { read -r stat < "$dir/stat"; } 2>/dev/null || continue
    set -- "$session" "$mark" ${stat##*) }
    [ "$3" = Z ] && continue
    if [ "$6" = "$session" ] || grep -q "LONGSHORE_EXEC=$mark" "$dir/environ" 2>/dev/null; then
      found="$found $pid"
    fi
  done
}
session=$1 mark=$2 signal=$3
if [ "$signal" = TERM ]; then
  look
  [ -z "$found" ] || kill -TERM $found 2>/dev/null
  exit 0
fi
round=0
while [ $round -lt 20 ]; do
  seen=" " looks=0 new=yes
  while [ -n "$new" ] && [ $looks -lt 10 ]; do
    new= looks=$((looks + 1))
    look
    for pid in $found; do
      case "$seen" in
        *" $pid "*) ;;
        *) kill -STOP "$pid" 2>/dev/null; seen="$seen$pid " new=yes ;;
      esac
    done
  done
  [ "$seen" = " " ] && break
  kill -KILL $seen 2>/dev/null
  round=$((round + 1))
done
exit 0
"#;

/// By what a command under a shell is found again.
#[derive(Debug, Clone)]
pub(super) struct Shell {
    pub(super) pid: u32,
    pub(super) mark: String,
}

/// The command inside a shell that marks it.
pub(super) fn spec(command: &Command, mark: &str) -> ExecSpec {
    let before = ["sh", "-c", START, "sh", mark].map(str::to_owned);
    let mut spec = plain(command);
    spec.argv = before.into_iter().chain(command.argv.iter().cloned()).collect();
    spec.env(VARIABLE, mark)
}

/// The command as the engine runs it.
pub(super) fn plain(command: &Command) -> ExecSpec {
    let mut spec = ExecSpec::new(command.argv.iter().cloned()).privileged(command.privileged);
    spec.env = command.env.clone();
    spec.user.clone_from(&command.user);
    spec.working_dir.clone_from(&command.working_dir);
    spec
}

/// Takes the shell's line off the front of stderr.
#[derive(Debug)]
pub(super) struct Announcement {
    wanted: String,
    line: Vec<u8>,
}

/// What the front of stderr is.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Heard {
    /// More is needed.
    Part,
    /// The shell's line with its process id; so many bytes of the last piece belong to it.
    Pid(u32, usize),
    /// Something else: no shell of ours speaks.
    Else,
}

impl Announcement {
    pub(super) fn new(mark: &str) -> Self {
        Self {
            wanted: format!("{SAYS} {mark} "),
            line: Vec::new(),
        }
    }

    pub(super) fn hear(&mut self, piece: &[u8]) -> Heard {
        // Ten digits and the end of the line.
        let longest = self.wanted.len() + 11;
        for (at, byte) in piece.iter().enumerate() {
            if *byte == b'\n' {
                let pid = std::str::from_utf8(&self.line)
                    .ok()
                    .and_then(|line| line.strip_prefix(&*self.wanted))
                    .and_then(|pid| pid.parse().ok());
                return pid.map_or(Heard::Else, |pid| Heard::Pid(pid, at + 1));
            }
            self.line.push(*byte);
            if self.line.len() > longest {
                return Heard::Else;
            }
        }
        Heard::Part
    }

    /// What was heard and is not ours.
    pub(super) fn line(&self) -> &[u8] {
        &self.line
    }
}

/// Ends what can be found of a command: TERM, the grace, KILL. What became of it nobody knows.
pub(super) async fn end(
    engine: &Engine,
    container: &ObjectRef,
    command: &Command,
    found: &Shell,
    patience: Duration,
) {
    if !command.grace.is_zero() {
        signal(engine, container, command, found, "TERM", patience).await;
        tokio::time::sleep(command.grace).await;
    }
    signal(engine, container, command, found, "KILL", patience).await;
}

async fn signal(
    engine: &Engine,
    container: &ObjectRef,
    command: &Command,
    found: &Shell,
    signal: &str,
    patience: Duration,
) {
    let pid = found.pid.to_string();
    let mut spec = ExecSpec::new(["sh", "-c", END, "sh", &pid, &found.mark, signal])
        .privileged(command.privileged)
        .timeout(patience);
    spec.user.clone_from(&command.user);
    if let Err(error) = engine.exec(container, &spec).await {
        tracing::debug!(%error, signal, "a command could not be ended by the container's shell");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shells_line_is_taken_off_wherever_it_is_cut() {
        let text = b"longshore-exec abc 4711\nerror";
        for cut in 0..=text.len() {
            let mut front = Announcement::new("abc");
            let (one, two) = text.split_at(cut);
            let heard = match front.hear(one) {
                Heard::Part => front.hear(two),
                heard => heard,
            };
            assert!(matches!(heard, Heard::Pid(4711, _)), "{cut}: {heard:?}");
        }
    }

    #[test]
    fn what_is_not_the_shells_line_is_kept() {
        let mut front = Announcement::new("abc");
        assert_eq!(front.hear(b"sh: not "), Heard::Part);
        assert_eq!(front.hear(b"found\n"), Heard::Else);
        assert_eq!(front.line(), b"sh: not found");
        assert_eq!(
            Announcement::new("abc").hear(b"longshore-exec xyz 1\n"),
            Heard::Else
        );
        assert_eq!(Announcement::new("abc").hear(&[b'x'; 4096]), Heard::Else);
    }
}
