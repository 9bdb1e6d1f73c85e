//! Everything that is written is read back, in pieces of any size; everything else is an error and allocates nothing.

use proptest::collection::vec;
use proptest::prelude::*;

use super::*;

fn text() -> impl Strategy<Value = Vec<u8>> {
    vec(1_u8..=255, 0..40)
}

fn name() -> impl Strategy<Value = Vec<u8>> {
    vec(prop_oneof![b'A'..=b'Z', 128_u8..=255], 1..20)
}

prop_compose! {
    fn spawn()(
        first in vec(1_u8..=255, 1..20),
        more in vec(text(), 0..6),
        env in vec((name(), text()), 0..6),
        rlimits in vec(any::<(u32, u64, u64)>(), 0..4),
        cwd in text(),
        ids in any::<(Option<u32>, Option<u32>)>(),
        limits in any::<(u64, u64)>(),
        timeout in proptest::option::of(0..u64::MAX),
        grace_ms in any::<u64>(),
        (stdin, clear_env) in any::<(bool, bool)>(),
    ) -> Spawn {
        Spawn {
            argv: std::iter::once(first).chain(more).collect(),
            env,
            clear_env,
            cwd,
            uid: ids.0,
            gid: ids.1,
            rlimits: rlimits.into_iter().map(|(resource, soft, hard)| Rlimit { resource, soft, hard }).collect(),
            stdout_limit: limits.0,
            stderr_limit: limits.1,
            timeout_ms: timeout,
            grace_ms,
            stdin,
        }
    }
}

prop_compose! {
    fn exit()(
        status in prop_oneof![
            any::<i32>().prop_map(Status::Code),
            any::<i32>().prop_map(Status::Signal),
            Just(Status::Unknown),
        ],
        (ended, timed_out, killed) in any::<(bool, bool, u32)>(),
        (user_us, sys_us, max_rss) in any::<(u64, u64, u64)>(),
        totals in any::<((u64, bool), (u64, bool))>(),
    ) -> Exit {
        let total = |(bytes, truncated)| Total { bytes, truncated };
        Exit {
            status, ended, timed_out, killed, user_us, sys_us, max_rss,
            stdout: total(totals.0),
            stderr: total(totals.1),
        }
    }
}

/// Every frame of `bytes`, fed in pieces of the sizes that `pieces` gives in turn.
fn frames(bytes: &[u8], pieces: &[usize]) -> Result<Vec<(u8, u64, Vec<u8>)>, WireError> {
    let mut decoder = Decoder::new();
    let mut found = Vec::new();
    let mut rest = bytes;
    let mut sizes = pieces.iter().cycle();
    while !rest.is_empty() {
        let size = sizes.next().copied().unwrap_or(1).clamp(1, rest.len());
        let (mut piece, after) = rest.split_at(size);
        rest = after;
        while let Some(frame) = decoder.next(&mut piece)? {
            found.push((frame.kind, frame.id, frame.payload.to_vec()));
        }
        assert!(piece.is_empty());
    }
    assert!(!decoder.is_inside_a_frame());
    Ok(found)
}

fn as_frame((kind, id, payload): &(u8, u64, Vec<u8>)) -> Frame<'_> {
    Frame {
        kind: *kind,
        id: *id,
        payload,
    }
}

proptest! {
    #[test]
    fn requests_are_read_back_in_any_pieces(spawn in spawn(), bytes in vec(any::<u8>(), 0..300), id: u64,
        pieces in vec(1_usize..50, 1..10)) {
        let sent = [Request::Spawn(spawn), Request::Stdin(&bytes), Request::Eof, Request::End];
        let mut wire = Vec::new();
        for request in &sent {
            request.encode(id, &mut wire).unwrap();
        }
        let frames = frames(&wire, &pieces).unwrap();
        let read: Vec<_> = frames.iter().map(|frame| Request::decode(as_frame(frame)).unwrap()).collect();
        prop_assert_eq!(&read[..], &sent[..]);
        prop_assert!(frames.iter().all(|frame| frame.1 == id));
    }

    #[test]
    fn replies_are_read_back_in_any_pieces(exit in exit(), bytes in vec(any::<u8>(), 0..300), id: u64,
        (version, pid, errno, stage) in (any::<u16>(), any::<u32>(), any::<i32>(), 0_u8..7),
        pieces in vec(1_usize..50, 1..10)) {
        let stage = Stage::from_byte(stage).unwrap();
        let sent = [
            Reply::Hello { version, pid, uid: pid ^ 1 }, Reply::Started { pid }, Reply::SpawnErr { errno, stage },
            Reply::Out(&bytes), Reply::Err(&bytes), Reply::Took { bytes: pid }, Reply::Exit(exit),
        ];
        let mut wire = Vec::new();
        for reply in &sent {
            reply.encode(id, &mut wire).unwrap();
        }
        let frames = frames(&wire, &pieces).unwrap();
        let read: Vec<_> = frames.iter().map(|frame| Reply::decode(as_frame(frame)).unwrap()).collect();
        prop_assert_eq!(&read[..], &sent[..]);
    }

    #[test]
    fn rubbish_is_an_error_and_never_a_panic(kind: u8, payload in vec(any::<u8>(), 0..200)) {
        let frame = Frame { kind, id: 1, payload: &payload };
        let _: Result<Request<'_>, _> = Request::decode(frame);
        let _: Result<Reply<'_>, _> = Reply::decode(frame);
    }

    #[test]
    fn a_payload_that_is_cut_or_too_long_is_an_error(spawn in spawn(), cut in any::<prop::sample::Index>()) {
        let mut wire = Vec::new();
        Request::Spawn(spawn).encode(1, &mut wire).unwrap();
        let mut payload = wire.split_off(HEADER_LEN);
        let short = Frame { kind: kind::SPAWN, id: 1, payload: &payload[..cut.index(payload.len())] };
        prop_assert!(Request::decode(short).is_err());
        payload.push(0);
        let long = Frame { kind: kind::SPAWN, id: 1, payload: &payload };
        prop_assert!(Request::decode(long).is_err());
    }
}

#[test]
fn a_stream_split_at_every_byte_reads_the_same() {
    let mut wire = Vec::new();
    Request::Spawn(Spawn::new(["sh", "-c", "true"]).env("A", "b"))
        .encode(7, &mut wire)
        .unwrap();
    Request::Stdin(b"some bytes").encode(7, &mut wire).unwrap();
    Request::End.encode(8, &mut wire).unwrap();
    let whole = frames(&wire, &[wire.len()]).unwrap();
    assert_eq!(whole.len(), 3);
    for at in 1..wire.len() {
        assert_eq!(frames(&wire, &[at, wire.len()]).unwrap(), whole, "split at {at}");
    }
}

#[test]
fn a_header_that_claims_4_gib_is_refused_before_anything_is_held_for_it() {
    for header in [[0xff; HEADER_LEN], {
        let mut header = [0; HEADER_LEN];
        header[..4].copy_from_slice(&(MAX_PAYLOAD as u32 + 1).to_be_bytes());
        header
    }] {
        let mut decoder = Decoder::new();
        let (first, last) = header.split_at(5);
        assert_eq!(decoder.next(&mut &*first), Ok(None));
        assert!(matches!(
            decoder.next(&mut &*last),
            Err(WireError::TooLarge { .. })
        ));
        assert!(decoder.held.capacity() < 64);
        assert!(Decoder::new().next(&mut &header[..]).is_err());
    }
}

#[test]
fn what_a_header_claims_within_the_cap_is_held_only_as_it_comes() {
    let header = Header {
        len: MAX_PAYLOAD as u32,
        kind: kind::OUT,
        id: 1,
    };
    let mut decoder = Decoder::new();
    assert_eq!(decoder.next(&mut &header.to_bytes()[..]), Ok(None));
    assert!(decoder.held.capacity() < 64);
    assert!(decoder.is_inside_a_frame());
}

#[test]
fn a_full_frame_fits_and_one_byte_more_does_not() {
    let mut wire = vec![1, 2, 3];
    let bytes = vec![9; MAX_PAYLOAD + 1];
    Reply::Out(&bytes[1..]).encode(1, &mut wire).unwrap();
    let before = wire.clone();
    let refused = Reply::Out(&bytes).encode(1, &mut wire);
    assert_eq!(
        refused,
        Err(WireError::TooLarge {
            bytes: MAX_PAYLOAD + 1
        })
    );
    assert_eq!(wire, before);
    let large = Request::Spawn(Spawn::new([vec![b'a'; MAX_PAYLOAD]]));
    assert!(matches!(
        large.encode(1, &mut wire),
        Err(WireError::TooLarge { .. })
    ));
    assert_eq!(wire, before);
}

#[test]
fn a_list_that_claims_billions_is_an_error_at_once() {
    let mut wire = Vec::new();
    Request::Spawn(Spawn::new(["a"])).encode(1, &mut wire).unwrap();
    let mut payload = wire.split_off(HEADER_LEN);
    // The count of the environment is the last number.
    let count = payload.len() - 4;
    payload[count..].fill(0xff);
    let broken = Request::decode(Frame {
        kind: kind::SPAWN,
        id: 1,
        payload: &payload,
    });
    assert_eq!(broken, Err(WireError::Broken { field: "name" }));
}

#[test]
fn what_no_system_could_run_is_refused_on_both_sides() {
    let none: [&str; 0] = [];
    for (spawn, field) in [
        (Spawn::new(none), "argv"),
        (Spawn::new([""]), "argv"),
        (Spawn::new(["a\0b"]), "argv"),
        (Spawn::new(["a"]).env("", "x"), "env"),
        (Spawn::new(["a"]).env("A=B", "x"), "env"),
        (Spawn::new(["a"]).env("A", "x\0"), "env"),
    ] {
        let mut payload = Vec::new();
        let refused = Request::Spawn(spawn.clone()).encode(1, &mut payload);
        assert_eq!(refused, Err(WireError::NotACommand { field }));
        spawn.put(&mut payload);
        let frame = Frame {
            kind: kind::SPAWN,
            id: 1,
            payload: &payload,
        };
        assert_eq!(Request::decode(frame), Err(WireError::NotACommand { field }));
    }
}

#[test]
fn arguments_and_variables_stay_out_of_debug() {
    let shown = format!(
        "{:?}",
        Spawn::new(["psql", "hunter2"]).env("PGPASSWORD", "hunter2")
    );
    assert!(!shown.contains("hunter2"), "{shown}");
}
