//! The table and the prefixes it was made of. A change writes anew what it touches and nothing else: one /24
//! of a dense /16, or the /16s that the prefix covers.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;

use super::Trie;
use super::trie::MOST_IN_SPARSE;
use crate::table::{Entry, Key, MAX_VALUE};

/// A table that changes by single prefixes.
#[derive(Clone, Debug)]
pub struct Build {
    trie: Trie,
    /// Up to /24, by start and length, as [`pack`] orders them: few where the longer ones are many, so that what is
    /// around a /24 is soon found.
    short: BTreeMap<u64, u32>,
    /// Longer ones.
    long: BTreeMap<u64, u32>,
}

impl Default for Build {
    fn default() -> Build {
        Build::new()
    }
}

impl Build {
    /// No prefix.
    pub fn new() -> Build {
        Build { trie: Trie::new(), short: BTreeMap::new(), long: BTreeMap::new() }
    }

    /// These prefixes: sorted, none twice, host bits clear, values 1 to [`MAX_VALUE`].
    pub fn from_sorted(entries: &[Entry<u32>]) -> Build {
        let packed = |entry: &Entry<u32>| (pack(entry.start, entry.length), entry.value);
        let short = entries.iter().filter(|entry| entry.length <= 24).map(packed).collect();
        let long = entries.iter().filter(|entry| entry.length > 24).map(packed).collect();
        Build { trie: Trie::from_sorted(entries), short, long }
    }

    /// Puts a prefix in or changes its value (cut to 1..=[`MAX_VALUE`]); host bits are ignored, lengths above 32
    /// are 32. Gives the value it had.
    pub fn insert(&mut self, start: u32, length: u8, value: u32) -> Option<u32> {
        let (start, length, value) = (start & mask(length), length.min(32), value.clamp(1, MAX_VALUE));
        let old = self.side(length).insert(pack(start, length), value);
        if old != Some(value) {
            self.write(start, length);
        }
        old
    }

    /// Takes a prefix out. Gives the value it had.
    pub fn remove(&mut self, start: u32, length: u8) -> Option<u32> {
        let (start, length) = (start & mask(length), length.min(32));
        let old = self.side(length).remove(&pack(start, length))?;
        self.write(start, length);
        Some(old)
    }

    /// The table as it stands.
    pub fn words(&self) -> &[u32] {
        self.trie.words()
    }

    /// All prefixes in order.
    pub fn prefixes(&self) -> impl Iterator<Item = Entry<u32>> + '_ {
        merged(self.short.iter(), self.long.iter())
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

    /// The prefixes a length belongs to.
    fn side(&mut self, length: u8) -> &mut BTreeMap<u64, u32> {
        if length <= 24 { &mut self.short } else { &mut self.long }
    }

    fn write(&mut self, start: u32, length: u8) {
        if length > 24
            && let Some(node) = self.trie.dense(start >> 16)
            && self.write24(node, start & mask(24))
        {
            return;
        }
        for high in start >> 16..=start.last(length) >> 16 {
            let around = self.around(high << 16, 16);
            let inside = self.inside16(high << 16);
            self.trie.set16(high, around, &inside);
        }
    }

    /// False if the /16 should be written anew, because little is left in it.
    fn write24(&mut self, node: u32, start: u32) -> bool {
        let around = self.around(start, 24);
        let inside: Vec<Entry<u32>> = self.long.range(all_in(start, 24)).map(entry).collect();
        let exceptional = self.trie.set24(node, start >> 8 & 0xff, around, &inside);
        exceptional || self.inside16(start & mask(16)).len() > MOST_IN_SPARSE
    }

    /// The prefixes inside a /16, without itself.
    fn inside16(&self, start: u32) -> Vec<Entry<u32>> {
        let all = || all_in(start, 16);
        merged(self.short.range(all()), self.long.range(all())).collect()
    }

    /// The value of the longest prefix that holds the one given, of /24 at most, itself included; 0 for none.
    ///
    /// The prefix that stands before it either holds it, or shares fewer bits with it than any that does.
    fn around(&self, start: u32, length: u8) -> u32 {
        let mut length = length;
        loop {
            let from = start & mask(length);
            let Some(before) = self.short.range(..=pack(from, length)).next_back().map(entry) else { return 0 };
            if before.last() >= from {
                return before.value;
            }
            length = length.min((before.start ^ from).leading_zeros() as u8);
        }
    }
}

/// Both in order.
fn merged<'a>(
    short: impl Iterator<Item = (&'a u64, &'a u32)>,
    long: impl Iterator<Item = (&'a u64, &'a u32)>,
) -> impl Iterator<Item = Entry<u32>> {
    let (mut short, mut long) = (short.peekable(), long.peekable());
    std::iter::from_fn(move || {
        let take_long = match (short.peek(), long.peek()) {
            (Some((a, _)), Some((b, _))) => b < a,
            (short, _) => short.is_none(),
        };
        if take_long { long.next() } else { short.next() }.map(entry)
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

fn mask(length: u8) -> u32 {
    !u32::MAX.checked_shr(u32::from(length)).unwrap_or(0)
}
