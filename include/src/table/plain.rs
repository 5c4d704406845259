//! Prefixes alone, from which a trie is built whenever it is wanted: for a family whose trie does not change in place.

use std::borrow::Cow;
use std::collections::BTreeMap;

use super::{Entry, Incremental, Key};

/// The prefixes.
#[derive(Clone, Debug, Default)]
pub struct Plain<K>(BTreeMap<(K, u8), u32>);

impl<K: Key + Default> Incremental<K> for Plain<K> {
    fn from_sorted(entries: &[Entry<K>]) -> Plain<K> {
        Plain(entries.iter().map(|entry| ((entry.start, entry.length), entry.value)).collect())
    }

    fn insert(&mut self, entry: Entry<K>) {
        self.0.insert((entry.start, entry.length), entry.value);
    }

    fn remove(&mut self, start: K, length: u8) {
        self.0.remove(&(start, length));
    }

    fn words(&self) -> Cow<'_, [u32]> {
        Cow::Owned(K::build_trie(&self.prefixes().collect::<Vec<_>>()))
    }

    fn prefixes(&self) -> impl Iterator<Item = Entry<K>> {
        self.0.iter().map(|(&(start, length), &value)| Entry { start, length, value })
    }

    fn count(&self) -> usize {
        self.0.len()
    }
}
