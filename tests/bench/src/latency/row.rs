//! One line of `bench latency`: one subject under one load.

use serde::Serialize;

use super::{LossFree, Window};
use crate::path::Ports;
use crate::report::{self, figure};
use crate::rounds::Spread;

/// A row; also a line of JSON.
#[derive(Clone, Debug, Serialize)]
pub struct Row {
    bench: &'static str,
    ports: &'static str,
    load: String,
    #[serde(rename = "impl")]
    subject: String,
    rounds: usize,
    /// Thousand frames a second that were asked of it.
    kfps: f64,
    /// Round trip in microseconds: median over the windows of what 50, 99 and 99.9 % of the frames stayed below.
    p50_us: f64,
    p99_us: f64,
    p999_us: f64,
    /// The least and the largest p99 of a window.
    p99_us_min: f64,
    p99_us_max: f64,
    /// Frames that did not come back, in a million.
    lost_ppm: f64,
    /// The subject's own loss-free rate, thousand frames a second there and back.
    loss_free_kfps: f64,
    /// The generator could not offer more than that.
    bound_by_generator: bool,
}

impl Row {
    pub(super) fn of(ports: Ports, load: &str, subject: &str, windows: &[Window], found: LossFree) -> Row {
        let spread = |index: usize| {
            let of = |window: &Window| window.percentiles.get(index).copied().unwrap_or(0.0);
            Spread::of(windows.iter().map(of).collect())
        };
        let sum = |of: fn(&Window) -> u64| windows.iter().map(of).sum::<u64>();
        let [p50, p99, p999] = [0, 1, 2].map(spread);
        Row {
            bench: "latency",
            ports: ports.name(),
            load: load.to_owned(),
            subject: subject.to_owned(),
            rounds: windows.len(),
            kfps: windows.first().map_or(0.0, |window| window.rate / 1e3),
            p50_us: p50.median,
            p99_us: p99.median,
            p999_us: p999.median,
            p99_us_min: p99.min,
            p99_us_max: p99.max,
            lost_ppm: sum(|window| window.lost) as f64 * 1e6 / sum(|window| window.sent).max(1) as f64,
            loss_free_kfps: found.rate / 1e3,
            bound_by_generator: found.bound_by_generator,
        }
    }
}

/// The rows as a table.
pub(super) fn table(ports: Ports, rows: &[Row]) -> String {
    let heads = ["load", "impl", "kfps", "p50", "p99", "p99.9", "p99 least", "p99 most", "lost ppm", "loss-free kfps"];
    let cells = |row: &Row| {
        let figures = [row.kfps, row.p50_us, row.p99_us, row.p999_us, row.p99_us_min, row.p99_us_max, row.lost_ppm];
        let bound = if row.bound_by_generator { "≥ " } else { "" };
        let texts = [row.load.clone(), row.subject.clone()];
        let figures = figures.map(|value| figure(Some(value)));
        let own = format!("{bound}{}", figure(Some(row.loss_free_kfps)));
        texts.into_iter().chain(figures).chain([own]).collect()
    };
    let mut sorted: Vec<&Row> = rows.iter().collect();
    sorted.sort_by(|a, b| a.kfps.total_cmp(&b.kfps));
    let rows: Vec<Vec<String>> = sorted.into_iter().map(cells).collect();
    format!("{}; round trips in microseconds, medians over windows\n{}", ports.name(), report::table(&heads, &rows))
}
