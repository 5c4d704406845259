//! Guard rails: what a commit would change, in address space, and whether that is too much at once.
//!
//! [`compare`] sets a new policy against the one in force. It counts exactly, in integers: IPv4 in
//! addresses, IPv6 in lines, each weighted by `share`, longest prefix wins, now and at each coming
//! `enforce_from` and `expires` of the new policy. A time to come is compared with what the old
//! policy would do at that time, so that a change which was committed once is not held up again.
//!
//! - *Newly enforced* is measured against all pool space of the new policy, *newly released* against
//!   that of the old one; more than `max_flip_percent` of the new policy is a violation.
//! - A changed `match`, `return_traffic`, `undetermined`, `only` or `allow` counts its enforced space
//!   as both. Groups are compared by name: another server in a group is no change to `allow`.
//! - Without an old policy all enforced space is newly enforced.

mod rule;
mod sections;
mod space;
mod sweep;
mod violation;

use std::collections::BTreeSet;

use hashbrown::HashMap;

use crate::policy::{Address, Effective, Entry, Policy};
use rule::{GroupBits, Rule};
pub use sections::SectionChange;
pub use space::Space;
use sweep::{Side, Stretch, Tally, sweep};
pub use violation::{Family, Violation};

/// What a commit would change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Comparison {
    /// What flips: now, then at each coming change of the new policy, in the order of time.
    pub flips: Vec<Flip>,
    /// Sections that are not as they were: pools, exemptions, destinations, tunnels, by name in each.
    pub sections: Vec<SectionChange>,
    /// What goes too far; empty if the commit needs no `--force`.
    pub violations: Vec<Violation>,
}

/// What flips at one time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Flip {
    /// The unix second.
    pub at: i64,
    /// IPv4, in addresses.
    pub v4: FamilyFlip,
    /// IPv6, in lines.
    pub v6: FamilyFlip,
    /// Pools with something newly enforced or released, by name.
    pub pools: Vec<PoolFlip>,
}

/// What flips in one address family.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct FamilyFlip {
    /// Newly enforced, weighted by share.
    pub enforced: Space,
    /// Newly released, weighted by share.
    pub released: Space,
    /// All pool space of the old policy.
    pub lines_before: u128,
    /// All pool space of the new policy.
    pub lines_after: u128,
}

/// What flips in one pool: enforced by the pool of this name in the new policy, released by the one
/// in the old.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PoolFlip {
    /// The pool's name.
    pub name: String,
    /// IPv4 addresses newly enforced.
    pub enforced4: Space,
    /// IPv6 lines newly enforced.
    pub enforced6: Space,
    /// IPv4 addresses newly released.
    pub released4: Space,
    /// IPv6 lines newly released.
    pub released6: Space,
}

/// Compares the policy in force (none before the first commit) with a new one, as of `now`.
///
/// Takes one pass over both source tables for each time at which the new policy changes.
pub fn compare(old: Option<&Policy>, new: &Policy, now: i64) -> Comparison {
    let coming = new.changes(now.saturating_add(1)..=i64::MAX);
    let times: BTreeSet<i64> = std::iter::once(now).chain(coming.iter().map(|changes| changes.at)).collect();
    let flips: Vec<Flip> = times.into_iter().map(|time| flip_at(old, new, time)).collect();
    let sections = sections::changes(old, new, now);
    let mut violations = violation::short_prefixes(new);
    violations.extend(flips.iter().flat_map(|flip| violation::flips(flip, now, new.max_flip_percent)));
    violations.extend(violation::losses(&sections));
    violations.extend(violation::files(old, new));
    Comparison { flips, sections, violations }
}

fn flip_at(old: Option<&Policy>, new: &Policy, time: i64) -> Flip {
    let mut bits = GroupBits::default();
    let old = old.map(|policy| policy.at(time));
    let new = new.at(time);
    let old_rules = old.as_ref().map_or_else(Vec::new, |old| bits.rules(old));
    let new_rules = bits.rules(&new);
    let old4 = old.as_ref().into_iter().flat_map(|old| stretches(old.sources4()));
    let old6 = old.as_ref().into_iter().flat_map(|old| stretches(old.sources6()));
    let v4 = tallies(old4, stretches(new.sources4()), &old_rules, &new_rules, 32);
    let v6 = tallies(old6, stretches(new.sources6()), &old_rules, &new_rules, 128);
    let pools = pool_flips(old.as_ref(), &new, &v4, &v6);
    Flip { at: time, v4: family(&v4), v6: family(&v6), pools }
}

/// Tallies of the old side and of the new side, by owner.
type Tallies = (Vec<Tally>, Vec<Tally>);

fn tallies(
    old: impl Iterator<Item = Stretch>,
    new: impl Iterator<Item = Stretch>,
    old_rules: &[Option<Rule>],
    new_rules: &[Option<Rule>],
    bits: u8,
) -> Tallies {
    sweep(Side { prefixes: old, rules: old_rules }, Side { prefixes: new, rules: new_rules }, bits)
}

fn stretches<'a, A: Address>(entries: impl Iterator<Item = &'a Entry<A>>) -> impl Iterator<Item = Stretch> {
    entries.map(|entry| Stretch {
        first: entry.address.into(),
        last: entry.last().into(),
        owner: entry.owner,
        len: entry.len,
    })
}

fn family((old, new): &Tallies) -> FamilyFlip {
    let sum = |tallies: &[Tally]| {
        tallies.iter().fold((0u128, Space::default()), |(lines, mut flipped), tally| {
            flipped += tally.flipped;
            (lines.saturating_add(tally.lines), flipped)
        })
    };
    let ((lines_before, released), (lines_after, enforced)) = (sum(old), sum(new));
    FamilyFlip { enforced, released, lines_before, lines_after }
}

fn pool_flips(old: Option<&Effective<'_>>, new: &Effective<'_>, v4: &Tallies, v6: &Tallies) -> Vec<PoolFlip> {
    let mut found: HashMap<&str, PoolFlip> = HashMap::new();
    if let Some(old) = old {
        for (pool, (four, six)) in old.policy.pools.iter().zip(v4.0.iter().zip(&v6.0)) {
            let flip = found.entry(&pool.name).or_default();
            (flip.released4, flip.released6) = (four.flipped, six.flipped);
        }
    }
    for (pool, (four, six)) in new.policy.pools.iter().zip(v4.1.iter().zip(&v6.1)) {
        let flip = found.entry(&pool.name).or_default();
        (flip.enforced4, flip.enforced6) = (four.flipped, six.flipped);
    }
    let unchanged = PoolFlip::default();
    let mut flips: Vec<PoolFlip> = found
        .into_iter()
        .filter(|(_, flip)| *flip != unchanged)
        .map(|(name, flip)| PoolFlip { name: name.to_owned(), ..flip })
        .collect();
    flips.sort_by(|a, b| a.name.cmp(&b.name));
    flips
}
