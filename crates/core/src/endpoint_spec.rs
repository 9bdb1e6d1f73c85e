//! How a container is to be on a network.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::InvalidSpec;

/// How a container is on a network. Empty is what the engine chooses.
///
/// ```
/// use longshore_core::EndpointSpec;
/// let endpoint = EndpointSpec::default().alias("db").ipv4([10, 9, 0, 7]);
/// assert_eq!(endpoint.aliases, ["db"]);
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct EndpointSpec {
    /// Further names that it answers to there.
    pub aliases: Vec<String>,
    /// Its IPv4 address; the network must have been made with a subnet.
    pub ipv4: Option<Ipv4Addr>,
    /// Its IPv6 address; the same holds.
    pub ipv6: Option<Ipv6Addr>,
    /// Further addresses that never leave the link, of `169.254.0.0/16` or `fe80::/10`.
    pub link_local: Vec<IpAddr>,
    /// Its MAC address, such as `02:42:0a:09:00:07`. Engines before API 1.52 take it when a container is created, and
    /// drop it without a word when one is connected: there it is an error.
    pub mac: Option<String>,
    /// Which of a container's networks its default route goes over: the highest. Needs API 1.48.
    pub gateway_priority: Option<i64>,
    /// Options for the driver.
    pub options: BTreeMap<String, String>,
}

impl EndpointSpec {
    /// Adds a name.
    #[must_use]
    pub fn alias(mut self, alias: impl Into<String>) -> Self {
        self.aliases.push(alias.into());
        self
    }

    /// Sets [`Self::ipv4`].
    #[must_use]
    pub fn ipv4(mut self, address: impl Into<Ipv4Addr>) -> Self {
        self.ipv4 = Some(address.into());
        self
    }

    /// Sets [`Self::ipv6`].
    #[must_use]
    pub fn ipv6(mut self, address: impl Into<Ipv6Addr>) -> Self {
        self.ipv6 = Some(address.into());
        self
    }

    /// Finds what an engine would refuse, before anything is sent.
    ///
    /// # Errors
    /// [`InvalidSpec`] says which field, and why.
    pub fn check(&self) -> Result<(), InvalidSpec> {
        let bad = |text: String| Err(InvalidSpec::new(text));
        if let Some(alias) = self
            .aliases
            .iter()
            .find(|alias| alias.is_empty() || alias.contains(|c: char| c.is_whitespace() || c.is_control()))
        {
            return bad(format!("alias {alias:?}: it is no name"));
        }
        let link = |address: &&IpAddr| match address {
            IpAddr::V4(address) => !address.is_link_local(),
            IpAddr::V6(address) => address.segments()[0] & 0xffc0 != 0xfe80,
        };
        if let Some(address) = self.link_local.iter().find(link) {
            return bad(format!("link_local {address}: it is not local to a link"));
        }
        if let Some(mac) = &self.mac {
            let parts: Vec<_> = mac.split(':').collect();
            let hex = |part: &&str| part.len() == 2 && part.bytes().all(|byte| byte.is_ascii_hexdigit());
            if parts.len() != 6 || !parts.iter().all(hex) {
                return bad(format!("mac {mac:?}: not of the form 02:42:0a:09:00:07"));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_endpoint_that_no_engine_takes_names_its_field() {
        let text = |endpoint: EndpointSpec| endpoint.check().unwrap_err().to_string();
        let base = EndpointSpec::default().alias("db").ipv6(Ipv6Addr::LOCALHOST);
        assert_eq!(base.check(), Ok(()));
        assert!(text(base.clone().alias("a b")).starts_with("alias"));
        assert!(text(base.clone().alias("")).starts_with("alias"));
        for address in ["10.0.0.1", "fd00::1"] {
            let mut routed = base.clone();
            routed.link_local.push(address.parse().unwrap());
            assert!(text(routed).starts_with("link_local"), "{address}");
        }
        let mut local = base.clone();
        local.link_local = vec!["169.254.1.1".parse().unwrap(), "fe80::1".parse().unwrap()];
        local.mac = Some("02:42:0A:09:00:07".to_owned());
        assert_eq!(local.check(), Ok(()));
        for mac in ["", "02:42", "02:42:0a:09:00:0g", "02-42-0a-09-00-07"] {
            let mut odd = base.clone();
            odd.mac = Some(mac.to_owned());
            assert!(text(odd).starts_with("mac"), "{mac}");
        }
    }
}
