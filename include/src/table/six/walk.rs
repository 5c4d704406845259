//! A look-up told step by step, for `gate25 explain --trie`: the same steps as [`super::find()`].

use super::super::Step;
use super::find::entry;
use super::index::{INDEX_BITS, Index};
use super::layout::{BITS, DIRECT, FILTER_BITS, INNER, Leaf, Slot, Table, VALUE, head, skip, top};

/// Tells each step of the look-up of `key`: what was read, where it stands, what it says. The last one says the value.
pub fn walk(words: &[u32], key: u128, step: &mut dyn FnMut(Step)) {
    let word = |at: usize| words.get(at).copied().unwrap_or(0);
    let (mut table, mut bit) = start(words, key, step);
    while bit + table.stride <= BITS {
        let rest = skip(key, bit);
        let slot = table.slot_of(rest);
        let (first, kind) = (word(slot.record), word(slot.record + 1));
        bit += table.stride;
        let index = top(rest, table.stride);
        let read = u64::from(first) | u64::from(kind) << 32;
        let slots = table.slots();
        let mut record = |says: String| {
            step(Step { what: "record", at: slot.record, read, says: format!("slot {index} of {slots}: {says}") });
        };
        let rest = skip(key, bit);
        if kind & INNER != 0 {
            table = Table::from_link(first);
            record(leads_to(table, bit));
            if table.stride == 0 {
                return;
            }
            continue;
        }
        let next = top(rest, FILTER_BITS);
        if kind & DIRECT != 0 {
            record(format!("default {}; leaf at word {}", kind & VALUE, Leaf::from_link(first).span().0));
        } else if first >> next & 1 == 0 {
            return record(format!(
                "bit {next} of the filter, for address bits {bit} on, is 0: value {}",
                kind & VALUE
            ));
        } else {
            record(format!("default {}; bit {next} of the filter, for address bits {bit} on, is 1", kind & VALUE));
        }
        let leaf = leaf(words, kind, slot, first, step);
        let (at, count) = leaf.span();
        let mut say = |what, at, read, says: String| step(Step { what, at, read, says });
        let Some(found) = entry(words, leaf, top(rest, 32)) else {
            let says = format!("none of {} entries holds address bits {bit} on: value {}", count / 2, kind & VALUE);
            return say("leaf", at, 0, says);
        };
        let place = (0..count / 2).find(|lane| u64::from(word(at + 2 * lane)) == found.0 & 0xffff_ffff).unwrap_or(0);
        let at = at + 2 * place;
        let Some(quarter) = found.quarter() else {
            return say(
                "entry",
                at,
                found.0,
                format!("address bits {bit} to {} agree: value {}", bit + found.length(), found.own()),
            );
        };
        bit += found.length();
        table = Table::single(quarter);
        say("entry", at, found.0, format!("address bits up to {bit} agree: {}", leads_to(table, bit)));
    }
}

/// Where a look-up starts, and at which bit: where the index leads, or at the root.
fn start(words: &[u32], key: u128, step: &mut dyn FnMut(Step)) -> (Table, u32) {
    let word = |at: usize| words.get(at).copied().unwrap_or(0);
    let index = Index::of(words);
    let tag = top(key, INDEX_BITS.into());
    if let Some(at) = index.place_of(words, tag) {
        let (link, bit) = (word(at), INDEX_BITS.into());
        let table = Table::from_link(link);
        let read = u64::from(link) | u64::from(tag) << 32;
        step(Step { what: "index", at, read, says: leads_to(table, bit) });
        return (table, bit);
    }
    let (at, root) = (head::ROOT, word(head::ROOT));
    let table = Table::from_link(root);
    step(Step { what: "root", at, read: root.into(), says: format!("not in the index: {}", leads_to(table, 0)) });
    (table, 0)
}

/// The leaf of a slot; a link that stands apart is a step of its own.
fn leaf(words: &[u32], kind: u32, slot: Slot, first: u32, step: &mut dyn FnMut(Step)) -> Leaf {
    if kind & DIRECT != 0 {
        return Leaf::from_link(first);
    }
    let link = words.get(slot.link).copied().unwrap_or(0);
    let leaf = Leaf::from_link(link);
    let says = format!("leaf of {} entries at word {}", leaf.span().1 / 2, leaf.span().0);
    step(Step { what: "link", at: slot.link, read: link.into(), says });
    leaf
}

fn leads_to(table: Table, bit: u32) -> String {
    format!("table of {} slots at word {}, for address bits {bit} to {}", table.slots(), table.word, bit + table.stride)
}
