//! Checks a trie once, in linear time: every node lies inside and is reached from one place only, and every
//! value that a look-up can give is good.

use super::find::{bitmap, part_bits, word};
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
    if let Some(at) = (ZEROS..FIXED).find(|at| word(table, *at) != 0) {
        return Err(("line of zeros", at, word(table, at).into()));
    }
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
            DENSE => self.dense(at, node),
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

    fn dense(&mut self, from: usize, node: usize) -> Result<(), Fault> {
        self.claim(node, DENSE_WORDS, from)?;
        for position in 0..256 {
            let (record, list_at) = (node + position * 2, node + DENSE_LISTS + position);
            self.value(record)?;
            let place = word(self.table, record + 1);
            if place == NO_BITMAP {
                continue;
            }
            self.claim(place as usize * BITMAP_WORDS, BITMAP_WORDS, record + 1)?;
            let bits: Option<&[u32; BITMAP_WORDS]> = bitmap(self.table, place).first_chunk();
            let bits = bits.ok_or(self.place(record + 1))?;
            let (before, count) = trie::counts_before(bits);
            let at = word(self.table, list_at) as usize * GRANULE;
            self.claim(at, list_words(COUNT_WORDS, count), list_at)?;
            for (at, counts) in (at..).zip(before) {
                if word(self.table, at) != counts {
                    return Err(("counts of a bitmap", at, word(self.table, at).into()));
                }
            }
            let lows = at + COUNT_WORDS;
            self.list(lows, Some((lows + low_words(count), 0)), count)?;
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
