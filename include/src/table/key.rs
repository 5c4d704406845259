//! An address and a prefix as tables order them, for IPv4 (`u32`) and IPv6 (`u128`), host order.

use super::{Fault, Step, four, six};

/// An address. Its family's trie is reached through it, so that everything else is written once.
pub trait Key: Copy + Ord + std::fmt::Debug {
    /// The family's trie under change.
    type Build: super::Incremental<Self> + std::fmt::Debug;
    /// Words of an address in a table of ranges.
    const WORDS: usize;
    /// The lowest address.
    const ZERO: Self;
    /// What a burst look-up tells of a value: for IPv4 bits 0 to 15, for IPv6 all.
    const BURST_MASK: u32;
    /// Reads an address, most significant word first.
    fn read(words: &[u32]) -> Self;
    /// Appends an address, most significant word first.
    fn write(self, to: &mut Vec<u32>);
    /// The last address of the prefix of `length` bits that starts here.
    fn last(self, length: u8) -> Self;
    /// The address behind this one, if there is one.
    fn next(self) -> Option<Self>;

    /// The trie of these prefixes: sorted, none twice; none if it outgrows what its links can say.
    fn build_trie(entries: &[Entry<Self>]) -> Option<Vec<u32>>;
    /// The value of the longest prefix that holds this address, 0 for none.
    fn find_in_trie(self, table: &[u32]) -> u32;
    /// The same for a burst, with [`Key::BURST_MASK`]; of slices of different lengths the shorter one counts.
    fn find_burst_in_trie(table: &[u32], keys: &[Self], found: &mut [u32]);
    /// Checks a trie; on failure what is wrong, the word it stands in, and what stands there.
    fn validate_trie(table: &[u32], good: impl Fn(u32) -> bool) -> Result<(), Fault>;
    /// Tells each step of a look-up.
    fn walk_trie(self, table: &[u32], step: &mut dyn FnMut(Step));
}

/// A prefix and its value. Sorted, a prefix stands before those inside it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Entry<K> {
    /// First address; host bits clear.
    pub start: K,
    /// Length in bits, 0 to 32 or 128.
    pub length: u8,
    /// What it says, 1 to [`super::MAX_VALUE`].
    pub value: u32,
}

impl<K: Key> Entry<K> {
    /// The last address.
    pub fn last(&self) -> K {
        self.start.last(self.length)
    }
}

/// Gives each prefix the value that `join` makes of the value of the prefix around it (0 for none) and
/// its own. `entries` are sorted, no prefix twice.
pub fn joined<K: Key>(entries: &[Entry<K>], mut join: impl FnMut(u32, u32) -> u32) -> Vec<Entry<K>> {
    let mut open: Vec<Entry<K>> = Vec::new();
    let join_one = |entry: &Entry<K>| {
        while open.last().is_some_and(|around| around.last() < entry.start) {
            open.pop();
        }
        let value = join(open.last().map_or(0, |around| around.value), entry.value);
        let entry = Entry { value, ..*entry };
        open.push(entry);
        entry
    };
    entries.iter().map(join_one).collect()
}

impl Key for u32 {
    type Build = four::Build;
    const WORDS: usize = 1;
    const ZERO: u32 = 0;
    const BURST_MASK: u32 = 0xffff;

    #[inline]
    fn read(words: &[u32]) -> u32 {
        words.first().copied().unwrap_or(0)
    }

    fn write(self, to: &mut Vec<u32>) {
        to.push(self);
    }

    fn last(self, length: u8) -> u32 {
        self | u32::MAX.checked_shr(u32::from(length)).unwrap_or(0)
    }

    fn next(self) -> Option<u32> {
        self.checked_add(1)
    }

    fn build_trie(entries: &[Entry<u32>]) -> Option<Vec<u32>> {
        Some(four::Trie::from_sorted(entries).words().to_vec())
    }

    #[inline]
    fn find_in_trie(self, table: &[u32]) -> u32 {
        four::find(table, self)
    }

    #[inline]
    fn find_burst_in_trie(table: &[u32], keys: &[u32], found: &mut [u32]) {
        four::find_burst(table, keys, found);
    }

    fn validate_trie(table: &[u32], good: impl Fn(u32) -> bool) -> Result<(), Fault> {
        four::validate(table, good)
    }

    fn walk_trie(self, table: &[u32], step: &mut dyn FnMut(Step)) {
        four::walk(table, self, step);
    }
}

impl Key for u128 {
    type Build = six::Build;
    const WORDS: usize = 4;
    const ZERO: u128 = 0;
    const BURST_MASK: u32 = u32::MAX;

    #[inline]
    fn read(words: &[u32]) -> u128 {
        words.iter().fold(0, |key, word| key << 32 | u128::from(*word))
    }

    fn write(self, to: &mut Vec<u32>) {
        to.extend([96, 64, 32, 0].map(|shift| (self >> shift) as u32));
    }

    fn last(self, length: u8) -> u128 {
        self | u128::MAX.checked_shr(u32::from(length)).unwrap_or(0)
    }

    fn next(self) -> Option<u128> {
        self.checked_add(1)
    }

    fn build_trie(entries: &[Entry<u128>]) -> Option<Vec<u32>> {
        six::build(entries)
    }

    #[inline]
    fn find_in_trie(self, table: &[u32]) -> u32 {
        six::find(table, self)
    }

    #[inline]
    fn find_burst_in_trie(table: &[u32], keys: &[u128], found: &mut [u32]) {
        six::find_burst(table, keys, found);
    }

    fn validate_trie(table: &[u32], good: impl Fn(u32) -> bool) -> Result<(), Fault> {
        six::validate(table, good)
    }

    fn walk_trie(self, table: &[u32], step: &mut dyn FnMut(Step)) {
        six::walk(table, self, step);
    }
}
