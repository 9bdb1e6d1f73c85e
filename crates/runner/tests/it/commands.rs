//! Commands that end by themselves: streams, codes, users, folders, limits, and what cannot be started.

use std::process::Command;

use longshore_runner::{Request, Rlimit, STDIN_WINDOW, Spawn, Stage, Status, Total, VERSION};

use crate::client::{Client, is_root};

const NOT_THERE: i32 = 2;
const REFUSED: i32 = 13;

#[test]
fn the_runner_says_who_it_is() {
    let client = Client::start();
    let uid = 0;
    assert_eq!(
        client.hello,
        Some((VERSION, client.pid(), uid)),
        "tests run as root"
    );
}

#[test]
fn a_command_leaves_its_output_its_code_and_what_it_used() {
    let mut client = Client::start();
    let (heard, exit) = client.sh("echo out; echo err >&2; exit 7");
    assert_eq!((&heard.out[..], &heard.err[..]), (&b"out\n"[..], &b"err\n"[..]));
    assert_eq!(exit.status, Status::Code(7));
    assert!(exit.ended && !exit.timed_out && exit.killed == 0);
    let four = Total {
        bytes: 4,
        truncated: false,
    };
    assert_eq!((exit.stdout, exit.stderr), (four, four));
    assert!(exit.max_rss > 100_000 && exit.max_rss < 100_000_000, "{exit:?}");
    let (_, exit) = client.sh("i=0; while [ $i -lt 200000 ]; do i=$((i+1)); done");
    assert!(exit.user_us > 10_000, "{exit:?}");
}

#[test]
fn a_signal_is_no_code() {
    let mut client = Client::start();
    assert_eq!(client.sh("kill -SEGV $$").1.status, Status::Signal(11));
    assert_eq!(client.sh("kill -KILL $$").1.status, Status::Signal(9));
    assert_eq!(client.sh("exit 139").1.status, Status::Code(139));
}

#[test]
fn signals_are_as_if_nobody_had_touched_them() {
    let mut client = Client::start();
    // A pipe without a reader ends its writer quietly, which it does not where SIGPIPE is ignored.
    let (heard, exit) = client.sh("yes | head -1; grep -E 'Sig(Blk|Ign)' /proc/self/status");
    let text = String::from_utf8(heard.out).unwrap();
    assert!(heard.err.is_empty(), "{:?}", heard.err);
    assert_eq!(exit.status, Status::Code(0));
    let sets = text.lines().filter_map(|line| line.split_once(":\t"));
    let sets: Vec<u64> = sets
        .map(|(_, set)| u64::from_str_radix(set, 16).unwrap())
        .collect();
    // 32 and 33 belong to the C library, which lets nobody change them: as this machine has them.
    let libcs = 0b11 << 31;
    assert_eq!(
        sets.iter().map(|set| set & !libcs).collect::<Vec<_>>(),
        [0, 0],
        "{text}"
    );
}

#[test]
fn stdin_comes_in_whole_and_its_end_is_seen() {
    let mut client = Client::start();
    let input: Vec<u8> = (0..3_000_000_u32).map(|number| (number % 251) as u8).collect();
    let (id, _) = client.started(Spawn::new(["sh", "-c", "sha256sum; wc -c >&2"]).stdin(true));
    client.feed(id, &input);
    let (heard, exit) = client.exit(id);
    let mut same = Command::new("sha256sum");
    let mut same = same
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    std::io::Write::write_all(&mut same.stdin.take().unwrap(), &input).unwrap();
    assert_eq!(heard.out, same.wait_with_output().unwrap().stdout);
    assert_eq!(heard.err, b"0\n");
    assert_eq!(exit.status, Status::Code(0));
}

#[test]
fn stdin_that_nobody_reads_is_given_back_and_harms_nobody() {
    let mut client = Client::start();
    let (id, _) = client.started(Spawn::new(["sh", "-c", "exec <&-; sleep 0.2"]).stdin(true));
    client.feed(id, &vec![0; 1_000_000]);
    assert_eq!(client.exit(id).1.status, Status::Code(0));
    // And one that is slow to read holds up no other.
    let (slow, _) = client.started(Spawn::new(["sleep", "60"]).stdin(true));
    for _ in 0..4 {
        client.send(slow, &Request::Stdin(&[0; STDIN_WINDOW / 4]));
    }
    assert_eq!(client.sh("echo still here").0.out, b"still here\n");
    client.send(slow, &Request::End);
    assert!(client.exit(slow).1.ended);
}

#[test]
fn without_stdin_its_end_is_read_at_once() {
    let mut client = Client::start();
    assert_eq!(client.finish(Spawn::new(["cat"])).1.status, Status::Code(0));
}

#[test]
fn folder_environment_and_path_are_the_commands() {
    let mut client = Client::start();
    let mut spawn = Spawn::new(["pwd"]);
    spawn.cwd = b"/usr".to_vec();
    assert_eq!(client.finish(spawn).0.out, b"/usr\n");
    let mut spawn = Spawn::new(["env"]).env("B", "2").env("A", "1").env("B", "3=4");
    spawn.clear_env = true;
    assert_eq!(client.finish(spawn).0.out, b"B=3=4\nA=1\n");
    let inherits = Spawn::new(["sh", "-c", "echo $HOME; echo $MINE"])
        .env("HOME", "/here")
        .env("MINE", "yes");
    assert_eq!(client.finish(inherits).0.out, b"/here\nyes\n");
    assert_eq!(
        client.refused(Spawn::new(["ls"]).env("PATH", "/nowhere:/etc")),
        (NOT_THERE, Stage::Exec)
    );
}

#[test]
fn another_user_has_its_group_and_no_other() {
    if !is_root() {
        return;
    }
    let mut client = Client::start();
    let mut spawn = Spawn::new(["sh", "-c", "id -u; id -g; id -G"]);
    (spawn.uid, spawn.gid) = (Some(1234), Some(5678));
    assert_eq!(client.finish(spawn).0.out, b"1234\n5678\n5678\n");
}

#[test]
fn resource_limits_hold() {
    let mut client = Client::start();
    let mut spawn = Spawn::new(["sh", "-c", "ulimit -n; ulimit -c; ulimit -Hc"]);
    let none = u64::MAX;
    spawn.rlimits = vec![
        Rlimit {
            resource: 7,
            soft: 77,
            hard: 99,
        },
        Rlimit {
            resource: 4,
            soft: 0,
            hard: none,
        },
    ];
    assert_eq!(client.finish(spawn).0.out, b"77\n0\nunlimited\n");
    let mut spawn = Spawn::new(["true"]);
    spawn.rlimits = vec![Rlimit {
        resource: 999,
        soft: 1,
        hard: 1,
    }];
    assert_eq!(client.refused(spawn), (22, Stage::Rlimits));
}

#[test]
fn what_cannot_be_started_says_where_and_why() {
    let mut client = Client::start();
    assert_eq!(
        client.refused(Spawn::new(["no-such-program"])),
        (NOT_THERE, Stage::Exec)
    );
    assert_eq!(
        client.refused(Spawn::new(["/no/such/program"])),
        (NOT_THERE, Stage::Exec)
    );
    assert_eq!(
        client.refused(Spawn::new(["/etc/passwd"])),
        (REFUSED, Stage::Exec)
    );
    assert_eq!(client.refused(Spawn::new(["/usr"])), (REFUSED, Stage::Exec));
    let mut nowhere = Spawn::new(["true"]);
    nowhere.cwd = b"/no/such/folder".to_vec();
    assert_eq!(client.refused(nowhere), (NOT_THERE, Stage::Folder));
    assert_eq!(client.sh("echo fine").0.out, b"fine\n");
}

#[test]
fn limits_are_exact_to_the_byte_and_the_command_goes_on() {
    let mut client = Client::start();
    for limit in [0, 1, 999, 100_000, 199_999, 200_000, 200_001] {
        let script = "head -c 200000 /dev/zero; head -c 200000 /dev/zero >&2; echo done >&2";
        let (heard, exit) = client.finish(Spawn::new(["sh", "-c", script]).limits(limit, u64::MAX));
        let handed = limit.min(200_000);
        assert_eq!(heard.out.len() as u64, handed);
        assert_eq!(
            exit.stdout,
            Total {
                bytes: 200_000,
                truncated: limit < 200_000
            }
        );
        assert!(heard.err.ends_with(b"done\n"));
        assert_eq!(
            exit.stderr,
            Total {
                bytes: 200_005,
                truncated: false
            }
        );
    }
}

#[test]
fn an_id_that_is_in_use_is_refused() {
    let mut client = Client::start();
    let (id, _) = client.started(Spawn::new(["cat"]).stdin(true));
    client.send(id, &Request::Spawn(Spawn::new(["true"])));
    client.until(|client| client.of(id).refused.is_some());
    assert_eq!(client.of(id).refused, Some((17, Stage::Admit)));
}
