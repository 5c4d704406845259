//! `gate25 top`: rates of links, pools and workers, again and again.

use std::time::{Duration, Instant};

use gate25_include::handover::Status;
use hashbrown::HashMap;
use serde_json::{Value, json};

use super::output::{self, Exit, Failure};
use super::show::{connect, rows};
use super::watch::clear;
use super::{Context, table};

/// Show rates, again and again.
#[derive(Clone, Copy, Debug, clap::Args)]
pub(super) struct Top {
    /// Seconds between two looks
    #[arg(long, value_name = "SECONDS", default_value_t = 1, value_parser = clap::value_parser!(u64).range(1..=3600))]
    interval: u64,
    /// How often; until Ctrl-C if not given
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    count: Option<u64>,
    /// How many pools at most: those with the most drops first
    #[arg(long, value_name = "N", default_value_t = 20)]
    pools: usize,
}

/// All counters at one moment.
struct Reading {
    time: Instant,
    incarnation: u64,
    status: Status,
    instance: String,
    links: Vec<Value>,
    pools: Vec<Value>,
    workers: Vec<Value>,
}

impl Reading {
    fn take(context: &Context) -> Result<Reading, Failure> {
        let (mut dataplane, telemetry) = connect(context)?;
        let (status, image) = (dataplane.status()?, dataplane.image()?);
        Ok(Reading {
            time: Instant::now(),
            incarnation: telemetry.identity().incarnation,
            status,
            instance: dataplane.welcome().instance.clone(),
            links: rows::links(&telemetry),
            pools: image.map_or_else(Vec::new, |image| rows::pools(&telemetry, &image)),
            workers: rows::workers(&telemetry),
        })
    }
}

impl Top {
    pub(super) fn run(self, context: &Context) -> Result<Exit, Failure> {
        let mut before = Reading::take(context)?;
        let mut left = self.count;
        while left != Some(0) && !output::is_closed() {
            std::thread::sleep(Duration::from_secs(self.interval));
            let now = match Reading::take(context) {
                Err(failure) if failure.exit() == Exit::Unreachable && self.count.is_none() => {
                    clear(context)?;
                    output::talk(&failure.to_string());
                    continue;
                }
                other => other?,
            };
            // After a restart counters begin anew: no rate can be told of that moment.
            if now.incarnation == before.incarnation {
                self.print(&before, &now, context)?;
                left = left.map(|left| left - 1);
            }
            before = now;
        }
        Ok(Exit::Ok)
    }

    fn print(&self, before: &Reading, now: &Reading, context: &Context) -> Result<(), Failure> {
        let value = self.value(before, now);
        if context.json {
            return output::data(&format!("{value}\n")).map(drop);
        }
        clear(context)?;
        let list = |key: &str| value[key].as_array().cloned().unwrap_or_default();
        let waits = match now.status.confirm_left_ms {
            0 => String::new(),
            left => format!(", rolled back in {} s unless confirmed", left / 1000),
        };
        let head = format!("{}: generation {}{waits}\n\n", now.instance, now.status.generation);
        let tables = [(LINKS, list("links")), (POOLS, list("pools")), (WORKERS, list("workers"))];
        let tables = tables.map(|(columns, rows)| table::table(columns, &rows)).join("\n");
        output::data(&(head + &tables)).map(drop)
    }

    fn value(&self, before: &Reading, now: &Reading) -> Value {
        let seconds = now.time.duration_since(before.time).as_secs_f64();
        let per_second = |before, now, same, keys| all_rates(before, now, same, keys, seconds);
        let mut links = per_second(&before.links, &now.links, LINK, LINK_KEYS);
        for link in &mut links {
            link["rx_mbps"] = json!((link["rx_bytes"].as_f64().unwrap_or(0.0) * 8.0 / 1e5).round() / 10.0);
        }
        let mut pools = per_second(&before.pools, &now.pools, POOL, POOL_KEYS);
        let weight = |pool: &Value, keys: &[&str]| keys.iter().filter_map(|key| pool[*key].as_f64()).sum::<f64>();
        let rank = |pool: &Value| (weight(pool, DROPS), weight(pool, POOL_KEYS));
        pools.sort_by(|a, b| rank(b).partial_cmp(&rank(a)).unwrap_or(std::cmp::Ordering::Equal));
        pools.truncate(self.pools);
        let mut workers = per_second(&before.workers, &now.workers, WORKER, WORKER_KEYS);
        for worker in &mut workers {
            let of = |key: &str| worker[key].as_f64().unwrap_or(0.0);
            let all = of("busy_cycles") + of("idle_cycles");
            let busy = if all > 0.0 { json!((of("busy_cycles") * 1000.0 / all).round() / 10.0) } else { Value::Null };
            worker["busy_percent"] = busy;
        }
        json!({
            "instance": now.instance,
            "generation": now.status.generation,
            "confirm_left_ms": now.status.confirm_left_ms,
            "seconds": (seconds * 1000.0).round() / 1000.0,
            "links": links,
            "pools": pools,
            "workers": workers,
        })
    }
}

/// The rates of all rows, each beside the one before it with the same identity.
fn all_rates(before: &[Value], now: &[Value], same: Same, keys: &[&str], seconds: f64) -> Vec<Value> {
    let (identity, shown) = same;
    let name = |row: &Value| identity.iter().map(|key| row[*key].to_string()).collect::<Vec<_>>();
    let before: HashMap<Vec<String>, &Value> = before.iter().map(|row| (name(row), row)).collect();
    now.iter().map(|row| rates(before.get(&name(row)).copied(), row, shown, keys, seconds)).collect()
}

/// The keys that identify a row, and those that are shown beside its rates.
type Same = (&'static [&'static str], &'static [&'static str]);

const LINK: Same = (&["link", "direction"], &["link", "direction"]);
const POOL: Same = (&["pool", "kind"], &["pool", "kind", "stage"]);
const WORKER: Same = (&["worker"], &["worker", "core"]);

/// What identifies a row, and how much its counters rose a second. A pool that is new has risen from 0.
fn rates(before: Option<&Value>, now: &Value, same: &[&str], keys: &[&str], seconds: f64) -> Value {
    let identity = same.iter().map(|key| ((*key).to_owned(), now[*key].clone()));
    let rate = |key: &&str| {
        let was = before.and_then(|before| before[*key].as_u64()).unwrap_or(0);
        let by = now[*key].as_u64().unwrap_or(0).saturating_sub(was) as f64 / seconds;
        ((*key).to_owned(), json!((by * 10.0).round() / 10.0))
    };
    identity.chain(keys.iter().map(rate)).collect()
}

const LINK_KEYS: &[&str] = &["rx_frames", "rx_bytes", "forwarded_frames", "dropped_frames", "unsent_frames", "rejects"];
const POOL_KEYS: &[&str] = &[
    "blocked",
    "return_blocked",
    "undetermined",
    "would_drop",
    "allowed_destination",
    "unlisted_destination",
    "exempt",
];
/// What is dropped in a pool.
const DROPS: &[&str] = &["blocked", "return_blocked", "undetermined"];
const WORKER_KEYS: &[&str] = &["rx_frames", "polls", "empty_polls", "busy_cycles", "idle_cycles"];

const LINKS: &[table::Column] = &[
    ("LINK", "link"),
    ("DIRECTION", "direction"),
    ("FRAMES/S", "rx_frames"),
    ("MBIT/S", "rx_mbps"),
    ("DROPPED/S", "dropped_frames"),
    ("UNSENT/S", "unsent_frames"),
    ("REJECTS/S", "rejects"),
];
const POOLS: &[table::Column] = &[
    ("POOL", "pool"),
    ("STAGE", "stage"),
    ("BLOCKED/S", "blocked"),
    ("RETURN BLOCKED/S", "return_blocked"),
    ("UNDETERMINED/S", "undetermined"),
    ("WOULD DROP/S", "would_drop"),
    ("ALLOWED/S", "allowed_destination"),
    ("EXEMPT/S", "exempt"),
];
const WORKERS: &[table::Column] = &[
    ("WORKER", "worker"),
    ("CORE", "core"),
    ("FRAMES/S", "rx_frames"),
    ("POLLS/S", "polls"),
    ("EMPTY/S", "empty_polls"),
    ("BUSY %", "busy_percent"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_are_per_second_and_a_new_row_rises_from_0() {
        let before = json!({ "pool": "east", "blocked": 100, "exempt": 7 });
        let now = json!({ "pool": "east", "blocked": 150, "exempt": 7 });
        let rate = |before| rates(before, &now, &["pool"], &["blocked", "exempt"], 2.0);
        assert_eq!(rate(Some(&before)), json!({ "pool": "east", "blocked": 25.0, "exempt": 0.0 }));
        assert_eq!(rate(None), json!({ "pool": "east", "blocked": 75.0, "exempt": 3.5 }));
    }
}
