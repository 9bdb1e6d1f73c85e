//! The JSON of a create request: what engines are sent, also what none here can show (GPUs).

use longshore_core::{
    ContainerSpec, DeviceCount, EndpointSpec, HealthCheck, LogConfig, MountSpec, PortBinding, Resources,
    RestartPolicy, UpdateSpec,
};
use serde_json::{Value, json};

use super::*;
use crate::ApiVersion;

fn sent(spec: &ContainerSpec) -> Value {
    assert_eq!(spec.check(), Ok(()));
    serde_json::to_value(Body::new(spec, Networks::All, None)).unwrap()
}

#[test]
fn a_plain_spec_leaves_the_engines_defaults_alone() {
    let json = sent(&ContainerSpec::new("img"));
    assert_eq!(
        json,
        json!({
            "Image": "img", "Env": [], "Tty": false, "OpenStdin": false,
            "Labels": {"io.longshore.managed": "true", "io.longshore.schema": "1"},
            "HostConfig": {"AutoRemove": false, "RestartPolicy": {"Name": "no", "MaximumRetryCount": 0}},
        })
    );
}

#[test]
fn ports_and_health_have_the_engines_form() {
    let spec = ContainerSpec::new("img")
        .port(80, 8080)
        .publish(PortBinding::tcp(80).host_ip([127, 0, 0, 1]))
        .udp_port(53, None)
        .expose(9)
        .health_check(
            HealthCheck::cmd("true")
                .interval(Duration::from_millis(500))
                .retries(2),
        );
    let json = sent(&spec);
    assert_eq!(
        json["HostConfig"]["PortBindings"],
        json!({
            "80/tcp": [{"HostIp": "", "HostPort": "8080"}, {"HostIp": "127.0.0.1", "HostPort": ""}],
            "53/udp": [{"HostIp": "", "HostPort": ""}],
        })
    );
    assert_eq!(
        json["ExposedPorts"],
        json!({"80/tcp": {}, "53/udp": {}, "9/tcp": {}})
    );
    assert_eq!(
        json["Healthcheck"],
        json!({"Test": ["CMD-SHELL", "true"], "Interval": 500_000_000, "Retries": 2})
    );
    let exec = sent(&ContainerSpec::new("img").health_check(HealthCheck::cmd_exec(["a", "b"])));
    assert_eq!(exec["Healthcheck"], json!({"Test": ["CMD", "a", "b"]}));
    let none = sent(&ContainerSpec::new("img").health_check(HealthCheck::none()));
    assert_eq!(none["Healthcheck"], json!({"Test": ["NONE"]}));
}

#[test]
fn gpus_are_requests_for_devices() {
    let requests = |which: DeviceCount| {
        sent(&ContainerSpec::new("img").gpus(which))["HostConfig"]["DeviceRequests"].clone()
    };
    assert_eq!(
        requests(DeviceCount::All),
        json!([{"Driver": "", "Count": -1, "Capabilities": [["gpu"]], "Options": {}}])
    );
    assert_eq!(requests(2.into())[0]["Count"], 2);
    assert_eq!(
        requests(DeviceCount::Ids(vec!["GPU-1".to_owned()])),
        json!([{"Driver": "", "Count": 0, "DeviceIDs": ["GPU-1"], "Capabilities": [["gpu"]], "Options": {}}])
    );
}

#[test]
fn mounts_take_the_form_that_says_all_of_them() {
    let spec = ContainerSpec::new("img")
        .bind("/src", "/a")
        .mount(MountSpec::bind("/src", "/b").read_only().create_source())
        .mount(MountSpec::bind("/s:c", "/c").create_source())
        .volume("data", "/d")
        .anonymous_volume("/e")
        .mount(MountSpec::volume("data", "/f").subpath("x"))
        .mount(MountSpec::tmpfs("/g").size("64m").mode(0o700).option("noexec"))
        .tmpfs("/h");
    let json = &sent(&spec)["HostConfig"];
    assert_eq!(json["Binds"], json!(["/src:/b:ro"]));
    assert_eq!(
        json["Mounts"],
        json!([
            {"Type": "bind", "Source": "/src", "Target": "/a", "BindOptions": {}},
            {"Type": "bind", "Source": "/s:c", "Target": "/c", "BindOptions": {"CreateMountpoint": true}},
            {"Type": "volume", "Source": "data", "Target": "/d", "VolumeOptions": {}},
            {"Type": "volume", "Target": "/e", "VolumeOptions": {}},
            {"Type": "volume", "Source": "data", "Target": "/f", "VolumeOptions": {"Subpath": "x"}},
        ])
    );
    assert_eq!(
        json["Tmpfs"],
        json!({"/g": "rw,size=67108864,mode=700,noexec", "/h": "rw"})
    );
}

#[test]
fn limits_are_numbers_by_then() {
    let spec = ContainerSpec::new("img")
        .memory_limit("512m")
        .memory_swap("1g")
        .cpus(1.5)
        .shm_size("1m")
        .ulimit("nofile", 1024, -1)
        .device("/dev/null")
        .log(LogConfig::new("local").option("max-size", "1m"));
    let json = &sent(&spec)["HostConfig"];
    for (key, value) in [
        ("Memory", json!(536_870_912)),
        ("MemorySwap", json!(1_073_741_824)),
        ("NanoCpus", json!(1_500_000_000)),
        ("ShmSize", json!(1_048_576)),
        ("Ulimits", json!([{"Name": "nofile", "Soft": 1024, "Hard": -1}])),
        (
            "LogConfig",
            json!({"Type": "local", "Config": {"max-size": "1m"}}),
        ),
        (
            "Devices",
            json!([{"PathOnHost": "/dev/null", "PathInContainer": "/dev/null", "CgroupPermissions": "rwm"}]),
        ),
    ] {
        assert_eq!(json[key], value, "{key}");
    }
    let update = UpdateSpec::default()
        .resources(Resources::default().memory("1g"))
        .restart_policy(RestartPolicy::OnFailure { max_retries: Some(2) });
    assert_eq!(
        serde_json::to_value(Update::new(&update)).unwrap(),
        json!({"Memory": 1 << 30, "RestartPolicy": {"Name": "on-failure", "MaximumRetryCount": 2}})
    );
}

#[test]
fn networks_stand_there_as_far_as_the_engine_takes_them() {
    let spec = ContainerSpec::new("img")
        .network("front")
        .network_as("back", EndpointSpec::default().alias("db").ipv4([10, 9, 0, 7]));
    let json = sent(&spec);
    assert_eq!(json["HostConfig"]["NetworkMode"], "front");
    assert_eq!(
        json["NetworkingConfig"]["EndpointsConfig"]["back"],
        json!({"IPAMConfig": {"IPv4Address": "10.9.0.7"}, "Aliases": ["db"]})
    );
    let first = serde_json::to_value(Body::new(&spec, Networks::First, Some("nonce"))).unwrap();
    assert_eq!(
        first["NetworkingConfig"]["EndpointsConfig"],
        json!({"front": {"IPAMConfig": {}}})
    );
    assert_eq!(first["Labels"]["io.longshore.create"], "nonce");
}

#[test]
fn what_an_engine_is_too_old_for_is_named_with_its_version() {
    let old = ApiVersion::new(1, 41);
    let spec = ContainerSpec::new("img")
        .annotation("a", "b")
        .platform("linux/amd64");
    let missing = gates::missing(&spec, old);
    assert_eq!(missing, Some((ApiVersion::new(1, 43), "an annotation")));
    assert_eq!(gates::missing(&spec, ApiVersion::NEWEST), None);
    assert_eq!(
        gates::missing(&ContainerSpec::new("img"), ApiVersion::OLDEST),
        None
    );
    let folder = spec.mount(MountSpec::volume("data", "/f").subpath("x"));
    assert_eq!(gates::missing(&folder, old).unwrap().0, ApiVersion::new(1, 45));
}
