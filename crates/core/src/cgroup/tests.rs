//! The kernel's files as they are on machines of both versions, and rubbish.

use proptest::prelude::*;

use super::*;
use crate::ContainerId;

const ID: &str = "7b1c5f0e9a3d48b2c6f1e0d9a8b7c6d5e4f3a2b1c0d9e8f7a6b5c4d3e2f1a0b9";
const OUTER: &str = "1111111111111111111111111111111111111111111111111111111111111111";

fn id() -> ContainerId {
    ID.parse().unwrap()
}

#[test]
fn memory_and_processor_of_version_one() {
    let stat = "cache 67112960\nrss 405504\nrss_huge 0\nshmem 0\nmapped_file 0\ndirty 0\nwriteback 0\nswap 0\n\
        pgpgin 16585\npgpgout 101\npgfault 250\npgmajfault 0\ninactive_anon 0\nactive_anon 401408\n\
        inactive_file 67108864\nactive_file 4096\nunevictable 0\nhierarchical_memory_limit 134217728\n\
        hierarchical_memsw_limit 134217728\ntotal_cache 67112960\ntotal_rss 405504\ntotal_inactive_anon 0\n\
        total_active_anon 401408\ntotal_inactive_file 67108865\ntotal_active_file 4096\n";
    assert_eq!(keyed(stat, "total_inactive_file"), Some(67_108_865));
    assert_eq!(keyed(stat, "inactive_file"), Some(67_108_864));
    let stat = "nr_periods 42\nnr_throttled 40\nthrottled_time 1987654321\nnr_bursts 0\nburst_time 0\n";
    assert_eq!(keyed(stat, "throttled_time"), Some(1_987_654_321));
    assert_eq!(number("123456789\n"), Some(123_456_789));
    assert_eq!(cpu_quota("150000\n", "100000\n"), Some(1_500_000_000));
    assert_eq!(cpu_quota("-1\n", "100000\n"), None);
    assert_eq!(cpu_quota("1\n", "0\n"), None);
    assert_eq!(memory_limit("9223372036854771712\n", Some(4096)), Some(4096));
}

#[test]
fn memory_and_processor_of_version_two() {
    let stat = "usage_usec 5023417\nuser_usec 4000000\nsystem_usec 1023417\ncore_sched.force_idle_usec 0\n\
        nr_periods 101\nnr_throttled 99\nthrottled_usec 4890123\nnr_bursts 0\nburst_usec 0\n";
    assert_eq!(keyed_usec(stat, "usage_usec"), Some(5_023_417_000));
    assert_eq!(keyed_usec(stat, "throttled_usec"), Some(4_890_123_000));
    let off = "usage_usec 5\nuser_usec 4\nsystem_usec 1\n";
    assert_eq!(keyed_usec(off, "throttled_usec"), None, "the controller is off");
    let stat = "anon 401408\nfile 67112960\nkernel 98304\nkernel_stack 16384\nshmem 0\nfile_mapped 0\n\
        file_dirty 0\nfile_writeback 0\nswapcached 0\nanon_thp 0\ninactive_anon 397312\nactive_anon 4096\n\
        inactive_file 67108864\nactive_file 4096\nunevictable 0\nslab_reclaimable 10000\n";
    assert_eq!(keyed(stat, "inactive_file"), Some(67_108_864));
    assert_eq!(cpu_max("max 100000\n"), None);
    assert_eq!(cpu_max("150000 100000\n"), Some(1_500_000_000));
    assert_eq!(memory_limit("max\n", None), None);
    assert_eq!(memory_limit("134217728\n", Some(1 << 33)), Some(134_217_728));
}

#[test]
fn block_devices_of_both_versions() {
    let io = block_v1(
        "254:0 Read 4096\n254:0 Write 10485760\n254:0 Sync 10489856\n254:0 Async 0\n254:0 Discard 0\n\
         254:0 Total 10489856\n7:3 Read 1\n7:3 Write 2\nTotal 10489859\n",
    );
    assert_eq!((io.read, io.written), (Some(4097), Some(10_485_762)));
    // A line of a device may have nothing behind it.
    let io =
        block_v2("259:0 rbytes=4096 wbytes=10485760 rios=1 wios=20 dbytes=0 dios=0\n253:0 \n8:0 rbytes=1\n");
    assert_eq!((io.read, io.written), (Some(4097), Some(10_485_760)));
    assert_eq!(block_v2("8:0 rbytes=x wbytes=5\n").read, None);
}

#[test]
fn the_network_counts_what_the_engine_made() {
    let head = "Inter-|   Receive                                                |  Transmit\n \
         face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop fifo colls carrier compressed\n";
    let line = |name: &str, rx: u64, tx: u64| {
        format!(
            "{name:>6}: {rx:>7}       1    0    0    0     0          0         0 {tx:>8}       1    0    0    0     0       0          0\n"
        )
    };
    let of = |lines: &[String], networks| {
        let io = network(&format!("{head}{}", lines.concat()), networks);
        (io.read, io.written)
    };
    let lo = line("lo", 1_000_000, 1_000_000);
    assert_eq!(
        of(std::slice::from_ref(&lo), 1),
        (None, None),
        "no network, no figure"
    );
    let (eth0, eth1) = (line("eth0", 10, 20), line("eth1", 100, 200));
    assert_eq!(of(&[lo.clone(), eth0.clone(), eth1], 2), (Some(110), Some(220)));
    let inner = [
        lo.clone(),
        eth0.clone(),
        line("docker0", 7, 7),
        line("veth1a", 7, 7),
    ];
    assert_eq!(of(&inner, 1), (Some(10), Some(20)), "an engine inside");
    let named = [lo, eth0, line("wan", 5, 6)];
    assert_eq!(of(&named, 2), (Some(15), Some(26)), "one was given another name");
}

#[test]
fn the_host_and_its_processes() {
    let stat = "cpu  10 0 5 100 1 2 3 50 0 0\ncpu0 5 0 2 50 1 1 1 25 0 0\ncpu1 5 0 3 50 0 1 2 25 0 0\nintr 99 1\nctxt 5\n";
    assert_eq!(processors(stat), (Some(1_210_000_000), Some(2)));
    assert_eq!(processors("cpu  1 2 3\n"), (None, None));
    assert_eq!(
        parent("Name:\tsh\nState:\tS (sleeping)\nPPid:\t42\nTracerPid:\t0\n"),
        Some(42)
    );
    assert_eq!(parent("PPid:\t0\n"), None);
    let limits = "Limit                     Soft Limit           Hard Limit           Units\n\
         Max processes             127000               127000               processes\n\
         Max open files            1024                 524288               files\n";
    assert_eq!(open_files_limit(limits), Some(1024));
    assert_eq!(
        open_files_limit("Max open files            unlimited            unlimited\n"),
        None
    );
}

/// A machine of version 1 with processor time and limits mounted together, another with each alone beside version 2, and
/// one of version 2.
const TOGETHER: &str = "25 30 0:22 / /sys/fs/cgroup ro,nosuid - tmpfs tmpfs ro,mode=755\n\
    26 25 0:23 / /sys/fs/cgroup/unified rw,nosuid shared:9 - cgroup2 cgroup2 rw,nsdelegate\n\
    33 25 0:30 / /sys/fs/cgroup/cpu,cpuacct rw,nosuid shared:15 - cgroup cgroup rw,cpu,cpuacct\n\
    35 25 0:32 / /sys/fs/cgroup/memory rw shared:17 - cgroup cgroup rw,memory\n\
    36 25 0:33 / /sys/fs/cgroup/blkio rw shared:18 - cgroup cgroup rw,blkio\n";
const UNIFIED: &str = "30 23 0:26 / /sys/fs/cgroup rw,nosuid shared:4 - cgroup2 cgroup2 rw,nsdelegate,memory_recursiveprot\n\
    22 27 0:21 / /proc rw,relatime - proc proc rw\n";

fn place(mounts: &str, cgroup: &str, controller: Controller) -> Option<(Version, String)> {
    Mounts::parse(mounts).directory(&Membership::parse(cgroup, &id())?, controller)
}

#[test]
fn version_one_by_controller() {
    let cgroup = format!(
        "12:memory:/docker/{ID}\n4:cpu,cpuacct:/docker/{ID}\n1:name=systemd:/docker/{ID}\n0::/system.slice/containerd.service\n"
    );
    let at = |dir: &str| Some((Version::V1, format!("/sys/fs/cgroup/{dir}/docker/{ID}")));
    assert_eq!(place(TOGETHER, &cgroup, Controller::Cpu), at("cpu,cpuacct"));
    assert_eq!(
        place(TOGETHER, &cgroup, Controller::CpuAccount),
        at("cpu,cpuacct")
    );
    assert_eq!(place(TOGETHER, &cgroup, Controller::Memory), at("memory"));
    assert_eq!(
        place(TOGETHER, &cgroup, Controller::Block),
        None,
        "not listed for the process"
    );
    assert_eq!(place(TOGETHER, &cgroup, Controller::Pids), None, "not mounted");
}

#[test]
fn version_two_by_every_driver() {
    for (path, own) in [
        (format!("/docker/{ID}"), format!("/docker/{ID}")),
        (
            format!("/system.slice/docker-{ID}.scope"),
            format!("/system.slice/docker-{ID}.scope"),
        ),
        (
            format!("/machine.slice/libpod-{ID}.scope/container/init.scope"),
            format!("/machine.slice/libpod-{ID}.scope/container"),
        ),
        (
            format!("/machine.slice/libpod-{ID}.scope/containers"),
            format!("/machine.slice/libpod-{ID}.scope"),
        ),
        (
            format!("/system.slice/docker-{ID}.scope/container"),
            format!("/system.slice/docker-{ID}.scope"),
        ),
        (
            format!("/system.slice/docker-{ID}.scope/init.scope"),
            format!("/system.slice/docker-{ID}.scope"),
        ),
        (
            format!("/docker/{OUTER}/docker/{ID}"),
            format!("/docker/{OUTER}/docker/{ID}"),
        ),
    ] {
        let found = place(UNIFIED, &format!("0::{path}\n"), Controller::Pids);
        assert_eq!(found, Some((Version::V2, format!("/sys/fs/cgroup{own}"))));
    }
}

#[test]
fn a_part_that_is_mounted_elsewhere_is_found_and_another_is_not() {
    let mounts =
        format!("30 23 0:26 /docker/{OUTER} /sys/fs/cg\\040roup rw - cgroup2 cgroup2 rw,nsdelegate\n");
    let found = place(
        &mounts,
        &format!("0::/docker/{OUTER}/docker/{ID}\n"),
        Controller::Memory,
    );
    assert_eq!(found, Some((Version::V2, format!("/sys/fs/cg roup/docker/{ID}"))));
    assert_eq!(
        place(&mounts, &format!("0::/docker/{ID}\n"), Controller::Memory),
        None
    );
}

#[test]
fn a_process_that_does_not_prove_whose_it_is_is_nobodys() {
    for text in [
        String::new(),
        "0::/\n".to_owned(),
        "0::/user.slice/session-1.scope\n".to_owned(),
        format!("0::/docker/{OUTER}\n"),
        format!("0::/docker/{ID}0\n"),
        format!("0::/docker/a{ID}\n"),
        format!("0::/docker/{}\n", &ID[..63]),
        format!("0::/../{ID}\n"),
        format!("0::/docker/{ID}/..\n"),
        format!("0::docker/{ID}\n"),
        format!("docker/{ID}\n"),
        "rubbish".to_owned(),
    ] {
        assert_eq!(Membership::parse(&text, &id()), None, "{text:?}");
    }
    let short: ContainerId = "web".parse().unwrap();
    assert_eq!(
        Membership::parse("0::/docker/web\n", &short),
        None,
        "a name proves nothing"
    );
}

/// Text that looks like what the kernel writes, and text that does not.
fn rubbish() -> impl Strategy<Value = String> {
    let word = prop_oneof![
        "[a-z_]{1,12}",
        "[0-9]{1,30}",
        Just("-1".to_owned()),
        Just("max".to_owned()),
        "[0-9]{1,3}:[0-9]{1,3}",
        Just("cpu".to_owned()),
        Just("Read".to_owned()),
        "(rbytes|wbytes)=[0-9]{0,25}",
        Just(" - ".to_owned()),
        Just("cgroup2".to_owned()),
        Just("eth0:".to_owned()),
        Just("\\040\\9é".to_owned()),
        "\\PC{0,8}",
    ];
    let line = prop::collection::vec(word, 0..12).prop_map(|words| words.join(" "));
    prop_oneof![
        prop::collection::vec(line, 0..12).prop_map(|lines| lines.join("\n")),
        any::<String>(),
    ]
}

proptest! {
    #[test]
    fn rubbish_is_unknown_and_never_a_panic(text in rubbish(), networks in 0..4_usize) {
        number(&text);
        for key in ["", "usage_usec", "inactive_file"] {
            keyed(&text, key);
            keyed_usec(&text, key);
        }
        memory_limit(&text, None);
        cpu_max(&text);
        cpu_quota(&text, &text);
        block_v1(&text);
        block_v2(&text);
        network(&text, networks);
        processors(&text);
        host_memory(&text);
        parent(&text);
        open_files_limit(&text);
        let mounts = Mounts::parse(&text);
        if let Some(membership) = Membership::parse(&text, &id()) {
            mounts.directory(&membership, Controller::Memory);
        }
    }

    #[test]
    fn a_cut_file_never_says_more_than_the_whole(cut in 0..70_usize) {
        let text = "8:0 rbytes=1000 wbytes=2000 rios=1 wios=2\n8:16 rbytes=10 wbytes=20 rios=1\n";
        let (whole, part) = (block_v2(text), block_v2(&text[..cut]));
        prop_assert!(part.read <= whole.read && part.written <= whole.written);
    }
}
