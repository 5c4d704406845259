//! Telemetry as JSON rows. Every counter of a scope is in its row, under its name in the one table.

use gate25_include::counters::{LinkCounter, PoolCounter, PortCounter, Reason, Scope, WorkerCounter};
use gate25_include::image::{Image, Kind, Pool};
use gate25_include::telemetry::{Direction, TelemetryReader};
use hashbrown::HashMap;
use serde_json::{Map, Value, json};

use crate::api::PoolStage;
use crate::config::{Word, format_time};
use crate::queues;
use crate::state::EXPIRED;

/// Every counter of a scope, by name.
pub(super) fn scope<S: Scope>(value: impl Fn(S) -> u64) -> Map<String, Value> {
    S::ALL.iter().map(|counter| (counter.counter().name.to_owned(), value(*counter).into())).collect()
}

/// What a row has besides its counters.
fn with(mut row: Map<String, Value>, more: Value) -> Value {
    if let Value::Object(more) = more {
        row.extend(more);
    }
    row.into()
}

pub(in crate::cli) fn pools(telemetry: &TelemetryReader, image: &Image) -> Vec<Value> {
    let row = |pool: Pool<'_>| {
        let counters = scope(|counter: PoolCounter| telemetry.pool(pool.counter_slot, counter));
        let undetermined = Reason::ALL.iter().filter(|reason| reason.is_undetermined_drop());
        let undetermined: u64 = undetermined
            .filter_map(|reason| reason.pool_counter())
            .map(|one| telemetry.pool(pool.counter_slot, one))
            .sum();
        let settings = with(counters, pool_settings(image, &pool));
        let Value::Object(row) = settings else { return Value::Null };
        with(row, json!({ "undetermined": undetermined }))
    };
    image.pools().map(row).collect()
}

/// Adds since when each pool is in its stage, and what comes next, as control tells.
pub(super) fn add_stages(rows: &mut [Value], stages: &[PoolStage]) {
    let by_name: HashMap<&str, &PoolStage> = stages.iter().map(|one| (one.pool.as_str(), one)).collect();
    for row in rows {
        let found = row["pool"].as_str().and_then(|name| by_name.get(name));
        // The image has no prefixes of an exemption that has expired; that it has, control knows.
        if row["stage"].is_null() && found.is_some_and(|one| one.stage == EXPIRED) {
            row["stage"] = EXPIRED.into();
        }
        let same = found.filter(|one| one.stage == row["stage"].as_str().unwrap_or("exempt"));
        let next = found.and_then(|one| Some((one.next.as_deref()?, format_time(one.next_at?))));
        row["since"] = json!(same.and_then(|one| one.since).map(format_time));
        row["next"] = json!(next.as_ref().map(|(what, _)| what));
        row["next_at"] = json!(next.as_ref().map(|(_, at)| at));
        row["next_change"] = json!(next.as_ref().map(|(what, at)| format!("{what} {at}")));
    }
}

/// A pool's settings as the policy file spells them; of an exemption only name, kind and slot.
pub(in crate::cli) fn pool_settings(image: &Image, pool: &Pool<'_>) -> Value {
    let settings = |value: Value| if pool.kind == Kind::Pool { value } else { Value::Null };
    json!({
        "pool": pool.name,
        "kind": match pool.kind { Kind::Pool => "pool", Kind::Exempt => "exempt" },
        "counter_slot": pool.counter_slot,
        "stage": settings(pool.stage.word().into()),
        "action": settings(pool.action.word().into()),
        "match": settings(pool.matching.word().into()),
        "share": settings(pool.share.into()),
        "line_prefix": settings(pool.line_prefix.into()),
        "return_traffic": settings(pool.return_traffic.into()),
        "undetermined_setting": settings(pool.undetermined.word().into()),
        "allow": settings(super::groups(image, pool.allow).into()),
        "only": settings(pool.only.map(|only| super::groups(image, only)).into()),
    })
}

pub(in crate::cli) fn workers(telemetry: &TelemetryReader) -> Vec<Value> {
    let row = |worker: usize| {
        let value = |counter| telemetry.worker(worker, counter);
        let bursts = bursts(telemetry, worker);
        let frames = telemetry.worker_links(worker, LinkCounter::RxFrames);
        let (busy, idle) = (value(WorkerCounter::BusyCycles), value(WorkerCounter::IdleCycles));
        let more = json!({
            "worker": worker,
            "rx_frames": frames,
            "busy_percent": ratio(busy * 100, busy + idle),
            "frames_per_burst": ratio(frames, bursts),
            "cycles_per_frame": ratio(busy, frames),
        });
        with(scope(value), more)
    };
    (0..telemetry.shape().workers).map(row).collect()
}

/// Polls of a worker that found frames.
pub(super) fn bursts(telemetry: &TelemetryReader, worker: usize) -> u64 {
    WorkerCounter::ALL[WorkerCounter::BurstLe1.word()..].iter().map(|one| telemetry.worker(worker, *one)).sum()
}

/// With one decimal; none of nothing.
pub(super) fn ratio(part: u64, whole: u64) -> Option<f64> {
    (whole > 0).then(|| (part as f64 * 10.0 / whole as f64).round() / 10.0)
}

pub(super) fn ports(telemetry: &TelemetryReader) -> Vec<Value> {
    let row = |port: usize| {
        let counters = scope(|counter: PortCounter| telemetry.port(port, counter));
        let up = telemetry.port(port, PortCounter::LinkUp) != 0;
        let queues = queues::of_port(telemetry, port);
        let per_queue = |queue: &queues::Queue| {
            let &queues::Queue { number, rx_frames, tx_frames, unsent, .. } = queue;
            json!({ "queue": number, "rx_frames": rx_frames, "tx_frames": tx_frames, "unsent": unsent })
        };
        let more = json!({
            "link": telemetry.link_name(port / 2),
            "side": SIDES[port % 2],
            "up": up,
            "unsent": queues.iter().map(|queue| queue.unsent).sum::<u64>(),
            "per_queue": queues.iter().map(per_queue).collect::<Vec<_>>(),
        });
        with(counters, more)
    };
    (0..telemetry.shape().links * 2).map(row).collect()
}

pub(in crate::cli) fn links(telemetry: &TelemetryReader) -> Vec<Value> {
    let directions = (0..telemetry.shape().links).flat_map(|link| Direction::ALL.map(|direction| (link, direction)));
    let row = |(link, direction): (usize, Direction)| {
        let counters = scope(|counter: LinkCounter| telemetry.link(link, direction, counter));
        let reason = |reason: &Reason| (reason.name().to_owned(), telemetry.reason(link, direction, *reason).into());
        let reasons: Map<String, Value> = Reason::ALL.iter().map(reason).collect();
        let more = json!({ "link": telemetry.link_name(link), "direction": direction.name(), "reasons": reasons });
        with(counters, more)
    };
    directions.map(row).collect()
}

/// The reasons that occurred, a row each, in the packet's order.
pub(super) fn reasons(links: &[Value]) -> Vec<Value> {
    let of_link = |link: &Value| {
        let row = |reason: &Reason| {
            let frames = link["reasons"][reason.name()].as_u64().filter(|frames| *frames > 0)?;
            Some(
                json!({ "link": link["link"], "direction": link["direction"], "reason": reason.name(), "frames": frames }),
            )
        };
        Reason::ALL.iter().filter_map(row).collect::<Vec<_>>()
    };
    links.iter().flat_map(of_link).collect()
}

/// The sides of a link, in the order of its ports.
const SIDES: [&str; 2] = ["access", "network"];
