//! Lists of containers, measurements and tokens as tables: which columns there are, and what stands in them.

use clap::builder::styling::{AnsiColor, Style};
use longshore_core::{ContainerState, ContainerSummary, Port};

use super::{
    Sample, TokenRow,
    table::{Cell, render},
    units,
};

const GOOD: Style = AnsiColor::Green.on_default();
const WARN: Style = AnsiColor::Yellow.on_default();
const BAD: Style = AnsiColor::Red.on_default();
const QUIET: Style = Style::new().dimmed();

pub(super) fn containers(list: &[ContainerSummary], colour: bool) -> Vec<String> {
    let rows: Vec<Vec<Cell>> = list
        .iter()
        .map(|c| {
            vec![
                Cell::new(c.id.short()).style(QUIET),
                Cell::new(&c.name),
                Cell::new(&c.image),
                Cell::new(c.state.as_str()).style(state_style(&c.state)),
                Cell::new(&c.status),
                Cell::new(&ports(&c.ports)),
            ]
        })
        .collect();
    render(
        &["ID", "NAME", "IMAGE", "STATE", "STATUS", "PORTS"],
        &rows,
        colour,
    )
}

fn state_style(state: &ContainerState) -> Style {
    match state {
        ContainerState::Running => GOOD,
        ContainerState::Paused | ContainerState::Restarting | ContainerState::Removing => WARN,
        ContainerState::Dead => BAD,
        _ => QUIET,
    }
}

/// `8080->80/tcp, 443/tcp`. A port published on every address of both families is said once.
fn ports(list: &[Port]) -> String {
    let mut shown: Vec<String> = Vec::new();
    for port in list {
        let inside = format!("{}/{}", port.private, port.protocol);
        let text = match (port.public, port.ip.as_deref()) {
            (None, _) => inside,
            (Some(public), None | Some("" | "0.0.0.0" | "::")) => format!("{public}->{inside}"),
            (Some(public), Some(ip)) if ip.contains(':') => format!("[{ip}]:{public}->{inside}"),
            (Some(public), Some(ip)) => format!("{ip}:{public}->{inside}"),
        };
        if !shown.contains(&text) {
            shown.push(text);
        }
    }
    shown.join(", ")
}

pub(super) fn samples(list: &[Sample], colour: bool) -> Vec<String> {
    let rows: Vec<Vec<Cell>> = list
        .iter()
        .map(|s| {
            let u = &s.usage;
            let share = u
                .memory_bytes
                .zip(u.memory_limit_bytes.filter(|limit| *limit > 0))
                .map(|(used, limit)| used as f64 / limit as f64 * 100.0);
            let pair = |a, b| Cell::new(&format!("{} / {}", units::bytes(a), units::bytes(b))).right();
            vec![
                Cell::new(s.id.short()).style(QUIET),
                Cell::new(&s.name),
                Cell::new(&units::percent(u.cpu_percent)).right(),
                pair(u.memory_bytes, u.memory_limit_bytes),
                Cell::new(&units::percent(share)).right(),
                pair(u.net_rx_bytes, u.net_tx_bytes),
                pair(u.block_read_bytes, u.block_write_bytes),
                Cell::new(
                    &u.pids
                        .map_or_else(|| units::UNKNOWN.to_owned(), |n| n.to_string()),
                )
                .right(),
            ]
        })
        .collect();
    let header = [
        "ID",
        "NAME",
        "CPU",
        "MEMORY / LIMIT",
        "MEM",
        "NET IN / OUT",
        "DISK READ / WRITTEN",
        "PIDS",
    ];
    render(&header, &rows, colour)
}

pub(super) fn tokens(list: &[TokenRow], colour: bool) -> Vec<String> {
    let rows: Vec<Vec<Cell>> = list
        .iter()
        .map(|t| {
            let used = t
                .last_used
                .map_or_else(|| "never".to_owned(), |at| at.to_string());
            vec![
                Cell::new(&t.name),
                Cell::new(&t.role),
                Cell::new(&t.created.to_string()),
                Cell::new(&used),
            ]
        })
        .collect();
    render(&["NAME", "ROLE", "CREATED", "LAST USED"], &rows, colour)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn port(ip: Option<&str>, public: Option<u16>) -> Port {
        Port {
            private: 80,
            protocol: "tcp".into(),
            ip: ip.map(Into::into),
            public,
        }
    }

    #[test]
    fn a_port_on_all_addresses_is_said_once() {
        let both = [port(Some("0.0.0.0"), Some(8080)), port(Some("::"), Some(8080))];
        assert_eq!(ports(&both), "8080->80/tcp");
        let mixed = [
            port(None, None),
            port(Some("127.0.0.1"), Some(1)),
            port(Some("::1"), Some(2)),
        ];
        assert_eq!(ports(&mixed), "80/tcp, 127.0.0.1:1->80/tcp, [::1]:2->80/tcp");
    }
}
