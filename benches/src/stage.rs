//! The stage: 200 containers and a running one, labelled, made before and removed after.

use longshore_testkit::raw::{Answer, Connection, Target};
use serde_json::{Value, json};

use crate::{Result, op::Subject};

/// What everything made here bears.
const LABEL: &str = "io.longshore.test";

pub(crate) struct Stage {
    call: Connection,
    pub(crate) subject: Subject,
}

impl Stage {
    /// Fills the engine up to `total` containers, one of them running.
    ///
    /// Holders of the list's weight are never started: they cost the engine nothing but their row.
    pub(crate) async fn set(host: &str, image: &str, total: usize) -> Result<Self> {
        let target: Target = host.parse()?;
        let call = Connection::connect(&target).await?;
        let label = (LABEL.to_owned(), format!("bench-{}", std::process::id()));
        let subject = Subject {
            id: String::new(),
            image: image.to_owned(),
            label,
        };
        let mut stage = Self { call, subject };
        stage.subject.id = stage.create(&["sleep", "86400"], "none").await?;
        let path = format!("/v1.41/containers/{}/start", stage.subject.id);
        stage.ok("POST", &path, None).await?;
        let there = stage
            .ok("GET", "/v1.41/containers/json?all=1", None)
            .await?
            .json::<Vec<Value>>()?
            .len();
        for _ in there..total {
            stage.create(&["true"], "none").await?;
        }
        Ok(stage)
    }

    /// Runs containers until `total` are, each on a network.
    pub(crate) async fn run(&mut self, total: usize) -> Result<()> {
        for _ in 1..total {
            let id = self.create(&["sleep", "86400"], "bridge").await?;
            self.ok("POST", &format!("/v1.41/containers/{id}/start"), None)
                .await?;
        }
        Ok(())
    }

    /// What runs behind the socket, for the page of figures.
    pub(crate) async fn engine(&mut self) -> Result<String> {
        let version = self.ok("GET", "/version", None).await?.json::<Value>()?;
        let word = |key: &str| version[key].as_str().unwrap_or("?").to_owned();
        Ok(format!("engine {} (API {})", word("Version"), word("ApiVersion")))
    }

    /// Gives the running container a new name: the cheapest call that causes an event.
    pub(crate) async fn rename(&mut self, name: &str) -> Result<()> {
        let path = format!("/v1.41/containers/{}/rename?name={name}", self.subject.id);
        self.ok("POST", &path, None).await.map(drop)
    }

    /// Removes all that bears this run's label.
    pub(crate) async fn strike(mut self) -> Result<()> {
        let (key, value) = &self.subject.label;
        let filters = format!("%7B%22label%22%3A%5B%22{key}%3D{value}%22%5D%7D");
        let path = format!("/v1.41/containers/json?all=1&filters={filters}");
        for row in self.ok("GET", &path, None).await?.json::<Vec<Value>>()? {
            let id = row["Id"].as_str().unwrap_or_default();
            self.ok("DELETE", &format!("/v1.41/containers/{id}?force=1"), None)
                .await?;
        }
        Ok(())
    }

    async fn create(&mut self, cmd: &[&str], network: &str) -> Result<String> {
        let (key, value) = &self.subject.label;
        let body = json!({ "Image": self.subject.image, "Cmd": cmd, "Labels": { key: value, "io.longshore.managed": "true" },
            "HostConfig": { "NetworkMode": network } });
        let answer = self
            .ok("POST", "/v1.41/containers/create", Some(&body.to_string()))
            .await?;
        Ok(answer.json::<Value>()?["Id"].as_str().ok_or("no id")?.to_owned())
    }

    async fn ok(&mut self, method: &str, path: &str, body: Option<&str>) -> Result<Answer> {
        let answer = self.call.call(method, path, body.map(str::as_bytes)).await?;
        if answer.status() >= 300 {
            return Err(format!("{method} {path}: {} {}", answer.status(), answer.text()).into());
        }
        Ok(answer)
    }
}
