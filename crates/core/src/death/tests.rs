//! Causes and sentences, records that are completed, what is covered.

use super::*;

fn death(code: Option<i64>) -> DeathRecord {
    DeathRecord {
        exit_code: code,
        ..DeathRecord::new(ContainerId::new("abc").unwrap(), Timestamp::from_secs(9))
    }
}

#[test]
fn an_end_has_a_cause_and_a_sentence() {
    let told = |code, change: fn(&mut DeathRecord)| {
        let mut death = death(code);
        change(&mut death);
        (death.cause(), death.sentence())
    };
    use DeathCause::*;
    for (code, change, cause, sentence) in [
        (Some(0), (|_| {}) as fn(&mut DeathRecord), Success, "exit code 0"),
        (
            Some(0),
            |d| d.signal = Some(15),
            Success,
            "exit code 0, after SIGTERM through the engine",
        ),
        (Some(3), |_| {}, Failure, "exit code 3"),
        (Some(139), |_| {}, Signal, "exit code 139, as by SIGSEGV"),
        (Some(255), |_| {}, Failure, "exit code 255"),
        (Some(128), |_| {}, Failure, "exit code 128"),
        (Some(162), |_| {}, Signal, "exit code 162, as by signal 34"),
        (
            Some(137),
            |d| d.signal = Some(15),
            Signal,
            "exit code 137, as by SIGKILL",
        ),
        (
            Some(127),
            |d| d.error = Some("no such file".into()),
            NotStarted,
            "could not be started, exit code 127",
        ),
        (
            Some(127),
            |d| d.error = Some(String::new()),
            Failure,
            "exit code 127",
        ),
        (None, |_| {}, Unknown, "ended; how is not known"),
        (
            None,
            |d| d.oom = Some(true),
            OutOfMemory,
            "out of memory; its exit code is not known",
        ),
        (Some(i64::MAX), |_| {}, Failure, "exit code 9223372036854775807"),
        (Some(i64::MIN), |_| {}, Failure, "exit code -9223372036854775808"),
    ] {
        assert_eq!(told(code, change), (cause, sentence.to_owned()));
    }
}

#[test]
fn a_record_is_completed_and_never_made_poorer() {
    let mut poor = death(None);
    poor.is_unknown(DeathPart::State, WhyUnknown::Gone, "");
    poor.is_unknown(DeathPart::Log, WhyUnknown::TimedOut, "");
    let mut rich = death(Some(3));
    rich.log = Some(LastLines::default());
    rich.restart_count = Some(2);
    rich.error = Some(String::new());
    rich.oom = Some(false);
    let mut completed = poor.clone();
    completed.complete(rich.clone());
    assert_eq!(completed, rich);
    let mut kept = rich.clone();
    kept.complete(poor);
    assert_eq!(kept, rich);
    let mut late = death(None);
    late.oom = Some(true);
    kept.complete(late);
    assert_eq!(kept.oom, Some(true), "a late notice counts");
}

/// An engine that is asked again may have less: the run after it has written more than is looked through.
#[test]
fn of_two_logs_of_an_end_the_longer_one_is_kept_with_its_doubts() {
    let with = |lines: usize| {
        let line = LastLine {
            stream: LogSource::Stdout,
            at: None,
            text: "x".into(),
            cut: 0,
        };
        let mut death = death(Some(1));
        death.log = Some(LastLines {
            lines: vec![line; lines],
            earlier: false,
        });
        death
    };
    let mut long = with(3);
    long.is_unknown(DeathPart::Log, WhyUnknown::AnotherRun, "");
    for fewer in [0, 2] {
        for (mut first, second) in [(with(fewer), long.clone()), (long.clone(), with(fewer))] {
            first.complete(second);
            assert_eq!(first, long);
        }
    }
}

#[test]
fn a_record_survives_json_and_words_of_later_versions() {
    let mut record = death(Some(1));
    record.is_unknown(DeathPart::Log, WhyUnknown::Failed, "no reading");
    let text = serde_json::to_string(&record).unwrap();
    assert_eq!(serde_json::from_str::<DeathRecord>(&text).unwrap(), record);
    let later = text.replace("\"failed\"", "\"eaten\"");
    let read: DeathRecord = serde_json::from_str(&later).unwrap();
    assert_eq!(read.unknown[0].why.as_str(), "eaten");
}

#[test]
fn what_programs_print_does_not_show_in_debug() {
    let mut record = death(Some(1));
    let line = LastLine {
        stream: LogSource::Stdout,
        at: None,
        text: "hunter2".into(),
        cut: 0,
    };
    record.log = Some(LastLines {
        lines: vec![line],
        earlier: false,
    });
    record.health = Some(LastHealth {
        health: Health::Unhealthy,
        at: None,
        exit_code: Some(1),
        output: "hunter2".into(),
        cut: 0,
    });
    assert!(!format!("{record:?}").contains("hunter2"));
}

#[test]
fn what_was_asked_for_is_no_failure() {
    let failed = |code, signal, oom| {
        let mut death = death(code);
        (death.signal, death.oom) = (signal, oom);
        death.is_failure()
    };
    for (code, signal, oom, expected, why) in [
        (Some(0), None, Some(false), false, "success"),
        (Some(0), Some(15), None, false, "success after a stop"),
        (
            Some(0),
            None,
            Some(true),
            true,
            "success, though one of its processes was ended",
        ),
        (Some(1), None, None, true, "an exit code"),
        (Some(1), Some(15), None, true, "an exit code after a stop"),
        (Some(137), None, None, true, "killed by nobody known"),
        (Some(137), Some(9), Some(false), false, "killed on request"),
        (Some(137), Some(9), Some(true), true, "for want of memory"),
        (Some(139), Some(15), None, true, "crashed while it was stopped"),
        (Some(143), None, None, false, "asked to end by somebody else"),
        (Some(130), None, None, false, "Ctrl-C"),
        (None, None, None, true, "unknown"),
    ] {
        assert_eq!(failed(code, signal, oom), expected, "{why}");
    }
}
