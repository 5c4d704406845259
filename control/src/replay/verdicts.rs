//! `--verdicts`: one line of JSON for each packet, in the order of the files.

use std::io::{self, Write};

use gate25_path::{Direction, Line};
use serde::{Serialize, Serializer};

use super::rules::Judged;

#[derive(Serialize)]
struct Row<'a> {
    n: u64,
    direction: &'static str,
    verdict: &'static str,
    reason: &'static str,
    pool: Option<&'a str>,
    #[serde(serialize_with = "line")]
    line: Option<Line>,
}

/// Writes the line of packet `n`, which runs on from the access file to the network file, from 1.
pub(super) fn write(out: &mut impl Write, n: u64, direction: Direction, judged: &Judged<'_>) -> io::Result<()> {
    let row = Row {
        n,
        direction: direction.name(),
        verdict: judged.action.name(),
        reason: judged.reason.name(),
        pool: judged.pool.map(|(_, name)| name),
        line: judged.line,
    };
    serde_json::to_writer(&mut *out, &row)?;
    out.write_all(b"\n")
}

/// IPv4 bare, IPv6 as RFC 5952 text with its length.
pub(super) fn line<S: Serializer>(line: &Option<Line>, serializer: S) -> Result<S::Ok, S::Error> {
    match line {
        Some(line) => serializer.collect_str(line),
        None => serializer.serialize_none(),
    }
}
