//! The reader on a kernel in a folder, of both versions.

use longshore_core::{Container, IoCounters};

use super::testing::{FakeKernel, id, running};
use super::*;
use longshore_core::cgroup::Version;

const BOTH: [Version; 2] = [Version::V1, Version::V2];

fn read(reader: &mut CgroupReader, containers: &[Container]) -> Vec<Option<Counters>> {
    let read = reader.read(containers.iter().map(Target::from).collect());
    read.into_iter().map(|(_, counters)| counters).collect()
}

fn one(kernel: &FakeKernel, container: Container) -> Option<Counters> {
    read(&mut CgroupReader::new(kernel.root(), None), &[container]).remove(0)
}

#[test]
fn both_versions_say_the_same() {
    for version in BOTH {
        let kernel = FakeKernel::new(version);
        kernel.start(1);
        let read = one(&kernel, running(1)).unwrap();
        assert_eq!(read.cpu.total_ns, Some(500_000_000));
        assert_eq!(
            (read.cpu.system_ns, read.cpu.online),
            (Some(4_000_000_000), Some(2))
        );
        assert_eq!(
            (read.cpu.throttled_ns, read.cpu.limit_nano),
            (Some(2_000_000_000), Some(1_500_000_000))
        );
        assert_eq!(read.memory.in_use(), Some(64_000_000));
        assert_eq!(read.memory.limit, Some(8_192_000), "no more than the host has");
        assert_eq!(
            (read.network.read, read.network.written),
            (Some(1_000), Some(2_000))
        );
        assert_eq!((read.block.read, read.block.written), (Some(3_000), Some(4_000)));
        assert_eq!(read.pids, Some(3));
        assert!(read.steady.is_some() && read.at != Timestamp::default());
    }
}

#[test]
fn what_is_not_there_is_unknown_and_the_rest_stands() {
    for version in BOTH {
        let kernel = FakeKernel::new(version);
        kernel.start(1);
        let io = match version {
            Version::V1 => "blkio.throttle.io_service_bytes_recursive",
            Version::V2 => "io.stat",
        };
        kernel.remove(&kernel.file(1, "blkio", io));
        kernel.remove(&kernel.file(1, "memory", "memory.stat"));
        kernel.remove(&kernel.file(1, "pids", "pids.current"));
        kernel.remove("proc/1001/net/dev");
        kernel.remove("proc/stat");
        let read = one(&kernel, running(1)).unwrap();
        assert_eq!(read.cpu.total_ns, Some(500_000_000));
        assert_eq!((read.cpu.system_ns, read.cpu.online), (None, None));
        assert_eq!(
            (read.memory.in_use(), read.pids),
            (None, None),
            "with the cache it would be too much"
        );
        assert_eq!(
            (read.block, read.network),
            (IoCounters::default(), IoCounters::default())
        );
    }
}

#[test]
fn version_one_without_sums_over_children_has_its_own() {
    let kernel = FakeKernel::new(Version::V1);
    kernel.start(1);
    kernel.remove(&kernel.file(1, "blkio", "blkio.throttle.io_service_bytes_recursive"));
    let plain = kernel.file(1, "blkio", "blkio.throttle.io_service_bytes");
    kernel.write(&plain, "8:0 Read 5\n8:0 Write 6\nTotal 11\n");
    let read = one(&kernel, running(1)).unwrap();
    assert_eq!((read.block.read, read.block.written), (Some(5), Some(6)));
}

#[test]
fn the_engines_own_network_is_not_the_containers() {
    let kernel = FakeKernel::new(Version::V2);
    kernel.start(1);
    let mut host = running(1);
    host.networks[0].name = "host".to_owned();
    let read = one(&kernel, host).unwrap();
    assert_eq!(read.network, IoCounters::default());
    // Whatever the inspection says: the shim is in the same one.
    kernel.namespace(1_001, 1);
    let read = one(&kernel, running(1)).unwrap();
    assert_eq!(read.network, IoCounters::default());
    // Another container's.
    kernel.namespace(1_001, 77);
    let mut shared = running(1);
    shared.networks.clear();
    let read = one(&kernel, shared.clone()).unwrap();
    assert_eq!(read.network.read, Some(1_000));
    // Nobody can tell.
    kernel.remove("proc/1/ns/net");
    assert_eq!(one(&kernel, shared), None);
    assert!(one(&kernel, running(1)).is_some(), "the inspection can");
}

#[test]
fn a_process_of_another_is_not_read_and_looked_at_again() {
    for version in BOTH {
        let kernel = FakeKernel::new(version);
        kernel.start(1);
        kernel.start(2);
        let mut other = running(2);
        other.pid = Some(1_001);
        assert_eq!(
            one(&kernel, other.clone()),
            None,
            "the pid is another container's"
        );
        other.pid = None;
        assert_eq!(one(&kernel, other.clone()), None);
        other.pid = Some(4_000_000);
        let mut reader = CgroupReader::new(kernel.root(), None);
        assert_eq!(read(&mut reader, &[other.clone()]), [None]);
        // A new start is looked at at once.
        other.pid = Some(1_002);
        assert!(read(&mut reader, &[other.clone()])[0].is_some());
    }
}

#[test]
fn a_cgroup_that_comes_late_is_found_in_the_end() {
    let kernel = FakeKernel::new(Version::V2);
    kernel.start(1);
    kernel.write("proc/1001/cgroup", "0::/\n");
    let mut reader = CgroupReader::new(kernel.root(), None);
    assert_eq!(read(&mut reader, &[running(1)]), [None]);
    kernel.start(1);
    let tries = (0..50).take_while(|_| read(&mut reader, &[running(1)])[0].is_none());
    assert_eq!(tries.count(), 10);
}

#[test]
fn a_cgroup_that_has_gone_is_not_read() {
    for version in BOTH {
        let kernel = FakeKernel::new(version);
        kernel.start(1);
        let mut reader = CgroupReader::new(kernel.root(), Some(0));
        assert!(read(&mut reader, &[running(1)])[0].is_some());
        let time = ["cpuacct.usage", "cpu.stat"][usize::from(version == Version::V2)];
        kernel.remove(&kernel.file(1, "cpu,cpuacct", time));
        assert_eq!(read(&mut reader, &[running(1)]), [None]);
    }
}

#[test]
fn descriptors_are_bounded_and_given_back() {
    for version in BOTH {
        let kernel = FakeKernel::new(version);
        (1..=5).for_each(|n| kernel.start(n));
        let all: Vec<Container> = (1..=5).map(running).collect();
        let mut reader = CgroupReader::new(kernel.root(), Some(8));
        for _ in 0..3 {
            assert!(read(&mut reader, &all).iter().all(Option::is_some));
            assert_eq!(reader.kept.open, 8);
        }
        read(&mut reader, &all[4..]);
        assert!(reader.kept.open <= 8 && reader.known.len() == 1);
        reader.kept.is_exhausted = true;
        assert!(read(&mut reader, &all).iter().all(Option::is_some));
        assert_eq!(
            (reader.kept.open, reader.kept.most),
            (0, 0),
            "others need them more"
        );
        let mut by_limit = CgroupReader::new(kernel.root(), None);
        read(&mut by_limit, &all);
        assert_eq!(by_limit.kept.most, 256);
    }
}

#[test]
fn a_changed_limit_shows_with_the_inspection_and_in_the_end_without() {
    let kernel = FakeKernel::new(Version::V2);
    kernel.start(1);
    let mut reader = CgroupReader::new(kernel.root(), None);
    let limit = |reader: &mut CgroupReader, container: Container| {
        read(reader, &[container])[0].and_then(|read| read.cpu.limit_nano)
    };
    assert_eq!(limit(&mut reader, running(1)), Some(1_500_000_000));
    kernel.write(&kernel.file(1, "", "cpu.max"), "200000 100000\n");
    assert_eq!(limit(&mut reader, running(1)), Some(1_500_000_000));
    let mut updated = running(1);
    updated.nano_cpus = Some(2_000_000_000);
    assert_eq!(limit(&mut reader, updated.clone()), Some(2_000_000_000));
    kernel.write(&kernel.file(1, "", "cpu.max"), "max 100000\n");
    let rounds = (0..100).take_while(|_| limit(&mut reader, updated.clone()).is_some());
    assert_eq!(rounds.count(), 60);
}

#[test]
fn rubbish_in_a_file_is_unknown() {
    let kernel = FakeKernel::new(Version::V2);
    kernel.start(1);
    for name in [
        "memory.current",
        "memory.stat",
        "io.stat",
        "pids.current",
        "cpu.max",
    ] {
        kernel.write(
            &kernel.file(1, "", name),
            "\u{0} rbytes=99999999999999999999999 -5 \n\n",
        );
    }
    let read = one(&kernel, running(1)).unwrap();
    assert_eq!(
        (read.memory.in_use(), read.block.read, read.pids),
        (None, None, None)
    );
    kernel.write(&kernel.file(1, "", "cpu.stat"), "usage_usec many\n");
    assert_eq!(
        one(&kernel, running(1)),
        None,
        "no processor time: the engine is asked"
    );
    assert_eq!(id(1).as_str().len(), 64);
}
