//! Replay: captured packets judged by a policy, without a dataplane, on any computer.
//!
//! Reads what came in on the access port and on the network port, tells the verdict on each packet, writes what
//! would leave each port, counts. Promise: the verdicts are those of the packet path (the same code); packets are
//! taken in file order, the access file first; memory does not grow with the files.

mod against;
mod dataplane;
mod error;
mod output;
mod rules;
mod summary;
mod verdicts;

use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use gate25_include::counters::Reason;
use gate25_path::{Action, Direction};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde_json::{Value, json};

pub use against::Against;
pub use dataplane::{DataplaneError, Report};
pub use error::ReplayError;
pub use rules::{Answer, Judged, Rules};
pub use summary::{Counts, Summary};

use crate::capture::{Capture, CapturedFrame, Resolution};
use crate::config::{format_time, parse_time};
use output::{NewFile, Ports};

/// What `gate25 replay` is asked to do.
#[derive(Clone, Debug, clap::Args)]
pub struct Arguments {
    /// The policy to judge by
    #[arg(long, value_name = "P.toml")]
    pub policy: PathBuf,
    /// Packets that came in on the access port (pcap or pcapng)
    #[arg(long, value_name = "A.pcap", required_unless_present = "network")]
    pub access: Option<PathBuf>,
    /// Packets that came in on the network port (pcap or pcapng)
    #[arg(long, value_name = "N.pcap")]
    pub network: Option<PathBuf>,
    /// Write a line of JSON for each packet
    #[arg(long, value_name = "V.ndjson")]
    pub verdicts: Option<PathBuf>,
    /// Write what would leave each port to DIR/access.pcap and DIR/network.pcap
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
    /// The time to judge at, as in 2026-12-01T03:00:00+09:00; now if not given
    #[arg(long, value_name = "TIME", value_parser = parse_time)]
    pub at: Option<i64>,
    /// Show what would change under another policy
    #[arg(long, value_name = "OTHER.toml")]
    pub against: Option<PathBuf>,
    /// Run the packets through a real dataplane too and compare; the program beside this one if none is named
    #[arg(long, value_name = "PROGRAM", num_args = 0..=1)]
    pub dataplane: Option<Option<PathBuf>>,
}

/// A capture and the way its packets travel.
type Input = (Direction, Capture<File>);

impl Arguments {
    /// The captures in the order in which they are read.
    fn captures(&self) -> impl Iterator<Item = (Direction, &Path)> {
        let access = self.access.as_deref().map(|path| (Direction::Outbound, path));
        access.into_iter().chain(self.network.as_deref().map(|path| (Direction::Inbound, path)))
    }

    fn open(&self) -> Result<Vec<Input>, ReplayError> {
        self.captures().map(|(direction, path)| Ok((direction, Capture::open(path)?))).collect()
    }
}

/// How a replay ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// Every packet was judged.
    Judged,
    /// Some packets were captured too short to be judged.
    NotCaptured,
    /// A capture could not be read to its end.
    CaptureEnded,
    /// The dataplane did something else.
    Differs,
}

impl Ending {
    /// 0, 3 or 1.
    pub const fn exit_code(self) -> u8 {
        match self {
            Self::Judged => 0,
            Self::NotCaptured => 3,
            Self::CaptureEnded | Self::Differs => 1,
        }
    }
}

/// Replays and prints the summary to `out`, as JSON if `json`; warnings and capture errors go to `talk`.
///
/// # Errors
/// A wrong policy, or an output that cannot be written. A capture that cannot be read to its end is no error here:
/// what came before is judged and counted, and [`Ending::CaptureEnded`] tells.
pub fn run(
    arguments: &Arguments,
    json: bool,
    out: &mut dyn Write,
    talk: &mut dyn Write,
) -> Result<Ending, ReplayError> {
    let at = arguments.at.unwrap_or_else(now);
    let rules = Rules::load(&arguments.policy, at, None)?;
    let other = arguments.against.as_deref().map(|path| Rules::load(path, at, None)).transpose()?;
    for warning in rules.warnings(other.as_ref()) {
        let _ = writeln!(talk, "warning: {warning}");
    }
    let captures = arguments.open()?;
    let mut replay = Replay::begin(arguments, &rules, other.as_ref(), &captures)?;
    for (direction, capture) in captures {
        replay.file(direction, capture)?;
    }
    replay.progress.finish_and_clear();
    replay.outputs.take().map_or(Ok(()), Ports::finish)?;
    replay.verdicts.take().map_or(Ok(()), NewFile::finish)?;
    if let (Some(named), true) = (&arguments.dataplane, replay.errors.is_empty()) {
        let unlimited = Rules::load(&arguments.policy, at, Some(0))?;
        let program = dataplane::program(named.as_deref());
        replay.report = Some(dataplane::check(&unlimited, &program, arguments.captures())?);
    }
    let differences = replay.report.iter().flat_map(|report| &report.differences);
    for error in replay.errors.iter().chain(differences) {
        let _ = writeln!(talk, "gate25: {error}");
    }
    let printed = if json { replay.print_json(arguments, out) } else { replay.print_table(arguments, out) };
    printed.map_err(ReplayError::Summary)?;
    Ok(replay.ending())
}

/// A replay under way.
struct Replay<'a> {
    rules: &'a Rules,
    other: Option<&'a Rules>,
    verdicts: Option<NewFile>,
    outputs: Option<Ports>,
    progress: ProgressBar,
    summary: Summary,
    against: Against,
    errors: Vec<String>,
    report: Option<Report>,
    /// Packets judged.
    n: u64,
    /// Bytes of the captures that are done.
    before: u64,
}

impl<'a> Replay<'a> {
    fn begin(
        arguments: &Arguments,
        rules: &'a Rules,
        other: Option<&'a Rules>,
        captures: &[Input],
    ) -> Result<Self, ReplayError> {
        let paths: Vec<&Path> = arguments.captures().map(|(_, path)| path).collect();
        let verdicts = arguments.verdicts.as_deref().map(|path| NewFile::create(path, &paths)).transpose()?;
        Ok(Self {
            rules,
            other,
            verdicts,
            outputs: match &arguments.out {
                Some(folder) => {
                    let finest = captures.iter().map(|(_, capture)| capture.resolution()).max();
                    Some(Ports::create(folder, finest.unwrap_or(Resolution::Micro), &paths)?)
                }
                None => None,
            },
            progress: progress(paths.iter().map(|path| size(path)).sum()),
            summary: Summary::default(),
            against: Against::default(),
            errors: Vec::new(),
            report: None,
            n: 0,
            before: 0,
        })
    }

    /// Judges all packets of one capture. One that cannot be read to its end does not end the replay.
    fn file(&mut self, direction: Direction, mut capture: Capture<File>) -> Result<(), ReplayError> {
        loop {
            let offset = capture.offset();
            match capture.read() {
                Ok(Some(frame)) => {
                    if frame.number % PROGRESS == 0 {
                        self.progress.set_position(self.before + offset);
                    }
                    self.packet(direction, &frame)?;
                }
                Ok(None) => break,
                Err(error) => {
                    self.errors.push(error.to_string());
                    break;
                }
            }
        }
        self.before += capture.offset();
        Ok(())
    }

    fn packet(&mut self, direction: Direction, frame: &CapturedFrame<'_>) -> Result<(), ReplayError> {
        self.n += 1;
        let judged = self.rules.judge(direction, frame);
        let wire_len = frame.wire_len.max(frame.bytes.len() as u32);
        self.summary.count(direction, &judged, wire_len);
        if let Some(file) = &mut self.verdicts {
            let written = verdicts::write(file, self.n, direction, &judged);
            file.wrote(written)?;
        }
        if let Some(other) = self.other {
            self.against.compare(self.n, direction, &judged, &other.judge(direction, frame));
        }
        let Some(ports) = &mut self.outputs else { return Ok(()) };
        if let Some(answer) = judged.answer {
            let bytes = answer.bytes();
            ports.send_access(&CapturedFrame { bytes, wire_len: bytes.len() as u32, ..*frame })?;
        }
        match (judged.action, direction) {
            (Action::Pass, Direction::Outbound) => ports.send_network(frame),
            (Action::Pass, Direction::Inbound) => ports.send_access(frame),
            _ => Ok(()),
        }
    }

    fn ending(&self) -> Ending {
        if !self.errors.is_empty() {
            Ending::CaptureEnded
        } else if self.report.as_ref().is_some_and(|report| !report.differences.is_empty()) {
            Ending::Differs
        } else if self.summary.reason(Reason::NotCaptured) > 0 {
            Ending::NotCaptured
        } else {
            Ending::Judged
        }
    }

    fn print_json(&self, arguments: &Arguments, out: &mut dyn Write) -> std::io::Result<()> {
        let mut summary = self.summary.json(&self.rules.image);
        if let Value::Object(summary) = &mut summary {
            summary.insert("policy".into(), json!(arguments.policy));
            summary.insert("digest".into(), format!("{:032x}", self.rules.image.digest()).into());
            summary.insert("at".into(), format_time(self.rules.at).into());
            summary.insert("errors".into(), json!(self.errors));
            if let Some(other) = &arguments.against {
                let mut against = self.against.json();
                against["policy"] = json!(other);
                summary.insert("against".into(), against);
            }
        }
        if let (Value::Object(summary), Some(report)) = (&mut summary, &self.report) {
            summary.insert("dataplane".into(), report.json());
        }
        serde_json::to_writer_pretty(&mut *out, &summary)?;
        writeln!(out)?;
        out.flush()
    }

    fn print_table(&self, arguments: &Arguments, out: &mut dyn Write) -> std::io::Result<()> {
        writeln!(out, "{} at {}", arguments.policy.display(), format_time(self.rules.at))?;
        self.summary.table(&self.rules.image, out)?;
        if let Some(other) = &arguments.against {
            self.against.table(&other.display().to_string(), out)?;
        }
        if let Some(Report { frames, left, counters, differences }) = &self.report {
            let differences = differences.len();
            writeln!(
                out,
                "\ndataplane: {frames} frames in, {left} out, {counters} counters compared: {differences} differences"
            )?;
        }
        out.flush()
    }
}

/// A bar on a terminal, nothing elsewhere.
fn progress(bytes: u64) -> ProgressBar {
    let style = ProgressStyle::with_template("{bar:40} {bytes} of {total_bytes}, {bytes_per_sec}, {eta} left");
    let bar = ProgressBar::with_draw_target(Some(bytes), ProgressDrawTarget::stderr());
    bar.with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
}

fn size(path: &Path) -> u64 {
    std::fs::metadata(path).map_or(0, |found| found.len())
}

/// The wall clock in unix seconds.
fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |since| i64::try_from(since.as_secs()).unwrap_or(i64::MAX))
}

/// Packets between two looks at the bar.
const PROGRESS: u64 = 4096;
