//! The direct commands on real engines, where a fake one might agree with our mistakes.

use std::time::Duration;

use longshore_testkit::lease::{IMAGE, Lease, on_each};
use serde_json::{Value, json};

use crate::longshore::{Ran, longshore};

async fn run(lease: &Lease, args: &[&str]) -> Ran {
    longshore(args).engine(&lease.docker_host()).run().await
}

#[tokio::test]
async fn a_container_is_listed_read_and_followed() {
    on_each(|lease| async move {
        let line = "echo out-1; echo err-1 >&2; sleep 0.1; echo out-2; exec sleep 60";
        let id = lease.start("web", &["sh", "-c", line]).await.unwrap();
        let name = lease.name("web");

        let rows = run(
            &lease,
            &["ps", "--json", "--filter", &format!("label={}", lease.label())],
        )
        .await
        .json();
        assert_eq!(rows.len(), 1, "{rows:?}");
        assert_eq!((&rows[0]["id"], &rows[0]["name"]), (&json!(id), &json!(name)));
        // The image as the engine calls it: Podman with the registry in front that Docker leaves out.
        let registry = if lease.engine_name() == "podman" {
            "docker.io/"
        } else {
            ""
        };
        assert_eq!(
            (&rows[0]["image"], &rows[0]["state"]),
            (&json!(format!("{registry}{IMAGE}")), &json!("running"))
        );
        assert!(run(&lease, &["ps"]).await.out.contains(&name));

        // Followed until all lines are there: a log is written some time after its container.
        let mut followed = longshore(["logs", "-f", &name])
            .engine(&lease.docker_host())
            .start();
        assert_eq!([followed.line().await, followed.line().await], ["out-1", "out-2"]);
        assert_eq!(followed.said("err").await, "err-1");
        followed.signal("INT").await;
        assert_eq!(followed.ended().await.unwrap().0.code(), Some(130));
        let ran = run(&lease, &["logs", &id[..12]]).await;
        assert_eq!(
            (ran.out.as_str(), ran.err.as_str()),
            ("out-1\nout-2\n", "err-1\n")
        );
        let lines = run(&lease, &["logs", "--json", "--since", "10m", &id])
            .await
            .json();
        assert!(
            lines.len() == 3 && lines.iter().all(|line| line["time"].is_string()),
            "{lines:?}"
        );
        run(&lease, &["logs", "--until", "1h", &id]).await.prints("");

        let rows = run(&lease, &["stats", "--no-stream", "--json", &name])
            .await
            .json();
        let known = |row: &Value| row["cpu_percent"].is_number() && row["memory_bytes"].is_u64();
        assert!(rows.len() == 1 && known(&rows[0]), "{rows:?}");
    })
    .await;
}

#[tokio::test]
async fn a_terminal_is_read_raw() {
    on_each(|lease| async move {
        let spec = json!({ "Cmd": ["sh", "-c", "echo raw; echo lines"], "Tty": true, "HostConfig": { "NetworkMode": "none" } });
        let id = lease.create("tty", spec).await.unwrap();
        lease.call("POST", &format!("/containers/{id}/start"), None).await.unwrap();
        lease.call("POST", &format!("/containers/{id}/wait"), None).await.unwrap();
        let ran = run(&lease, &["logs", &id]).await;
        assert_eq!((ran.out.as_str(), ran.err.as_str()), ("raw\r\nlines\r\n", ""));
        let lines = run(&lease, &["logs", "--json", &id]).await.json();
        let texts: Vec<&Value> = lines.iter().map(|line| &line["text"]).collect();
        assert_eq!(texts, [&json!("raw"), &json!("lines")]);
    })
    .await;
}

#[tokio::test]
async fn events_are_told_while_they_happen_and_afterwards() {
    on_each(|lease| async move {
        let label = format!("label={}", lease.label());
        let follow = [
            "events",
            "--follow",
            "--json",
            "--filter",
            &label,
            "--filter",
            "type=container",
        ];
        let mut followed = longshore(follow).engine(&lease.docker_host()).start();
        // There is no sign of the subscription: containers are made until one is told.
        let mut made = 0;
        let first = loop {
            made += 1;
            lease.create(&format!("sign-{made}"), json!({})).await.unwrap();
            if let Ok(line) = tokio::time::timeout(Duration::from_millis(500), followed.line()).await {
                break line;
            }
            assert!(made < 20, "nothing was told");
        };
        let first: Value = serde_json::from_str(&first).unwrap();
        assert_eq!(
            (&first["type"], &first["action"]),
            (&json!("container"), &json!("create"))
        );
        assert!(
            first["time_nano"].is_i64() && first["attributes"]["name"].is_string(),
            "{first}"
        );
        followed.signal("TERM").await;
        drop(followed);

        let mut args = vec!["events", "--json", "--since", "10m"];
        args.extend(["--filter", &label, "--filter", "action=create"]);
        let told = run(&lease, &args).await.json();
        assert_eq!(told.len(), made, "{told:?}");
        assert!(told.contains(&first), "{first} is not in {told:?}");
    })
    .await;
}

#[tokio::test]
async fn what_is_not_there_is_said() {
    on_each(|lease| async move {
        let ghost = lease.name("ghost");
        run(&lease, &["logs", &ghost])
            .await
            .fails(4, &ghost, "longshore ps -a");
        run(&lease, &["stats", &ghost])
            .await
            .fails(4, &ghost, "longshore ps -a");
    })
    .await;
}
