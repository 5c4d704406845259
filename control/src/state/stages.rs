//! Since when each pool is in its stage: a log of the changes that were seen in the dataplane.
//!
//! One file, written anew and renamed when something changed. It remembers the last change of every name, and
//! of the older ones the newest [`KEPT_CHANGES`]. If it is damaged, times begin anew; no policy depends on it.

use hashbrown::{HashMap, HashSet};
use serde::{Deserialize, Serialize};

use super::sealed;

/// Changes of stage, oldest first.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct StageLog {
    changes: Vec<StageChange>,
}

/// From this second on a pool was in this stage.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StageChange {
    /// The unix second.
    pub at: i64,
    /// Name of the pool or exemption.
    pub pool: String,
    /// Its stage, "exempt" for an exemption, [`ABSENT`] once it is in no policy.
    pub stage: String,
}

impl StageLog {
    /// Notes the stages that hold now, each with its name and the second from which on it holds; what is in no policy any
    /// more is so since `compiled_at`. If a later change stands here already, an older image has come back, which was seen
    /// at `now`. True if anything was noted.
    pub fn observe<'a>(
        &mut self,
        stages: impl Iterator<Item = (&'a str, &'a str, i64)>,
        compiled_at: i64,
        now: i64,
    ) -> bool {
        let last: HashMap<&str, &StageChange> = self.changes.iter().map(|one| (one.pool.as_str(), one)).collect();
        let mut found = Vec::new();
        let mut there = HashSet::new();
        let mut note = |pool: &str, stage: &str, holds: i64, before: Option<i64>| {
            let at = if before.is_some_and(|before| before > holds) { now } else { holds };
            found.push(StageChange { at, pool: pool.to_owned(), stage: stage.to_owned() });
        };
        for (pool, stage, holds) in stages {
            there.insert(pool);
            let before = last.get(pool);
            if before.is_none_or(|before| before.stage != stage) {
                note(pool, stage, holds, before.map(|before| before.at));
            }
        }
        let gone = last.values().filter(|one| one.stage != ABSENT && !there.contains(one.pool.as_str()));
        gone.for_each(|one| note(&one.pool, ABSENT, compiled_at, Some(one.at)));
        drop(last);
        let changed = !found.is_empty();
        self.changes.append(&mut found);
        self.forget();
        changed
    }

    /// The last change of each name, as of a second.
    pub fn at(&self, second: i64) -> HashMap<&str, &StageChange> {
        self.changes.iter().filter(|one| one.at <= second).map(|one| (one.pool.as_str(), one)).collect()
    }

    /// As it stands on disk.
    pub(super) fn to_text(&self) -> String {
        // Plain fields cannot fail to serialise.
        sealed::seal(&serde_json::to_string(self).unwrap_or_default())
    }

    /// From what stands on disk; none if it is damaged.
    pub(super) fn from_text(text: &str) -> Option<StageLog> {
        serde_json::from_str(sealed::open(text).ok()?).ok()
    }

    /// Drops the oldest changes that were followed by another of the same name.
    fn forget(&mut self) {
        let mut seen = HashSet::new();
        let last: Vec<bool> = self.changes.iter().rev().map(|one| seen.insert(one.pool.clone())).collect();
        let superseded = last.iter().filter(|last| !**last).count();
        let mut surplus = superseded.saturating_sub(KEPT_CHANGES);
        let mut last = last.into_iter().rev();
        self.changes.retain(|_| {
            let is_last = last.next().unwrap_or(true);
            let goes = !is_last && surplus > 0;
            surplus -= usize::from(goes);
            !goes
        });
    }
}

/// The stage of an exemption whose time is over.
pub const EXPIRED: &str = "expired";

/// The stage of what is in no policy.
pub const ABSENT: &str = "absent";

/// How many changes that are not the last of their name are kept.
pub const KEPT_CHANGES: usize = 10_000;

#[cfg(test)]
mod tests {
    use super::*;

    fn since(log: &StageLog, pool: &str, at: i64) -> Option<(String, i64)> {
        log.at(at).get(pool).map(|one| (one.stage.clone(), one.at))
    }

    #[test]
    fn a_stage_begins_when_it_was_compiled_for_or_when_an_older_image_came_back() {
        let mut log = StageLog::default();
        let first = |at| [("east", "monitor", at), ("static", "exempt", at)].into_iter();
        assert!(log.observe(first(100), 100, 101));
        assert!(!log.observe(first(150), 150, 151));
        assert!(log.observe([("east", "enforce", 200)].into_iter(), 200, 201));
        // The confirm timer: the image of second 150 is back.
        assert!(log.observe(first(150), 150, 260));
        assert_eq!(since(&log, "east", 999).unwrap(), ("monitor".into(), 260));
        assert_eq!(since(&log, "east", 259).unwrap(), ("enforce".into(), 200));
        assert_eq!(since(&log, "east", 199).unwrap(), ("monitor".into(), 100));
        assert_eq!(since(&log, "static", 210).unwrap(), (ABSENT.into(), 200));
        assert_eq!(since(&log, "east", 99), None);
        // Two times that came while nobody looked, seen in the image of the second.
        assert!(log.observe([("east", "enforce", 300), ("static", "expired", 310)].into_iter(), 310, 320));
        assert_eq!(
            (since(&log, "east", 999).unwrap(), since(&log, "static", 999).unwrap()),
            (("enforce".into(), 300), ("expired".into(), 310))
        );
    }

    #[test]
    fn it_comes_back_from_disk_unless_it_was_cut_or_changed() {
        let mut log = StageLog::default();
        log.observe([("east", "monitor", 100)].into_iter(), 100, 101);
        let text = log.to_text();
        assert_eq!(StageLog::from_text(&text), Some(log));
        (0..text.len()).for_each(|end| assert_eq!(StageLog::from_text(&text[..end]), None, "cut at {end}"));
        assert_eq!(StageLog::from_text(&text.replace("100", "101")), None);
    }

    #[test]
    fn it_is_bounded_and_keeps_the_last_of_each_name() {
        let mut log = StageLog::default();
        log.observe([("quiet", "off", 0), ("busy", "off", 0)].into_iter(), 0, 0);
        for round in 1..=2 * KEPT_CHANGES as i64 / 100 {
            // A hundred changes at once, built by hand: observing each would be slow.
            let stage = |n: i64| if n % 2 == 0 { "off" } else { "monitor" };
            let more = (0..100).map(|n| StageChange { at: round, pool: "busy".into(), stage: stage(n).into() });
            log.changes.extend(more);
            log.forget();
        }
        assert_eq!(log.changes.len(), KEPT_CHANGES + 2);
        assert_eq!(since(&log, "quiet", i64::MAX), Some(("off".into(), 0)));
    }
}
