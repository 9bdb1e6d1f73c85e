//! What a hostile command, a hostile client and a hostile machine can do to the runner.

use std::os::unix::fs::PermissionsExt as _;
use std::process::Command;
use std::time::{Duration, Instant};

use longshore_runner::{HEADER_LEN, Request, STDIN_WINDOW, Spawn, Status};

use crate::client::{Client, gone, is_alive, is_root, program};

fn keeper_of(leader: u32) -> u32 {
    let stat = std::fs::read_to_string(format!("/proc/{leader}/stat")).unwrap();
    let rest = stat.rsplit(')').next().unwrap();
    rest.split_ascii_whitespace().nth(1).unwrap().parse().unwrap()
}

fn kill(signal: &str, pid: u32) {
    assert!(
        Command::new("kill")
            .args([signal, &pid.to_string()])
            .status()
            .unwrap()
            .success()
    );
}

#[test]
fn rubbish_ends_everything_with_a_word() {
    let mut header = [0xff; HEADER_LEN];
    for kind in [0xff, 0, 68] {
        let mut client = Client::start();
        let (id, pid) = client.started(Spawn::new(["sleep", "60"]));
        header[4] = kind;
        client.send_raw(&header);
        header[..4].fill(0);
        let (heard, code) = client.rest();
        assert_eq!(code, Some(2));
        assert!(heard[&id].exit.unwrap().ended);
        assert!(!is_alive(pid));
    }
}

#[test]
fn stdin_beyond_the_window_ends_everything() {
    let mut client = Client::start();
    let (_, pid) = client.started(Spawn::new(["sleep", "60"]).stdin(true));
    // The pipe takes one window's half; then the window; then one more.
    for _ in 0..8 {
        client.send(0x5eee, &Request::Stdin(&[0; STDIN_WINDOW / 2]));
    }
    assert_eq!(client.rest().1, Some(2));
    assert!(!is_alive(pid));
}

#[test]
fn a_client_that_is_gone_ends_everything() {
    let mut runner = Command::new(program())
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    // Nobody reads, but stdin stays open.
    drop(runner.stdout.take());
    let begun = Instant::now();
    assert!(runner.wait().unwrap().success());
    assert!(begun.elapsed() < Duration::from_secs(10));
}

#[test]
fn a_runner_that_is_killed_leaves_nothing_behind() {
    let mark = format!("4100.{}", std::process::id());
    let mut client = Client::start();
    client.started(Spawn::new([
        "sh",
        "-c",
        &format!("setsid sleep {mark} & sleep {mark}"),
    ]));
    kill("-KILL", client.pid());
    let (_, code) = client.rest();
    assert_eq!(code, None);
    gone(&mark);
}

#[test]
fn a_keeper_that_is_killed_is_told_honestly_and_its_tree_is_hunted() {
    let mark = format!("4101.{}", std::process::id());
    let mut client = Client::start();
    let (other, _) = client.started(Spawn::new(["cat"]).stdin(true));
    let (id, pid) = client.started(Spawn::new([
        "sh",
        "-c",
        &format!("setsid sleep {mark} & sleep {mark}"),
    ]));
    kill("-KILL", keeper_of(pid));
    let (_, exit) = client.exit(id);
    assert_eq!((exit.status, exit.ended), (Status::Unknown, false));
    gone(&mark);
    client.send(other, &Request::Eof);
    assert!(client.exit(other).1.ended);
    assert_eq!(client.sh("exit 5").1.status, Status::Code(5));
}

#[test]
fn term_to_the_runner_ends_everything() {
    let mut client = Client::start();
    let (id, pid) = client.started(Spawn::new(["sleep", "60"]));
    kill("-TERM", client.pid());
    let (heard, code) = client.rest();
    assert_eq!((heard[&id].exit.unwrap().ended, code), (true, Some(0)));
    assert!(!is_alive(pid));
}

#[test]
fn a_command_has_its_three_streams_and_cannot_open_those_of_the_runner() {
    let mut client = Client::start();
    let (busy, _) = client.started(Spawn::new(["cat"]).stdin(true));
    // `ls` itself has the folder open.
    let (heard, _) = client.sh("ls /proc/self/fd | wc -l");
    assert_eq!(heard.out, b"4\n");
    client.send(busy, &Request::Eof);
    assert!(client.exit(busy).1.ended);
}

#[test]
fn a_command_of_the_runners_own_user_cannot_open_its_streams() {
    if !is_root() {
        return;
    }
    // That user is not root: the program is copied to where it may run it.
    let folder = tempfile::tempdir().unwrap();
    std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o755)).unwrap();
    let copy = folder.path().join("runner");
    std::fs::copy(program(), &copy).unwrap();
    let mut command = Command::new("setpriv");
    command
        .args(["--reuid=54325", "--regid=54325", "--clear-groups"])
        .arg(&copy);
    command.current_dir("/");
    let mut client = Client::run(command);
    let (heard, exit) = client.sh("keeper=$PPID; runner=$(awk '{print $4}' /proc/$keeper/stat); \
         for pid in $keeper $runner; do ls /proc/$pid/fd 2>&1; echo forged > /proc/$pid/fd/1; done");
    assert_eq!(exit.status, Status::Code(2), "{:?}", String::from_utf8(heard.err));
    assert_eq!(String::from_utf8(heard.out).unwrap().matches("denied").count(), 2);
}

#[test]
fn without_proc_the_group_is_ended_and_the_rest_is_said_to_run() {
    if !is_root() {
        return;
    }
    let mark = format!("4102.{}", std::process::id());
    // Its own mounts and processes: when the first of them ends, all do.
    let mut command = Command::new("unshare");
    command.args(["--pid", "--fork", "--kill-child", "--mount", "sh", "-c"]);
    command
        .arg("mount -t tmpfs none /proc && exec \"$0\"")
        .arg(program());
    let mut client = Client::run(command);
    let (_, exit) =
        client.finish(Spawn::new(["sh", "-c", &format!("sleep {mark} & sleep 60")]).timeout(100, 100));
    assert!(exit.ended, "{exit:?}");
    let (_, exit) =
        client.finish(Spawn::new(["sh", "-c", &format!("setsid sleep {mark} & sleep 60")]).timeout(100, 0));
    assert!(!exit.ended, "{exit:?}");
    drop(client);
    gone(&mark);
}
