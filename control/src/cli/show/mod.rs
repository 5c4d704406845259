//! `gate25 show`: what runs and what is counted, read from the dataplane itself; control may be down.

mod drops;
mod policy;
pub(super) mod rows;
mod runtime;
pub(super) mod status;

use std::time::Duration;

use gate25_include::image::Image;
use gate25_include::telemetry::TelemetryReader;
use serde_json::Value;

use super::output::{self, Exit, Failure};
use super::table::Column;
use super::watch::Watch;
use super::{Context, table};
use crate::api::{self, PoolStage, Reply, Request};
use crate::publish::{Dataplane, PATIENCE};
use runtime::Reading;

/// Show what runs and what is counted.
#[derive(Debug, clap::Args)]
pub(super) struct ShowWhat {
    #[command(subcommand)]
    what: Show,
    #[command(flatten)]
    watch: Watch,
}

#[derive(Debug, clap::Subcommand)]
enum Show {
    /// Dataplane, policy in force, control
    Status,
    /// The text of the policy that runs, or of a kept one
    Policy(policy::ShowPolicy),
    /// Pools and exemptions: stage, since when, what comes next, and frames by reason
    Pools,
    /// What workers do with their time: packets per burst, cycles per packet, busy share, polls
    Runtime(runtime::Runtime),
    /// Workers: generation, load, burst sizes
    Workers,
    /// Ports: link, speed, frames, errors
    Ports,
    /// Links: frames by direction, and by reason
    Links,
    /// The last frames that were dropped, oldest first
    Drops(drops::Drops),
}

impl ShowWhat {
    pub(super) fn run(self, context: &Context) -> Result<Exit, Failure> {
        let mut before = None;
        self.watch.run(context, || self.what.run(context, &mut before))
    }
}

impl Show {
    /// `before` is what runtime read at the time before.
    fn run(&self, context: &Context, before: &mut Option<Reading>) -> Result<Exit, Failure> {
        match self {
            Show::Status => status::run(context),
            Show::Policy(policy) => policy.run(context),
            Show::Drops(drops) => drops.run(context),
            Show::Pools => {
                let (mut dataplane, telemetry) = connect(context)?;
                let image = dataplane.image()?;
                let mut rows = image.map_or_else(Vec::new, |image| rows::pools(&telemetry, &image));
                rows::add_stages(&mut rows, &stages(context));
                print(context, POOLS, rows)
            }
            Show::Runtime(runtime) => {
                let (_, telemetry) = connect(context)?;
                if let Some(seconds) = runtime.over {
                    *before = Some(Reading::of(&telemetry));
                    std::thread::sleep(Duration::from_secs(seconds));
                }
                let reading = Reading::of(&telemetry);
                let rows = runtime::rows(&telemetry, &reading, before.as_ref());
                *before = Some(reading);
                print(context, runtime::COLUMNS, rows)
            }
            Show::Workers => print(context, WORKERS, rows::workers(&connect(context)?.1)),
            Show::Ports => print(context, PORTS, rows::ports(&connect(context)?.1)),
            Show::Links => links(context, &connect(context)?.1),
        }
    }
}

/// Since when each pool is in its stage; nothing is known if control does not answer.
fn stages(context: &Context) -> Vec<PoolStage> {
    match api::ask(&context.control_socket(), &Request::Stages { pool: None, at: None }) {
        Ok(Reply::Stages { pools }) => pools,
        Ok(_) => Vec::new(),
        Err(error) => {
            output::talk(&format!("note: {error}"));
            Vec::new()
        }
    }
}

pub(super) fn connect(context: &Context) -> Result<(Dataplane, TelemetryReader), Failure> {
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
    ("SINCE", "since"),
    ("NEXT", "next_change"),
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
    ("UNSENT", "unsent"),
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
