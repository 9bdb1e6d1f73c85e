//! Commands that end, on real engines: what they print and read, trees that do not want to end, and every way. Containers
//! and connections that do not hold are `adverse`'s.

mod adverse;

use std::path::PathBuf;
use std::time::{Duration, Instant};

use longshore_core::ObjectRef;
use longshore_engine::{Engine, ExecSpec};
use longshore_runtime::exec::{Command, Ended, Event, Executor, Status, Way};
use longshore_testkit::eventually;
use longshore_testkit::lease::{Lease, on_each};
use serde_json::{Value, json};

use crate::account::engine;

/// A limit of half a second is kept to within this where a tree is ended.
const LIMIT: Duration = Duration::from_millis(500);

/// The runner that `cargo xtask runner` has built.
fn program() -> Vec<u8> {
    let path = std::env::var_os("LONGSHORE_RUNNER").map(PathBuf::from);
    let path = path.unwrap_or_else(|| {
        let own = std::env::current_exe().unwrap();
        let target = own
            .ancestors()
            .find(|folder| folder.join(".rustc_info.json").exists());
        target.unwrap().join("embed/longshore-runner")
    });
    std::fs::read(&path)
        .unwrap_or_else(|error| panic!("{}: {error}; `cargo xtask runner` builds it", path.display()))
}

struct Fixture {
    engine: Engine,
    executor: Executor,
    id: ObjectRef,
}

impl Fixture {
    /// A container that sleeps, with an init and a limit of 64 processes.
    async fn new(lease: &Lease, more: Value) -> Self {
        let mut spec = json!({ "Cmd": ["sleep", "600"], "HostConfig": { "Init": true, "NetworkMode": "none", "PidsLimit": 64 } });
        for (key, value) in more.as_object().into_iter().flatten() {
            match (key.as_str(), value) {
                ("HostConfig", Value::Object(host)) => {
                    for (key, value) in host {
                        spec["HostConfig"][key] = value.clone();
                    }
                }
                _ => spec[key] = value.clone(),
            }
        }
        let engine = engine(&lease.docker_host());
        let id = lease.create("exec", spec).await.unwrap();
        let id = ObjectRef::new(&id).unwrap();
        let answer = lease
            .call("POST", &format!("/containers/{id}/start"), None)
            .await
            .unwrap();
        assert!(answer.status() < 400, "{}", answer.text());
        let executor = Executor::new(engine.clone()).program(program());
        Self { engine, executor, id }
    }

    /// Waits until nothing but the container's own two processes is there: the runner itself ends a moment after it told
    /// its end.
    async fn back_to_base(&self, lease: &Lease) {
        let (lease, id) = (lease.clone(), self.id.clone());
        eventually("the process count is back", async move || {
            let now = processes(&lease, &id).await;
            (now == 2).then_some(()).ok_or(now)
        })
        .await;
    }
}

async fn processes(lease: &Lease, id: &ObjectRef) -> usize {
    let top = lease
        .call("GET", &format!("/containers/{id}/top"), None)
        .await
        .unwrap();
    top.json::<Value>().unwrap()["Processes"]
        .as_array()
        .unwrap()
        .len()
}

fn shell(script: &str) -> Command {
    Command::new(["sh", "-c", script])
}

#[tokio::test]
async fn a_command_gives_its_output_its_code_and_the_proof_that_all_has_ended() {
    on_each(|lease| async move {
        let on = Fixture::new(&lease, json!({})).await;
        let command = shell("echo out; echo err >&2; pwd; echo $WHO; id -u; exit 3")
            .env("WHO", "me you")
            .working_dir("/www")
            .user("1000");
        let done = on.executor.run(&on.id, &command).await.unwrap();
        assert_eq!(&*done.stdout, b"out\n/www\nme you\n1000\n");
        assert_eq!(&*done.stderr, b"err\n");
        assert_eq!(
            (done.exit_code(), done.end.ended, done.end.way, done.end.timed_out),
            (Some(3), Ended::Tree, Way::Runner, false)
        );
        assert!(done.end.usage.is_some_and(|usage| usage.max_rss > 0));
        let killed = on.executor.run(&on.id, &shell("kill -9 $$")).await.unwrap();
        assert_eq!(
            (killed.end.status, killed.exit_code()),
            (Status::Signal(9), Some(137))
        );
        on.back_to_base(&lease).await;
    })
    .await;
}

#[tokio::test]
async fn output_is_kept_to_the_byte_and_the_rest_is_counted() {
    on_each(|lease| async move {
        let on = Fixture::new(&lease, json!({})).await;
        let script = shell("head -c 100000 /dev/zero; printf abcdef >&2").limit(4);
        for way in [Way::Runner, Way::Shell, Way::Plain] {
            let done = on
                .executor
                .clone()
                .at_most(way)
                .run(&on.id, &script)
                .await
                .unwrap();
            assert_eq!(done.end.way, way);
            assert_eq!(
                (done.stdout.len(), done.end.stdout_dropped),
                (4, 99_996),
                "{way:?}"
            );
            assert_eq!(
                (&*done.stderr, done.end.stderr_dropped),
                (&b"abcd"[..], 2),
                "{way:?}"
            );
        }
        let exact = on
            .executor
            .run(&on.id, &shell("printf abcd").limit(4))
            .await
            .unwrap();
        assert_eq!((&*exact.stdout, exact.end.stdout_dropped), (&b"abcd"[..], 0));
    })
    .await;
}

#[tokio::test]
async fn stdin_is_fed_and_ends() {
    on_each(|lease| async move {
        let on = Fixture::new(&lease, json!({})).await;
        let long = vec![b'x'; 3_000_000];
        for way in [Way::Runner, Way::Shell, Way::Plain] {
            let executor = on.executor.clone().at_most(way);
            let count = executor
                .run(&on.id, &Command::new(["wc", "-c"]).input(long.clone()))
                .await
                .unwrap();
            assert_eq!(
                String::from_utf8_lossy(&count.stdout).trim(),
                "3000000",
                "{way:?}"
            );
            // More than fits anywhere, to one that reads nothing of it.
            let deaf = executor
                .run(&on.id, &shell("exit 4").input(long.clone()))
                .await
                .unwrap();
            assert_eq!(deaf.exit_code(), Some(4), "{way:?}");
            let none = executor.run(&on.id, &Command::new(["cat"])).await.unwrap();
            assert_eq!((none.exit_code(), none.stdout.len()), (Some(0), 0), "{way:?}");

            let (mut stdin, mut running) = executor
                .start_with_stdin(&on.id, &Command::new(["cat"]))
                .await
                .unwrap();
            stdin.write(b"one\n").await.unwrap();
            assert_eq!(
                running.next().await.unwrap().unwrap(),
                Event::Stdout("one\n".into())
            );
            stdin.write(b"two\n").await.unwrap();
            stdin.end().await.unwrap();
            assert_eq!(
                running.next().await.unwrap().unwrap(),
                Event::Stdout("two\n".into())
            );
            let Some(Ok(Event::End(end))) = running.next().await else {
                panic!("no end")
            };
            assert_eq!(end.exit_code(), Some(0));
            assert!(running.next().await.is_none());
        }
    })
    .await;
}

#[tokio::test]
async fn a_limit_ends_the_whole_tree_in_time_whatever_it_does() {
    let trees = [
        ("sleep", "sleep 600"),
        (
            "ignores TERM",
            "trap '' TERM; echo before; while :; do sleep 1; done",
        ),
        (
            "double fork",
            "(setsid sh -c 'setsid sleep 600 & setsid sleep 601 &' &) ; sleep 602",
        ),
        (
            "cleared environment",
            "env -i setsid sh -c 'trap \"\" TERM HUP; sleep 600 & wait' & sleep 600",
        ),
        // At the limit of processes the shell itself could start nothing more: it becomes what it waits with.
        ("fork bomb", "bomb() { bomb | bomb & }; bomb; exec sleep 600"),
        (
            "wake each other",
            "for i in 1 2 3 4 5 6; do sh -c 'trap \"\" TERM; while :; do kill -CONT -1; done' & done; wait",
        ),
        ("pid hopping", "hop() { (hop &) ; }; hop; exec sleep 600"),
        ("floods", "trap '' TERM; yes & yes >&2"),
    ];
    on_each(move |lease| async move {
        let on = Fixture::new(&lease, json!({})).await;
        on.executor.run(&on.id, &Command::new(["true"])).await.unwrap();
        for (name, script) in trees {
            let began = Instant::now();
            let command = shell(script).timeout(LIMIT).limit(16);
            let error = on.executor.run(&on.id, &command).await.unwrap_err();
            let took = began.elapsed();
            assert!(error.is_timeout(), "{name}: {error:?}");
            assert_eq!(error.ended(), Ended::Tree, "{name}: {error:?}");
            assert!(took >= LIMIT, "{name}: {took:?}");
            println!("{} {name}: {took:?}", lease.engine_name());
            assert!(
                took < longshore_testkit::sized(Duration::from_secs(5), Duration::from_millis(650)),
                "{name}: {took:?}"
            );
            if name == "ignores TERM" {
                assert_eq!(&*error.output().unwrap().stdout, b"before\n");
            }
            on.back_to_base(&lease).await;
        }
    })
    .await;
}

#[tokio::test]
async fn what_a_command_leaves_behind_is_ended_and_holds_nothing_up() {
    on_each(|lease| async move {
        let on = Fixture::new(&lease, json!({})).await;
        let began = Instant::now();
        // A child that keeps stdout open, and one that left the session.
        let done = on
            .executor
            .run(&on.id, &shell("sleep 600 & setsid sleep 601 & echo done"))
            .await
            .unwrap();
        assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
        assert_eq!(
            (&*done.stdout, done.exit_code(), done.end.ended),
            (&b"done\n"[..], Some(0), Ended::Tree)
        );
        on.back_to_base(&lease).await;
    })
    .await;
}

#[tokio::test]
async fn others_in_the_container_are_left_alone() {
    on_each(|lease| async move {
        let on = Fixture::new(&lease, json!({})).await;
        let other = on
            .engine
            .exec_detached(&on.id, &ExecSpec::new(["sleep", "599"]))
            .await
            .unwrap();
        let error = on
            .executor
            .run(&on.id, &shell("sleep 600 & wait").timeout(LIMIT))
            .await
            .unwrap_err();
        assert_eq!(error.ended(), Ended::Tree);
        assert!(other.state().await.unwrap().running);
    })
    .await;
}

#[tokio::test]
async fn who_goes_away_ends_the_command() {
    on_each(|lease| async move {
        let on = Fixture::new(&lease, json!({})).await;
        let command = shell("trap '' TERM HUP; setsid sleep 600 & echo up; sleep 600");
        let mut running = on.executor.start(&on.id, &command).await.unwrap();
        assert_eq!(
            running.next().await.unwrap().unwrap(),
            Event::Stdout("up\n".into())
        );
        assert!(processes(&lease, &on.id).await > 2);
        drop(running);
        on.back_to_base(&lease).await;

        // A collected one, in the middle.
        let run = on.executor.run(&on.id, &command);
        tokio::time::timeout(Duration::from_secs(1), run)
            .await
            .unwrap_err();
        on.back_to_base(&lease).await;

        // And one that is asked to end; its stdin in other hands keeps nothing alive.
        let (stdin, mut running) = on.executor.start_with_stdin(&on.id, &command).await.unwrap();
        running.next().await.unwrap().unwrap();
        let end = running.end().await.unwrap();
        assert_eq!((end.ended, end.timed_out), (Ended::Tree, false));
        on.back_to_base(&lease).await;
        drop(stdin);
    })
    .await;
}

#[tokio::test]
async fn a_program_that_cannot_start_is_said_with_its_reason() {
    on_each(|lease| async move {
        let on = Fixture::new(&lease, json!({})).await;
        let error = on
            .executor
            .run(&on.id, &Command::new(["/no/such/program"]))
            .await
            .unwrap_err();
        assert_eq!(
            (error.spawn_errno(), error.ended()),
            (Some(2), Ended::Tree),
            "{error:?}"
        );
        let text = error.to_string();
        assert!(
            text.contains("program cannot be run") && text.contains("No such file"),
            "{text}"
        );
        let folder = Command::new(["true"]).working_dir("/no/folder");
        let error = on.executor.run(&on.id, &folder).await.unwrap_err();
        assert!(error.to_string().contains("folder"), "{error}");
        let nothing = on
            .executor
            .run(&on.id, &Command::new(Vec::<String>::new()))
            .await
            .unwrap_err();
        assert!(nothing.to_string().contains("no program"), "{nothing}");
        let nobody = ObjectRef::new("no-such-container").unwrap();
        assert!(
            on.executor
                .run(&nobody, &Command::new(["true"]))
                .await
                .unwrap_err()
                .is_not_found()
        );
        // What does not fit the wire is run another way, or not at all.
        let large = Command::new(["true", &"x".repeat(70_000)]);
        assert_eq!(on.executor.run(&on.id, &large).await.unwrap().end.way, Way::Shell);
        let error = on
            .executor
            .run(&on.id, &large.at_least(Way::Runner))
            .await
            .unwrap_err();
        assert!(error.is_no_way(), "{error:?}");
    })
    .await;
}

#[tokio::test]
async fn the_shell_ends_what_it_finds_and_proves_nothing() {
    on_each(|lease| async move {
        let on = Fixture::new(&lease, json!({})).await;
        let executor = on.executor.clone().at_most(Way::Shell);
        let done = executor
            .run(&on.id, &shell("echo out; echo err >&2; exit 3"))
            .await
            .unwrap();
        assert_eq!(
            (&*done.stdout, &*done.stderr, done.exit_code()),
            (&b"out\n"[..], &b"err\n"[..], Some(3))
        );
        assert_eq!((done.end.way, done.end.ended), (Way::Shell, Ended::MayStillRun));
        for script in [
            "echo before; trap '' TERM; sleep 600 & sleep 601",
            "echo before; (setsid sh -c 'setsid sleep 600 &' &) ; sleep 602",
        ] {
            let error = executor
                .run(&on.id, &shell(script).timeout(LIMIT))
                .await
                .unwrap_err();
            assert!(error.is_timeout(), "{error:?}");
            assert_eq!(error.ended(), Ended::MayStillRun);
            assert_eq!(&*error.output().unwrap().stdout, b"before\n");
            on.back_to_base(&lease).await;
        }
    })
    .await;
}
