//! A container to create: as tests describe it, and as the call's body does.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::{Value, json};

use super::world::Refusal;

/// What a container does once it runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Run {
    /// It runs until it is stopped.
    #[default]
    Forever,
    /// It ends by itself.
    Exits {
        /// Milliseconds after its start.
        after_ms: u64,
        /// With this code.
        code: i64,
    },
}

/// A container to create.
#[derive(Debug, Clone)]
pub struct Spec {
    pub(super) name: Option<String>,
    pub(super) image: String,
    pub(super) command: Vec<String>,
    pub(super) env: Vec<String>,
    pub(super) labels: BTreeMap<String, String>,
    pub(super) tty: bool,
    pub(super) auto_remove: bool,
    pub(super) run: Run,
    pub(super) host_config: Value,
    pub(super) ports: Vec<(u16, Option<u16>)>,
}

impl Spec {
    /// A container of `image`, named by the engine, that runs until it is stopped.
    #[must_use]
    pub fn new(image: &str) -> Self {
        Self {
            name: None,
            image: image.to_owned(),
            command: vec!["sleep".to_owned(), "infinity".to_owned()],
            env: vec!["PATH=/usr/local/bin:/usr/bin:/bin".to_owned()],
            labels: BTreeMap::new(),
            tty: false,
            auto_remove: false,
            run: Run::Forever,
            host_config: json!({}),
            ports: Vec::new(),
        }
    }

    /// Names it.
    #[must_use]
    pub fn name(mut self, name: &str) -> Self {
        self.name = Some(name.to_owned());
        self
    }

    /// Labels it.
    #[must_use]
    pub fn label(mut self, key: &str, value: &str) -> Self {
        self.labels.insert(key.to_owned(), value.to_owned());
        self
    }

    /// Gives it a terminal: its logs are not framed.
    #[must_use]
    pub fn tty(mut self) -> Self {
        self.tty = true;
        self
    }

    /// What it does once it runs.
    #[must_use]
    pub fn run(mut self, run: Run) -> Self {
        self.run = run;
        self
    }

    /// Publishes a TCP port; `public` is where on the host, `None` for one that is only exposed.
    #[must_use]
    pub fn port(mut self, private: u16, public: Option<u16>) -> Self {
        self.ports.push((private, public));
        self
    }
}

/// A container as `POST /containers/create` describes it.
pub(super) fn spec_from(body: &Value, name: Option<&str>) -> Result<Spec, Refusal> {
    let strings = |key: &str| -> Vec<String> {
        match body.get(key) {
            Some(Value::String(one)) => vec![one.clone()],
            Some(Value::Array(many)) => many
                .iter()
                .filter_map(|v| v.as_str().map(str::to_owned))
                .collect(),
            _ => Vec::new(),
        }
    };
    let Some(image) = body
        .get("Image")
        .and_then(Value::as_str)
        .filter(|image| !image.is_empty())
    else {
        return Err(Refusal::new(400, "no image specified"));
    };
    let mut spec = Spec::new(image);
    spec.name = name
        .filter(|name| !name.is_empty())
        .map(|name| name.trim_start_matches('/').to_owned());
    let mut command = strings("Entrypoint");
    command.extend(strings("Cmd"));
    spec.run = run_of(&command);
    spec.command = command;
    spec.env = strings("Env");
    spec.tty = body.get("Tty").and_then(Value::as_bool).unwrap_or(false);
    if let Some(labels) = body.get("Labels").and_then(Value::as_object) {
        spec.labels = labels
            .iter()
            .map(|(k, v)| (k.clone(), v.as_str().unwrap_or_default().to_owned()))
            .collect();
    }
    if let Some(config) = body.get("HostConfig").filter(|config| config.is_object()) {
        spec.auto_remove = config.get("AutoRemove").and_then(Value::as_bool).unwrap_or(false);
        spec.host_config = config.clone();
    }
    Ok(spec)
}

/// What a command that tests use would do.
fn run_of(command: &[String]) -> Run {
    let words: Vec<&str> = command.iter().map(String::as_str).collect();
    match words.as_slice() {
        ["true"] => Run::Exits { after_ms: 0, code: 0 },
        ["false"] => Run::Exits { after_ms: 0, code: 1 },
        ["sleep", seconds] => match seconds.parse::<f64>() {
            Ok(seconds) if seconds.is_finite() && (0.0..1e9).contains(&seconds) => Run::Exits {
                after_ms: Duration::from_secs_f64(seconds).as_millis() as u64,
                code: 0,
            },
            _ => Run::Forever,
        },
        ["sh", "-c", script] => match script.strip_prefix("exit ").and_then(|code| code.parse().ok()) {
            Some(code) => Run::Exits { after_ms: 0, code },
            None => Run::Forever,
        },
        _ => Run::Forever,
    }
}
