//! What happens to a policy after it was applied, for the history: confirmed, left again, a time in it came.
//!
//! Written when control sees it: also what the dataplane did while control was dead is told by who and when.

use std::sync::Arc;

use gate25_include::handover::Status;

use super::{Supervisor, now};
use crate::api::{Event, Peer, What};
use crate::policy::{Change, Changes};
use crate::state::Stored;

impl Supervisor {
    /// Keeps an event. What it tells of has happened, whether or not the disk takes it.
    pub(super) fn record(&mut self, event: Event) {
        let mut log = (*self.shared.view().events).clone();
        log.add(event);
        if let Err(error) = self.store.keep_events(&log) {
            self.say(format!("{error}; until then, what happens to policies is lost at the next restart"));
        }
        self.shared.change(|view| view.events = Arc::new(log));
    }

    /// Notes why a policy that was to be confirmed, or whose fate was not known, is not in force.
    pub(super) fn record_gone(&mut self, stored: &Stored, status: Status) {
        let left = Some(status.left).filter(|left| left.generation == stored.manifest.generation);
        let back = match status.generation {
            0 => "back to no policy".to_owned(),
            generation => format!("back to generation {generation}"),
        };
        let (what, note) = match left {
            Some(left) if left.by_timer => (What::NotConfirmed, back),
            Some(_) => (What::RolledBack, back),
            None => (What::Lost, format!("the dataplane or gate25-control ended before it was kept; {back}")),
        };
        let at = left.and_then(|left| i64::try_from(left.at).ok());
        self.record(Event { at: at.unwrap_or_else(now), ..event(what, stored, None, note) });
    }

    /// Notes the times that have come since the policy was applied, once for each image that is seen in force.
    pub(super) fn note_times(&mut self) {
        let view = self.shared.view();
        let (Some(held), Some(image)) = (&self.held, view.image) else { return };
        if self.awaiting.is_some() || held.digest != image.digest() || self.noted == image.generation() {
            return;
        }
        self.noted = image.generation();
        let (held, reached) = (Arc::clone(held), image.compiled_at());
        let stored = &held.stored;
        let known = view.events.last_due(stored.number).unwrap_or(i64::MIN);
        let first = stored.manifest.applied_at.max(known).saturating_add(1);
        let came = held.policy.changes(first..=reached);
        // An image compiled for a later second than the last time in it was published late.
        let late = came.last().is_some_and(|last| last.at != reached);
        for changes in came {
            let due = Some(changes.at);
            let at = if late { reached } else { changes.at };
            let generation = image.generation();
            self.record(Event { at, due, generation, ..event(What::TookEffect, stored, None, in_words(&changes)) });
        }
    }
}

/// Something that happens to a policy now.
pub(super) fn event(what: What, stored: &Stored, by: Option<Peer>, note: String) -> Event {
    let (manifest, number) = (&stored.manifest, stored.number);
    let path = manifest.policy_path().to_owned();
    Event { at: now(), what, by, number, generation: manifest.generation, path, note: Some(note), due: None }
}

fn in_words(changes: &Changes) -> String {
    let one = |change: &Change| match change {
        Change::Enforces { pool } => format!("pool \"{pool}\" enforces"),
        Change::Expires { exempt } => format!("exempt \"{exempt}\" expired"),
    };
    changes.changes.iter().map(one).collect::<Vec<_>>().join(", ")
}
