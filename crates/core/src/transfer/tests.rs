//! Recorded streams of real engines, written ones with what engines do seldom, and any messages at all.

use proptest::prelude::*;
use serde_json::Value;

use super::*;

type Message = (Option<String>, String, Option<u64>, Option<u64>);

fn recorded(text: &str) -> Vec<Message> {
    text.lines()
        .map(|line| {
            let line: Value = serde_json::from_str(line).unwrap();
            let detail = &line["progressDetail"];
            let text = |name: &str| line[name].as_str().map(str::to_owned);
            (
                text("id"),
                text("status").unwrap_or_default(),
                detail["current"].as_u64(),
                detail["total"].as_u64(),
            )
        })
        .collect()
}

/// Folds, holding every step to what is promised.
fn folded(kind: TransferKind, messages: &[Message]) -> Vec<TransferProgress> {
    let mut fold = TransferFold::new(kind);
    let mut all: Vec<TransferProgress> = Vec::new();
    let mut layers: std::collections::BTreeMap<Box<str>, (f64, u64)> = std::collections::BTreeMap::new();
    for (id, status, current, total) in messages {
        let next = fold.apply(id.as_deref(), status, *current, *total);
        if let Some(layer) = &next.layer {
            let before = layers
                .insert(layer.id.clone(), (layer.fraction, layer.current))
                .unwrap_or_default();
            assert!(
                layer.fraction >= before.0 && layer.fraction <= 1.0 && layer.current >= before.1,
                "{layer:?}"
            );
            assert!(
                layer.total.is_none_or(|total| layer.current <= total),
                "{layer:?}"
            );
        }
        assert!(
            next.fraction
                .is_none_or(|fraction| (0.0..=ALMOST).contains(&fraction)),
            "{next:?}"
        );
        if let Some(before) = all.last() {
            assert!(
                next.fraction >= before.fraction
                    && next.current >= before.current
                    && next.total >= before.total
            );
        }
        all.push(next);
    }
    let end = fold.finish();
    assert_eq!(end.fraction, Some(1.0));
    all.push(end);
    all
}

fn at(fraction: Option<f64>) -> u32 {
    #[allow(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a percentage"
    )]
    let percent = (fraction.unwrap() * 100.0).round() as u32;
    percent
}

#[test]
fn a_recorded_pull_is_told_by_bytes_and_by_unpacking() {
    let messages = recorded(include_str!("streams/pull-20.10.jsonl"));
    let all = folded(TransferKind::Pull, &messages);
    assert_eq!(all[0].fraction, None, "no layer is known yet");
    assert_eq!((all[1].fraction, all[1].total), (Some(0.0), None));
    let end = all.last().unwrap();
    assert_eq!((end.current, end.total), (43_089_280, Some(43_089_280)));
    let downloaded = messages
        .iter()
        .rposition(|message| message.1 == "Download complete")
        .unwrap();
    assert!(
        (70..80).contains(&at(all[downloaded].fraction)),
        "{:?}",
        all[downloaded]
    );
    let steps: std::collections::BTreeSet<_> = all
        .iter()
        .filter_map(|step| step.fraction)
        .map(|f| at(Some(f)))
        .collect();
    assert!(steps.len() > 10, "{steps:?}");
}

#[test]
fn a_recorded_push_and_a_pull_of_what_is_there_end_whole() {
    let push = folded(
        TransferKind::Push,
        &recorded(include_str!("streams/push-28.5.jsonl")),
    );
    assert!(push.last().unwrap().current > 43_000_000);
    let exists = folded(
        TransferKind::Pull,
        &recorded(include_str!("streams/pull-exists-28.5.jsonl")),
    );
    assert_eq!(
        (exists.last().unwrap().current, exists.last().unwrap().total),
        (0, None)
    );
}

#[test]
fn a_late_total_a_retry_and_a_layer_that_grew_take_nothing_back() {
    let say =
        |id: &str, status: &str, current, total| (Some(id.to_owned()), status.to_owned(), current, total);
    let all = folded(
        TransferKind::Pull,
        &[
            say("a", "Pulling fs layer", None, None),
            say("b", "Pulling fs layer", None, None),
            say("a", "Downloading", Some(90), Some(100)),
            say("b", "Downloading", Some(1), Some(10_000)),
            say("a", "Retrying in 3 seconds", None, None),
            say("a", "Downloading", Some(5), Some(100)),
            say("a", "Downloading", Some(150), Some(100)),
            say("a", "Extracting", Some(7), None),
            say("c", "Mounted from library/x", None, None),
        ],
    );
    assert_eq!(at(all[2].fraction), 32, "half of the layers, nearly down");
    assert_eq!(all[3].fraction, all[2].fraction, "what was shown stays");
    assert_eq!(all[5].layer.as_ref().unwrap().current, 90);
    assert_eq!(all[6].layer.as_ref().unwrap().total, Some(150));
    assert_eq!(all[8].layer.as_ref().unwrap().phase, LayerPhase::Exists);
}

proptest! {
    #[test]
    fn nothing_falls_and_nothing_passes_the_whole(
        messages in prop::collection::vec((
            prop::option::of("[abc]"),
            prop_oneof![
                Just("Pulling fs layer".to_owned()), Just("Waiting".to_owned()), Just("Downloading".to_owned()),
                Just("Verifying Checksum".to_owned()), Just("Download complete".to_owned()), Just("Extracting".to_owned()),
                Just("Pull complete".to_owned()), Just("Already exists".to_owned()), Just("Retrying in 1 second".to_owned()),
                Just("Pushing".to_owned()), "\\PC{0,5}",
            ],
            prop::option::of(prop_oneof![0_u64..300, any::<u64>()]),
            prop::option::of(prop_oneof![0_u64..300, any::<u64>()]),
        ), 0..40),
        kind in prop_oneof![Just(TransferKind::Pull), Just(TransferKind::Push), Just(TransferKind::Load)],
    ) {
        folded(kind, &messages);
    }
}

#[test]
fn a_stream_without_end_is_bounded() {
    let mut fold = TransferFold::new(TransferKind::Push);
    for layer in 0..MAX_LAYERS + 10 {
        fold.apply(Some(&layer.to_string()), "Preparing", None, None);
    }
    assert_eq!(fold.layers().len(), MAX_LAYERS);
}
