//! Execs of the fake engine: created, started over a hijacked connection, inspected; what they do is scripted.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use serde_json::{Value, json};

use super::http::Conn;
use super::logs::{content_type, frame};
use super::request::Request;
use super::route::{Reply, Trouble};
use super::world::Refusal;
use super::{Shared, lock};

/// What a command does when it is run by exec.
#[derive(Debug, Clone, Default)]
pub struct Script {
    steps: Vec<Step>,
    code: i64,
    stays: bool,
}

#[derive(Debug, Clone)]
enum Step {
    Out(Bytes),
    Err(Bytes),
    Pause(Duration),
    Raw(Bytes),
    Echo,
}

impl Script {
    /// Ends with `code`.
    #[must_use]
    pub fn exits(code: i64) -> Self {
        Self {
            code,
            ..Self::default()
        }
    }

    /// Writes to standard output.
    #[must_use]
    pub fn out(mut self, bytes: impl Into<Bytes>) -> Self {
        self.steps.push(Step::Out(bytes.into()));
        self
    }

    /// Writes to standard error.
    #[must_use]
    pub fn err(mut self, bytes: impl Into<Bytes>) -> Self {
        self.steps.push(Step::Err(bytes.into()));
        self
    }

    /// Waits.
    #[must_use]
    pub fn pause(mut self, time: Duration) -> Self {
        self.steps.push(Step::Pause(time));
        self
    }

    /// Puts bytes on the stream that are no frame: a header that lies, half of one.
    #[must_use]
    pub fn raw(mut self, bytes: impl Into<Bytes>) -> Self {
        self.steps.push(Step::Raw(bytes.into()));
        self
    }

    /// Copies standard input to standard output until it ends.
    #[must_use]
    pub fn echo(mut self) -> Self {
        self.steps.push(Step::Echo);
        self
    }

    /// Keeps the stream open and never ends.
    #[must_use]
    pub fn stays(mut self) -> Self {
        self.stays = true;
        self
    }
}

#[derive(Debug)]
pub(super) struct Exec {
    pub(super) container: String,
    argv: Vec<String>,
    tty: bool,
    running: bool,
    started: bool,
    code: Option<i64>,
}

pub(super) async fn create(
    shared: &Arc<Shared>,
    request: &Request,
    reference: &str,
) -> Result<Reply, Trouble> {
    let body = request.json().map_err(|why| Refusal::new(400, why))?;
    let argv: Vec<String> = body
        .get("Cmd")
        .and_then(Value::as_array)
        .map(|words| {
            words
                .iter()
                .filter_map(|word| word.as_str().map(str::to_owned))
                .collect()
        })
        .unwrap_or_default();
    if argv.is_empty() {
        return Err(Refusal::new(400, "No exec command specified").into());
    }
    let exec_id = shared.dice.id();
    let action = format!("exec_create: {}", argv.join(" "));
    let id = {
        let mut world = lock(&shared.world);
        let container = world.container(reference)?;
        let id = container.id.clone();
        match container.state {
            "running" => {}
            "paused" => {
                return Err(Refusal::new(
                    409,
                    format!("Container {id} is paused, unpause the container before exec"),
                )
                .into());
            }
            _ => return Err(Refusal::new(409, format!("container {id} is not running")).into()),
        }
        let exec = Exec {
            container: id.clone(),
            argv,
            tty: body.get("Tty").and_then(Value::as_bool).unwrap_or(false),
            running: false,
            started: false,
            code: None,
        };
        world.execs.insert(exec_id.clone(), exec);
        id
    };
    shared
        .tell_exec(&id, &action, &[("execID", exec_id.clone())])
        .await;
    Ok(Reply::Json(201, json!({"Id": exec_id})))
}

pub(super) async fn start(
    shared: &Arc<Shared>,
    conn: &mut Conn,
    request: &Request,
    exec_id: &str,
) -> Result<Reply, Trouble> {
    let body = request.json().map_err(|why| Refusal::new(400, why))?;
    let (container, argv, tty) = {
        let mut world = lock(&shared.world);
        let exec = world.execs.get_mut(exec_id).ok_or_else(|| no_exec(exec_id))?;
        if exec.started {
            return Err(Refusal::new(409, format!("exec {exec_id} has already been started")).into());
        }
        exec.started = true;
        exec.running = true;
        (exec.container.clone(), exec.argv.clone(), exec.tty)
    };
    let detach = body.get("Detach").and_then(Value::as_bool).unwrap_or(false);
    let action = format!("exec_start: {}", argv.join(" "));
    shared
        .tell_exec(&container, &action, &[("execID", exec_id.to_owned())])
        .await;
    let script = shared.script(&argv);
    if detach {
        let (shared, exec_id) = (Arc::clone(shared), exec_id.to_owned());
        let tracker = shared.tracker.clone();
        tracker.spawn(shared.stop.clone().run_until_cancelled_owned(async move {
            for step in &script.steps {
                if let Step::Pause(time) = step {
                    tokio::time::sleep(*time).await;
                }
            }
            finish(&shared, &exec_id, script.code).await;
        }));
        return Ok(Reply::Status(200));
    }
    // Without an upgrade even the newest engine announces framed output as raw.
    let kind = if request.upgrade {
        content_type(shared, request, tty)
    } else {
        "application/vnd.docker.raw-stream"
    };
    conn.hijack(request.upgrade, kind).await?;
    // The command goes on when its reader hangs up: there is no call that ends an exec.
    let written = play(conn, &script, tty).await;
    if script.stays {
        written?;
        while !conn.incoming().await?.is_empty() {}
        return Ok(Reply::Taken);
    }
    finish(shared, exec_id, script.code).await;
    written?;
    conn.close().await;
    Ok(Reply::Taken)
}

async fn play(conn: &mut Conn, script: &Script, tty: bool) -> std::io::Result<()> {
    for step in &script.steps {
        match step {
            Step::Out(bytes) => write(conn, 1, bytes, tty).await?,
            Step::Err(bytes) => write(conn, 2, bytes, tty).await?,
            Step::Raw(bytes) => conn.send(bytes).await?,
            Step::Pause(time) => tokio::time::sleep(*time).await,
            Step::Echo => loop {
                let bytes = conn.incoming().await?;
                if bytes.is_empty() {
                    break;
                }
                write(conn, 1, &bytes, tty).await?;
            },
        }
    }
    Ok(())
}

async fn write(conn: &mut Conn, stream: u8, bytes: &[u8], tty: bool) -> std::io::Result<()> {
    if tty {
        return conn.send(bytes).await;
    }
    let mut framed = Vec::with_capacity(bytes.len() + 8);
    frame(&mut framed, stream, bytes);
    conn.send(&framed).await
}

async fn finish(shared: &Shared, exec_id: &str, code: i64) {
    let container = {
        let mut world = lock(&shared.world);
        let Some(exec) = world.execs.get_mut(exec_id) else {
            return;
        };
        exec.running = false;
        exec.code = Some(code);
        exec.container.clone()
    };
    let extra = [("execID", exec_id.to_owned()), ("exitCode", code.to_string())];
    shared.tell_exec(&container, "exec_die", &extra).await;
}

pub(super) fn inspect(shared: &Shared, exec_id: &str) -> Result<Reply, Refusal> {
    let world = lock(&shared.world);
    let exec = world.execs.get(exec_id).ok_or_else(|| no_exec(exec_id))?;
    Ok(Reply::Json(
        200,
        json!({
            "ID": exec_id, "Running": exec.running, "ExitCode": exec.code, "ContainerID": exec.container,
            "ProcessConfig": {"tty": exec.tty, "entrypoint": exec.argv.first(), "arguments": exec.argv.get(1..)},
            "OpenStdin": false, "OpenStderr": true, "OpenStdout": true, "CanRemove": false, "DetachKeys": "",
            "Pid": if exec.running { 4242 } else { 0 },
        }),
    ))
}

fn no_exec(id: &str) -> Refusal {
    Refusal::new(404, format!("No such exec instance: {id}"))
}

/// What a command without a script of its own does.
pub(super) fn default_script(argv: &[String]) -> Script {
    let words: Vec<&str> = argv.iter().map(String::as_str).collect();
    match words.as_slice() {
        ["true"] => Script::exits(0),
        ["false"] => Script::exits(1),
        ["cat"] => Script::exits(0).echo(),
        ["echo", rest @ ..] => Script::exits(0).out(format!("{}\n", rest.join(" "))),
        ["sleep", "infinity"] => Script::exits(0).stays(),
        ["sh", "-c", script] if script.starts_with("exit ") => {
            Script::exits(script.trim_start_matches("exit ").parse().unwrap_or(2))
        }
        [program, ..] => Script::exits(127).out(format!(
            "OCI runtime exec failed: exec failed: unable to start container process: exec: \"{program}\": \
             executable file not found in $PATH: unknown\r\n"
        )),
        [] => Script::exits(126),
    }
}
