//! The docker command line: one program a call, as scripts use it.

use std::process::Stdio;

use futures_util::future::{FutureExt, LocalBoxFuture};
use tokio::process::Command;

use super::Peer;
use crate::{
    Result,
    op::{Op, Run, Subject, many, repeat},
};

pub(crate) struct Cli {
    host: String,
    version: String,
}

impl Cli {
    pub(crate) async fn find(host: &str) -> Result<Box<dyn Peer>> {
        let host = host.to_owned();
        let version = docker(&host, &["version", "--format", "{{.Client.Version}}"]).await?;
        Ok(Box::new(Self { host, version }))
    }
}

impl Peer for Cli {
    fn name(&self) -> String {
        format!("docker CLI {}", self.version)
    }

    fn kept(&self) -> bool {
        false
    }

    fn run<'a>(&'a mut self, op: Op, count: usize, subject: &'a Subject) -> LocalBoxFuture<'a, Result<Run>> {
        async move {
            let label = format!("{}={}", subject.label.0, subject.label.1);
            let args: Vec<&str> = match op {
                Op::Ping => vec!["version", "--format", "{{.Server.Version}}"],
                Op::Inspect => vec!["inspect", &subject.id],
                Op::List => vec!["ps", "-a", "--no-trunc"],
                Op::Lifecycle => vec![
                    "run",
                    "--rm",
                    "--network",
                    "none",
                    "--label",
                    &label,
                    &subject.image,
                    "true",
                ],
                Op::Exec => vec!["exec", &subject.id, "true"],
                Op::Many => vec![
                    "run",
                    "--detach",
                    "--network",
                    "none",
                    "--label",
                    &label,
                    &subject.image,
                    "sleep",
                    "600",
                ],
            };
            let before = children_cpu_us();
            let mut run = repeat(count, async || {
                if op == Op::Many {
                    return many(async || {
                        let id = docker(&self.host, &args).await?;
                        docker(&self.host, &["rm", "--force", &id]).await.map(drop)
                    })
                    .await;
                }
                docker(&self.host, &args).await.map(drop)
            })
            .await?;
            run.cpu_us = children_cpu_us()
                .zip(before)
                .map(|(after, before)| after - before);
            Ok(run)
        }
        .boxed_local()
    }
}

async fn docker(host: &str, args: &[&str]) -> Result<String> {
    let out = Command::new("docker")
        .env("DOCKER_HOST", host)
        .env_remove("DOCKER_CONTEXT")
        .args(args)
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .output()
        .await
        .map_err(|error| format!("docker command line: {error}"))?;
    if !out.status.success() {
        return Err(format!("docker {args:?}: {}", String::from_utf8_lossy(&out.stderr)).into());
    }
    Ok(String::from_utf8_lossy(&out.stdout).trim().to_owned())
}

/// Processor time of the children that have ended, in steps of the kernel's tick (10 ms).
fn children_cpu_us() -> Option<f64> {
    let text = std::fs::read_to_string("/proc/self/stat").ok()?;
    let (_, fields) = text.rsplit_once(") ")?;
    let mut fields = fields.split(' ').skip(13);
    let ticks = fields.next()?.parse::<f64>().ok()? + fields.next()?.parse::<f64>().ok()?;
    Some(ticks * 10_000.0)
}
