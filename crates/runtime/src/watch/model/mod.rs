//! A model of the engine's event log, and the ledger against it.
//!
//! The model imitates what makes events get lost: stamps, ring order and live order that differ, a ring that
//! overflows, a subscriber's queue that stays full, cuts in the middle of a replay, restarts. The claim: every event
//! is delivered once, or its stamp lies inside a gap that was told.

mod engine;
mod runs;
mod world;

use std::collections::BTreeSet;
use std::time::Duration;

use longshore_core::Timestamp;
use proptest::prelude::*;
use proptest::test_runner::{TestError, TestRunner};

use engine::{Engine, RING, SKEW, Step, Subscriber, event, line, stamp};
use world::{Out, World};

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

proptest! {
    #![proptest_config(ProptestConfig { cases: longshore_testkit::sized(1_000, 100_000), ..ProptestConfig::default() })]

    #[test]
    fn every_event_once_or_inside_a_gap(ops in ops()) {
        let mut world = World::new();
        world.live(&ops)?;
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
        world.live(ops)
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
