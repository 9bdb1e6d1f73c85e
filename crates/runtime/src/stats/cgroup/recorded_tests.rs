//! The reader on what real kernels of version 2 wrote, beside what their engines said of the same counters.

use longshore_core::NetworkAttachment;
use longshore_testkit::recorded::{Moment, cgroup_v2};
use serde_json::Value;

use super::testing::running;
use super::*;

/// Lays the moment's files out and reads them.
fn read(reader: &mut CgroupReader, root: &std::path::Path, moment: &Moment) -> Counters {
    moment.lay_out(root).unwrap();
    let mut container = running(1);
    container.id = moment.id.parse().unwrap();
    container.pid = Some(moment.pid);
    container.networks = vec![
        NetworkAttachment {
            name: "of the engine".to_owned(),
            ip: None,
        };
        moment.networks
    ];
    let read = reader.read(vec![Target::from(&container)]).remove(0).1;
    Counters {
        steady: Some(moment.clock),
        ..read.expect("the files are found and proved")
    }
}

/// The sum of some member over the interfaces or devices that an engine names.
fn sum(of: &Value, take: impl Fn(&Value) -> Option<u64>) -> Option<u64> {
    match of {
        Value::Array(entries) => Some(entries.iter().filter_map(take).sum()),
        Value::Object(entries) => Some(entries.values().filter_map(take).sum()),
        _ => None,
    }
}

/// Bytes that an engine says were read and written; nothing at all where the kernel says zero.
fn moved(answer: &Value) -> Option<u64> {
    let entries = &answer["blkio_stats"]["io_service_bytes_recursive"];
    let is_moved = |entry: &&Value| matches!(entry["op"].as_str(), Some("read" | "write"));
    sum(entries, |entry| Some(entry).filter(is_moved)?["value"].as_u64()).or(Some(0))
}

#[test]
fn files_of_version_two_say_what_the_engine_said_of_the_same_moment() {
    for recording in cgroup_v2() {
        let (name, is_podman) = (recording.name, recording.name.starts_with("podman"));
        let folder = tempfile::tempdir().unwrap();
        let mut reader = CgroupReader::new(folder.path().to_owned(), None);
        for moment in &recording.moments {
            let files = read(&mut reader, folder.path(), moment);
            let said: Value = serde_json::from_str(moment.answer).unwrap();
            let number = |path: &str| said.pointer(path).and_then(Value::as_u64);
            assert_eq!(
                files.cpu.total_ns,
                number("/cpu_stats/cpu_usage/total_usage"),
                "{name}"
            );
            // Podman tells of anonymous memory alone.
            let anonymous = moment
                .file("/memory.stat")
                .and_then(|text| cgroup::keyed(text, "anon"));
            let usage = if is_podman { anonymous } else { files.memory.usage };
            assert_eq!(usage, number("/memory_stats/usage"), "{name}");
            assert_eq!(files.pids, number("/pids_stats/current"), "{name}");
            assert_eq!(
                files.block.read.zip(files.block.written).map(|(r, w)| r + w),
                moved(&said),
                "{name}"
            );
            let (rx, tx) = ["rx_bytes", "tx_bytes"]
                .map(|key| sum(&said["networks"], |interface| interface[key].as_u64()))
                .into();
            // Podman 4.3 tells the two the wrong way round.
            let network = if is_podman { (tx, rx) } else { (rx, tx) };
            assert_eq!((files.network.read, files.network.written), network, "{name}");
            assert_eq!(files.memory.limit, number("/memory_stats/limit"), "{name}");
            if !is_podman {
                assert_eq!(
                    files.cpu.online.map(u64::from),
                    number("/cpu_stats/online_cpus"),
                    "{name}"
                );
                assert_eq!(
                    files.memory.inactive_file,
                    number("/memory_stats/stats/inactive_file"),
                    "{name}"
                );
                assert_eq!(
                    files.cpu.throttled_ns,
                    number("/cpu_stats/throttling_data/throttled_time"),
                    "{name}"
                );
                // The one clock that goes on in a pause: the engine read it a moment later.
                let system = number("/cpu_stats/system_cpu_usage").unwrap();
                let later = Duration::from_nanos(system - files.cpu.system_ns.unwrap());
                assert!(later < Duration::from_secs(2), "{name}: {later:?}");
            }
        }
    }
}

/// 64 MB held, 10 MB of them written to a disk and sent, 4 MiB read, half a processor, three processes.
#[test]
fn known_loads_are_what_files_of_version_two_say() {
    for recording in cgroup_v2() {
        let name = recording.name;
        let [first, second] = recording.moments.as_slice() else {
            continue;
        };
        let folder = tempfile::tempdir().unwrap();
        let mut reader = CgroupReader::new(folder.path().to_owned(), None);
        let [files, later] = [first, second].map(|moment| read(&mut reader, folder.path(), moment));
        let usage = later.usage(Some(&files));
        let lies = |figure: Option<u64>, from, to| {
            assert!(
                figure.is_some_and(|figure| (from..to).contains(&figure)),
                "{name}: {usage:?}"
            );
        };
        lies(usage.memory_bytes, 64_000_000, 68_000_000);
        assert_eq!(usage.memory_limit_bytes, Some(200 << 20), "{name}");
        // The file system's notes and the heads of packets are the rest.
        lies(usage.block_write_bytes, 10_000_000, 11_500_000);
        lies(usage.block_read_bytes, 4 << 20, 6_000_000);
        lies(usage.net_tx_bytes, 10_000_000, 10_800_000);
        lies(usage.net_rx_bytes, 1, 1_000_000);
        assert_eq!(usage.pids, Some(3), "{name}");
        assert_eq!(later.cpu.limit_nano, Some(500_000_000), "{name}");
        // It was paused for a part of the time.
        let of_limit = usage.cpu_limit_percent.unwrap();
        assert!((10.0..=101.0).contains(&of_limit), "{name}: {of_limit}");
        assert!(
            usage.cpu_throttled_percent.is_some_and(|percent| percent > 1.0),
            "{name}"
        );
        if name.starts_with("docker") {
            let figure = |of: &Moment, path: &str| {
                let said: Value = serde_json::from_str(of.answer).unwrap();
                said.pointer(path).and_then(Value::as_f64).unwrap()
            };
            let grown = |path| figure(second, path) - figure(first, path);
            // As `docker stats` reckons, with one processor.
            let percent =
                grown("/cpu_stats/cpu_usage/total_usage") / grown("/cpu_stats/system_cpu_usage") * 100.0;
            let ours = usage.cpu_percent.unwrap();
            assert!((percent / ours - 1.0).abs() < 0.15, "{name}: {percent} {ours}");
        }
    }
}
