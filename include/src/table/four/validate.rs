//! Checks a trie once, in linear time: every node lies inside and is reached from one place only, and every
//! value that a look-up can give is good.

use super::find::{bitmap, word};
use super::*;
use crate::table::Fault;

/// Checks shape, every place and, by `good`, every value.
///
/// # Errors
/// What is wrong, the word it stands in, and what stands there.
pub fn validate(table: &[u32], good: &dyn Fn(u32) -> bool) -> Result<(), Fault> {
    if table.len() < FIXED_LINES * LINE_WORDS || !table.len().is_multiple_of(LINE_WORDS) {
        return Err(("table length", 0, table.len() as u64));
    }
    let mut check = Check { table, good, claimed: vec![0; table.len() / BITMAP_WORDS], palette: 0 };
    check.claim(0, FIXED_LINES * LINE_WORDS, 0)?;
    check.palette()?;
    (0..1 << 16).try_for_each(|high| check.root(ROOT + high))
}

struct Check<'a> {
    table: &'a [u32],
    good: &'a dyn Fn(u32) -> bool,
    /// One for each 8 words: whether something uses them.
    claimed: Vec<u8>,
    /// Values in the palette.
    palette: usize,
}

impl Check<'_> {
    /// Takes words for what `from` refers to; they must be there and free.
    fn claim(&mut self, at: usize, words: usize, from: usize) -> Result<(), Fault> {
        let fault = ("place of a node", from, u64::from(word(self.table, from)));
        let (first, last) = (at / BITMAP_WORDS, (at + words).div_ceil(BITMAP_WORDS));
        let units = self.claimed.get_mut(first..last).ok_or(fault)?;
        if units.contains(&1) {
            return Err(fault);
        }
        units.fill(1);
        Ok(())
    }

    fn value(&self, at: usize) -> Result<(), Fault> {
        let value = word(self.table, at);
        if (self.good)(value) { Ok(()) } else { Err(("value", at, value.into())) }
    }

    fn palette(&mut self) -> Result<(), Fault> {
        let zeros = ZERO_LINE * LINE_WORDS;
        if let Some(at) = (zeros..zeros + LINE_WORDS).find(|at| word(self.table, *at) != 0) {
            return Err(("line of zeros", at, word(self.table, at).into()));
        }
        let (line, count) = (word(self.table, PALETTE_LINE) as usize, word(self.table, PALETTE_COUNT) as usize);
        if count > 1 << 16 {
            return Err(("size of the palette", PALETTE_COUNT, count as u64));
        }
        let first = line * LINE_WORDS;
        if count > 0 {
            self.claim(first, count.next_multiple_of(LINE_WORDS), PALETTE_LINE)?;
        }
        self.palette = count;
        (first..first + count).try_for_each(|at| self.value(at))
    }

    fn root(&mut self, at: usize) -> Result<(), Fault> {
        let entry = word(self.table, at);
        let first = (entry & PLACE_MASK) as usize * LINE_WORDS;
        let tag = entry >> TAG_SHIFT;
        match tag {
            0 => self.value(at),
            RUNS | RUNS_WIDE => self.runs(at, first, tag == RUNS_WIDE),
            SPARSE | SPARSE_WIDE => self.sparse(at, first, tag == SPARSE_WIDE),
            DENSE => self.dense(at, first),
            _ => Err(("root entry", at, entry.into())),
        }
    }

    fn runs(&mut self, from: usize, first: usize, wide: bool) -> Result<(), Fault> {
        let table = self.table;
        let bits: Option<&[u32; BITMAP_WORDS]> = table.get(first..).and_then(|node| node.first_chunk());
        let bits = bits.ok_or(("place of a node", from, word(table, from).into()))?;
        let count = 1 + ones(bits);
        self.claim(first, list_lines(RUNS_HEAD, count, wide) * LINE_WORDS, from)?;
        if bits.first().is_some_and(|word| word & 1 != 0) {
            return Err(("bit of the first run", first, word(table, first).into()));
        }
        self.counts(first + BITMAP_WORDS, bits)?;
        self.list(first + RUNS_HEAD, count, wide)
    }

    fn sparse(&mut self, from: usize, first: usize, wide: bool) -> Result<(), Fault> {
        self.claim(first, list_lines(SPARSE_HEAD, SPARSE_RUNS, wide) * LINE_WORDS, from)?;
        if word(self.table, first) & 0xffff != 0 {
            return Err(("start of the first run", first, word(self.table, first).into()));
        }
        let starts = (0..SPARSE_RUNS).map(|index| (first + index / 2, index % 2 * 16));
        let mut before = 0;
        for (at, shift) in starts {
            let start = word(self.table, at) >> shift & 0xffff;
            if start < before {
                return Err(("start of a run", at, word(self.table, at).into()));
            }
            before = start;
        }
        self.list(first + SPARSE_HEAD, SPARSE_RUNS, wide)
    }

    fn dense(&mut self, from: usize, first: usize) -> Result<(), Fault> {
        self.claim(first, DENSE_LINES * LINE_WORDS, from)?;
        for position in 0..256 {
            let (record, list_at) = (first + position * 2, first + DENSE_LISTS + position);
            self.value(record)?;
            let place = word(self.table, record + 1);
            if place == NO_BITMAP {
                continue;
            }
            self.claim(place as usize * BITMAP_WORDS, BITMAP_WORDS, record + 1)?;
            let Some(bits) = bitmap(self.table, place).first_chunk::<BITMAP_WORDS>() else { continue };
            let count = ones(bits);
            let list = word(self.table, list_at);
            let (wide, at) = (list & WIDE_LIST != 0, (list & !WIDE_LIST) as usize * LINE_WORDS);
            self.claim(at, list_lines(COUNT_WORDS, count, wide) * LINE_WORDS, list_at)?;
            self.counts(at, bits)?;
            self.list(at + COUNT_WORDS, count, wide)?;
        }
        Ok(())
    }

    fn counts(&self, first: usize, bits: &[u32; BITMAP_WORDS]) -> Result<(), Fault> {
        for (at, counts) in (first..).zip(trie::counts_before(bits)) {
            if word(self.table, at) != counts {
                return Err(("counts of a bitmap", at, word(self.table, at).into()));
            }
        }
        Ok(())
    }

    fn list(&self, first: usize, count: usize, wide: bool) -> Result<(), Fault> {
        if wide {
            return (first..first + count).try_for_each(|at| self.value(at));
        }
        for index in 0..count {
            let at = first + index / 2;
            let number = word(self.table, at) >> (index % 2 * 16) & 0xffff;
            if number as usize >= self.palette {
                return Err(("number in a list", at, word(self.table, at).into()));
            }
        }
        Ok(())
    }
}
