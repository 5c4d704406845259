//! In which stage each pool is, since when, and what comes next: seen by the supervisor, told by the desk.

use std::sync::Arc;

use gate25_include::image::{Image, Kind, Pool};
use hashbrown::HashMap;

use super::held::Held;
use super::shared::View;
use super::{Supervisor, now};
use crate::api::PoolStage;
use crate::config::Word;
use crate::policy::Policy;
use crate::state::{ABSENT, EXPIRED, StageLog};

impl Supervisor {
    /// Notes the stages of an image that has come into force.
    pub(super) fn note_stages(&mut self, image: &Image) {
        let Some(log) = self.stages_with(image) else { return };
        if let Err(error) = self.store.keep_stages(&log) {
            self.say(format!("{error}; until then, since when a pool is in its stage is lost at the next restart"));
        }
        self.shared.change(|view| view.stages = Arc::new(log));
    }

    /// What is known of stages, with those of this image; none if it brings nothing new.
    fn stages_with(&self, image: &Image) -> Option<StageLog> {
        let compiled_at = image.compiled_at();
        let awaiting = self.awaiting.as_ref().filter(|one| one.generation == image.generation()).map(|one| &one.held);
        let came = awaiting.or(self.held.as_deref()).map(|held| came(held, compiled_at)).unwrap_or_default();
        let pools: Vec<Pool<'_>> = image.pools().collect();
        let stages = pools.iter().map(|pool| match (stage_name(pool), came.get(pool.name)) {
            ("exempt", Some(at)) => (pool.name, EXPIRED, *at),
            ("enforce", Some(at)) => (pool.name, "enforce", *at),
            (stage, _) => (pool.name, stage, compiled_at),
        });
        let mut log = (*self.shared.view().stages).clone();
        log.observe(stages, compiled_at, now()).then_some(log)
    }
}

/// The times of a policy that have come by a second, by the name of the pool or exemption; for one that had come when the
/// policy was applied, the second in which it was.
fn came(held: &Held, by: i64) -> HashMap<&str, i64> {
    let applied = held.stored.manifest.applied_at;
    let pools = held.policy.pools.iter().map(|pool| (pool.name.as_str(), pool.enforce_from));
    let exempts = held.policy.exempts.iter().map(|exempt| (exempt.name.as_str(), exempt.expires));
    let times = pools.chain(exempts).filter_map(|(name, at)| Some((name, at?)));
    times.filter(|(_, at)| *at <= by).map(|(name, at)| (name, at.max(applied))).collect()
}

/// The stage of each pool and exemption, by name, as of `at` or now; only of `pool`, if it is given.
pub(super) fn stages(view: &View, pool: Option<&str>, at: Option<i64>) -> Vec<PoolStage> {
    let running = view.running().filter(|_| at.is_none());
    let next = running.map(|held| next_changes(&held.policy, now())).unwrap_or_default();
    let seen = view.stages.at(at.unwrap_or(i64::MAX));
    let wanted = |name: &str| pool.is_none_or(|pool| pool == name);
    let row = |(&name, &change): (&&str, &&crate::state::StageChange)| {
        let next = next.get(name);
        PoolStage {
            pool: name.to_owned(),
            stage: change.stage.clone(),
            since: Some(change.at),
            next_at: next.map(|(at, _)| *at),
            next: next.map(|(_, what)| (*what).to_owned()),
        }
    };
    let there = seen.iter().filter(|(name, change)| wanted(name) && (pool.is_some() || change.stage != ABSENT));
    let mut rows: Vec<PoolStage> = there.map(row).collect();
    rows.sort_by(|a, b| a.pool.cmp(&b.pool));
    rows
}

/// What changes next by itself, by the name of the pool or exemption.
pub fn next_changes(policy: &Policy, now: i64) -> HashMap<&str, (i64, &'static str)> {
    let pools = policy.pools.iter().map(|pool| (pool.name.as_str(), pool.enforce_from, "enforce"));
    let exempts = policy.exempts.iter().map(|exempt| (exempt.name.as_str(), exempt.expires, "expired"));
    let coming = pools.chain(exempts).filter_map(|(name, at, what)| Some((name, (at?, what))));
    coming.filter(|(_, (at, _))| *at > now).collect()
}

/// The stage of a pool of an image in words, "exempt" for an exemption.
pub fn stage_name(pool: &Pool<'_>) -> &'static str {
    match pool.kind {
        Kind::Exempt => "exempt",
        Kind::Pool => pool.stage.word(),
    }
}
