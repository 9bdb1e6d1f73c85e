//! The model's world: an engine, a ledger that follows it, and what the history of all runs holds.

use super::*;

/// What was delivered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Out {
    Event(u64),
    Gap(i64, i64),
}

#[derive(Debug)]
pub(super) struct World {
    pub(super) engine: Engine,
    pub(super) ledger: Ledger,
    /// The mutant's cursor, where the mutant follows in the ledger's place.
    pub(super) by_time: Option<Timestamp>,
    pub(super) stream: Option<(Subscriber, Duration)>,
    /// What the history of all runs holds, once it is written.
    pub(super) out: Vec<Out>,
    /// Of each of it, of how many lines it was not sure.
    pub(super) unsure: Vec<u32>,
    pub(super) wants_rotation: bool,
    pub(super) since: u64,
    pub(super) serial: u64,
    /// How many lines the engine lets wait for a subscriber, as the ledger believes.
    pub(super) queue: u32,
    /// Of each look at the engine, up to when the one before had told, and when it was known to have told all of its own
    /// replay.
    pub(super) looks: Vec<(u64, Option<u64>)>,
    pub(super) told_until: u64,
    /// Gaps that nothing excuses.
    pub(super) empty_gaps: Vec<u64>,
}

impl World {
    pub(super) fn new() -> Self {
        Self::following(None)
    }

    /// The algorithm that others use: the stamp of the last event is the cursor, asked for after a break and compared
    /// with what comes. It even tells a gap when all that the engine holds is younger.
    pub(super) fn mutant() -> Self {
        Self::following(Some(Timestamp::from_nanos(i64::MIN)))
    }

    pub(super) fn following(by_time: Option<Timestamp>) -> Self {
        let mut world = Self {
            engine: Engine {
                now: 10_000,
                ..Engine::default()
            },
            ledger: Ledger::with_sizes(RING / 2, 6),
            by_time,
            stream: None,
            out: Vec::new(),
            unsure: Vec::new(),
            wants_rotation: false,
            since: 0,
            serial: 0,
            queue: 6,
            looks: Vec::new(),
            told_until: 0,
            empty_gaps: Vec::new(),
        };
        // Begins with the engine's first event, and one that teaches the clocks' offset.
        world.emit(0, 0);
        world.advance(10);
        world.subscribe(false, None);
        world.advance(2_000);
        world.emit(0, 0);
        world.advance(1);
        world
    }

    pub(super) fn emit(&mut self, append: u64, publish: u64) {
        let id = self.engine.stamp();
        self.plan(self.engine.now + append, Step::Append(id));
        self.plan(self.engine.now + append + publish, Step::Publish(id));
    }

    pub(super) fn plan(&mut self, at: u64, step: Step) {
        self.serial += 1;
        self.engine.steps.insert((at, self.serial), step);
    }

    /// Time goes on, and everything planned for it happens, millisecond by millisecond.
    pub(super) fn advance(&mut self, by: u64) {
        let end = self.engine.now + by;
        loop {
            let step = self.engine.steps.first_key_value().map(|(at, _)| at.0);
            let stall = self
                .stream
                .as_ref()
                .and_then(|(subscriber, _)| subscriber.stalled);
            let next = step.into_iter().chain(stall).min().filter(|next| *next <= end);
            self.engine.now = next.unwrap_or(end).max(self.engine.now);
            if let Some((subscriber, _)) = &mut self.stream {
                subscriber.recover(self.engine.now);
            }
            let Some(next) = next else { break };
            if step == Some(next)
                && let Some((_, step)) = self.engine.steps.pop_first()
            {
                match step {
                    Step::Append(id) => {
                        self.engine.told.insert(id);
                        self.engine.ring.push_back(id);
                        if self.engine.ring.len() > RING {
                            self.engine.ring.pop_front();
                        }
                    }
                    Step::Publish(id) => {
                        if let Some((subscriber, _)) = &mut self.stream {
                            subscriber.publish(id, self.engine.now);
                        }
                    }
                }
            }
            self.read();
        }
        self.read();
        let due = if self.wants_rotation { 1_000 } else { 30_000 };
        if self.engine.now >= self.since + due && self.stream.is_some() {
            self.rotate(None);
        }
    }

    pub(super) fn read(&mut self) {
        let Some((subscriber, opened)) = &mut self.stream else {
            return;
        };
        while let Some((id, arrived)) = subscriber.inbox.pop_front() {
            let event = event(&self.engine, id);
            if let Some(cursor) = &mut self.by_time {
                if event.at > *cursor {
                    *cursor = event.at;
                    self.out.push(Out::Event(id));
                    self.unsure.push(0);
                }
                continue;
            }
            let sighting = self.ledger.see(&Arrival {
                id: line(id),
                event: Some(&event),
                arrived: Duration::from_millis(arrived),
                opened: *opened,
                held_up: Duration::ZERO,
            });
            self.wants_rotation |= sighting.suspicious;
            if Duration::from_millis(arrived) >= *opened + REPLAYED {
                for (_, whole) in &mut self.looks {
                    whole.get_or_insert(arrived);
                }
            }
            if sighting.new {
                self.out.push(Out::Event(id));
                self.unsure.push(sighting.unsure);
            }
        }
    }

    pub(super) fn tell(&mut self, out: Out, unsure: u32) {
        self.out.push(out);
        self.unsure.push(unsure);
    }

    /// Subscribes, as the follower does: judge by the first line, then read; perhaps not to the end.
    pub(super) fn subscribe(&mut self, overlapping: bool, replayed: Option<u8>) {
        if let Some(cursor) = self.by_time {
            return self.subscribe_by_time(cursor, replayed);
        }
        let now = Duration::from_millis(self.engine.now);
        let first = self
            .engine
            .ring
            .front()
            .and_then(|id| proving(line(*id), Some(&event(&self.engine, *id))));
        if replayed == Some(0) {
            self.cut();
            return;
        }
        let verdict = self.ledger.judge(first, overlapping, None, now).or_else(|| {
            // The count is only had from a replay that is told to its end.
            replayed
                .is_none()
                .then_some(self.engine.ring.len())
                .and_then(|lines| self.ledger.judge(first, overlapping, Some(lines), now))
        });
        let Some(verdict) = verdict else { return self.cut() };
        let told_until = if overlapping {
            self.engine.now
        } else {
            self.told_until
        };
        match verdict {
            Verdict::Baseline | Verdict::Continuous => self.looks.push((told_until, None)),
            Verdict::Gap { from, to, .. } => {
                self.account_for_gap();
                let to = to.map_or(i64::MAX, Timestamp::as_nanos);
                self.tell(Out::Gap(from.map_or(i64::MIN, Timestamp::as_nanos), to), 0);
            }
        }
        self.replay(self.engine.ring.iter().copied().collect(), replayed);
    }

    /// An engine goes back through its ring up to the first event that is older than what it was asked for.
    pub(super) fn subscribe_by_time(&mut self, since: Timestamp, replayed: Option<u8>) {
        let asked_for = |id: &&u64| stamp(&self.engine, **id) >= since;
        let mut lines: Vec<u64> = self
            .engine
            .ring
            .iter()
            .rev()
            .take_while(asked_for)
            .copied()
            .collect();
        lines.reverse();
        if lines.len() == self.engine.ring.len() && since.as_nanos() > i64::MIN {
            let to = lines
                .first()
                .map_or(i64::MAX, |id| stamp(&self.engine, *id).as_nanos());
            self.tell(Out::Gap(since.as_nanos(), to), 0);
        }
        self.replay(lines, replayed);
    }

    /// The lines come, perhaps not to the end, and then what is live.
    pub(super) fn replay(&mut self, lines: Vec<u64>, replayed: Option<u8>) {
        let now = self.engine.now;
        let most = replayed.map_or(usize::MAX, usize::from);
        let inbox = lines.into_iter().take(most).map(|id| (id, now)).collect();
        let subscriber = Subscriber {
            inbox,
            ..Subscriber::default()
        };
        self.stream = Some((subscriber, Duration::from_millis(now)));
        self.since = self.engine.now;
        self.wants_rotation = false;
        self.read();
        if replayed.is_some() {
            self.cut();
        }
    }

    pub(super) fn cut(&mut self) {
        self.read();
        if self.stream.is_some() {
            self.told_until = self.engine.now;
        }
        self.stream = None;
    }

    pub(super) fn rotate(&mut self, replayed: Option<u8>) {
        if self.stream.is_none() {
            return self.subscribe(false, replayed);
        }
        if !self.wants_rotation {
            self.ledger.turn();
        }
        self.subscribe(true, replayed);
    }

    pub(super) fn apply(&mut self, op: &Op) {
        match *op {
            Op::Emit { append, publish } => self.emit(append, publish),
            Op::Burst(n) => (0..n).for_each(|_| self.emit(0, 0)),
            Op::Advance(by) => self.advance(by),
            Op::Cut { replayed } => {
                self.cut();
                self.advance(3);
                if replayed.is_some() {
                    self.subscribe(false, replayed);
                }
            }
            Op::Rotate { replayed } => self.rotate(replayed),
            Op::Stall(by) => {
                let until = self.engine.now + by;
                if let Some((subscriber, _)) = &mut self.stream {
                    subscriber.stalled = subscriber.stalled.max(Some(until));
                }
            }
            Op::Restart => {
                self.cut();
                self.engine.ring.clear();
                self.engine.steps.clear();
            }
            Op::Kill { unwritten, looks } => {
                self.kill(usize::from(unwritten));
                if looks {
                    self.subscribe(false, None);
                }
            }
            Op::Clock(by) => self.engine.set_clock(by),
        }
    }

    /// Quiet again, and looked at once more.
    pub(super) fn settle(&mut self) {
        self.advance(1_000);
        self.rotate(None);
        self.advance(1_000);
    }

    /// All of it happens, and what was delivered in the end is held against the claim.
    pub(super) fn live(&mut self, ops: &[Op]) -> Result<(), TestCaseError> {
        ops.iter().for_each(|op| self.apply(op));
        self.settle();
        self.check()
    }

    pub(super) fn check(&self) -> Result<(), TestCaseError> {
        let mut seen = BTreeSet::new();
        for out in &self.out {
            if let Out::Event(id) = out {
                prop_assert!(seen.insert(*id), "{id} came twice");
            }
        }
        for missing in self.engine.told.difference(&seen) {
            if self.engine.clock_was_set {
                let told = self.out.iter().any(|out| matches!(out, Out::Gap(..)));
                prop_assert!(told, "{missing} was lost without a word: {:?}", self.out);
                continue;
            }
            let at = stamp(&self.engine, *missing).as_nanos();
            // Stamps are that much out of order.
            let skew = i64::try_from(2 * SKEW).unwrap() * 1_000_000;
            let told = self.out.iter().any(|out| match out {
                Out::Gap(from, to) => from.saturating_sub(skew) <= at && at <= to.saturating_add(skew),
                Out::Event(_) => false,
            });
            prop_assert!(
                told,
                "{missing} (stamp {at}) was lost without a word: {:?}",
                self.out
            );
        }
        Ok(())
    }
}
