//! What lies between two answers of an engine: waiting for the next run, failures, and the markers that tell of them.

use super::*;

impl Follower {
    /// All lines of a container that does not run were read.
    pub(super) fn rested(&mut self, container: &Container) -> State {
        self.is_unsure = false;
        self.tell_end(container.exit_code, container.finished_at);
        if container.state == ContainerState::Restarting {
            return self.absent(None);
        }
        match self.query.after_exit {
            AfterExit::End => {
                self.out.push_back(LogItem::Over(LogEnd::Exited));
                State::Looking
            }
            AfterExit::Linger(time) => self.absent(Some(Instant::now() + time)),
            AfterExit::Stay => self.absent(None),
        }
    }

    pub(super) fn absent(&self, until: Option<Instant>) -> State {
        State::Absent {
            sights: sights(self.engine.clone(), &self.id, self.query.backoff),
            until,
        }
    }

    pub(super) async fn wait(
        &mut self,
        mut sights: BoxStream<'static, Sight>,
        until: Option<Instant>,
    ) -> State {
        let too_late = async {
            match until {
                Some(until) => sleep_until(until).await,
                None => std::future::pending().await,
            }
        };
        let sight = tokio::select! {
            sight = sights.next() => sight,
            () = too_late => {
                self.out.push_back(LogItem::Over(LogEnd::Exited));
                return State::Looking;
            }
        };
        match sight {
            Some(Sight::Is(container, _)) if container.started_at != self.run => State::Looking,
            Some(Sight::Is(container, _)) => {
                self.is_out = false;
                // One that the engine will start again is worth waiting for.
                let until = until.filter(|_| container.state != ContainerState::Restarting);
                State::Absent { sights, until }
            }
            Some(Sight::Unknown(error)) => {
                self.tell_outage(&error);
                State::Absent { sights, until }
            }
            Some(Sight::Gone(_)) | None => self.removed(),
        }
    }

    pub(super) fn removed(&mut self) -> State {
        self.tape.end_run(&mut self.out);
        if self.is_unsure {
            let from = self.tape.anchor();
            self.out.push_back(LogItem::Gap { from, to: None });
        }
        self.out.push_back(LogItem::Over(LogEnd::Removed));
        State::Looking
    }

    /// A call failed. Before the first answer, what will not pass is final.
    pub(super) fn failed(&mut self, error: Error) -> Result<State, Error> {
        // A conflict is a removal under way.
        if !self.was_open && !error.is_transient() && !error.is_conflict() {
            return Err(error);
        }
        Ok(self.lost(&error))
    }

    pub(super) fn lost(&mut self, error: &Error) -> State {
        self.tell_outage(error);
        self.failures = self.failures.saturating_add(1);
        State::Pause(self.query.backoff.pause(self.failures))
    }

    pub(super) fn tell_outage(&mut self, error: &Error) {
        if !std::mem::replace(&mut self.is_out, true) {
            let text = SourceError::from(error).text;
            self.out.push_back(LogItem::Interrupted(text));
        }
    }

    pub(super) fn tell_end(&mut self, exit_code: Option<i64>, at: Option<Timestamp>) {
        self.tape.end_run(&mut self.out);
        if !std::mem::replace(&mut self.is_end_told, true) {
            self.out.push_back(LogItem::Ended { exit_code, at });
        }
    }

    pub(super) fn tell_start(&mut self) {
        let Some(at) = self.marker.take() else { return };
        self.tell_end(None, None);
        self.is_end_told = false;
        self.out.push_back(LogItem::Started { at });
    }
}
