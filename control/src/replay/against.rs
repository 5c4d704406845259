//! `--against`: what another policy would do with the same packets, and for which packets, pools and lines it is
//! not the same.

use std::collections::{BTreeMap, HashSet};
use std::io::{self, Write};

use gate25_include::counters::Reason;
use gate25_path::{Action, Direction, Line};
use serde_json::{Value, json};

use super::rules::Judged;

/// What differs between two policies on the packets seen so far.
#[derive(Clone, Debug, Default)]
pub struct Against {
    changes: BTreeMap<(Side, Side), Change>,
}

/// Verdict, reason and pool under one policy.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Side {
    action: &'static str,
    reason: Reason,
    pool: Option<String>,
}

/// The packets that changed in one way.
#[derive(Clone, Debug, Default)]
struct Change {
    packets: u64,
    lines: HashSet<Line>,
    /// Numbers, directions and lines of the first ones.
    examples: Vec<(u64, &'static str, Option<Line>)>,
}

/// Packets and lines that one pool stops or lets go.
#[derive(Clone, Debug, Default)]
struct PoolFlips<'a> {
    stopped: (u64, HashSet<&'a Line>),
    released: (u64, HashSet<&'a Line>),
}

impl Against {
    /// Compares two verdicts on packet `n`. Verdicts that differ in nothing but a number cost nothing.
    pub fn compare(&mut self, n: u64, direction: Direction, now: &Judged<'_>, then: &Judged<'_>) {
        let name = |judged: &Judged<'_>| judged.pool.map(|(_, name)| name.to_owned());
        let same = (now.action, now.reason, now.line) == (then.action, then.reason, then.line);
        if same && now.pool.map(|pool| pool.1) == then.pool.map(|pool| pool.1) {
            return;
        }
        let side =
            |judged: &Judged<'_>| Side { action: judged.action.name(), reason: judged.reason, pool: name(judged) };
        let change = self.changes.entry((side(now), side(then))).or_default();
        let line = then.line.or(now.line);
        change.packets += 1;
        change.lines.extend(line);
        if change.examples.len() < EXAMPLES {
            change.examples.push((n, direction.name(), line));
        }
    }

    /// Whether every packet has the same verdict, reason, pool and line.
    pub fn is_same(&self) -> bool {
        self.changes.is_empty()
    }

    /// As JSON: flips of verdicts per pool, then every change with counts and examples.
    pub fn json(&self) -> Value {
        let pools = self.pools();
        let pools = pools.iter().map(|(pool, flips)| {
            json!({
                "name": pool,
                "stopped": { "packets": flips.stopped.0, "lines": flips.stopped.1.len() },
                "released": { "packets": flips.released.0, "lines": flips.released.1.len() },
            })
        });
        let changes = self.sorted().into_iter().map(|((now, then), change)| {
            let examples = change.examples.iter().map(|(n, direction, line)| {
                json!({ "n": n, "direction": direction, "line": line.map(|line| line.to_string()) })
            });
            json!({
                "from": now.json(),
                "to": then.json(),
                "packets": change.packets,
                "lines": change.lines.len(),
                "examples": examples.collect::<Vec<_>>(),
            })
        });
        json!({
            "stopped": self.packets(|now, then| now.passes() && !then.passes()),
            "released": self.packets(|now, then| !now.passes() && then.passes()),
            "otherwise": self.packets(|now, then| now.passes() == then.passes()),
            "pools": pools.collect::<Vec<_>>(),
            "changes": changes.collect::<Vec<_>>(),
        })
    }

    /// As a table for people.
    pub fn table(&self, other: &str, out: &mut dyn Write) -> io::Result<()> {
        if self.is_same() {
            return writeln!(out, "\nagainst {other}: no packet is judged otherwise");
        }
        let stopped = self.packets(|now, then| now.passes() && !then.passes());
        let released = self.packets(|now, then| !now.passes() && then.passes());
        writeln!(out, "\nagainst {other}: {stopped} packets newly stopped, {released} newly released")?;
        for (pool, flips) in self.pools() {
            let ((stop, stop_lines), (release, release_lines)) = (flips.stopped, flips.released);
            let (stop_lines, release_lines) = (stop_lines.len(), release_lines.len());
            writeln!(out, "  {pool}: {stop} stopped ({stop_lines} lines), {release} released ({release_lines} lines)")?;
        }
        writeln!(out, "{:>12}{:>8}  change", "packets", "lines")?;
        for ((now, then), change) in self.sorted() {
            let examples = change.examples.iter().map(|(n, _, line)| match line {
                Some(line) => format!("{n} ({line})"),
                None => n.to_string(),
            });
            let examples = examples.collect::<Vec<_>>().join(", ");
            let lines = change.lines.len();
            writeln!(out, "{:>12}{lines:>8}  {now} → {then}; packets {examples}", change.packets)?;
        }
        Ok(())
    }

    /// Changes of verdicts first, then the ones with most packets.
    fn sorted(&self) -> Vec<(&(Side, Side), &Change)> {
        let mut all: Vec<_> = self.changes.iter().collect();
        all.sort_by_key(|((now, then), change)| (now.action == then.action, u64::MAX - change.packets));
        all
    }

    fn packets(&self, which: impl Fn(&Side, &Side) -> bool) -> u64 {
        self.changes.iter().filter(|((now, then), _)| which(now, then)).map(|(_, change)| change.packets).sum()
    }

    /// What each pool newly stops (the other policy's pool) or lets go (this policy's).
    fn pools(&self) -> BTreeMap<&str, PoolFlips<'_>> {
        let mut pools: BTreeMap<&str, PoolFlips<'_>> = BTreeMap::new();
        for ((now, then), change) in &self.changes {
            let place = match (now.passes(), then.passes()) {
                (true, false) => then.pool.as_deref().map(|pool| &mut pools.entry(pool).or_default().stopped),
                (false, true) => now.pool.as_deref().map(|pool| &mut pools.entry(pool).or_default().released),
                _ => None,
            };
            if let Some((packets, lines)) = place {
                *packets += change.packets;
                lines.extend(&change.lines);
            }
        }
        pools
    }
}

impl Side {
    fn passes(&self) -> bool {
        self.action == Action::Pass.name()
    }

    fn json(&self) -> Value {
        json!({ "verdict": self.action, "reason": self.reason.name(), "pool": self.pool })
    }
}

impl std::fmt::Display for Side {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {}", self.action, self.reason.name())?;
        self.pool.as_ref().map_or(Ok(()), |pool| write!(f, " {pool}"))
    }
}

/// Packets named for each change.
const EXAMPLES: usize = 5;
