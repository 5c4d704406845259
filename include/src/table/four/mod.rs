//! IPv4: a root of 65,536 entries, one for each /16, and under it one node for each /16 that is not uniform.
//!
//! ```text
//! line 0            word 0: 1, the kind. word 2: first line of the palette. word 3: values in it, at most 65,536
//! lines 1..4097     root: 65,536 words, by the address's upper 16 bits
//! line 4097         zeros: the bitmap of every /24 in which nothing is exceptional
//! from 4098         palette, nodes, bitmaps, lists, in any order; what nothing refers to is free
//!
//! root entry        bits 29..31: tag. 0: the rest is the value. Else the rest is the node's first line
//!   1 runs          nothing inside is longer than /24. Words 0..8: bit p says that the value changes with
//!   2 runs, wide    the p-th /24 (bit 0 is never set). Words 8, 9: eight bytes, the bits set in the words
//!                   before each word. From word 10: the list, one value for each run
//!   3 sparse        at most 32 runs of addresses. Words 0..16: their 32 starts (16 bits each, ascending,
//!   4 sparse, wide  the first is 0, unused ones are 0xffff). From word 16: the list, 32 values
//!   5 dense         256 records of two words, one for each /24: its usual value, and the place of its
//!                   bitmap in units of 8 words. Words 512..768: the first line of each /24's list; bit 31: wide.
//!                   Bit a of the bitmap says that address a is exceptional. What lies there: two words of
//!                   counts as for runs, then the list of the exceptional addresses' values
//! list              numbers of 16 bits into the palette, low half first; wide: the values themselves
//! ```
//! The palette holds each different value once. When it is full, lists become wide.

#[cfg(target_arch = "x86_64")]
mod avx512;
mod build;
mod burst;
mod find;
mod palette;
mod trie;
mod validate;
mod walk;

pub use build::Build;
pub use burst::{Form, find_burst, find_burst_as};
pub use find::find;
pub(in crate::table) use trie::Trie;
pub use validate::validate;
pub use walk::walk;

use super::LINE_WORDS;

/// Header: first line of the palette.
const PALETTE_LINE: usize = 2;
/// Header: values in the palette.
const PALETTE_COUNT: usize = 3;
/// First word of the root.
const ROOT: usize = LINE_WORDS;
/// The line of zeros.
const ZERO_LINE: usize = 1 + (1 << 16) / LINE_WORDS;
/// Lines that are always there.
const FIXED_LINES: usize = ZERO_LINE + 1;
/// Words of a bitmap: 256 bits.
const BITMAP_WORDS: usize = 8;
/// The bitmap in which no bit is set, in units of [`BITMAP_WORDS`].
const NO_BITMAP: u32 = (ZERO_LINE * LINE_WORDS / BITMAP_WORDS) as u32;

/// Where a root entry's tag stands.
const TAG_SHIFT: u32 = 29;
const PLACE_MASK: u32 = (1 << TAG_SHIFT) - 1;
const RUNS: u32 = 1;
const RUNS_WIDE: u32 = 2;
const SPARSE: u32 = 3;
const SPARSE_WIDE: u32 = 4;
const DENSE: u32 = 5;

/// Words of the counts that belong to a bitmap: for each of its words a byte, the bits set before it.
const COUNT_WORDS: usize = 2;
/// Words before the list of a runs node.
const RUNS_HEAD: usize = BITMAP_WORDS + COUNT_WORDS;
/// Words before the list of a sparse node.
const SPARSE_HEAD: usize = LINE_WORDS;
/// Runs of a sparse node, used or not.
const SPARSE_RUNS: usize = 32;
/// First word of a dense node's list places.
const DENSE_LISTS: usize = 512;
/// Lines of a dense node.
const DENSE_LINES: usize = (DENSE_LISTS + 256) / LINE_WORDS;
/// The list is wide.
const WIDE_LIST: u32 = 1 << 31;

/// Lines of a node's head and its list.
fn list_lines(head: usize, count: usize, wide: bool) -> usize {
    let words = if wide { count } else { count.div_ceil(2) };
    (head + words).div_ceil(LINE_WORDS)
}

/// How many bits of a bitmap are set.
fn ones(bitmap: &[u32]) -> usize {
    bitmap.iter().map(|word| word.count_ones() as usize).sum()
}

#[cfg(test)]
mod tests;
