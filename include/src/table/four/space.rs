//! The words of a trie while it is built, handed out in granules of 16 bytes and taken back by size.
//!
//! Who asks says how much is needed from each place in a 64-byte line at which it could begin, so that what a look-up reads
//! together lies in one line. Granules are given out zeroed. What is taken back serves the next request that fits.

use super::{FIXED, GRANULE};
use crate::table::LINE_WORDS;

/// Granules of a line.
pub(super) const LINE: usize = LINE_WORDS / GRANULE;

/// What is asked for.
#[derive(Clone, Copy, Debug)]
pub(super) struct Need<F: Fn(usize) -> Option<usize>> {
    /// Granules that are needed at least.
    pub(super) least: usize,
    /// Granules that are needed if the first is this one of its line (0 to 3), none if that cannot be. 0 always can.
    pub(super) from: F,
}

/// Words in whole lines, and what of them is free.
#[derive(Clone, Debug)]
pub(super) struct Space {
    words: Vec<u32>,
    /// The first granule that was never given out.
    end: u32,
    /// Free runs of granules, by their number.
    free: Vec<Vec<u32>>,
    free_granules: usize,
}

impl Space {
    /// Zeros where header and root stand, and nothing else.
    pub(super) fn new() -> Space {
        Space { words: vec![0; FIXED], end: (FIXED / GRANULE) as u32, free: Vec::new(), free_granules: 0 }
    }

    /// Everything, position-independent.
    pub(super) fn words(&self) -> &[u32] {
        &self.words
    }

    /// Everything, to be written.
    pub(super) fn words_mut(&mut self) -> &mut [u32] {
        &mut self.words
    }

    /// Words that nothing uses.
    pub(super) fn free_words(&self) -> usize {
        self.words.len() - self.end as usize * GRANULE + self.free_granules * GRANULE
    }

    /// Zeroed granules; gives the number of the first.
    pub(super) fn allocate<F: Fn(usize) -> Option<usize>>(&mut self, need: Need<F>) -> u32 {
        let found = if self.free_granules >= need.least { self.reuse(&need) } else { None };
        let (first, count) = found.unwrap_or_else(|| self.extend(&need));
        let at = first as usize * GRANULE;
        if let Some(words) = self.words.get_mut(at..at + count * GRANULE) {
            words.fill(0);
        }
        first
    }

    /// Takes back so many granules that [`Space::allocate`] gave.
    pub(super) fn release(&mut self, first: u32, count: usize) {
        if count == 0 {
            return;
        }
        if self.free.len() <= count {
            self.free.resize_with(count + 1, Vec::new);
        }
        if let Some(runs) = self.free.get_mut(count) {
            runs.push(first);
            self.free_granules += count;
        }
    }

    /// Of the smallest free runs that might do, the first of the latest few that does; what is left of it stays free.
    fn reuse<F: Fn(usize) -> Option<usize>>(&mut self, need: &Need<F>) -> Option<(u32, usize)> {
        for size in need.least..self.free.len() {
            let runs = self.free.get_mut(size)?;
            for index in (runs.len().saturating_sub(TRIES)..runs.len()).rev() {
                let first = runs.get(index).copied()?;
                let Some((skip, count)) = fit(first, need).filter(|(skip, count)| skip + count <= size) else {
                    continue;
                };
                runs.swap_remove(index);
                self.free_granules -= size;
                self.release(first, skip);
                self.release(first + (skip + count) as u32, size - skip - count);
                return Some((first + skip as u32, count));
            }
        }
        None
    }

    /// Behind everything.
    fn extend<F: Fn(usize) -> Option<usize>>(&mut self, need: &Need<F>) -> (u32, usize) {
        let (skip, count) = fit(self.end, need).unwrap_or((0, 0));
        let (skipped, first) = (self.end, self.end + skip as u32);
        self.end = first + count as u32;
        let words = (self.end as usize * GRANULE).next_multiple_of(LINE_WORDS);
        self.words.resize(words.max(self.words.len()), 0);
        self.release(skipped, skip);
        (first, count)
    }
}

/// How many granules from `first` on to skip until one can be begun with, and how many are needed from there.
fn fit<F: Fn(usize) -> Option<usize>>(first: u32, need: &Need<F>) -> Option<(usize, usize)> {
    (0..LINE).find_map(|skip| (need.from)((first as usize + skip) % LINE).map(|count| (skip, count)))
}

/// Free runs of one size that are looked at.
const TRIES: usize = 4;

#[cfg(test)]
mod tests {
    use super::*;

    fn anywhere(count: usize) -> Need<impl Fn(usize) -> Option<usize>> {
        Need { least: count, from: move |_| Some(count) }
    }

    #[test]
    fn what_is_taken_back_serves_again() {
        let mut space = Space::new();
        let start = space.end;
        let (a, b) = (space.allocate(anywhere(3)), space.allocate(anywhere(1)));
        assert_eq!((a, b), (start, start + 3));
        space.words_mut()[a as usize * GRANULE] = 9;
        space.release(a, 3);
        assert_eq!(space.free_words(), 3 * GRANULE);
        assert_eq!((space.allocate(anywhere(1)), space.allocate(anywhere(2))), (a, a + 1), "a larger run is split");
        assert_eq!((space.words().len(), space.free_words()), (FIXED + LINE_WORDS, 0));
        assert_eq!(space.words()[a as usize * GRANULE], 0, "what is given out is zeroed");
    }

    #[test]
    fn no_granule_is_given_out_twice_and_needs_are_met() {
        let mut space = Space::new();
        let mut held: Vec<(u32, usize)> = Vec::new();
        let mut seed = 1u32;
        for _ in 0..20_000 {
            seed = seed.wrapping_mul(0x9e37_79b1) ^ seed >> 15;
            let count = 1 + (seed >> 8) as usize % 9;
            if seed & 3 == 0 && !held.is_empty() {
                let (first, count) = held.swap_remove(seed as usize % held.len());
                let at = first as usize * GRANULE;
                assert!(
                    space.words()[at..at + count * GRANULE].iter().all(|word| *word == first),
                    "written by another"
                );
                space.release(first, count);
            } else {
                let from = |phase: usize| [Some(count), Some(count + 1), None, Some(count)][phase];
                let first = space.allocate(Need { least: count, from });
                let count = from(first as usize % LINE).unwrap();
                let at = first as usize * GRANULE;
                assert!(space.words()[at..at + count * GRANULE].iter().all(|word| *word == 0));
                space.words_mut()[at..at + count * GRANULE].fill(first);
                held.push((first, count));
            }
        }
        let used: usize = held.iter().map(|(_, count)| count).sum();
        assert_eq!(space.words().len(), FIXED + used * GRANULE + space.free_words());
        assert_eq!(space.words().len() % LINE_WORDS, 0);
    }
}
