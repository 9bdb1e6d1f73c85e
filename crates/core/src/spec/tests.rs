//! What is refused, by which field, and that nothing secret shows.

use std::time::Duration;

use proptest::prelude::*;

use super::*;
use crate::EndpointSpec;

fn base() -> ContainerSpec {
    ContainerSpec::new("img")
}

#[test]
fn what_an_engine_would_refuse_names_its_field() {
    let bad: Vec<(&str, ContainerSpec)> = vec![
        ("image", ContainerSpec::new("")),
        ("image", ContainerSpec::new("a b")),
        ("platform", base().platform("")),
        ("name", base().name("../x")),
        ("name", base().name("a")),
        ("labels", base().label("", "x")),
        ("annotations", base().annotation("", "x")),
        ("cmd", base().cmd(["a\0"])),
        ("entrypoint", base().entrypoint(["a\0"])),
        ("working_dir", base().working_dir("relative")),
        ("env", base().env("", "v")),
        ("user", base().user("a b")),
        ("groups", base().group("")),
        ("stop_signal", base().stop_signal("TERM;")),
        ("stop_timeout", base().stop_timeout(u32::MAX)),
        ("health", base().health_check(HealthCheck::cmd(" "))),
        ("health", base().health_check(HealthCheck::cmd_exec([""]))),
        (
            "health.interval",
            base().health_check(HealthCheck::cmd("x").interval(Duration::from_nanos(1))),
        ),
        (
            "health.timeout",
            base().health_check(HealthCheck::cmd("x").timeout(Duration::MAX)),
        ),
        (
            "health.retries",
            base().health_check(HealthCheck::cmd("x").retries(u32::MAX)),
        ),
        (
            "auto_remove",
            base().auto_remove(true).restart_policy(RestartPolicy::Always),
        ),
        ("log", base().log(LogConfig::new(""))),
        ("ports", base().port(0, None)),
        ("ports", base().port(80, 0)),
        ("ports", base().port(80, 8080).port(81, 8080)),
        ("ports", base().expose(0)),
        ("network_mode", base().network("a").network_mode("none")),
        ("networks", base().network("a").network("a")),
        ("networks", base().network("")),
        ("alias", base().network_as("a", EndpointSpec::default().alias(""))),
        ("hostname", base().hostname("x".repeat(65))),
        ("extra_hosts", base().extra_host("db", "nowhere")),
        ("dns_search", base().dns_search("a\nnameserver 1.2.3.4")),
        ("mounts", base().bind("relative", "/x")),
        ("mounts", base().bind("/x", "/")),
        ("mounts", base().volume("../x", "/x")),
        ("mounts", base().volume("vol", "/x").tmpfs("/x/")),
        ("mounts", base().mount(MountSpec::anonymous("/x").subpath("y"))),
        (
            "mounts",
            base().mount(MountSpec::volume("vol", "/x").subpath("../y")),
        ),
        ("mounts", base().mount(MountSpec::tmpfs("/x").size("x"))),
        ("mounts", base().mount(MountSpec::tmpfs("/x").mode(0o10000))),
        ("mounts", base().mount(MountSpec::tmpfs("/x").option("a,b"))),
        ("volumes_from", base().volumes_from("a:rx")),
        ("shm_size", base().shm_size("0")),
        ("memory", base().memory_limit("1m")),
        ("memory", base().memory_limit("a lot")),
        (
            "memory_reservation",
            base().memory_limit("64m").memory_reservation("65m"),
        ),
        ("memory_swap", base().memory_swap("64m")),
        ("memory_swap", base().memory_limit("64m").memory_swap("63m")),
        ("cpus", base().cpus(0.0)),
        ("cpus", base().cpus(-1.0)),
        ("cpus", base().cpus(f64::NAN)),
        ("cpus", base().cpus(f64::INFINITY)),
        ("cpuset_cpus", base().cpuset("2-1")),
        ("cpuset_cpus", base().cpuset("")),
        ("pids_limit", base().pids_limit(0)),
        ("ulimits", base().ulimit("nofiles", 1, 1)),
        ("ulimits", base().ulimit("nofile", 2, 1)),
        ("ulimits", base().ulimit("nofile", -1, 1)),
        ("devices", base().device("null")),
        ("device_cgroup_rules", base().device_cgroup_rule("c 1:3 x")),
        ("device_cgroup_rules", base().device_cgroup_rule("c 1 rwm")),
        ("device_requests", base().gpus(0)),
        ("device_requests", base().gpus(DeviceCount::Ids(vec![]))),
        ("cap_add", base().cap_add("")),
        ("security_opts", base().security_opt("")),
        ("sysctls", base().sysctl("", "1")),
        ("pid_mode", base().pid_mode("")),
        ("oom_score_adj", base().oom_score_adj(1001)),
    ];
    for (field, spec) in bad {
        let text = spec.check().expect_err(field).to_string();
        assert!(text.starts_with(field), "{field}: {text}");
        assert!(text.len() < 300, "{text}");
    }
    let mut alone = base();
    alone.stdin_once = true;
    assert!(alone.check().unwrap_err().to_string().starts_with("stdin_once"));
}

/// One spec with every field in use.
fn whole() -> ContainerSpec {
    base()
        .name("web")
        .platform("linux/amd64")
        .annotation("a", "b")
        .entrypoint(["sh"])
        .cmd(["-c", "true"])
        .working_dir("/")
        .envs([("A", "hunter2"), ("B", "")])
        .user("1000:1000")
        .group("video")
        .stdin()
        .init(true)
        .stop_signal("SIGRTMIN+3")
        .stop_timeout(3)
        .health_check(HealthCheck::cmd("true").start_period(Duration::from_secs(1)))
        .restart_policy(RestartPolicy::OnFailure { max_retries: Some(3) })
        .log(LogConfig::new("json-file").option("max-size", "hunter2"))
        .port(80, 8080)
        .publish(PortBinding::tcp(80).host(8080).host_ip([127, 0, 0, 1]))
        .udp_port(80, 8080)
        .publish(PortBinding::sctp(7))
        .expose(9)
        .network("front")
        .network_as("back", EndpointSpec::default().alias("web"))
        .hostname("web")
        .domainname("example.org")
        .extra_host("db", "10.0.0.1")
        .extra_host("host", "host-gateway")
        .dns([1, 1, 1, 1])
        .dns_search("example.org")
        .dns_option("ndots:2")
        .bind("/", "/host")
        .bind_read_only("/etc", "/etc2")
        .volume("data", "/data")
        .anonymous_volume("/scratch")
        .mount(MountSpec::tmpfs("/tmp").size("64m").mode(0o1777).option("noexec"))
        .volumes_from("other:ro")
        .shm_size("128m")
        .read_only_root(true)
        .memory_limit("512m")
        .memory_reservation("256m")
        .memory_swap("1g")
        .cpus(1.5)
        .cpu_shares(512)
        .cpuset("0-1,3")
        .pids_limit(100)
        .ulimit("nofile", 1024, 2048)
        .ulimit("core", 0, -1)
        .device("/dev/null")
        .device_cgroup_rule("c 13:* rwm")
        .gpus(DeviceCount::All)
        .cap_add("NET_ADMIN")
        .cap_drop("ALL")
        .security_opt("no-new-privileges")
        .sysctl("net.ipv4.ip_forward", "1")
        .ipc_mode("private")
        .pid_mode("host")
        .userns_mode("host")
        .cgroupns_mode("private")
        .oom_score_adj(-500)
        .runtime("runc")
}

#[test]
fn a_spec_with_every_field_is_taken_and_hides_its_secrets() {
    let spec = whole();
    assert_eq!(spec.check(), Ok(()));
    assert!(!format!("{spec:?}").contains("hunter2"));
    assert_eq!(spec.effective_network_mode(), Some("front"));
}

#[test]
fn a_secret_in_the_environment_is_not_in_errors() {
    let spec = base().env("TOKEN", "hunter2\0");
    assert!(!spec.check().unwrap_err().to_string().contains("hunter2"));
}

#[test]
fn an_update_changes_only_what_can_be_changed() {
    let text = |update: UpdateSpec| update.check().unwrap_err().to_string();
    assert!(text(UpdateSpec::default()).starts_with("update"));
    let mut fixed = Resources::default();
    fixed.device_cgroup_rules.push("c 1:3 r".to_owned());
    assert!(text(UpdateSpec::default().resources(fixed)).starts_with("device_cgroup_rules"));
    assert!(text(UpdateSpec::default().resources(Resources::default().memory("1k"))).starts_with("memory"));
    let swap = Resources {
        memory_swap: Some(Swap::Unlimited),
        ..Resources::default()
    };
    assert_eq!(UpdateSpec::default().resources(swap).check(), Ok(()));
    let policy = UpdateSpec::default().restart_policy(RestartPolicy::No);
    assert_eq!(policy.check(), Ok(()));
}

proptest! {
    /// Rubbish in every field that takes text: an error of one line, or a spec without control characters where a
    /// line of some file would be made of it.
    #[test]
    fn rubbish_never_panics_and_never_makes_a_second_line(text in "(\\PC|[\\n\\r\\t\0/:.,= -]){0,12}", number: u64, float: f64) {
        let specs = [
            ContainerSpec::new(text.clone()), base().platform(text.clone()), base().name(text.clone()),
            base().working_dir(text.clone()), base().user(text.clone()), base().group(text.clone()),
            base().stop_signal(text.clone()), base().hostname(text.clone()), base().domainname(text.clone()),
            base().extra_host(text.clone(), "10.0.0.1"), base().extra_host("db", text.clone()),
            base().dns_search(text.clone()), base().dns_option(text.clone()), base().network(text.clone()),
            base().network_mode(text.clone()), base().bind(text.clone(), "/x"), base().bind("/x", text.clone()),
            base().volume(text.clone(), "/x"), base().tmpfs(text.clone()), base().volumes_from(text.clone()),
            base().security_opt(text.clone()), base().cap_add(text.clone()), base().sysctl(text.clone(), "1"),
            base().sysctl("a", text.clone()), base().pid_mode(text.clone()), base().runtime(text.clone()),
            base().cpuset(text.clone()), base().ulimit(text.clone(), 1, 2), base().device(text.clone()),
            base().device_cgroup_rule(text.clone()), base().log(LogConfig::new(text.clone())),
        ];
        for spec in specs {
            match spec.check() {
                Err(error) => prop_assert!(!error.to_string().contains('\n')),
                Ok(()) => prop_assert!(!text.contains(['\n', '\0']), "{:?}", text),
            }
        }
        for spec in [base().memory_limit(text.clone()), base().shm_size(number), base().cpus(float),
                     base().health_check(HealthCheck::cmd(text.clone())), base().env(&text, &text), base().cmd([text.clone()])] {
            let _ = spec.check();
        }
    }
}
