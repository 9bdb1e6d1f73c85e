//! Ranges of addresses, as far as a spec must be checked.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

/// A network's address and the length of its prefix, such as `10.1.0.0/16`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Subnet {
    address: IpAddr,
    prefix: u8,
}

impl Subnet {
    fn bits(address: IpAddr) -> (u128, u8) {
        match address {
            IpAddr::V4(address) => (u128::from(address.to_bits()), 32),
            IpAddr::V6(address) => (address.to_bits(), 128),
        }
    }

    /// The bits that all of its addresses share.
    fn common(self, address: IpAddr) -> u128 {
        let (bits, width) = Self::bits(address);
        let free = u32::from(width.saturating_sub(self.prefix));
        bits.checked_shr(free).unwrap_or(0)
    }

    pub(crate) fn contains(self, address: IpAddr) -> bool {
        self.address.is_ipv4() == address.is_ipv4() && self.common(self.address) == self.common(address)
    }

    pub(crate) fn holds(self, other: Self) -> bool {
        other.prefix >= self.prefix && self.contains(other.address)
    }

    /// Its first address.
    pub(crate) fn first(self) -> Self {
        let (_, width) = Self::bits(self.address);
        let free = u32::from(width.saturating_sub(self.prefix));
        let bits = self.common(self.address).checked_shl(free).unwrap_or(0);
        let address = match (self.address, u32::try_from(bits)) {
            (IpAddr::V4(_), Ok(bits)) => IpAddr::V4(bits.into()),
            (IpAddr::V4(whole), Err(_)) => IpAddr::V4(whole),
            (IpAddr::V6(_), _) => IpAddr::V6(bits.into()),
        };
        Self { address, ..self }
    }
}

impl FromStr for Subnet {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let (address, prefix) = text.split_once('/').ok_or(())?;
        let address: IpAddr = address.parse().map_err(|_| ())?;
        let prefix: u8 = prefix.parse().map_err(|_| ())?;
        let (_, width) = Self::bits(address);
        (prefix <= width).then_some(Self { address, prefix }).ok_or(())
    }
}

impl fmt::Display for Subnet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.address, self.prefix)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn subnet(text: &str) -> Subnet {
        text.parse().unwrap()
    }

    #[test]
    fn a_subnet_holds_what_shares_its_prefix() {
        let net = subnet("10.1.0.0/16");
        assert!(net.contains("10.1.255.255".parse().unwrap()));
        assert!(!net.contains("10.2.0.0".parse().unwrap()));
        assert!(!net.contains("::1".parse().unwrap()));
        assert!(net.holds(subnet("10.1.128.0/17")) && !net.holds(subnet("10.0.0.0/8")));
        assert!(subnet("0.0.0.0/0").contains("255.1.1.1".parse().unwrap()));
        assert!(subnet("fd00::/64").contains("fd00::9".parse().unwrap()));
        assert!(subnet("::/0").contains("fd00::9".parse().unwrap()));
    }

    #[test]
    fn the_first_address_has_no_bit_of_a_host() {
        for (text, first) in [
            ("10.1.2.3/16", "10.1.0.0/16"),
            ("10.1.2.3/0", "0.0.0.0/0"),
            ("10.1.2.3/32", "10.1.2.3/32"),
            ("fd00::1/64", "fd00::/64"),
            ("fd00::1/0", "::/0"),
        ] {
            assert_eq!(subnet(text).first().to_string(), first);
        }
    }

    #[test]
    fn rubbish_is_no_subnet() {
        for text in [
            "",
            "/",
            "10.0.0.0",
            "10.0.0.0/33",
            "::/129",
            "10.0.0/8",
            "x/8",
            "10.0.0.0/-1",
        ] {
            assert!(text.parse::<Subnet>().is_err(), "{text}");
        }
    }
}
