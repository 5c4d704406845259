//! `gate25 show drops`: the drop records of all workers, for the abuse desk. The rings overwrite; what was
//! overwritten before it could be read is counted and said.

use std::net::{IpAddr, Ipv6Addr};

use gate25_include::image::Image;
use gate25_include::telemetry::DropRecord;
use serde_json::{Value, json};

use super::super::output::{self, Exit, Failure};
use super::super::table;
use super::{Context, connect};

/// The last frames that were dropped.
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Drops {
    /// How many at most; the workers together keep 4,096 each
    #[arg(long, value_name = "N", default_value_t = 20)]
    last: usize,
    /// Only those of this line or address
    #[arg(long, value_name = "ADDRESS")]
    line: Option<IpAddr>,
}

impl Drops {
    pub(super) fn run(&self, context: &Context) -> Result<Exit, Failure> {
        let (mut dataplane, telemetry) = connect(context)?;
        let image = dataplane.image()?;
        let mut records = Vec::new();
        let mut overwritten = 0;
        for worker in 0..telemetry.shape().workers {
            let (found, _, missed) = telemetry.records(worker, 0);
            overwritten += missed;
            records.extend(found);
        }
        records.retain(|record| self.line.is_none_or(|line| covers(record, line)));
        records.sort_by_key(|record| record.time_ns);
        let last = records.len().saturating_sub(self.last);
        let name = |link: u16| telemetry.link_name(usize::from(link));
        let rows: Vec<Value> = records[last..].iter().map(|record| row(record, image.as_ref(), &name)).collect();
        if overwritten > 0 {
            output::talk(&format!("note: {overwritten} older records were overwritten"));
        }
        if context.json {
            return output::json(&rows);
        }
        let columns = [
            ("TIME", "time"),
            ("LINE", "line"),
            ("FAR END", "far"),
            ("DIRECTION", "direction"),
            ("REASON", "reason"),
            ("POOL", "pool"),
            ("LINK", "link"),
        ];
        output::data(&table::table(&columns, &rows))
    }
}

fn row(record: &DropRecord, image: Option<&Image>, link: &dyn Fn(u16) -> String) -> Value {
    let pool = image.and_then(|image| image.pools().find(|pool| pool.counter_slot == record.slot));
    let nanoseconds = i128::from(record.time_ns);
    let time = jiff::Timestamp::from_nanosecond(nanoseconds)
        .map_or_else(|_| nanoseconds.to_string(), |time| format!("{time:.3}"));
    json!({
        "time": time,
        "line": line(record),
        "far": address(record.far).to_string(),
        "direction": record.direction.name(),
        "reason": record.reason.name(),
        "pool": pool.map(|pool| pool.name),
        "link": link(record.link),
    })
}

/// IPv4 bare, IPv6 with its length.
fn line(record: &DropRecord) -> String {
    match address(record.line) {
        IpAddr::V4(address) => address.to_string(),
        IpAddr::V6(address) => format!("{address}/{}", record.line_length),
    }
}

fn address(bits: u128) -> IpAddr {
    Ipv6Addr::from_bits(bits).to_canonical()
}

/// Whether an address is on the line of a record.
fn covers(record: &DropRecord, asked: IpAddr) -> bool {
    match (address(record.line), asked) {
        (IpAddr::V4(line), IpAddr::V4(asked)) => line == asked,
        (IpAddr::V6(line), IpAddr::V6(asked)) => {
            let shift = 128 - u32::from(record.line_length.min(128));
            (line.to_bits() ^ asked.to_bits()).checked_shr(shift).unwrap_or(0) == 0
        }
        _ => false,
    }
}
