//! Explain: the walk of one frame, each header and each decision, and where in the policy it stands.
//!
//! Tells what the packet path tells of itself while it judges the frame; names and places are added from the image
//! and the policy. Promise: the verdict at the end is the one the frame gets.

mod hex;
mod place;

use std::io::{self, Write};
use std::net::IpAddr;
use std::path::Path;

use gate25_include::image::Image;
use gate25_path::Direction;
use gate25_path::walk::Step;
use ipnet::IpNet;
use serde_json::{Value, json};

use crate::api::Origins;
use crate::capture::{Capture, CapturedFrame};
use crate::config::format_time;
use crate::replay::{Judged, ReplayError};
pub use hex::from_hex;

/// Which frame is meant.
#[derive(Clone, Debug, clap::Args)]
pub struct Which {
    /// Tell the walk of this frame: hexadecimal digits from the destination address on; blanks and colons do not count
    #[arg(long, value_name = "HEX", conflicts_with = "pcap")]
    pub frame: Option<String>,
    /// Tell the walk of a packet of this capture (pcap or pcapng)
    #[arg(long, value_name = "F", requires = "packet")]
    pub pcap: Option<std::path::PathBuf>,
    /// Which packet of the capture, from 1
    #[arg(long, value_name = "N", requires = "pcap", value_parser = clap::value_parser!(u64).range(1..))]
    pub packet: Option<u64>,
}

/// What a frame is judged by.
pub struct Ground<'a> {
    /// The image; none before the first was adopted.
    pub image: Option<&'a Image>,
    /// The unix second it stands for.
    pub at: i64,
    /// Where a source prefix, and the prefixes that cover a destination, are written; none if nobody knows.
    pub origins: &'a dyn Fn(Option<IpNet>, Option<IpAddr>) -> Option<Origins>,
}

impl Which {
    /// Whether any is.
    pub fn is_given(&self) -> bool {
        self.frame.is_some() || self.pcap.is_some()
    }

    /// Prints the frame's walk to `out`, as JSON if `json`.
    ///
    /// # Errors
    /// A capture that cannot be read to that packet, a frame that is no hexadecimal.
    pub fn explain(
        &self,
        ground: &Ground<'_>,
        direction: Direction,
        json: bool,
        out: &mut dyn Write,
    ) -> Result<(), ReplayError> {
        let mut print = |frame: &CapturedFrame<'_>| {
            let walk = Walk::of(ground, direction, frame);
            let printed = if json { walk.json(out) } else { walk.text(out) };
            printed.map_err(ReplayError::Summary)
        };
        match (&self.frame, &self.pcap) {
            (Some(hex), _) => {
                let bytes = &from_hex(hex)?;
                print(&CapturedFrame { number: 1, time: 0, bytes, wire_len: bytes.len() as u32 })
            }
            (None, Some(path)) => with_packet(path, self.packet.unwrap_or(1), print),
            (None, None) => Ok(()),
        }
    }
}

/// Reads a capture to packet `asked` and hands it over.
fn with_packet(
    path: &Path,
    asked: u64,
    mut then: impl FnMut(&CapturedFrame<'_>) -> Result<(), ReplayError>,
) -> Result<(), ReplayError> {
    let mut capture = Capture::open(path)?;
    let mut packets = 0;
    while let Some(frame) = capture.read()? {
        packets = frame.number;
        if packets == asked {
            return then(&frame);
        }
    }
    Err(ReplayError::NoPacket { file: path.to_owned(), packets, asked })
}

/// The walk of one frame.
struct Walk<'a> {
    at: i64,
    direction: Direction,
    captured: (usize, u32),
    steps: Vec<String>,
    judged: Judged<'a>,
}

impl<'a> Walk<'a> {
    fn of(ground: &Ground<'a>, direction: Direction, frame: &CapturedFrame<'_>) -> Self {
        let mut steps = Vec::new();
        let judged = Judged::of(ground.image, direction, frame, &mut |step: Step| steps.push(step));
        let steps = steps.iter().map(|step| place::sentence(ground, step)).collect();
        Self { at: ground.at, direction, captured: (frame.bytes.len(), frame.wire_len), steps, judged }
    }

    fn text(&self, out: &mut dyn Write) -> io::Result<()> {
        let (captured, wire_len) = self.captured;
        let cut = if captured < wire_len as usize { format!(", {captured} captured") } else { String::new() };
        writeln!(out, "{} frame of {wire_len} bytes{cut}, at {}", self.direction.name(), format_time(self.at))?;
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
            "at": format_time(self.at),
            "captured": self.captured.0,
            "length": self.captured.1,
            "steps": self.steps,
            "verdict": action.name(),
            "reason": reason.name(),
            "help": reason.help(),
            "pool": pool.map(|(_, name)| name),
            "line": line.map(|line| line.to_string()),
        });
        serde_json::to_writer_pretty(&mut *out, &value)?;
        writeln!(out)?;
        out.flush()
    }
}
