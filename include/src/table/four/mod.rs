//! IPv4: a root of 65,536 entries, one for each /16, and under it one node for each /16 that is not uniform.
//!
//! ```text
//! word 0            1, the kind
//! word 16           root: 65,536 entries of two words, by the address's upper 16 bits
//! word 131,088      65,536 words: where the high bytes of each /16 of runs stand, 0 if all are 0
//! from 196,624      nodes and lists, in any order; what nothing refers to is free
//!
//! root entry        bits 29..31 of the first word: tag. 0: the rest is the value. Else the rest is the node's place
//!   1 runs          nothing inside is longer than /24. Four parts, one for each /18, with 64 /24s each. The second
//!                   word has a byte for each: how many words it stands behind the node's place
//!                   part: two words, a bitmap: bit p says that the value changes with the p-th /24 of the part (bit 0 is
//!                   never set), then the low halves, one for each run. It lies in one line if it has at most 28 runs
//!                   elsewhere: the high bytes of the runs of all four parts
//!   4 sparse        at most 32 runs of addresses: 16 words with their starts (16 bits each, ascending, the first is 0,
//!                   unused ones are 0xffff), 16 words of low halves, 8 words of high bytes
//!   2 dense         256 records of a word, one for each /24: bits 0..23 its usual value, bits 24..31 the number of its leaf.
//!                   Behind them leaves of ten words; before them, from the last word on, the palette, up to 256 values.
//!                   The second word of the root entry: bits 0..8 how many leaves there are, 9..17 how many words the palette
//!                   has, 18..26 how many leaves are used. Where nothing is exceptional the leaf is empty; number 0 serves every such /24
//!                   leaf: word 0 the list, word 1 four bytes: the bits set in the first two, four, six, eight words of
//!                   the bitmap. Words 2..9: the bitmap. Bit a says that address a is exceptional: it has not the usual value
//!                   list: bits 29..31 tag. 0: bits 0..28 its place: a byte for each exceptional address, the number of its
//!                   value in the palette. 1: bits 0..23 the value, all have the same. 2: bits 0..28 its place: low halves
//!                   and high bytes, one for each exceptional address (where a palette would have to be larger)
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
mod dense;
mod exceptions;
mod find;
mod leaves;
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
/// Words that are always there.
const FIXED: usize = HIGHS + (1 << 16);
/// Words of a bitmap: 256 bits.
const BITMAP_WORDS: usize = 8;

/// Where a root entry's tag stands.
const TAG_SHIFT: u32 = 29;
const PLACE_MASK: u32 = (1 << TAG_SHIFT) - 1;
const RUNS: u32 = 1;
const DENSE: u32 = 2;
const SPARSE: u32 = 4;

/// The half of a value that lists of low halves hold.
const LOW: u32 = 0xffff;
/// Bits of it.
const LOW_BITS: u32 = 16;

/// Words of a part's bitmap.
const PART_HEAD: usize = 2;
/// Words of a sparse node's starts.
const SPARSE_HEAD: usize = 16;
/// Runs of a sparse node, used or not.
const SPARSE_RUNS: usize = 32;
/// Records of a dense node; the leaves follow.
const RECORDS: usize = 256;
/// Where a record's number of a leaf stands; below it the usual value.
const LEAF_SHIFT: u32 = 24;
const USUAL_MASK: u32 = (1 << LEAF_SHIFT) - 1;
/// Words of a leaf; of these the first says where the list is, the second counts, the bitmap is the rest.
const LEAF_WORDS: usize = 10;
const LEAF_COUNTS: usize = 1;
const LEAF_BITMAP: usize = 2;
/// Most leaves of a node, and most values of its palette.
const MOST_LEAVES: usize = 256;
const MOST_IN_PALETTE: usize = 256;
/// Where the numbers stand in a dense root entry's second word: leaves from bit 0 on.
const PALETTE_SHIFT: u32 = 9;
const USED_SHIFT: u32 = 18;
const COUNT_MASK: u32 = 0x1ff;
/// Tags of a leaf's list, where a root entry has its own.
const NUMBERS: u32 = 0;
const SAME: u32 = 1;
const WIDE: u32 = 2;

/// Words of so many low halves.
const fn low_words(count: usize) -> usize {
    count.div_ceil(2)
}

/// Words of so many low halves and high bytes, and of what stands before them.
const fn list_words(head: usize, count: usize) -> usize {
    head + low_words(count) + count.div_ceil(4)
}

#[cfg(test)]
mod tests;
