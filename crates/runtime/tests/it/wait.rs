//! Waiting on real engines: each leaf, what is not missed, and what the error says.

use std::time::Duration;

use longshore_core::ContainerId;
use longshore_engine::{Engine, StdStream};
use longshore_runtime::Pattern;
use longshore_runtime::wait::{Held, HttpCheck, Wait, WaitConfig, WaitError, WaitErrorKind};
use longshore_testkit::fake::{FakeConfig, FakeEngine, Restart, SAMPLE_IMAGE, Spec};
use longshore_testkit::lease::{Lease, on_each};
use serde_json::{Value, json};

use crate::account::{engine, is_podman};

/// Where published ports answer. The engine is in a network namespace of its own: a container on that network knows.
pub(crate) async fn address(lease: &Lease, engine: &Engine) -> Option<String> {
    let spec = json!({ "Cmd": ["ip", "-4", "-o", "addr"], "HostConfig": { "NetworkMode": "host" } });
    let id = ContainerId::new(&lease.create("address", spec).await.unwrap()).unwrap();
    Wait::exited()
        .start(engine, &id, &WaitConfig::default())
        .await
        .unwrap();
    let path = format!("/containers/{id}/logs?stdout=true");
    let text = lease.call("GET", &path, None).await.unwrap().text();
    let line = text.lines().find(|line| line.contains(" eth0 "))?;
    Some(line.split("inet ").nth(1)?.split('/').next()?.to_owned())
}

/// One engine, and where its published ports answer.
struct Place {
    lease: Lease,
    engine: Engine,
    config: WaitConfig,
}

impl Place {
    async fn of(lease: Lease) -> Self {
        let engine = engine(&lease.docker_host());
        let config = WaitConfig::default().within(Duration::from_secs(10));
        let config = match address(&lease, &engine).await {
            Some(found) => config.reached_at(found),
            None => config,
        };
        Self {
            lease,
            engine,
            config,
        }
    }

    async fn script(&self, suffix: &str, script: &str, more: Value) -> ContainerId {
        let mut spec = json!({ "Cmd": ["sh", "-c", script], "HostConfig": { "Init": true } });
        for (key, value) in more.as_object().into_iter().flatten() {
            match value.as_object() {
                Some(fields) => fields
                    .iter()
                    .for_each(|(field, value)| spec[key][field] = value.clone()),
                None => spec[key] = value.clone(),
            }
        }
        ContainerId::new(&self.lease.create(suffix, spec).await.unwrap()).unwrap()
    }

    async fn start(&self, id: &ContainerId, wait: &Wait) -> Result<Held, WaitError> {
        wait.start(&self.engine, id, &self.config).await
    }
}

fn published(port: u16) -> Value {
    json!({
        "ExposedPorts": { format!("{port}/tcp"): {} },
        "HostConfig": { "PortBindings": { format!("{port}/tcp"): [{ "HostPort": "" }] } },
    })
}

#[tokio::test]
async fn what_is_printed_at_once_is_not_missed() {
    on_each(|lease| async move {
        let place = Place::of(lease).await;
        let removed = json!({ "HostConfig": { "AutoRemove": true } });
        for round in 0..longshore_testkit::sized(6, 100) {
            let (script, more) = match round % 2 {
                0 => ("echo early >&2; exit 7", json!({})),
                // Its log goes with it.
                _ => ("echo early >&2; sleep 0.3; exit 7", removed.clone()),
            };
            let id = place.script(&format!("once-{round}"), script, more).await;
            let wait = Wait::log_line("early")
                .on(StdStream::Stderr)
                .and(Wait::exited_with(7));
            place.start(&id, &wait).await.unwrap();
        }
    })
    .await;
}

#[tokio::test]
async fn a_line_of_an_earlier_run_satisfies_nothing() {
    on_each(|lease| async move {
        let place = Place::of(lease).await;
        let id = place.script("twice", "echo ready; exit 0", json!({})).await;
        place
            .start(&id, &Wait::log_line("ready").and(Wait::exited()))
            .await
            .unwrap();
        let error = place
            .start(&id, &Wait::log_line("ready").times(2))
            .await
            .unwrap_err();
        assert_eq!(error.kind(), WaitErrorKind::Died { exit_code: Some(0) });
        assert!(error.to_string().contains("1 of 2 lines"), "{error}");
        // The last run counts for who only asks.
        let asked = Wait::log_line("ready").and(Wait::exited_with(0));
        asked.ready(&place.engine, &id, &place.config).await.unwrap();
    })
    .await;
}

#[tokio::test]
async fn lines_are_counted_by_stream_and_pattern_however_they_come() {
    on_each(|lease| async move {
        let place = Place::of(lease).await;
        // Several in one write, and one in two.
        let script =
            "printf 'ready 1\\nready 2\\nrea'; sleep 0.1; printf 'dy 3\\n'; echo ready 4 >&2; sleep 600";
        let id = place.script("counted", script, json!({})).await;
        let regex = Pattern::regex("^ready [0-9]$").unwrap();
        let wait = Wait::log_line(regex.clone()).times(3).on(StdStream::Stdout);
        place
            .start(&id, &wait.and(Wait::log_line(regex).times(4)))
            .await
            .unwrap();
    })
    .await;
}

#[tokio::test]
async fn a_port_is_open_when_somebody_listens_behind_the_mapping() {
    on_each(|lease| async move {
        let place = Place::of(lease).await;
        let script = "mkdir /w; echo hello >/w/index.html; sleep 1; exec httpd -f -p 8080 -h /w";
        let id = place.script("web", script, published(8080)).await;
        let held = place.start(&id, &Wait::port(8080)).await.unwrap();
        assert!(held.waited >= Duration::from_secs(1), "{:?}", held.waited);
        let http = |path: &'static str| HttpCheck::new(8080, path);
        let right = Wait::http(http("/").status(200).body("hell")).and(Wait::http(http("/none").status(404)));
        right.ready(&place.engine, &id, &place.config).await.unwrap();
        let wrong = Wait::http(http("/none"))
            .or(Wait::http(http("/").body("bye")))
            .or(Wait::port(81));
        let hasty = place.config.clone().within(Duration::from_secs(5));
        let error = wrong.ready(&place.engine, &id, &hasty).await.unwrap_err();
        assert_eq!(error.kind(), WaitErrorKind::Deadline);
        let text = error.to_string();
        for seen in [
            "it answered 404",
            "it answered 200 without \"bye\"",
            "port 81: nothing listens in the container",
        ] {
            assert!(text.contains(seen), "{seen} in {text}");
        }
    })
    .await;
}

#[tokio::test]
async fn commands_files_and_health_are_waited_for() {
    on_each(|lease| async move {
        let place = Place::of(lease).await;
        let health = json!({ "Healthcheck": {
            "Test": ["CMD", "test", "-e", "/done"], "Interval": 100_000_000u64, "Retries": 1 } });
        let id = place
            .script("slow", "sleep 0.5; touch /done; sleep 600", health)
            .await;
        // Podman's health checks are timers of systemd, and an engine of the test run has none.
        let healthy = match place.lease.engine_name() {
            "podman" => Wait::running(),
            _ => Wait::healthy(),
        };
        let wait = healthy
            .and(Wait::file("/done"))
            .and(Wait::command(["test", "-e", "/done"]))
            .and(Wait::running())
            .and(!Wait::removed())
            .and(Wait::pause(Duration::from_millis(600)))
            .and(Wait::state("named", |container| !container.name.is_empty()));
        let held = place.start(&id, &wait).await.unwrap();
        assert!(held.waited >= Duration::from_millis(600), "{:?}", held.waited);
        let hasty = place.config.clone().within(Duration::from_secs(5));
        let wait = Wait::command(["sh", "-c", "echo not yet >&2; exit 3"]).and(Wait::file("/none"));
        let error = wait
            .ready(&place.engine, &id, &hasty)
            .await
            .unwrap_err()
            .to_string();
        assert!(
            error.contains("it ended with 3: not yet") && error.contains("it is not there"),
            "{error}"
        );
        let none = place.script("none", "sleep 600", json!({})).await;
        let error = place.start(&none, &Wait::healthy()).await.unwrap_err();
        assert_eq!(error.kind(), WaitErrorKind::Never, "{error}");
    })
    .await;
}

#[tokio::test]
async fn a_container_that_dies_ends_the_waiting_with_its_last_words() {
    on_each(|lease| async move {
        let place = Place::of(lease).await;
        let id = place
            .script(
                "dies",
                "sleep 0.2; echo FATAL: no disk >&2; exit 3",
                published(80),
            )
            .await;
        let wait = Wait::port(80).and(Wait::pause(Duration::from_secs(60)));
        let error = place.start(&id, &wait).await.unwrap_err();
        assert_eq!(error.kind(), WaitErrorKind::Died { exit_code: Some(3) });
        assert_eq!(error.last_line(), Some("FATAL: no disk"));
        assert!(error.waited() < Duration::from_secs(8), "{:?}", error.waited());
        let error = place.start(&id, &Wait::exited_with(0)).await.unwrap_err();
        assert_eq!(error.kind(), WaitErrorKind::Died { exit_code: Some(3) });
        // One that its policy starts again has not ended for good.
        let policy =
            json!({ "HostConfig": { "RestartPolicy": { "Name": "on-failure", "MaximumRetryCount": 5 } } });
        let script = "test -e /second && echo up && sleep 600; touch /second; exit 1";
        let again = place.script("again", script, policy).await;
        match place
            .start(&again, &Wait::log_line("up").and(Wait::running()))
            .await
        {
            Ok(_) => {}
            // Podman says `exited` between two runs too.
            Err(error) => {
                assert!(is_podman(&place.lease), "{error}");
                assert_eq!(error.kind(), WaitErrorKind::Died { exit_code: Some(1) });
            }
        }
        place.lease.remove(again.as_str()).await.unwrap();
        let error = Wait::running()
            .ready(&place.engine, &again, &place.config)
            .await
            .unwrap_err();
        assert_eq!(error.kind(), WaitErrorKind::Removed);
    })
    .await;
}

#[tokio::test]
async fn an_engine_that_was_away_is_waited_for() {
    let fake = FakeEngine::start(FakeConfig::default()).await.unwrap();
    let id = fake.create(Spec::new(SAMPLE_IMAGE)).await.unwrap();
    fake.set_health(&id, "starting").await.unwrap();
    let container = ContainerId::new(&id).unwrap();
    let client = engine(&fake.endpoint());
    let config = WaitConfig::default().within(Duration::from_secs(20));
    let wait = Wait::log_line("up").and(Wait::healthy());
    let (held, ()) = tokio::join!(wait.start(&client, &container, &config), async {
        longshore_testkit::eventually("it is started", async || {
            match fake.states().get(&id).map(String::as_str) {
                Some("running") => Ok(()),
                other => Err(other.map(str::to_owned)),
            }
        })
        .await;
        fake.restart(Restart::Crash).await.unwrap();
        fake.log(&id, false, "up\n").unwrap();
        fake.set_health(&id, "healthy").await.unwrap();
    });
    held.unwrap();
    let hasty = WaitConfig::default().within(Duration::from_millis(200));
    fake.go_down().await;
    let error = Wait::removed()
        .ready(&client, &container, &hasty)
        .await
        .unwrap_err();
    assert!(
        matches!(error.kind(), WaitErrorKind::Engine | WaitErrorKind::Deadline),
        "{error}"
    );
    fake.stop().await;
}
