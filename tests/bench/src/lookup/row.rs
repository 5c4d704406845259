//! One row: one subject on one workload and page size.

use serde::{Deserialize, Serialize};

use crate::machine::Pages;
use crate::report;
use crate::rounds::Spread;

/// One line of JSON, one line of the table.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Row {
    /// `lookup`.
    pub bench: String,
    /// `W1` to `W7`.
    pub workload: String,
    /// Who looks up, and in which form.
    #[serde(rename = "impl")]
    pub subject: String,
    /// Page size of the table: `2M` or `4K`.
    pub pages: String,
    /// Million look-ups a second on one core, median of the rounds; none if it was not measured.
    pub mlps: Option<f64>,
    /// The slowest round.
    pub mlps_min: Option<f64>,
    /// The fastest round.
    pub mlps_max: Option<f64>,
    /// Nanoseconds a look-up, from the median.
    pub ns: Option<f64>,
    /// Prefixes in the table.
    pub prefixes: usize,
    /// Bytes of the table; for a peer: of what its prefixes need, not of what it reserves.
    pub bytes: Option<u64>,
    /// The same for each prefix.
    pub bytes_per_prefix: Option<f64>,
    /// Seconds from sorted prefixes to the table.
    pub build_s: Option<f64>,
    /// `mlps` over that of the fastest peer in the run; none without peers.
    pub ratio_to_best_peer: Option<f64>,
    /// By how many percent it is slower than undisturbed, for rows about that.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub slowdown_percent: Option<f64>,
    /// What a reader must know: refused, too slow to build.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

impl Row {
    /// A row without figures yet.
    pub fn new(workload: &str, subject: &str, pages: Pages, prefixes: usize) -> Row {
        let (bench, pages) = ("lookup".to_owned(), pages.name().to_owned());
        Row { bench, workload: workload.into(), subject: subject.into(), pages, prefixes, ..Row::default() }
    }

    /// With the speed of each round, in million look-ups a second.
    pub fn with_speed(self, speed: Spread) -> Row {
        let (mlps, ns) = (Some(speed.median), Some(1000.0 / speed.median));
        Row { mlps, ns, mlps_min: Some(speed.min), mlps_max: Some(speed.max), ..self }
    }

    /// With the table's size and build time.
    pub fn with_table(self, bytes: u64, build_s: f64) -> Row {
        let each = bytes as f64 / self.prefixes.max(1) as f64;
        Row { bytes: Some(bytes), bytes_per_prefix: Some(each), build_s: Some(build_s), ..self }
    }

    /// Whether it is one of ours.
    pub fn is_ours(&self) -> bool {
        self.subject.starts_with("gate25")
    }
}

/// Fills in what compares rows of one run.
pub(super) fn compare(rows: &mut [Row]) {
    let peers = rows.iter().filter(|row| !row.is_ours()).filter_map(|row| row.mlps);
    let Some(best) = peers.max_by(f64::total_cmp) else { return };
    rows.iter_mut().for_each(|row| row.ratio_to_best_peer = row.mlps.map(|mlps| mlps / best));
}

/// The rows of one workload as a table.
pub(super) fn table(workload: &str, pages: Pages, rows: &[Row]) -> String {
    let cells = |row: &Row| {
        let speed = [row.mlps, row.mlps_min, row.mlps_max, row.ns].map(report::figure);
        let rest = [row.bytes_per_prefix, row.build_s, row.ratio_to_best_peer].map(report::figure);
        let slower = row.slowdown_percent.map(|percent| format!("{percent:.2} % slower than undisturbed"));
        let note = [slower, row.note.clone()].into_iter().flatten().collect::<Vec<_>>().join("; ");
        let [mlps, min, max, ns] = speed;
        let [each, build, ratio] = rest;
        vec![row.subject.clone(), mlps, min, max, ns, report::bytes(row.bytes), each, build, ratio, note]
    };
    let heads = ["", "Mlps", "min", "max", "ns", "table", "B/prefix", "build s", "to best peer", ""];
    let prefixes = rows.first().map_or(0, |row| row.prefixes);
    let rows: Vec<_> = rows.iter().map(cells).collect();
    format!("{workload}, {prefixes} prefixes, {} pages\n{}", pages.name(), report::table(&heads, &rows))
}
