//! A kernel in a folder: the files of some containers, in the form of either version.

use std::path::{Path, PathBuf};

use longshore_core::cgroup::Version;
use longshore_core::{Container, ContainerId, ContainerState, NetworkAttachment, Timestamp};
use tempfile::TempDir;

use crate::mirror::testing::container;

const HEAD: &str = "Inter-|   Receive  |  Transmit\n face |bytes packets errs drop|bytes packets\n";

pub(crate) struct FakeKernel {
    folder: TempDir,
    version: Version,
}

/// The id of the `n`-th container, as long as a real one.
pub(crate) fn id(n: u32) -> ContainerId {
    format!("{n:064x}").parse().unwrap()
}

/// The `n`-th container, which runs on a network of its own.
pub(crate) fn running(n: u32) -> Container {
    Container {
        id: id(n),
        state: ContainerState::Running,
        pid: Some(1_000 + n),
        started_at: Some(Timestamp::from_secs(1)),
        networks: vec![NetworkAttachment {
            name: "bridge".to_owned(),
            ip: None,
        }],
        ..container("c")
    }
}

impl FakeKernel {
    pub(crate) fn new(version: Version) -> Self {
        let kernel = Self {
            folder: tempfile::tempdir().unwrap(),
            version,
        };
        let mounts = match version {
            Version::V2 => "30 23 0:26 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw,nsdelegate\n".to_owned(),
            Version::V1 => ["cpu,cpuacct", "memory", "blkio", "pids"]
                .map(|name| format!("33 25 0:30 / /sys/fs/cgroup/{name} rw - cgroup cgroup rw,{name}\n"))
                .concat(),
        };
        kernel.write("proc/self/mountinfo", &mounts);
        kernel.write(
            "proc/self/limits",
            "Max open files            1024   524288   files\n",
        );
        kernel.write("proc/meminfo", "MemTotal:        8000 kB\nMemFree: 1 kB\n");
        kernel.write(
            "proc/stat",
            "cpu  100 0 0 300 0 0 0 5 0 0\ncpu0 50 0\ncpu1 50 0\nintr 7\n",
        );
        kernel.namespace(1, 1);
        kernel
    }

    pub(crate) fn root(&self) -> PathBuf {
        self.folder.path().to_owned()
    }

    pub(crate) fn write(&self, file: &str, text: &str) {
        let path = self.folder.path().join(file);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }

    pub(crate) fn remove(&self, file: &str) {
        let path = self.folder.path().join(file);
        if path.is_dir() {
            std::fs::remove_dir_all(path).unwrap();
        } else {
            std::fs::remove_file(path).unwrap();
        }
    }

    /// Puts a process into a network.
    pub(crate) fn namespace(&self, pid: u32, network: u32) {
        let path = self.folder.path().join(format!("proc/{pid}/ns/net"));
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        if path.is_symlink() {
            std::fs::remove_file(&path).unwrap();
        }
        std::os::unix::fs::symlink(Path::new(&format!("net:[{network}]")), path).unwrap();
    }

    /// Where a file of the `n`-th container's cgroup is.
    pub(crate) fn file(&self, n: u32, controller: &str, name: &str) -> String {
        match self.version {
            Version::V1 => format!("sys/fs/cgroup/{controller}/docker/{}/{name}", id(n)),
            Version::V2 => format!("sys/fs/cgroup/system.slice/docker-{}.scope/{name}", id(n)),
        }
    }

    /// Starts the `n`-th container. It has used half a second, holds 64,000,000 bytes and as much idle cache, was held
    /// back 2 s, may use one and a half processors and 200,000,000 bytes, and has moved 1, 2, 3 and 4 thousand bytes.
    pub(crate) fn start(&self, n: u32) {
        let pid = 1_000 + n;
        let put =
            |controller: &str, name: &str, text: &str| self.write(&self.file(n, controller, name), text);
        match self.version {
            Version::V1 => {
                let lines = ["cpu,cpuacct", "memory", "blkio", "pids", "name=systemd"]
                    .map(|name| format!("5:{name}:/docker/{}\n", id(n)));
                self.write(&format!("proc/{pid}/cgroup"), &lines.concat());
                put("cpu,cpuacct", "cpuacct.usage", "500000000\n");
                put(
                    "cpu,cpuacct",
                    "cpu.stat",
                    "nr_periods 9\nnr_throttled 8\nthrottled_time 2000000000\n",
                );
                put("cpu,cpuacct", "cpu.cfs_quota_us", "150000\n");
                put("cpu,cpuacct", "cpu.cfs_period_us", "100000\n");
                put("memory", "memory.usage_in_bytes", "128000000\n");
                put(
                    "memory",
                    "memory.stat",
                    "inactive_file 1\ntotal_inactive_file 64000000\n",
                );
                put("memory", "memory.limit_in_bytes", "200000000\n");
                let io = "8:0 Read 3000\n8:0 Write 4000\n8:0 Total 7000\nTotal 7000\n";
                put("blkio", "blkio.throttle.io_service_bytes_recursive", io);
                put("pids", "pids.current", "3\n");
            }
            Version::V2 => {
                let path = format!("0::/system.slice/docker-{}.scope/init\n", id(n));
                self.write(&format!("proc/{pid}/cgroup"), &path);
                let stat = "usage_usec 500000\nuser_usec 400000\nsystem_usec 100000\n\
                    nr_periods 9\nnr_throttled 8\nthrottled_usec 2000000\n";
                put("", "cpu.stat", stat);
                put("", "cpu.max", "150000 100000\n");
                put("", "memory.current", "128000000\n");
                put(
                    "",
                    "memory.stat",
                    "anon 64000000\nfile 64000000\ninactive_file 64000000\n",
                );
                put("", "memory.max", "200000000\n");
                put(
                    "",
                    "io.stat",
                    "8:0 rbytes=3000 wbytes=4000 rios=1 wios=1 dbytes=0 dios=0\n",
                );
                put("", "pids.current", "3\n");
            }
        }
        self.write(&format!("proc/{pid}/status"), "Name:\tsleep\nPPid:\t1\n");
        self.namespace(pid, pid);
        let net = "    lo: 9 1 0 0 0 0 0 0 9 1 0 0 0 0 0 0\n  eth0: 1000 1 0 0 0 0 0 0 2000 1 0 0 0 0 0 0\n";
        self.write(&format!("proc/{pid}/net/dev"), &format!("{HEAD}{net}"));
    }
}
