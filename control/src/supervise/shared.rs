//! What the supervisor last knew, for those who answer clients and scrapes.
//!
//! Locks here are held for a copy of a few pointers, never over a question to the dataplane: a
//! dataplane that hangs does not keep a scrape waiting.

use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use gate25_include::handover::Status;
use gate25_include::image::Image;
use gate25_include::telemetry::TelemetryReader;

use super::held::Held;
use crate::publish::Welcome;
use crate::state::{EventLog, StageLog};

/// What is known, at one moment.
#[derive(Clone, Debug, Default)]
pub struct View {
    /// Why the dataplane cannot be asked; none if it answers.
    pub unreachable: Option<String>,
    /// Whether the dataplane answered when it was last asked.
    pub up: bool,
    /// The dataplane as it said hello last.
    pub welcome: Welcome,
    /// What it ran when last asked.
    pub status: Status,
    /// Its telemetry; readable also when it is gone.
    pub telemetry: Option<Arc<TelemetryReader>>,
    /// The image it runs.
    pub image: Option<Arc<Image>>,
    /// The policy that should be in force.
    pub held: Option<Arc<Held>>,
    /// The policy that runs but waits for confirmation, and its generation.
    pub awaiting: Option<(u64, Arc<Held>)>,
    /// Since when each pool is in its stage.
    pub stages: Arc<StageLog>,
    /// What happened to policies after they were applied.
    pub events: Arc<EventLog>,
    /// What is wrong, and what to do.
    pub problem: Option<String>,
}

impl View {
    /// Whether the dataplane runs what it should, the policy that waits for confirmation included; none if no
    /// policy is held.
    pub fn digest_match(&self) -> Option<bool> {
        self.running().map(|held| held.digest != 0 && held.digest == self.status.digest)
    }

    /// The policy that should run: the one that waits for confirmation while it is in force, else the one held.
    pub fn running(&self) -> Option<&Arc<Held>> {
        let awaiting = self.awaiting.as_ref().filter(|(generation, _)| *generation == self.status.generation);
        awaiting.map(|(_, held)| held).or(self.held.as_ref())
    }
}

/// How often things happened since control started.
#[derive(Debug, Default)]
pub struct Counts {
    /// Commits that came into force.
    pub applied: AtomicU64,
    /// Commits refused.
    pub refused: AtomicU64,
    /// Images published without a commit: after a restart, or because a time came.
    pub republished: AtomicU64,
    /// Connections made to the dataplane.
    pub connects: AtomicU64,
    /// Whether the last commit, confirmation or rollback that was asked for failed.
    pub last_failed: AtomicBool,
    /// Unix second of the last one that succeeded; 0 for none since control started.
    pub last_success_at: AtomicI64,
}

impl Counts {
    pub(super) fn add(counter: &AtomicU64) {
        counter.fetch_add(1, Ordering::Relaxed);
    }

    /// Counts what came of something that was asked for.
    pub(super) fn came_of_it(&self, success: bool, now: i64) {
        Counts::add(if success { &self.applied } else { &self.refused });
        self.last_failed.store(!success, Ordering::Relaxed);
        if success {
            self.last_success_at.store(now, Ordering::Relaxed);
        }
    }
}

/// What threads share.
#[derive(Debug)]
pub struct Shared {
    /// Unix second at which control started.
    pub started_at: i64,
    /// What happened how often.
    pub counts: Counts,
    view: Mutex<View>,
    commit: Mutex<Option<String>>,
}

impl Shared {
    /// Nothing known yet.
    pub fn new(started_at: i64) -> Shared {
        let view = View { unreachable: Some("not asked yet".into()), ..View::default() };
        Shared { started_at, counts: Counts::default(), view: Mutex::new(view), commit: Mutex::new(None) }
    }

    /// What is known.
    pub fn view(&self) -> View {
        lock(&self.view).clone()
    }

    /// The commit in flight, if there is one.
    pub fn in_flight(&self) -> Option<String> {
        lock(&self.commit).clone()
    }

    pub(super) fn change(&self, change: impl FnOnce(&mut View)) {
        change(&mut lock(&self.view));
    }

    /// Takes the one place there is for a commit.
    ///
    /// # Errors
    /// What the commit is called that has it.
    pub(super) fn begin(self: &Arc<Self>, what: String) -> Result<InFlight, String> {
        let mut commit = lock(&self.commit);
        match &*commit {
            Some(first) => Err(first.clone()),
            None => {
                *commit = Some(what);
                Ok(InFlight(Arc::clone(self)))
            }
        }
    }
}

/// The place for a commit; free again when dropped.
#[derive(Debug)]
pub(super) struct InFlight(Arc<Shared>);

impl Drop for InFlight {
    fn drop(&mut self) {
        *lock(&self.0.commit) = None;
    }
}

/// What a thread that panicked left is still what it last wrote.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
