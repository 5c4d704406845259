//! The table and the prefixes it was made of. A change writes anew what it touches and nothing else: one /24
//! of a dense /16, or the /16s that the prefix covers.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;

use super::Trie;
use super::long::Long;
use super::trie::MOST_IN_SPARSE;
use crate::table::{Entry, Key, MAX_VALUE};

/// A table that changes by single prefixes.
#[derive(Clone, Debug)]
pub struct Build {
    trie: Trie,
    /// Up to /24, by start and length, as [`pack`] orders them.
    short: BTreeMap<u64, u32>,
    long: Long,
}

impl Default for Build {
    fn default() -> Build {
        Build::new()
    }
}

impl Build {
    /// No prefix.
    pub fn new() -> Build {
        Build { trie: Trie::new(), short: BTreeMap::new(), long: Long::default() }
    }

    /// These prefixes: sorted, none twice, host bits clear, values 1 to [`MAX_VALUE`].
    pub fn from_sorted(entries: &[Entry<u32>]) -> Build {
        let short = entries.iter().filter(|entry| entry.length <= 24);
        let short = short.map(|entry| (pack(entry.start, entry.length), entry.value)).collect();
        let mut build = Build { trie: Trie::from_sorted(entries), short, long: Long::from_sorted(entries) };
        for same in entries.chunk_by(|a, b| a.start >> 16 == b.start >> 16) {
            same.iter().take(1).for_each(|entry| build.surround(entry.start));
        }
        build
    }

    /// Puts a prefix in or changes its value (cut to 1..=[`MAX_VALUE`]); host bits are ignored, lengths above 32
    /// are 32. Gives the value it had.
    pub fn insert(&mut self, start: u32, length: u8, value: u32) -> Option<u32> {
        let entry = Entry { start: cut(start, length), length: length.min(32), value: value.clamp(1, MAX_VALUE) };
        let (old, is_new) = match entry.length {
            ..=24 => (self.short.insert(pack(entry.start, entry.length), entry.value), false),
            _ => self.long.insert(entry),
        };
        if is_new {
            let around = self.around(cut(start, 24), 24);
            self.long.set_around(start, around);
        }
        if old != Some(entry.value) {
            self.write(entry.start, entry.length);
        }
        old
    }

    /// Takes a prefix out. Gives the value it had.
    pub fn remove(&mut self, start: u32, length: u8) -> Option<u32> {
        let entry = Entry { start: cut(start, length), length: length.min(32), value: 0 };
        let old = match entry.length {
            ..=24 => self.short.remove(&pack(entry.start, entry.length)),
            _ => self.long.remove(entry),
        }?;
        self.write(entry.start, entry.length);
        Some(old)
    }

    /// The table as it stands.
    pub fn words(&self) -> &[u32] {
        self.trie.words()
    }

    /// All prefixes in order.
    pub fn prefixes(&self) -> impl Iterator<Item = Entry<u32>> + '_ {
        merged(self.short.iter().map(entry), self.long.iter())
    }

    /// How many prefixes there are.
    pub fn len(&self) -> usize {
        self.short.len() + self.long.len()
    }

    /// Whether there is no prefix.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How many of [`Build::words`] nothing uses; the next changes use them first.
    pub fn free_words(&self) -> usize {
        self.trie.free_words()
    }

    fn write(&mut self, start: u32, length: u8) {
        if length > 24 && self.trie.is_dense(start >> 16) && self.write24(start) {
            return;
        }
        for high in start >> 16..=start.last(length) >> 16 {
            let around = self.around(high << 16, 16);
            let inside = self.inside16(high << 16);
            self.trie.set16(high, around, &inside);
            if length <= 24 {
                self.surround(high << 16);
            }
        }
    }

    /// False if the /16 should be written anew, because little is left in it.
    fn write24(&mut self, start: u32) -> bool {
        if let Some((around, inside)) = self.long.in_24(start) {
            if self.trie.set24(start, around, inside) {
                return true;
            }
        } else {
            let around = self.around(cut(start, 24), 24);
            self.trie.set24(start, around, &[]);
        }
        self.inside16(cut(start, 16)).len() > MOST_IN_SPARSE
    }

    /// Tells the /24s with longer prefixes, of the /16 of an address, what is around them.
    fn surround(&mut self, start: u32) {
        for start in self.long.in_16(start) {
            let around = self.around(start, 24);
            self.long.set_around(start, around);
        }
    }

    /// The prefixes inside a /16, without itself.
    fn inside16(&self, start: u32) -> Vec<Entry<u32>> {
        let long = self.long.in_16(start).filter_map(|start| self.long.in_24(start));
        let long = long.flat_map(|(_, entries)| entries).copied();
        merged(self.short.range(all_in(start, 16)).map(entry), long).collect()
    }

    /// The value of the longest prefix that holds the one given, of /24 at most, itself included; 0 for none.
    ///
    /// The prefix that stands before it either holds it, or shares fewer bits with it than any that does.
    fn around(&self, start: u32, length: u8) -> u32 {
        let mut length = length;
        loop {
            let from = cut(start, length);
            let Some(before) = self.short.range(..=pack(from, length)).next_back().map(entry) else { return 0 };
            if before.last() >= from {
                return before.value;
            }
            length = length.min((before.start ^ from).leading_zeros() as u8);
        }
    }
}

/// Both in order.
fn merged(
    short: impl Iterator<Item = Entry<u32>>,
    long: impl Iterator<Item = Entry<u32>>,
) -> impl Iterator<Item = Entry<u32>> {
    let (mut short, mut long) = (short.peekable(), long.peekable());
    std::iter::from_fn(move || match (short.peek(), long.peek()) {
        (Some(a), Some(b)) if b < a => long.next(),
        (None, _) => long.next(),
        _ => short.next(),
    })
}

/// What is longer than a prefix and inside of it.
fn all_in(start: u32, length: u8) -> RangeInclusive<u64> {
    pack(start, length) + 1..=pack(start.last(length), 32)
}

fn pack(start: u32, length: u8) -> u64 {
    u64::from(start) << 8 | u64::from(length)
}

fn entry((key, value): (&u64, &u32)) -> Entry<u32> {
    Entry { start: (key >> 8) as u32, length: *key as u8, value: *value }
}

/// An address without the bits behind a prefix of this length.
pub(super) fn cut(start: u32, length: u8) -> u32 {
    start & !u32::MAX.checked_shr(u32::from(length)).unwrap_or(0)
}
