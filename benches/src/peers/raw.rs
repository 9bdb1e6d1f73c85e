//! The floor: requests written by hand on one kept connection, answers read whole and not looked into.

use futures_util::future::{FutureExt, LocalBoxFuture, try_join_all};
use longshore_testkit::raw::{Connection, Target};
use serde_json::json;

use super::Peer;
use crate::{
    Result,
    op::{AT_ONCE, MANY, Op, Run, Subject, repeat},
};

pub(crate) struct Raw {
    target: Target,
    kept: Connection,
}

impl Raw {
    pub(crate) async fn connect(host: &str) -> Result<Self> {
        let target: Target = host.parse()?;
        Ok(Self {
            kept: Connection::connect(&target).await?,
            target,
        })
    }
}

impl Peer for Raw {
    fn name(&self) -> String {
        "hand-written, kept".to_owned()
    }

    fn run<'a>(&'a mut self, op: Op, count: usize, subject: &'a Subject) -> LocalBoxFuture<'a, Result<Run>> {
        async move {
            let (target, kept) = (&self.target, &mut self.kept);
            let (label, value) = (&subject.label.0, &subject.label.1);
            let create = json!({ "Image": subject.image, "Cmd": ["true"], "Labels": { label: value },
                "HostConfig": { "NetworkMode": "none" } })
            .to_string();
            let exec = json!({ "AttachStdout": true, "AttachStderr": true, "Cmd": ["true"] }).to_string();
            let sleeper =
                json!({ "Image": subject.image, "Cmd": ["sleep", "600"], "Labels": { label: value },
                "HostConfig": { "NetworkMode": "none" } })
                .to_string();
            let id = &subject.id;
            repeat(count, async || {
                match op {
                    Op::Ping => drop(ok(kept, "GET", "/v1.41/_ping", None).await?),
                    Op::Inspect => {
                        drop(ok(kept, "GET", &format!("/v1.41/containers/{id}/json"), None).await?);
                    }
                    Op::List => drop(ok(kept, "GET", "/v1.41/containers/json?all=1", None).await?),
                    Op::Lifecycle => {
                        let made = ok(kept, "POST", "/v1.41/containers/create", Some(&create)).await?;
                        let path = format!("/v1.41/containers/{}", made["Id"].as_str().unwrap_or_default());
                        ok(kept, "POST", &format!("{path}/start"), None).await?;
                        ok(kept, "POST", &format!("{path}/wait"), None).await?;
                        ok(kept, "DELETE", &path, None).await?;
                    }
                    Op::Exec => {
                        let made =
                            ok(kept, "POST", &format!("/v1.41/containers/{id}/exec"), Some(&exec)).await?;
                        let path = format!("/v1.41/exec/{}", made["Id"].as_str().unwrap_or_default());
                        let mut stream = Connection::connect(target).await?;
                        let start = br#"{"Detach":false,"Tty":false}"#;
                        stream
                            .upgrade("POST", &format!("{path}/start"), Some(start))
                            .await?;
                        while !stream.read_raw().await?.is_empty() {}
                        ok(kept, "GET", &format!("{path}/json"), None).await?;
                    }
                    Op::Many => {
                        let workers = (0..AT_ONCE).map(|_| worker(target, &sleeper));
                        try_join_all(workers).await?;
                    }
                }
                Ok(())
            })
            .await
        }
        .boxed_local()
    }
}

/// Its share of many, on a connection of its own.
async fn worker(target: &Target, create: &str) -> Result<()> {
    let mut kept = Connection::connect(target).await?;
    for _ in 0..MANY / AT_ONCE {
        let made = ok(&mut kept, "POST", "/v1.41/containers/create", Some(create)).await?;
        let path = format!("/v1.41/containers/{}", made["Id"].as_str().unwrap_or_default());
        ok(&mut kept, "POST", &format!("{path}/start"), None).await?;
        ok(&mut kept, "DELETE", &format!("{path}?force=1"), None).await?;
    }
    Ok(())
}

/// One call; what an operation goes on with is parsed, everything else is left as bytes.
async fn ok(
    kept: &mut Connection,
    method: &str,
    path: &str,
    body: Option<&str>,
) -> Result<serde_json::Value> {
    let answer = kept.call(method, path, body.map(str::as_bytes)).await?;
    if answer.status() >= 300 {
        return Err(format!("{method} {path}: {} {}", answer.status(), answer.text()).into());
    }
    Ok(if answer.status() == 201 {
        answer.json()?
    } else {
        serde_json::Value::Null
    })
}
