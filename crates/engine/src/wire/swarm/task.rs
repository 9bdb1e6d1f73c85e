//! Tasks.

use std::collections::BTreeMap;

use longshore_core::swarm::{Task, TaskState};
use longshore_core::{ContainerId, ObjectRef, Timestamp};
use serde::Deserialize;

use super::{Meta, known};
use crate::wire::lenient::{Integer, Number, nullable, text};
use crate::wire::list::entries;

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Wire {
    #[serde(flatten)]
    meta: Meta,
    #[serde(default, deserialize_with = "nullable")]
    labels: BTreeMap<String, String>,
    #[serde(default, deserialize_with = "nullable")]
    spec: Spec,
    #[serde(default, rename = "ServiceID", deserialize_with = "nullable")]
    service: String,
    #[serde(default)]
    slot: Number,
    #[serde(default, rename = "NodeID", deserialize_with = "nullable")]
    node: String,
    #[serde(default, deserialize_with = "nullable")]
    status: Status,
    #[serde(default, deserialize_with = "nullable")]
    desired_state: String,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "PascalCase", default)]
struct Spec {
    #[serde(deserialize_with = "nullable")]
    container_spec: ContainerSpec,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "PascalCase", default)]
struct ContainerSpec {
    #[serde(deserialize_with = "nullable")]
    image: String,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "PascalCase", default)]
struct Status {
    #[serde(deserialize_with = "nullable")]
    timestamp: String,
    #[serde(deserialize_with = "nullable")]
    state: String,
    #[serde(deserialize_with = "nullable")]
    message: String,
    #[serde(deserialize_with = "nullable")]
    err: String,
    container_status: Option<Container>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "PascalCase", default)]
struct Container {
    #[serde(rename = "ContainerID", deserialize_with = "nullable")]
    id: String,
    exit_code: Integer,
}

/// Reads a list.
pub(crate) fn tasks(json: &[u8]) -> Result<Vec<Task>, serde_json::Error> {
    entries(&text(json), Wire::into_core)
}

/// Reads one; `None` when it has no id that can be used.
pub(crate) fn task(json: &[u8]) -> Result<Option<Task>, serde_json::Error> {
    serde_json::from_str::<Wire>(&text(json)).map(Wire::into_core)
}

impl Wire {
    fn into_core(self) -> Option<Task> {
        let state = TaskState::from(&*self.status.state);
        let container = self.status.container_status.unwrap_or_default();
        Some(Task {
            id: self.meta.id()?,
            created: self.meta.created(),
            updated: self.meta.updated(),
            labels: self.labels,
            service: ObjectRef::new(&self.service).ok(),
            slot: known(self.slot),
            node: ObjectRef::new(&self.node).ok(),
            image: self.spec.container_spec.image,
            // A container that runs has the exit code 0 here.
            exit_code: container
                .exit_code
                .0
                .filter(|_| state.is_over() && !container.id.is_empty()),
            state,
            desired: TaskState::from(&*self.desired_state),
            since: Timestamp::parse_engine(&self.status.timestamp),
            message: self.status.message,
            error: self.status.err,
            container: ContainerId::new(&container.id).ok(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_task_that_runs_has_no_exit_code() {
        let json = |state: &str| {
            format!(
                r#"{{"ID":"tuud8","Version":{{"Index":17}},"Spec":{{"ContainerSpec":{{"Image":"img"}}}},"ServiceID":"svc","Slot":1,"NodeID":"n",
                "Status":{{"Timestamp":"2026-11-25T18:00:05.2Z","State":"{state}","Message":"started","ContainerStatus":{{"ContainerID":"ab","PID":7,"ExitCode":0}}}},
                "DesiredState":"running"}}"#
            )
        };
        let running = task(json("running").as_bytes()).unwrap().unwrap();
        assert_eq!(
            (running.exit_code, running.slot, running.image.as_str()),
            (None, Some(1), "img")
        );
        let complete = task(json("complete").as_bytes()).unwrap().unwrap();
        assert_eq!(
            (complete.exit_code, complete.container.unwrap().as_str()),
            (Some(0), "ab")
        );
        let odd = tasks(br#"[{"ID":"a","Status":null,"ServiceID":""},{"ID":"b","Status":{"State":"dreaming","ContainerStatus":null}},3]"#).unwrap();
        assert_eq!(
            (odd[0].service.as_ref(), odd[1].state.as_str()),
            (None, "dreaming")
        );
    }
}
