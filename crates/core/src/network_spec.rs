//! What a network is to be. In what an existing one differs from that is `network_diff`'s.

use std::collections::BTreeMap;
use std::net::IpAddr;

use crate::subnet::Subnet;
use crate::{InvalidSpec, IpamPool, NetworkDriver, ObjectRef, labels};

/// The names under which every engine has a network of its own.
const PREDEFINED: [&str; 4] = ["bridge", "host", "none", "default"];

/// A network to create. Public fields, chained methods for the common ones; only the name is required.
///
/// ```
/// use longshore_core::NetworkSpec;
/// let spec = NetworkSpec::new("shop").internal(true).subnet("10.9.0.0/24").label("app", "shop");
/// assert_eq!(spec.labels["io.longshore.managed"], "true");
/// assert!(spec.check().is_ok());
/// assert!(NetworkSpec::new("shop").subnet("10.9.0.7/24").check().is_err());
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct NetworkSpec {
    /// Its name.
    pub name: String,
    /// What makes it. Default: a bridge.
    pub driver: NetworkDriver,
    /// Whether it has IPv4 addresses; `None` is the engine's yes. No needs an engine of API 1.48.
    pub ipv4: Option<bool>,
    /// Whether it has IPv6 addresses; `None` is the engine's own setting, no by default.
    pub ipv6: Option<bool>,
    /// Whether it leads nowhere else. Default: no.
    pub internal: bool,
    /// Whether containers that belong to no service may join it, where it spans a Swarm. Default: no.
    pub attachable: bool,
    /// Whether it is the one that a Swarm publishes ports through. Default: no.
    pub ingress: bool,
    /// What gives out addresses; `None` is the engine.
    pub ipam_driver: Option<String>,
    /// Options for that.
    pub ipam_options: BTreeMap<String, String>,
    /// Its addresses; none lets the engine choose.
    pub pools: Vec<IpamPool>,
    /// The driver's options.
    pub options: BTreeMap<String, String>,
    /// Labels; [`NetworkSpec::new`] puts ours there.
    pub labels: BTreeMap<String, String>,
}

impl NetworkSpec {
    /// A bridge, with the labels that mark it as ours.
    pub fn new(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            labels: labels::ours(),
            ..Self::default()
        }
    }

    /// A network across the hosts of a Swarm, which containers of no service may join too.
    pub fn overlay(name: impl Into<String>) -> Self {
        Self::new(name).driver(NetworkDriver::Overlay).attachable(true)
    }

    /// Containers with MAC addresses of their own on the host's interface `parent`.
    pub fn macvlan(name: impl Into<String>, parent: impl Into<String>) -> Self {
        Self::new(name)
            .driver(NetworkDriver::Macvlan)
            .option("parent", parent)
    }

    /// Containers behind the MAC address of the host's interface `parent`.
    pub fn ipvlan(name: impl Into<String>, parent: impl Into<String>) -> Self {
        Self::new(name)
            .driver(NetworkDriver::Ipvlan)
            .option("parent", parent)
    }

    /// Sets [`Self::driver`].
    #[must_use]
    pub fn driver(mut self, driver: NetworkDriver) -> Self {
        self.driver = driver;
        self
    }

    /// Adds a pool of these addresses. A pool of IPv6 turns [`Self::ipv6`] on.
    #[must_use]
    pub fn subnet(self, subnet: impl Into<String>) -> Self {
        self.pool(IpamPool {
            subnet: subnet.into(),
            ..IpamPool::default()
        })
    }

    /// Adds a pool. One of IPv6 turns [`Self::ipv6`] on.
    #[must_use]
    pub fn pool(mut self, pool: IpamPool) -> Self {
        if pool.subnet.contains(':') {
            self.ipv6 = Some(true);
        }
        self.pools.push(pool);
        self
    }

    /// Sets [`Self::ipv6`].
    #[must_use]
    pub fn ipv6(mut self, ipv6: bool) -> Self {
        self.ipv6 = Some(ipv6);
        self
    }

    /// Sets [`Self::internal`].
    #[must_use]
    pub fn internal(mut self, internal: bool) -> Self {
        self.internal = internal;
        self
    }

    /// Sets [`Self::attachable`].
    #[must_use]
    pub fn attachable(mut self, attachable: bool) -> Self {
        self.attachable = attachable;
        self
    }

    /// Adds an option of the driver.
    #[must_use]
    pub fn option(mut self, key: impl Into<String>, value: impl Into<String>) -> Self {
        self.options.insert(key.into(), value.into());
        self
    }

    /// Adds a label.
    #[must_use]
    pub fn label(mut self, key: impl Into<String>, value: impl Into<String>) -> Self {
        self.labels.insert(key.into(), value.into());
        self
    }

    /// Finds what an engine would refuse, or take and never find again, before anything is sent.
    ///
    /// # Errors
    /// [`InvalidSpec`] says which field, and why.
    pub fn check(&self) -> Result<(), InvalidSpec> {
        let bad = |text: String| Err(InvalidSpec::new(text));
        let name = &self.name;
        if let Err(error) = ObjectRef::new(name) {
            return bad(format!("name: {error}"));
        }
        if PREDEFINED.contains(&name.as_str()) {
            return bad(format!("name: every engine has a network {name} of its own"));
        }
        match &self.driver {
            NetworkDriver::Host | NetworkDriver::None => {
                return bad(format!(
                    "driver {}: an engine has one network of it and takes no second",
                    self.driver
                ));
            }
            NetworkDriver::Other(word) if word.is_empty() => return bad("driver: it is empty".to_owned()),
            _ => {}
        }
        if self.ingress && self.driver != NetworkDriver::Overlay {
            return bad("ingress: only an overlay can be one".to_owned());
        }
        if self.ipv4 == Some(false) && self.ipv6 != Some(true) {
            return bad("ipv4: a network without IPv4 needs IPv6".to_owned());
        }
        for key in self.options.keys().chain(self.labels.keys()) {
            if key.is_empty() {
                return bad("options, labels: one has no name".to_owned());
            }
        }
        self.pools.iter().try_for_each(check_pool)
    }
}

fn check_pool(pool: &IpamPool) -> Result<(), InvalidSpec> {
    let bad = |text: String| Err(InvalidSpec::new(text));
    let Ok(subnet) = pool.subnet.parse::<Subnet>() else {
        let alone = pool.range.is_none() && pool.gateway.is_none() && pool.reserved.is_empty();
        if pool.subnet.is_empty() && alone {
            return Ok(());
        }
        return bad(format!("subnet {:?}: not of the form 10.1.0.0/16", pool.subnet));
    };
    if subnet.first() != subnet {
        return bad(format!("subnet {subnet}: it begins at {}", subnet.first()));
    }
    if let Some(range) = &pool.range {
        match range.parse::<Subnet>() {
            Ok(inner) if subnet.holds(inner) => {}
            Ok(_) => return bad(format!("range {range}: not inside {subnet}")),
            Err(()) => return bad(format!("range {range:?}: not of the form 10.1.0.0/16")),
        }
    }
    let gateway = pool.gateway.iter().map(|address| ("gateway", address));
    let reserved = pool.reserved.values().map(|address| ("reserved", address));
    for (field, address) in gateway.chain(reserved) {
        match address.parse::<IpAddr>() {
            Ok(inner) if subnet.contains(inner) => {}
            Ok(_) => return bad(format!("{field} {address}: not inside {subnet}")),
            Err(_) => return bad(format!("{field} {address:?}: no address")),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(spec: &NetworkSpec) -> String {
        spec.check().unwrap_err().to_string()
    }

    #[test]
    fn a_spec_that_no_engine_takes_names_its_field() {
        for name in ["", "../x", "a b", "a/b", "bridge", "none"] {
            assert!(text(&NetworkSpec::new(name)).starts_with("name"), "{name}");
        }
        let base = NetworkSpec::new("net");
        assert_eq!(base.check(), Ok(()));
        assert!(text(&base.clone().driver(NetworkDriver::Host)).starts_with("driver host"));
        assert!(text(&base.clone().driver("".into())).starts_with("driver"));
        for subnet in ["10.0.0.0", "10.0.0.1/24", "rubbish", "fd00::1/64"] {
            assert!(
                text(&base.clone().subnet(subnet)).starts_with("subnet"),
                "{subnet}"
            );
        }
        let pool = IpamPool {
            subnet: "10.0.0.0/24".to_owned(),
            ..IpamPool::default()
        };
        let with = |change: fn(&mut IpamPool)| {
            let mut pool = pool.clone();
            change(&mut pool);
            text(&base.clone().pool(pool))
        };
        assert!(with(|pool| pool.range = Some("10.0.1.0/25".to_owned())).starts_with("range"));
        assert!(with(|pool| pool.gateway = Some("10.0.1.1".to_owned())).starts_with("gateway"));
        assert!(with(|pool| pool.gateway = Some("x".to_owned())).starts_with("gateway"));
        assert!(
            with(|pool| _ = pool.reserved.insert("r".to_owned(), "::1".to_owned())).starts_with("reserved")
        );
        let mut ingress = base.clone();
        ingress.ingress = true;
        assert!(text(&ingress).starts_with("ingress"));
        let mut nothing = base;
        nothing.ipv4 = Some(false);
        assert!(text(&nothing).starts_with("ipv4"));
    }
}
