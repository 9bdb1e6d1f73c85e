//! `deaths`: how containers ended, as far as the engine remembers, or, followed, as they do.

use longshore_core::{DeathRecord, ObjectRef};
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
    let past = remembered(engine, &DeathsConfig::default()).await?;
    let unknown: Vec<&str> = args
        .containers
        .iter()
        .filter(|name| !past.deaths.iter().any(|death| is_meant(death, name)))
        .map(String::as_str)
        .collect();
    for death in past.deaths {
        if is_wanted(&death, &args.containers) {
            output.show(&Item::Death(Box::new(death), args.lines))?;
        }
    }
    output.flush()?;
    if unknown.is_empty() {
        return Ok(());
    }
    let reach = match past.since {
        Some(since) => format!("the engine remembers its events since {since}"),
        None => "the engine remembers no events".to_owned(),
    };
    let mut nobody = Vec::new();
    for name in unknown {
        match engine
            .inspect_container(&ObjectRef::new(name.trim_start_matches('/'))?)
            .await
        {
            Ok(_) => output.show(&Item::Warning(format!("no death of {name} is known: {reach}")))?,
            Err(error) if error.is_not_found() => nobody.push(name),
            Err(error) => return Err(error.into()),
        }
    }
    if nobody.is_empty() {
        return Ok(());
    }
    let names = nobody.join(", ");
    let text = format!("no death of {names} is known, and no such container: {reach}");
    let hint = "`longshore serve` keeps how containers ended for 30 days, also after they are removed";
    Err(Failure::new(Exit::NotFound, text).hint(hint))
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

/// All when nothing is named.
fn is_wanted(death: &DeathRecord, named: &[String]) -> bool {
    named.is_empty() || named.iter().any(|name| is_meant(death, name))
}

/// By name, id, or the beginning of an id.
fn is_meant(death: &DeathRecord, named: &str) -> bool {
    death.name.as_deref() == Some(named.trim_start_matches('/'))
        || (!named.is_empty() && death.container.as_str().starts_with(named))
}
