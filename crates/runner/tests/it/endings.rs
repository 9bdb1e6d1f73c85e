//! Trees that do not want to end. Each must be gone when `Exit` says so, in the time that it may take.

use std::time::{Duration, Instant};

use longshore_runner::{Exit, Request, Rlimit, Spawn, Status};

use crate::client::{Client, Heard, gone, is_root, runs};

/// What an ending may take beyond timeout and grace, on a machine that has other things to do; what it does take when it
/// has not is `cargo xtask bench`'s to say.
const SLACK: Duration = Duration::from_secs(5);
const RLIMIT_NPROC: u32 = 6;
const SIGKILL: Status = Status::Signal(9);

/// A word that only this test's processes have in their command line, as the argument of a `sleep`.
fn mark(test: u32) -> String {
    format!("{}.{}", 4_000 + test, std::process::id())
}

/// Runs a script that will not end by itself, and checks that it is gone within its time.
fn ends(script: &str, mark: &str, timeout_ms: u64, grace_ms: u64) -> (Heard, Exit) {
    let mut client = Client::start();
    let spawn = Spawn::new(["sh", "-c", script]).timeout(timeout_ms, grace_ms);
    let begun = Instant::now();
    let (heard, exit) = client.finish(spawn);
    let took = begun.elapsed();
    println!(
        "{took:?} of {timeout_ms} ms and {grace_ms} ms, {} killed",
        exit.killed
    );
    assert!(exit.ended && exit.timed_out, "{exit:?}");
    assert_eq!(runs(mark), [0; 0]);
    let at_most = Duration::from_millis(timeout_ms + grace_ms) + SLACK;
    assert!(
        took >= Duration::from_millis(timeout_ms) && took < at_most,
        "{took:?}"
    );
    (heard, exit)
}

#[test]
fn a_sleep_is_ended_by_its_timeout() {
    let mark = mark(1);
    let (heard, exit) = ends(&format!("echo begun; exec sleep {mark}"), &mark, 200, 0);
    assert_eq!(heard.out, b"begun\n");
    assert_eq!((exit.status, exit.killed), (SIGKILL, 1));
}

#[test]
fn who_follows_term_is_not_killed_and_ends_before_the_grace_is_over() {
    let mark = mark(2);
    let script = format!("trap 'echo bye; exit 3' TERM; echo begun; sleep {mark} & wait");
    let mut client = Client::start();
    let begun = Instant::now();
    let (heard, exit) = client.finish(Spawn::new(["sh", "-c", &script]).timeout(200, 10_000));
    assert!(begun.elapsed() < Duration::from_secs(8));
    assert_eq!(heard.out, b"begun\nbye\n");
    assert_eq!((exit.status, exit.killed), (Status::Code(3), 0));
    assert!(exit.ended && exit.timed_out);
}

#[test]
fn term_reaches_the_whole_tree_once() {
    let mark = mark(3);
    let child = "trap 'echo child; exit' TERM; while :; do sleep 0.01; done";
    let script = format!("trap 'echo leader' TERM; setsid sh -c \"{child}\" {mark} & while :; do wait; done");
    let (heard, _) = ends(&script, &mark, 300, 300);
    let mut lines: Vec<_> = heard
        .out
        .split(|byte| *byte == b'\n')
        .filter(|line| !line.is_empty())
        .collect();
    lines.sort_unstable();
    assert_eq!(lines, [&b"child"[..], &b"leader"[..]]);
}

#[test]
fn who_ignores_term_is_killed_after_the_grace() {
    let mark = mark(4);
    let (_, exit) = ends(
        &format!("trap '' TERM; sleep {mark} & sleep {mark} & wait"),
        &mark,
        200,
        200,
    );
    assert_eq!((exit.status, exit.killed), (SIGKILL, 3));
}

#[test]
fn a_double_fork_into_a_session_of_its_own_does_not_get_away() {
    let mark = mark(5);
    let daemon = format!("setsid sh -c 'setsid sleep {mark} & setsid sleep {mark} &' &");
    ends(&format!("{daemon} sleep 60"), &mark, 300, 0);
    // And when the leader ends by itself, there is no timeout to wait for.
    let mut client = Client::start();
    let (_, exit) = client.sh(&format!("{daemon} sleep 0.1; exit 4"));
    assert!(exit.ended && !exit.timed_out, "{exit:?}");
    assert_eq!((exit.status, exit.killed), (Status::Code(4), 2));
    assert_eq!(runs(&mark), [0; 0]);
}

#[test]
fn a_child_that_holds_stdout_open_holds_nothing_up() {
    let mark = mark(6);
    let mut client = Client::start();
    let begun = Instant::now();
    let (heard, exit) = client.sh(&format!("sleep {mark} & echo done"));
    assert!(begun.elapsed() < SLACK);
    assert_eq!(heard.out, b"done\n");
    assert_eq!((exit.status, exit.ended, exit.killed), (Status::Code(0), true, 1));
    assert_eq!(runs(&mark), [0; 0]);
}

#[test]
fn what_was_written_before_the_end_all_arrives() {
    let mut client = Client::start();
    let (heard, exit) = client.sh("yes & head -c 60000 /dev/zero >&2; kill -9 $$");
    assert_eq!(heard.err.len(), 60_000);
    assert_eq!(heard.out_bytes, exit.stdout.bytes);
    assert_eq!((exit.status, exit.ended), (SIGKILL, true));
}

/// Runs a bomb as a user of its own, who may have 64 processes, and checks that nothing is left of it in time.
fn bomb(argv: [&str; 4], user: u32) -> Option<Exit> {
    if !is_root() {
        return None;
    }
    let mark = argv[3];
    let mut spawn = Spawn::new(argv).timeout(500, 0);
    (spawn.uid, spawn.gid) = (Some(user), Some(user));
    spawn.rlimits = vec![Rlimit {
        resource: RLIMIT_NPROC,
        soft: 64,
        hard: 64,
    }];
    let mut client = Client::start();
    let begun = Instant::now();
    let (_, exit) = client.finish(spawn);
    let took = begun.elapsed();
    println!("{took:?} of 500 ms, {} killed", exit.killed);
    assert!(exit.ended && exit.timed_out, "{exit:?}");
    assert_eq!(runs(mark), [0; 0]);
    assert!(took < Duration::from_millis(500) + SLACK, "{took:?}");
    Some(exit)
}

#[test]
fn a_fork_bomb_ends() {
    let exit = bomb(["perl", "-e", "while (1) { fork }", &mark(7)], 54_321);
    assert!(exit.is_none_or(|exit| exit.killed > 10), "{exit:?}");
}

#[test]
fn a_fork_bomb_of_many_sessions_ends() {
    let script = "use POSIX; while (1) { fork; POSIX::setsid() }";
    let exit = bomb(["perl", "-e", script, &mark(8)], 54_322);
    assert!(exit.is_none_or(|exit| exit.killed > 10), "{exit:?}");
}

#[test]
fn bombs_that_continue_each_other_end() {
    // To this user everybody is this tree, and nobody else.
    let script = "use POSIX; fork for 1..4; POSIX::setsid(); while (1) { kill 'CONT', -1 }";
    let exit = bomb(["perl", "-e", script, &mark(9)], 54_323);
    assert!(exit.is_none_or(|exit| exit.killed > 10), "{exit:?}");
}

#[test]
fn a_chain_that_hops_from_process_to_process_ends() {
    let script = "use POSIX; if (!fork) { while (1) { POSIX::setsid(); exit if fork } } sleep 60";
    bomb(["perl", "-e", script, &mark(10)], 54_324);
}

#[test]
fn the_client_can_end_it() {
    let mark = mark(11);
    let mut client = Client::start();
    let mut spawn = Spawn::new(["sh", "-c", &format!("trap 'exit 9' TERM; sleep {mark} & wait")]);
    spawn.grace_ms = 5_000;
    let (id, _) = client.started(spawn);
    client.send(id, &Request::End);
    client.send(id, &Request::End);
    let (_, exit) = client.exit(id);
    assert!(exit.ended && !exit.timed_out, "{exit:?}");
    gone(&mark);
    // Over is over.
    client.send(id, &Request::End);
    client.send(id, &Request::Stdin(b"late"));
    assert_eq!(client.sh("echo fine").0.out, b"fine\n");
}

#[test]
fn the_end_of_the_runners_stdin_ends_everything() {
    let mark = mark(12);
    let mut client = Client::start();
    for _ in 0..4 {
        client.started(Spawn::new([
            "sh",
            "-c",
            &format!("trap '' TERM; setsid sleep {mark} & sleep {mark}"),
        ]));
    }
    let begun = Instant::now();
    let (heard, code) = client.hang_up();
    assert!(begun.elapsed() < SLACK, "{:?}", begun.elapsed());
    assert_eq!((heard.len(), code), (4, Some(0)));
    assert!(
        heard
            .values()
            .all(|heard| heard.exit.is_some_and(|exit| exit.ended))
    );
    assert_eq!(runs(&mark), [0; 0]);
}

#[test]
fn one_ending_leaves_the_others_alone() {
    let (mark, other) = (mark(13), mark(14));
    let mut client = Client::start();
    let (stays, _) =
        client.started(Spawn::new(["sh", "-c", &format!("setsid sleep {other} & cat")]).stdin(true));
    let (_, exit) = client
        .finish(Spawn::new(["sh", "-c", &format!("setsid sleep {mark} & sleep {mark}")]).timeout(200, 0));
    assert!(exit.ended);
    assert_eq!(runs(&mark), [0; 0]);
    client.send(stays, &Request::Stdin(b"unharmed"));
    client.send(stays, &Request::Eof);
    let (heard, exit) = client.exit(stays);
    assert_eq!(
        (&heard.out[..], exit.status, exit.killed),
        (&b"unharmed"[..], Status::Code(0), 1)
    );
    assert_eq!(runs(&other), [0; 0]);
}
