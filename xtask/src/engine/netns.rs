//! A network namespace with one link to the machine, so that the firewall rules of two engines never meet.
//! Published ports answer at the namespace's address. No route leads further than this machine.

use std::net::Ipv4Addr;
use std::path::PathBuf;

use anyhow::{Result, bail};

use crate::run::Cmd;

/// A namespace that was made.
#[derive(Debug, Clone)]
pub(super) struct Net {
    pub(super) file: PathBuf,
    pub(super) address: Ipv4Addr,
}

/// Links live in 10.231.x.0/30, one x an engine: a corner of 10/8 that few networks use.
const PREFIX: &str = "10.231";

fn name(tag: &str) -> String {
    format!("longshore-{tag}")
}

/// An interface's name holds 15 bytes: the tag's six digits and the kind's first seven letters tell engines apart.
fn link(tag: &str) -> String {
    let (digits, kind) = tag.split_once('-').unwrap_or((tag, "x"));
    format!("ls{digits}{}", kind.get(..7).unwrap_or(kind))
}

async fn ip(args: &[&str]) -> Result<String> {
    Cmd::new("ip").args(args).limit(20).read().await
}

/// Makes the namespace and the link of `tag`; what an earlier one left must have been removed.
pub(super) async fn create(tag: &str) -> Result<Net> {
    let (name, link) = (name(tag), link(tag));
    let taken = ip(&["-o", "-4", "addr"]).await?;
    let first = tag
        .bytes()
        .fold(7_u32, |sum, byte| (sum * 31 + u32::from(byte)) % 254);
    let free = (0..254)
        .map(|step| (first + step) % 254 + 1)
        .find(|x| !taken.contains(&format!(" {PREFIX}.{x}.")));
    let Some(x) = free else {
        bail!("every network {PREFIX}.x.0/30 is taken on this machine")
    };
    let (here, there) = (format!("{PREFIX}.{x}.1"), format!("{PREFIX}.{x}.2"));
    let (here_net, there_net) = (format!("{here}/30"), format!("{there}/30"));
    ip(&["netns", "add", &name]).await?;
    ip(&[
        "link", "add", &link, "type", "veth", "peer", "name", "eth0", "netns", &name,
    ])
    .await?;
    ip(&["addr", "add", &here_net, "dev", &link]).await?;
    ip(&["link", "set", &link, "up"]).await?;
    ip(&["-n", &name, "addr", "add", &there_net, "dev", "eth0"]).await?;
    ip(&["-n", &name, "link", "set", "lo", "up"]).await?;
    ip(&["-n", &name, "link", "set", "eth0", "up"]).await?;
    ip(&["-n", &name, "route", "add", "default", "via", &here]).await?;
    Ok(Net {
        file: PathBuf::from("/run/netns").join(&name),
        address: there.parse()?,
    })
}

/// Removes the namespace and the link of `tag`, if they are there.
pub(super) async fn remove(tag: &str) -> Result<()> {
    let (name, link) = (name(tag), link(tag));
    if PathBuf::from("/sys/class/net").join(&link).exists() {
        ip(&["link", "del", &link]).await?;
    }
    if PathBuf::from("/run/netns").join(&name).exists() {
        ip(&["netns", "del", &name]).await?;
    }
    Ok(())
}
