//! Networks: what is sent to make and join one, and what comes back.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use longshore_core::{
    ContainerId, EndpointSpec, IpamPool, Network, NetworkDriver, NetworkId, NetworkMember, NetworkPeer,
    NetworkService, NetworkSpec, Scope, Timestamp,
};
use serde::{Deserialize, Serialize};

use super::lenient::{nullable, text};
use super::list::entries;

/// The option that names a bridge on the host.
pub(crate) const BRIDGE_NAME: &str = "com.docker.network.bridge.name";

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Create<'a> {
    name: &'a str,
    /// Engines before API 1.44 look for the name only when asked to; later ones ignore it.
    check_duplicate: bool,
    driver: &'a str,
    #[serde(rename = "EnableIPv4", skip_serializing_if = "Option::is_none")]
    ipv4: Option<bool>,
    #[serde(rename = "EnableIPv6", skip_serializing_if = "Option::is_none")]
    ipv6: Option<bool>,
    internal: bool,
    attachable: bool,
    ingress: bool,
    #[serde(rename = "IPAM")]
    ipam: CreateIpam<'a>,
    options: BTreeMap<&'a str, &'a str>,
    labels: BTreeMap<&'a str, &'a str>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct CreateIpam<'a> {
    driver: &'a str,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    options: &'a BTreeMap<String, String>,
    config: Vec<CreatePool<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct CreatePool<'a> {
    #[serde(skip_serializing_if = "str::is_empty")]
    subnet: &'a str,
    #[serde(rename = "IPRange", skip_serializing_if = "Option::is_none")]
    range: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    gateway: Option<&'a str>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    auxiliary_addresses: &'a BTreeMap<String, String>,
}

fn borrowed(map: &BTreeMap<String, String>) -> BTreeMap<&str, &str> {
    map.iter().map(|(key, value)| (&**key, &**value)).collect()
}

impl<'a> Create<'a> {
    pub(crate) fn new(spec: &'a NetworkSpec) -> Self {
        let pool = |pool: &'a IpamPool| CreatePool {
            subnet: &pool.subnet,
            range: pool.range.as_deref(),
            gateway: pool.gateway.as_deref(),
            auxiliary_addresses: &pool.reserved,
        };
        Self {
            name: &spec.name,
            check_duplicate: true,
            driver: spec.driver.as_str(),
            ipv4: spec.ipv4,
            ipv6: spec.ipv6,
            internal: spec.internal,
            attachable: spec.attachable,
            ingress: spec.ingress,
            ipam: CreateIpam {
                driver: spec.ipam_driver.as_deref().unwrap_or("default"),
                options: &spec.ipam_options,
                config: spec.pools.iter().map(pool).collect(),
            },
            options: borrowed(&spec.options),
            labels: borrowed(&spec.labels),
        }
    }

    pub(crate) fn label(mut self, key: &'a str, value: &'a str) -> Self {
        self.labels.insert(key, value);
        self
    }

    pub(crate) fn option(mut self, key: &'a str, value: &'a str) -> Self {
        self.options.insert(key, value);
        self
    }
}

#[derive(Deserialize)]
pub(crate) struct Created {
    /// Podman spells some answers in small letters.
    #[serde(rename = "Id", alias = "id")]
    pub(crate) id: String,
    #[serde(default, rename = "Warning", deserialize_with = "nullable")]
    pub(crate) warning: String,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Connect<'a> {
    container: &'a str,
    endpoint_config: Endpoint<'a>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Endpoint<'a> {
    #[serde(rename = "IPAMConfig")]
    ipam: EndpointIpam<'a>,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    aliases: &'a [String],
    #[serde(skip_serializing_if = "Option::is_none")]
    mac_address: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none", rename = "GwPriority")]
    gateway_priority: Option<i64>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    driver_opts: &'a BTreeMap<String, String>,
}

#[derive(Serialize)]
struct EndpointIpam<'a> {
    #[serde(rename = "IPv4Address", skip_serializing_if = "Option::is_none")]
    ipv4: Option<Ipv4Addr>,
    #[serde(rename = "IPv6Address", skip_serializing_if = "Option::is_none")]
    ipv6: Option<Ipv6Addr>,
    #[serde(rename = "LinkLocalIPs", skip_serializing_if = "<[_]>::is_empty")]
    link_local: &'a [IpAddr],
}

impl<'a> Endpoint<'a> {
    pub(crate) fn new(spec: &'a EndpointSpec) -> Self {
        Self {
            ipam: EndpointIpam {
                ipv4: spec.ipv4,
                ipv6: spec.ipv6,
                link_local: &spec.link_local,
            },
            aliases: &spec.aliases,
            mac_address: spec.mac.as_deref(),
            gateway_priority: spec.gateway_priority,
            driver_opts: &spec.options,
        }
    }
}

impl<'a> Connect<'a> {
    pub(crate) fn new(container: &'a str, spec: &'a EndpointSpec) -> Self {
        Self {
            container,
            endpoint_config: Endpoint::new(spec),
        }
    }
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Disconnect<'a> {
    pub(crate) container: &'a str,
    pub(crate) force: bool,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Wire {
    /// Podman spells it in small letters in some versions.
    #[serde(alias = "id")]
    id: String,
    #[serde(default, deserialize_with = "nullable")]
    name: String,
    #[serde(default, deserialize_with = "nullable")]
    created: String,
    #[serde(default, deserialize_with = "nullable")]
    scope: String,
    #[serde(default, deserialize_with = "nullable")]
    driver: String,
    #[serde(default, rename = "EnableIPv4")]
    ipv4: Option<bool>,
    #[serde(default, rename = "EnableIPv6", deserialize_with = "nullable")]
    ipv6: bool,
    #[serde(default, rename = "IPAM", deserialize_with = "nullable")]
    ipam: WireIpam,
    #[serde(default, deserialize_with = "nullable")]
    internal: bool,
    #[serde(default, deserialize_with = "nullable")]
    attachable: bool,
    #[serde(default, deserialize_with = "nullable")]
    ingress: bool,
    #[serde(default, deserialize_with = "nullable")]
    containers: BTreeMap<String, Member>,
    #[serde(default, deserialize_with = "nullable")]
    options: BTreeMap<String, String>,
    #[serde(default, deserialize_with = "nullable")]
    labels: BTreeMap<String, String>,
    #[serde(default, deserialize_with = "nullable")]
    services: BTreeMap<String, Service>,
    #[serde(default, deserialize_with = "nullable")]
    peers: Vec<Peer>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "PascalCase", default)]
struct WireIpam {
    #[serde(deserialize_with = "nullable")]
    driver: String,
    #[serde(deserialize_with = "nullable")]
    config: Vec<WirePool>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "PascalCase", default)]
struct WirePool {
    #[serde(deserialize_with = "nullable")]
    subnet: String,
    #[serde(rename = "IPRange", deserialize_with = "nullable")]
    range: String,
    #[serde(deserialize_with = "nullable")]
    gateway: String,
    #[serde(deserialize_with = "nullable")]
    auxiliary_addresses: BTreeMap<String, String>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "PascalCase", default)]
struct Member {
    #[serde(deserialize_with = "nullable")]
    name: String,
    #[serde(deserialize_with = "nullable")]
    mac_address: String,
    #[serde(rename = "IPv4Address", deserialize_with = "nullable")]
    ipv4: String,
    #[serde(rename = "IPv6Address", deserialize_with = "nullable")]
    ipv6: String,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "PascalCase", default)]
struct Service {
    #[serde(rename = "VIP", deserialize_with = "nullable")]
    virtual_ip: String,
    #[serde(deserialize_with = "nullable")]
    tasks: Vec<ServiceTask>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "PascalCase", default)]
struct ServiceTask {
    #[serde(deserialize_with = "nullable")]
    name: String,
    #[serde(rename = "EndpointIP", deserialize_with = "nullable")]
    address: String,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "PascalCase", default)]
struct Peer {
    #[serde(deserialize_with = "nullable")]
    name: String,
    #[serde(rename = "IP", deserialize_with = "nullable")]
    address: String,
}

/// Reads a list.
pub(crate) fn networks(json: &[u8]) -> Result<Vec<Network>, serde_json::Error> {
    entries(&text(json), Wire::into_core)
}

/// Reads one; `None` when it has no id that can be used.
pub(crate) fn network(json: &[u8]) -> Result<Option<Network>, serde_json::Error> {
    serde_json::from_str::<Wire>(&text(json)).map(Wire::into_core)
}

fn filled(text: String) -> Option<String> {
    (!text.is_empty()).then_some(text)
}

/// An address as engines write it here, with the length of the prefix behind it.
fn address(text: &str) -> Option<Box<str>> {
    let address = text.split('/').next().unwrap_or_default();
    (!address.is_empty()).then(|| address.into())
}

impl Wire {
    fn into_core(self) -> Option<Network> {
        let pool = |pool: WirePool| IpamPool {
            subnet: pool.subnet,
            range: filled(pool.range),
            gateway: filled(pool.gateway),
            reserved: pool.auxiliary_addresses,
        };
        let member = |(id, member): (String, Member)| NetworkMember {
            container: ContainerId::new(&id).ok().filter(|_| id.len() == 64),
            name: member.name,
            mac: member.mac_address,
            ipv4: address(&member.ipv4),
            ipv6: address(&member.ipv6),
        };
        let service = |(name, service): (String, Service)| NetworkService {
            name,
            virtual_ip: service.virtual_ip,
            tasks: service
                .tasks
                .into_iter()
                .map(|task| (task.name, task.address))
                .collect(),
        };
        Some(Network {
            id: NetworkId::new(&self.id).ok()?,
            name: self.name,
            created: Timestamp::parse_engine(&self.created),
            driver: NetworkDriver::from(&*self.driver),
            scope: Scope::from(&*self.scope),
            ipv4: self.ipv4,
            ipv6: self.ipv6,
            internal: self.internal,
            attachable: self.attachable,
            ingress: self.ingress,
            ipam_driver: self.ipam.driver,
            pools: self.ipam.config.into_iter().map(pool).collect(),
            options: self.options,
            labels: self.labels,
            containers: self.containers.into_iter().map(member).collect(),
            services: self.services.into_iter().map(service).collect(),
            peers: self
                .peers
                .into_iter()
                .map(|peer| NetworkPeer {
                    name: peer.name,
                    address: peer.address,
                })
                .collect(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_spec_has_the_engines_form() {
        let spec = NetworkSpec::ipvlan("lan", "eth0.7")
            .pool(IpamPool {
                subnet: "10.9.0.0/24".to_owned(),
                range: Some("10.9.0.128/25".to_owned()),
                gateway: Some("10.9.0.1".to_owned()),
                reserved: BTreeMap::from([("router".to_owned(), "10.9.0.2".to_owned())]),
            })
            .subnet("fd00:9::/64")
            .option("ipvlan_mode", "l3");
        let json = serde_json::to_value(Create::new(&spec).label("io.longshore.create", "x")).unwrap();
        assert_eq!(
            json,
            serde_json::json!({
                "Name": "lan", "CheckDuplicate": true, "Driver": "ipvlan", "EnableIPv6": true, "Internal": false,
                "Attachable": false, "Ingress": false,
                "IPAM": {"Driver": "default", "Config": [
                    {"Subnet": "10.9.0.0/24", "IPRange": "10.9.0.128/25", "Gateway": "10.9.0.1",
                     "AuxiliaryAddresses": {"router": "10.9.0.2"}},
                    {"Subnet": "fd00:9::/64"}]},
                "Options": {"parent": "eth0.7", "ipvlan_mode": "l3"},
                "Labels": {"io.longshore.managed": "true", "io.longshore.schema": "1", "io.longshore.create": "x"},
            })
        );
        let plain = serde_json::to_value(Create::new(&NetworkSpec::new("n"))).unwrap();
        assert!(plain.get("EnableIPv6").is_none() && plain.get("EnableIPv4").is_none());
    }

    #[test]
    fn an_endpoint_has_the_engines_form() {
        let spec = EndpointSpec {
            link_local: vec!["169.254.3.4".parse().unwrap()],
            gateway_priority: Some(-1),
            ..EndpointSpec::default().alias("db").ipv4([10, 9, 0, 7])
        };
        assert_eq!(
            serde_json::to_value(Connect::new("web", &spec)).unwrap(),
            serde_json::json!({"Container": "web", "EndpointConfig": {
                "IPAMConfig": {"IPv4Address": "10.9.0.7", "LinkLocalIPs": ["169.254.3.4"]},
                "Aliases": ["db"], "GwPriority": -1}})
        );
    }

    #[test]
    fn a_network_of_a_swarm_has_members_services_and_peers() {
        let id = "f".repeat(64);
        let json = format!(
            r#"{{"Name":"mesh","Id":"jp4z2mdy9pnl0xq1u6f2oqv0i","Created":"2026-01-01T00:00:00Z","Scope":"swarm","Driver":"overlay",
            "EnableIPv4":true,"EnableIPv6":false,"IPAM":{{"Driver":"default","Options":null,"Config":[{{"Subnet":"10.0.1.0/24","Gateway":"10.0.1.1"}}]}},
            "Attachable":true,"Containers":{{"{id}":{{"Name":"web.1","MacAddress":"02:42:0a:00:01:03","IPv4Address":"10.0.1.3/24","IPv6Address":""}},
            "lb-mesh":{{"Name":"mesh-endpoint","IPv4Address":"10.0.1.4/24"}}}},
            "Peers":[{{"Name":"abc","IP":"10.231.9.2"}}],"Services":{{"web":{{"VIP":"10.0.1.2","Ports":[],"Tasks":[{{"Name":"web.1.x","EndpointIP":"10.0.1.3"}}]}}}},
            "Future":[1]}}"#
        );
        let one = network(json.as_bytes()).unwrap().unwrap();
        assert_eq!(
            (one.driver, one.scope, one.ipv4, one.attachable),
            (NetworkDriver::Overlay, Scope::Swarm, Some(true), true)
        );
        assert_eq!(one.pools[0].gateway.as_deref(), Some("10.0.1.1"));
        assert_eq!(one.containers[0].container.as_ref().unwrap().as_str(), id);
        assert_eq!(
            (
                one.containers[0].ipv4.as_deref(),
                one.containers[0].ipv6.as_deref()
            ),
            (Some("10.0.1.3"), None)
        );
        assert_eq!(
            one.containers[1].container, None,
            "the load balancer is no container"
        );
        assert_eq!(
            one.services[0].tasks,
            [("web.1.x".to_owned(), "10.0.1.3".to_owned())]
        );
        assert_eq!(one.peers[0].address, "10.231.9.2");
    }

    #[test]
    fn nulls_and_odd_entries_break_nothing() {
        let json = br#"[{"Id":"a","Name":null,"IPAM":null,"Containers":null,"Options":null,"Labels":null,"Driver":"weave:2"},
            {"Id":"b","IPAM":{"Config":null}}, 7, {"Name":"no-id"}, {"Id":"../x"}, {"Id":"c","Options":{"x":1}}]"#;
        let all = networks(json).unwrap();
        let ids: Vec<_> = all.iter().map(|one| one.id.as_str()).collect();
        assert_eq!(ids, ["a", "b"]);
        assert_eq!(all[0].driver.as_str(), "weave:2");
        assert!(networks(b"null").unwrap().is_empty() && networks(b"{}").is_err());
    }
}
