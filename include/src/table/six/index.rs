//! The index: leads from the first 32 bits of an address straight to what stands at bit 32.
//!
//! Allocations and pools are /32 as a rule, so that most prefixes lie behind it: all of 32 bits and more, under an entry
//! for their /32. Shorter ones stand in the trie of the root, which an address takes if its /32 has no entry; with an
//! entry, what they say is pushed down behind it. Each /32 has two places, by two hashes (cuckoo hashing), so a look-up
//! reads two entries at most, and mostly one.

use super::layout::head;
use super::space::Space;

/// Address bits that the index looks at.
pub(super) const INDEX_BITS: u8 = super::layout::INDEXED as u8;

/// What the first hash multiplies by.
pub(super) const FIRST: u32 = 0x9e37_79b1;

/// What the second one does, after the upper half has been mixed into the lower.
pub(super) const SECOND: u32 = 0x85eb_ca77;

/// How far the upper half is moved for that.
pub(super) const MIX: u32 = 15;

/// The smallest index: one line, 8 entries.
pub(super) const LEAST: u32 = 3;

/// The largest: 64 Mi entries.
pub(super) const MOST: u32 = 26;

/// An index of no more entries than this (32 KB) is at most a quarter full, a larger one half: nearly all entries
/// of a small one stand in their first place.
const ROOMY: usize = 4096;

/// Entries that may be moved to make room for one.
const MOVES: usize = 200;

/// Where the index stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Index {
    /// Its first word; an entry has two.
    pub(super) word: usize,
    /// Its entries, as a power of two.
    pub(super) bits: u32,
}

impl Index {
    /// The index of a trie.
    #[inline]
    pub(super) fn of(words: &[u32]) -> Index {
        let word = |at: usize| words.get(at).copied().unwrap_or(0);
        Index { word: word(head::INDEX) as usize * 4, bits: word(head::INDEX_SIZE).clamp(LEAST, MOST) }
    }

    /// Its words.
    pub(super) fn words(self) -> usize {
        2 << self.bits
    }

    /// The first place of a /32.
    #[inline]
    pub(super) fn first(self, tag: u32) -> usize {
        self.word + 2 * (tag.wrapping_mul(FIRST) >> (32 - self.bits)) as usize
    }

    /// The second one.
    #[inline]
    pub(super) fn second(self, tag: u32) -> usize {
        self.word + 2 * ((tag ^ tag >> MIX).wrapping_mul(SECOND) >> (32 - self.bits)) as usize
    }

    /// Where the entry for a /32 stands, and its link; none if it has none.
    #[inline]
    pub(super) fn entry(self, words: &[u32], tag: u32) -> Option<(usize, u32)> {
        let entry = |at: usize| match words.get(at..at + 2) {
            Some([link, one]) if *link != 0 && *one == tag => Some((at, *link)),
            _ => None,
        };
        entry(self.first(tag)).or_else(|| entry(self.second(tag)))
    }
}

/// An address's first 32 bits.
#[inline]
pub(super) fn tag(key: u128) -> u32 {
    (key >> 96) as u32
}

impl Space {
    /// What the index has for a /32; 0 for nothing.
    pub(super) fn link(&self, tag: u32) -> u32 {
        self.index().entry(self.words(), tag).map_or(0, |(_, link)| link)
    }

    /// Sets what the index has for a /32; 0 takes it out.
    pub(super) fn set_link(&mut self, tag: u32, link: u32) {
        match self.index().entry(self.words(), tag) {
            Some((at, _)) if link == 0 => self.clear(at),
            Some((at, _)) => self.set(at, link),
            None if link == 0 => {}
            None => self.put([link, tag]),
        }
    }

    fn put(&mut self, entry: [u32; 2]) {
        self.indexed += 1;
        if self.indexed > room(self.index().bits) {
            self.enlarge();
        }
        let mut left = Some(entry);
        while let Some(entry) = left {
            left = self.try_put(entry);
            if left.is_some() && !self.enlarge() {
                // Nothing can be looked up any more.
                return self.set_full();
            }
        }
    }

    /// Puts an entry in, moving others to their second place; gives the one for which there was no room.
    fn try_put(&mut self, entry: [u32; 2]) -> Option<[u32; 2]> {
        let index = self.index();
        let (mut entry, mut from) = (entry, usize::MAX);
        for _ in 0..MOVES {
            let (first, second) = (index.first(entry[1]), index.second(entry[1]));
            let at = match () {
                () if self.get(first) == 0 => first,
                () if self.get(second) == 0 => second,
                () if from == first => second,
                () => first,
            };
            let other = [self.get(at), self.get(at + 1)];
            self.set(at, entry[0]);
            self.set(at + 1, entry[1]);
            if other[0] == 0 {
                return None;
            }
            (entry, from) = (other, at);
        }
        Some(entry)
    }

    /// Moves all to an index twice as large, or larger; gives whether there is one in which they have room.
    fn enlarge(&mut self) -> bool {
        let old = self.index();
        let entries: Vec<[u32; 2]> =
            (0..1 << old.bits).map(|n| old.word + 2 * n).map(|at| [self.get(at), self.get(at + 1)]).collect();
        self.free_index(old);
        for bits in old.bits + 1..=MOST {
            self.set_index(bits);
            if entries.iter().filter(|entry| entry[0] != 0).all(|entry| self.try_put(*entry).is_none()) {
                return true;
            }
            self.free_index(self.index());
        }
        self.set_index(MOST);
        false
    }

    fn clear(&mut self, at: usize) {
        self.set(at, 0);
        self.set(at + 1, 0);
        self.indexed -= 1;
    }
}

/// How many entries an index of this size may have.
fn room(bits: u32) -> usize {
    let size = 1 << bits;
    if size <= ROOMY { size / 4 } else { size / 2 }
}
