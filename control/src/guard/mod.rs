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

mod moment;
mod rule;
mod sections;
mod space;
mod sweep;
mod timeline;
mod violation;

use hashbrown::HashMap;

use crate::policy::Policy;
use moment::Moment;
use rule::Numbers;
pub use sections::SectionChange;
pub use space::Space;
use timeline::Timeline;
pub use violation::{Family, TooMuch, Violation};

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
    pub before: Space,
    /// All pool space of the new policy.
    pub after: Space,
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
/// Takes one pass over both source tables, and for each time at which the new policy changes one over
/// the prefixes around those of the owners that change.
pub fn compare(old: Option<&Policy>, new: &Policy, now: i64) -> Comparison {
    let flips = flips(old, new, now);
    let sections = sections::changes(old, new, now);
    let mut violations = violation::short_prefixes(new);
    violations.extend(flips.iter().flat_map(|flip| violation::flips(flip, now, new.max_flip_percent)));
    violations.extend(violation::losses(&sections));
    violations.extend(violation::files(old, new));
    Comparison { flips, sections, violations }
}

fn flips(old: Option<&Policy>, new: &Policy, now: i64) -> Vec<Flip> {
    let mut numbers = Numbers::default();
    let mut at = Moment::new(old, new, now, &mut numbers);
    let (old4, old6) = old.map_or((&[][..], &[][..]), |old| (old.sources.v4.as_slice(), old.sources.v6.as_slice()));
    let mut v4 = Timeline::new(old4, &new.sources.v4, &at);
    let mut v6 = Timeline::new(old6, &new.sources.v6, &at);
    let mut flips = vec![flip(&at, &v4, &v6)];
    for changes in new.changes(now.saturating_add(1)..=i64::MAX) {
        let next = Moment::new(old, new, changes.at, &mut numbers);
        v4.advance(&at, &next);
        v6.advance(&at, &next);
        flips.push(flip(&next, &v4, &v6));
        at = next;
    }
    flips
}

fn flip(at: &Moment<'_>, v4: &Timeline<'_, u32>, v6: &Timeline<'_, u128>) -> Flip {
    let mut found: HashMap<&str, PoolFlip> = HashMap::new();
    if let Some(old) = &at.old {
        for (pool, (four, six)) in old.policy.pools.iter().zip(v4.old.iter().zip(&v6.old)) {
            let flip = found.entry(&pool.name).or_default();
            (flip.released4, flip.released6) = (four.flipped, six.flipped);
        }
    }
    for (pool, (four, six)) in at.new.policy.pools.iter().zip(v4.new.iter().zip(&v6.new)) {
        let flip = found.entry(&pool.name).or_default();
        (flip.enforced4, flip.enforced6) = (four.flipped, six.flipped);
    }
    let unchanged = PoolFlip::default();
    let changed = found.into_iter().filter(|(_, flip)| *flip != unchanged);
    let mut pools: Vec<_> = changed.map(|(name, flip)| PoolFlip { name: name.to_owned(), ..flip }).collect();
    pools.sort_by(|a, b| a.name.cmp(&b.name));
    Flip { at: at.new.time, v4: v4.flip(), v6: v6.flip(), pools }
}
