//! What a pool does to its lines, comparable between two policies.
//!
//! Group masks of two policies do not compare, as each numbers its own groups; so groups get numbers
//! by name, and all that counts as a change gets one number, which is all that is compared per prefix.

use hashbrown::HashMap;

use crate::policy::{Effective, Match, Owner, Stage, Undetermined};

/// What decides whether and how a line is under enforcement.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Rule {
    /// Percent of lines under enforcement now: 0 unless the stage is enforce.
    pub(super) percent: u8,
    /// IPv6 bits that make one line.
    pub(super) line_prefix: u8,
    /// Number of the [`Behaviour`]: what is blocked and what is not.
    pub(super) behaviour: u32,
}

/// A change to one of these is a change to every line under enforcement.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Behaviour {
    matching: Match,
    return_traffic: bool,
    undetermined: Undetermined,
    /// Masks over the groups of both policies, by name.
    allow: u128,
    only: Option<u128>,
}

/// Numbers group names and behaviours alike in both policies.
#[derive(Debug, Default)]
pub(super) struct Numbers<'a> {
    /// At most 63 groups in each policy, so 126 bits are enough.
    groups: HashMap<&'a str, u32>,
    behaviours: HashMap<Behaviour, u32>,
}

impl<'a> Numbers<'a> {
    /// The rule of each owner of the source table: a pool's, or nothing for an exemption.
    pub(super) fn rules(&mut self, at: &Effective<'a>) -> Vec<Option<Rule>> {
        let owners = at.policy.pools.len() + at.policy.exempts.len();
        (0..owners).map(|owner| u16::try_from(owner).ok().and_then(|owner| self.rule(at, owner))).collect()
    }

    fn rule(&mut self, at: &Effective<'a>, owner: u16) -> Option<Rule> {
        let Owner::Pool(index) = at.policy.owner(owner) else {
            return None;
        };
        let pool = at.policy.pools.get(index)?;
        let behaviour = Behaviour {
            matching: pool.matching,
            return_traffic: pool.return_traffic,
            undetermined: pool.undetermined,
            allow: self.mask(&at.policy.group_names(pool.allow)),
            only: pool.only.map(|only| self.mask(&at.policy.group_names(only))),
        };
        let next = u32::try_from(self.behaviours.len()).unwrap_or(u32::MAX);
        let behaviour = *self.behaviours.entry(behaviour).or_insert(next);
        let percent = if at.stage(pool) == Stage::Enforce { pool.share } else { 0 };
        Some(Rule { percent, line_prefix: pool.line_prefix, behaviour })
    }

    fn mask(&mut self, names: &[&'a str]) -> u128 {
        names.iter().fold(0, |mask, name| {
            let next = u32::try_from(self.groups.len()).unwrap_or(u32::MAX);
            let bit = *self.groups.entry(name).or_insert(next);
            mask | 1u128.checked_shl(bit).unwrap_or(0)
        })
    }
}
