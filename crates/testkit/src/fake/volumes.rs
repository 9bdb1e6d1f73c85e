//! Volumes of the fake engine: made, listed, removed and pruned, with their events. Making one that is there gives it as
//! it is, as in the real one.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::{Value, json};

use super::clock::rfc3339;
use super::event::Draft;
use super::request::Request;
use super::route::{Reply, Trouble};
use super::world::{Filters, Refusal};
use super::{Shared, lock};

/// Answers what is asked about volumes; `parts` is the path behind `/volumes`.
pub(super) async fn serve(shared: &Arc<Shared>, request: &Request, parts: &[&str]) -> Result<Reply, Trouble> {
    Ok(match (request.method.as_str(), parts) {
        ("GET", []) => {
            let filters = Filters::parse(request.query("filters"))?;
            let world = lock(&shared.world);
            let all: Vec<_> = world.volumes.values().filter(|one| fits(&filters, one)).collect();
            Reply::Json(200, json!({"Volumes": all, "Warnings": null}))
        }
        ("POST", ["create"]) => create(shared, request).await?,
        ("POST", ["prune"]) => prune(shared, request).await?,
        ("GET", [name]) => {
            let world = lock(&shared.world);
            let volume = world.volumes.get(*name).cloned();
            Reply::Json(200, volume.ok_or_else(|| none(name))?)
        }
        ("DELETE", [name]) => {
            let removed = lock(&shared.world).volumes.remove(*name);
            match removed {
                Some(_) => tell(shared, "destroy", name).await,
                None if request.flag("force") => {}
                None => return Err(none(name).into()),
            }
            Reply::Status(204)
        }
        _ => return Err(Refusal::new(404, "page not found").into()),
    })
}

fn none(name: &str) -> Refusal {
    Refusal::new(404, format!("get {name}: no such volume"))
}

fn labels(volume: &Value) -> BTreeMap<String, String> {
    let labels = volume["Labels"].as_object().into_iter().flatten();
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    labels.map(|(key, value)| (key.clone(), text(value))).collect()
}

fn fits(filters: &Filters, volume: &Value) -> bool {
    let text = |key: &str| volume[key].as_str().unwrap_or_default();
    filters.any("name", |part| text("Name").contains(part))
        && filters.any("driver", |driver| text("Driver") == driver)
        && filters.labels(&labels(volume))
}

async fn create(shared: &Arc<Shared>, request: &Request) -> Result<Reply, Trouble> {
    let body = request.json().map_err(|why| Refusal::new(400, why))?;
    let named = body["Name"].as_str().filter(|name| !name.is_empty());
    let name = named.map_or_else(|| shared.dice.id(), str::to_owned);
    let mut labels = labels(&body);
    if named.is_none() {
        labels.insert("com.docker.volume.anonymous".to_owned(), String::new());
    }
    let (volume, made) = {
        let mut world = lock(&shared.world);
        match world.volumes.get(&name) {
            Some(volume) => (volume.clone(), false),
            None => {
                let options = Some(&body["DriverOpts"])
                    .filter(|all| all.as_object().is_some_and(|all| !all.is_empty()));
                let volume = json!({
                    "Name": name, "Driver": body["Driver"].as_str().unwrap_or("local"), "Scope": "local",
                    "Mountpoint": format!("/var/lib/docker/volumes/{name}/_data"), "Labels": labels,
                    "Options": options, "CreatedAt": rfc3339(shared.clock.now()),
                });
                world.volumes.insert(name.clone(), volume.clone());
                (volume, true)
            }
        }
    };
    if made {
        tell(shared, "create", &name).await;
    }
    Ok(Reply::Json(201, volume))
}

async fn prune(shared: &Arc<Shared>, request: &Request) -> Result<Reply, Trouble> {
    let filters = Filters::parse(request.query("filters"))?;
    let all = filters
        .get("all")
        .iter()
        .any(|all| matches!(all.as_str(), "true" | "1"));
    let gone: Vec<String> = {
        let mut world = lock(&shared.world);
        let goes = |volume: &Value| {
            let labels = labels(volume);
            (all || labels.contains_key("com.docker.volume.anonymous")) && filters.labels(&labels)
        };
        let gone = world.volumes.iter().filter(|(_, volume)| goes(volume));
        let gone: Vec<_> = gone.map(|(name, _)| name.clone()).collect();
        for name in &gone {
            world.volumes.remove(name);
        }
        gone
    };
    for name in &gone {
        tell(shared, "destroy", name).await;
    }
    Ok(Reply::Json(
        200,
        json!({"VolumesDeleted": gone, "SpaceReclaimed": 0}),
    ))
}

async fn tell(shared: &Shared, action: &str, name: &str) {
    shared
        .emit(Draft::new("volume", action, name).with("driver", "local"))
        .await;
}
