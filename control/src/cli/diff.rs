//! `gate25 diff`: what a policy file would change, against what runs or against a kept policy. Changes nothing.

use std::path::PathBuf;

use serde_json::{Value, json};

use super::kept::Kept;
use super::output::{self, Exit, Failure};
use super::{Context, table};
use crate::config::format_time;
use crate::diff::{Diff, PrefixChange, SettingChange};
use crate::guard::{Flip, PoolFlip};
use crate::policy;
use crate::supervise::now;

/// Say what a policy file would change.
#[derive(Debug, clap::Args)]
pub(super) struct DiffFile {
    /// The policy file
    file: PathBuf,
    /// Set it against this kept policy, as `gate25 history` numbers it, instead of the one that runs
    #[arg(long, value_name = "NUMBER")]
    against: Option<u64>,
    /// How many prefixes to list at most; all are counted
    #[arg(long, value_name = "N", default_value_t = 20)]
    prefixes: usize,
}

impl DiffFile {
    pub(super) fn run(self, context: &Context) -> Result<Exit, Failure> {
        let path = std::path::absolute(&self.file).unwrap_or(self.file);
        let new = policy::load(&path)?;
        let kept = Kept::fetch(context, self.against)?;
        let now = now();
        let diff = Diff::new(&kept.policy(now)?, &new, now, self.prefixes);
        let value = value(&diff, &kept, now);
        if context.json {
            return output::json(&value);
        }
        output::talk(&format!("against {}", kept.title()));
        for violation in &diff.space.violations {
            output::talk(&format!("apply would refuse this without --force REASON: {violation}"));
        }
        output::data(&in_words(&diff, &value))
    }
}

fn value(diff: &Diff, kept: &Kept, now: i64) -> Value {
    let flips: Vec<Value> = diff.space.flips.iter().flat_map(|flip| flip_rows(flip, now)).collect();
    let prefixes = &diff.prefixes;
    json!({
        "against": kept.about,
        "same": diff.is_empty(),
        "settings": diff.settings,
        "flips": flips,
        "prefixes": {
            "added": prefixes.added,
            "removed": prefixes.removed,
            "moved": prefixes.moved,
            "listed": prefixes.first.iter().map(prefix_row).collect::<Vec<_>>(),
        },
        "sections": diff.space.sections.iter().map(|one| json!({
            "kind": one.kind, "name": one.name, "before": one.before, "after": one.after,
            "added": one.added, "removed": one.removed,
        })).collect::<Vec<_>>(),
        "violations": diff.space.violations.iter().map(ToString::to_string).collect::<Vec<_>>(),
    })
}

/// The pools that flip at one time, and their sum with its percentage of all pool space.
fn flip_rows(flip: &Flip, now: i64) -> Vec<Value> {
    let at = if flip.at == now { Value::Null } else { format_time(flip.at).into() };
    let row = |pool: &PoolFlip| {
        json!({
            "at": at,
            "pool": pool.name,
            "enforced_addresses": whole(pool.enforced4.lines()),
            "enforced_lines": whole(pool.enforced6.lines()),
            "released_addresses": whole(pool.released4.lines()),
            "released_lines": whole(pool.released6.lines()),
        })
    };
    let mut rows: Vec<Value> = flip.pools.iter().map(row).collect();
    if !rows.is_empty() {
        rows.push(json!({
            "at": at,
            "pool": null,
            "enforced_addresses": whole(flip.v4.enforced.lines()),
            "enforced_lines": whole(flip.v6.enforced.lines()),
            "released_addresses": whole(flip.v4.released.lines()),
            "released_lines": whole(flip.v6.released.lines()),
            "enforced_percent": [flip.v4.enforced.percent_of(flip.v4.after), flip.v6.enforced.percent_of(flip.v6.after)],
            "released_percent": [flip.v4.released.percent_of(flip.v4.before), flip.v6.released.percent_of(flip.v6.before)],
        }));
    }
    rows
}

/// A number, or above 64 bits its digits as text.
fn whole(lines: u128) -> Value {
    u64::try_from(lines).map_or_else(|_| lines.to_string().into(), Value::from)
}

fn prefix_row(change: &PrefixChange) -> Value {
    let at = &change.at;
    json!({
        "prefix": change.prefix,
        "before": change.before,
        "after": change.after,
        "file": at.file.display().to_string(),
        "line": at.line,
        "column": at.column,
    })
}

fn in_words(diff: &Diff, value: &Value) -> String {
    if diff.is_empty() && diff.space.flips.iter().all(|flip| flip.pools.is_empty()) {
        return "no change\n".into();
    }
    let mut text = diff.settings.iter().map(setting).collect::<String>();
    for change in &diff.prefixes.first {
        text += &prefix(change);
    }
    let more = diff.prefixes.count() - diff.prefixes.first.len() as u64;
    if more > 0 {
        text += &format!("… and {more} more prefixes; --prefixes N lists more\n");
    }
    let count = &diff.prefixes;
    text += &format!("prefixes: {} added, {} removed, {} moved\n", count.added, count.removed, count.moved);
    let flips = value["flips"].as_array().map_or(&[][..], Vec::as_slice);
    let rows: Vec<Value> = flips.iter().map(readable).collect();
    if rows.is_empty() {
        return text + "no address space is newly enforced or released\n";
    }
    text + "\n" + &table::table(FLIPS, &rows)
}

fn readable(row: &Value) -> Value {
    let mut row = row.clone();
    if row["at"].is_null() {
        row["at"] = "now".into();
    }
    if row["pool"].is_null() {
        row["pool"] = "(all)".into();
    }
    row
}

fn setting(change: &SettingChange) -> String {
    let SettingChange { section, key, before, after } = change;
    let value = |value: &Option<String>| match value.as_deref() {
        None => "-".to_owned(),
        Some("") => "none".to_owned(),
        Some(text) => text.to_owned(),
    };
    match (key, before, after) {
        (Some(key), ..) => format!("~ {section}: {key} {} → {}\n", value(before), value(after)),
        (None, None, _) => format!("+ {section}\n"),
        (None, ..) => format!("- {section}\n"),
    }
}

fn prefix(change: &PrefixChange) -> String {
    let PrefixChange { prefix, before, after, at } = change;
    match (before, after) {
        (Some(before), Some(after)) => format!("~ {prefix}: {before} → {after} ({at})\n"),
        (None, Some(after)) => format!("+ {prefix} {after} ({at})\n"),
        (before, _) => format!("- {prefix} {} ({at})\n", before.as_deref().unwrap_or("?")),
    }
}

const FLIPS: &[table::Column] = &[
    ("WHEN", "at"),
    ("POOL", "pool"),
    ("NEWLY ENFORCED: ADDRESSES", "enforced_addresses"),
    ("LINES", "enforced_lines"),
    ("NEWLY RELEASED: ADDRESSES", "released_addresses"),
    ("LINES", "released_lines"),
];
