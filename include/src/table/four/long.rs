//! The prefixes longer than /24, by the /24 they lie in: few cache lines are met when one of them changes, however many
//! there are.

use hashbrown::HashMap;

use super::build::cut;
use crate::table::Entry;

/// All of them, and what is around each /24 that has any.
#[derive(Clone, Debug, Default)]
pub(super) struct Long {
    /// By the upper 24 bits.
    groups: HashMap<u32, Group>,
    /// By the upper 16 bits: a bit for each /24 that has a group.
    present: HashMap<u32, [u64; 4]>,
    count: usize,
}

/// The prefixes of one /24.
#[derive(Clone, Debug, Default)]
struct Group {
    /// The value of the longest prefix of 24 bits or less that holds the /24.
    around: u32,
    /// Sorted, never empty.
    entries: Vec<Entry<u32>>,
}

impl Long {
    /// Of `entries`, sorted, those longer than /24; nothing is said yet of what is around them.
    pub(super) fn from_sorted(entries: &[Entry<u32>]) -> Long {
        let mut long = Long::default();
        for same in entries.chunk_by(|a, b| a.start >> 8 == b.start >> 8) {
            let inside = same.get(same.partition_point(|entry| entry.length <= 24)..).unwrap_or_default();
            if let Some(first) = inside.first() {
                long.count += inside.len();
                long.mark(first.start, true);
                long.groups.insert(first.start >> 8, Group { around: 0, entries: inside.to_vec() });
            }
        }
        long
    }

    pub(super) fn len(&self) -> usize {
        self.count
    }

    /// Puts a prefix in. Gives the value it had, and whether its /24 is new, so that its surroundings must be told.
    pub(super) fn insert(&mut self, entry: Entry<u32>) -> (Option<u32>, bool) {
        let entries = &mut self.groups.entry(entry.start >> 8).or_default().entries;
        match position(entries, &entry) {
            Ok(index) => (entries.get_mut(index).map(|one| std::mem::replace(&mut one.value, entry.value)), false),
            Err(index) => {
                let is_new = entries.is_empty();
                entries.insert(index, entry);
                self.count += 1;
                if is_new {
                    self.mark(entry.start, true);
                }
                (None, is_new)
            }
        }
    }

    /// Takes a prefix out. Gives the value it had.
    pub(super) fn remove(&mut self, entry: Entry<u32>) -> Option<u32> {
        let entries = &mut self.groups.get_mut(&(entry.start >> 8))?.entries;
        let gone = entries.remove(position(entries, &entry).ok()?);
        if entries.is_empty() {
            self.groups.remove(&(entry.start >> 8));
            self.mark(entry.start, false);
        }
        self.count -= 1;
        Some(gone.value)
    }

    /// What is around the /24 of an address, and its prefixes.
    pub(super) fn in_24(&self, start: u32) -> Option<(u32, &[Entry<u32>])> {
        self.groups.get(&(start >> 8)).map(|group| (group.around, group.entries.as_slice()))
    }

    /// Tells what is around the /24 of an address.
    pub(super) fn set_around(&mut self, start: u32, around: u32) {
        if let Some(group) = self.groups.get_mut(&(start >> 8)) {
            group.around = around;
        }
    }

    /// The first addresses of the /24s with prefixes, of the /16 of an address.
    pub(super) fn in_16(&self, start: u32) -> impl Iterator<Item = u32> + use<> {
        let bits = self.present.get(&(start >> 16)).copied().unwrap_or_default();
        let is_there =
            move |number: &u32| bits.get(*number as usize / 64).is_some_and(|bits| bits >> (number % 64) & 1 != 0);
        (0..256).filter(is_there).map(move |number| cut(start, 16) | number << 8)
    }

    /// All, in order.
    pub(super) fn iter(&self) -> impl Iterator<Item = Entry<u32>> + '_ {
        let mut blocks: Vec<u32> = self.present.keys().copied().collect();
        blocks.sort_unstable();
        let groups = blocks.into_iter().flat_map(|block| self.in_16(block << 16));
        groups.filter_map(|start| self.in_24(start)).flat_map(|(_, entries)| entries).copied()
    }

    /// The /24 of an address has prefixes from now on, or none.
    fn mark(&mut self, start: u32, there: bool) {
        let bits = self.present.entry(start >> 16).or_default();
        let number = start >> 8 & 0xff;
        if let Some(word) = bits.get_mut(number as usize / 64) {
            *word = *word & !(1 << (number % 64)) | u64::from(there) << (number % 64);
        }
        if *bits == [0; 4] {
            self.present.remove(&(start >> 16));
        }
    }
}

fn position(entries: &[Entry<u32>], entry: &Entry<u32>) -> Result<usize, usize> {
    entries.binary_search_by_key(&(entry.start, entry.length), |one| (one.start, one.length))
}
