//! The look-up of one address, step by step.

use super::layout::{BITS, DIRECT, Entry, FILTER_BITS, INNER, Leaf, Table, VALUE, head, skip, top};

/// The value of the longest prefix that holds `key`; 0 for none. Total on any words: what lies outside reads as 0, and
/// each step takes at least one bit of the address.
#[inline]
pub fn find(words: &[u32], key: u128) -> u32 {
    let word = |at: usize| words.get(at).copied().unwrap_or(0);
    let mut table = Table::from_link(word(head::ROOT));
    let (mut rest, mut left) = (key, BITS - table.stride);
    loop {
        let slot = table.slot_of(rest);
        let (first, kind) = (word(slot.record), word(slot.record + 1));
        rest = skip(rest, table.stride);
        if kind & INNER != 0 {
            table = Table::from_link(first);
            if table.stride == 0 || table.stride > left {
                return 0;
            }
            left -= table.stride;
            continue;
        }
        if kind & DIRECT == 0 && first >> top(rest, FILTER_BITS) & 1 == 0 {
            return kind & VALUE;
        }
        let link = if kind & DIRECT != 0 { first } else { word(slot.link) };
        match entry(words, Leaf::from_link(link), top(rest, 32)) {
            None => return kind & VALUE,
            Some(entry) => match entry.quarter() {
                None => return entry.own(),
                Some(_) if entry.length() > left => return 0,
                Some(quarter) => {
                    left -= entry.length();
                    rest = skip(rest, entry.length());
                    table = Table::single(quarter);
                }
            },
        }
    }
}

/// The longest entry of a leaf that holds the window: entries stand longest first.
#[inline]
pub(super) fn entry(words: &[u32], leaf: Leaf, window: u32) -> Option<Entry> {
    let (from, count) = leaf.span();
    let entries = words.get(from..from + count).unwrap_or_default();
    entries.chunks_exact(2).map(Entry::read).find(|entry| entry.holds(window))
}
