//! Checks a trie once, in linear time: every node lies inside and is reached from one place only, and every
//! value that a look-up can give is good. (Dense nodes: [`mod@dense`].)

mod claims;
mod dense;

use super::dense::Dense;
use super::find::{self, part_bits, word};
use super::runs::{self, PARTS};
use super::*;
use crate::table::Fault;
use claims::Claims;

/// Checks shape, every place and, by `good`, every value.
///
/// # Errors
/// What is wrong, the word it stands in, and what stands there.
pub fn validate(table: &[u32], good: impl Fn(u32) -> bool) -> Result<(), Fault> {
    if table.len() < FIXED || !table.len().is_multiple_of(LINE_WORDS) {
        return Err(("table length", 0, table.len() as u64));
    }
    let mut check = Check { table, good, claims: Claims::of(table.len()) };
    check.claim(0, FIXED, 0)?;
    check.root()
}

/// A check under way.
struct Check<'a, F> {
    table: &'a [u32],
    good: F,
    claims: Claims,
}

impl<'a, F: Fn(u32) -> bool> Check<'a, F> {
    /// Takes words for what `from` refers to; they must be there and free. They begin with a granule. Gives them, and what is
    /// left of the last granule.
    #[inline]
    fn claim(&mut self, at: usize, words: usize, from: usize) -> Result<&'a [u32], Fault> {
        let taken = self.table.get(at..(at + words).next_multiple_of(GRANULE));
        taken.filter(|_| self.claims.take(at, words)).ok_or_else(|| self.place(from))
    }

    #[cold]
    fn place(&self, from: usize) -> Fault {
        ("place of a node", from, word(self.table, from).into())
    }

    fn root(&mut self) -> Result<(), Fault> {
        let (root, _) = self.table.get(ROOT..HIGHS).unwrap_or_default().as_chunks::<2>();
        // The value of the /16 before: no tag, and good.
        let mut uniform = None;
        for (high, [entry, shape]) in root.iter().enumerate() {
            if uniform == Some(*entry) {
                continue;
            }
            let (at, node) = (ROOT + high * 2, find::node(*entry));
            match entry >> TAG_SHIFT {
                0 if (self.good)(*entry) => uniform = Some(*entry),
                0 => return Err(("value", at, (*entry).into())),
                RUNS => self.runs(high, node, *shape)?,
                SPARSE => self.sparse(at, node)?,
                DENSE => self.dense(at, Dense::of([*entry, *shape]))?,
                _ => return Err(("root entry", at, (*entry).into())),
            }
        }
        Ok(())
    }

    fn runs(&mut self, high: usize, node: usize, parts: u32) -> Result<(), Fault> {
        let from = ROOT + high * 2;
        let (granules, count) = runs::extent(self.table, node, parts);
        self.claim(node, granules * GRANULE, from)?;
        let highs = word(self.table, HIGHS + high) as usize * GRANULE;
        if highs != 0 {
            self.claim(highs, count.div_ceil(4), HIGHS + high)?;
        }
        let bytes = self.bytes(highs, if highs != 0 { count } else { 0 });
        let mut bytes = bytes.iter();
        for number in 0..PARTS as u32 {
            let part = find::part(node, parts, number << 14);
            let bits = part_bits(self.table, part);
            if bits & 1 != 0 {
                return Err(("bit of a part's first run", part, word(self.table, part).into()));
            }
            let runs = 1 + bits.count_ones() as usize;
            self.list(part + PART_HEAD, runs, &mut bytes)?;
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
        let bytes = self.bytes(lows + low_words(SPARSE_RUNS), SPARSE_RUNS);
        self.list(lows, SPARSE_RUNS, &mut bytes.iter())
    }

    /// So many high bytes, at most 256, from word `at` on; zeros behind them.
    fn bytes(&self, at: usize, count: usize) -> [u8; 256] {
        let mut bytes = [0; 256];
        let (places, _) = bytes.as_chunks_mut::<4>();
        let words = self.table.get(at..at + count.div_ceil(4)).unwrap_or_default();
        places.iter_mut().zip(words).for_each(|(place, word)| *place = word.to_le_bytes());
        bytes
    }

    /// The values with these low halves and the next high bytes.
    fn list<'b>(&self, lows: usize, count: usize, highs: &mut impl Iterator<Item = &'b u8>) -> Result<(), Fault> {
        let words = self.table.get(lows..lows + low_words(count)).unwrap_or_default();
        let halves = words.iter().flat_map(|word| [word & LOW, word >> LOW_BITS]).take(count);
        for (index, low) in halves.enumerate() {
            let value = low | u32::from(highs.next().copied().unwrap_or(0)) << LOW_BITS;
            if !(self.good)(value) {
                return Err(("value in a list", lows + index / 2, value.into()));
            }
        }
        Ok(())
    }
}
