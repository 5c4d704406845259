//! The index: leads from the first 32 bits of an address straight to what stands at bit 32, past all tables before.
//!
//! Allocations and pools are /32 as a rule, so that most long prefixes lie behind it. The trie says all without the
//! index; an entry only repeats where the trie leads, and the validator checks that it does. Each /32 has two places
//! in it, by two hashes (cuckoo hashing), so a look-up reads two entries and no more.

use super::layout::{BITS, Entry, INNER, Leaf, Table, head, skip, top};
use super::space::Space;

/// Address bits that the index looks at.
pub(super) const INDEX_BITS: u8 = 32;

/// What the first hash multiplies by.
pub(super) const FIRST: u32 = 0x9e37_79b1;

/// What the second one does.
pub(super) const SECOND: u32 = 0x85eb_ca77;

/// The smallest index: one line, 8 entries.
pub(super) const LEAST: u32 = 3;

/// The largest: 16 Mi entries.
pub(super) const MOST: u32 = 24;

/// Entries that may be moved to make room for one.
const MOVES: usize = 64;

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

    /// The two places of a /32.
    #[inline]
    pub(super) fn places(self, tag: u32) -> [usize; 2] {
        let place = |factor: u32| {
            let hash = (u64::from(tag) * u64::from(factor)) >> 32;
            self.word + 2 * (hash as usize & ((1 << self.bits) - 1))
        };
        [place(FIRST), place(SECOND)]
    }

    /// Where the entry for a /32 stands, if it has one.
    pub(super) fn place_of(self, words: &[u32], tag: u32) -> Option<usize> {
        self.places(tag).into_iter().find(|at| match words.get(*at..at + 2) {
            Some([link, one]) => *link != 0 && *one == tag,
            _ => false,
        })
    }
}

/// An address's first 32 bits.
#[inline]
pub(super) fn tag(key: u128) -> u32 {
    (key >> 96) as u32
}

/// The table or single slot at bit 32 that the index has for an address.
#[inline]
pub(super) fn find(words: &[u32], key: u128) -> Option<Table> {
    let at = Index::of(words).place_of(words, tag(key))?;
    words.get(at).map(|link| Table::from_link(*link))
}

/// What the index is to say of a /32: where the trie leads at bit 32; none if it ends before, goes past that bit, or
/// ends in a leaf.
pub(super) fn arrive(words: &[u32], tag: u32) -> Option<Table> {
    let word = |at: usize| words.get(at).copied().unwrap_or(0);
    let key = u128::from(tag) << (BITS - 32);
    let (mut table, mut bit) = (Table::from_link(word(head::ROOT)), 0);
    while bit + table.stride <= INDEX_BITS.into() {
        let slot = table.slot_of(skip(key, bit));
        bit += table.stride;
        let (first, kind) = (word(slot.record), word(slot.record + 1));
        let single = table.stride == 0;
        if kind & INNER != 0 {
            table = Table::from_link(first);
            if table.stride == 0 {
                return None;
            }
            if bit == INDEX_BITS.into() {
                return Some(table);
            }
            continue;
        }
        if bit == INDEX_BITS.into() {
            return (single && (first != 0 || word(slot.link) != 0)).then_some(table);
        }
        let behind = Leaf::of(kind, first, word(slot.link))?;
        let (from, count) = behind.span();
        let entries = words.get(from..from + count).unwrap_or_default();
        let window = top(skip(key, bit), 32);
        let child = entries.chunks_exact(2).map(Entry::read).find(|entry| {
            entry.quarter().is_some() && bit + entry.length() <= INDEX_BITS.into() && entry.holds(window)
        })?;
        bit += child.length();
        table = Table::single(child.quarter()?);
    }
    None
}

impl Space {
    /// Notes what the index is to say of a /32: its table or single slot at bit 32, or nothing.
    pub(super) fn note(&mut self, tag: u32, table: Option<Table>) {
        let place = self.index().place_of(self.words(), tag);
        match (table, place) {
            (Some(table), Some(at)) => self.set(at, table.link()),
            (Some(table), None) => self.put(tag, table),
            (None, Some(at)) => self.clear(at),
            (None, None) => {}
        }
    }

    /// Notes where the trie leads for a /32, as it stands.
    pub(super) fn sync(&mut self, tag: u32) {
        self.note(tag, arrive(self.words(), tag));
    }

    fn put(&mut self, tag: u32, table: Table) {
        self.indexed += 1;
        let bits = self.index().bits;
        if bits < MOST && self.indexed * 2 > 1 << bits {
            self.enlarge();
        }
        let mut entry = [table.link(), tag];
        while let Some(left) = self.try_put(entry) {
            entry = left;
            if self.index().bits == MOST {
                // It stays without: the trie leads there too.
                self.indexed -= 1;
                return;
            }
            self.enlarge();
        }
    }

    /// Puts an entry in, moving others to their second place; gives the one for which there was no room.
    fn try_put(&mut self, entry: [u32; 2]) -> Option<[u32; 2]> {
        let index = self.index();
        let (mut entry, mut from) = (entry, usize::MAX);
        for _ in 0..MOVES {
            let [first, second] = index.places(entry[1]);
            let at = if self.get(first) == 0 || (from == second && self.get(second) != 0) { first } else { second };
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

    /// Moves all to an index twice as large, or larger.
    fn enlarge(&mut self) {
        let old = self.index();
        let entries: Vec<[u32; 2]> =
            (0..1 << old.bits).map(|n| old.word + 2 * n).map(|at| [self.get(at), self.get(at + 1)]).collect();
        let mut bits = old.bits;
        self.free_index(old);
        while bits < MOST {
            bits += 1;
            self.set_index(bits);
            if entries.iter().filter(|entry| entry[0] != 0).all(|entry| self.try_put(*entry).is_none()) {
                return;
            }
            self.free_index(self.index());
        }
        self.set_index(bits);
        self.indexed = 0;
    }

    fn clear(&mut self, at: usize) {
        self.set(at, 0);
        self.set(at + 1, 0);
        self.indexed -= 1;
    }
}
