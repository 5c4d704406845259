//! `gate25 history`: the policies that are kept, and what happened to them and to others since.

use serde_json::{Value, json};

use super::apply::failure;
use super::output::{self, Exit, Failure};
use super::{Context, table, user};
use crate::api::{self, Event, Peer, PolicyState, Reply, Request, What};
use crate::config::format_time;

pub(super) fn run(context: &Context) -> Result<Exit, Failure> {
    let (policies, events) = match api::ask(&context.control_socket(), &Request::History)? {
        Reply::History { policies, events } => (policies, events),
        other => return Err(failure(other)),
    };
    let rows = rows(&policies, &events);
    if context.json { output::json(&rows) } else { output::data(&table::table(COLUMNS, &rows)) }
}

/// Newest first. A policy that was applied to be confirmed, and is kept, is told of once.
fn rows(policies: &[PolicyState], events: &[Event]) -> Vec<Value> {
    let is_kept = |event: &Event| {
        let same = |policy: &PolicyState| (policy.generation, policy.applied_at) == (event.generation, event.at);
        event.what == What::Tried && policies.iter().any(same)
    };
    let applied = policies.iter().map(|policy| (policy.applied_at, policy.generation, 0, of_policy(policy)));
    let since = events.iter().filter(|event| !is_kept(event));
    let since = since.map(|event| (event.at, event.generation, 1 + event.what as u8, of_event(event)));
    let mut rows: Vec<_> = applied.chain(since).collect();
    rows.sort_by_key(|(at, generation, order, _)| std::cmp::Reverse((*at, *generation, *order)));
    rows.into_iter().map(|(.., row)| row).collect()
}

fn of_policy(policy: &PolicyState) -> Value {
    let mut row = json!({
        "number": policy.number,
        "at": format_time(policy.applied_at),
        "what": "applied",
        "applied_at": format_time(policy.applied_at),
        "generation": policy.generation,
        "digest": policy.digest,
        "short_digest": policy.digest.get(..12),
        "prefixes": policy.prefixes,
        "bytes": policy.bytes,
        "path": policy.path,
        "comment": policy.comment,
        "force": policy.force,
    });
    add_who(&mut row, Some(&policy.by), "-");
    row
}

fn of_event(event: &Event) -> Value {
    let (what, nobody) = match event.what {
        What::Tried => ("applied to confirm", "-"),
        What::Confirmed => ("confirmed", "-"),
        What::RolledBack => ("rolled back", "-"),
        What::NotConfirmed => ("not confirmed", "timer"),
        What::Lost => ("lost", "-"),
        What::TookEffect => ("took effect", "time"),
    };
    let mut row = json!({
        "number": Some(event.number).filter(|number| *number > 0),
        "at": format_time(event.at),
        "what": what,
        "generation": event.generation,
        "path": event.path,
        "comment": event.note.as_deref().filter(|note| !note.is_empty()),
        "due": event.due.map(format_time),
    });
    add_who(&mut row, event.by.as_ref(), nobody);
    row
}

/// Who did it; `nobody` stands for what did it by itself.
fn add_who(row: &mut Value, by: Option<&Peer>, nobody: &str) {
    row["uid"] = json!(by.map(|by| by.uid));
    row["pid"] = json!(by.map(|by| by.pid));
    row["login"] = json!(by.and_then(|by| by.login));
    row["who"] = json!(by.map_or_else(|| nobody.to_owned(), |by| user::name(by.login.unwrap_or(by.uid))));
}

const COLUMNS: &[table::Column] = &[
    ("NUMBER", "number"),
    ("WHEN", "at"),
    ("WHAT", "what"),
    ("BY", "who"),
    ("GENERATION", "generation"),
    ("DIGEST", "short_digest"),
    ("PREFIXES", "prefixes"),
    ("BYTES", "bytes"),
    ("FILE", "path"),
    ("COMMENT", "comment"),
    ("FORCED BECAUSE", "force"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn newest_first_and_a_kept_policy_that_was_confirmed_stands_once() {
        let policy =
            |number, applied_at, generation| PolicyState { number, applied_at, generation, ..PolicyState::default() };
        let event = |at, what, generation| Event { at, what, generation, ..Event::default() };
        let events = [
            event(400, What::NotConfirmed, 4),
            event(330, What::Tried, 4),
            event(330, What::RolledBack, 3),
            event(320, What::Tried, 3),
            event(200, What::Confirmed, 2),
            event(200, What::Tried, 2),
        ];
        let rows = rows(&[policy(2, 200, 2), policy(1, 100, 1)], &events);
        let said: Vec<_> = rows.iter().map(|row| (row["what"].as_str().unwrap(), row["generation"].as_u64())).collect();
        assert_eq!(
            said,
            [
                ("not confirmed", Some(4)),
                ("applied to confirm", Some(4)),
                ("rolled back", Some(3)),
                ("applied to confirm", Some(3)),
                ("confirmed", Some(2)),
                ("applied", Some(2)),
                ("applied", Some(1)),
            ]
        );
        assert_eq!((&rows[0]["who"], &rows[0]["number"]), (&"timer".into(), &Value::Null));
    }
}
