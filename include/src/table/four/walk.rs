//! Tells a look-up step by step: what is read, where, and what it says.

use super::find::{rank, run, sparse_run, word};
use super::*;
use crate::table::Step;

/// Each step of the look-up of `key`; the last one reads the value.
pub fn walk(table: &[u32], key: u32, step: &mut dyn FnMut(Step)) {
    let mut read = |what: &'static str, at: usize, says: String| {
        step(Step { what, at, read: word(table, at).into(), says });
    };
    let root = ROOT + (key >> 16) as usize;
    let entry = word(table, root);
    let first = (entry & PLACE_MASK) as usize * LINE_WORDS;
    let tag = entry >> TAG_SHIFT;
    let block = std::net::Ipv4Addr::from_bits(key & 0xffff_0000);
    match tag {
        0 => read("root", root, format!("all of {block}/16 has value {entry:#x}")),
        RUNS | RUNS_WIDE => {
            read("root", root, format!("{block}/16 is runs of /24, node at word {first}"));
            let (position, index) = (key >> 8 & 0xff, (key >> 13 & 7) as usize);
            read("bitmap", first + index, format!("/24 number {position}: bit {} of this word", position & 31));
            let counts = first + BITMAP_WORDS + index / 4;
            let run = run(table, first, key);
            read("counts", counts, format!("with the bits before this word: run {run}"));
            list(table, first + RUNS_HEAD, run, tag == RUNS_WIDE, &mut read);
        }
        SPARSE | SPARSE_WIDE => {
            read("root", root, format!("{block}/16 is sparse, node at word {first}"));
            let run = sparse_run(table, first, key);
            read("start", first + run / 2, format!("run {run} is the last that starts at or before {}", key & 0xffff));
            list(table, first + SPARSE_HEAD, run, tag == SPARSE_WIDE, &mut read);
        }
        DENSE => {
            read("root", root, format!("{block}/16 is dense, node at word {first}"));
            dense(table, first, key, &mut read);
        }
        _ => read("root", root, "no entry that a builder writes".to_owned()),
    }
}

fn dense(table: &[u32], first: usize, key: u32, read: &mut dyn FnMut(&'static str, usize, String)) {
    let position = (key >> 8 & 0xff) as usize;
    let record = first + position * 2;
    let place = word(table, record + 1);
    let at = place as usize * BITMAP_WORDS + (key >> 5 & 7) as usize;
    read(
        "bitmap place",
        record + 1,
        format!("/24 number {position}: bitmap at word {}", place as usize * BITMAP_WORDS),
    );
    let set = word(table, at) >> (key & 31) & 1 == 1;
    let says = if set { "set: an exception" } else { "clear: the usual value" };
    read("bitmap", at, format!("bit {} of this word is {says}", key & 31));
    if !set {
        return read("usual value", record, format!("value {:#x}", word(table, record)));
    }
    let list_at = first + DENSE_LISTS + position;
    let list = word(table, list_at);
    let start = (list & !WIDE_LIST) as usize * LINE_WORDS;
    let index = rank(table, start, word(table, at), key & 0xff).saturating_sub(1);
    read("list place", list_at, format!("counts and list at word {start}"));
    let counts = start + (key >> 7 & 1) as usize;
    read("counts", counts, format!("with the bits before this word: {index} exceptions before this one"));
    self::list(table, start + COUNT_WORDS, index, list & WIDE_LIST != 0, read);
}

fn list(table: &[u32], at: usize, index: usize, wide: bool, read: &mut dyn FnMut(&'static str, usize, String)) {
    if wide {
        return read("value", at + index, format!("value {:#x}", word(table, at + index)));
    }
    let number = word(table, at + index / 2) >> (index % 2 * 16) & 0xffff;
    let half = if index.is_multiple_of(2) { "low" } else { "high" };
    read("list", at + index / 2, format!("its {half} half: number {number} of the palette"));
    let value = word(table, PALETTE_LINE) as usize * LINE_WORDS + number as usize;
    read("palette", value, format!("value {:#x}", word(table, value)));
}
