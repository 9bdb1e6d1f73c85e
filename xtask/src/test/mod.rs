//! `cargo xtask test`: everything, on a fresh machine. This file owns the order of the steps and what is left out;
//! engines that it started are ended with it, however it ends.

mod engines;

use std::path::{Path, PathBuf};

use anyhow::Result;

use crate::engine::{self, Kind};
use crate::places;
use crate::report::{Counts, Failed, Report, counts_in};
use crate::run;
use crate::tools::Tools;
use crate::{runner, tidy, web};
use engines::Engines;
pub(crate) use engines::REGISTRY;

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Leaves out what needs an engine or a browser.
    #[arg(long)]
    fast: bool,
    /// The engines to test on.
    #[arg(long, value_enum, value_delimiter = ',', default_values_t = Kind::TESTED)]
    engines: Vec<Kind>,
    /// Tests on every engine: all on the newest and the oldest, and on the others what is known to hold there.
    #[arg(long, conflicts_with_all = ["fast", "engines"])]
    all_engines: bool,
}

/// What runs with `--all-engines` beside the newest and the oldest, and where.
const BESIDE: [(&str, Kind); 2] = [
    ("tests on stable", Kind::Stable),
    ("tests on podman", Kind::Podman),
];
/// Those that speak to an engine, the server's and the page's aside.
const CONTRACT: [&str; 5] = ["engine", "runtime", "cli", "longshore", "examples"];
/// Of those what is not run again: tests that change an engine itself have engines of their own, and the rest speak to fake
/// engines alone.
const HAVE_RUN: &str = "/^(swarm|churn|faults|limits|retries|negotiation|errors|sizes|pulls|figures|bad_input|direct|follow|\
                        server)::|_at_any_byte/";

const NEEDS_BOTH: &str = "--fast leaves out what needs an engine or a browser";
/// What tests read; `longshore_testkit::sshd` owns their meaning.
const SSHD: &str = "LONGSHORE_SSHD";
const DOCKER: &str = "LONGSHORE_DOCKER";

pub(crate) async fn run(args: &Args) -> Result<()> {
    let cache = places::cache()?;
    std::fs::create_dir_all(&cache)?;
    let mut engines = Engines::default();
    let mut report = Report::new();
    let outcome = run::or_interrupted(async {
        steps(args, &cache, &mut engines, &mut report).await;
        Ok(())
    });
    let outcome = outcome.await;
    engines.end(&cache).await;
    outcome?;
    report.close()
}

async fn steps(args: &Args, cache: &Path, engines: &mut Engines, report: &mut Report) {
    let mut tools = match Tools::new(cache) {
        Ok(tools) => tools,
        Err(error) => {
            report.step("search path", async { Err(error.into()) }).await;
            return;
        }
    };
    report
        .step("format", check(tools.cargo(&["fmt", "--all", "--check"])))
        .await;
    report
        .step("tidy", async {
            tidy::check().await.map(|()| Counts::ONE).map_err(Failed::from)
        })
        .await;
    let fetched = report
        .step("crates", check(tools.cargo(&["fetch", "--locked"])))
        .await;
    if !fetched {
        return;
    }
    // Before anything that embeds it.
    let runner = report.step("runner", async {
        runner::build(&tools, &runner::Args::default()).await?;
        Ok(Counts::ONE)
    });
    runner.await;
    let clippy = [
        "clippy",
        "--workspace",
        "--all-targets",
        "--locked",
        "--",
        "-D",
        "warnings",
    ];
    report.step("clippy", check(tools.cargo(&clippy))).await;
    page(&mut tools, cache, report).await;
    report
        .step("licences, bans, sources", async {
            tools.deny().await?;
            let args = [
                "deny",
                "--log-level",
                "error",
                "check",
                "bans",
                "licenses",
                "sources",
            ];
            check(tools.cargo(&args)).await
        })
        .await;
    tests(args, &tools, cache, engines, report).await;
    report
        .step(
            "documentation tests",
            counted(tools.cargo(&["test", "--workspace", "--doc", "--locked"])),
        )
        .await;
    let doc = tools
        .cargo(&["doc", "--workspace", "--no-deps", "--locked"])
        .env("RUSTDOCFLAGS", "-D warnings");
    report.step("documentation", check(doc)).await;
}

async fn page(tools: &mut Tools, cache: &Path, report: &mut Report) {
    let ready = report.step("page: Node and packages", async {
        tools.node().await?;
        tools.npm_ci("web").await?;
        Ok(Counts::ONE)
    });
    if !ready.await {
        return;
    }
    report.step("page: types", web::check(tools)).await;
    report.step("page: unit tests", web::unit_tests(tools)).await;
    report
        .step("page: committed build is fresh", web::is_fresh(tools, cache))
        .await;
}

async fn tests(args: &Args, tools: &Tools, cache: &Path, engines: &mut Engines, report: &mut Report) {
    let nextest = report.step("nextest", async {
        tools.nextest().await?;
        Ok(Counts::ONE)
    });
    if !nextest.await {
        return;
    }
    if args.fast {
        let run = [
            "nextest",
            "run",
            "--workspace",
            "--locked",
            "--exclude",
            "longshore-e2e",
        ];
        report
            .step(
                "tests",
                counted(tools.cargo(&run).env(engines::VARIABLE, "none").env(SSHD, "none")),
            )
            .await;
        report.left_out("tests on real engines", NEEDS_BOTH);
        report.left_out("tests through a real SSH server", NEEDS_BOTH);
        report.left_out("tests of the built server and the page", NEEDS_BOTH);
        return;
    }
    let up = report.step("engines", async {
        let kinds = if args.all_engines {
            &Kind::ALL[..]
        } else {
            &args.engines[..]
        };
        engines.start(cache, kinds).await?;
        Ok(Counts::ONE)
    });
    let up = up.await;
    let services = report.step("services image", async {
        engines.services(cache).await?;
        Ok(Counts::ONE)
    });
    // Without it some tests are skipped, and this step has failed.
    services.await;
    let mut docker = PathBuf::new();
    let ssh = report.step("sshd", async {
        tools.sshd().await?;
        docker = engine::docker_client(cache).await?;
        Ok(Counts::ONE)
    });
    let ssh = ssh.await;
    let mut registry = None;
    let has_registry = report.step("registry", async {
        // One that is named already is taken, as with engines.
        registry = match std::env::var_os(REGISTRY) {
            Some(named) if !named.is_empty() => Some(named),
            _ => Some(engine::registry(cache).await?.into()),
        };
        Ok(Counts::ONE)
    });
    let has_registry = has_registry.await;
    let browser = report.step("browser", async {
        tools.chromium().await?;
        tools.npm_ci("e2e/browser").await?;
        Ok(Counts::ONE)
    });
    let browser = browser.await;
    let binary = ["build", "--locked", "--release", "-p", "longshore-cli"];
    let built = report.step("server", check(tools.cargo(&binary))).await;
    if !(up && ssh && has_registry && browser && built) {
        eprintln!("without engines, sshd, registry, browser and server there is nothing to test on");
        return;
    }
    let registry = registry.unwrap_or_default();
    let run = |args: &[&str], on: &str| {
        tools
            .cargo(&[&["nextest", "run", "--locked"], args].concat())
            .env(engines::VARIABLE, on)
            .env(DOCKER, &docker)
            .env(REGISTRY, &registry)
            .env("LONGSHORE_BIN", places::target().join("release/longshore"))
    };
    let on = if args.all_engines {
        engines.only(&Kind::TESTED)
    } else {
        engines.variable().to_owned()
    };
    report.step("tests", counted(run(&["--workspace"], &on))).await;
    for (step, kind) in BESIDE.iter().filter(|_| args.all_engines) {
        let on = engines.only(&[*kind]);
        if on.is_empty() {
            report.left_out(step, "LONGSHORE_TEST_ENGINES names no such engine");
            continue;
        }
        let chosen = CONTRACT.map(|name| match name {
            "longshore" => "package(longshore)".to_owned(),
            name => format!("package(longshore-{name})"),
        });
        let chosen = format!(
            "kind(test) and ({}) and not test({HAVE_RUN})",
            chosen.join(" or ")
        );
        let profile = if *kind == Kind::Podman {
            "podman"
        } else {
            "default"
        };
        let only = ["--workspace", "--profile", profile, "--filterset", &chosen];
        report.step(step, counted(run(&only, &on))).await;
    }
}

async fn check(cmd: run::Cmd) -> Result<Counts, Failed> {
    cmd.run().await?;
    Ok(Counts::ONE)
}

/// Runs a test runner and reads what it counted.
async fn counted(cmd: run::Cmd) -> Result<Counts, Failed> {
    let (output, ended) = cmd.tee().await?;
    let mut counts = counts_in(&output);
    ended.map(|()| counts).map_err(|error| {
        counts.failed = counts.failed.max(1);
        Failed { counts, error }
    })
}
