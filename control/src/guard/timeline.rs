//! What flips in one address family, carried from one time to the next.
//!
//! The first time takes a pass over both source tables. Later times only count those regions anew in
//! which an owner changes. A region is a prefix that no other contains, with all that lie in it, in
//! either policy; no line reaches out of one, so what regions hold adds up.

use std::collections::BTreeSet;
use std::ops::Range;

use hashbrown::HashMap;

use super::moment::{Moment, changing, timed};
use super::sweep::{Side, Stretch, Tally, sweep};
use super::{FamilyFlip, Space};
use crate::policy::{Address, Effective, Entry, Policy};

/// One family of both source tables, and the tallies by owner at the time reached.
pub(super) struct Timeline<'a, A> {
    old_table: &'a [Entry<A>],
    new_table: &'a [Entry<A>],
    pub(super) old: Vec<Tally>,
    pub(super) new: Vec<Tally>,
    regions: Option<Regions>,
}

/// The regions of owners that change by themselves.
struct Regions {
    all: Vec<Region>,
    /// Indices of regions, by owner.
    old: HashMap<u16, Vec<usize>>,
    new: HashMap<u16, Vec<usize>>,
}

/// Indices of a region's prefixes in the old and in the new table.
struct Region {
    old: Range<usize>,
    new: Range<usize>,
}

impl<'a, A: Address> Timeline<'a, A> {
    /// One family at the first time.
    pub(super) fn new(old_table: &'a [Entry<A>], new_table: &'a [Entry<A>], first: &Moment<'a>) -> Self {
        let old = vec![Tally::default(); first.old_rules.len()];
        let new = vec![Tally::default(); first.new_rules.len()];
        let mut timeline = Self { old_table, new_table, old, new, regions: None };
        let all = Region { old: 0..old_table.len(), new: 0..new_table.len() };
        (timeline.old, timeline.new) = timeline.count(first, [&all].into_iter());
        timeline
    }

    /// Goes on to a later time.
    pub(super) fn advance(&mut self, from: &Moment<'a>, to: &Moment<'a>) {
        let (old_table, new_table) = (self.old_table, self.new_table);
        let old = from.old.as_ref().map(|old| old.policy);
        let regions = self.regions.take();
        let regions = regions.unwrap_or_else(|| Regions::new(old_table, new_table, old, from.new.policy));
        let affected = regions.affected(old, from.new.policy, from.new.time, to.new.time);
        let affected = || affected.iter().filter_map(|&index| regions.all.get(index));
        let (before, after) = (self.count(from, affected()), self.count(to, affected()));
        for (sums, (before, after)) in
            [&mut self.old, &mut self.new].into_iter().zip([(before.0, after.0), (before.1, after.1)])
        {
            for (sum, (before, after)) in sums.iter_mut().zip(before.into_iter().zip(after)) {
                sum.all += after.all;
                sum.all -= before.all;
                sum.flipped += after.flipped;
                sum.flipped -= before.flipped;
            }
        }
        self.regions = Some(regions);
    }

    /// What flips in all.
    pub(super) fn flip(&self) -> FamilyFlip {
        let sum = |tallies: &[Tally], of: fn(&Tally) -> Space| {
            tallies.iter().fold(Space::default(), |mut sum, tally| {
                sum += of(tally);
                sum
            })
        };
        FamilyFlip {
            enforced: sum(&self.new, |tally| tally.flipped),
            released: sum(&self.old, |tally| tally.flipped),
            before: sum(&self.old, |tally| tally.all),
            after: sum(&self.new, |tally| tally.all),
        }
    }

    /// Tallies of some regions at a time.
    fn count<'r>(&self, at: &Moment<'a>, regions: impl Iterator<Item = &'r Region>) -> (Vec<Tally>, Vec<Tally>) {
        let mut old = vec![Tally::default(); at.old_rules.len()];
        let mut new = vec![Tally::default(); at.new_rules.len()];
        for region in regions {
            let old_part = at.old.as_ref().into_iter().flat_map(|at| stretches(at, self.old_table, &region.old));
            let new_part = stretches(&at.new, self.new_table, &region.new);
            let old_side = Side { prefixes: old_part, rules: &at.old_rules, tallies: &mut old };
            let new_side = Side { prefixes: new_part, rules: &at.new_rules, tallies: &mut new };
            sweep(old_side, new_side, A::BITS);
        }
        (old, new)
    }
}

fn stretches<'a, A: Address>(
    at: &Effective<'a>,
    table: &'a [Entry<A>],
    range: &Range<usize>,
) -> impl Iterator<Item = Stretch> {
    at.in_place(table.get(range.clone()).unwrap_or_default()).map(|entry| Stretch {
        first: entry.address.into(),
        last: entry.last().into(),
        owner: entry.owner,
        len: entry.len,
    })
}

impl Regions {
    fn new<A: Address>(old: &[Entry<A>], new: &[Entry<A>], was: Option<&Policy>, is: &Policy) -> Self {
        let mut regions = Self { all: Vec::new(), old: HashMap::new(), new: HashMap::new() };
        let (timed_old, timed_new) = (was.map(timed).unwrap_or_default(), timed(is));
        let (mut at_old, mut at_new) = (0, 0);
        loop {
            let (first_old, first_new) = (old.get(at_old), new.get(at_new));
            let Some(start) = first_old.into_iter().chain(first_new).map(|entry| entry.address).min() else {
                return regions;
            };
            // Of those that begin here, the shortest stands first and contains the others.
            let begin = first_old.into_iter().chain(first_new).filter(|entry| entry.address == start);
            let last = begin.map(Entry::last).max().unwrap_or(start);
            let inside = |table: &[Entry<A>], from: usize| {
                let rest = table.get(from..).unwrap_or_default();
                from..from + rest.partition_point(|entry| entry.address <= last)
            };
            let region = Region { old: inside(old, at_old), new: inside(new, at_new) };
            (at_old, at_new) = (region.old.end, region.new.end);
            note(&mut regions.old, &timed_old, old.get(region.old.clone()), regions.all.len());
            note(&mut regions.new, &timed_new, new.get(region.new.clone()), regions.all.len());
            regions.all.push(region);
        }
    }

    /// The regions, in order, in which an owner changes after `from` up to and in `to`.
    fn affected(&self, was: Option<&Policy>, is: &Policy, from: i64, to: i64) -> BTreeSet<usize> {
        let old = was.map(|policy| changing(policy, from, to)).unwrap_or_default();
        let old = old.into_iter().filter_map(|owner| self.old.get(&owner));
        let new = changing(is, from, to).into_iter().filter_map(|owner| self.new.get(&owner));
        old.chain(new).flatten().copied().collect()
    }
}

/// Notes a region with each of its owners that change by themselves.
fn note<A>(by_owner: &mut HashMap<u16, Vec<usize>>, timed: &[bool], entries: Option<&[Entry<A>]>, region: usize) {
    let is_timed = |owner: u16| timed.get(usize::from(owner)).copied().unwrap_or(false);
    for entry in entries.unwrap_or_default().iter().filter(|entry| is_timed(entry.owner)) {
        let noted = by_owner.entry(entry.owner).or_default();
        if noted.last() != Some(&region) {
            noted.push(region);
        }
    }
}
