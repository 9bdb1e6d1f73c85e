//! The runner: one loop over the client's stream and the pipes of all commands. It never waits for any one of them.
//! `answers` holds what waits for the client, `keepers` what the keepers say. What a command is, is in `command`; its
//! process tree belongs to its keeper.

mod answers;
mod keepers;

use std::fs::File;
use std::io::{self, ErrorKind, Read as _};
use std::os::fd::AsRawFd as _;
use std::time::{Duration, Instant};

use longshore_runner::{Decoder, MAX_COMMANDS, MAX_PAYLOAD, Reply, Request, Spawn, Stage, VERSION};

use answers::Answers;

use crate::command::{Command, Input, Output};
use crate::keeper;
use crate::launch::Failure;
use crate::sys::{self, Pid, Waited};

/// Answers that wait for the client, beyond which the commands' pipes are left alone.
const ROOM: usize = 256 * 1024;
/// Waiting output of any kind beyond which nothing more is taken from the client: it does not read its answers.
const DEAF: usize = 1024 * 1024;
/// How long the runner stays once it is to end: the keepers' 2 s, and time to tell of it.
const CLOSING: Duration = Duration::from_secs(3);

/// What can be done without waiting.
struct Ready(Vec<libc::pollfd>);

impl Ready {
    fn has(&self, file: &File) -> bool {
        self.0.iter().any(|entry| entry.fd == file.as_raw_fd())
    }

    fn is_broken(&self, file: &File) -> bool {
        let broken = libc::POLLERR | libc::POLLHUP | libc::POLLNVAL;
        self.0
            .iter()
            .any(|entry| entry.fd == file.as_raw_fd() && entry.revents & broken != 0)
    }
}

pub(crate) struct Runner {
    input: Option<File>,
    answers: Answers,
    signals: File,
    decoder: Decoder,
    commands: Vec<Command>,
    /// Keepers whose commands were told to be over. They may still be at it.
    leaving: Vec<Pid>,
    scratch: Box<[u8]>,
    closing: Option<Instant>,
    fault: Option<io::Error>,
}

impl Runner {
    /// Takes stdin and stdout, and says hello.
    pub(crate) fn start() -> io::Result<Self> {
        sys::close_others();
        sys::become_undumpable()?;
        sys::become_subreaper()?;
        let wanted = [libc::SIGCHLD, libc::SIGTERM, libc::SIGINT, libc::SIGHUP];
        let signals = sys::signals(&wanted)?;
        let (input, output) = (sys::inherited(0), sys::inherited(1));
        sys::set_nonblocking(&input)?;
        sys::set_nonblocking(&output)?;
        let mut runner = Self {
            input: Some(input),
            answers: Answers::to(output),
            signals,
            decoder: Decoder::new(),
            commands: Vec::new(),
            leaving: Vec::new(),
            scratch: vec![0; MAX_PAYLOAD].into_boxed_slice(),
            closing: None,
            fault: None,
        };
        let hello = Reply::Hello {
            version: VERSION,
            pid: std::process::id(),
            uid: sys::own_user(),
        };
        runner.answers.say(0, hello);
        Ok(runner)
    }

    /// Until its input ends, or it is told to, or something is wrong.
    pub(crate) fn run(mut self) -> io::Result<()> {
        loop {
            if self.answers.tell().is_err() {
                self.close();
            }
            if let Some(since) = self.closing
                && (since.elapsed() > CLOSING || (self.commands.is_empty() && !self.answers.are_waiting()))
            {
                // What still runs loses its keeper's other end now, and is ended by it all the same.
                return self.fault.map_or(Ok(()), Err);
            }
            let ready = self.wait();
            if self
                .answers
                .output
                .as_ref()
                .is_some_and(|output| ready.is_broken(output))
            {
                // Nobody reads any more.
                self.answers.output = None;
                self.close();
            }
            if ready.has(&self.signals) {
                self.hear_signals();
            }
            self.hear_keepers(&ready);
            self.pass_streams(&ready);
            self.finish();
            if self.input.as_ref().is_some_and(|input| ready.has(input)) {
                self.hear_client();
            }
        }
    }

    /// Waits for anything that can be done.
    fn wait(&self) -> Ready {
        let mut ready = vec![sys::interest(&self.signals, libc::POLLIN)];
        if let Some(input) = &self.input {
            // Its end is told even when nothing is asked.
            let events = if self.answers.waiting() < DEAF {
                libc::POLLIN
            } else {
                0
            };
            ready.push(sys::interest(input, events));
        }
        if let Some(output) = &self.answers.output {
            let events = if self.answers.are_waiting() {
                libc::POLLOUT
            } else {
                0
            };
            ready.push(sys::interest(output, events));
        }
        let room = self.answers.waiting() < ROOM;
        for command in &self.commands {
            ready.extend(
                command
                    .control
                    .as_ref()
                    .map(|file| sys::interest(file, libc::POLLIN)),
            );
            if command.stdin.has_waiting() {
                ready.extend(
                    command
                        .stdin
                        .pipe
                        .as_ref()
                        .map(|file| sys::interest(file, libc::POLLOUT)),
                );
            }
            for stream in [&command.out, &command.err] {
                if stream.wants_reading(room) {
                    ready.extend(stream.pipe.as_ref().map(|file| sys::interest(file, libc::POLLIN)));
                }
            }
        }
        let limit = self.closing.map(|since| CLOSING.saturating_sub(since.elapsed()));
        sys::poll(&mut ready, limit);
        ready.retain(|entry| entry.revents != 0);
        Ready(ready)
    }

    /// Ends everything at once.
    fn close(&mut self) {
        self.input = None;
        if self.closing.is_none() {
            self.closing = Some(Instant::now());
            for command in &mut self.commands {
                command.tell_keeper(keeper::KILL);
            }
        }
    }

    fn fail(&mut self, text: &str) {
        self.fault
            .get_or_insert_with(|| io::Error::other(text.to_owned()));
        self.close();
    }

    fn hear_client(&mut self) {
        let Some(input) = &mut self.input else {
            return;
        };
        if self.answers.waiting() >= DEAF {
            // A pipe without a writer is told as hung up, read or not.
            let mut hung_up = [sys::interest(input, 0)];
            sys::poll(&mut hung_up, Some(Duration::ZERO));
            if hung_up[0].revents != 0 {
                self.close();
            }
            return;
        }
        let mut scratch = std::mem::take(&mut self.scratch);
        let read = input.read(&mut scratch);
        match read {
            Ok(0) => self.close(),
            Ok(len) => self.hear(scratch.get(..len).unwrap_or_default()),
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => {}
            Err(_) => self.close(),
        }
        self.scratch = scratch;
    }

    fn hear(&mut self, mut bytes: &[u8]) {
        let mut decoder = std::mem::take(&mut self.decoder);
        while self.closing.is_none() {
            let heard = decoder.next(&mut bytes).and_then(|frame| {
                frame
                    .map(|frame| Request::decode(frame).map(|request| (frame.id, request)))
                    .transpose()
            });
            match heard {
                Ok(Some((id, request))) => self.obey(id, request),
                Ok(None) => break,
                Err(error) => self.fail(&format!("not understood: {error}")),
            }
        }
        self.decoder = decoder;
    }

    fn obey(&mut self, id: u64, request: Request<'_>) {
        if let Request::Spawn(spawn) = request {
            if let Err(Failure { stage, errno }) = self.spawn(id, &spawn) {
                self.answers.say(id, Reply::SpawnErr { errno, stage });
            }
            return;
        }
        // What is over may still be spoken to by who does not know yet.
        let Some(command) = self.commands.iter_mut().find(|command| command.id == id) else {
            return;
        };
        match request {
            Request::Stdin(bytes) => match command.stdin.take(bytes) {
                Ok(bytes) => self.took(id, bytes),
                Err(_) => self.fail("stdin beyond its window"),
            },
            Request::Eof => command.stdin.end(),
            Request::End => command.tell_keeper(keeper::END),
            Request::Spawn(_) => {}
        }
    }

    fn took(&mut self, id: u64, bytes: usize) {
        if let Some(bytes) = u32::try_from(bytes).ok().filter(|bytes| *bytes > 0) {
            self.answers.say(id, Reply::Took { bytes });
        }
    }

    fn spawn(&mut self, id: u64, spawn: &Spawn) -> Result<(), Failure> {
        let refuse = |errno| {
            let stage = Stage::Admit;
            Err(Failure { stage, errno })
        };
        if self.commands.iter().any(|command| command.id == id) {
            return refuse(libc::EEXIST);
        }
        if self.commands.len() + self.leaving.len() >= MAX_COMMANDS {
            return refuse(libc::EAGAIN);
        }
        let pipes = |error: io::Error| Failure::of(Stage::Pipes, &error);
        let (stdin, to_stdin) = sys::pipe().map_err(pipes)?;
        let (from_stdout, stdout) = sys::pipe().map_err(pipes)?;
        let (from_stderr, stderr) = sys::pipe().map_err(pipes)?;
        let (control, keepers) = sys::packets().map_err(pipes)?;
        for file in [&to_stdin, &from_stdout, &from_stderr, &control] {
            sys::set_nonblocking(file).map_err(pipes)?;
        }
        let Some(keeper) = sys::fork().map_err(|error| Failure::of(Stage::Fork, &error))? else {
            // The keeper has nothing of what the runner has.
            drop((to_stdin, from_stdout, from_stderr, control));
            self.commands.clear();
            self.input = None;
            self.answers.output = None;
            keeper::run(spawn, [stdin, stdout, stderr], keepers)
        };
        self.commands.push(Command {
            id,
            keeper,
            control: Some(control),
            stdin: Input::new(spawn.stdin.then_some(to_stdin)),
            out: Output::new(from_stdout, |bytes| Reply::Out(bytes), spawn.stdout_limit),
            err: Output::new(from_stderr, |bytes| Reply::Err(bytes), spawn.stderr_limit),
            exit: None,
        });
        Ok(())
    }

    fn pass_streams(&mut self, ready: &Ready) {
        let mut took = Vec::new();
        for command in &mut self.commands {
            if command.stdin.has_waiting() {
                took.push((command.id, command.stdin.pass_on()));
            }
            if command.exit.is_some() {
                // `finish` reads the rest.
                continue;
            }
            for stream in [&mut command.out, &mut command.err] {
                let is_ready = stream.pipe.as_ref().is_some_and(|pipe| ready.has(pipe));
                if is_ready && stream.wants_reading(self.answers.waiting() < ROOM) {
                    stream.pass_on(command.id, &mut self.scratch, &mut self.answers.bytes);
                }
            }
        }
        for (id, bytes) in took {
            self.took(id, bytes);
        }
    }

    /// Tells of those that are over, and forgets them.
    fn finish(&mut self) {
        for at in (0..self.commands.len()).rev() {
            let Some(command) = self.commands.get_mut(at) else {
                continue;
            };
            let room = self.answers.told + ROOM;
            if let Some(exit) = command.last_words(&mut self.scratch, &mut self.answers.bytes, room) {
                let (id, keeper) = (command.id, command.keeper);
                self.commands.swap_remove(at);
                if sys::reap(Some(keeper)) == Waited::Running {
                    self.leaving.push(keeper);
                }
                self.answers.say(id, Reply::Exit(exit));
            }
        }
    }
}
