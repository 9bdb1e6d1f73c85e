//! The futures of calls are held by callers, inside futures of their own: they must stay small.

use longshore_core::{ContainerSpec, NetworkSpec, ObjectRef, VolumeSpec};
use longshore_engine::{Engine, EngineConfig, ExecSpec, ListContainers};

/// Bytes; a thread of tokio's has 2 MiB of stack, and a program without optimisation copies futures as it calls.
const MOST: usize = 16 * 1024;

#[test]
fn no_call_needs_a_large_future() {
    let engine = Engine::new("unix:///nowhere.sock".parse().unwrap(), EngineConfig::default());
    let id = ObjectRef::new("web").unwrap();
    let (spec, exec, all) = (
        ContainerSpec::new("image"),
        ExecSpec::new(["true"]),
        ListContainers::all(),
    );
    let (network, volume) = (NetworkSpec::new("net"), VolumeSpec::new("data"));
    let sizes = [
        ("ping", size_of_val(&engine.ping())),
        ("list", size_of_val(&engine.list_containers(&all))),
        ("inspect", size_of_val(&engine.inspect_container(&id))),
        ("create", size_of_val(&engine.create_container(&spec))),
        ("exec", size_of_val(&engine.exec(&id, &exec))),
        ("create network", size_of_val(&engine.create_network(&network))),
        ("ensure network", size_of_val(&engine.ensure_network(&network))),
        ("ensure volume", size_of_val(&engine.ensure_volume(&volume))),
    ];
    let large: Vec<_> = sizes.iter().filter(|(_, bytes)| *bytes > MOST).collect();
    assert!(large.is_empty(), "{large:?} of {sizes:?}");
}
