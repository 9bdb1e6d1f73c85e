//! A client of one runner: blocking, with a deadline on every wait. Whatever happens, the runner ends with it.

use std::collections::HashMap;
use std::ffi::OsString;
use std::io::{Read as _, Write as _};
use std::os::unix::fs::MetadataExt as _;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, sync_channel};
use std::time::{Duration, Instant};

use longshore_runner::{Decoder, Exit, Frame, Reply, Request, STDIN_WINDOW, Spawn, Stage};

/// No test takes longer than this for one answer.
const PATIENCE: Duration = Duration::from_secs(20);

pub(crate) struct Client {
    child: Child,
    stdin: Option<ChildStdin>,
    pieces: Receiver<Vec<u8>>,
    decoder: Decoder,
    piece: Vec<u8>,
    next_id: u64,
    /// What came and was not asked for yet, by command.
    heard: HashMap<u64, Heard>,
    pub(crate) hello: Option<(u16, u32, u32)>,
}

/// All that came of one command.
#[derive(Debug, Default, Clone)]
pub(crate) struct Heard {
    pub(crate) pid: Option<u32>,
    pub(crate) out: Vec<u8>,
    pub(crate) err: Vec<u8>,
    pub(crate) took: usize,
    pub(crate) exit: Option<Exit>,
    pub(crate) refused: Option<(i32, Stage)>,
    /// Bytes of stdout are counted, not kept.
    pub(crate) out_bytes: u64,
}

impl Client {
    pub(crate) fn start() -> Self {
        Self::run(Command::new(program()))
    }

    pub(crate) fn run(mut command: Command) -> Self {
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::inherit())
            .spawn()
            .unwrap();
        let stdin = child.stdin.take();
        let mut client = Self {
            pieces: reader(child.stdout.take().unwrap()),
            child,
            stdin,
            decoder: Decoder::new(),
            piece: Vec::new(),
            next_id: 0x5eed,
            heard: HashMap::new(),
            hello: None,
        };
        client.until(|client| client.hello.is_some());
        client
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    pub(crate) fn send(&mut self, id: u64, request: &Request<'_>) {
        let mut bytes = Vec::new();
        request.encode(id, &mut bytes).unwrap();
        self.send_raw(&bytes);
    }

    pub(crate) fn send_raw(&mut self, bytes: &[u8]) {
        // A runner that is gone shows in what comes from it.
        self.stdin.as_mut().unwrap().write_all(bytes).ok();
    }

    pub(crate) fn spawn(&mut self, spawn: Spawn) -> u64 {
        self.next_id += 1;
        self.send(self.next_id, &Request::Spawn(spawn));
        self.next_id
    }

    /// Starts it and waits until its program runs.
    pub(crate) fn started(&mut self, spawn: Spawn) -> (u64, u32) {
        let id = self.spawn(spawn);
        self.until(|client| client.of(id).pid.is_some() || client.of(id).refused.is_some());
        (id, self.of(id).pid.unwrap())
    }

    /// Runs it to its end.
    pub(crate) fn finish(&mut self, spawn: Spawn) -> (Heard, Exit) {
        let id = self.spawn(spawn);
        self.exit(id)
    }

    pub(crate) fn sh(&mut self, script: &str) -> (Heard, Exit) {
        self.finish(Spawn::new(["sh", "-c", script]))
    }

    pub(crate) fn exit(&mut self, id: u64) -> (Heard, Exit) {
        self.until(|client| client.of(id).exit.is_some());
        let heard = self.heard.remove(&id).unwrap();
        let exit = heard.exit.unwrap();
        (heard, exit)
    }

    pub(crate) fn refused(&mut self, spawn: Spawn) -> (i32, Stage) {
        let id = self.spawn(spawn);
        self.until(|client| client.of(id).refused.is_some());
        self.of(id).refused.unwrap()
    }

    /// Sends all of it, as far as the window allows at a time.
    pub(crate) fn feed(&mut self, id: u64, bytes: &[u8]) {
        let mut sent = 0;
        for piece in bytes.chunks(32 * 1024) {
            self.until(|client| sent + piece.len() - client.of(id).took <= STDIN_WINDOW);
            self.send(id, &Request::Stdin(piece));
            sent += piece.len();
        }
        self.send(id, &Request::Eof);
    }

    pub(crate) fn of(&mut self, id: u64) -> &mut Heard {
        self.heard.entry(id).or_default()
    }

    /// Listens until `done`.
    pub(crate) fn until(&mut self, mut done: impl FnMut(&mut Self) -> bool) {
        let deadline = Instant::now() + PATIENCE;
        while !done(self) {
            assert!(
                self.listen(deadline),
                "the runner's stream ended: {:?}",
                self.heard
            );
        }
    }

    /// Takes what comes next; `false` at the end of the stream.
    fn listen(&mut self, deadline: Instant) -> bool {
        match self
            .pieces
            .recv_timeout(deadline.saturating_duration_since(Instant::now()))
        {
            Ok(piece) => self.piece = piece,
            Err(RecvTimeoutError::Disconnected) => return false,
            Err(RecvTimeoutError::Timeout) => panic!("nothing came in time; heard {:?}", self.heard),
        }
        let piece = std::mem::take(&mut self.piece);
        let mut decoder = std::mem::take(&mut self.decoder);
        let mut rest = &piece[..];
        while let Some(frame) = decoder.next(&mut rest).unwrap() {
            self.hear(frame);
        }
        self.decoder = decoder;
        true
    }

    fn hear(&mut self, frame: Frame<'_>) {
        let reply = Reply::decode(frame).unwrap();
        if let Reply::Hello { version, pid, uid } = reply {
            assert!(self.hello.replace((version, pid, uid)).is_none());
            return;
        }
        let heard = self.of(frame.id);
        assert!(
            heard.exit.is_none() && heard.refused.is_none(),
            "{reply:?} after the end"
        );
        match reply {
            Reply::Hello { .. } => {}
            Reply::Started { pid } => heard.pid = Some(pid),
            Reply::SpawnErr { errno, stage } => heard.refused = Some((errno, stage)),
            Reply::Out(bytes) => {
                heard.out_bytes += bytes.len() as u64;
                if heard.out.len() < 1 << 20 {
                    heard.out.extend_from_slice(bytes);
                }
            }
            Reply::Err(bytes) => heard.err.extend_from_slice(bytes),
            Reply::Exit(exit) => heard.exit = Some(exit),
            Reply::Took { bytes } => heard.took += bytes as usize,
        }
    }

    /// Hangs up and gives everything that still came, and the runner's own exit code.
    pub(crate) fn hang_up(mut self) -> (HashMap<u64, Heard>, Option<i32>) {
        self.stdin = None;
        self.rest()
    }

    /// Everything until the stream ends by itself.
    pub(crate) fn rest(&mut self) -> (HashMap<u64, Heard>, Option<i32>) {
        let deadline = Instant::now() + PATIENCE;
        while self.listen(deadline) {}
        let code = self.child.wait().unwrap().code();
        (std::mem::take(&mut self.heard), code)
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        self.stdin = None;
        let deadline = Instant::now() + Duration::from_secs(5);
        while let Ok(None) = self.child.try_wait() {
            if Instant::now() > deadline {
                self.child.kill().ok();
                self.child.wait().ok();
                return;
            }
            // Its stream must not be what holds it up.
            self.pieces.recv_timeout(Duration::from_millis(5)).ok();
        }
    }
}

fn reader(mut stdout: ChildStdout) -> Receiver<Vec<u8>> {
    let (send, pieces) = sync_channel(8);
    std::thread::spawn(move || {
        let mut buffer = vec![0; 128 * 1024];
        while let Ok(len @ 1..) = stdout.read(&mut buffer) {
            if send.send(buffer[..len].to_vec()).is_err() {
                return;
            }
        }
    });
    pieces
}

/// The program under test: this build's, unless `LONGSHORE_RUNNER` names the static one.
pub(crate) fn program() -> OsString {
    std::env::var_os("LONGSHORE_RUNNER").unwrap_or_else(|| env!("CARGO_BIN_EXE_longshore-runner").into())
}

/// Whether this test may become other users; says so when it is left out.
pub(crate) fn is_root() -> bool {
    let root = std::fs::metadata("/proc/self").is_ok_and(|own| own.uid() == 0);
    if !root {
        println!("left out: needs root");
    }
    root
}

/// Which processes have this word in its command line.
pub(crate) fn runs(word: &str) -> Vec<u32> {
    let all = std::fs::read_dir("/proc").unwrap().flatten();
    let pids = all.filter_map(|entry| entry.file_name().to_str().and_then(|name| name.parse().ok()));
    pids.filter(|pid: &u32| {
        let line = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        line.windows(word.len()).any(|window| window == word.as_bytes())
    })
    .collect()
}

/// Waits until no process has this word in its command line.
pub(crate) fn gone(word: &str) {
    let deadline = Instant::now() + PATIENCE;
    while !runs(word).is_empty() {
        assert!(Instant::now() < deadline, "{word} still runs: {:?}", runs(word));
        std::thread::yield_now();
    }
}

pub(crate) fn is_alive(pid: u32) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit(')')
        .next()
        .is_some_and(|rest| !rest.is_empty() && !rest.starts_with(" Z"))
}
