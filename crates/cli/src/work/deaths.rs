//! `deaths`: how containers ended, as far as the engine remembers, or, followed, as they do.

use longshore_core::DeathRecord;
use longshore_engine::Engine;
use longshore_runtime::deaths::{DeathItem, Deaths, DeathsConfig, remembered};
use longshore_runtime::{Watch, WatchConfig};

use super::{engine_now, tell};
use crate::{
    args,
    exit::Exit,
    failure::Failure,
    output::{Item, Output},
};

pub(super) async fn show(engine: &Engine, args: args::Deaths, output: &mut Output) -> Result<(), Failure> {
    if args.follow {
        return follow(engine, args, output).await;
    }
    for death in remembered(engine, &DeathsConfig::default()).await? {
        if is_wanted(&death, &args.containers) {
            output.show(&Item::Death(Box::new(death), args.lines))?;
        }
    }
    Ok(output.flush()?)
}

async fn follow(engine: &Engine, args: args::Deaths, output: &mut Output) -> Result<(), Failure> {
    let from = engine_now(engine).await?;
    let watch = Watch::start(engine.clone(), WatchConfig::default());
    let config = DeathsConfig::default().follow_auto_removed(args.follow_auto_removed);
    let deaths = Deaths::start(engine.clone(), &watch, config, None);
    let (mut reader, mut status) = (deaths.subscribe(), watch.status());
    let mut away = false;
    loop {
        let item = tokio::select! {
            item = reader.next() => item,
            Ok(()) = status.changed() => {
                tell(&status.borrow_and_update(), &mut away, output)?;
                continue;
            }
        };
        match item {
            None => return Err(Failure::new(Exit::Failure, "the following of deaths has failed")),
            Some(DeathItem::Died(death)) if death.ended >= from && is_wanted(&death, &args.containers) => {
                let death = Box::new(DeathRecord::clone(&death));
                output.show(&Item::Death(death, args.lines))?;
            }
            Some(DeathItem::Lagged { missed }) => {
                let text =
                    format!("{missed} deaths came faster than they could be written, and are left out");
                output.show(&Item::Warning(text))?;
            }
            Some(_) => {}
        }
        output.flush()?;
    }
}

/// By name, id, or the beginning of an id; all when nothing is named.
fn is_wanted(death: &DeathRecord, named: &[String]) -> bool {
    let fits = |text: &String| {
        death.name.as_deref() == Some(text.trim_start_matches('/'))
            || (!text.is_empty() && death.container.as_str().starts_with(text.as_str()))
    };
    named.is_empty() || named.iter().any(fits)
}
