//! Statistics: counters out of a reading, by borrowed slim structs (the whole reading has some hundred fields).

use longshore_core::{Counters, CpuCounters, IoCounters, MemoryCounters, Timestamp};
use serde::Deserialize;
use serde::de::IgnoredAny;

use super::lenient::{Number, Text, nullable, text};

/// A memory limit as large as this is none: engines on Podman pass the kernel's "unlimited" on.
const UNLIMITED: u64 = 1 << 62;

#[derive(Deserialize)]
struct Reading<'a> {
    #[serde(default, borrow)]
    read: Text<'a>,
    #[serde(default, deserialize_with = "nullable")]
    pids_stats: Pids,
    #[serde(default, deserialize_with = "nullable")]
    cpu_stats: Cpu,
    #[serde(default, deserialize_with = "nullable")]
    memory_stats: Memory,
    #[serde(default)]
    networks: Option<Networks>,
    #[serde(default, borrow, deserialize_with = "nullable")]
    blkio_stats: Block<'a>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Pids {
    current: Number,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Cpu {
    #[serde(deserialize_with = "nullable")]
    cpu_usage: CpuUsage,
    system_cpu_usage: Number,
    online_cpus: Number,
    /// Only Podman says this, a percentage of its own. Its `system_cpu_usage` leaves out the time in which the host's
    /// processors were idle, so that nothing can be measured by it, and its `throttling_data` are zeros that nobody
    /// measured.
    cpu: Option<IgnoredAny>,
    #[serde(deserialize_with = "nullable")]
    throttling_data: Throttling,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct CpuUsage {
    total_usage: Number,
    #[serde(deserialize_with = "nullable")]
    percpu_usage: Vec<IgnoredAny>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Throttling {
    throttled_time: Number,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Memory {
    usage: Number,
    limit: Number,
    #[serde(deserialize_with = "nullable")]
    stats: MemoryDetail,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct MemoryDetail {
    inactive_file: Number,
    total_inactive_file: Number,
}

/// All interfaces, summed while they are read.
#[derive(Default)]
struct Networks {
    received: Option<u64>,
    sent: Option<u64>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Interface {
    rx_bytes: Number,
    tx_bytes: Number,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Block<'a> {
    #[serde(borrow, deserialize_with = "nullable")]
    io_service_bytes_recursive: Vec<BlockEntry<'a>>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct BlockEntry<'a> {
    #[serde(borrow)]
    op: Text<'a>,
    value: Number,
}

impl<'de> Deserialize<'de> for Networks {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Sum;
        impl<'de> serde::de::Visitor<'de> for Sum {
            type Value = Networks;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("a map of interfaces")
            }

            fn visit_map<A: serde::de::MapAccess<'de>>(self, mut map: A) -> Result<Networks, A::Error> {
                let mut sum = Networks::default();
                while let Some((_, interface)) = map.next_entry::<IgnoredAny, Interface>()? {
                    add(&mut sum.received, interface.rx_bytes);
                    add(&mut sum.sent, interface.tx_bytes);
                }
                Ok(sum)
            }
        }
        deserializer.deserialize_map(Sum)
    }
}

fn add(sum: &mut Option<u64>, number: Number) {
    if let Some(number) = number.0 {
        *sum = Some(sum.unwrap_or(0).saturating_add(number));
    }
}

/// Reads one reading. The `precpu_stats` in it are not looked at: they are empty, or of another reader's time.
pub(crate) fn counters(json: &[u8]) -> Result<Counters, serde_json::Error> {
    let json = text(json);
    if json.trim().is_empty() {
        // Podman's answer for a container that does not run.
        return Ok(Counters::default());
    }
    let wire: Reading<'_> = serde_json::from_str(&json)?;
    let Some(at) = Timestamp::parse_engine(&wire.read) else {
        // A container that does not run: every figure would be a zero that nobody measured.
        return Ok(Counters::default());
    };
    let networks = wire.networks.unwrap_or_default();
    let mut block = IoCounters::default();
    for entry in wire.blkio_stats.io_service_bytes_recursive {
        if entry.op.eq_ignore_ascii_case("read") {
            add(&mut block.read, entry.value);
        } else if entry.op.eq_ignore_ascii_case("write") {
            add(&mut block.written, entry.value);
        }
    }
    let cpu = wire.cpu_stats;
    let is_podman = cpu.cpu.is_some();
    let known = |number: Number| number.0.filter(|number| *number != 0);
    let online = known(cpu.online_cpus).or(match cpu.cpu_usage.percpu_usage.len() {
        0 => None,
        count => Some(count as u64),
    });
    let memory = wire.memory_stats;
    Ok(Counters {
        at,
        steady: None,
        cpu: CpuCounters {
            total_ns: cpu.cpu_usage.total_usage.0,
            system_ns: known(cpu.system_cpu_usage).filter(|_| !is_podman),
            online: online.and_then(|count| u32::try_from(count).ok()),
            throttled_ns: cpu.throttling_data.throttled_time.0.filter(|_| !is_podman),
            limit_nano: None,
        },
        memory: MemoryCounters {
            usage: memory.usage.0,
            inactive_file: memory
                .stats
                .total_inactive_file
                .0
                .or(memory.stats.inactive_file.0),
            limit: known(memory.limit).filter(|limit| *limit < UNLIMITED),
        },
        network: IoCounters {
            read: networks.received,
            written: networks.sent,
        },
        block,
        pids: wire.pids_stats.current.0,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reading_of_version_one_groups() {
        let json = br#"{"read":"2026-01-01T00:00:00.000000005Z","preread":"0001-01-01T00:00:00Z","pids_stats":{"current":3},
          "blkio_stats":{"io_service_bytes_recursive":[{"major":8,"minor":0,"op":"Read","value":10},{"op":"Write","value":20},
            {"op":"Total","value":30},{"major":9,"op":"read","value":5}]},
          "cpu_stats":{"cpu_usage":{"total_usage":100,"percpu_usage":[60,40]},"system_cpu_usage":1000,"throttling_data":{"throttled_time":7}},
          "memory_stats":{"usage":500,"limit":1000,"stats":{"total_inactive_file":100,"inactive_file":90}},
          "networks":{"eth0":{"rx_bytes":1,"tx_bytes":2},"eth1":{"rx_bytes":10,"tx_bytes":20}}}"#;
        let read = counters(json).unwrap();
        assert_eq!(
            (read.cpu.total_ns, read.cpu.system_ns, read.cpu.online),
            (Some(100), Some(1000), Some(2))
        );
        assert_eq!((read.memory.in_use(), read.memory.limit), (Some(400), Some(1000)));
        assert_eq!((read.network.read, read.network.written), (Some(11), Some(22)));
        assert_eq!((read.block.read, read.block.written), (Some(15), Some(20)));
        assert_eq!(
            (read.pids, read.cpu.throttled_ns, read.at.as_nanos() % 10),
            (Some(3), Some(7), 5)
        );
    }

    #[test]
    fn unknown_stays_unknown() {
        let read = counters(br#"{"read":"2026-01-01T00:00:00Z","pids_stats":{},"blkio_stats":{"io_service_bytes_recursive":null},
          "cpu_stats":{"cpu_usage":{"total_usage":1,"percpu_usage":null},"online_cpus":0},"memory_stats":{"limit":18446744073709551615}}"#).unwrap();
        assert_eq!(
            (
                read.cpu.online,
                read.cpu.system_ns,
                read.memory.usage,
                read.memory.limit
            ),
            (None, None, None, None)
        );
        assert_eq!(
            (read.network, read.block, read.pids),
            (IoCounters::default(), IoCounters::default(), None)
        );
    }

    #[test]
    fn podmans_busy_time_is_no_clock_and_its_zeros_are_none() {
        let read = |cpu| {
            let json = format!(
                r#"{{"read":"2026-01-01T00:00:00Z","cpu_stats":{{"cpu_usage":{{"total_usage":44236380}},
                  "system_cpu_usage":28832513352183,"online_cpus":2,"throttling_data":{{"throttled_time":0}}{cpu}}}}}"#
            );
            counters(json.as_bytes()).unwrap().cpu
        };
        let docker = read("");
        assert_eq!(
            (docker.system_ns, docker.throttled_ns),
            (Some(28_832_513_352_183), Some(0))
        );
        let podman = read(r#","cpu":74.7"#);
        assert_eq!(
            (podman.system_ns, podman.online, podman.throttled_ns),
            (None, Some(2), None)
        );
    }

    #[test]
    fn a_container_that_does_not_run_has_no_figures() {
        let read = counters(br#"{"read":"0001-01-01T00:00:00Z","cpu_stats":{"cpu_usage":{"total_usage":0}},"memory_stats":{"usage":0}}"#);
        assert_eq!(read.unwrap(), Counters::default());
        assert_eq!(
            counters(b"\n").unwrap(),
            Counters::default(),
            "Podman's empty answer"
        );
        assert!(counters(b"rubbish").is_err());
    }

    /// While these were recorded the container was paused, so that the kernel's files are of the same counters.
    #[test]
    fn recorded_answers_on_version_two_say_what_the_kernel_wrote() {
        use longshore_core::cgroup;
        for recording in longshore_testkit::recorded::cgroup_v2() {
            let (name, is_podman) = (recording.name, recording.name.starts_with("podman"));
            for moment in &recording.moments {
                let read = counters(moment.answer.as_bytes()).unwrap();
                let file = |end| moment.file(end).unwrap();
                let usec = |key| cgroup::keyed_usec(file("/cpu.stat"), key);
                assert_eq!(read.cpu.total_ns, usec("usage_usec"), "{name}");
                let usage = if is_podman {
                    cgroup::keyed(file("/memory.stat"), "anon")
                } else {
                    cgroup::number(file("/memory.current"))
                };
                assert_eq!(read.memory.usage, usage, "{name}");
                assert_eq!(read.pids, cgroup::number(file("/pids.current")), "{name}");
                let block = match file("/io.stat") {
                    // The kernel says that nothing was moved, and the engine nothing at all, as where nobody counts.
                    "" => IoCounters::default(),
                    text => cgroup::block_v2(text),
                };
                assert_eq!(read.block, block, "{name}");
                let network = cgroup::network(file("/net/dev"), moment.networks);
                let host = cgroup::host_memory(file("/meminfo"));
                let limit = cgroup::memory_limit(file("/memory.max"), host);
                assert_eq!(read.memory.limit, limit, "{name}");
                if is_podman {
                    // What it does not say, and what it says the wrong way round: see docs/engines.md.
                    assert_eq!((read.memory.inactive_file, read.cpu.throttled_ns), (None, None));
                    assert_eq!(
                        (read.network.written, read.network.read),
                        (network.read, network.written)
                    );
                } else {
                    let idle = cgroup::keyed(file("/memory.stat"), "inactive_file");
                    assert_eq!(read.memory.inactive_file, idle, "{name}");
                    assert_eq!(read.cpu.throttled_ns, usec("throttled_usec"), "{name}");
                    assert_eq!(read.network, network, "{name}");
                }
            }
        }
    }
}
