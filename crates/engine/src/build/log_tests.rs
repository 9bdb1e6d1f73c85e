//! The logs of both builders for one Dockerfile, as an engine sent them, and what a log must stand.

use proptest::prelude::*;

use super::*;

fn read(lines: &str) -> (Vec<BuildEvent>, Option<Built>) {
    let mut log = Log::new();
    let mut events = Vec::new();
    for line in lines.lines() {
        log.see(&serde_json::from_str(line).unwrap());
        events.extend(std::iter::from_fn(|| log.next()));
    }
    let built = log.finish();
    events.extend(std::iter::from_fn(|| log.next()));
    (events, built)
}

fn shown(events: &[BuildEvent]) -> Vec<String> {
    let each = events.iter().filter_map(|event| match event {
        BuildEvent::Step(step) => Some(format!("{} {} {:?}", step.number, step.name, step.state)),
        BuildEvent::Output { step, stream, bytes } => {
            Some(format!("{step} {stream:?} {:?}", String::from_utf8_lossy(bytes)))
        }
        _ => None,
    });
    each.collect()
}

#[test]
fn a_recorded_classic_log_is_told_by_steps() {
    let (events, built) = read(include_str!("streams/classic-28.5.jsonl"));
    let expected = [
        "1 FROM longshore/sample:latest Started",
        "1 FROM longshore/sample:latest Done",
        "2 COPY hello /hello Started",
        "2 COPY hello /hello Done",
        "3 RUN echo out; echo err >&2; cat /hello Started",
        "3 Stderr \"err\\n\"",
        "3 Stdout \"out\\n\"",
        "3 Stdout \"hi\\n\"",
        "3 RUN echo out; echo err >&2; cat /hello Done",
        "4 LABEL io.longshore.test=manual Started",
        "4 LABEL io.longshore.test=manual Done",
    ];
    assert_eq!(shown(&events), expected);
    assert!(built.unwrap().id.starts_with("sha256:8ad07e3a7c61"));
}

#[test]
fn a_recorded_log_of_podman_is_told_by_steps() {
    let (events, built) = read(include_str!("streams/podman-4.3.jsonl"));
    let shown = shown(&events);
    let expected = [
        "1 FROM longshore/sample:latest Started",
        "1 FROM longshore/sample:latest Done",
        "2 LABEL io.longshore.test=9-9-9 Started",
        "2 LABEL io.longshore.test=9-9-9 Done",
        "3 RUN echo built for me Started",
        "3 Stdout \"built for me\\n\"",
        "3 RUN echo built for me Done",
    ];
    assert_eq!(shown, expected);
    assert!(built.unwrap().id.starts_with("sha256:cd7729532d1d"));
}

#[test]
fn a_recorded_log_of_buildkit_is_told_by_steps() {
    let (events, built) = read(include_str!("streams/buildkit-28.5.jsonl"));
    let shown = shown(&events);
    let run: Vec<_> = shown
        .iter()
        .filter(|line| line.contains("RUN") || line.contains("Std"))
        .collect();
    let number = run[0].split(' ').next().unwrap();
    let step = format!("{number} [3/3] RUN echo out; echo err >&2; cat /hello");
    let expected = [
        format!("{step} Started"),
        format!("{number} Stdout \"out\\n\""),
        format!("{number} Stderr \"err\\n\""),
        format!("{number} Stdout \"hi\\n\""),
        format!("{step} Done"),
    ];
    assert!(run.iter().copied().eq(&expected), "{run:#?}");
    for name in [
        "[internal] load remote build context",
        "[1/3] FROM",
        "exporting to image",
    ] {
        let of: Vec<_> = shown.iter().filter(|line| line.contains(name)).collect();
        assert_eq!(of.len(), 2, "begun once and ended once: {of:?}");
    }
    let writing = events
        .iter()
        .any(|event| matches!(event, BuildEvent::Progress { what, .. } if what.starts_with("naming to")));
    assert!(writing && built.unwrap().id.starts_with("sha256:c4c50b1a"));
}

#[test]
fn a_cached_step_a_warning_a_failure_and_an_old_engine_are_told() {
    let lines = r#"{"stream":"Step 1/2 : FROM x"}
{"stream":"\n"}
{"status":"Pulling fs layer","id":"a"}
{"stream":" ---\u003e Using cache\n"}
{"stream":"[Warning] odd\n"}
{"stream":"Step 2/2 : RUN echo"}
{"stream":"\n"}
{"stream":"\n"}
{"stream":"Step 9/9 : not a step\n"}
{"stream":"Successfully built 0123456789ab\n"}"#;
    let (events, built) = read(lines);
    let expected = [
        "1 FROM x Started",
        "1 FROM x Cached",
        "2 RUN echo Started",
        "2 Stdout \"\\n\"",
        "2 Stdout \"Step 9/9 : not a step\\n\"",
        "2 RUN echo Done",
    ];
    assert_eq!(shown(&events), expected);
    assert!(events.contains(&BuildEvent::Warning("odd".to_owned())));
    assert_eq!(
        events
            .iter()
            .filter(|event| matches!(event, BuildEvent::Pull(_)))
            .count(),
        1
    );
    assert_eq!(built.unwrap().id, "0123456789ab");
    let mut log = Log::new();
    log.see(&serde_json::from_str(r#"{"stream":"Step 1/1 : RUN false"}"#).unwrap());
    log.fail("it returned 1");
    let events: Vec<_> = std::iter::from_fn(|| log.next()).collect();
    assert_eq!(shown(&events)[1], "1 RUN false Failed(\"it returned 1\")");
}

proptest! {
    #[test]
    fn rubbish_never_panics(texts in prop::collection::vec(prop_oneof!["\\PC{0,20}", "Step [0-9]{1,20}/[0-9]{1,3} : x"], 0..12), aux in "\\PC{0,20}") {
        let mut log = Log::<Built>::new();
        for text in texts {
            log.see(&serde_json::from_value(serde_json::json!({"stream": text})).unwrap());
        }
        log.see(&serde_json::from_value(serde_json::json!({"id": TRACE, "aux": aux})).unwrap());
        log.see(&serde_json::from_value(serde_json::json!({"id": aux, "aux": {"ID": 1}})).unwrap());
        let _ = log.finish();
    }
}
