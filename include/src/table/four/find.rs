//! The look-up of one address. Total: words that are no table give some value or 0.

use super::*;

/// The value of the longest prefix that holds `key`, 0 for none.
#[inline]
pub fn find(table: &[u32], key: u32) -> u32 {
    let entry = word(table, ROOT + (key >> 16) as usize);
    let at = (entry & PLACE_MASK) as usize * LINE_WORDS;
    match entry >> TAG_SHIFT {
        0 => entry,
        RUNS => listed(table, at + RUNS_HEAD, run(table, at, key), false),
        DENSE => in_dense(table, at, key),
        RUNS_WIDE => listed(table, at + RUNS_HEAD, run(table, at, key), true),
        SPARSE => listed(table, at + SPARSE_HEAD, sparse_run(table, at, key), false),
        SPARSE_WIDE => listed(table, at + SPARSE_HEAD, sparse_run(table, at, key), true),
        _ => 0,
    }
}

/// Number of the run of /24s that holds `key`.
#[inline]
pub(super) fn run(table: &[u32], at: usize, key: u32) -> usize {
    let position = key >> 8 & 0xff;
    let bits = word(table, at + (position >> 5) as usize);
    rank(table, at + BITMAP_WORDS, bits, position)
}

/// How many bits of a bitmap are set up to and with this position: `bits` is the word it stands in, the counts of
/// the words before are at word `counts`.
#[inline]
pub(super) fn rank(table: &[u32], counts: usize, bits: u32, position: u32) -> usize {
    let index = (position >> 5) as usize;
    let before = word(table, counts + index / 4) >> (index % 4 * 8) & 0xff;
    (before + (bits << (31 - (position & 31))).count_ones()) as usize
}

/// Number of the run of addresses that holds `key`.
#[inline]
pub(super) fn sparse_run(table: &[u32], at: usize, key: u32) -> usize {
    let low = key & 0xffff;
    let starts = table.get(at..at + SPARSE_HEAD).unwrap_or_default();
    let started = |word: &u32| u32::from(word & 0xffff <= low) + u32::from(word >> 16 <= low);
    starts.iter().map(started).sum::<u32>().saturating_sub(1) as usize
}

#[inline]
fn in_dense(table: &[u32], at: usize, key: u32) -> u32 {
    let record = at + (key >> 8 & 0xff) as usize * 2;
    let bits = word(table, word(table, record + 1) as usize * BITMAP_WORDS + (key >> 5 & 7) as usize);
    if bits >> (key & 31) & 1 == 0 {
        return word(table, record);
    }
    exception(table, at, bits, key)
}

/// The value of an exceptional address of the dense node at word `at`; `bits` is the bitmap's word it stands in.
#[inline]
pub(super) fn exception(table: &[u32], at: usize, bits: u32, key: u32) -> u32 {
    let list = word(table, at + DENSE_LISTS + (key >> 8 & 0xff) as usize);
    let counts = (list & !WIDE_LIST) as usize * LINE_WORDS;
    let index = rank(table, counts, bits, key & 0xff).saturating_sub(1);
    listed(table, counts + COUNT_WORDS, index, list & WIDE_LIST != 0)
}

/// The bitmap at this place; nothing outside the table.
#[inline]
pub(super) fn bitmap(table: &[u32], place: u32) -> &[u32] {
    let at = place as usize * BITMAP_WORDS;
    table.get(at..at + BITMAP_WORDS).unwrap_or_default()
}

/// A value of the list that starts at word `at`.
#[inline]
pub(super) fn listed(table: &[u32], at: usize, index: usize, wide: bool) -> u32 {
    if wide {
        return word(table, at + index);
    }
    let number = word(table, at + index / 2) >> (index % 2 * 16) & 0xffff;
    word(table, word(table, PALETTE_LINE) as usize * LINE_WORDS + number as usize)
}

#[inline]
pub(super) fn word(table: &[u32], at: usize) -> u32 {
    table.get(at).copied().unwrap_or(0)
}
