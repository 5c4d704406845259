//! A table as sorted ranges: for few prefixes, and what the tries are judged by.
//!
//! ```text
//! word 0        0, the kind
//! word 1        n, the number of ranges, at least 1
//! then          n starts, strictly ascending, the first is address 0
//!               (IPv4: 1 word; IPv6: 4 words, most significant first)
//! then          n values; range i reaches up to the address before start i+1
//! ```
//! Nested prefixes are flattened when it is built. A look-up is a binary search: log2(n) steps.

use super::{Entry, Fault, Key, Kind, Step};

/// Words before the starts.
const HEAD: usize = 2;

/// The value of the range that holds `key`. 0 for a table that was never validated.
#[inline]
pub(super) fn find<K: Key>(table: &[u32], key: K) -> u32 {
    let Some((starts, values)) = split::<K>(table) else { return 0 };
    values.get(position(starts, values.len(), key)).copied().unwrap_or(0)
}

/// The number of the last of `count` ranges that starts at or before `key`.
#[inline]
fn position<K: Key>(starts: &[u32], count: usize, key: K) -> usize {
    let (mut low, mut left) = (0, count);
    while left > 1 {
        let half = left / 2;
        let not_behind = start::<K>(starts, low + half).is_some_and(|start| start <= key);
        low += if not_behind { half } else { 0 };
        left -= half;
    }
    low
}

#[inline]
fn start<K: Key>(starts: &[u32], index: usize) -> Option<K> {
    starts.get(index * K::WORDS..(index + 1) * K::WORDS).map(K::read)
}

/// Starts and values, if the lengths fit.
#[inline]
fn split<K: Key>(table: &[u32]) -> Option<(&[u32], &[u32])> {
    let (head, rest) = table.split_at_checked(HEAD)?;
    let count = *head.last()? as usize;
    let (starts, values) = rest.split_at_checked(count.checked_mul(K::WORDS)?)?;
    (values.len() == count && count > 0).then_some((starts, values))
}

/// Checks shape, order and each value; on failure gives the word and what stands there.
pub(super) fn validate<K: Key>(table: &[u32], good: impl Fn(u32) -> bool) -> Result<(), Fault> {
    let count = table.get(1).copied().unwrap_or(0);
    let (starts, values) = split::<K>(table).ok_or(("number of ranges", 1, u64::from(count)))?;
    let mut before: Option<K> = None;
    for (index, words) in starts.chunks_exact(K::WORDS).enumerate() {
        let start = K::read(words);
        let in_order = before.map_or(start == K::ZERO, |before| before < start);
        if !in_order {
            return Err(("range start", HEAD + index * K::WORDS, u64::from(words.last().copied().unwrap_or(0))));
        }
        before = Some(start);
    }
    match values.iter().enumerate().find(|(_, value)| !good(**value)) {
        Some((index, value)) => Err(("range value", HEAD + starts.len() + index, u64::from(*value))),
        None => Ok(()),
    }
}

/// The one step there is to tell: which range.
pub(super) fn walk<K: Key>(table: &[u32], key: K, step: &mut dyn FnMut(Step)) {
    let Some((starts, values)) = split::<K>(table) else { return };
    let position = position(starts, values.len(), key);
    let says = format!("range {position} of {}: the last one that does not start behind the address", values.len());
    let at = HEAD + position * K::WORDS;
    let read = start::<K>(starts, position).map_or(0, |_| u64::from(table.get(at).copied().unwrap_or(0)));
    step(Step { what: "range start", at, read, says });
    let value = values.get(position).copied().unwrap_or(0);
    let at = HEAD + starts.len() + position;
    step(Step { what: "range value", at, read: value.into(), says: format!("value {value:#x}") });
}

/// Writes the table of `entries`: sorted, no prefix twice.
pub(super) fn build<K: Key>(entries: &[Entry<K>]) -> Vec<u32> {
    let ranges = flatten(entries);
    let mut words = Vec::with_capacity(HEAD + ranges.len() * (K::WORDS + 1));
    words.extend([Kind::Ranges as u32, ranges.len() as u32]);
    ranges.iter().for_each(|(start, _)| start.write(&mut words));
    words.extend(ranges.iter().map(|(_, value)| *value));
    words
}

/// Where the value changes, from address 0 on: the longest prefix has won.
pub fn flatten<K: Key>(entries: &[Entry<K>]) -> Vec<(K, u32)> {
    let mut ranges: Vec<(K, u32)> = vec![(K::ZERO, 0)];
    let mut open: Vec<(K, u32)> = Vec::new();
    for entry in entries {
        close(&mut ranges, &mut open, Some(entry.start));
        put(&mut ranges, entry.start, entry.value);
        open.push((entry.last(), entry.value));
    }
    close(&mut ranges, &mut open, None);
    ranges
}

/// Ends every open prefix that ends before `start`.
fn close<K: Key>(ranges: &mut Vec<(K, u32)>, open: &mut Vec<(K, u32)>, start: Option<K>) {
    while let Some((last, _)) = open.last().copied() {
        if start.is_some_and(|start| last >= start) {
            return;
        }
        open.pop();
        if let Some(next) = last.next() {
            put(ranges, next, open.last().map_or(0, |(_, value)| *value));
        }
    }
}

/// Starts a range; an equal start replaces, an equal value continues.
fn put<K: Key>(ranges: &mut Vec<(K, u32)>, start: K, value: u32) {
    if ranges.last().is_some_and(|(at, _)| *at == start) {
        ranges.pop();
    }
    if ranges.last().map(|(_, before)| *before) != Some(value) {
        ranges.push((start, value));
    }
}
