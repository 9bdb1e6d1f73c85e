//! In what a network that exists differs from the one that is wanted.

use std::net::IpAddr;

use crate::subnet::Subnet;
use crate::{IpamPool, Network, NetworkSpec, labels};

impl NetworkSpec {
    /// In what an existing network differs from this spec; `None` when it is what is wanted. What the spec leaves open,
    /// what the network has beyond it, and our own labels make no difference.
    pub fn difference(&self, network: &Network) -> Option<String> {
        let mut found = Vec::new();
        let mut see = |field: &str, wanted: String, is: String| {
            if wanted != is {
                found.push(format!("{field} is {is}, not {wanted}"));
            }
        };
        see("driver", self.driver.to_string(), network.driver.to_string());
        see(
            "internal",
            self.internal.to_string(),
            network.internal.to_string(),
        );
        see(
            "attachable",
            self.attachable.to_string(),
            network.attachable.to_string(),
        );
        see("ingress", self.ingress.to_string(), network.ingress.to_string());
        if let Some(ipv6) = self.ipv6 {
            see("ipv6", ipv6.to_string(), network.ipv6.to_string());
        }
        if let (Some(wanted), Some(is)) = (self.ipv4, network.ipv4) {
            see("ipv4", wanted.to_string(), is.to_string());
        }
        if let Some(driver) = &self.ipam_driver {
            see("ipam_driver", driver.clone(), network.ipam_driver.clone());
        }
        for pool in self.pools.iter().filter(|pool| !pool.subnet.is_empty()) {
            match network.pools.iter().find(|is| same_net(&is.subnet, &pool.subnet)) {
                Some(is) if covers(is, pool) => {}
                Some(_) => found.push(format!("the pool {} has another range or gateway", pool.subnet)),
                None => found.push(format!("it has no pool {}", pool.subnet)),
            }
        }
        let ours = |key: &String| key.starts_with(labels::PREFIX);
        for (field, wanted, is) in [
            ("option", &self.options, &network.options),
            ("label", &self.labels, &network.labels),
        ] {
            for (key, value) in wanted.iter().filter(|(key, _)| !ours(key)) {
                if is.get(key) != Some(value) {
                    found.push(format!("{field} {key} is {:?}, not {value:?}", is.get(key)));
                }
            }
        }
        (!found.is_empty()).then(|| found.join("; "))
    }
}

fn same_net(a: &str, b: &str) -> bool {
    match (a.parse::<Subnet>(), b.parse::<Subnet>()) {
        (Ok(a), Ok(b)) => a == b,
        _ => a == b,
    }
}

fn covers(is: &IpamPool, wanted: &IpamPool) -> bool {
    let same_address = |a: &str, b: &str| match (a.parse::<IpAddr>(), b.parse::<IpAddr>()) {
        (Ok(a), Ok(b)) => a == b,
        _ => a == b,
    };
    let range = wanted
        .range
        .as_ref()
        .is_none_or(|wanted| is.range.as_ref().is_some_and(|is| same_net(is, wanted)));
    let gateway = wanted
        .gateway
        .as_ref()
        .is_none_or(|wanted| is.gateway.as_ref().is_some_and(|is| same_address(is, wanted)));
    let reserved = wanted
        .reserved
        .iter()
        .all(|(key, wanted)| is.reserved.get(key).is_some_and(|is| same_address(is, wanted)));
    range && gateway && reserved
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::{NetworkDriver, NetworkId, Scope};

    fn existing() -> Network {
        Network {
            id: NetworkId::new("abc").unwrap(),
            name: "net".to_owned(),
            created: None,
            driver: NetworkDriver::Bridge,
            scope: Scope::Local,
            ipv4: None,
            ipv6: false,
            internal: false,
            attachable: false,
            ingress: false,
            ipam_driver: "default".to_owned(),
            pools: vec![IpamPool {
                subnet: "10.9.0.0/24".to_owned(),
                gateway: Some("10.9.0.1".to_owned()),
                ..IpamPool::default()
            }],
            options: BTreeMap::from([("mtu".to_owned(), "1400".to_owned())]),
            labels: BTreeMap::from([("app".to_owned(), "shop".to_owned())]),
            containers: Vec::new(),
            services: Vec::new(),
            peers: Vec::new(),
        }
    }

    #[test]
    fn what_is_left_open_makes_no_difference() {
        let network = existing();
        let spec = NetworkSpec::new("net");
        assert_eq!(spec.difference(&network), None, "our own labels do not count");
        let spec = spec
            .subnet("10.9.0.0/24")
            .option("mtu", "1400")
            .label("app", "shop");
        assert_eq!(spec.difference(&network), None);
    }

    #[test]
    fn every_difference_is_named() {
        let network = existing();
        let mut spec = NetworkSpec::new("net")
            .driver(NetworkDriver::Macvlan)
            .internal(true)
            .attachable(true)
            .subnet("fd00::/64")
            .option("parent", "eth0")
            .label("app", "other");
        spec.pools.push(IpamPool {
            gateway: Some("10.9.0.2".to_owned()),
            ..network.pools[0].clone()
        });
        assert_eq!(
            spec.difference(&network).unwrap(),
            "driver is bridge, not macvlan; internal is false, not true; attachable is false, not true; ipv6 is false, \
             not true; it has no pool fd00::/64; the pool 10.9.0.0/24 has another range or gateway; option parent is \
             None, not \"eth0\"; label app is Some(\"shop\"), not \"other\""
        );
    }
}
