//! A container of ours beside one that the docker command line makes from the same words: the engine says the same of both.

use std::collections::BTreeSet;
use std::time::Duration;

use longshore_core::{HealthCheck, LogConfig, MountSpec, PortBinding, RestartPolicy};
use longshore_testkit::lease::{LABEL, on_each};

use crate::support::{client, is_podman, spec};

/// What the engine was told, by both ways, without what must differ.
async fn inspected(lease: &longshore_testkit::lease::Lease, name: &str) -> serde_json::Value {
    let mut raw = longshore_testkit::raw::Connection::connect(lease.target())
        .await
        .unwrap();
    let answer = raw
        .call("GET", &format!("/containers/{name}/json"), None)
        .await
        .unwrap();
    let json: serde_json::Value = answer.json().unwrap();
    let mut told = serde_json::json!({"Config": json["Config"], "HostConfig": json["HostConfig"]});
    let config = told["Config"].as_object_mut().unwrap();
    // The command line says which streams it would attach; labels name who made it.
    for key in [
        "Labels",
        "AttachStdout",
        "AttachStderr",
        "AttachStdin",
        "Hostname",
    ] {
        config.remove(key);
    }
    let host = told["HostConfig"].as_object_mut().unwrap();
    // The command line's own terminal; and what it writes out though it means the default.
    for key in ["ConsoleSize", "ContainerIDFile"] {
        host.remove(key);
    }
    strip(&mut told);
    told
}

/// Takes away what means nothing: null, empty, false, 0.
fn strip(json: &mut serde_json::Value) {
    use serde_json::Value;
    let empty = |value: &Value| match value {
        Value::Null | Value::Bool(false) => true,
        Value::String(text) => text.is_empty(),
        Value::Array(all) => all.is_empty(),
        Value::Object(all) => all.is_empty(),
        Value::Number(number) => number.as_i64() == Some(0),
        Value::Bool(true) => false,
    };
    match json {
        Value::Object(all) => {
            all.values_mut().for_each(strip);
            all.retain(|_, value| !empty(value));
        }
        Value::Array(all) => all.iter_mut().for_each(strip),
        _ => {}
    }
}

#[tokio::test]
async fn a_spec_says_the_same_as_the_docker_command_line() {
    let found = std::process::Command::new("docker").arg("--version").output();
    if !found.is_ok_and(|output| output.status.success()) {
        eprintln!("SKIPPED: there is no docker command line to compare with");
        return;
    }
    on_each(|lease| async move {
        let engine = client(&lease).await;
        let volume = lease.name("vol");
        let ours = spec(&lease, "ours", &["-c", "sleep 60"])
            .entrypoint(["sh"])
            .envs([("A", "b"), ("C", "d e")])
            .working_dir("/tmp")
            .user("1000:1000")
            .group("44")
            .stop_signal("SIGUSR1")
            .stop_timeout(3)
            .health_check(
                HealthCheck::cmd("true")
                    .interval(Duration::from_secs(2))
                    .timeout(Duration::from_millis(1500))
                    .start_period(Duration::from_secs(1))
                    .retries(4),
            )
            .restart_policy(RestartPolicy::OnFailure { max_retries: Some(2) })
            .log(LogConfig::new("json-file").option("max-size", "1m"))
            .publish(PortBinding::tcp(80).host_ip([127, 0, 0, 1]).host(18080))
            .udp_port(53, 18053)
            .expose(9)
            .domainname("example.org")
            .extra_host("db", "10.0.0.1")
            .dns([1, 1, 1, 1])
            .dns_search("example.org")
            .dns_option("ndots:2")
            .mount(MountSpec::bind("/etc", "/host").read_only())
            .mount(MountSpec::bind("/var", "/var2").create_source())
            .mount(MountSpec::tmpfs("/scratch").size(1 << 20).option("noexec"))
            .volume(&volume, "/data")
            .shm_size("32m")
            .read_only_root(true)
            .memory_limit("64m")
            .memory_reservation("32m")
            .memory_swap("128m")
            .cpus(0.5)
            .cpu_shares(512)
            .cpuset("0")
            .pids_limit(50)
            .ulimit("nofile", 100, 200)
            .device("/dev/null")
            .device_cgroup_rule("c 1:3 rwm")
            .cap_add("CAP_NET_ADMIN")
            .cap_drop("CAP_CHOWN")
            .security_opt("no-new-privileges")
            .sysctl("net.ipv4.ip_forward", "1")
            .ipc_mode("private")
            .pid_mode("host")
            .cgroupns_mode("private")
            .oom_score_adj(100);
        let mut ours = ours.init(true);
        ours.network_mode = Some("bridge".to_owned());
        if is_podman(&lease) {
            let error = engine.create_container(&ours).await.unwrap_err();
            assert!(
                error
                    .message()
                    .unwrap()
                    .contains("cannot add init binary as PID 1"),
                "{error:?}"
            );
            ours.init = false;
        }
        engine.create_container(&ours).await.unwrap();

        let theirs = lease.name("theirs");
        let label = format!("{LABEL}={}", lease.run_id());
        let mount = format!("type=volume,source={volume},target=/data");
        let argv = [
            "create",
            "--name",
            &theirs,
            "--label",
            &label,
            "--entrypoint",
            "sh",
            "-e",
            "A=b",
            "-e",
            "C=d e",
            "-w",
            "/tmp",
            "-u",
            "1000:1000",
            "--group-add",
            "44",
            "--stop-signal",
            "SIGUSR1",
            "--stop-timeout",
            "3",
            "--health-cmd",
            "true",
            "--health-interval",
            "2s",
            "--health-timeout",
            "1500ms",
            "--health-start-period",
            "1s",
            "--health-retries",
            "4",
            "--restart",
            "on-failure:2",
            "--log-driver",
            "json-file",
            "--log-opt",
            "max-size=1m",
            "-p",
            "127.0.0.1:18080:80",
            "-p",
            "18053:53/udp",
            "--expose",
            "9",
            "--domainname",
            "example.org",
            "--add-host",
            "db:10.0.0.1",
            "--dns",
            "1.1.1.1",
            "--dns-search",
            "example.org",
            "--dns-option",
            "ndots:2",
            "--mount",
            "type=bind,source=/etc,target=/host,readonly",
            "-v",
            "/var:/var2:rw",
            "--tmpfs",
            "/scratch:rw,size=1048576,noexec",
            "--mount",
            &mount,
            "--shm-size",
            "32m",
            "--read-only",
            "-m",
            "64m",
            "--memory-reservation",
            "32m",
            "--memory-swap",
            "128m",
            "--cpus",
            "0.5",
            "--cpu-shares",
            "512",
            "--cpuset-cpus",
            "0",
            "--pids-limit",
            "50",
            "--ulimit",
            "nofile=100:200",
            "--device",
            "/dev/null",
            "--device-cgroup-rule",
            "c 1:3 rwm",
            "--cap-add",
            "NET_ADMIN",
            "--cap-drop",
            "CHOWN",
            "--security-opt",
            "no-new-privileges",
            "--sysctl",
            "net.ipv4.ip_forward=1",
            "--ipc",
            "private",
            "--pid",
            "host",
            "--cgroupns",
            "private",
            "--oom-score-adj",
            "100",
            "--network",
            "bridge",
            "--pull",
            "never",
        ];
        let init = ours.init.then_some("--init");
        let argv = argv
            .into_iter()
            .chain(init)
            .chain([&*ours.image, "-c", "sleep 60"]);
        let mut docker = tokio::process::Command::new("docker");
        let output = docker
            .env("DOCKER_HOST", lease.docker_host())
            .args(argv)
            .output()
            .await
            .unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        let mine = inspected(&lease, &lease.name("ours")).await;
        if is_podman(&lease) {
            // The command line asks a ping for the operating system, and gives up: there is only ours to look at.
            assert!(said.contains("unknown server OS"), "{said}");
            let host = &mine["HostConfig"];
            let expected = serde_json::json!([
                64 << 20,
                128 << 20,
                500_000_000,
                50,
                32 << 20,
                true,
                100,
                ["1.1.1.1"]
            ]);
            let told = [
                "Memory",
                "MemorySwap",
                "NanoCpus",
                "PidsLimit",
                "ShmSize",
                "ReadonlyRootfs",
                "OomScoreAdj",
                "Dns",
            ];
            assert_eq!(serde_json::json!(told.map(|key| &host[key])), expected);
            assert_eq!(mine["Config"]["User"], "1000:1000");
            return;
        }
        assert!(output.status.success(), "{said}");
        let docker = inspected(&lease, &theirs).await;
        for part in ["Config", "HostConfig"] {
            let keys = |json: &serde_json::Value| -> BTreeSet<String> {
                json[part].as_object().unwrap().keys().cloned().collect()
            };
            for key in keys(&mine).union(&keys(&docker)) {
                let (mut mine, mut docker) = (mine[part][key].clone(), docker[part][key].clone());
                if key == "Env" {
                    // The order of variables is the whim of who merges them with the image's.
                    for env in [&mut mine, &mut docker] {
                        env.as_array_mut().unwrap().sort_by_key(ToString::to_string);
                    }
                }
                assert_eq!(mine, docker, "{part}.{key}");
            }
        }
    })
    .await;
}
