//! `--dataplane`: the same packets through a real gate25-dataplane, its frames and counters compared with what
//! replay says.
//!
//! One run for each capture, between net_pcap ports, so that the order of what leaves each port is known. The
//! policy's `reject_rate` is not in force there, as it is not in replay. Promise: no difference goes unsaid; each names
//! the packet or the counter.

mod compare;
mod folder;
mod process;

use std::path::{Path, PathBuf};

use gate25_path::Direction;
use serde_json::{Value, json};

use super::error::ReplayError;
use super::rules::Rules;
use super::summary::Summary;
use crate::capture::{Capture, CapturedFrame, PcapWriter, Resolution};
use compare::Compared;
use folder::Folder;
pub use process::DataplaneError;
use process::Feed;

/// What came of the comparison.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// Frames handed to the dataplane.
    pub frames: u64,
    /// Frames that left its ports, answers among them, and were compared.
    pub left: u64,
    /// Counters compared.
    pub counters: u64,
    /// What was not the same, one line each.
    pub differences: Vec<String>,
}

impl Report {
    /// As JSON.
    pub fn json(&self) -> Value {
        json!({
            "frames": self.frames,
            "left": self.left,
            "counters": self.counters,
            "differences": self.differences,
        })
    }
}

/// Runs the captures through `program` and compares. Packets are numbered as in replay.
///
/// # Errors
/// A capture that cannot be read to its end or holds packets captured short, a dataplane that does not run.
pub(super) fn check<'a>(
    rules: &Rules,
    program: &Path,
    captures: impl Iterator<Item = (Direction, &'a Path)>,
) -> Result<Report, ReplayError> {
    let mut report = Report::default();
    for (direction, path) in captures {
        let folder = Folder::create()?;
        let expected = feed(rules, direction, path, &folder.path(INPUT))?;
        let frames = expected.of(direction).packets.0;
        let feed = Feed { program, image: &rules.image, folder: &folder, direction, frames };
        let telemetry = process::run(&feed)?;
        let Compared { left, difference } = compare::frames(rules, (direction, path), &folder, report.frames)?;
        report.differences.extend(difference);
        let (counters, differences) = compare::counters(rules, direction, &expected, &telemetry);
        report.differences.extend(differences);
        report.frames += frames;
        report.left += left;
        report.counters += counters;
    }
    Ok(report)
}

/// The program beside this one, or the one named.
pub(super) fn program(named: Option<&Path>) -> PathBuf {
    let beside = || Some(std::env::current_exe().ok()?.parent()?.join(PROGRAM));
    match named {
        Some(path) => path.to_owned(),
        None => beside().filter(|path| path.exists()).unwrap_or_else(|| PROGRAM.into()),
    }
}

/// Copies a capture to where net_pcap reads it, whole frames only, and counts what replay says of it.
fn feed(rules: &Rules, direction: Direction, from: &Path, to: &Path) -> Result<Summary, ReplayError> {
    let mut capture = Capture::open(from)?;
    let file = std::fs::File::create(to).map_err(ReplayError::write(to))?;
    let mut copy = PcapWriter::new(std::io::BufWriter::new(file), Resolution::Micro).map_err(ReplayError::write(to))?;
    let mut summary = Summary::default();
    while let Some(frame) = capture.read()? {
        let (captured, wire_len) = (frame.bytes.len(), frame.wire_len);
        if captured < wire_len as usize {
            let (file, packet) = (from.to_owned(), frame.number);
            return Err(ReplayError::CapturedShort { file, packet, captured, wire_len });
        }
        let whole = CapturedFrame { wire_len: captured as u32, ..frame };
        summary.count(direction, &rules.judge(direction, &whole), whole.wire_len);
        copy.write(&whole).map_err(ReplayError::write(to))?;
    }
    copy.finish().map_err(ReplayError::write(to))?;
    Ok(summary)
}

const PROGRAM: &str = "gate25-dataplane";
/// What the port under test reads, what the other port reads, and what both write.
const INPUT: &str = "in.pcap";
const NOTHING: &str = "nothing.pcap";
const ACCESS: &str = "access.pcap";
const NETWORK: &str = "network.pcap";
