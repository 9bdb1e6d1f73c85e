//! Bytes in bulk: a command's output against bare socket reads, and copies into and out of a container, with the memory
//! that they take here.

use std::time::Instant;

use bytes::Bytes;
use futures_util::{StreamExt, TryStreamExt, stream};
use longshore_core::ObjectRef;
use longshore_engine::{Engine, EngineConfig, ExecSpec, PutArchive, Upload};
use longshore_testkit::raw::{Connection, Target};
use serde_json::json;

use crate::{Result, figures::Figures, op::Subject};

const OUTPUT: u64 = 512 * 1024 * 1024;
const COPY: u64 = 2 * 1024 * 1024 * 1024;
const PAIRS: usize = 5;
const PIECE: usize = 64 * 1024;

/// The figures of one run.
pub(crate) struct Transfer {
    /// Our output rate over the bare one's, pair by pair.
    pub(crate) output_ratio: Figures,
    /// Megabytes (of 10⁶) a second, ours and bare.
    pub(crate) output_rate: (Figures, Figures),
    /// How much more memory was resident at the most, in megabytes.
    pub(crate) output_memory: Option<f64>,
    /// The same for a copy in and a copy out, with their rates.
    pub(crate) copy_in: (f64, Option<f64>),
    pub(crate) copy_out: (f64, Option<f64>),
}

pub(crate) async fn measure(host: &str, subject: &Subject) -> Result<Transfer> {
    let engine = Engine::connect(host.parse()?, EngineConfig::default()).await?;
    let target: Target = host.parse()?;
    let id = ObjectRef::new(&subject.id)?;
    let command = ["sh", "-c", &format!("head -c {OUTPUT} /dev/zero")];
    let (mut ours, mut bare) = (Vec::new(), Vec::new());
    let mut memory: Option<f64> = None;
    for pair in 0..=PAIRS {
        let watched = Memory::watch();
        let began = Instant::now();
        let (_, mut output) = engine.exec_attached(&id, &ExecSpec::new(command)).await?;
        let mut bytes = 0;
        while let Some(frame) = output.try_next().await? {
            bytes += frame.bytes.len() as u64;
        }
        let took = began.elapsed().as_secs_f64();
        if bytes != OUTPUT {
            return Err(format!("{bytes} bytes of output instead of {OUTPUT}").into());
        }
        let floor = bare_output(&target, &subject.id, &command).await?;
        // The first pair warms up.
        if pair > 0 {
            ours.push(OUTPUT as f64 / took / 1e6);
            bare.push(OUTPUT as f64 / floor / 1e6);
            memory = watched
                .grown()
                .map(|grown| memory.map_or(grown, |most| most.max(grown)));
        }
    }
    let ratios = ours.iter().zip(&bare).map(|(ours, bare)| ours / bare).collect();
    let copy_in = copy_in(&engine, &id).await?;
    let copy_out = copy_out(&engine, &id).await?;
    engine
        .exec(&id, &ExecSpec::new(["rm", "-f", "/tmp/bench.bin"]))
        .await?;
    Ok(Transfer {
        output_ratio: Figures::of(ratios),
        output_rate: (Figures::of(ours), Figures::of(bare)),
        output_memory: memory,
        copy_in,
        copy_out,
    })
}

/// Seconds that bare reads of the same output take: nothing is looked at.
async fn bare_output(target: &Target, container: &str, command: &[&str]) -> Result<f64> {
    let began = Instant::now();
    let mut call = Connection::connect(target).await?;
    let create = json!({ "AttachStdout": true, "AttachStderr": true, "Cmd": command }).to_string();
    let path = format!("/v1.41/containers/{container}/exec");
    let made = call.call("POST", &path, Some(create.as_bytes())).await?;
    let made: serde_json::Value = made.json()?;
    let path = format!("/v1.41/exec/{}/start", made["Id"].as_str().ok_or("no id")?);
    let mut stream = Connection::connect(target).await?;
    stream
        .upgrade("POST", &path, Some(br#"{"Detach":false,"Tty":false}"#))
        .await?;
    while !stream.read_raw().await?.is_empty() {}
    Ok(began.elapsed().as_secs_f64())
}

/// Megabytes a second, and memory.
async fn copy_in(engine: &Engine, id: &ObjectRef) -> Result<(f64, Option<f64>)> {
    let watched = Memory::watch();
    let began = Instant::now();
    let head = tar_head(b"bench.bin", COPY);
    let zeros = Bytes::from(vec![0_u8; PIECE]);
    let pieces = COPY / PIECE as u64;
    let body = stream::iter((0..pieces).map(move |_| Ok(zeros.clone())));
    let tar = stream::iter([Ok(Bytes::copy_from_slice(&head))])
        .chain(body)
        .chain(stream::iter([Ok(Bytes::from_static(&[0; 1024]))]));
    engine
        .put_archive(id, "/tmp", Upload::from_stream(tar), PutArchive::default())
        .await?;
    Ok((COPY as f64 / began.elapsed().as_secs_f64() / 1e6, watched.grown()))
}

/// The header of one file in a tar; its size must be a multiple of 512.
pub(crate) fn tar_head(name: &[u8], size: u64) -> [u8; 512] {
    let mut head = [0_u8; 512];
    put(&mut head, 0, name);
    put(&mut head, 100, b"0000644\0");
    put(&mut head, 108, b"0000000\0");
    put(&mut head, 116, b"0000000\0");
    put(&mut head, 124, format!("{size:011o} ").as_bytes());
    put(&mut head, 136, b"00000000000 ");
    put(&mut head, 148, b"        0");
    put(&mut head, 257, b"ustar\x0000");
    let sum: u32 = head.iter().map(|byte| u32::from(*byte)).sum();
    put(&mut head, 148, format!("{sum:06o}\0 ").as_bytes());
    head
}

fn put(head: &mut [u8; 512], at: usize, text: &[u8]) {
    head[at..at + text.len()].copy_from_slice(text);
}

async fn copy_out(engine: &Engine, id: &ObjectRef) -> Result<(f64, Option<f64>)> {
    let watched = Memory::watch();
    let began = Instant::now();
    let (stat, mut tar) = engine.get_archive(id, "/tmp/bench.bin").await?;
    let mut bytes = 0;
    while let Some(piece) = tar.try_next().await? {
        bytes += piece.len() as u64;
    }
    if stat.size != COPY || bytes < COPY {
        return Err(format!("{bytes} bytes came of {COPY}").into());
    }
    Ok((COPY as f64 / began.elapsed().as_secs_f64() / 1e6, watched.grown()))
}

/// The most that this process held, from a moment on.
struct Memory {
    before: Option<f64>,
}

impl Memory {
    /// Forgets the most so far.
    fn watch() -> Self {
        // proc(5): 5 sets the peak to what is resident now.
        let reset = std::fs::write("/proc/self/clear_refs", "5");
        Self {
            before: reset.ok().and_then(|()| field("VmRSS:")),
        }
    }

    /// Megabytes more than at the beginning, at the most.
    fn grown(&self) -> Option<f64> {
        Some((field("VmHWM:")? - self.before?).max(0.0))
    }
}

/// Megabytes (of 10⁶).
fn field(key: &str) -> Option<f64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|line| line.starts_with(key))?;
    let kib: f64 = line.split_whitespace().nth(1)?.parse().ok()?;
    Some(kib * 1024.0 / 1e6)
}
