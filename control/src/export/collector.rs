//! The collector: what control knows and what the dataplane's telemetry holds, at the moment of a scrape.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use gate25_include::counters::{
    BURST_BOUNDS, Effect, LinkCounter, PoolCounter, PortCounter, ProcessCounter, Reason, Scope, WorkerCounter,
};
use gate25_include::image::{Image, Stage};
use gate25_include::telemetry::{Direction, TelemetryReader};
use prometheus::core::{Collector, Desc};
use prometheus::proto::{Bucket, Histogram, LabelPair, Metric, MetricFamily, MetricType};

use super::families::{Family, assemble, family, labels};
use crate::queues;
use crate::supervise::{Held, Shared, View, now};

/// Collects all families.
pub struct Telemetry {
    shared: Arc<Shared>,
    /// One is enough for the registry: nobody else registers anything.
    up: Vec<Desc>,
}

impl Telemetry {
    /// A collector over what is shared.
    pub fn new(shared: Arc<Shared>) -> Telemetry {
        Telemetry { shared, up: up().desc(&[]).into_iter().collect() }
    }
}

impl Collector for Telemetry {
    fn desc(&self) -> Vec<&Desc> {
        self.up.iter().collect()
    }

    fn collect(&self) -> Vec<MetricFamily> {
        let view = self.shared.view();
        let mut families = of_control(&self.shared, &view);
        // Counters of a dataplane that is gone would stand still, which looks like a quiet network.
        if let Some(telemetry) = view.telemetry.as_deref().filter(|_| view.up) {
            of_process(telemetry, &mut families);
            of_workers(telemetry, &mut families);
            of_links(telemetry, &mut families);
            of_ports(telemetry, &mut families);
            if let Some(image) = view.image.as_deref() {
                of_pools(telemetry, image, &mut families);
            }
        }
        families
    }
}

/// Whether the dataplane answers, and its main thread moved within the last 3 seconds.
pub fn is_up(view: &View) -> bool {
    let beat = view.telemetry.as_ref().map_or(0, |telemetry| telemetry.process(ProcessCounter::Heartbeat));
    view.up && boot_nanoseconds().saturating_sub(beat) < STALE_NS
}

fn up() -> Family {
    Family::gauge("up", "1 while the dataplane answers and its main thread moves.")
}

fn of_control(shared: &Shared, view: &View) -> Vec<MetricFamily> {
    let flag = |on: bool| f64::from(u8::from(on));
    let seconds = |second: i64| second as f64;
    let count = |counter: &std::sync::atomic::AtomicU64| counter.load(Ordering::Relaxed) as f64;
    let gauge = Family::gauge;
    let counts = &shared.counts;
    let version = labels(&[("version", env!("CARGO_PKG_VERSION"))]);
    let results = [("applied", &counts.applied), ("refused", &counts.refused)];
    let commits = results.map(|(result, counter)| (labels(&[("result", result)]), count(counter)));
    let mut families = vec![
        gauge("build_info", "1, with the release as a label.").with([(version, 1.0)]),
        up().one(flag(is_up(view))),
        gauge("control_start_time_seconds", "Unix time at which gate25-control started.")
            .one(seconds(shared.started_at)),
        Family::counter("control_commits", "Commits asked for, by what came of them.").with(commits),
        Family::counter(
            "control_republished",
            "Images published without a commit: after a restart, or because a time came.",
        )
        .one(count(&counts.republished)),
        Family::counter("control_connects", "Connections made to the dataplane.").one(count(&counts.connects)),
        gauge(
            "policy_last_reload_successful",
            "0 if the last commit, confirmation or rollback that was asked for failed.",
        )
        .one(flag(!counts.last_failed.load(Ordering::Relaxed))),
        gauge(
            "policy_last_reload_success_timestamp_seconds",
            "Unix time of the last one that succeeded; 0 for none since gate25-control started.",
        )
        .one(seconds(counts.last_success_at.load(Ordering::Relaxed))),
        gauge("policy_problem", "1 while the stored policy cannot be read or published.")
            .one(flag(view.problem.is_some())),
    ];
    if view.up {
        let started = view.welcome.started_at as f64;
        families.push(gauge("dataplane_start_time_seconds", "Unix time at which the dataplane started.").one(started));
    }
    if let Some(held) = &view.held {
        families.extend(of_policy(view, held));
    }
    families
}

fn of_policy(view: &View, held: &Held) -> [MetricFamily; 6] {
    let (flag, gauge) = (|on: bool| f64::from(u8::from(on)), Family::gauge);
    let seconds = |second: i64| second as f64;
    let applied = held.stored.manifest.applied_at;
    let overdue = held.next_change().is_some_and(|second| second < now() - 1);
    let found = view.up && view.digest_match() == Some(true);
    [
        gauge("policy_digest_match", "1 while the dataplane runs the policy that control keeps.").one(flag(found)),
        gauge("policy_applied_timestamp_seconds", "Unix time of the commit of the policy that control keeps.")
            .one(seconds(applied)),
        gauge("policy_age_seconds", "Seconds since that commit.").one(seconds(now() - applied)),
        gauge("policy_number", "Number of the policy that control keeps.").one(held.stored.number as f64),
        gauge(
            "policy_next_change_timestamp_seconds",
            "Unix time at which the policy changes next by itself; 0 for never.",
        )
        .one(seconds(held.next_change().unwrap_or(0))),
        gauge("policy_overdue", "1 if that time has passed and it did not change.").one(flag(overdue)),
    ]
}

/// Every counter of a scope but those left out, for each instance of the scope.
fn scope<S: Scope>(
    instances: &[Vec<LabelPair>],
    exported: impl Fn(S) -> bool,
    value: impl Fn(usize, S) -> u64,
) -> Vec<MetricFamily> {
    let values = |counter: S| {
        let one = |(index, labels): (usize, &Vec<LabelPair>)| (labels.clone(), value(index, counter) as f64);
        family(counter).with(instances.iter().enumerate().map(one).collect::<Vec<_>>())
    };
    S::ALL.iter().filter(|counter| exported(**counter)).map(|counter| values(*counter)).collect()
}

fn of_process(telemetry: &TelemetryReader, families: &mut Vec<MetricFamily>) {
    // 64 bits of a digest do not fit in a sample; policy_digest_match says what matters.
    let exported = |counter| !matches!(counter, ProcessCounter::DigestLow | ProcessCounter::DigestHigh);
    families.extend(scope(&[Vec::new()], exported, |_, counter| telemetry.process(counter)));
}

fn of_workers(telemetry: &TelemetryReader, families: &mut Vec<MetricFamily>) {
    let instances: Vec<_> =
        (0..telemetry.shape().workers).map(|worker| labels(&[("worker", &worker.to_string())])).collect();
    let exported = |counter: WorkerCounter| counter.word() < WorkerCounter::BurstLe1.word();
    families.extend(scope(&instances, exported, |worker, counter| telemetry.worker(worker, counter)));
    let bursts = instances.iter().enumerate().map(|(worker, labels)| bursts(telemetry, worker, labels.clone()));
    let name = "gate25_worker_burst_frames".to_owned();
    families.push(assemble(name, "Frames per burst received.", MetricType::HISTOGRAM, bursts.collect()));
}

/// A worker's bursts by size.
fn bursts(telemetry: &TelemetryReader, worker: usize, labels: Vec<LabelPair>) -> Metric {
    let mut sum = 0;
    let bucket = |bound: &usize| {
        sum += telemetry.worker(worker, WorkerCounter::burst(*bound));
        let mut bucket = Bucket::default();
        bucket.set_upper_bound(*bound as f64);
        bucket.set_cumulative_count(sum);
        bucket
    };
    let buckets = BURST_BOUNDS.iter().map(bucket).collect();
    let mut histogram = Histogram::default();
    histogram.set_bucket(buckets);
    histogram.set_sample_count(sum);
    histogram.set_sample_sum(telemetry.worker_links(worker, LinkCounter::RxFrames) as f64);
    let mut metric = Metric::from_label(labels);
    metric.set_histogram(histogram);
    metric
}

fn of_links(telemetry: &TelemetryReader, families: &mut Vec<MetricFamily>) {
    let shape = telemetry.shape();
    let names: Vec<String> = (0..shape.links).map(|link| telemetry.link_name(link)).collect();
    let ends: Vec<(usize, Direction)> =
        (0..shape.links).flat_map(|link| Direction::ALL.map(|direction| (link, direction))).collect();
    let instances: Vec<_> = ends
        .iter()
        .map(|(link, direction)| labels(&[("link", &names[*link]), ("direction", direction.name())]))
        .collect();
    families.extend(scope(
        &instances,
        |_| true,
        |index, counter: LinkCounter| {
            let (link, direction) = ends[index];
            telemetry.link(link, direction, counter)
        },
    ));
    let verdicts = ends.iter().flat_map(|&(link, direction)| {
        let name = &names[link];
        Reason::ALL.iter().map(move |reason| {
            let action = match reason.effect() {
                Effect::Pass => "pass",
                Effect::Drop => "drop",
            };
            let labels = labels(&[
                ("link", name),
                ("direction", direction.name()),
                ("action", action),
                ("reason", reason.name()),
            ]);
            (labels, telemetry.reason(link, direction, *reason) as f64)
        })
    });
    families.push(Family::counter("verdict_frames", "Frames by verdict: what was done, and why.").with(verdicts));
}

fn of_ports(telemetry: &TelemetryReader, families: &mut Vec<MetricFamily>) {
    let side = |port: usize| if port.is_multiple_of(2) { "access" } else { "network" };
    let labels_of = |port: usize| labels(&[("link", &telemetry.link_name(port / 2)), ("side", side(port))]);
    let instances: Vec<_> = (0..telemetry.shape().links * 2).map(labels_of).collect();
    families.extend(scope(&instances, |_| true, |port, counter: PortCounter| telemetry.port(port, counter)));
    // What a queue did not take would be 64 series more than 2,000 allow; `show ports --json` has it.
    let received = queues::all(telemetry).into_iter().map(|queue| {
        let mut labels = labels_of(queue.port);
        labels.extend(self::labels(&[("queue", &queue.number.to_string())]));
        (labels, queue.rx_frames as f64)
    });
    families.push(Family::counter("queue_rx_frames", "Frames received from a queue of a port.").with(received));
}

fn of_pools(telemetry: &TelemetryReader, image: &Image, families: &mut Vec<MetricFamily>) {
    let frames = image.pools().flat_map(|pool| {
        PoolCounter::ALL.iter().map(move |counter| {
            let labels = labels(&[("pool", pool.name), ("reason", counter.counter().name)]);
            (labels, telemetry.pool(pool.counter_slot, *counter) as f64)
        })
    });
    let help = "Frames to or from port 25 of the lines of a pool or exemption, by reason.";
    families.push(Family::counter("pool_frames", help).with(frames));
    let pools = image.pools().filter(|pool| pool.kind == gate25_include::image::Kind::Pool);
    let stages = pools.map(|pool| {
        let stage = match pool.stage {
            Stage::Off => 0.0,
            Stage::Monitor => 1.0,
            Stage::Enforce => 2.0,
        };
        (labels(&[("pool", pool.name)]), stage)
    });
    families.push(Family::gauge("pool_stage", "Stage in force: 0 off, 1 monitor, 2 enforce.").with(stages));
}

fn boot_nanoseconds() -> u64 {
    let now = rustix::time::clock_gettime(rustix::time::ClockId::Boottime);
    u64::try_from(now.tv_sec).unwrap_or(0) * 1_000_000_000 + u64::try_from(now.tv_nsec).unwrap_or(0)
}

/// Nanoseconds after which a main thread that did not move counts as hung; it beats many times a second.
const STALE_NS: u64 = 3_000_000_000;
