//! The look-up of one address, step by step.

use super::filter::Filter;
use super::index::{Index, Indexed, tag, window};
use super::layout::{BITS, Entry, INDEXED, INNER, Leaf, Link, Table, VALUE, WINDOW, head};

/// The value of the longest prefix that holds `key`; 0 for none. Total on any words: what lies outside reads as 0, and
/// each step takes at least one bit of the address.
#[inline]
pub fn find(words: &[u32], key: u128) -> u32 {
    match Index::of(words).look(words, tag(key), window(key)).map(Indexed::leads_to) {
        Some(link) => find_from(words, link, key << INDEXED, BITS - INDEXED),
        None => find_from(words, words.get(head::ROOT).copied().unwrap_or(0), key, BITS),
    }
}

/// The same from where a link leads; `rest` is the address without the bits before, of which `left` are left.
#[inline]
pub(super) fn find_from(words: &[u32], link: u32, rest: u128, mut left: u32) -> u32 {
    let (mut high, mut low) = ((rest >> 64) as u64, rest as u64);
    let mut table = match Link::of(link) {
        Link::Value(own) => return own,
        Link::Table(table) => table,
        Link::Leaf(leaf) => match entry(words, leaf, (high >> 32) as u32) {
            Some(entry) if entry.quarter().is_some() => {
                (high, low) = cut(high, low, entry.length());
                left = left.saturating_sub(entry.length());
                Table::single(entry.quarter().unwrap_or(0))
            }
            found => return found.map_or(0, Entry::own),
        },
    };
    left -= table.stride;
    loop {
        let slot = table.slot((high >> 1 >> (63 - table.stride)) as u32);
        let Some([first, kind, link]) = words.get(slot.record..slot.record + 3) else { return 0 };
        (high, low) = cut(high, low, table.stride);
        if kind & INNER != 0 {
            table = Table::from_link(*first);
            if table.stride == 0 || table.stride > left {
                return 0;
            }
            left -= table.stride;
            continue;
        }
        let window = (high >> 32) as u32;
        if !Filter::read(*first, *kind).lets_past(window) {
            return kind & VALUE;
        }
        let Some(entry) = entry(words, Leaf::from_link(*link), window) else { return kind & VALUE };
        let Some(quarter) = entry.quarter() else { return entry.own() };
        if entry.length() == 0 || entry.length() > left.min(WINDOW.into()) {
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
