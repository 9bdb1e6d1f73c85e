//! Starting and ending a container of the fake engine, in the engine's grammar of events.

use std::sync::Arc;
use std::time::Duration;

use super::spec::Run;
use super::verbs::{Did, SIGKILL};
use super::world::Refusal;
use super::{Shared, lock};

const SIGTERM: u8 = 15;

impl Shared {
    pub(super) async fn start(self: &Arc<Self>, reference: &str) -> Result<Did, Refusal> {
        let (id, _turn) = self.turn(reference).await?;
        self.start_in_turn(&id).await
    }

    async fn start_in_turn(self: &Arc<Self>, id: &str) -> Result<Did, Refusal> {
        let run = self.change(id, |container, now| match container.state {
            "running" | "restarting" => Ok(None),
            "paused" => Err(Refusal::new(
                409,
                "cannot start a paused container, try unpause instead",
            )),
            _ => {
                container.state = "running";
                container.started = Some(now);
                container.starts += 1;
                container.oom = false;
                Ok(Some((container.spec.run, container.starts)))
            }
        })?;
        let Some((run, start)) = run else {
            return Ok(Did::Already);
        };
        self.tell_network(id, "connect").await;
        self.tell(id, "start", &[]).await;
        if let Run::Exits { after_ms, code } = run {
            let (shared, id) = (Arc::clone(self), id.to_owned());
            self.tracker
                .spawn(self.stop.clone().run_until_cancelled_owned(async move {
                    tokio::time::sleep(Duration::from_millis(after_ms)).await;
                    shared.end_run(&id, start, code).await;
                }));
        }
        Ok(Did::Done)
    }

    /// The process of run number `start` ends by itself.
    async fn end_run(&self, id: &str, start: u64, code: i64) {
        let Ok((id, _turn)) = self.turn(id).await else {
            return;
        };
        let same = lock(&self.world)
            .containers
            .get(&id)
            .is_some_and(|c| c.starts == start && c.is_up());
        if same {
            self.die(&id, code).await;
        }
    }

    /// A container ends with `code`, as if its process had.
    pub(super) async fn exit(&self, reference: &str, code: i64, oom: bool) -> Result<(), Refusal> {
        let (id, _turn) = self.turn(reference).await?;
        if oom {
            self.change(&id, |container, _| {
                container.oom = true;
                Ok(())
            })?;
            self.tell(&id, "oom", &[]).await;
        }
        self.die(&id, code).await;
        Ok(())
    }

    /// Ends a container that runs, in its turn: `die`, and `destroy` where it removes itself.
    pub(super) async fn die(&self, id: &str, code: i64) {
        let died = self.change(id, |container, now| {
            if !container.is_up() {
                return Ok(None);
            }
            container.state = "exited";
            container.finished = Some(now);
            container.exit_code = code;
            container.exits += 1;
            let ran = (now - container.started.unwrap_or(now)).max(0) / 1_000_000_000;
            Ok(Some((ran, container.spec.auto_remove)))
        });
        let Ok(Some((ran, auto_remove))) = died else {
            return;
        };
        let extra = [("exitCode", code.to_string()), ("execDuration", ran.to_string())];
        self.tell(id, "die", &extra).await;
        self.tell_network(id, "disconnect").await;
        if auto_remove {
            self.destroy(id).await;
        }
    }

    pub(super) async fn stop(&self, reference: &str) -> Result<Did, Refusal> {
        let (id, _turn) = self.turn(reference).await?;
        self.stop_in_turn(&id).await
    }

    async fn stop_in_turn(&self, id: &str) -> Result<Did, Refusal> {
        if !lock(&self.world).container(id)?.is_up() {
            return Ok(Did::Already);
        }
        self.tell(id, "kill", &[("signal", SIGTERM.to_string())]).await;
        // The engine's monitor and its stop call race: either may come first.
        if self.dice.below(2) == 0 {
            self.die(id, 143).await;
            self.tell(id, "stop", &[]).await;
        } else {
            self.tell(id, "stop", &[]).await;
            self.die(id, 143).await;
        }
        Ok(Did::Done)
    }

    pub(super) async fn restart_container(self: &Arc<Self>, reference: &str) -> Result<Did, Refusal> {
        let (id, _turn) = self.turn(reference).await?;
        self.stop_in_turn(&id).await?;
        self.start_in_turn(&id).await?;
        self.tell(&id, "restart", &[]).await;
        Ok(Did::Done)
    }

    pub(super) async fn kill(&self, reference: &str, signal: &str) -> Result<Did, Refusal> {
        let number = match signal.trim_start_matches("SIG") {
            "" | "KILL" | "9" => SIGKILL,
            "TERM" | "15" => SIGTERM,
            "HUP" | "1" => 1,
            "INT" | "2" => 2,
            "USR1" | "10" => 10,
            "USR2" | "12" => 12,
            _ => return Err(Refusal::new(400, format!("Invalid signal: {signal}"))),
        };
        let (id, _turn) = self.turn(reference).await?;
        if !lock(&self.world).container(&id)?.is_up() {
            return Err(Refusal::new(
                409,
                format!("cannot kill container: {reference}: container {id} is not running"),
            ));
        }
        self.tell(&id, "kill", &[("signal", number.to_string())]).await;
        if number == SIGKILL || number == SIGTERM {
            self.die(&id, 128 + i64::from(number)).await;
        }
        Ok(Did::Done)
    }
}
