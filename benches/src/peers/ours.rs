//! Longshore.

use futures_util::future::{FutureExt, LocalBoxFuture};
use longshore_core::{ContainerSpec, ObjectRef, Verb};
use longshore_engine::{Engine, EngineConfig, ExecSpec, ListContainers};

use super::Peer;
use crate::{
    Result,
    op::{Op, Run, Subject, many, repeat},
};

const ENDED: Verb = Verb::Remove {
    force: true,
    volumes: false,
};

pub(crate) struct Ours {
    engine: Engine,
}

impl Ours {
    pub(crate) async fn connect(host: &str) -> Result<Self> {
        Ok(Self {
            engine: Engine::connect(host.parse()?, EngineConfig::default()).await?,
        })
    }
}

impl Peer for Ours {
    fn name(&self) -> String {
        format!("longshore {}", env!("CARGO_PKG_VERSION"))
    }

    fn run<'a>(&'a mut self, op: Op, count: usize, subject: &'a Subject) -> LocalBoxFuture<'a, Result<Run>> {
        let engine = &self.engine;
        async move {
            let id = ObjectRef::new(&subject.id)?;
            let all = ListContainers::all();
            let spec = ContainerSpec::new(&subject.image)
                .cmd(["true"])
                .label(&subject.label.0, &subject.label.1);
            let spec = ContainerSpec {
                network_mode: Some("none".to_owned()),
                ..spec
            };
            let exec = ExecSpec::new(["true"]);
            let sleeper = spec.clone().cmd(["sleep", "600"]);
            repeat(count, async || {
                match op {
                    Op::Ping => drop(engine.ping().await?),
                    Op::Inspect => drop(engine.inspect_container(&id).await?),
                    Op::List => drop(engine.list_containers(&all).await?),
                    Op::Lifecycle => {
                        let made = ObjectRef::from(&engine.create_container(&spec).await?.id);
                        engine.act(&made, &Verb::Start).await?;
                        engine.wait_container(&made).await?;
                        engine
                            .act(
                                &made,
                                &Verb::Remove {
                                    force: false,
                                    volumes: false,
                                },
                            )
                            .await?;
                    }
                    Op::Exec => drop(engine.exec(&id, &exec).await?),
                    Op::Many => {
                        many(async || {
                            let made = ObjectRef::from(&engine.create_container(&sleeper).await?.id);
                            engine.act(&made, &Verb::Start).await?;
                            engine.act(&made, &ENDED).await?;
                            Ok(())
                        })
                        .await?;
                    }
                }
                Ok(())
            })
            .await
        }
        .boxed_local()
    }
}
