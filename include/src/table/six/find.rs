//! The look-up of one address, step by step.

use super::index::{self, INDEX_BITS};
use super::layout::{BITS, DIRECT, Entry, FILTER_BITS, INNER, Leaf, Table, VALUE, WINDOW, head};

/// The value of the longest prefix that holds `key`; 0 for none. Total on any words: what lies outside reads as 0, and
/// each step takes at least one bit of the address.
#[inline]
pub fn find(words: &[u32], key: u128) -> u32 {
    let pair = |at: usize| match words.get(at..at + 2) {
        Some([first, second]) => (*first, *second),
        _ => (0, 0),
    };
    let (mut high, mut low) = ((key >> 64) as u64, key as u64);
    let mut left = BITS;
    let mut table = match index::find(words, key) {
        Some(table) => {
            (high, low) = cut(high, low, INDEX_BITS.into());
            left -= u32::from(INDEX_BITS);
            table
        }
        None => Table::from_link(pair(head::ROOT).0),
    };
    left -= table.stride;
    loop {
        let slot = table.slot((high >> 1 >> (63 - table.stride)) as u32);
        let (first, kind) = pair(slot.record);
        (high, low) = cut(high, low, table.stride);
        if kind & INNER != 0 {
            table = Table::from_link(first);
            if table.stride == 0 || table.stride > left {
                return 0;
            }
            left -= table.stride;
            continue;
        }
        if kind & DIRECT == 0 && first >> (high >> (64 - FILTER_BITS)) & 1 == 0 {
            return kind & VALUE;
        }
        let link = if kind & DIRECT != 0 { first } else { words.get(slot.link).copied().unwrap_or(0) };
        let Some(entry) = entry(words, Leaf::from_link(link), (high >> 32) as u32) else { return kind & VALUE };
        let Some(quarter) = entry.quarter() else { return entry.own() };
        if entry.length() > left.min(WINDOW.into()) {
            return 0;
        }
        left -= entry.length();
        (high, low) = cut(high, low, entry.length());
        table = Table::single(quarter);
    }
}

/// Both halves of what is left of an address, without its first `bits`, less than 64.
#[inline]
fn cut(high: u64, low: u64, bits: u32) -> (u64, u64) {
    (high << (bits & 63) | low >> 1 >> (63 - (bits & 63)), low << (bits & 63))
}

/// The longest entry of a leaf that holds the window: entries stand longest first.
#[inline]
pub(super) fn entry(words: &[u32], leaf: Leaf, window: u32) -> Option<Entry> {
    let (from, count) = leaf.span();
    let entries = words.get(from..from + count).unwrap_or_default();
    entries.chunks_exact(2).map(Entry::read).find(|entry| entry.holds(window))
}
