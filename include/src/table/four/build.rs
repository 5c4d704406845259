//! The table and the prefixes it was made of. A change writes anew what it touches and nothing else: one /24
//! of a dense /16, or the /16s that the prefix covers.

use std::collections::BTreeMap;

use super::Trie;
use super::trie::MOST_IN_SPARSE;
use crate::table::{Entry, Key, MAX_VALUE};

/// A table that changes by single prefixes.
#[derive(Clone, Debug)]
pub struct Build {
    trie: Trie,
    /// By start and length, as [`pack`] orders them.
    prefixes: BTreeMap<u64, u32>,
}

impl Default for Build {
    fn default() -> Build {
        Build::new()
    }
}

impl Build {
    /// No prefix.
    pub fn new() -> Build {
        Build { trie: Trie::new(), prefixes: BTreeMap::new() }
    }

    /// These prefixes: sorted, none twice, host bits clear, values 1 to [`MAX_VALUE`].
    pub fn from_sorted(entries: &[Entry<u32>]) -> Build {
        let prefixes = entries.iter().map(|entry| (pack(entry.start, entry.length), entry.value)).collect();
        Build { trie: Trie::from_sorted(entries), prefixes }
    }

    /// Puts a prefix in or changes its value (cut to 1..=[`MAX_VALUE`]); host bits are ignored, lengths above 32
    /// are 32. Gives the value it had.
    pub fn insert(&mut self, start: u32, length: u8, value: u32) -> Option<u32> {
        let (start, length, value) = (start & mask(length), length.min(32), value.clamp(1, MAX_VALUE));
        let old = self.prefixes.insert(pack(start, length), value);
        if old != Some(value) {
            self.write(start, length);
        }
        old
    }

    /// Takes a prefix out. Gives the value it had.
    pub fn remove(&mut self, start: u32, length: u8) -> Option<u32> {
        let (start, length) = (start & mask(length), length.min(32));
        let old = self.prefixes.remove(&pack(start, length))?;
        self.write(start, length);
        Some(old)
    }

    /// The table as it stands.
    pub fn words(&self) -> &[u32] {
        self.trie.words()
    }

    /// All prefixes in order.
    pub fn prefixes(&self) -> impl Iterator<Item = Entry<u32>> + '_ {
        self.prefixes.iter().map(entry)
    }

    /// How many prefixes there are.
    pub fn len(&self) -> usize {
        self.prefixes.len()
    }

    /// Whether there is no prefix.
    pub fn is_empty(&self) -> bool {
        self.prefixes.is_empty()
    }

    /// 64-byte lines of [`Build::words`] that nothing uses; the next changes use them first.
    pub fn free_lines(&self) -> usize {
        self.trie.free_lines()
    }

    fn write(&mut self, start: u32, length: u8) {
        if length > 24
            && let Some(line) = self.trie.dense(start >> 16)
            && self.write24(line, start & mask(24))
        {
            return;
        }
        for high in start >> 16..=start.last(length) >> 16 {
            let around = self.around(high << 16, 16);
            let inside = self.inside(high << 16, 16);
            self.trie.set16(high, around, &inside);
        }
    }

    /// False if the /16 should be written anew, because little is left in it.
    fn write24(&mut self, line: u32, start: u32) -> bool {
        let around = self.around(start, 24);
        let inside = self.inside(start, 24);
        let exceptional = self.trie.set24(line, start >> 8 & 0xff, around, &inside);
        let whole = start & mask(16);
        let all = pack(whole, 17)..=pack(whole.last(16), 32);
        exceptional || self.prefixes.range(all).nth(MOST_IN_SPARSE).is_some()
    }

    /// The prefixes inside the one given, without itself.
    fn inside(&self, start: u32, length: u8) -> Vec<Entry<u32>> {
        let all = pack(start, length) + 1..=pack(start.last(length), 32);
        self.prefixes.range(all).map(entry).collect()
    }

    /// The value of the longest prefix that holds the one given, itself included; 0 for none.
    ///
    /// The prefix that stands before it either holds it, or shares fewer bits with it than any that does.
    fn around(&self, start: u32, length: u8) -> u32 {
        let mut length = length;
        loop {
            let from = start & mask(length);
            let Some(before) = self.prefixes.range(..=pack(from, length)).next_back().map(entry) else { return 0 };
            if before.last() >= from {
                return before.value;
            }
            length = length.min((before.start ^ from).leading_zeros() as u8);
        }
    }
}

fn pack(start: u32, length: u8) -> u64 {
    u64::from(start) << 8 | u64::from(length)
}

fn entry((key, value): (&u64, &u32)) -> Entry<u32> {
    Entry { start: (key >> 8) as u32, length: *key as u8, value: *value }
}

fn mask(length: u8) -> u32 {
    !u32::MAX.checked_shr(u32::from(length)).unwrap_or(0)
}
