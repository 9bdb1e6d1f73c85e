//! Runs the binary in a fresh folder with an environment of its own, and holds what came against a text.

use std::{
    ffi::OsStr,
    io,
    os::unix::fs::PermissionsExt as _,
    process::{ExitStatus, Stdio},
    time::Duration,
};

use tokio::{
    io::{AsyncBufReadExt as _, AsyncReadExt as _, BufReader, Lines},
    process::{Child, ChildStderr, ChildStdout, Command},
};

/// No command of a test may take longer.
const LIMIT: Duration = Duration::from_secs(30);

/// A command to run.
pub(crate) struct Longshore {
    pub(crate) home: tempfile::TempDir,
    command: Command,
}

/// `longshore` with these arguments, in a fresh folder that is also its home.
pub(crate) fn longshore<S: AsRef<OsStr>>(args: impl IntoIterator<Item = S>) -> Longshore {
    let home = tempfile::tempdir().unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_longshore"));
    command
        .args(args)
        .current_dir(home.path())
        .env_clear()
        .env("HOME", home.path())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true);
    Longshore { home, command }
}

impl Longshore {
    /// With a variable in its environment.
    pub(crate) fn env(mut self, name: &str, value: impl AsRef<OsStr>) -> Self {
        self.command.env(name, value);
        self
    }

    /// With the engine at this address.
    pub(crate) fn engine(self, address: &str) -> Self {
        self.env("DOCKER_HOST", address)
    }

    /// With a further argument.
    pub(crate) fn arg(mut self, arg: impl AsRef<OsStr>) -> Self {
        self.command.arg(arg);
        self
    }

    /// Runs it to its end.
    pub(crate) async fn run(mut self) -> Ran {
        let output = tokio::time::timeout(LIMIT, self.command.output())
            .await
            .expect("it did not end")
            .unwrap();
        Ran {
            code: output.status.code(),
            out: String::from_utf8(output.stdout).unwrap(),
            err: String::from_utf8(output.stderr).unwrap(),
        }
    }

    /// Runs it to its end as a user who may do nothing: for root alone.
    pub(crate) async fn run_as_nobody(mut self) -> Ran {
        const NOBODY: u32 = 65534;
        // The binary where it is built may be out of that user's reach.
        let binary = self.home.path().join("longshore");
        std::fs::copy(env!("CARGO_BIN_EXE_longshore"), &binary).unwrap();
        std::fs::set_permissions(self.home.path(), std::fs::Permissions::from_mode(0o755)).unwrap();
        let from = self.command.as_std();
        let mut command = Command::new(binary);
        command
            .args(from.get_args())
            .current_dir(self.home.path())
            .env_clear();
        command.envs(from.get_envs().filter_map(|(name, value)| Some((name, value?))));
        command
            .uid(NOBODY)
            .gid(NOBODY)
            .stdin(Stdio::null())
            .kill_on_drop(true);
        self.command = command;
        self.run().await
    }

    /// Starts it, to be read while it runs.
    pub(crate) fn start(mut self) -> Running {
        let mut child = self.command.spawn().unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        Running {
            _home: self.home,
            child,
            lines: Some(lines),
            errors: None,
        }
    }
}

/// What came of it.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) code: Option<i32>,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Ran {
    /// It succeeded, said nothing on stderr, and printed this.
    #[track_caller]
    pub(crate) fn prints(&self, out: &str) {
        assert_eq!((self.code, self.err.as_str()), (Some(0), ""), "{self:#?}");
        assert_eq!(self.out, out);
    }

    /// It ended with this code, printed nothing, and said one line that has `error` and one that has `hint`.
    #[track_caller]
    pub(crate) fn fails(&self, code: i32, error: &str, hint: &str) {
        assert_eq!((self.code, self.out.as_str()), (Some(code), ""), "{self:#?}");
        let lines: Vec<&str> = self.err.lines().collect();
        let [first, second] = lines[..] else {
            panic!("not two lines: {self:#?}")
        };
        assert!(
            first.starts_with("error: ") && first.contains(error),
            "no {error:?} in {first:?}"
        );
        assert!(
            second.starts_with("hint: ") && second.contains(hint),
            "no {hint:?} in {second:?}"
        );
    }

    /// The lines of standard output as JSON.
    #[track_caller]
    pub(crate) fn json(&self) -> Vec<serde_json::Value> {
        assert_eq!(self.code, Some(0), "{self:#?}");
        self.out
            .lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect()
    }
}

/// A command that runs.
pub(crate) struct Running {
    _home: tempfile::TempDir,
    child: Child,
    lines: Option<Lines<BufReader<ChildStdout>>>,
    errors: Option<Lines<BufReader<ChildStderr>>>,
}

impl Running {
    /// The next line of standard output.
    pub(crate) async fn line(&mut self) -> String {
        let lines = self.lines.as_mut().expect("hung up");
        let line = tokio::time::timeout(LIMIT, lines.next_line())
            .await
            .expect("no line came");
        line.unwrap().expect("it ended")
    }

    /// The next line of standard error with this in it.
    pub(crate) async fn said(&mut self, text: &str) -> String {
        let child = &mut self.child;
        let errors = self
            .errors
            .get_or_insert_with(|| BufReader::new(child.stderr.take().unwrap()).lines());
        let find = async {
            loop {
                let line = errors.next_line().await.unwrap().expect("it ended");
                if line.contains(text) {
                    return line;
                }
            }
        };
        tokio::time::timeout(LIMIT, find).await.expect("it was not said")
    }

    /// Sends it a signal.
    pub(crate) async fn signal(&self, name: &str) {
        let id = self.child.id().expect("it has ended").to_string();
        assert!(
            Command::new("kill")
                .args([&format!("-{name}"), &id])
                .status()
                .await
                .unwrap()
                .success()
        );
    }

    /// Hangs up on what it prints.
    pub(crate) fn hang_up(&mut self) {
        self.lines = None;
    }

    /// Waits for its end.
    pub(crate) async fn ended(mut self) -> io::Result<(ExitStatus, String)> {
        let mut err = String::new();
        let wait = async {
            match self.errors.take() {
                Some(errors) => errors.into_inner().read_to_string(&mut err).await?,
                None => self.child.stderr.take().unwrap().read_to_string(&mut err).await?,
            };
            self.child.wait().await
        };
        let status = tokio::time::timeout(LIMIT, wait).await.expect("it did not end")?;
        Ok((status, err))
    }
}
