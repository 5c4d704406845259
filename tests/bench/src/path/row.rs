//! One line of `bench path`: what one subject did with one traffic under one policy.

use serde::Serialize;

use crate::path::subject::Turn;
use crate::path::{Case, Ports};
use crate::report::{self, figure};
use crate::rounds::Spread;

/// A row; also a line of JSON.
#[derive(Clone, Debug, Serialize)]
pub struct Row {
    bench: &'static str,
    ports: &'static str,
    traffic: &'static str,
    policy: String,
    #[serde(rename = "impl")]
    subject: String,
    workers: usize,
    rounds: usize,
    /// Million frames a second, median.
    mpps: f64,
    /// Cycles of the time-stamp counter a frame and worker: median, least, most.
    cycles: f64,
    cycles_min: f64,
    cycles_max: f64,
    ratio_to_testpmd_io: f64,
    /// Frames that the port did not take or was too full to receive, in a million received.
    lost_ppm: f64,
    /// Images taken during the windows.
    commits: u64,
}

impl Row {
    /// Of the turns of a subject; `bound` is testpmd's frames a second, `hz` the counter's steps a second.
    pub(super) fn of(case: &Case<'_>, subject: &str, turns: &[Turn], bound: f64, hz: f64) -> Row {
        let rate = Spread::of(turns.iter().map(|turn| turn.rate).collect());
        let cycles = |rate: f64| if rate > 0.0 { hz * case.workers as f64 / rate } else { 0.0 };
        let sum = |of: fn(&Turn) -> u64| turns.iter().map(of).sum::<u64>();
        Row {
            bench: "path",
            ports: case.ports.name(),
            traffic: case.traffic.name(),
            policy: case.policy.name.clone(),
            subject: subject.to_owned(),
            workers: case.workers,
            rounds: turns.len(),
            mpps: rate.median / 1e6,
            cycles: cycles(rate.median),
            cycles_min: cycles(rate.max),
            cycles_max: cycles(rate.min),
            ratio_to_testpmd_io: if bound > 0.0 { rate.median / bound } else { 0.0 },
            lost_ppm: sum(|turn| turn.lost) as f64 * 1e6 / sum(|turn| turn.frames).max(1) as f64,
            commits: sum(|turn| turn.commits),
        }
    }
}

/// The rows as a table.
pub(super) fn table(ports: Ports, workers: usize, rows: &[Row]) -> String {
    let heads = ["traffic", "policy", "impl", "Mpps", "cycles", "least", "most", "ratio", "lost ppm", "commits"];
    let cells = |row: &Row| {
        let figures = [row.mpps, row.cycles, row.cycles_min, row.cycles_max, row.ratio_to_testpmd_io, row.lost_ppm];
        let texts = [row.traffic.to_owned(), row.policy.clone(), row.subject.clone()];
        let figures = figures.map(|value| figure(Some(value)));
        texts.into_iter().chain(figures).chain([row.commits.to_string()]).collect()
    };
    let rows: Vec<Vec<String>> = rows.iter().map(cells).collect();
    format!("{}, {workers} worker(s); cycles per frame and worker\n{}", ports.name(), report::table(&heads, &rows))
}
