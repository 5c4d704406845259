//! Both policies at one time, and who changes from one time to the next.
//!
//! A change between two times is one of the old policy as well as of the new one: both go on.

use super::rule::{Numbers, Rule};
use crate::policy::{Effective, Policy};

/// Both policies at one time, with the rule of each owner of their source tables.
pub(super) struct Moment<'a> {
    pub(super) old: Option<Effective<'a>>,
    pub(super) new: Effective<'a>,
    pub(super) old_rules: Vec<Option<Rule>>,
    pub(super) new_rules: Vec<Option<Rule>>,
}

impl<'a> Moment<'a> {
    pub(super) fn new(old: Option<&'a Policy>, new: &'a Policy, time: i64, numbers: &mut Numbers<'a>) -> Self {
        let old = old.map(|policy| policy.at(time));
        let new = new.at(time);
        let old_rules = old.as_ref().map_or_else(Vec::new, |old| numbers.rules(old));
        let new_rules = numbers.rules(&new);
        Self { old, new, old_rules, new_rules }
    }
}

/// By owner of the source table: whether it has a time at which it changes by itself.
pub(super) fn timed(policy: &Policy) -> Vec<bool> {
    times(policy).map(|time| time.is_some()).collect()
}

/// The owners that change by themselves after `from` up to and in `to`.
pub(super) fn changing(policy: &Policy, from: i64, to: i64) -> Vec<u16> {
    let owners = times(policy).enumerate();
    let changing = owners.filter(|(_, time)| time.is_some_and(|time| from < time && time <= to));
    changing.filter_map(|(owner, _)| u16::try_from(owner).ok()).collect()
}

fn times(policy: &Policy) -> impl Iterator<Item = Option<i64>> {
    let pools = policy.pools.iter().map(|pool| pool.enforce_from);
    pools.chain(policy.exempts.iter().map(|exempt| exempt.expires))
}
