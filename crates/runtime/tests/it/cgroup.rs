//! Figures from cgroup files beside the engine's own, under loads that are known. On the real engines.

use std::sync::Arc;
use std::time::{Duration, Instant};

use longshore_core::{Counters, IoCounters, ObjectRef};
use longshore_engine::Engine;
use longshore_runtime::{CounterFiles, Sample, SampleReader, SampleSource, Sampler, SamplerConfig, Watch};
use longshore_testkit::lease::{LABEL, Lease, on_each};
use serde_json::{Value, json};
use tokio::time::timeout;

use crate::account::{engine, hasty, shows};

/// A container, read from files and through the engine by two samplers at once.
struct Both {
    id: String,
    engine: Engine,
    watch: Watch,
    files: SampleReader,
    asked: SampleReader,
    /// Sampling ends with them.
    _samplers: [Sampler; 2],
}

impl Both {
    async fn start(lease: &Lease, suffix: &str, spec: Value) -> Self {
        let id = lease.create(suffix, spec).await.unwrap();
        let started = lease
            .call("POST", &format!("/containers/{id}/start"), None)
            .await
            .unwrap();
        assert!(started.status() < 400, "{}", started.text());
        let engine = engine(&lease.docker_host());
        let watch = Watch::start(engine.clone(), hasty());
        timeout(Duration::from_secs(10), watch.mirror().ready())
            .await
            .unwrap();
        shows(&watch.mirror(), &id, |found| {
            found.is_some_and(|found| found.pid.is_some())
        })
        .await;
        let samplers = [CounterFiles::WherePossible, CounterFiles::Never].map(|source| {
            let config = SamplerConfig::default().source(source);
            Sampler::start(engine.clone(), watch.mirror(), config)
        });
        Self {
            id,
            engine,
            watch,
            files: samplers[0].subscribe(),
            asked: samplers[1].subscribe(),
            _samplers: samplers,
        }
    }

    /// The next sample of each.
    async fn next(&mut self) -> (Arc<Sample>, Arc<Sample>) {
        let (files, asked) = tokio::join!(next(&mut self.files, &self.id), next(&mut self.asked, &self.id));
        assert_eq!(
            files.source,
            SampleSource::Cgroup,
            "the engine is local, so files are read"
        );
        assert_eq!(asked.source, SampleSource::Engine);
        (files, asked)
    }

    /// What the engine itself says.
    async fn once(&self) -> Counters {
        let id = ObjectRef::new(&self.id).unwrap();
        self.engine.stats_once(&id).await.unwrap()
    }
}

async fn next(reader: &mut SampleReader, id: &str) -> Arc<Sample> {
    let found = async {
        loop {
            let round = reader.next().await.unwrap();
            if let Some((_, sample)) = round.iter().find(|(found, _)| found.as_str() == id) {
                return Arc::clone(sample);
            }
        }
    };
    timeout(Duration::from_secs(15), found).await.unwrap()
}

fn shell(script: &str, host: &Value) -> Value {
    json!({ "Cmd": ["sh", "-c", script], "HostConfig": host })
}

/// Half a processor, by a limit: 50 % however it is measured, 100 % of the limit, and held back.
#[tokio::test]
async fn half_a_processor_is_half_a_processor() {
    on_each(|lease| async move {
        let spec = shell(
            "while :; do :; done",
            &json!({ "CpuPeriod": 100_000, "CpuQuota": 50_000, "NetworkMode": "none" }),
        );
        let mut both = Both::start(&lease, "half", spec).await;
        let first = both.next().await;
        assert_eq!(
            (first.0.usage.cpu_percent, first.1.usage.cpu_percent),
            (None, None)
        );
        let began = (both.once().await, Instant::now());
        let (mut sums, mut held_back, mut of_limit) = ([0.0; 2], [0.0; 2], 0.0);
        for _ in 0..4 {
            let (files, asked) = both.next().await;
            sums[0] += files.usage.cpu_percent.unwrap();
            sums[1] += asked.usage.cpu_percent.unwrap();
            let usage = files.usage;
            of_limit += usage.cpu_limit_percent.unwrap();
            held_back[0] += usage.cpu_throttled_percent.unwrap();
            // Podman's API does not say it.
            held_back[1] += asked.usage.cpu_throttled_percent.unwrap_or(0.0);
        }
        let ended = (both.once().await, began.1.elapsed());
        let used = ended.0.cpu.total_ns.unwrap() - began.0.cpu.total_ns.unwrap();
        // By our own clock, which knows nothing of the host's counters.
        let truth = used as f64 / ended.1.as_nanos() as f64 * 100.0;
        let [files, asked] = sums.map(|sum| sum / 4.0);
        println!(
            "{}: files {files:.2} %, engine {asked:.2} %, by time {truth:.2} %",
            lease.engine_name()
        );
        assert!((files - asked).abs() < 10.0, "{files} {asked}");
        // By time, as the limit is: a hypervisor that takes time from the host's counters changes nothing.
        assert!((of_limit / 4.0 - truth * 2.0).abs() < 24.0, "{of_limit} {truth}");
        let [back, asked_back] = held_back.map(|sum| sum / 4.0);
        println!(
            "{}: held back {back:.1} %, engine {asked_back:.1} %",
            lease.engine_name()
        );
        assert!(
            lease.engine_name() == "podman" || (back - asked_back).abs() < 15.0,
            "{back} {asked_back}"
        );
        // A busy machine gives less than the limit allows, never more.
        assert!(
            (truth - files).abs() < 12.0 && (10.0..56.0).contains(&files),
            "{truth} {files}"
        );
        both.watch.stop().await;
    })
    .await;
}

/// 64 MB held, and 64 MB of page cache that does not count.
#[tokio::test]
async fn memory_that_is_held_counts_and_idle_cache_does_not() {
    on_each(|lease| async move {
        let script = "dd if=/dev/zero of=/cache bs=1M count=64 2>/dev/null; \
            v=$(head -c 64000000 /dev/zero | tr '\\0' x); echo held; sleep 600; echo ${#v}";
        let spec = shell(
            script,
            &json!({ "NetworkMode": "none", "Memory": 400_000_000u64 }),
        );
        let mut both = Both::start(&lease, "held", spec).await;
        // Podman's API does not say how much of it is idle cache, so it shows it all, and a limit that is not whole pages.
        let is_podman = lease.engine_name() == "podman";
        let (mut files, mut asked) = both.next().await;
        let bytes = |sample: &Sample| sample.usage.memory_bytes.unwrap_or(0);
        let settle = async {
            loop {
                let is_held = (60_000_000..80_000_000).contains(&bytes(&files));
                // What fills the memory is gone soon after it is held.
                let is_same =
                    bytes(&files).abs_diff(bytes(&asked)) < 1_000_000 && files.usage.pids == asked.usage.pids;
                if is_held && (is_podman || is_same) {
                    return;
                }
                (files, asked) = both.next().await;
            }
        };
        let settled = timeout(Duration::from_secs(40), settle).await;
        println!(
            "{}: files {}, engine {}",
            lease.engine_name(),
            bytes(&files),
            bytes(&asked)
        );
        assert!(settled.is_ok(), "{files:?} {asked:?}");
        let whole_pages = Some(400_000_000 / 4096 * 4096);
        assert_eq!(files.usage.memory_limit_bytes, whole_pages);
        if !is_podman {
            assert_eq!(asked.usage.memory_limit_bytes, whole_pages);
        }
        both.watch.stop().await;
    })
    .await;
}

/// 10 MB sent from one container to another over a network.
#[tokio::test]
async fn bytes_on_the_network_are_the_engines() {
    on_each(|lease| async move {
        let net = json!({ "Name": lease.name("net"), "Labels": { LABEL: lease.run_id() } });
        let made = lease.call("POST", "/networks/create", Some(&net)).await.unwrap();
        assert!(made.status() < 400, "{}", made.text());
        let host = json!({ "NetworkMode": lease.name("net") });
        let sink = lease
            .create(
                "sink",
                shell("sleep 600 | nc -l -p 9 >/dev/null; sleep 600", &host),
            )
            .await
            .unwrap();
        let started = lease
            .call("POST", &format!("/containers/{sink}/start"), None)
            .await
            .unwrap();
        assert!(started.status() < 400, "{}", started.text());
        let seen = lease
            .call("GET", &format!("/containers/{sink}/json"), None)
            .await
            .unwrap();
        let seen: Value = serde_json::from_str(&seen.text()).unwrap();
        let ip = seen["NetworkSettings"]["Networks"][lease.name("net")]["IPAddress"]
            .as_str()
            .unwrap()
            .to_owned();
        let script = format!("until head -c 10000000 /dev/zero | nc -w 5 {ip} 9; do :; done; sleep 600");
        let mut both = Both::start(&lease, "send", shell(&script, &host)).await;
        let (mut files, mut asked) = both.next().await;
        // Podman 4.3 tells the two the wrong way round (containers/podman#16618).
        let is_podman = lease.engine_name() == "podman";
        let told = move |sample: &Sample| {
            let usage = &sample.usage;
            let both = (usage.net_rx_bytes.unwrap_or(0), usage.net_tx_bytes.unwrap_or(0));
            let is_turned = is_podman && sample.source == SampleSource::Engine && both.0 > both.1;
            if is_turned { (both.1, both.0) } else { both }
        };
        let arrive = async {
            loop {
                if told(&files).1 > 10_000_000 && told(&files) == told(&asked) {
                    return told(&files);
                }
                (files, asked) = both.next().await;
            }
        };
        let moved = timeout(Duration::from_secs(30), arrive).await;
        let (received, sent) = moved.unwrap_or_else(|_| panic!("{files:?} {asked:?}"));
        // Heads of packets are the rest.
        println!("{}: sent {sent}, received {received}", lease.engine_name());
        assert!((10_000_000..10_800_000).contains(&sent), "{sent}");
        both.watch.stop().await;
    })
    .await;
}

/// 10 MB written to the disk. Kernels from 6.10 count in version 1 only on a device that has some limit: it gets one that
/// nobody reaches.
#[tokio::test]
async fn bytes_on_the_disk_are_the_engines() {
    on_each(|lease| async move {
        let info = lease.call("GET", "/info", None).await.unwrap();
        let info: Value = serde_json::from_str(&info.text()).unwrap();
        let device = device_of(info["DockerRootDir"].as_str().unwrap());
        let limit = json!([{ "Path": device, "Rate": 10_000_000_000u64 }]);
        let script = "while ! [ -e /go ]; do sleep 0.1; done; \
            dd if=/dev/zero of=/file bs=1000000 count=10 conv=fsync 2>/dev/null; sleep 600";
        let host = json!({ "NetworkMode": "none", "BlkioDeviceWriteBps": limit });
        let mut both = Both::start(&lease, "write", shell(script, &host)).await;
        let before = both.next().await;
        let written = |sample: &Sample| sample.usage.block_write_bytes;
        println!(
            "{}: before {:?} {:?}",
            lease.engine_name(),
            written(&before.0),
            written(&before.1)
        );
        let archive = lease
            .call(
                "POST",
                &format!("/containers/{}/exec", both.id),
                Some(&json!({ "Cmd": ["touch", "/go"] })),
            )
            .await
            .unwrap();
        let exec: Value = serde_json::from_str(&archive.text()).unwrap();
        let path = format!("/exec/{}/start", exec["Id"].as_str().unwrap());
        lease
            .call("POST", &path, Some(&json!({ "Detach": true })))
            .await
            .unwrap();
        let (mut files, mut asked) = both.next().await;
        let arrive = async {
            loop {
                if written(&files) >= Some(10_000_000) && written(&files) == written(&asked) {
                    return written(&files).unwrap();
                }
                (files, asked) = both.next().await;
            }
        };
        let bytes = timeout(Duration::from_secs(30), arrive).await;
        let (files, asked) = (files.usage, asked.usage);
        let bytes = bytes.unwrap_or_else(|_| panic!("{files:?} {asked:?}"));
        println!("{}: written {bytes}", lease.engine_name());
        // The file system's own notes are the rest.
        assert!((10_000_000..11_500_000).contains(&bytes), "{bytes}");
        assert_eq!(files.block_read_bytes, asked.block_read_bytes);
        both.watch.stop().await;
    })
    .await;
}

/// The disk that a folder lies on.
fn device_of(folder: &str) -> String {
    use std::os::linux::fs::MetadataExt;
    let device = std::fs::metadata(folder).unwrap().st_dev();
    // The encoding of the C library.
    let major = (device >> 8 & 0xfff) | (device >> 32 & !0xfff);
    let minor = (device & 0xff) | (device >> 12 & !0xff);
    let link = std::fs::canonicalize(format!("/sys/dev/block/{major}:{minor}")).unwrap();
    let is_partition = link.join("partition").exists();
    let disk = if is_partition {
        link.parent().unwrap()
    } else {
        &link
    };
    format!("/dev/{}", disk.file_name().unwrap().to_str().unwrap())
}

/// A container that is started again: rates are unknown once and never wrong, and its figures come from files again.
#[tokio::test]
async fn a_restart_gives_unknown_and_then_the_truth() {
    on_each(|lease| async move {
        let spec = shell(
            "while :; do :; done",
            &json!({ "NetworkMode": "none", "NanoCpus": 300_000_000u64 }),
        );
        let mut both = Both::start(&lease, "again", spec).await;
        for _ in 0..3 {
            both.next().await;
        }
        let path = format!("/containers/{}/restart?t=0", both.id);
        let restarted = lease.call("POST", &path, None).await.unwrap();
        assert!(restarted.status() < 400, "{}", restarted.text());
        let began = |watch: &Watch, id: &str| watch.mirror().find(id).ok().and_then(|found| found.started_at);
        let mut known = Vec::new();
        let mut is_unknown_seen = false;
        while known.len() < 3 {
            let sample = next(&mut both.files, &both.id).await;
            match sample.usage.cpu_percent {
                None => is_unknown_seen = true,
                Some(percent) if is_unknown_seen && sample.source == SampleSource::Cgroup => {
                    known.push(percent);
                }
                Some(percent) => assert!(percent < 60.0, "{percent}"),
            }
        }
        assert!(began(&both.watch, &both.id).is_some());
        println!("{}: after a restart {known:?}", lease.engine_name());
        assert!(
            known.iter().all(|percent| (1.0..45.0).contains(percent)),
            "{known:?}"
        );
        both.watch.stop().await;
    })
    .await;
}

/// The network of the engine's own machine is nobody's figure, and a container without one has none.
#[tokio::test]
async fn a_network_that_is_not_its_own_is_unknown() {
    on_each(|lease| async move {
        for mode in ["host", "none"] {
            let spec = shell("sleep 600", &json!({ "NetworkMode": mode }));
            let mut both = Both::start(&lease, mode, spec).await;
            let (files, asked) = both.next().await;
            println!(
                "{} {mode}: {:?} {:?}",
                lease.engine_name(),
                files.usage.net_rx_bytes,
                asked.usage.net_rx_bytes
            );
            let io = IoCounters {
                read: files.usage.net_rx_bytes,
                written: files.usage.net_tx_bytes,
            };
            assert_eq!(io, IoCounters::default());
            both.watch.stop().await;
        }
    })
    .await;
}
