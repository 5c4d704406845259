//! `gate25 show`: what runs and what is counted, read from the dataplane itself; control may be down.

mod drops;
mod rows;
mod status;

use gate25_include::image::Image;
use gate25_include::telemetry::TelemetryReader;
use serde_json::Value;

use super::output::{self, Exit, Failure};
use super::table::Column;
use super::{Context, table};
use crate::publish::{Dataplane, PATIENCE};

/// Show what runs and what is counted.
#[derive(Debug, clap::Subcommand)]
pub(super) enum Show {
    /// Dataplane, policy in force, control
    Status,
    /// Pools and exemptions: stage, and frames by reason
    Pools,
    /// Workers: generation, load, burst sizes
    Workers,
    /// Ports: link, speed, frames, errors
    Ports,
    /// Links: frames by direction, and by reason
    Links,
    /// The last frames that were dropped, oldest first
    Drops(drops::Drops),
}

impl Show {
    pub(super) fn run(self, context: &Context) -> Result<Exit, Failure> {
        match self {
            Show::Status => status::run(context),
            Show::Drops(drops) => drops.run(context),
            Show::Pools => {
                let (mut dataplane, telemetry) = connect(context)?;
                let image = dataplane.image()?;
                print(context, POOLS, image.map_or_else(Vec::new, |image| rows::pools(&telemetry, &image)))
            }
            Show::Workers => print(context, WORKERS, rows::workers(&connect(context)?.1)),
            Show::Ports => print(context, PORTS, rows::ports(&connect(context)?.1)),
            Show::Links => links(context, &connect(context)?.1),
        }
    }
}

fn connect(context: &Context) -> Result<(Dataplane, TelemetryReader), Failure> {
    let mut dataplane = Dataplane::connect(&context.dataplane_socket(), PATIENCE)?;
    let telemetry = dataplane.telemetry()?;
    Ok((dataplane, telemetry))
}

fn print(context: &Context, columns: &[Column], rows: Vec<Value>) -> Result<Exit, Failure> {
    if context.json { output::json(&rows) } else { output::data(&table::table(columns, &rows)) }
}

/// Frames by direction, then those reasons that occurred.
fn links(context: &Context, telemetry: &TelemetryReader) -> Result<Exit, Failure> {
    let rows = rows::links(telemetry);
    if context.json {
        return output::json(&rows);
    }
    let reasons = rows::reasons(&rows);
    output::data(&format!("{}\n{}", table::table(LINKS, &rows), table::table(REASONS, &reasons)))
}

/// The names of the groups in a mask.
pub(super) fn groups(image: &Image, mask: u64) -> Vec<String> {
    let named = image.groups().enumerate().filter(|(bit, _)| mask >> bit & 1 == 1);
    named.map(|(_, name)| name.to_owned()).collect()
}

pub(super) use rows::pool_settings;

const POOLS: &[Column] = &[
    ("POOL", "pool"),
    ("KIND", "kind"),
    ("STAGE", "stage"),
    ("ACTION", "action"),
    ("SHARE", "share"),
    ("BLOCKED", "blocked"),
    ("WOULD DROP", "would_drop"),
    ("RETURN BLOCKED", "return_blocked"),
    ("ALLOWED", "allowed_destination"),
    ("UNLISTED", "unlisted_destination"),
    ("EXEMPT", "exempt"),
    ("UNDETERMINED", "undetermined"),
];

const WORKERS: &[Column] = &[
    ("WORKER", "worker"),
    ("CORE", "core"),
    ("GENERATION", "generation"),
    ("BUSY %", "busy_percent"),
    ("POLLS", "polls"),
    ("EMPTY", "empty_polls"),
    ("FRAMES", "rx_frames"),
    ("FRAMES/BURST", "frames_per_burst"),
    ("CYCLES/FRAME", "cycles_per_frame"),
];

const PORTS: &[Column] = &[
    ("LINK", "link"),
    ("SIDE", "side"),
    ("UP", "up"),
    ("MBIT/S", "speed_mbps"),
    ("MTU", "mtu"),
    ("RX FRAMES", "rx_frames"),
    ("TX FRAMES", "tx_frames"),
    ("MISSED", "missed"),
    ("RX ERRORS", "rx_errors"),
    ("TX ERRORS", "tx_errors"),
    ("NO MBUF", "no_mbuf"),
    ("CHANGES", "link_changes"),
];

const LINKS: &[Column] = &[
    ("LINK", "link"),
    ("DIRECTION", "direction"),
    ("RX", "rx_frames"),
    ("FORWARDED", "forwarded_frames"),
    ("DROPPED", "dropped_frames"),
    ("UNSENT", "unsent_frames"),
    ("REJECTS", "rejects"),
];

const REASONS: &[Column] = &[("LINK", "link"), ("DIRECTION", "direction"), ("REASON", "reason"), ("FRAMES", "frames")];
