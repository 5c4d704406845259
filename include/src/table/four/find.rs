//! The look-up of one address. Total: words that are no table give some value or 0.

use super::dense::Dense;
use super::*;

/// The value of the longest prefix that holds `key`, 0 for none.
#[inline]
pub fn find(table: &[u32], key: u32) -> u32 {
    find_low(table, key) | find_high(table, key) << LOW_BITS
}

/// Bits 0 to 15 of [`find()`]: nothing else is read.
#[inline]
pub fn find_low(table: &[u32], key: u32) -> u32 {
    let [entry, parts] = entry(table, key);
    let at = node(entry);
    match entry >> TAG_SHIFT {
        0 => entry & LOW,
        RUNS => {
            let part = part(at, parts, key);
            half(table, part + PART_HEAD, run(table, part, key))
        }
        SPARSE => half(table, at + SPARSE_HEAD, sparse_run(table, at, key)),
        DENSE => Dense::of([entry, parts]).find(table, key) & LOW,
        _ => 0,
    }
}

/// Bits 16 and up of [`find()`].
fn find_high(table: &[u32], key: u32) -> u32 {
    let [entry, parts] = entry(table, key);
    let at = node(entry);
    match entry >> TAG_SHIFT {
        0 => entry >> LOW_BITS,
        RUNS => match highs(table, key) {
            0 => 0,
            highs => byte(table, highs, runs_before(table, at, parts, key) + run(table, part(at, parts, key), key)),
        },
        SPARSE => byte(table, at + SPARSE_HEAD + low_words(SPARSE_RUNS), sparse_run(table, at, key)),
        DENSE => Dense::of([entry, parts]).find(table, key) >> LOW_BITS,
        _ => 0,
    }
}

/// The root entry of the /16 of `key`.
#[inline]
pub(super) fn entry(table: &[u32], key: u32) -> [u32; 2] {
    let at = ROOT + (key >> 16) as usize * 2;
    [word(table, at), word(table, at + 1)]
}

/// The first word of a node.
#[inline]
pub(super) fn node(entry: u32) -> usize {
    (entry & PLACE_MASK) as usize * GRANULE
}

/// The first word of the part of a runs node that has the /24 of `key`.
#[inline]
pub(super) fn part(at: usize, parts: u32, key: u32) -> usize {
    at + (parts >> ((key >> 14 & 3) * 8) & 0xff) as usize
}

/// Number of the run that holds `key`, in the part at this word.
#[inline]
pub(super) fn run(table: &[u32], part: usize, key: u32) -> usize {
    (part_bits(table, part) << (63 - (key >> 8 & 63))).count_ones() as usize
}

/// The bitmap of the part at this word.
#[inline]
pub(super) fn part_bits(table: &[u32], part: usize) -> u64 {
    u64::from(word(table, part)) | u64::from(word(table, part + 1)) << 32
}

/// How many runs the parts before that of `key` have.
pub(super) fn runs_before(table: &[u32], at: usize, parts: u32, key: u32) -> usize {
    let first = key & 0xffff_0000;
    let runs = |number: u32| 1 + part_bits(table, part(at, parts, first | number << 14)).count_ones() as usize;
    (0..key >> 14 & 3).map(runs).sum()
}

/// The first word of the high bytes of the runs of a /16, 0 if all are 0.
#[inline]
pub(super) fn highs(table: &[u32], key: u32) -> usize {
    word(table, HIGHS + (key >> 16) as usize) as usize * GRANULE
}

/// Number of the run of addresses that holds `key`.
#[inline]
pub(super) fn sparse_run(table: &[u32], at: usize, key: u32) -> usize {
    let low = key & 0xffff;
    let starts = table.get(at..at + SPARSE_HEAD).unwrap_or_default();
    let started = |word: &u32| u32::from(word & 0xffff <= low) + u32::from(word >> 16 <= low);
    starts.iter().map(started).sum::<u32>().saturating_sub(1) as usize
}

/// One of the low halves that start at word `at`.
#[inline]
pub(super) fn half(table: &[u32], at: usize, index: usize) -> u32 {
    word(table, at + index / 2) >> (index % 2 * 16) & LOW
}

/// One of the high bytes that start at word `at`.
#[inline]
pub(super) fn byte(table: &[u32], at: usize, index: usize) -> u32 {
    word(table, at + index / 4) >> (index % 4 * 8) & 0xff
}

#[inline]
pub(super) fn word(table: &[u32], at: usize) -> u32 {
    table.get(at).copied().unwrap_or(0)
}
