//! `GET /containers/{id}/stats`: counters that are made up, the same for the same container and time, and
//! never go back while it runs.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};

use super::clock::{NEVER, rfc3339};
use super::http::Conn;
use super::request::Request;
use super::route::{Reply, Trouble};
use super::{Shared, lock};

/// How often a stream tells, as the engine's does.
const EVERY: Duration = Duration::from_secs(1);

pub(super) async fn serve(
    shared: &Arc<Shared>,
    conn: &mut Conn,
    request: &Request,
    reference: &str,
) -> Result<Reply, Trouble> {
    let id = lock(&shared.world).container(reference)?.id.clone();
    let stream = request.query("stream").is_none() || request.flag("stream");
    let one_shot = request.flag("one-shot");
    let mut previous = Value::Null;
    if !stream {
        if !one_shot {
            // A plain call waits for two samples.
            previous = counters(shared, &id).unwrap_or_default();
            tokio::time::sleep(EVERY).await;
        }
        let frame = frame(shared, &id, &previous)?;
        return Ok(Reply::Json(200, frame));
    }
    conn.start_chunks("application/json").await?;
    loop {
        let Ok(frame) = frame(shared, &id, &previous) else {
            conn.end_chunks().await?;
            return Ok(Reply::Written);
        };
        conn.chunk(format!("{frame}\n").as_bytes()).await?;
        previous = frame;
        tokio::select! {
            () = tokio::time::sleep(EVERY) => {}
            read = conn.incoming() => {
                if read?.is_empty() {
                    return Ok(Reply::Taken);
                }
            }
        }
    }
}

fn frame(shared: &Shared, id: &str, previous: &Value) -> Result<Value, super::world::Refusal> {
    let mut frame = counters(shared, id)?;
    if let Some(fields) = frame.as_object_mut() {
        let cpu = previous.get("cpu_stats").cloned();
        fields.insert(
            "precpu_stats".to_owned(),
            cpu.unwrap_or_else(|| json!({"cpu_usage": {"total_usage": 0}})),
        );
        fields.insert(
            "preread".to_owned(),
            previous.get("read").cloned().unwrap_or_else(|| NEVER.into()),
        );
    }
    Ok(frame)
}

/// Nanoseconds of a wave with the given mean load (in thousandths of a core), integrated over `t` seconds.
fn busy(mean: f64, period: f64, t: f64) -> f64 {
    let omega = std::f64::consts::TAU / period;
    // The integral of mean·(1 + 0.6·sin ωt), which never falls.
    mean * (t + 0.6 * (1.0 - (omega * t).cos()) / omega)
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_precision_loss,
    reason = "made-up numbers: positive, and far below where precision ends"
)]
fn counters(shared: &Shared, id: &str) -> Result<Value, super::world::Refusal> {
    let (name, seed, started, up, paused) = {
        let world = lock(&shared.world);
        let c = world.container(id)?;
        (c.name.clone(), c.seed, c.started, c.is_up(), c.state == "paused")
    };
    let now = shared.clock.now();
    if !up {
        return Ok(json!({
            "id": id, "name": format!("/{name}"), "read": NEVER, "num_procs": 0, "pids_stats": {},
            "cpu_stats": {"cpu_usage": {"total_usage": 0}}, "memory_stats": {}, "blkio_stats": {},
        }));
    }
    let t = (now - started.unwrap_or(now)).max(0) as f64 / 1e9;
    let share = |shift: u32| ((seed >> shift) & 0xFF) as f64 / 255.0;
    let load = if paused {
        0.0
    } else {
        0.002 + 0.25 * share(0).powi(3)
    };
    let cpu = (busy(load, 20.0 + 60.0 * share(8), t) * 1e9) as u64;
    let memory_mean = 4e6 + 400e6 * share(16).powi(2);
    let cache = memory_mean * 0.2;
    let usage = memory_mean * (1.0 + 0.1 * (t / (30.0 + 60.0 * share(24))).sin()) + cache;
    let (rx, tx) = (
        busy(1e3 + 2e5 * share(32).powi(4), 17.0, t),
        busy(1e3 + 1e5 * share(40).powi(4), 23.0, t),
    );
    let (read, write) = (
        busy(2e5 * share(48).powi(4), 31.0, t),
        busy(4e5 * share(56).powi(4), 37.0, t),
    );
    let system = now as f64 * f64::from(shared.config.cpus);
    Ok(json!({
        "id": id, "name": format!("/{name}"), "read": rfc3339(now), "num_procs": 0,
        "pids_stats": {"current": 1 + seed % 7, "limit": 18_446_744_073_709_551_615_u64},
        "networks": {"eth0": {
            "rx_bytes": rx as u64, "rx_packets": rx as u64 / 900, "rx_errors": 0, "rx_dropped": 0,
            "tx_bytes": tx as u64, "tx_packets": tx as u64 / 900, "tx_errors": 0, "tx_dropped": 0,
        }},
        "memory_stats": {
            "usage": usage as u64, "limit": shared.config.memory,
            "stats": {"anon": (usage - cache) as u64, "file": cache as u64, "inactive_file": cache as u64},
        },
        "blkio_stats": {
            "io_service_bytes_recursive": [
                {"major": 8, "minor": 0, "op": "read", "value": read as u64},
                {"major": 8, "minor": 0, "op": "write", "value": write as u64},
            ],
            "io_serviced_recursive": null,
        },
        "cpu_stats": {
            "cpu_usage": {
                "total_usage": cpu, "usage_in_kernelmode": cpu / 4, "usage_in_usermode": cpu - cpu / 4,
            },
            "system_cpu_usage": system as u64, "online_cpus": shared.config.cpus,
            "throttling_data": {"periods": 0, "throttled_periods": 0, "throttled_time": 0},
        },
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_wave_never_falls() {
        let values: Vec<f64> = (0..1000)
            .map(|step| busy(0.3, 20.0, f64::from(step) * 0.1))
            .collect();
        assert!(values.windows(2).all(|pair| pair[1] >= pair[0]));
    }
}
