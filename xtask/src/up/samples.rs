//! A few containers to look at, on an engine that holds none: a web server, a clock that writes a log, something that
//! uses the processor in waves, and a job that has ended.

use std::path::Path;

use anyhow::{Context as _, Result};
use serde_json::{Value, json};

use super::find::Found;
use crate::engine::{self, Api, SAMPLE_IMAGE};

/// The label of everything that is made here.
pub(super) const OWNER: &str = "io.longshore.owner=xtask-up";

const WAVES: &str =
    "i=0; while true; do i=$(( (i + 1) % 6 )); timeout $i sh -c 'while true; do :; done'; sleep 3; done";
const CLOCK: &str = "trap 'exit 0' TERM; while true; do date -Iseconds; sleep 1; done";

#[derive(Debug)]
pub(super) struct Samples {
    api: Api,
    ids: Vec<String>,
}

/// Starts the samples when the engine holds no container at all; `None` when it holds some.
pub(super) async fn start_if_empty(cache: &Path, found: &Found) -> Result<Option<Samples>> {
    let api = found.api.clone();
    let held = api.get("/containers/json?all=true").await?.ok()?.json()?;
    if held.as_array().is_some_and(|containers| !containers.is_empty()) {
        return Ok(None);
    }
    if let Err(error) = engine::ensure_sample_image(cache, &api).await {
        // An engine of the user's own on a machine without Debian's packages: the page works without samples.
        eprintln!("no sample containers: {error:#}");
        return Ok(None);
    }
    let mut samples = Samples { api, ids: Vec::new() };
    for (name, spec) in specs() {
        if let Err(error) = samples.start(name, spec).await {
            samples.remove().await.ok();
            return Err(error.context(format!("sample container {name}")));
        }
    }
    eprintln!("started {} sample containers", samples.ids.len());
    Ok(Some(samples))
}

fn specs() -> [(&'static str, Value); 4] {
    let web = json!({
        "Cmd": ["httpd", "-f", "-v", "-p", "80", "-h", "/www"],
        "ExposedPorts": { "80/tcp": {} },
        "Healthcheck": { "Test": ["CMD", "wget", "-q", "-O", "-", "http://localhost/"], "Interval": 5_000_000_000_u64 },
        "HostConfig": { "Init": true, "PortBindings": { "80/tcp": [{ "HostPort": "" }] } },
    });
    let clock = json!({ "Cmd": ["sh", "-c", CLOCK], "HostConfig": { "Init": true } });
    let waves = json!({
        "Cmd": ["sh", "-c", WAVES],
        "HostConfig": { "Init": true, "NanoCpus": 250_000_000, "Memory": 33_554_432 },
    });
    let job = json!({ "Cmd": ["sh", "-c", "echo done; exit 3"] });
    [
        ("sample-web", web),
        ("sample-clock", clock),
        ("sample-waves", waves),
        ("sample-job", job),
    ]
}

impl Samples {
    async fn start(&mut self, name: &str, mut spec: Value) -> Result<()> {
        spec["Image"] = json!(SAMPLE_IMAGE);
        spec["Labels"] = json!({
            "io.longshore.managed": "true",
            "io.longshore.owner": "xtask-up",
            "io.longshore.schema": "1",
            "com.docker.compose.project": "sample",
        });
        let created = self
            .api
            .post(&format!("/containers/create?name={name}"), &spec)
            .await?
            .ok()?
            .json()?;
        let id = created["Id"]
            .as_str()
            .context("the engine gave no id")?
            .to_owned();
        self.ids.push(id.clone());
        self.api
            .post(&format!("/containers/{id}/start"), &Value::Null)
            .await?
            .ok()?;
        Ok(())
    }

    /// Removes what was started; one that is gone already is fine.
    pub(super) async fn remove(self) -> Result<()> {
        for id in &self.ids {
            let answer = self
                .api
                .delete(&format!("/containers/{id}?force=true&v=true"))
                .await?;
            if answer.status != 404 {
                answer.ok()?;
            }
        }
        Ok(())
    }
}
