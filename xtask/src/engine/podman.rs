//! Podman's service instead of a Docker daemon: its command line, and a configuration that runs on a small machine.

use std::fs;
use std::path::Path;

use anyhow::Result;
use rustix::process::{Resource, getrlimit};
use tokio::process::Command;

use super::daemon::joined;
use super::fetch::Programs;

/// A registry of a test speaks plain HTTP at 127.0.0.1, which Docker takes by itself, and Podman when it is told to.
const REGISTRIES: &str = "unqualified-search-registries = [\"docker.io\"]\n\
                          [[registry]]\nlocation = \"127.0.0.1\"\ninsecure = true\n";

/// Adds the service and its arguments to `command`.
pub(super) fn service(command: &mut Command, dir: &Path, socket: &Path, programs: &Programs) -> Result<()> {
    let file = dir.join("etc/containers.conf");
    fs::write(&file, config(programs))?;
    command.env("CONTAINERS_CONF", file);
    let file = dir.join("etc/registries.conf");
    fs::write(&file, REGISTRIES)?;
    command.env("CONTAINERS_REGISTRIES_CONF", file);
    // Conmon leaves a file called `oom` where it was started, here and not in the checkout, when a container's process ends so.
    command.current_dir(dir);
    command
        .arg("podman")
        .arg("--root")
        .arg(dir.join("data"))
        .arg("--runroot")
        .arg(dir.join("exec"));
    command.arg("--tmpdir").arg(dir.join("tmp")).args([
        "--cgroup-manager",
        "cgroupfs",
        "--events-backend",
        "file",
    ]);
    // crun refuses a hybrid layout of cgroups.
    if let Some(runc) = programs
        .path
        .iter()
        .map(|folder| folder.join("runc"))
        .find(|file| file.is_file())
    {
        command.arg("--runtime").arg(runc);
    }
    command
        .args(["system", "service", "--time=0"])
        .arg(joined("unix://", socket));
    Ok(())
}

/// Podman asks for more open files and processes than a machine may allow, and for an init of its own.
fn config(programs: &Programs) -> String {
    // Podman lowers its own limits to these, and without CAP_SYS_RESOURCE nothing raises them again.
    let most = |limit, podman: u64| getrlimit(limit).maximum.unwrap_or(podman).min(podman);
    let (files, processes) = (most(Resource::Nofile, 1_048_576), most(Resource::Nproc, 32_768));
    let init = programs
        .path
        .iter()
        .map(|folder| folder.join("docker-init"))
        .find(|file| file.exists());
    // Which of the two tables is read changed between versions.
    let init = init
        .map(|file| format!("init_path = \"{}\"\n", file.display()))
        .unwrap_or_default();
    let limits = format!("[\"nofile={files}:{files}\", \"nproc={processes}:{processes}\"]");
    format!("[containers]\ndefault_ulimits = {limits}\n{init}[engine]\n{init}")
}
