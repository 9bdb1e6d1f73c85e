//! Many commands and much output: nobody is held up, and memory stays as it is.

use std::time::{Duration, Instant};

use longshore_runner::{MAX_COMMANDS, Request, Spawn, Stage, Status};

use crate::client::{Client, runs};

/// Bytes that are resident, now.
fn resident(pid: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))
        .unwrap();
    line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() * 1024
}

#[test]
fn sixteen_commands_at_once_are_kept_apart() {
    let mut client = Client::start();
    let ids: Vec<u64> = (0..16)
        .map(|number| {
            let script = format!(
                "cat; head -c {number}00000 /dev/zero | tr '\\0' {}; exit {number}",
                number % 10
            );
            client.spawn(Spawn::new(["sh", "-c", &script]).stdin(true))
        })
        .collect();
    for (number, id) in ids.iter().enumerate() {
        client.send(*id, &Request::Stdin(format!("number {number}\n").as_bytes()));
        client.send(*id, &Request::Eof);
    }
    for (number, id) in ids.into_iter().enumerate() {
        let (heard, exit) = client.exit(id);
        assert_eq!(exit.status, Status::Code(i32::try_from(number).unwrap()));
        assert!(exit.ended);
        let rest = heard
            .out
            .strip_prefix(format!("number {number}\n").as_bytes())
            .unwrap();
        let digit = b'0' + (number % 10) as u8;
        assert!(rest.iter().all(|byte| *byte == digit));
        assert_eq!(heard.out_bytes, exit.stdout.bytes);
    }
}

#[test]
fn one_more_than_may_run_is_refused_and_has_its_place_later() {
    let mut client = Client::start();
    let ids: Vec<u64> = (0..MAX_COMMANDS)
        .map(|_| client.spawn(Spawn::new(["cat"]).stdin(true)))
        .collect();
    assert_eq!(client.refused(Spawn::new(["true"])), (11, Stage::Admit));
    client.send(ids[0], &Request::Eof);
    assert!(client.exit(ids[0]).1.ended);
    // Its keeper may still be leaving.
    let deadline = Instant::now() + Duration::from_secs(5);
    loop {
        let id = client.spawn(Spawn::new(["true"]));
        client.until(|client| client.of(id).exit.is_some() || client.of(id).refused.is_some());
        if client.of(id).exit.is_some() {
            break;
        }
        assert!(Instant::now() < deadline);
    }
}

#[test]
fn half_a_gigabyte_passes_through_flat_memory() {
    let mut client = Client::start();
    let all = 512 * 1024 * 1024;
    let begun = Instant::now();
    let (heard, exit) = client.finish(Spawn::new(["head", "-c", &all.to_string(), "/dev/zero"]));
    println!(
        "{} MB/s",
        all / 1_000_000 * 1000 / begun.elapsed().as_millis() as u64
    );
    assert_eq!((heard.out_bytes, exit.stdout.bytes), (all, all));
    let most = resident(client.pid());
    println!("{} kB", most / 1024);
    assert!(most < 8_000_000, "{most}");
}

#[test]
fn a_client_that_does_not_read_delays_no_ending() {
    let mark = format!("4200.{}", std::process::id());
    let mut client = Client::start();
    let id = client.spawn(Spawn::new(["sh", "-c", &format!("sleep {mark} & yes")]).timeout(300, 0));
    // Not a word is read until long after.
    let until = Instant::now() + Duration::from_millis(700);
    while Instant::now() < until {
        std::thread::yield_now();
    }
    assert_eq!(runs(&mark), [0; 0]);
    assert!(resident(client.pid()) < 8_000_000);
    let (heard, exit) = client.exit(id);
    assert!(exit.ended && exit.timed_out);
    assert_eq!(heard.out_bytes, exit.stdout.bytes);
}

#[test]
fn short_commands_cost_little() {
    let mut client = Client::start();
    let begun = Instant::now();
    let count = 300;
    for _ in 0..count {
        assert_eq!(client.finish(Spawn::new(["true"])).1.status, Status::Code(0));
    }
    println!("{:?} a command", begun.elapsed() / count);
    assert!(begun.elapsed() < Duration::from_secs(10));
}
