//! Which request means what: the fake engine's table of routes.

use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use serde_json::{Value, json};
use tokio::time::Instant;

use super::clock::rfc3339;
use super::http::Conn;
use super::request::{Request, decode};
use super::spec::spec_from;
use super::verbs::Did;
use super::world::{Filters, Refusal};
use super::{Shared, events, exec, logs, networks, stats, volumes, wait};

const JSON: &str = "application/json";

/// What a route hands back when it has not written its answer itself.
pub(super) enum Reply {
    Json(u16, Value),
    Text(&'static str),
    Status(u16),
    /// It wrote its answer; the connection may serve another request.
    Written,
    /// It took the connection over.
    Taken,
}

impl From<Did> for Reply {
    fn from(did: Did) -> Self {
        Self::Status(match did {
            Did::Done => 204,
            Did::Already => 304,
        })
    }
}

/// Either the engine says no, or the socket broke.
pub(super) enum Trouble {
    Refused(Refusal),
    Broken(io::Error),
}

impl From<Refusal> for Trouble {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

impl From<io::Error> for Trouble {
    fn from(error: io::Error) -> Self {
        Self::Broken(error)
    }
}

/// Handles a request; whether the connection may serve another.
pub(super) async fn handle(shared: &Arc<Shared>, conn: &mut Conn, request: &Request) -> io::Result<bool> {
    let outcome = match check_version(shared, request) {
        Ok(()) => dispatch(shared, conn, request).await,
        Err(refusal) => Err(refusal.into()),
    };
    match outcome {
        Ok(Reply::Json(status, value)) => {
            conn.answer(status, JSON, &serde_json::to_vec(&value).unwrap_or_default())
                .await?;
        }
        Ok(Reply::Text(text)) => {
            conn.answer(200, "text/plain; charset=utf-8", text.as_bytes())
                .await?;
        }
        Ok(Reply::Status(status)) => conn.answer(status, JSON, b"").await?,
        Ok(Reply::Written) => {}
        Ok(Reply::Taken) => return Ok(false),
        Err(Trouble::Refused(refusal)) => conn.answer(refusal.status, JSON, &refusal.body()).await?,
        Err(Trouble::Broken(error)) => return Err(error),
    }
    Ok(true)
}

fn check_version(shared: &Shared, request: &Request) -> Result<(), Refusal> {
    let Some((major, minor)) = request.version else {
        return Ok(());
    };
    let (newest, oldest) = (shared.config.api_version, shared.config.min_api_version);
    if (major, minor) > newest {
        return Err(Refusal::new(
            400,
            format!(
                "client version {major}.{minor} is too new. Maximum supported API version is {}.{}",
                newest.0, newest.1
            ),
        ));
    }
    if (major, minor) < oldest {
        return Err(Refusal::new(
            400,
            format!(
                "client version {major}.{minor} is too old. Minimum supported API version is {}.{}, \
                 please upgrade your client to a newer version",
                oldest.0, oldest.1
            ),
        ));
    }
    Ok(())
}

async fn dispatch(shared: &Arc<Shared>, conn: &mut Conn, request: &Request) -> Result<Reply, Trouble> {
    let parts: Vec<String> = request.path.split('/').skip(1).map(decode).collect();
    let parts: Vec<&str> = parts.iter().map(String::as_str).collect();
    let reply = match (request.method.as_str(), parts.as_slice()) {
        ("GET" | "HEAD", ["_ping"]) => Reply::Text(if request.method == "GET" { "OK" } else { "" }),
        ("GET", ["version"]) => Reply::Json(200, version(shared)),
        ("GET", ["info"]) => Reply::Json(200, info(shared)),
        ("GET", ["events"]) => return events::serve(shared, conn, request).await,
        ("GET", ["images", "json"]) => Reply::Json(200, super::lock(&shared.world).image_list()),
        (_, ["networks", rest @ ..]) => return networks::serve(shared, request, rest).await,
        (_, ["volumes", rest @ ..]) => return volumes::serve(shared, request, rest).await,
        ("GET", ["containers", "json"]) => Reply::Json(200, list(shared, request)?),
        ("POST", ["containers", "create"]) => {
            let body = request.json().map_err(|why| Refusal::new(400, why))?;
            let id = shared.create(spec_from(&body, request.query("name"))?).await?;
            Reply::Json(201, json!({"Id": id, "Warnings": []}))
        }
        ("GET", ["containers", id, "json"]) => {
            Reply::Json(200, super::lock(&shared.world).container(id)?.inspect())
        }
        ("GET", ["containers", id, "logs"]) => return logs::serve(shared, conn, request, id).await,
        ("GET", ["containers", id, "stats"]) => return stats::serve(shared, conn, request, id).await,
        ("POST", ["containers", id, "wait"]) => return wait::serve(shared, conn, request, id).await,
        ("POST", ["containers", id, "exec"]) => exec::create(shared, request, id).await?,
        ("POST", ["exec", id, "start"]) => return exec::start(shared, conn, request, id).await,
        ("GET", ["exec", id, "json"]) => exec::inspect(shared, id)?,
        ("POST", ["exec", _, "resize"]) => Reply::Status(200),
        ("POST", ["containers", id, "start"]) => shared.start(id).await?.into(),
        ("POST", ["containers", id, "stop"]) => shared.stop(id).await?.into(),
        ("POST", ["containers", id, "restart"]) => shared.restart_container(id).await?.into(),
        ("POST", ["containers", id, "kill"]) => shared
            .kill(id, request.query("signal").unwrap_or_default())
            .await?
            .into(),
        ("POST", ["containers", id, "pause"]) => shared.pause(id, true).await?.into(),
        ("POST", ["containers", id, "unpause"]) => shared.pause(id, false).await?.into(),
        ("POST", ["containers", id, "rename"]) => shared
            .rename(id, request.query("name").unwrap_or_default())
            .await?
            .into(),
        ("DELETE", ["containers", id]) => shared.remove(id, request.flag("force")).await?.into(),
        _ => return Err(Refusal::new(404, "page not found").into()),
    };
    Ok(reply)
}

fn version(shared: &Shared) -> Value {
    let (newest, oldest) = (shared.config.api_version, shared.config.min_api_version);
    json!({
        "Platform": {"Name": "Fake Engine"},
        "Components": [{"Name": "Engine", "Version": shared.config.server_version}],
        "Version": shared.config.server_version,
        "ApiVersion": format!("{}.{}", newest.0, newest.1),
        "MinAPIVersion": format!("{}.{}", oldest.0, oldest.1),
        "GitCommit": "fake", "GoVersion": "none", "Os": "linux", "Arch": "amd64",
        "KernelVersion": "6.1.0-fake", "BuildTime": "2026-01-01T00:00:00.000000000+00:00",
    })
}

fn info(shared: &Shared) -> Value {
    let world = super::lock(&shared.world);
    json!({
        "ID": shared.engine_id, "Name": "fake", "NCPU": shared.config.cpus, "MemTotal": shared.config.memory,
        "ServerVersion": shared.config.server_version, "OperatingSystem": "Fake Linux", "OSType": "linux",
        "OSVersion": "1", "Architecture": "x86_64", "KernelVersion": "6.1.0-fake", "CgroupDriver": "cgroupfs",
        "CgroupVersion": "2", "Driver": "overlay2", "DockerRootDir": "/var/lib/docker",
        "Containers": world.containers.len(), "ContainersRunning": world.count("running"),
        "ContainersPaused": world.count("paused"),
        "ContainersStopped": world.containers.values().filter(|c| !c.is_up()).count(),
        "Images": world.images.len(), "SystemTime": rfc3339(shared.clock.now()),
        "NEventsListener": shared.log.subscribers(), "Labels": [], "Warnings": null,
        "Swarm": {"LocalNodeState": "inactive"}, "Requests": shared.requests.load(Ordering::Relaxed),
    })
}

fn list(shared: &Shared, request: &Request) -> Result<Value, Refusal> {
    let filters = Filters::parse(request.query("filters"))?;
    let all = request.flag("all") || !filters.get("status").is_empty();
    let limit = request
        .query("limit")
        .and_then(|limit| limit.parse().ok())
        .filter(|limit| *limit > 0);
    let (now, clock) = (Instant::now(), shared.clock.now());
    let world = super::lock(&shared.world);
    let mut shown: Vec<_> = world
        .containers
        .values()
        .filter(|container| {
            let state = container.listed_state(now);
            (all || matches!(state, "running" | "paused" | "restarting"))
                && filters.any("status", |wanted| state == wanted)
                && filters.any("id", |wanted| container.id.starts_with(wanted))
                && filters.any("name", |wanted| {
                    container
                        .name
                        .contains(wanted.trim_start_matches(['^', '/']).trim_end_matches('$'))
                })
                && filters.any("ancestor", |wanted| {
                    container.spec.image == wanted || container.image_id == wanted
                })
                && filters.any("health", |wanted| {
                    container.health.as_deref().unwrap_or("none") == wanted
                })
                && filters.labels(&container.spec.labels)
        })
        .collect();
    shown.sort_by_key(|container| std::cmp::Reverse(container.created));
    shown.truncate(limit.unwrap_or(usize::MAX));
    Ok(shown
        .iter()
        .map(|container| container.summary(now, clock))
        .collect())
}
