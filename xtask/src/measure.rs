//! `cargo xtask soak` and `cargo xtask bench`: the long proofs and the side-by-side figures, both by hand.
//! What is measured belongs to the crates; here are the engine, the build and the limits.

use anyhow::{Context as _, Result};

use crate::engine::{self, Kind};
use crate::test::REGISTRY;
use crate::tools::Tools;
use crate::{places, run, runner};

#[derive(Debug, clap::Args)]
pub(crate) struct Soak {
    /// Only tests whose name contains this.
    filter: Option<String>,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Bench {
    /// Which engine to measure on; DOCKER_HOST is not looked at, so that figures are comparable.
    #[arg(long, value_enum, default_value = "newest")]
    engine: Kind,
    /// Given to the program of `benches/`, for instance `--only ping --rounds 3`.
    #[arg(last = true)]
    rest: Vec<String>,
}

/// Runs every proof at its full size on newest and oldest, and on those that tests may end.
pub(crate) async fn soak(args: &Soak) -> Result<()> {
    let tools = Tools::new(&places::cache()?)?;
    tools.nextest().await?;
    let kinds = [Kind::Newest, Kind::Oldest, Kind::SwarmNewest, Kind::SwarmOldest];
    with_engines(&kinds, async |hosts| {
        let named: Vec<String> = hosts
            .iter()
            .map(|(kind, host)| format!("{kind}={host}"))
            .collect();
        runner::build(&tools, &runner::Args::default()).await?;
        let mut cmd = tools.cargo(&["build", "--release", "--locked", "-p", "longshore-cli"]);
        cmd.run().await?;
        cmd = tools.cargo(&["nextest", "run", "--workspace", "--locked", "--profile", "soak"]);
        if let Some(filter) = &args.filter {
            cmd = cmd.arg(filter);
        }
        cmd.env("LONGSHORE_SOAK", "1")
            .env("LONGSHORE_TEST_ENGINES", named.join(","))
            .env("LONGSHORE_BIN", places::target().join("release/longshore"))
            .limit(6 * 3_600)
            .run()
            .await
    })
    .await
}

/// Measures our client beside its peers and writes docs/benchmarks.md.
pub(crate) async fn bench(args: &Bench) -> Result<()> {
    let mut tools = Tools::new(&places::cache()?)?;
    tools.node().await?;
    with_engines(&[args.engine], async |hosts| {
        let (_, host) = hosts.first().context("no engine")?;
        runner::build(&tools, &runner::Args::default()).await?;
        let mut cmd = tools.cargo(&[
            "run",
            "--release",
            "--locked",
            "-p",
            "longshore-benches",
            "--",
            "--host",
        ]);
        cmd = cmd.arg(host).args(&args.rest).limit(3 * 3_600);
        cmd = cmd.env(REGISTRY, engine::registry(&places::cache()?).await?);
        if !args
            .rest
            .iter()
            .any(|arg| arg == "--out" || arg == "--only" || arg == "--client")
        {
            cmd = cmd
                .arg("--out")
                .arg(places::checkout().join("docs/benchmarks.md"));
        }
        cmd.run().await
    })
    .await
}

/// Brings the engines up, does the work, and ends those that did not run before, also on Ctrl-C.
async fn with_engines(kinds: &[Kind], work: impl AsyncFnOnce(&[(Kind, String)]) -> Result<()>) -> Result<()> {
    let cache = places::cache()?;
    let mut started = Vec::new();
    let outcome = run::or_interrupted(async {
        let mut hosts = Vec::new();
        for kind in kinds.iter().copied() {
            if engine::running(&cache, kind).await.is_none() {
                started.push(kind);
            }
            hosts.push((kind, engine::up(&cache, kind).await?.docker_host()));
        }
        work(&hosts).await
    })
    .await;
    for kind in started {
        engine::down(&cache, kind)
            .await
            .with_context(|| format!("engine {kind} did not end"))?;
    }
    outcome
}
