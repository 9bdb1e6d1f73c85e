//! bollard, with the version negotiated as its guide says.

use bollard::{
    API_DEFAULT_VERSION, Docker,
    exec::{CreateExecOptions, StartExecResults},
    models::{ContainerCreateBody, HostConfig},
    query_parameters::{
        InspectContainerOptions, ListContainersOptionsBuilder, RemoveContainerOptions, StartContainerOptions,
        WaitContainerOptions,
    },
};
use futures_util::{
    StreamExt, TryStreamExt,
    future::{FutureExt, LocalBoxFuture},
};

use super::Peer;
use crate::{
    Result,
    op::{Op, Run, Subject, many, repeat},
};

pub(crate) struct Bollard {
    docker: Docker,
}

/// Connects to a unix socket or TCP address.
pub(crate) async fn connect(host: &str) -> Result<Docker> {
    let docker = match host.strip_prefix("unix://") {
        Some(path) => Docker::connect_with_unix(path, 120, API_DEFAULT_VERSION)?,
        None => Docker::connect_with_http(host, 120, API_DEFAULT_VERSION)?,
    };
    Ok(docker.negotiate_version().await?)
}

impl Bollard {
    pub(crate) async fn connect(host: &str) -> Result<Self> {
        Ok(Self {
            docker: connect(host).await?,
        })
    }
}

impl Peer for Bollard {
    fn name(&self) -> String {
        format!("bollard {BOLLARD_VERSION}")
    }

    fn run<'a>(&'a mut self, op: Op, count: usize, subject: &'a Subject) -> LocalBoxFuture<'a, Result<Run>> {
        let docker = &self.docker;
        async move {
            let id = &*subject.id;
            repeat(count, async || {
                match op {
                    Op::Ping => drop(docker.ping().await?),
                    Op::Inspect => drop(
                        docker
                            .inspect_container(id, None::<InspectContainerOptions>)
                            .await?,
                    ),
                    Op::List => {
                        let all = ListContainersOptionsBuilder::default().all(true).build();
                        drop(docker.list_containers(Some(all)).await?);
                    }
                    Op::Lifecycle => lifecycle(docker, subject).await?,
                    Op::Exec => exec(docker, id).await?,
                    Op::Many => many(async || sleeper(docker, subject).await).await?,
                }
                Ok(())
            })
            .await
        }
        .boxed_local()
    }
}

/// The version in this workspace's lock file; bollard does not say it itself.
const BOLLARD_VERSION: &str = "0.21.1";

async fn begun(docker: &Docker, subject: &Subject, cmd: &[&str]) -> Result<String> {
    let body = ContainerCreateBody {
        image: Some(subject.image.clone()),
        cmd: Some(cmd.iter().map(|word| (*word).to_owned()).collect()),
        labels: Some([subject.label.clone()].into()),
        host_config: Some(HostConfig {
            network_mode: Some("none".to_owned()),
            ..HostConfig::default()
        }),
        ..ContainerCreateBody::default()
    };
    let id = docker.create_container(None, body).await?.id;
    docker.start_container(&id, None::<StartContainerOptions>).await?;
    Ok(id)
}

async fn sleeper(docker: &Docker, subject: &Subject) -> Result<()> {
    let id = begun(docker, subject, &["sleep", "600"]).await?;
    let options = RemoveContainerOptions {
        force: true,
        ..RemoveContainerOptions::default()
    };
    docker.remove_container(&id, Some(options)).await?;
    Ok(())
}

async fn lifecycle(docker: &Docker, subject: &Subject) -> Result<()> {
    let id = begun(docker, subject, &["true"]).await?;
    docker
        .wait_container(&id, None::<WaitContainerOptions>)
        .try_collect::<Vec<_>>()
        .await?;
    docker
        .remove_container(&id, None::<RemoveContainerOptions>)
        .await?;
    Ok(())
}

async fn exec(docker: &Docker, id: &str) -> Result<()> {
    let options = CreateExecOptions {
        cmd: Some(vec!["true"]),
        attach_stdout: Some(true),
        attach_stderr: Some(true),
        ..CreateExecOptions::default()
    };
    let made = docker.create_exec(id, options).await?.id;
    if let StartExecResults::Attached { mut output, .. } = docker.start_exec(&made, None).await? {
        while output.next().await.transpose()?.is_some() {}
    }
    docker.inspect_exec(&made).await?;
    Ok(())
}
