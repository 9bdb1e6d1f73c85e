//! A model of the engine's event log, and the ledger against it.
//!
//! The model imitates what makes events get lost: stamps, ring order and live order that differ, a ring that
//! overflows, a subscriber's queue that stays full, cuts in the middle of a replay, restarts. The claim: every event
//! is delivered once, or its stamp lies inside a gap that was told.

mod engine;
mod runs;

use std::collections::BTreeSet;
use std::time::Duration;

use longshore_core::Timestamp;
use proptest::prelude::*;
use proptest::test_runner::{TestError, TestRunner};

use engine::{Engine, RING, SKEW, Step, Subscriber, event, line, stamp};

use super::lateness::REPLAYED;
use super::ledger::{Arrival, Ledger, proving};
use super::resume::Verdict;

#[derive(Debug, Clone)]
enum Op {
    /// An event, appended and published after pauses.
    Emit {
        append: u64,
        publish: u64,
    },
    Burst(u8),
    Advance(u64),
    /// The stream breaks; the next one gets so many lines and then breaks too, if given.
    Cut {
        replayed: Option<u8>,
    },
    Rotate {
        replayed: Option<u8>,
    },
    /// Our reader, or what is between, does not move for so long.
    Stall(u64),
    Restart,
    /// Our process is killed; of what it told so much was not yet written. Another begins, and looks at once or not.
    Kill {
        unwritten: u8,
        looks: bool,
    },
    /// The engine's clock is set, by so many milliseconds.
    Clock(i64),
}

fn op() -> impl Strategy<Value = Op> {
    let skew = 0..=SKEW;
    let replayed = || prop::option::weighted(0.3, 0u8..30);
    prop_oneof![
        12 => (skew.clone(), skew).prop_map(|(append, publish)| Op::Emit { append, publish }),
        4 => (1u8..12).prop_map(Op::Burst),
        6 => (0u64..20).prop_map(Op::Advance),
        1 => (200u64..40_000).prop_map(Op::Advance),
        3 => replayed().prop_map(|replayed| Op::Cut { replayed }),
        1 => replayed().prop_map(|replayed| Op::Rotate { replayed }),
        2 => (1u64..400).prop_map(Op::Stall),
        1 => Just(Op::Restart),
    ]
}

fn ops() -> impl Strategy<Value = Vec<Op>> {
    prop::collection::vec(op(), 1..120)
}

/// What was delivered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Out {
    Event(u64),
    Gap(i64, i64),
}

#[derive(Debug)]
struct World {
    engine: Engine,
    ledger: Ledger,
    /// The mutant's cursor, where the mutant follows in the ledger's place.
    by_time: Option<Timestamp>,
    stream: Option<(Subscriber, Duration)>,
    /// What the history of all runs holds, once it is written.
    out: Vec<Out>,
    /// Of each of it, of how many lines it was not sure.
    unsure: Vec<u32>,
    wants_rotation: bool,
    since: u64,
    serial: u64,
    /// How many lines the engine lets wait for a subscriber, as the ledger believes.
    queue: u32,
    /// Of each look at the engine, up to when the one before had told, and when it was known to have told all of its own
    /// replay.
    looks: Vec<(u64, Option<u64>)>,
    told_until: u64,
    /// Gaps that nothing excuses.
    empty_gaps: Vec<u64>,
}

impl World {
    fn new() -> Self {
        Self::following(None)
    }

    /// The algorithm that others use: the stamp of the last event is the cursor, asked for after a break and compared
    /// with what comes. It even tells a gap when all that the engine holds is younger.
    fn mutant() -> Self {
        Self::following(Some(Timestamp::from_nanos(i64::MIN)))
    }

    fn following(by_time: Option<Timestamp>) -> Self {
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

    fn emit(&mut self, append: u64, publish: u64) {
        let id = self.engine.stamp();
        self.plan(self.engine.now + append, Step::Append(id));
        self.plan(self.engine.now + append + publish, Step::Publish(id));
    }

    fn plan(&mut self, at: u64, step: Step) {
        self.serial += 1;
        self.engine.steps.insert((at, self.serial), step);
    }

    /// Time goes on, and everything planned for it happens, millisecond by millisecond.
    fn advance(&mut self, by: u64) {
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

    fn read(&mut self) {
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

    fn tell(&mut self, out: Out, unsure: u32) {
        self.out.push(out);
        self.unsure.push(unsure);
    }

    /// Subscribes, as the follower does: judge by the first line, then read; perhaps not to the end.
    fn subscribe(&mut self, overlapping: bool, replayed: Option<u8>) {
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
    fn subscribe_by_time(&mut self, since: Timestamp, replayed: Option<u8>) {
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
    fn replay(&mut self, lines: Vec<u64>, replayed: Option<u8>) {
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

    fn cut(&mut self) {
        self.read();
        if self.stream.is_some() {
            self.told_until = self.engine.now;
        }
        self.stream = None;
    }

    fn rotate(&mut self, replayed: Option<u8>) {
        if self.stream.is_none() {
            return self.subscribe(false, replayed);
        }
        if !self.wants_rotation {
            self.ledger.turn();
        }
        self.subscribe(true, replayed);
    }

    fn apply(&mut self, op: &Op) {
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
    fn settle(&mut self) {
        self.advance(1_000);
        self.rotate(None);
        self.advance(1_000);
    }

    fn check(&self) -> Result<(), TestCaseError> {
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

proptest! {
    #![proptest_config(ProptestConfig { cases: longshore_testkit::sized(1_000, 100_000), ..ProptestConfig::default() })]

    #[test]
    fn every_event_once_or_inside_a_gap(ops in ops()) {
        let mut world = World::new();
        for op in &ops {
            world.apply(op);
        }
        world.settle();
        world.check()?;
    }

    /// Without overflow, stall or restart there is nothing to tell, wherever the stream is cut.
    #[test]
    fn cuts_alone_make_no_gap(
        cuts in prop::collection::vec((prop::option::weighted(0.3, 0u8..30), 0u64..30, 0u64..=SKEW, 0u64..=SKEW), 1..20)
    ) {
        let mut world = World::new();
        for (replayed, pause, append, publish) in cuts {
            world.emit(append, publish);
            world.advance(pause);
            world.apply(&Op::Cut { replayed });
            world.rotate(None);
        }
        world.settle();
        world.check()?;
        prop_assert!(!world.out.iter().any(|out| matches!(out, Out::Gap(..))), "{:?}", world.out);
    }
}

/// What the two properties above would say of the cursor by time, which loses what is appended or published in another
/// order than stamped: they see it, with or without anything worse than a cut.
#[test]
fn a_cursor_made_of_time_is_caught() {
    let after = |ops: &[Op]| {
        let mut world = World::mutant();
        ops.iter().for_each(|op| world.apply(op));
        world.settle();
        world.check()
    };
    let cut = Op::Cut { replayed: None };
    let mild = prop_oneof![
        3 => (0..=SKEW, 0..=SKEW).prop_map(|(append, publish)| Op::Emit { append, publish }),
        2 => (0u64..30).prop_map(Op::Advance),
        1 => Just(cut.clone()),
    ];
    for strategy in [ops().boxed(), prop::collection::vec(mild, 1..60).boxed()] {
        let found = TestRunner::deterministic().run(&strategy, |ops| after(&ops));
        let Err(TestError::Fail(why, _)) = found else {
            panic!("nothing found: {found:?}")
        };
        assert!(why.message().contains("was lost without a word"), "{why}");
    }
    // The least of it: two events, the older one published after the younger one, and a cut.
    let pair = [
        Op::Emit {
            append: 0,
            publish: SKEW,
        },
        Op::Emit {
            append: 0,
            publish: 0,
        },
        Op::Advance(1),
        cut,
    ];
    assert!(after(&pair).is_err());
}

#[test]
fn an_overflow_while_away_is_told_from_when_to_when() {
    let mut world = World::new();
    world.cut();
    for _ in 0..=RING {
        world.advance(1_000);
        world.emit(0, 0);
    }
    world.advance(1);
    world.rotate(None);
    let gap = world
        .out
        .iter()
        .position(|out| matches!(out, Out::Gap(..)))
        .unwrap();
    assert_eq!(world.out[..gap], [Out::Event(0), Out::Event(1)]);
    let [first_missing, first_after] = [2, 3].map(|id| stamp(&world.engine, id).as_nanos());
    assert!(matches!(world.out[gap], Out::Gap(from, to) if from < first_missing && to == first_after));
    assert_eq!(world.out[gap + 1], Out::Event(3));
}

#[test]
fn a_restart_without_an_event_since_is_told_when_the_replay_is_empty() {
    let mut world = World::new();
    world.apply(&Op::Restart);
    world.subscribe(false, None);
    assert!(matches!(world.out.last(), Some(Out::Gap(..))));
}

#[test]
fn what_was_dropped_on_a_living_stream_is_recovered() {
    let mut world = World::new();
    world.apply(&Op::Stall(300));
    (0..10).for_each(|_| world.emit(0, 0));
    world.advance(1_500);
    assert!(world.out.iter().all(|out| matches!(out, Out::Event(_))));
    assert_eq!(world.out.len(), 12, "{:?}", world.out);
}

/// A world in which event 2 is older in the ring than event 3, which has come, and was cut off before it was published.
fn cut_between_two() -> World {
    let mut world = World::new();
    world.emit(0, SKEW);
    world.emit(0, 0);
    world.advance(1);
    assert_eq!(world.out.last(), Some(&Out::Event(3)));
    world.apply(&Op::Cut { replayed: None });
    world
}

/// Event 2 leaves the ring, and event 3 is its first.
fn overflow_up_to_event_3(world: &mut World) {
    (0..RING - 1).for_each(|_| world.emit(0, 0));
    world.advance(1);
    assert_eq!(world.engine.ring.front(), Some(&3));
    world.rotate(None);
    assert!(
        world.out.iter().any(|out| matches!(out, Out::Gap(..))),
        "{:?}",
        world.out
    );
    world.check().unwrap();
}

#[test]
fn a_known_line_that_came_just_before_the_cut_proves_nothing() {
    let mut world = cut_between_two();
    overflow_up_to_event_3(&mut world);
}

#[test]
fn nor_does_it_after_a_replay_that_broke_before_it() {
    let mut world = cut_between_two();
    world.advance(200);
    world.subscribe(false, Some(1));
    overflow_up_to_event_3(&mut world);
}

#[test]
fn the_first_event_on_an_engine_with_a_full_ring_of_old_ones_makes_no_gap() {
    let mut world = World::new();
    (0..2 * RING).for_each(|_| world.emit(0, 0));
    world.advance(3_600_000);
    world = World {
        // As on an engine, whose queue holds four rings.
        ledger: Ledger::with_sizes(RING / 2, 96),
        stream: None,
        out: Vec::new(),
        ..world
    };
    world.subscribe(false, None);
    for _ in 0..3 {
        world.advance(10_000);
        world.emit(0, 0);
        world.advance(100);
        world.rotate(None);
    }
    assert_eq!(world.out.len(), RING + 3, "{:?}", world.out);
    assert!(
        world.out.iter().all(|out| matches!(out, Out::Event(_))),
        "{:?}",
        world.out
    );
}
