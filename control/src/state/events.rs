//! What happened to policies after they were applied: a log in one file, written anew and renamed with each event.
//!
//! Refuses nothing, promises the last [`KEPT_EVENTS`]. If it is damaged it begins anew; no policy depends on it.

use serde::{Deserialize, Serialize};

use super::sealed;
use crate::api::{Event, What};

/// Events, oldest first.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct EventLog {
    events: Vec<Event>,
}

impl EventLog {
    /// Adds the newest, forgets the oldest.
    pub fn add(&mut self, event: Event) {
        self.events.push(event);
        let surplus = self.events.len().saturating_sub(KEPT_EVENTS);
        self.events.drain(..surplus);
    }

    /// All, oldest first.
    pub fn events(&self) -> &[Event] {
        &self.events
    }

    /// The latest second that a policy names and that is known to have taken effect.
    pub fn last_due(&self, number: u64) -> Option<i64> {
        let took = self.events.iter().filter(|event| event.what == What::TookEffect && event.number == number);
        took.filter_map(|event| event.due).max()
    }

    /// As it stands on disk.
    pub(super) fn to_text(&self) -> String {
        // Plain fields cannot fail to serialise.
        sealed::seal(&serde_json::to_string(self).unwrap_or_default())
    }

    /// From what stands on disk; none if it is damaged.
    pub(super) fn from_text(text: &str) -> Option<EventLog> {
        serde_json::from_str(sealed::open(text).ok()?).ok()
    }
}

/// How many events are kept.
pub const KEPT_EVENTS: usize = 1000;

#[cfg(test)]
mod tests {
    use super::*;

    fn event(at: i64) -> Event {
        Event { at, what: What::TookEffect, number: 3, due: Some(at - 1), ..Event::default() }
    }

    #[test]
    fn it_comes_back_from_disk_unless_it_was_cut_or_changed() {
        let mut log = EventLog::default();
        log.add(event(100));
        let text = log.to_text();
        assert_eq!(EventLog::from_text(&text), Some(log));
        (0..text.len()).for_each(|end| assert_eq!(EventLog::from_text(&text[..end]), None, "cut at {end}"));
        assert_eq!(EventLog::from_text(&text.replace("100", "101")), None);
    }

    #[test]
    fn it_is_bounded_and_forgets_the_oldest() {
        let mut log = EventLog::default();
        (0..=KEPT_EVENTS as i64).for_each(|at| log.add(event(at)));
        assert_eq!((log.events().len(), log.events()[0].at), (KEPT_EVENTS, 1));
        assert_eq!((log.last_due(3), log.last_due(4)), (Some(KEPT_EVENTS as i64 - 1), None));
    }
}
