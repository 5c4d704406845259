//! `gate25 show runtime`: what each worker does with its time. Columns mean what they mean in VPP's `show runtime`:
//! calls are POLLS, vectors PACKETS, clocks CYCLES/PACKET; but vectors per call is taken of polls that found any.

use gate25_include::counters::{LinkCounter, WorkerCounter};
use gate25_include::telemetry::TelemetryReader;
use serde_json::{Value, json};

use super::super::table::Column;
use super::rows::{bursts, ratio};
use crate::supervise::now;

/// What workers do with their time.
#[derive(Clone, Copy, Debug, clap::Args)]
pub(in crate::cli) struct Runtime {
    /// Of the next so many seconds, instead of all time since the dataplane started
    #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(1..=3600))]
    pub(super) over: Option<u64>,
}

/// The counters of all workers at one moment.
#[derive(Clone, Debug)]
pub(super) struct Reading {
    incarnation: u64,
    time: std::time::Instant,
    workers: Vec<Worker>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Worker {
    polls: u64,
    empty: u64,
    busy: u64,
    idle: u64,
    bursts: u64,
    packets: u64,
}

impl Reading {
    pub(super) fn of(telemetry: &TelemetryReader) -> Reading {
        let worker = |worker: usize| {
            let value = |counter| telemetry.worker(worker, counter);
            Worker {
                polls: value(WorkerCounter::Polls),
                empty: value(WorkerCounter::EmptyPolls),
                busy: value(WorkerCounter::BusyCycles),
                idle: value(WorkerCounter::IdleCycles),
                bursts: bursts(telemetry, worker),
                packets: telemetry.worker_links(worker, LinkCounter::RxFrames),
            }
        };
        let workers = (0..telemetry.shape().workers).map(worker).collect();
        Reading { incarnation: telemetry.identity().incarnation, time: std::time::Instant::now(), workers }
    }
}

/// A row for each worker: since `before`, or since the dataplane started.
pub(super) fn rows(telemetry: &TelemetryReader, reading: &Reading, before: Option<&Reading>) -> Vec<Value> {
    let before = before.filter(|before| before.incarnation == reading.incarnation);
    let started = i64::try_from(telemetry.identity().started_at).unwrap_or(i64::MAX);
    let since_start = now().saturating_sub(started).max(0) as f64;
    let seconds = before.map_or(since_start, |before| reading.time.duration_since(before.time).as_secs_f64());
    let row = |(worker, is): (usize, &Worker)| {
        let was = before.and_then(|before| before.workers.get(worker)).copied().unwrap_or_default();
        let by = |value: fn(&Worker) -> u64| value(is).saturating_sub(value(&was));
        let (polls, empty, packets) = (by(|one| one.polls), by(|one| one.empty), by(|one| one.packets));
        let (busy, idle) = (by(|one| one.busy), by(|one| one.idle));
        json!({
            "worker": worker,
            "core": telemetry.worker(worker, WorkerCounter::Core),
            "generation": telemetry.worker(worker, WorkerCounter::Generation),
            "seconds": (seconds * 1000.0).round() / 1000.0,
            "polls": polls,
            "empty_polls": empty,
            "packets": packets,
            "packets_per_second": (seconds > 0.0).then(|| (packets as f64 / seconds).round() as u64),
            "packets_per_burst": ratio(packets, by(|one| one.bursts)),
            "cycles_per_packet": ratio(busy, packets),
            "busy_percent": ratio(busy.saturating_mul(100), busy.saturating_add(idle)),
        })
    };
    reading.workers.iter().enumerate().map(row).collect()
}

pub(super) const COLUMNS: &[Column] = &[
    ("WORKER", "worker"),
    ("CORE", "core"),
    ("SECONDS", "seconds"),
    ("POLLS", "polls"),
    ("EMPTY", "empty_polls"),
    ("PACKETS", "packets"),
    ("PACKETS/S", "packets_per_second"),
    ("PACKETS/BURST", "packets_per_burst"),
    ("CYCLES/PACKET", "cycles_per_packet"),
    ("BUSY %", "busy_percent"),
];
