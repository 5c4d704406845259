//! The policy control holds: what should be in force.

use std::sync::Arc;

use crate::api::PolicyState;
use crate::policy::Policy;
use crate::state::Stored;

/// A policy and where it is stored.
#[derive(Clone, Debug)]
pub struct Held {
    /// Its copy on disk.
    pub stored: Stored,
    /// The policy itself.
    pub policy: Arc<Policy>,
    /// The second for which it was compiled last.
    pub compiled_at: i64,
    /// Digest it then had; 0 before it was compiled.
    pub digest: u128,
}

/// A policy that runs, but which the dataplane leaves again unless it is confirmed.
#[derive(Debug)]
pub(super) struct Awaiting {
    pub(super) held: Held,
    pub(super) generation: u64,
}

impl Held {
    /// About its commit.
    pub fn state(&self) -> PolicyState {
        policy_state(&self.stored)
    }

    /// The next second in which it changes by itself.
    pub fn next_change(&self) -> Option<i64> {
        self.policy.next_change(self.compiled_at)
    }

    /// Whether it would compile to something else at `now`: a change came due, or the clock went back
    /// behind one.
    pub(super) fn is_overdue(&self, now: i64) -> bool {
        let (from, to) = (self.compiled_at.min(now), self.compiled_at.max(now));
        from < to && !self.policy.changes(from.saturating_add(1)..=to).is_empty()
    }
}

/// About the commit of a stored policy.
pub(super) fn policy_state(stored: &Stored) -> PolicyState {
    let manifest = &stored.manifest;
    PolicyState {
        number: stored.number,
        path: manifest.policy_path().to_owned(),
        applied_at: manifest.applied_at,
        by: manifest.by,
        comment: manifest.comment.clone(),
        force: manifest.force.clone(),
        digest: manifest.digest.clone(),
        generation: manifest.generation,
        bytes: manifest.files.iter().map(|file| file.bytes).sum(),
        prefixes: manifest.prefixes,
    }
}
