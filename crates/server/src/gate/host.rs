//! Which host a request may be for. A page of a stranger whose name is made to point here (DNS rebinding) sends its own
//! name as `Host`, and is refused before anything else is looked at.

use std::net::{IpAddr, SocketAddr};

use http::{Request, header};
use longshore_api::ErrorCode;

use crate::error::ApiError;

/// The hosts that this server answers for.
#[derive(Debug)]
pub(crate) struct Hosts {
    listen: SocketAddr,
    allowed: Vec<Host>,
}

#[derive(Debug, PartialEq, Eq)]
struct Host {
    name: String,
    port: Option<u16>,
}

impl Hosts {
    /// Where the server listens, and the further names (`name` for any port, `name:port`).
    pub(crate) fn new(listen: SocketAddr, further: &[String]) -> Result<Self, String> {
        let allowed = further
            .iter()
            .map(|text| {
                split(text).ok_or_else(|| format!("{text:?} is no host name, with or without a port"))
            })
            .collect::<Result<_, _>>()?;
        Ok(Self { listen, allowed })
    }

    /// The port that the server listens on.
    pub(crate) fn port(&self) -> u16 {
        self.listen.port()
    }

    /// The host that the request names, in lower case, when it is one of ours.
    pub(crate) fn check<B>(&self, request: &Request<B>) -> Result<String, ApiError> {
        let mut named = request.headers().get_all(header::HOST).iter();
        let host = named
            .next()
            .and_then(|v| v.to_str().ok())
            .unwrap_or_default()
            .to_ascii_lowercase();
        // A request line with a whole URL (as proxies send) overrides the header, so it must be ours too.
        let in_line = request.uri().authority().map(|a| a.as_str().to_ascii_lowercase());
        let fits = named.next().is_none() && self.answers(&host) && in_line.is_none_or(|a| self.answers(&a));
        if fits {
            return Ok(host);
        }
        let shown: String = host.chars().take(80).collect();
        Err(ApiError::new(
            ErrorCode::ForeignHost,
            format!("this server does not answer for the host {shown:?}"),
        )
        .hint("use the address that it printed; a proxy's name is added with --allow-host"))
    }

    fn answers(&self, authority: &str) -> bool {
        let Some(Host { name, port }) = split(authority) else {
            return false;
        };
        // Without a port it is the scheme's: 80 here; a TLS proxy's name is added with --allow-host.
        let ours = port.unwrap_or(80) == self.listen.port() && self.is_own(&name);
        ours || self
            .allowed
            .iter()
            .any(|a| a.name == name && (a.port.is_none() || a.port == port))
    }

    fn is_own(&self, name: &str) -> bool {
        if name == "localhost" {
            return true;
        }
        match name
            .trim_start_matches('[')
            .trim_end_matches(']')
            .parse::<IpAddr>()
        {
            // A literal address cannot be pointed elsewhere by DNS, so any of this machine's is safe.
            Ok(ip) => ip.is_loopback() || ip == self.listen.ip() || self.listen.ip().is_unspecified(),
            Err(_) => false,
        }
    }
}

/// `name`, `name:port`, `[v6]` or `[v6]:port`.
fn split(text: &str) -> Option<Host> {
    let (name, port) = match text.rsplit_once(':') {
        Some((name, port)) if !port.ends_with(']') => (name, Some(port.parse().ok()?)),
        _ => (text, None),
    };
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
    let v6 = name.strip_prefix('[').and_then(|n| n.strip_suffix(']'));
    let fits = match v6 {
        Some(inner) => inner.parse::<std::net::Ipv6Addr>().is_ok(),
        None => !name.is_empty() && name.chars().all(plain),
    };
    fits.then(|| Host {
        name: name.to_ascii_lowercase(),
        port,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(hosts: &Hosts, host: &str) -> bool {
        hosts
            .check(&Request::get("/").header(header::HOST, host).body(()).unwrap())
            .is_ok()
    }

    #[test]
    fn loopback_answers_for_itself_only() {
        let hosts = Hosts::new("127.0.0.1:3625".parse().unwrap(), &[]).unwrap();
        for good in ["127.0.0.1:3625", "localhost:3625", "LOCALHOST:3625", "[::1]:3625"] {
            assert!(check(&hosts, good), "{good}");
        }
        for bad in [
            "evil.example:3625",
            "localhost",
            "localhost:80",
            "127.0.0.1",
            "192.168.1.1:3625",
            "",
            ":3625",
            "localhost.evil.example:3625",
            "localhost:3625:3625",
            "[::1",
            "a@localhost:3625",
        ] {
            assert!(!check(&hosts, bad), "{bad}");
        }
    }

    #[test]
    fn further_names_come_with_any_port_or_one() {
        let further = ["Ship.Example".to_owned(), "dock.example:8443".to_owned()];
        let hosts = Hosts::new("127.0.0.1:3625".parse().unwrap(), &further).unwrap();
        assert!(check(&hosts, "ship.example") && check(&hosts, "ship.example:443"));
        assert!(check(&hosts, "dock.example:8443") && !check(&hosts, "dock.example"));
        assert!(Hosts::new("127.0.0.1:1".parse().unwrap(), &["https://x".to_owned()]).is_err());
    }

    #[test]
    fn every_address_means_literal_addresses_but_no_names() {
        let hosts = Hosts::new("0.0.0.0:3625".parse().unwrap(), &[]).unwrap();
        assert!(check(&hosts, "192.168.1.7:3625") && check(&hosts, "localhost:3625"));
        assert!(!check(&hosts, "rebound.example:3625"));
    }

    #[test]
    fn a_whole_url_in_the_request_line_and_a_second_header_do_not_help() {
        let hosts = Hosts::new("127.0.0.1:3625".parse().unwrap(), &[]).unwrap();
        let request = Request::get("http://evil.example/")
            .header("host", "localhost:3625")
            .body(())
            .unwrap();
        assert!(hosts.check(&request).is_err());
        let request = Request::get("/")
            .header("host", "localhost:3625")
            .header("host", "evil.example");
        assert!(hosts.check(&request.body(()).unwrap()).is_err());
    }
}
