//! The system's calls, each behind a safe function. The only place of the repository with `unsafe`; what the calls are
//! used for is in the modules beside it.
#![allow(
    unsafe_code,
    reason = "fork, wait, signals and prctl have no safe form in std; every block says why it is sound"
)]

use std::ffi::{CStr, CString};
use std::fs::File;
use std::io;
use std::os::fd::{AsRawFd as _, FromRawFd as _, OwnedFd, RawFd};
use std::time::Duration;

/// A process id, as the container counts.
pub(crate) type Pid = libc::pid_t;

/// What `wait` said about the children of this process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Waited {
    /// There are children, and none has ended.
    Running,
    /// `ECHILD`: there are no children at all.
    Gone,
    /// This one has ended, and was reaped.
    Ended(Pid, Ended),
}

/// How a process ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ended {
    Code(i32),
    Signal(i32),
}

/// What the reaped children of this process, and theirs, have used.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Usage {
    pub(crate) user_us: u64,
    pub(crate) sys_us: u64,
    pub(crate) max_rss: u64,
}

fn check(result: libc::c_int) -> io::Result<libc::c_int> {
    if result < 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(result)
}

fn check_long(result: libc::c_long) -> io::Result<libc::c_int> {
    check(libc::c_int::try_from(result).unwrap_or(-1))
}

/// Splits this process in two; `None` is the child.
pub(crate) fn fork() -> io::Result<Option<Pid>> {
    // SAFETY: this program never starts a thread, so the child may do whatever the parent may.
    let pid = check(unsafe { libc::fork() })?;
    Ok((pid != 0).then_some(pid))
}

/// Ends this process without running anything that its parent registered.
pub(crate) fn exit_now(code: i32) -> ! {
    // SAFETY: always sound; nothing is unwound or flushed.
    unsafe { libc::_exit(code) }
}

/// Orphans below this process become its children.
pub(crate) fn become_subreaper() -> io::Result<()> {
    let on: libc::c_ulong = 1;
    // SAFETY: takes numbers only.
    check(unsafe { libc::prctl(libc::PR_SET_CHILD_SUBREAPER, on) }).map(drop)
}

/// Nobody of the same user may trace this process or open its descriptors.
pub(crate) fn become_undumpable() -> io::Result<()> {
    let off: libc::c_ulong = 0;
    // SAFETY: takes numbers only.
    check(unsafe { libc::prctl(libc::PR_SET_DUMPABLE, off) }).map(drop)
}

/// Blocks every signal that can be blocked and gives a descriptor that becomes readable for those in `wanted`.
pub(crate) fn signals(wanted: &[libc::c_int]) -> io::Result<File> {
    // SAFETY: a zeroed `sigset_t` is valid memory for `sigfillset` and `sigemptyset` to write, and all pointers are
    // to locals that outlive the calls.
    unsafe {
        let mut set: libc::sigset_t = std::mem::zeroed();
        libc::sigfillset(&raw mut set);
        check(libc::sigprocmask(
            libc::SIG_SETMASK,
            &raw const set,
            std::ptr::null_mut(),
        ))?;
        libc::sigemptyset(&raw mut set);
        for signal in wanted {
            libc::sigaddset(&raw mut set, *signal);
        }
        let fd = check(libc::signalfd(
            -1,
            &raw const set,
            libc::SFD_CLOEXEC | libc::SFD_NONBLOCK,
        ))?;
        Ok(File::from_raw_fd(fd))
    }
}

/// Takes what waits in a descriptor of [`signals`]; the numbers of the signals.
pub(crate) fn take_signals(from: &File) -> Vec<u32> {
    const ONE: usize = size_of::<libc::signalfd_siginfo>();
    let mut found = Vec::new();
    let mut buffer = [0; ONE];
    // The number is the first field.
    while let Ok(ONE) = io::Read::read(&mut &*from, &mut buffer) {
        let [a, b, c, d, ..] = buffer;
        found.push(u32::from_ne_bytes([a, b, c, d]));
    }
    found
}

/// Every signal does what it does by default, and none is blocked.
pub(crate) fn reset_signals() {
    for signal in 1..=64 {
        // SAFETY: takes numbers only; those that cannot be set (KILL, STOP) answer an error that means nothing.
        unsafe { libc::signal(signal, libc::SIG_DFL) };
    }
    // SAFETY: a zeroed `sigset_t` is valid memory for `sigemptyset` to write; the pointers are to locals.
    unsafe {
        let mut set: libc::sigset_t = std::mem::zeroed();
        libc::sigemptyset(&raw mut set);
        libc::sigprocmask(libc::SIG_SETMASK, &raw const set, std::ptr::null_mut());
    }
}

/// A pipe, close-on-exec: what is written to the second comes out of the first.
pub(crate) fn pipe() -> io::Result<(File, File)> {
    let mut fds: [RawFd; 2] = [-1; 2];
    // SAFETY: the pointer is to two descriptors, which is what the call writes.
    check(unsafe { libc::pipe2(fds.as_mut_ptr(), libc::O_CLOEXEC) })?;
    Ok(owned(fds))
}

/// Two ends of a socket that keeps what was written at once together, close-on-exec.
pub(crate) fn packets() -> io::Result<(File, File)> {
    let mut fds: [RawFd; 2] = [-1; 2];
    let kind = libc::SOCK_SEQPACKET | libc::SOCK_CLOEXEC;
    // SAFETY: the pointer is to two descriptors, which is what the call writes.
    check(unsafe { libc::socketpair(libc::AF_UNIX, kind, 0, fds.as_mut_ptr()) })?;
    Ok(owned(fds))
}

fn owned([first, second]: [RawFd; 2]) -> (File, File) {
    // SAFETY: both were just opened by the kernel for us, and nobody else knows them.
    unsafe { (File::from_raw_fd(first), File::from_raw_fd(second)) }
}

/// Closes all descriptors but 0, 1 and 2: whatever was left open to this program is nothing for its commands.
pub(crate) fn close_others() {
    let first: libc::c_uint = 3;
    // SAFETY: takes numbers only; called first of all, when nothing else has been opened.
    let closed = unsafe { libc::syscall(libc::SYS_close_range, first, libc::c_uint::MAX, 0) };
    if closed != 0 {
        // Kernels before 5.9. An engine leaves nothing open; this is for the few that a careless parent would.
        for fd in 3..1024 {
            // SAFETY: as above.
            unsafe { libc::close(fd) };
        }
    }
}

/// One of the descriptors 0, 1 and 2 that this process was started with. To be called once for each.
pub(crate) fn inherited(fd: RawFd) -> File {
    // SAFETY: std opens 0, 1 and 2 where they were closed, so they exist; this program uses std's own handles to 0
    // and 1 nowhere.
    unsafe { File::from_raw_fd(fd) }
}

/// Makes `to` mean the same as `from`, open across exec.
pub(crate) fn duplicate(from: &File, to: RawFd) -> io::Result<()> {
    let from = from.as_raw_fd();
    if from == to {
        // SAFETY: takes numbers only.
        return check(unsafe { libc::fcntl(to, libc::F_SETFD, 0) }).map(drop);
    }
    // SAFETY: takes numbers only; `to` is 0, 1 or 2, whose owners expect it or have given it up.
    check(unsafe { libc::dup2(from, to) }).map(drop)
}

/// Reads and writes no longer wait.
pub(crate) fn set_nonblocking(file: &File) -> io::Result<()> {
    // SAFETY: takes numbers only, of a descriptor that is open.
    unsafe {
        let flags = check(libc::fcntl(file.as_raw_fd(), libc::F_GETFL))?;
        check(libc::fcntl(
            file.as_raw_fd(),
            libc::F_SETFL,
            flags | libc::O_NONBLOCK,
        ))
        .map(drop)
    }
}

/// What to wait for on a descriptor.
pub(crate) fn interest(file: &File, events: libc::c_short) -> libc::pollfd {
    libc::pollfd {
        fd: file.as_raw_fd(),
        events,
        revents: 0,
    }
}

/// Waits until one of them is ready, at most `limit`.
pub(crate) fn poll(of: &mut [libc::pollfd], limit: Option<Duration>) {
    // Rounded up: a limit is never reached too early and then waited for in a circle.
    let limit = limit.map_or(-1, |limit| {
        libc::c_int::try_from(limit.as_micros().div_ceil(1_000)).unwrap_or(libc::c_int::MAX)
    });
    let count = libc::nfds_t::try_from(of.len()).unwrap_or(0);
    // SAFETY: the pointer is to as many entries as are told. An error leaves `revents` zero: nothing is ready.
    unsafe { libc::poll(of.as_mut_ptr(), count, limit) };
}

/// Reaps one child that has ended, without waiting: this one, or whichever.
pub(crate) fn reap(of: Option<Pid>) -> Waited {
    let mut status = 0;
    // SAFETY: the pointer is to a local.
    match unsafe { libc::waitpid(of.unwrap_or(-1), &raw mut status, libc::WNOHANG) } {
        0 => Waited::Running,
        pid if pid > 0 && libc::WIFSIGNALED(status) => {
            Waited::Ended(pid, Ended::Signal(libc::WTERMSIG(status)))
        }
        pid if pid > 0 => Waited::Ended(pid, Ended::Code(libc::WEXITSTATUS(status))),
        _ if io::Error::last_os_error().raw_os_error() == Some(libc::ECHILD) => Waited::Gone,
        _ => Waited::Running,
    }
}

/// The child that would be reaped next, and stays as it is.
pub(crate) fn ended_child(of: Option<Pid>) -> Option<Pid> {
    let (kind, id) = match of {
        Some(pid) => (libc::P_PID, libc::id_t::try_from(pid).unwrap_or(0)),
        None => (libc::P_ALL, 0),
    };
    let options = libc::WEXITED | libc::WNOHANG | libc::WNOWAIT;
    // SAFETY: a zeroed `siginfo_t` is valid; after success its pid is that of the child, or still zero.
    unsafe {
        let mut info: libc::siginfo_t = std::mem::zeroed();
        let result = libc::waitid(kind, id, &raw mut info, options);
        let pid = info.si_pid();
        (result == 0 && pid > 0).then_some(pid)
    }
}

/// What the reaped children of this process have used.
pub(crate) fn usage() -> Usage {
    // SAFETY: a zeroed `rusage` is valid, and the pointer is to a local.
    let used = unsafe {
        let mut used: libc::rusage = std::mem::zeroed();
        libc::getrusage(libc::RUSAGE_CHILDREN, &raw mut used);
        used
    };
    let micros = |time: libc::timeval| {
        let seconds = u64::try_from(time.tv_sec).unwrap_or(0);
        seconds.saturating_mul(1_000_000) + u64::try_from(time.tv_usec).unwrap_or(0)
    };
    Usage {
        user_us: micros(used.ru_utime),
        sys_us: micros(used.ru_stime),
        max_rss: u64::try_from(used.ru_maxrss).unwrap_or(0).saturating_mul(1024),
    }
}

/// Signals one process by its number.
pub(crate) fn kill(pid: Pid, signal: libc::c_int) {
    if pid > 1 {
        // SAFETY: takes numbers only. Failures show in what `wait` says later.
        unsafe { libc::kill(pid, signal) };
    }
}

/// Signals a process group.
pub(crate) fn kill_group(group: Pid, signal: libc::c_int) {
    if group > 1 {
        // SAFETY: takes numbers only. Failures show in what `wait` says later.
        unsafe { libc::kill(-group, signal) };
    }
}

/// A descriptor of whatever process has this number now, and goes on meaning it.
pub(crate) fn pidfd(pid: Pid) -> io::Result<OwnedFd> {
    // SAFETY: takes numbers only; the descriptor is new and nobody else's.
    unsafe {
        let fd = check_long(libc::syscall(libc::SYS_pidfd_open, pid, 0))?;
        Ok(OwnedFd::from_raw_fd(fd))
    }
}

/// Signals the process that a [`pidfd`] means.
pub(crate) fn pidfd_kill(process: &OwnedFd, signal: libc::c_int) -> io::Result<()> {
    let none = std::ptr::null::<libc::siginfo_t>();
    // SAFETY: the information may be null, then the kernel fills it in.
    check_long(unsafe { libc::syscall(libc::SYS_pidfd_send_signal, process.as_raw_fd(), signal, none, 0) })
        .map(drop)
}

/// A session and a process group of its own.
pub(crate) fn new_session() {
    // SAFETY: takes nothing. Fails for the leader of a group only, which a fresh child is not.
    unsafe { libc::setsid() };
}

/// The user that this process runs as.
pub(crate) fn own_user() -> u32 {
    // SAFETY: takes nothing, cannot fail.
    unsafe { libc::geteuid() }
}

/// Sets a resource limit of this process.
pub(crate) fn limit_resource(resource: u32, soft: u64, hard: u64) -> io::Result<()> {
    let limit = libc::rlimit {
        rlim_cur: soft,
        rlim_max: hard,
    };
    #[cfg(target_env = "musl")]
    let resource = libc::c_int::try_from(resource).unwrap_or(-1);
    // SAFETY: the pointer is to a local; an unknown resource is an error.
    check(unsafe { libc::setrlimit(resource, &raw const limit) }).map(drop)
}

/// Becomes another user or group; supplementary groups are dropped.
pub(crate) fn become_user(uid: Option<u32>, gid: Option<u32>) -> io::Result<()> {
    if uid.is_none() && gid.is_none() {
        return Ok(());
    }
    // SAFETY: the list is as long as is told; the rest takes numbers only.
    unsafe {
        let group = gid.unwrap_or_else(|| libc::getegid());
        check(libc::setgroups(1, &raw const group))?;
        check(libc::setgid(group))?;
        if let Some(uid) = uid {
            check(libc::setuid(uid))?;
        }
    }
    Ok(())
}

/// Replaces this process by a program; returns only when that failed.
pub(crate) fn exec(program: &CStr, argv: &[CString], env: &[CString]) -> io::Error {
    let pointers = |list: &[CString]| -> Vec<*const libc::c_char> {
        let ends = std::iter::once(std::ptr::null());
        list.iter().map(|text| text.as_ptr()).chain(ends).collect()
    };
    let (argv, env) = (pointers(argv), pointers(env));
    // SAFETY: both lists end with null and point to strings that live as long as this call.
    unsafe { libc::execve(program.as_ptr(), argv.as_ptr(), env.as_ptr()) };
    io::Error::last_os_error()
}
