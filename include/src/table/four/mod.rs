//! IPv4: a root of 65,536 entries, one for each /16, and under it one node for each /16 that is not uniform.
//!
//! ```text
//! word 0            1, the kind
//! word 16           root: 65,536 entries of two words, by the address's upper 16 bits
//! word 131,088      65,536 words: where the high bytes of each /16 of runs stand, 0 if all are 0
//! word 196,624      16 words of 0: the bitmap of every /24 in which nothing is exceptional
//! from 196,640      nodes, bitmaps, lists, in any order; what nothing refers to is free
//!
//! root entry        bits 29..31 of the first word: tag. 0: the rest is the value. Else the rest is the node's place
//!   1 runs          nothing inside is longer than /24. Four parts, one for each /18, with 64 /24s each. The second
//!                   word has a byte for each: how many words it stands behind the node's place
//!                   part: two words, a bitmap: bit p says that the value changes with the p-th /24 of the part (bit 0 is
//!                   never set), then the low halves, one for each run. It lies in one line if it has at most 28 runs
//!                   elsewhere: the high bytes of the runs of all four parts
//!   2 sparse        at most 32 runs of addresses: 16 words with their starts (16 bits each, ascending, the first is 0,
//!                   unused ones are 0xffff), 16 words of low halves, 8 words of high bytes
//!   3 dense         256 records of two words, one for each /24: its usual value, and the place of its bitmap in units
//!                   of 8 words. Bit a of the bitmap says that address a is exceptional. Words 512..768: the place of
//!                   each /24's list: two words of counts, eight bytes, the bits set in the words of the bitmap before
//!                   each of them; then low halves and high bytes, one for each exceptional address
//! place             in units of four words
//! low halves        bits 0..15 of values, two in a word, the lower one first
//! high bytes        bits 16..23 of the same values, four in a word, the lowest first
//! ```
//! Low halves are all that a burst reads: of a source they are the pool. High bytes lie apart and cost it nothing.

#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
mod build;
mod burst;
mod find;
mod long;
mod runs;
mod space;
mod trie;
mod validate;
mod walk;

pub use build::Build;
pub use burst::{Form, find_burst, find_burst_as};
pub use find::{find, find_low};
pub(in crate::table) use trie::Trie;
pub use validate::validate;
pub use walk::walk;

use super::LINE_WORDS;

/// Words of a unit in which places count: 16 bytes.
const GRANULE: usize = 4;
/// First word of the root.
const ROOT: usize = LINE_WORDS;
/// First of the words that say where high bytes stand.
const HIGHS: usize = ROOT + (2 << 16);
/// The line of zeros.
const ZEROS: usize = HIGHS + (1 << 16);
/// Words that are always there.
const FIXED: usize = ZEROS + LINE_WORDS;
/// Words of a bitmap: 256 bits.
const BITMAP_WORDS: usize = 8;
/// The bitmap in which no bit is set, in units of [`BITMAP_WORDS`].
const NO_BITMAP: u32 = (ZEROS / BITMAP_WORDS) as u32;

/// Where a root entry's tag stands.
const TAG_SHIFT: u32 = 29;
const PLACE_MASK: u32 = (1 << TAG_SHIFT) - 1;
const RUNS: u32 = 1;
const SPARSE: u32 = 2;
const DENSE: u32 = 3;

/// The half of a value that lists of low halves hold.
const LOW: u32 = 0xffff;
/// Bits of it.
const LOW_BITS: u32 = 16;

/// Words of a part's bitmap.
const PART_HEAD: usize = 2;
/// Words of the counts that belong to a bitmap: for each of its words a byte, the bits set before it.
const COUNT_WORDS: usize = 2;
/// Words of a sparse node's starts.
const SPARSE_HEAD: usize = 16;
/// Runs of a sparse node, used or not.
const SPARSE_RUNS: usize = 32;
/// First word of a dense node's list places.
const DENSE_LISTS: usize = 512;
/// Words of a dense node.
const DENSE_WORDS: usize = DENSE_LISTS + 256;

/// Words of so many low halves.
const fn low_words(count: usize) -> usize {
    count.div_ceil(2)
}

/// Words of so many low halves and high bytes, and of what stands before them.
const fn list_words(head: usize, count: usize) -> usize {
    head + low_words(count) + count.div_ceil(4)
}

/// How many bits of a bitmap are set.
fn ones(bitmap: &[u32]) -> usize {
    bitmap.iter().map(|word| word.count_ones() as usize).sum()
}

#[cfg(test)]
mod tests;
