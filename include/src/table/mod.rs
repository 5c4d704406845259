//! A look-up table: longest prefix match from an address to a value, in position-independent words.
//!
//! Word 0 of a table is its [`Kind`]; a table starts on a 64-byte line of its image. Values are below
//! 2^24; 0 says that no prefix holds the address. A table that [`validate`] accepts gives for every
//! address a value that was called good; a look-up in any other words gives *some* value or 0, and
//! never reads outside of them.

mod arena;
mod build;
pub mod four;
mod key;
mod ranges;
pub mod six;

pub use arena::{Arena, LINE_WORDS};
pub use build::{Change, Incremental, apply, changes, words};
pub use key::{Entry, Key, joined};
pub use ranges::flatten;

/// Largest value of a prefix.
pub const MAX_VALUE: u32 = (1 << 24) - 1;

/// Most prefixes for which a table is written as ranges.
pub const MOST_IN_RANGES: usize = 16;

/// Word 0 of a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum Kind {
    /// Sorted ranges and a binary search: small tables.
    Ranges = 0,
    /// The family's trie.
    Trie = 1,
}

impl Kind {
    /// A table's kind; none for words that are no table.
    #[inline]
    pub fn of(table: &[u32]) -> Option<Kind> {
        match table.first() {
            Some(0) => Some(Kind::Ranges),
            Some(1) => Some(Kind::Trie),
            _ => None,
        }
    }
}

/// Why a table is refused: what is wrong, the word it stands in, and what stands there.
pub type Fault = (&'static str, usize, u64);

/// One step of a look-up, told in words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// What was read: `root`, `record`, ...
    pub what: &'static str,
    /// Where it stands, in words from the table's start.
    pub at: usize,
    /// What stands there.
    pub read: u64,
    /// What that says.
    pub says: String,
}

/// A table of these prefixes, sorted and none twice: ranges if there are few, else a trie; none if it outgrows what its
/// links can say.
pub fn build<K: Key>(entries: &[Entry<K>]) -> Option<Vec<u32>> {
    if entries.len() <= MOST_IN_RANGES { Some(ranges::build(entries)) } else { K::build_trie(entries) }
}

/// Whether any address has a value.
pub fn has_prefixes<K: Key>(table: &[u32]) -> bool {
    match Kind::of(table) {
        Some(Kind::Trie) => true,
        Some(Kind::Ranges) => table.get(1).is_some_and(|ranges| *ranges > 1) || find(table, K::ZERO) != 0,
        None => false,
    }
}

/// The value of the longest prefix that holds `key`, 0 for none.
#[inline]
pub fn find<K: Key>(table: &[u32], key: K) -> u32 {
    match Kind::of(table) {
        Some(Kind::Trie) => key.find_in_trie(table),
        Some(Kind::Ranges) => ranges::find(table, key),
        None => 0,
    }
}

/// [`find`] for each key, of which only the bits of [`Key::BURST_MASK`] are told; of slices of different lengths the
/// shorter one counts.
#[inline]
pub fn find_burst<K: Key>(table: &[u32], keys: &[K], found: &mut [u32]) {
    if Kind::of(table) == Some(Kind::Trie) {
        return K::find_burst_in_trie(table, keys, found);
    }
    for (key, found) in keys.iter().zip(found) {
        *found = find(table, *key) & K::BURST_MASK;
    }
}

/// Checks shape, every offset and, by `good`, every value.
///
/// # Errors
/// [`Fault`].
pub fn validate<K: Key>(table: &[u32], good: impl Fn(u32) -> bool) -> Result<(), Fault> {
    match Kind::of(table) {
        Some(Kind::Trie) => K::validate_trie(table, good),
        Some(Kind::Ranges) => ranges::validate::<K>(table, good),
        None => Err(("table kind", 0, table.first().copied().unwrap_or(0).into())),
    }
}

/// Tells each step of a look-up, from the first word read to the value.
pub fn walk<K: Key>(table: &[u32], key: K, step: &mut dyn FnMut(Step)) {
    match Kind::of(table) {
        Some(Kind::Trie) => key.walk_trie(table, step),
        Some(Kind::Ranges) => ranges::walk(table, key, step),
        None => {}
    }
}
