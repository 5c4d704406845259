//! A look-up told step by step, for `gate25 explain --trie`: the same steps as [`super::find()`].

use super::super::Step;
use super::filter::Filter;
use super::find::entry;
use super::index::{INDEX_BITS, Index, tag, window};
use super::layout::{BITS, INNER, Leaf, Link, Slot, Table, VALUE, head, skip, top};
use super::line::{FIRST_CELL, WITH_PREFIXES};
use crate::table::LINE_WORDS;

/// Tells each step of the look-up of `key`: what was read, where it stands, what it says. The last one says the value.
pub fn walk(words: &[u32], key: u128, step: &mut dyn FnMut(Step)) {
    let (mut to, mut bit) = start(words, key, step);
    let mut outside = 0;
    loop {
        let leaf = match to {
            Link::Value(_) => return,
            Link::Leaf(leaf) => leaf,
            Link::Table(table) => {
                if bit + table.stride > BITS {
                    return;
                }
                let slot = table.slot_of(skip(key, bit));
                bit += table.stride;
                outside = words.get(slot.record + 1).map_or(0, |kind| kind & VALUE);
                match record(words, key, table, bit, slot, step) {
                    Some(next) => to = next,
                    None => return,
                }
                let Link::Leaf(leaf) = to else { continue };
                leaf
            }
        };
        match child(words, key, leaf, bit, outside, step) {
            Some((table, length)) if length > 0 => (to, bit) = (Link::Table(table), bit + length),
            _ => return,
        }
    }
}

/// Where a look-up starts, and at which bit: where the index leads, or at the root.
fn start(words: &[u32], key: u128, step: &mut dyn FnMut(Step)) -> (Link, u32) {
    let (tag, window, index) = (tag(key), window(key), Index::of(words));
    let number = index.bucket(tag);
    let (bucket, at) = (index.read(words, number), index.word + number / 2);
    let cell = index.cell(tag, bucket.piece(window), bucket.displacement);
    let pieces = match bucket.cut {
        0 => String::new(),
        cut => format!(", piece {} of {}", bucket.piece(window), 1 << cut),
    };
    let line = (cell.line - index.first_line()) / LINE_WORDS;
    let says =
        format!("number {number}: displacement {}{pieces}: line {line}, cell {}", bucket.displacement, cell.cell);
    step(Step { what: "bucket", at, read: words.get(at).copied().unwrap_or(0).into(), says });
    let Some(indexed) = index.look(words, tag, window) else {
        let (at, root) = (head::ROOT, words.get(head::ROOT).copied().unwrap_or(0));
        let to = Link::of(root);
        step(Step { what: "root", at, read: root.into(), says: format!("not in the index: {}", leads_to(to, 0)) });
        return (to, 0);
    };
    let to = Link::of(indexed.leads_to());
    let at = cell.line + FIRST_CELL + 2 * cell.cell;
    let read = u64::from(indexed.link) | u64::from(tag) << 32;
    let Some((number, near)) = indexed.near else {
        let none = if matches!(to, Link::Value(_)) && indexed.link & WITH_PREFIXES != 0 { NONE_HOLDS } else { "" };
        step(Step { what: "cell", at, read, says: format!("{none}{}", leads_to(to, INDEX_BITS.into())) });
        return (to, INDEX_BITS.into());
    };
    step(Step { what: "cell", at, read, says: "prefixes of this line belong to it".into() });
    let says = format!("address bits 32 to {} agree: {}", 32 + near.length(), leads_to(to, 0));
    step(Step { what: "prefix", at: cell.line + 2 * number, read: near.0, says });
    (to, INDEX_BITS.into())
}

const NONE_HOLDS: &str = "no prefix of this line holds the address: ";

/// A record: where it leads; none if it has said the value. `bit` is the one behind its slot.
fn record(words: &[u32], key: u128, table: Table, bit: u32, slot: Slot, step: &mut dyn FnMut(Step)) -> Option<Link> {
    let word = |at: usize| words.get(at).copied().unwrap_or(0);
    let (first, kind) = (word(slot.record), word(slot.record + 1));
    let (index, slots) = (top(skip(key, bit - table.stride), table.stride), table.slots());
    let read = u64::from(first) | u64::from(kind) << 32;
    let mut tell = |says: String| {
        step(Step { what: "record", at: slot.record, read, says: format!("slot {index} of {slots}: {says}") });
    };
    if kind & INNER != 0 {
        let to = Link::of(first);
        tell(leads_to(to, bit));
        return Some(to);
    }
    let (filter, window) = (Filter::read(first, kind), top(skip(key, bit), 32));
    let bits = match filter.numbers(window) {
        [a, b, c] if a == b && b == c => format!("bit {a}"),
        [a, b, c] => format!("bits {a}, {b}, {c}"),
    };
    let end = bit + filter.bits_looked_at();
    if !filter.lets_past(window) {
        tell(format!("{bits} of the filter, for address bits {bit} to {end}: not set: value {}", kind & VALUE));
        return None;
    }
    tell(format!("default {}; {bits} of the filter, for address bits {bit} to {end}: set", kind & VALUE));
    let to = Leaf::from_link(word(slot.link));
    let says = format!("leaf of {} entries at word {}", to.span().1 / 2, to.span().0);
    step(Step { what: "link", at: slot.link, read: word(slot.link).into(), says });
    Some(Link::Leaf(to))
}

/// A leaf at `bit`: where the entry leads that holds the address, and how many bits of it it has looked at; none if it
/// has the value, or no entry holds the address and it is that of `outside`.
fn child(
    words: &[u32],
    key: u128,
    leaf: Leaf,
    bit: u32,
    outside: u32,
    step: &mut dyn FnMut(Step),
) -> Option<(Table, u32)> {
    let word = |at: usize| words.get(at).copied().unwrap_or(0);
    let (from, count) = leaf.span();
    let Some(found) = entry(words, leaf, top(skip(key, bit), 32)) else {
        let says = format!("none of {} entries holds address bits {bit} on: value {outside}", count / 2);
        step(Step { what: "leaf", at: from, read: 0, says });
        return None;
    };
    let same = |lane: &usize| u64::from(word(from + 2 * lane)) | u64::from(word(from + 2 * lane + 1)) << 32 == found.0;
    let at = from + 2 * (0..count / 2).find(same).unwrap_or(0);
    let end = bit + found.length();
    let mut tell = |says: String| step(Step { what: "entry", at, read: found.0, says });
    let Some(quarter) = found.quarter() else {
        match found.length() {
            0 => tell(format!("for all others: value {}", found.own())),
            _ => tell(format!("address bits {bit} to {end} agree: value {}", found.own())),
        }
        return None;
    };
    let table = Table::single(quarter);
    tell(format!("address bits up to {end} agree: {}", leads_to(Link::Table(table), end)));
    Some((table, found.length()))
}

fn leads_to(to: Link, bit: u32) -> String {
    match to {
        Link::Value(value) => format!("value {value}"),
        Link::Leaf(leaf) => format!("leaf of {} entries at word {}", leaf.span().1 / 2, leaf.span().0),
        Link::Table(table) => format!(
            "table of {} slots at word {}, for address bits {bit} to {}",
            table.slots(),
            table.word,
            bit + table.stride
        ),
    }
}
