//! Explain: the walk of one frame, each header and each decision, and where in the policy it stands.
//!
//! Tells what the packet path tells of itself while it judges the frame; names and places are added from the
//! policy. Promise: the verdict at the end is the one the frame gets.

mod frame;
mod place;

use std::io::{self, Write};
use std::path::PathBuf;

use gate25_path::Direction;
use gate25_path::walk::Step;
use serde_json::{Value, json};

use crate::capture::{Capture, CapturedFrame};
use crate::config::{format_time, parse_time};
use crate::replay::{Judged, ReplayError, Rules, now};
pub use frame::from_hex;

/// What `gate25 explain` is asked about a frame.
#[derive(Clone, Debug, clap::Args)]
pub struct FrameArguments {
    /// The policy to judge by.
    #[arg(long, value_name = "P.toml")]
    pub policy: PathBuf,
    /// A frame as hexadecimal digits, from the destination address on; blanks and colons do not count.
    #[arg(long, value_name = "HEX", required_unless_present = "pcap", conflicts_with = "pcap")]
    pub frame: Option<String>,
    /// A capture (pcap or pcapng) to take the frame from.
    #[arg(long, value_name = "F", requires = "packet")]
    pub pcap: Option<PathBuf>,
    /// Which packet of the capture, from 1.
    #[arg(long, value_name = "N", requires = "pcap", value_parser = clap::value_parser!(u64).range(1..))]
    pub packet: Option<u64>,
    /// The frame came in on the network port, not on the access port.
    #[arg(long)]
    pub inbound: bool,
    /// The time to judge at, as in 2026-12-01T03:00:00+09:00; now if not given.
    #[arg(long, value_name = "TIME", value_parser = parse_time)]
    pub at: Option<i64>,
}

/// Explains the frame that `arguments` name on `out`, as JSON if `json`; warnings go to `talk`.
///
/// # Errors
/// A wrong policy, a capture that cannot be read to that packet, a frame that is no hexadecimal.
pub fn run(
    arguments: &FrameArguments,
    json: bool,
    out: &mut dyn Write,
    talk: &mut dyn Write,
) -> Result<(), ReplayError> {
    let rules = Rules::load(&arguments.policy, arguments.at.unwrap_or_else(now), None)?;
    for warning in rules.warnings(None) {
        let _ = writeln!(talk, "warning: {warning}");
    }
    let direction = if arguments.inbound { Direction::Inbound } else { Direction::Outbound };
    let mut print = |frame: &CapturedFrame<'_>| {
        let walk = Walk::of(&rules, direction, frame);
        let printed = if json { walk.json(out) } else { walk.text(out) };
        printed.map_err(ReplayError::Summary)
    };
    match (&arguments.frame, &arguments.pcap) {
        (Some(hex), _) => {
            let bytes = &from_hex(hex)?;
            print(&CapturedFrame { number: 1, time: 0, bytes, wire_len: bytes.len() as u32 })
        }
        (None, Some(path)) => {
            let asked = arguments.packet.unwrap_or(1);
            let mut capture = Capture::open(path)?;
            for packets in 0.. {
                match capture.read()? {
                    Some(frame) if frame.number == asked => return print(&frame),
                    Some(_) => {}
                    None => return Err(ReplayError::NoPacket { file: path.clone(), packets, asked }),
                }
            }
            Ok(())
        }
        (None, None) => Ok(()),
    }
}

/// The walk of one frame.
struct Walk<'a> {
    rules: &'a Rules,
    direction: Direction,
    captured: (usize, u32),
    steps: Vec<String>,
    judged: Judged<'a>,
}

impl<'a> Walk<'a> {
    fn of(rules: &'a Rules, direction: Direction, frame: &CapturedFrame<'_>) -> Self {
        let mut steps = Vec::new();
        let judged = rules.judge_with(direction, frame, &mut |step: Step| steps.push(place::sentence(rules, &step)));
        Self { rules, direction, captured: (frame.bytes.len(), frame.wire_len), steps, judged }
    }

    fn text(&self, out: &mut dyn Write) -> io::Result<()> {
        let (captured, wire_len) = self.captured;
        let cut = if captured < wire_len as usize { format!(", {captured} captured") } else { String::new() };
        let at = format_time(self.rules.at);
        writeln!(out, "{} frame of {wire_len} bytes{cut}, at {at}", self.direction.name())?;
        for step in &self.steps {
            writeln!(out, "  {step}")?;
        }
        let Judged { action, reason, pool, line, .. } = self.judged;
        write!(out, "{}: {}", action.name(), reason.name())?;
        if let Some((_, pool)) = pool {
            write!(out, ", {pool}")?;
        }
        if let Some(line) = line {
            write!(out, ", line {line}")?;
        }
        writeln!(out, "\n  {}", reason.help())?;
        out.flush()
    }

    fn json(&self, out: &mut dyn Write) -> io::Result<()> {
        let Judged { action, reason, pool, line, .. } = self.judged;
        let value: Value = json!({
            "direction": self.direction.name(),
            "at": format_time(self.rules.at),
            "captured": self.captured.0,
            "length": self.captured.1,
            "steps": self.steps,
            "verdict": action.name(),
            "reason": reason.name(),
            "pool": pool.map(|(_, name)| name),
            "line": line.map(|line| line.to_string()),
        });
        serde_json::to_writer_pretty(&mut *out, &value)?;
        writeln!(out)?;
        out.flush()
    }
}
