//! `gate25 check`: all that is wrong with a policy, what is probably not meant, and what it says in sum.

use std::path::PathBuf;

use serde_json::{Value, json};

use super::output::{self, Exit, Failure};
use super::{Context, table};
use crate::compile::{Slots, compile};
use crate::config::{Location, PolicyErrors, format_time};
use crate::guard::{self, Violation};
use crate::policy::{self, Policy, Stage};
use crate::supervise::now;

/// Check a policy file and the prefix files it names.
#[derive(Debug, clap::Args)]
pub(super) struct Check {
    /// The policy file
    file: PathBuf,
}

impl Check {
    pub(super) fn run(self, context: &Context) -> Result<Exit, Failure> {
        match policy::load(&self.file) {
            Ok(policy) => good(&policy, context),
            Err(errors) if context.json => {
                output::json(&bad(&errors))?;
                Ok(Exit::Refused)
            }
            Err(errors) => Err(errors.into()),
        }
    }
}

fn good(policy: &Policy, context: &Context) -> Result<Exit, Failure> {
    // It compiles, or check says so: nothing is left for apply to find but guard rails.
    compile(&policy.at(now()), &Slots::default(), 1)?;
    let summary = summary(policy);
    let warnings = warnings(policy);
    if context.json {
        let warnings: Vec<Value> = warnings.iter().map(|(at, message)| problem(at, message)).collect();
        return output::json(&json!({ "ok": true, "errors": [], "warnings": warnings, "summary": summary }));
    }
    for (at, message) in &warnings {
        output::talk(&format!("warning: {at}: {message}"));
    }
    let rows = summary["pools"].as_array().cloned().unwrap_or_default();
    let columns =
        [("NAME", "name"), ("KIND", "kind"), ("STAGE", "stage"), ("PREFIXES", "prefixes"), ("CHANGES", "changes_at")];
    output::data(&table::table(&columns, &rows))?;
    let count = |key: &str| table::cell(&summary[key]);
    output::talk(&format!(
        "ok: {} prefixes in pools and exemptions, {} in {} destinations, {} tunnel ends, {} warnings",
        count("source_prefixes"),
        count("destination_prefixes"),
        count("destinations"),
        count("tunnel_ends"),
        warnings.len()
    ));
    Ok(Exit::Ok)
}

fn warnings(policy: &Policy) -> Vec<(Location, String)> {
    let of_policy = policy.warnings.iter().map(|one| (one.at.clone(), one.kind.to_string()));
    // Without the policy in force there is nothing to flip or to shrink.
    let violations = guard::compare(None, policy, now()).violations.into_iter();
    let short = violations.filter_map(|violation| match &violation {
        Violation::ShortPrefix { at, .. } => Some((at.clone(), violation.to_string())),
        _ => None,
    });
    let unplaced = |(at, text): (Location, String)| {
        let text = text.strip_prefix(&format!("{at}: ")).map_or(text.clone(), str::to_owned);
        (at, text)
    };
    of_policy.chain(short).map(unplaced).collect()
}

fn summary(policy: &Policy) -> Value {
    let at = policy.at(now());
    let time = |second: Option<i64>| second.filter(|second| *second > at.time).map(format_time);
    let pools = policy.pools.iter().map(|pool| {
        let stage = at.stage(pool);
        let changes_at = time(pool.enforce_from);
        json!({ "name": pool.name, "kind": "pool", "stage": stage_name(stage), "prefixes": pool.prefixes,
                "changes_at": changes_at })
    });
    let exempts = policy.exempts.iter().map(|one| {
        json!({ "name": one.name, "kind": "exempt", "stage": null, "prefixes": one.prefixes,
                "changes_at": time(one.expires) })
    });
    json!({
        "pools": pools.chain(exempts).collect::<Vec<_>>(),
        "source_prefixes": policy.sources.len(),
        "destinations": policy.destinations.len(),
        "destination_prefixes": policy.destination_prefixes.len(),
        "tunnel_ends": policy.tunnel_ends.len(),
        "files": policy.files.iter().map(|file| file.display().to_string()).collect::<Vec<_>>(),
        "reject_rate": policy.reject_rate,
        "next_change": policy.next_change(at.time).map(format_time),
    })
}

fn bad(errors: &PolicyErrors) -> Value {
    let list: Vec<Value> = errors.errors.iter().map(|one| problem(&one.at, &one.problem.to_string())).collect();
    json!({ "ok": false, "errors": list, "more_errors": errors.more, "warnings": [], "summary": null })
}

fn problem(at: &Location, message: &str) -> Value {
    json!({ "file": at.file.display().to_string(), "line": at.line, "column": at.column, "message": message })
}

/// As the policy file spells it.
pub(super) fn stage_name(stage: Stage) -> &'static str {
    match stage {
        Stage::Off => "off",
        Stage::Monitor => "monitor",
        Stage::Enforce => "enforce",
    }
}
