//! Runs of the follower, one after the other: each knows what is written of those before it, and what all of them have
//! written is the history.

use super::*;
use crate::KnownLine;
use crate::watch::resume::SETTLING;

/// How sure lines are that an earlier run told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Belief {
    /// As that run said.
    AsTold,
    /// All of them, as if a known line proved everything: the mutant.
    Everything,
}

/// Within which orders differ, in milliseconds, as the ledger has it and the model adds.
fn settling() -> i64 {
    2 * SKEW.cast_signed() + i64::try_from(SETTLING.as_millis()).unwrap()
}

impl World {
    /// The run ends as if killed, `unwritten` records before the history has them all, and another begins.
    pub(super) fn kill(&mut self, unwritten: usize) {
        self.kill_believing(unwritten, Belief::AsTold);
    }

    fn kill_believing(&mut self, unwritten: usize, belief: Belief) {
        self.cut();
        // The history had begun: what came before it nobody claims.
        let written = self.out.len().saturating_sub(unwritten).max(2);
        self.out.truncate(written);
        self.unsure.truncate(written);
        let newest = self.newest();
        self.told_until = self.told_until.min(newest.unsigned_abs());
        // What was only known by what was not written, nobody knows.
        for (_, whole) in &mut self.looks {
            *whole = whole.filter(|whole| newest > whole.cast_signed() + settling());
        }
        self.ledger = Ledger::with_sizes(RING / 2, self.queue).knowing(&self.known(belief));
        self.wants_rotation = false;
    }

    /// A gap is told. Where the engine neither restarted nor dropped, the rule is: only if its ring may have turned over
    /// since 50 ms before the last record that is written; or, until a line that is written comes a second or later after
    /// its stream was opened, since 50 ms before the end of the stream before it.
    pub(super) fn account_for_gap(&mut self) {
        let newest = self.newest();
        let mut since = newest - settling();
        for (told_until, whole) in &self.looks {
            if whole.is_none_or(|whole| newest <= whole.cast_signed() + settling()) {
                since = since.min(told_until.cast_signed() - settling());
            }
        }
        let front = self.engine.ring.front().copied();
        if let Some(front) =
            front.filter(|front| self.engine.stamps[usize::try_from(*front).unwrap()] < since)
        {
            self.empty_gaps.push(front);
        }
        // After it all is in doubt until it comes again.
        self.looks.push((0, None));
    }

    /// When the newest of what was told happened, by the engine's clock.
    fn newest(&self) -> i64 {
        let events = self.out.iter().filter_map(|out| match out {
            Out::Event(id) => self.engine.stamps.get(usize::try_from(*id).unwrap()).copied(),
            Out::Gap(..) => None,
        });
        events.max().unwrap_or(0)
    }

    /// As the history gives it.
    fn known(&self, belief: Belief) -> Vec<KnownLine> {
        let told = self
            .out
            .iter()
            .zip(&self.unsure)
            .filter_map(|(out, unsure)| match out {
                Out::Event(id) => Some((line(*id), Some(stamp(&self.engine, *id)), Some(*unsure))),
                Out::Gap(..) => None,
            });
        let mut known = KnownLine::of_history(told);
        known
            .iter_mut()
            .for_each(|line| line.sure |= belief == Belief::Everything);
        known
    }
}

/// Everything that happens to one run, and the ends of many.
fn ops_of_runs(kills: u32) -> impl Strategy<Value = Vec<Op>> {
    let kill = (0u8..16, any::<bool>()).prop_map(|(unwritten, looks)| Op::Kill { unwritten, looks });
    let clock = prop_oneof![Just(-3_600_000i64), Just(3_600_000), -3_000i64..3_000];
    let op = prop_oneof![
        24 => op(),
        kills => kill,
        1 => clock.prop_map(Op::Clock),
    ];
    prop::collection::vec(op, 1..120)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: longshore_testkit::sized(1_000, 100_000), ..ProptestConfig::default() })]

    #[test]
    fn the_history_of_all_runs_has_every_event_once_or_inside_a_gap(ops in ops_of_runs(3)) {
        let mut world = World::new();
        world.live(&ops)?;
    }

    /// Where the engine neither restarts nor drops, every gap has its excuse.
    #[test]
    fn kills_and_cuts_alone_make_no_gap_but_where_the_ring_turned_over(
        ops in prop::collection::vec(mild_op_of_runs(), 1..120)
    ) {
        let mut world = World::new();
        // As on an engine, whose queue holds four rings.
        world.queue = 96;
        world.kill(0);
        world.subscribe(false, None);
        world.live(&ops)?;
        prop_assert!(world.empty_gaps.is_empty(), "{:?} of {:?}", world.empty_gaps, world.out);
    }
}

fn mild_op_of_runs() -> impl Strategy<Value = Op> {
    let skew = 0..=SKEW;
    let replayed = prop::option::weighted(0.2, 0u8..30);
    prop_oneof![
        12 => (skew.clone(), skew).prop_map(|(append, publish)| Op::Emit { append, publish }),
        2 => (1u8..12).prop_map(Op::Burst),
        6 => (0u64..30).prop_map(Op::Advance),
        1 => (200u64..4_000).prop_map(Op::Advance),
        1 => replayed.prop_map(|replayed| Op::Cut { replayed }),
        1 => Just(Op::Rotate { replayed: None }),
        2 => (0u8..8, any::<bool>()).prop_map(|(unwritten, looks)| Op::Kill { unwritten, looks }),
    ]
}

/// A line that is known because an earlier run told it proves nothing where that run was not sure of what is before it.
#[test]
fn known_lines_that_are_believed_without_a_look_at_the_ring_are_caught() {
    let after = |ops: &[Op]| {
        let mut world = World::new();
        for op in ops {
            match *op {
                Op::Kill { unwritten, looks } => {
                    world.kill_believing(usize::from(unwritten), Belief::Everything);
                    if looks {
                        world.subscribe(false, None);
                    }
                }
                _ => world.apply(op),
            }
        }
        world.settle();
        world.check()
    };
    let config = ProptestConfig {
        cases: 20_000,
        failure_persistence: None,
        ..ProptestConfig::default()
    };
    let mut runner = TestRunner::new_with_rng(
        config,
        proptest::test_runner::TestRng::deterministic_rng(proptest::test_runner::RngAlgorithm::ChaCha),
    );
    let found = runner.run(&ops_of_runs(3), |ops| after(&ops));
    let Err(TestError::Fail(why, _)) = found else {
        panic!("nothing found: {found:?}")
    };
    assert!(why.message().contains("was lost without a word"), "{why}");
}

/// What a run was sure of by a record that was not written, no run after it knows; the gap is empty and has its excuse.
#[test]
fn what_only_an_unwritten_record_made_sure_is_in_doubt() {
    let emit = |append, publish| Op::Emit { append, publish };
    let kill = |unwritten, looks| Op::Kill { unwritten, looks };
    let mut world = World::new();
    world.queue = 96;
    world.kill(0);
    world.subscribe(false, None);
    let first = [
        emit(2, 1),
        emit(2, 1),
        emit(1, 0),
        emit(0, 1),
        Op::Advance(200),
        emit(0, 0),
        emit(0, 0),
    ];
    let sure = [
        kill(3, true),
        Op::Burst(10),
        emit(0, 0),
        Op::Advance(990),
        emit(0, 0),
        emit(6, 4),
        Op::Advance(200),
    ];
    let away = [
        kill(2, false),
        emit(0, 0),
        emit(0, 0),
        emit(0, 0),
        emit(0, 0),
        emit(0, 0),
        emit(0, 0),
    ];
    let last = [
        Op::Advance(0),
        Op::Rotate { replayed: None },
        kill(0, false),
        emit(0, 0),
        Op::Advance(0),
    ];
    world.live(&[&first[..], &sure, &away, &last].concat()).unwrap();
    assert!(
        world.out.iter().any(|out| matches!(out, Out::Gap(..))),
        "{:?}",
        world.out
    );
    assert!(world.empty_gaps.is_empty(), "{:?}", world.empty_gaps);
}
