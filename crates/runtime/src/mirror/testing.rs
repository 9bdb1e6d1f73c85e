//! A container to begin a test with.

use longshore_core::{Container, ContainerId, ContainerState, Health, Secrets, Timestamp};

pub(crate) fn container(name: &str) -> Container {
    Container {
        id: ContainerId::new(name).unwrap(),
        name: name.to_owned(),
        image: "busybox".to_owned(),
        image_id: "sha256:0".to_owned(),
        created: Timestamp::from_secs(1),
        state: ContainerState::Created,
        health: Health::None,
        health_log: Vec::new(),
        exit_code: None,
        oom_killed: false,
        auto_remove: false,
        error: String::new(),
        pid: None,
        started_at: None,
        finished_at: None,
        restart_count: Some(0),
        entrypoint: Vec::new(),
        cmd: Vec::new(),
        env: Secrets::default(),
        working_dir: String::new(),
        user: String::new(),
        hostname: String::new(),
        tty: false,
        restart_policy: "no".into(),
        memory_limit: None,
        nano_cpus: None,
        ports: Vec::new(),
        mounts: Vec::new(),
        networks: Vec::new(),
        labels: std::collections::BTreeMap::new(),
    }
}
