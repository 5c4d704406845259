//! Checks a trie once, in linear time: every node lies inside and is reached from one place only, and every
//! value that a look-up can give is good.

use super::dense::{self, Dense, List};
use super::find::{byte, part_bits, word};
use super::runs::{self, PARTS};
use super::*;
use crate::table::Fault;

/// Checks shape, every place and, by `good`, every value.
///
/// # Errors
/// What is wrong, the word it stands in, and what stands there.
pub fn validate(table: &[u32], good: &dyn Fn(u32) -> bool) -> Result<(), Fault> {
    if table.len() < FIXED || !table.len().is_multiple_of(LINE_WORDS) {
        return Err(("table length", 0, table.len() as u64));
    }
    let mut check = Check { table, good, judged: vec![u32::MAX; JUDGED], claimed: vec![0; table.len() / GRANULE] };
    check.claim(0, FIXED, 0)?;
    (0..1 << 16).try_for_each(|high| check.root(high))
}

struct Check<'a> {
    table: &'a [u32],
    good: &'a dyn Fn(u32) -> bool,
    /// Values of lists that were good; most come again and again.
    judged: Vec<u32>,
    /// One for each granule: whether something uses it.
    claimed: Vec<u8>,
}

impl Check<'_> {
    /// Takes words for what `from` refers to; they must be there and free. They begin with a granule.
    fn claim(&mut self, at: usize, words: usize, from: usize) -> Result<(), Fault> {
        let (first, last) = (at / GRANULE, (at + words).div_ceil(GRANULE));
        let mut free = true;
        match self.claimed.get_mut(first..last) {
            // One pass: most are two or three granules.
            Some(granules) => granules.iter_mut().for_each(|granule| free &= std::mem::replace(granule, 1) == 0),
            None => free = false,
        }
        if free { Ok(()) } else { Err(self.place(from)) }
    }

    fn place(&self, from: usize) -> Fault {
        ("place of a node", from, word(self.table, from).into())
    }

    /// The value that stands in whole at a word.
    fn value(&self, at: usize) -> Result<(), Fault> {
        let value = word(self.table, at);
        if (self.good)(value) { Ok(()) } else { Err(("value", at, value.into())) }
    }

    fn root(&mut self, high: usize) -> Result<(), Fault> {
        let at = ROOT + high * 2;
        let [entry, parts] = [word(self.table, at), word(self.table, at + 1)];
        let node = find::node(entry);
        match entry >> TAG_SHIFT {
            0 => self.value(at),
            RUNS => self.runs(high, node, parts),
            SPARSE => self.sparse(at, node),
            DENSE => self.dense(at, Dense::of([entry, parts])),
            _ => Err(("root entry", at, entry.into())),
        }
    }

    fn runs(&mut self, high: usize, node: usize, parts: u32) -> Result<(), Fault> {
        let from = ROOT + high * 2;
        let (granules, count) = runs::extent(self.table, node, parts);
        self.claim(node, granules * GRANULE, from)?;
        let highs = word(self.table, HIGHS + high) as usize * GRANULE;
        if highs != 0 {
            self.claim(highs, count.div_ceil(4), HIGHS + high)?;
        }
        let mut before = 0;
        for number in 0..PARTS as u32 {
            let part = find::part(node, parts, number << 14);
            let bits = part_bits(self.table, part);
            if bits & 1 != 0 {
                return Err(("bit of a part's first run", part, word(self.table, part).into()));
            }
            let runs = 1 + bits.count_ones() as usize;
            self.list(part + PART_HEAD, (highs != 0).then_some((highs, before)), runs)?;
            before += runs;
        }
        Ok(())
    }

    fn sparse(&mut self, from: usize, node: usize) -> Result<(), Fault> {
        self.claim(node, list_words(SPARSE_HEAD, SPARSE_RUNS), from)?;
        if word(self.table, node) & 0xffff != 0 {
            return Err(("start of the first run", node, word(self.table, node).into()));
        }
        let starts = (0..SPARSE_RUNS).map(|index| (node + index / 2, index % 2 * 16));
        let mut before = 0;
        for (at, shift) in starts {
            let start = word(self.table, at) >> shift & 0xffff;
            if start < before {
                return Err(("start of a run", at, word(self.table, at).into()));
            }
            before = start;
        }
        let lows = node + SPARSE_HEAD;
        self.list(lows, Some((lows + low_words(SPARSE_RUNS), 0)), SPARSE_RUNS)
    }

    fn dense(&mut self, from: usize, dense: Dense) -> Result<(), Fault> {
        if dense.entry()[1] != word(self.table, from + 1)
            || dense.leaves > MOST_LEAVES
            || dense.palette > MOST_IN_PALETTE
            || dense.used > dense.leaves
        {
            return Err(("size of a dense node", from + 1, word(self.table, from + 1).into()));
        }
        self.claim(dense.first().ok_or(self.place(from))?, dense.words(), from)?;
        let (mut seen, mut numbers) = ([false; MOST_LEAVES], [false; MOST_IN_PALETTE]);
        for at in dense.at..dense.at + RECORDS {
            let record = word(self.table, at);
            if !(self.good)(record & USUAL_MASK) {
                return Err(("value", at, record.into()));
            }
            let number = (record >> LEAF_SHIFT) as usize;
            if number >= dense.used {
                return Err(("leaf of a record", at, record.into()));
            }
            let leaf = dense.leaf_number(number);
            if !seen.get_mut(number).is_some_and(|seen| std::mem::replace(seen, true)) {
                self.leaf(leaf, &mut numbers)?;
            } else if dense::count(self.table, leaf) != 0 {
                // Only the one in which nothing is exceptional may serve several.
                return Err(("leaf of a record", at, record.into()));
            }
        }
        let numbers = numbers.iter().enumerate().filter(|(_, used)| **used);
        for (number, _) in numbers {
            if number >= dense.palette {
                return Err(("number in a list", from, number as u64));
            }
            self.value(dense.in_palette(number))?;
        }
        Ok(())
    }

    /// Checks a leaf and notes which `numbers` its list has.
    fn leaf(&mut self, leaf: usize, numbers: &mut [bool; MOST_IN_PALETTE]) -> Result<(), Fault> {
        let table = self.table;
        let bitmap: Option<&[u32; BITMAP_WORDS]> =
            table.get(leaf + LEAF_BITMAP..).and_then(|words| words.first_chunk());
        if bitmap.map(dense::counts) != Some(word(table, leaf + LEAF_COUNTS)) {
            return Err(("counts of a bitmap", leaf + LEAF_COUNTS, word(table, leaf + LEAF_COUNTS).into()));
        }
        if bitmap == Some(&[u32::MAX; BITMAP_WORDS]) {
            // One more than the counts can say.
            return Err(("bitmap of a leaf", leaf + LEAF_BITMAP, u32::MAX.into()));
        }
        let count = dense::count(table, leaf);
        match List::of(table, leaf) {
            _ if count == 0 => {}
            _ if word(table, leaf) >> TAG_SHIFT > WIDE => {
                return Err(("list of a leaf", leaf, word(table, leaf).into()));
            }
            List::Same(value) if (self.good)(value) => {}
            List::Same(value) => return Err(("value", leaf, value.into())),
            List::Numbers(list) => {
                self.claim(list, count.div_ceil(4), leaf)?;
                for index in 0..count {
                    let number = byte(table, list, index) as usize;
                    numbers.iter_mut().skip(number).take(1).for_each(|used| *used = true);
                }
            }
            List::Wide(list) => {
                self.claim(list, list_words(0, count), leaf)?;
                self.list(list, Some((dense::wide_highs(table, leaf, list), 0)), count)?;
            }
        }
        Ok(())
    }

    /// The values with these low halves, and with the high bytes from one of those at a word on; 0 if there are none.
    fn list(&mut self, lows: usize, highs: Option<(usize, usize)>, count: usize) -> Result<(), Fault> {
        let table = self.table;
        let halves = table.get(lows..lows + low_words(count)).unwrap_or_default();
        let (at, skip) = highs.unwrap_or_default();
        let bytes = highs.and_then(|_| table.get(at..at + (skip + count).div_ceil(4))).unwrap_or_default();
        for index in 0..count {
            let low = word(halves, index / 2) >> (index % 2 * 16) & LOW;
            let high = word(bytes, (skip + index) / 4) >> ((skip + index) % 4 * 8) & 0xff;
            let value = low | high << LOW_BITS;
            let place = self.judged.get_mut((value.wrapping_mul(0x9e37_79b1) >> JUDGED_SHIFT) as usize);
            if place.as_deref() == Some(&value) {
                continue;
            }
            if !(self.good)(value) {
                return Err(("value in a list", lows + index / 2, value.into()));
            }
            place.into_iter().for_each(|place| *place = value);
        }
        Ok(())
    }
}

/// Values that are remembered: 16 KB of them.
const JUDGED: usize = 1 << (32 - JUDGED_SHIFT);
const JUDGED_SHIFT: u32 = 20;
