//! Networks of the fake engine: made, listed, joined, left, removed and pruned, with their events.
//!
//! As the real ones do, an engine before API 1.44 takes one name twice unless it is asked to look.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::{Map, Value, json};

use super::clock::rfc3339;
use super::event::Draft;
use super::request::Request;
use super::route::{Reply, Trouble};
use super::world::{Filters, Refusal};
use super::{Shared, lock};

/// The first version at which names are looked for in any case.
const UNIQUE: (u16, u16) = (1, 44);

#[derive(Debug, Clone)]
pub(super) struct Network {
    name: String,
    driver: String,
    created: i64,
    body: Value,
    labels: BTreeMap<String, String>,
    /// Container and how it is known there.
    members: Map<String, Value>,
}

impl Network {
    fn json(&self, id: &str, members: bool) -> Value {
        let of = |key: &str| self.body.get(key).cloned();
        json!({
            "Name": self.name, "Id": id, "Created": rfc3339(self.created), "Scope": "local", "Driver": self.driver,
            "EnableIPv6": of("EnableIPv6").unwrap_or(json!(false)),
            "IPAM": of("IPAM").unwrap_or(json!({"Driver": "default", "Options": null, "Config": []})),
            "Internal": of("Internal").unwrap_or(json!(false)),
            "Attachable": of("Attachable").unwrap_or(json!(false)), "Ingress": false,
            "Containers": if members { Value::Object(self.members.clone()) } else { json!({}) },
            "Options": of("Options").unwrap_or(json!({})), "Labels": self.labels,
        })
    }
}

/// The networks that every engine has.
pub(super) fn predefined() -> BTreeMap<String, Network> {
    [("bridge", "bridge"), ("host", "host"), ("none", "null")]
        .map(|(name, driver)| {
            let network = Network {
                name: name.to_owned(),
                driver: driver.to_owned(),
                created: 0,
                body: json!({}),
                labels: BTreeMap::new(),
                members: Map::new(),
            };
            (format!("fa4e{name:0>8}"), network)
        })
        .into()
}

/// Answers what is asked about networks; `parts` is the path behind `/networks`.
pub(super) async fn serve(shared: &Arc<Shared>, request: &Request, parts: &[&str]) -> Result<Reply, Trouble> {
    Ok(match (request.method.as_str(), parts) {
        ("GET", []) => Reply::Json(200, list(shared, request)?),
        ("POST", ["create"]) => create(shared, request).await?,
        ("POST", ["prune"]) => prune(shared, request).await?,
        ("GET", [network]) => {
            let (id, network) = find(shared, network)?;
            Reply::Json(200, network.json(&id, true))
        }
        ("DELETE", [network]) => remove(shared, network).await?,
        ("POST", [network, "connect"]) => join(shared, request, network, true).await?,
        ("POST", [network, "disconnect"]) => join(shared, request, network, false).await?,
        _ => return Err(Refusal::new(404, "page not found").into()),
    })
}

fn find(shared: &Shared, reference: &str) -> Result<(String, Network), Refusal> {
    let world = lock(&shared.world);
    if let Some(network) = world.networks.get(reference) {
        return Ok((reference.to_owned(), network.clone()));
    }
    let mut named = world
        .networks
        .iter()
        .filter(|(_, network)| network.name == reference);
    match (named.next(), named.count()) {
        (Some((id, network)), 0) => Ok((id.clone(), network.clone())),
        (Some(_), others) => Err(Refusal::new(
            400,
            format!(
                "network {reference} is ambiguous ({} matches found on name)",
                others + 1
            ),
        )),
        (None, _) => Err(Refusal::new(404, format!("network {reference} not found"))),
    }
}

fn list(shared: &Shared, request: &Request) -> Result<Value, Refusal> {
    let filters = Filters::parse(request.query("filters"))?;
    let world = lock(&shared.world);
    let fits = |(id, network): &(&String, &Network)| {
        filters.any("name", |part| network.name.contains(part))
            && filters.any("driver", |driver| network.driver == driver)
            && filters.any("id", |part| id.contains(part))
            && filters.labels(&network.labels)
    };
    let all = world.networks.iter().filter(fits);
    Ok(all.map(|(id, network)| network.json(id, false)).collect())
}

async fn create(shared: &Arc<Shared>, request: &Request) -> Result<Reply, Trouble> {
    let body = request.json().map_err(|why| Refusal::new(400, why))?;
    let text = |key: &str| body[key].as_str().unwrap_or_default().to_owned();
    let name = text("Name");
    let looks = shared.config.api_version >= UNIQUE || body["CheckDuplicate"] == true;
    let id = shared.dice.id();
    let labels = body["Labels"].as_object().into_iter().flatten();
    let labels = labels.map(|(key, value)| (key.clone(), value.as_str().unwrap_or_default().to_owned()));
    let driver = Some(text("Driver")).filter(|driver| !driver.is_empty());
    let network = Network {
        driver: driver.unwrap_or_else(|| "bridge".to_owned()),
        created: shared.clock.now(),
        labels: labels.collect(),
        members: Map::new(),
        name: name.clone(),
        body: body.clone(),
    };
    {
        let mut world = lock(&shared.world);
        if looks && world.networks.values().any(|network| network.name == name) {
            let said = format!("network with name {name} already exists");
            return Err(Refusal::new(409, said).into());
        }
        world.networks.insert(id.clone(), network);
    }
    tell(shared, "create", &id, &name, &[]).await;
    Ok(Reply::Json(201, json!({"Id": id, "Warning": ""})))
}

async fn remove(shared: &Arc<Shared>, reference: &str) -> Result<Reply, Trouble> {
    let (id, network) = find(shared, reference)?;
    if matches!(network.name.as_str(), "bridge" | "host" | "none") {
        let said = format!("{} is a pre-defined network and cannot be removed", network.name);
        return Err(Refusal::new(403, said).into());
    }
    if !network.members.is_empty() {
        let said = format!("error while removing network: network {reference} has active endpoints");
        return Err(Refusal::new(403, said).into());
    }
    lock(&shared.world).networks.remove(&id);
    tell(shared, "destroy", &id, &network.name, &[]).await;
    Ok(Reply::Status(204))
}

async fn prune(shared: &Arc<Shared>, request: &Request) -> Result<Reply, Trouble> {
    let filters = Filters::parse(request.query("filters"))?;
    let unused: Vec<(String, String)> = {
        let mut world = lock(&shared.world);
        let goes = |network: &Network| {
            network.members.is_empty()
                && !matches!(network.name.as_str(), "bridge" | "host" | "none")
                && filters.labels(&network.labels)
        };
        let unused = world.networks.iter().filter(|(_, network)| goes(network));
        let unused: Vec<_> = unused
            .map(|(id, network)| (id.clone(), network.name.clone()))
            .collect();
        for (id, _) in &unused {
            world.networks.remove(id);
        }
        unused
    };
    for (id, name) in &unused {
        tell(shared, "destroy", id, name, &[]).await;
    }
    let names: Vec<_> = unused.into_iter().map(|(_, name)| name).collect();
    Ok(Reply::Json(200, json!({"NetworksDeleted": names})))
}

async fn join(
    shared: &Arc<Shared>,
    request: &Request,
    reference: &str,
    connect: bool,
) -> Result<Reply, Trouble> {
    let body = request.json().map_err(|why| Refusal::new(400, why))?;
    let (id, network) = find(shared, reference)?;
    let container = {
        let mut world = lock(&shared.world);
        let container = world.container(body["Container"].as_str().unwrap_or_default())?;
        let (container, name) = (container.id.clone(), container.name.clone());
        let Some(network) = world.networks.get_mut(&id) else {
            return Err(Refusal::new(404, format!("network {reference} not found")).into());
        };
        if connect == network.members.contains_key(&container) {
            return Err(if connect {
                let said = format!("endpoint with name {name} already exists in network {reference}");
                Refusal::new(403, said)
            } else {
                let said = format!("container {container} is not connected to network {reference}");
                Refusal::new(500, said)
            }
            .into());
        }
        if connect {
            let address = body["EndpointConfig"]["IPAMConfig"]["IPv4Address"].as_str();
            let address = format!("{}/16", address.unwrap_or("172.18.0.2"));
            let member = json!({"Name": name, "MacAddress": "02:42:ac:12:00:02", "IPv4Address": address, "IPv6Address": ""});
            network.members.insert(container.clone(), member);
        } else {
            network.members.remove(&container);
        }
        container
    };
    let action = if connect { "connect" } else { "disconnect" };
    tell(shared, action, &id, &network.name, &[("container", &container)]).await;
    Ok(Reply::Status(200))
}

async fn tell(shared: &Shared, action: &str, id: &str, name: &str, attributes: &[(&str, &str)]) {
    let mut draft = Draft::new("network", action, id)
        .with("name", name)
        .with("type", "bridge");
    for (key, value) in attributes {
        draft = draft.with(key, *value);
    }
    shared.emit(draft).await;
}
