//! Tells a look-up step by step: what is read, where, and what it says.

use super::dense::{self, Dense, List};
use super::find::{self, highs, run, runs_before, sparse_run, word};
use super::*;
use crate::table::Step;

/// Each step of the look-up of `key`; the last one tells the value.
pub fn walk(table: &[u32], key: u32, step: &mut dyn FnMut(Step)) {
    let mut read = |what: &'static str, at: usize, says: String| {
        step(Step { what, at, read: word(table, at).into(), says });
    };
    let root = ROOT + (key >> 16) as usize * 2;
    let [entry, parts] = find::entry(table, key);
    let node = find::node(entry);
    let block = std::net::Ipv4Addr::from_bits(key & 0xffff_0000);
    match entry >> TAG_SHIFT {
        0 => read("root", root, format!("all of {block}/16 has value {entry:#x}")),
        RUNS => {
            read("root", root, format!("{block}/16 is runs of /24, node at word {node}"));
            runs(table, key, node, parts, &mut read);
        }
        SPARSE => {
            read("root", root, format!("{block}/16 is sparse, node at word {node}"));
            let run = sparse_run(table, node, key);
            read("start", node + run / 2, format!("run {run} is the last that starts at or before {}", key & 0xffff));
            let lows = node + SPARSE_HEAD;
            list(table, lows, run, Some((lows + low_words(SPARSE_RUNS), run)), &mut read);
        }
        DENSE => {
            read("root", root, format!("{block}/16 is dense, node at word {node}"));
            dense(table, Dense::of([entry, parts]), key, &mut read);
        }
        _ => read("root", root, "no entry that a builder writes".to_owned()),
    }
}

fn runs(table: &[u32], key: u32, node: usize, parts: u32, read: &mut dyn FnMut(&'static str, usize, String)) {
    let (number, position) = (key >> 14 & 3, key >> 8 & 63);
    let part = find::part(node, parts, key);
    let root = ROOT + (key >> 16) as usize * 2;
    read("parts", root + 1, format!("byte {number}: /18 number {number} is {} words behind it", part - node));
    let run = run(table, part, key);
    let says = format!("/24 number {position}: bit {} of this word, run {run}", position & 31);
    read("bitmap", part + (position >> 5) as usize, says);
    let highs = match highs(table, key) {
        0 => None,
        highs => Some((highs, runs_before(table, node, parts, key) + run)),
    };
    list(table, part + PART_HEAD, run, highs, read);
}

fn dense(table: &[u32], dense: Dense, key: u32, read: &mut dyn FnMut(&'static str, usize, String)) {
    let record = word(table, dense.record(key));
    let (leaf, usual) = (dense.leaf(record), record & USUAL_MASK);
    let says = format!("/24 number {}: leaf {} at word {leaf}", key >> 8 & 0xff, record >> LEAF_SHIFT);
    read("record", dense.record(key), says);
    let (at, bit) = (leaf + LEAF_BITMAP + (key >> 5 & 7) as usize, key & 31);
    let Some(index) = dense::exception(table, leaf, key) else {
        return read("bitmap", at, format!("bit {bit} of this word is clear: the usual value, {usual:#x}"));
    };
    read("bitmap", at, format!("bit {bit} of this word is set: an exception"));
    let list = match List::of(table, leaf) {
        List::Same(value) => return read("list", leaf, format!("all exceptions have value {value:#x}")),
        List::Numbers(list) => list,
        List::Wide(list) => list,
    };
    read("list", leaf, format!("at word {list}"));
    let says = format!("with the bits of the word: {index} exceptions before this one");
    read("counts", leaf + LEAF_COUNTS, says);
    if let List::Wide(list) = List::of(table, leaf) {
        return self::list(table, list, index, Some((dense::wide_highs(table, leaf, list), index)), read);
    }
    let number = find::byte(table, list, index) as usize;
    read("number", list + index / 4, format!("byte {} of this word: number {number} of the palette", index % 4));
    let at = dense.in_palette(number);
    read("palette", at, format!("value {:#x}", word(table, at)));
}

/// A low half, and the high byte with its own number, unless all are 0.
fn list(
    table: &[u32],
    lows: usize,
    index: usize,
    highs: Option<(usize, usize)>,
    read: &mut dyn FnMut(&'static str, usize, String),
) {
    let low = find::half(table, lows, index);
    let which = if index.is_multiple_of(2) { "low" } else { "high" };
    let Some((highs, number)) = highs else {
        return read("low half", lows + index / 2, format!("its {which} half, above it 0: value {low:#x}"));
    };
    read("low half", lows + index / 2, format!("its {which} half: {low:#x}, all that a burst reads"));
    let value = low | find::byte(table, highs, number) << LOW_BITS;
    read("high byte", highs + number / 4, format!("byte {} of this word: value {value:#x}", number % 4));
}
