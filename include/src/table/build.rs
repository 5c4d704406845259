//! A table that is kept: changed prefix by prefix, and copied when it is wanted.

use std::borrow::Cow;
use std::cmp::Ordering;

use super::{Entry, Key, MOST_IN_RANGES, four, ranges, six};

/// A family's trie under change, with the prefixes it was made of.
pub trait Incremental<K>: Default {
    /// With these prefixes: sorted, none twice, values 1 to [`super::MAX_VALUE`].
    fn from_sorted(entries: &[Entry<K>]) -> Self;
    /// Puts a prefix in, or changes its value.
    fn insert(&mut self, entry: Entry<K>);
    /// Takes a prefix out.
    fn remove(&mut self, start: K, length: u8);
    /// The trie as it stands.
    fn words(&self) -> Cow<'_, [u32]>;
    /// Its prefixes, sorted.
    fn prefixes(&self) -> impl Iterator<Item = Entry<K>>;
    /// How many prefixes there are.
    fn count(&self) -> usize;
    /// Whether it has outgrown what its offsets can say; then it is of no use.
    fn is_full(&self) -> bool {
        false
    }
}

/// One difference between two sets of prefixes: what was, what is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Change<K> {
    /// Before; none if the prefix is new.
    pub before: Option<Entry<K>>,
    /// Now; none if the prefix is gone.
    pub now: Option<Entry<K>>,
}

/// What differs between two runs of prefixes, in their order; none if `now` is not sorted or has a prefix twice. `before` is
/// sorted; `same` says whether two entries of one prefix are equal.
pub fn changes<K: Key>(
    before: &[Entry<K>],
    now: &[Entry<K>],
    same: impl Fn(&Entry<K>, &Entry<K>) -> bool,
) -> Option<Vec<Change<K>>> {
    let prefix = |entry: &Entry<K>| (entry.start, entry.length);
    let mut last = None;
    // What is equal to a run of `before` is in order: only its ends are looked at.
    let mut in_order = |entries: &[Entry<K>]| {
        let is_behind = entries.first().is_none_or(|first| last < Some(prefix(first)));
        last = entries.last().map(prefix).or(last);
        is_behind
    };
    let (mut before, mut now, mut found) = (before, now, Vec::new());
    loop {
        // Nearly all are as they were.
        let equal = |(a, b): &(&Entry<K>, &Entry<K>)| a.start == b.start && a.length == b.length && same(a, b);
        let run = before.iter().zip(now).take_while(equal).count();
        let (equal, rest) = now.split_at_checked(run).unwrap_or_default();
        (before, now) = (before.get(run..).unwrap_or_default(), rest);
        let order = match (before.first(), now.first()) {
            (None, None) => return in_order(equal).then_some(found),
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
            (Some(a), Some(b)) => prefix(a).cmp(&prefix(b)),
        };
        let gone = if order.is_le() { before.split_off_first() } else { None };
        let come = if order.is_ge() { now.split_off_first() } else { None };
        if !in_order(equal) || !in_order(come.map(std::slice::from_ref).unwrap_or_default()) {
            return None;
        }
        found.push(Change { before: gone.copied(), now: come.copied() });
    }
}

/// Makes these changes: one by one, or all anew from `now` if they are many.
pub fn apply<K: Key>(build: &mut K::Build, changes: &[Change<K>], now: &[Entry<K>]) {
    if changes.len() > now.len() / MANY {
        *build = K::Build::from_sorted(now);
        return;
    }
    for change in changes {
        match (change.before, change.now) {
            (_, Some(entry)) => build.insert(entry),
            (Some(entry), None) => build.remove(entry.start, entry.length),
            (None, None) => {}
        }
    }
}

/// The words of a table as it stands: ranges if it has few prefixes, else its trie.
pub fn words<K: Key>(build: &K::Build) -> Cow<'_, [u32]> {
    if build.count() > MOST_IN_RANGES {
        return build.words();
    }
    let entries: Vec<Entry<K>> = build.prefixes().collect();
    Cow::Owned(ranges::build(&entries))
}

impl Incremental<u32> for four::Build {
    fn from_sorted(entries: &[Entry<u32>]) -> four::Build {
        four::Build::from_sorted(entries)
    }

    fn insert(&mut self, entry: Entry<u32>) {
        four::Build::insert(self, entry.start, entry.length, entry.value);
    }

    fn remove(&mut self, start: u32, length: u8) {
        four::Build::remove(self, start, length);
    }

    fn words(&self) -> Cow<'_, [u32]> {
        Cow::Borrowed(four::Build::words(self))
    }

    fn prefixes(&self) -> impl Iterator<Item = Entry<u32>> {
        four::Build::prefixes(self)
    }

    fn count(&self) -> usize {
        self.len()
    }
}

impl Incremental<u128> for six::Build {
    fn from_sorted(entries: &[Entry<u128>]) -> six::Build {
        six::Build::from_sorted(entries)
    }

    fn insert(&mut self, entry: Entry<u128>) {
        six::Build::insert(self, entry.start, entry.length, entry.value);
    }

    fn remove(&mut self, start: u128, length: u8) {
        six::Build::remove(self, start, length);
    }

    fn words(&self) -> Cow<'_, [u32]> {
        Cow::Borrowed(six::Build::words(self))
    }

    fn prefixes(&self) -> impl Iterator<Item = Entry<u128>> {
        six::Build::prefixes(self)
    }

    fn count(&self) -> usize {
        self.len()
    }

    fn is_full(&self) -> bool {
        six::Build::is_full(self)
    }
}

/// Part of a table whose change costs about as much as building all of it anew.
const MANY: usize = 8;

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn what_differs_is_what_two_maps_say(
            before in prop::collection::btree_map((0u32..40, 30u8..=32), 1u32..4, 0..60),
            now in prop::collection::btree_map((0u32..40, 30u8..=32), 1u32..4, 0..60),
        ) {
            let entry = |((start, length), value): (&(u32, u8), &u32)| Entry { start: *start, length: *length, value: *value };
            let sorted = |map: &BTreeMap<(u32, u8), u32>| map.iter().map(entry).collect::<Vec<_>>();
            let same = |a: &Entry<u32>, b: &Entry<u32>| a.value == b.value;
            let found = changes(&sorted(&before), &sorted(&now), same).unwrap();
            let keys: std::collections::BTreeSet<(u32, u8)> = before.keys().chain(now.keys()).copied().collect();
            let of = |map: &BTreeMap<(u32, u8), u32>, key: &(u32, u8)| map.get_key_value(key).map(entry);
            let all = keys.iter().map(|key| Change { before: of(&before, key), now: of(&now, key) });
            prop_assert!(found.into_iter().eq(all.filter(|change| change.before != change.now)));
        }

        /// Two neighbours in the wrong order, or one twice, wherever: also where all else is as before.
        #[test]
        fn what_is_not_in_order_is_seen(
            all in prop::collection::btree_set(0u32..400, 2..60),
            drop in prop::collection::vec(any::<bool>(), 60),
            at in any::<prop::sample::Index>(),
            twice in any::<bool>(),
        ) {
            let before: Vec<Entry<u32>> = all.into_iter().map(|start| Entry { start, length: 32, value: 1 }).collect();
            let stays = |(entry, dropped): (&Entry<u32>, &bool)| (!dropped).then_some(*entry);
            let mut now: Vec<Entry<u32>> = before.iter().zip(&drop).filter_map(stays).collect();
            let same = |a: &Entry<u32>, b: &Entry<u32>| a.value == b.value;
            prop_assert_eq!(changes(&before, &now, same).map(|found| found.len()), Some(before.len() - now.len()));
            prop_assume!(now.len() >= 2);
            let first = at.index(now.len() - 1);
            if twice { now[first + 1] = now[first] } else { now.swap(first, first + 1) }
            prop_assert_eq!(changes(&before, &now, same), None);
            prop_assert_eq!(changes(&[], &now, same), None);
        }
    }
}
