//! Times to come: their images lie ready in the dataplane, which needs nobody to bring them into force.
//!
//! Promise: the times of the next [`HORIZON`] seconds, at most as many as the dataplane takes, are planned a round after a
//! policy has come into force for good. While a policy waits for confirmation nothing is planned behind it.

use std::time::Instant;

use gate25_include::handover::{MAX_PLANNED, Status};

use super::held::Held;
use super::round::RETRY;
use super::{Supervisor, now};
use crate::publish::{self, Planned};

/// What lies ready in the dataplane, as far as this control knows.
#[derive(Debug, Default)]
pub(super) struct Ahead {
    /// The times that were wanted when it was planned; none if that is to be done anew.
    wanted: Option<Vec<i64>>,
    planned: Vec<Planned>,
    /// Not before this moment is a failed planning tried again.
    retry_at: Option<Instant>,
}

impl Ahead {
    /// Whether the dataplane is about to do by itself what is due at `now`.
    pub(super) fn covers(&self, now: i64) -> bool {
        self.planned.iter().any(|one| (one.at..=one.at + GRACE).contains(&now))
    }
}

impl Supervisor {
    /// If the dataplane runs an image that was planned, its time has come.
    pub(super) fn came_by_itself(&mut self, status: Status) {
        let found =
            self.ahead.planned.iter().find(|one| (one.generation, one.digest) == (status.generation, status.digest));
        let (Some(Planned { at, digest, .. }), Some(held)) = (found.copied(), self.held.clone()) else { return };
        self.ahead.planned.retain(|one| one.at > at);
        self.say(format!("policy {} changed at its time, generation {}", held.stored.number, status.generation));
        self.hold(Held { compiled_at: at, digest, ..Held::clone(&held) });
    }

    /// Plans what the policy in force does by itself, unless that is done.
    pub(super) fn plan_ahead(&mut self) {
        let Some(held) = self.held.clone().filter(|held| held.digest != 0) else { return };
        let now = now();
        let coming = held.policy.changes(now.saturating_add(1)..=now.saturating_add(HORIZON));
        let times: Vec<i64> = coming.iter().take(MAX_PLANNED).map(|changes| changes.at).collect();
        let Ahead { wanted, retry_at, .. } = &mut self.ahead;
        let same = wanted.as_mut().is_some_and(|wanted| {
            wanted.retain(|at| *at > now);
            *wanted == times
        });
        if same || retry_at.is_some_and(|at| Instant::now() < at) {
            return;
        }
        let Some(dataplane) = self.dataplane.as_mut() else { return };
        match publish::plan(&held.policy, &times, dataplane, &mut self.known) {
            Ok(planned) => self.ahead = Ahead { wanted: Some(times), planned, retry_at: None },
            Err(error) => {
                self.ahead = Ahead { retry_at: Some(Instant::now() + RETRY), ..Ahead::default() };
                self.say(format!("times to come are not planned in the dataplane: {error}; gate25-control keeps them"));
            }
        }
    }
}

/// How far ahead is planned, in seconds: so long gate25-control may be dead.
const HORIZON: i64 = 31 * 86_400;

/// Seconds for which what is due is left to the dataplane.
const GRACE: i64 = 1;
