//! Writes dense nodes: each /24 can be written anew on its own. Leaves are given to /24s as they need one and stay theirs; a
//! node that is out of leaves, or of room in its palette, is written elsewhere with more.

use std::ops::Range;

use super::dense::{self, Dense, List};
use super::exceptions::Exceptions;
use super::find::byte;
use super::trie::{Trie, need, paint, put, put_list};
use super::*;
use crate::table::Entry;

impl Trie {
    /// Whether a /16's node is dense.
    pub(super) fn is_dense(&self, high: u32) -> bool {
        let [entry, _] = self.root(high);
        entry >> TAG_SHIFT == DENSE
    }

    /// Writes a /16 as [`Trie::set16`] does.
    pub(super) fn write_dense(&mut self, high: u32, around: u32, inside: &[Entry<u32>]) {
        let short: Vec<Entry<u32>> = inside.iter().copied().filter(|entry| entry.length <= 24).collect();
        let values = paint(around, 8, &short);
        let groups = || inside.chunk_by(|a, b| a.start >> 8 == b.start >> 8);
        let long = groups().filter(|same| same.iter().any(|entry| entry.length > 24)).count();
        let dense = self.allocate_dense((long + 1).min(MOST_LEAVES), FIRST_PALETTE);
        put(self.space.words_mut(), dense.at, &values);
        self.put_root(high, dense.entry());
        for same in groups() {
            let long = same.get(same.partition_point(|entry| entry.length <= 24)..).unwrap_or_default();
            if let Some(entry) = long.first() {
                let around = values.get((entry.start >> 8 & 0xff) as usize).copied().unwrap_or(0);
                self.set24(entry.start, around, long);
            }
        }
    }

    /// Writes the /24 of an address in a dense /16 anew: `around` is the value of the longest prefix of at most 24 bits that
    /// holds it, `inside` are the longer ones in it, sorted. False if nothing in it is exceptional any more.
    pub(super) fn set24(&mut self, start: u32, around: u32, inside: &[Entry<u32>]) -> bool {
        let now = Exceptions::of(around, inside);
        let dense = self.leaf_for(start, !now.values().is_empty());
        let number = find::word(self.words(), dense.record(start)) >> LEAF_SHIFT;
        let leaf = dense.leaf_number(number as usize);
        if now.values().is_empty() {
            extent(self.words(), leaf).into_iter().for_each(|(place, granules)| self.space.release(place, granules));
            put(self.space.words_mut(), leaf, &[0; LEAF_WORDS]);
            put(self.space.words_mut(), dense.record(start), &[now.usual | number << LEAF_SHIFT]);
            return false;
        }
        let (list, dense) = self.put_exceptions(start, dense, leaf, &now);
        let leaf = dense.leaf_number(number as usize);
        put(self.space.words_mut(), leaf, &[list, dense::counts(&now.bitmap)]);
        put(self.space.words_mut(), leaf + LEAF_BITMAP, &now.bitmap);
        put(self.space.words_mut(), dense.record(start), &[now.usual | number << LEAF_SHIFT]);
        true
    }

    /// Gives the /24 of an address a leaf of its own, if it `needs` one and has none.
    fn leaf_for(&mut self, start: u32, needs: bool) -> Dense {
        let mut dense = Dense::of(self.root(start >> 16));
        let record = find::word(self.words(), dense.record(start));
        // With the last leaf given away, number 0 serves one /24 only.
        if !needs || record >> LEAF_SHIFT != 0 || dense.used == MOST_LEAVES {
            return dense;
        }
        if dense.used == dense.leaves {
            dense = self.grow(start, dense, (dense.leaves + dense.leaves / 4 + 1).min(MOST_LEAVES), dense.palette);
        }
        let number = dense.used as u32;
        dense.used += 1;
        self.put_root(start >> 16, dense.entry());
        put(self.space.words_mut(), dense.record(start), &[record & USUAL_MASK | number << LEAF_SHIFT]);
        dense
    }

    /// What stands in the first word of a leaf from now on, and the node, which may stand elsewhere then. `leaf` is where the leaf is
    /// as yet, with the list that it had.
    fn put_exceptions(&mut self, start: u32, dense: Dense, leaf: usize, now: &Exceptions) -> (u32, Dense) {
        let (before, values) = (extent(self.words(), leaf), now.values());
        let first = values.first().copied().unwrap_or(0);
        if values.iter().all(|value| *value == first) {
            before.into_iter().for_each(|(place, granules)| self.space.release(place, granules));
            return (SAME << TAG_SHIFT | first, dense);
        }
        let (numbers, dense) = self.numbers(start, dense, leaf, values);
        let Some(numbers) = numbers else { return (self.put_wide(before, values), dense) };
        let words = values.len().div_ceil(4);
        let place = self.list(before, words, words);
        let (groups, _) = numbers.as_chunks::<4>();
        for (word, bytes) in self.granules(place, words.div_ceil(GRANULE)).iter_mut().zip(groups) {
            *word = u32::from_le_bytes(*bytes);
        }
        (NUMBERS << TAG_SHIFT | place, dense)
    }

    /// The first word of a leaf with a wide list.
    #[cold]
    fn put_wide(&mut self, before: Option<(u32, usize)>, values: &[u32]) -> u32 {
        let words = list_words(0, values.len());
        let place = self.list(before, low_words(values.len()), words);
        put_list(self.granules(place, words.div_ceil(GRANULE)), values.len(), values.iter().copied());
        WIDE << TAG_SHIFT | place
    }

    /// Zeroed granules for a list of so many words, the first `hot` of them in one line; those of the list before, if it fits.
    fn list(&mut self, before: Option<(u32, usize)>, hot: usize, words: usize) -> u32 {
        let (need, granules) = (need(hot, words), words.div_ceil(GRANULE));
        let stays =
            |(place, count): &(u32, usize)| *count == granules && (need.from)(*place as usize % space::LINE).is_some();
        if let Some((place, count)) = before.filter(stays) {
            self.granules(place, count).fill(0);
            return place;
        }
        before.into_iter().for_each(|(place, granules)| self.space.release(place, granules));
        self.space.allocate(need)
    }

    /// The numbers of these values in the palette, to which they are added; none if there is no room.
    fn numbers(&mut self, start: u32, dense: Dense, leaf: usize, values: &[u32]) -> (Option<[u8; 256]>, Dense) {
        let (mut dense, mut numbers) = (dense, [0; 256]);
        let mut before = Before::of(self.words(), leaf);
        for (index, value) in values.iter().enumerate() {
            let number = match before.next(self.words(), &dense, *value).or_else(|| self.number_of(&dense, *value)) {
                Some(number) => number,
                None => {
                    let free;
                    (free, dense) = self.add_to_palette(start, dense, *value, numbers.get(..index).unwrap_or_default());
                    let Some(number) = free else { return (None, dense) };
                    number
                }
            };
            numbers.iter_mut().skip(index).take(1).for_each(|place| *place = number as u8);
        }
        (Some(numbers), dense)
    }

    /// Gives a value that the palette has not got a number there, other than those `taken`; none if there is no room.
    #[cold]
    fn add_to_palette(&mut self, start: u32, dense: Dense, value: u32, taken: &[u8]) -> (Option<usize>, Dense) {
        let (mut dense, mut number) = (dense, self.number_of(&dense, NO_VALUE));
        if number.is_none() && dense.palette < MOST_IN_PALETTE {
            number = Some(dense.palette);
            dense = self.grow(start, dense, dense.leaves, (dense.palette * 2).clamp(FIRST_PALETTE, MOST_IN_PALETTE));
        }
        let number = number.or_else(|| self.unused(&dense, taken));
        number.into_iter().for_each(|number| put(self.space.words_mut(), dense.in_palette(number), &[value]));
        (number, dense)
    }

    /// The number of this value in the palette.
    fn number_of(&self, dense: &Dense, value: u32) -> Option<usize> {
        let palette = dense.first().and_then(|first| self.words().get(first..dense.at)).unwrap_or_default();
        palette.iter().rev().position(|one| *one == value)
    }

    /// A number of the palette that no list has, and that is not taken.
    fn unused(&self, dense: &Dense, taken: &[u8]) -> Option<usize> {
        let mut used = [false; MOST_IN_PALETTE];
        let mut take = |number: u8| used.iter_mut().skip(number.into()).take(1).for_each(|used| *used = true);
        taken.iter().copied().for_each(&mut take);
        for number in 0..dense.used {
            let leaf = dense.leaf_number(number);
            if let List::Numbers(list) = List::of(self.words(), leaf) {
                for index in 0..dense::count(self.words(), leaf) {
                    take(byte(self.words(), list, index) as u8);
                }
            }
        }
        used.iter().position(|used| !used)
    }

    fn allocate_dense(&mut self, leaves: usize, palette: usize) -> Dense {
        let mut dense = Dense { at: 0, leaves, palette, used: 1 };
        let words = dense.words();
        let first = self.space.allocate(need(words, words)) as usize * GRANULE;
        dense.at = first + palette;
        self.space.words_mut().get_mut(first..dense.at).unwrap_or_default().fill(NO_VALUE);
        dense
    }

    /// The node of the /16 of an address with this many leaves and this palette, no less than it had: palette, records and
    /// leaves are copied at once.
    #[cold]
    fn grow(&mut self, start: u32, before: Dense, leaves: usize, palette: usize) -> Dense {
        let mut dense = self.allocate_dense(leaves, palette);
        dense.used = before.used;
        let words = self.space.words_mut();
        let (from, end) = (before.at - before.palette, before.leaf_number(before.leaves));
        let to = dense.at - before.palette;
        if end <= words.len() && to + (end - from) <= words.len() {
            words.copy_within(from..end, to);
        }
        self.release_node(before);
        self.put_root(start >> 16, dense.entry());
        dense
    }

    /// Takes back a dense node and its lists.
    pub(super) fn release_dense(&mut self, dense: Dense) {
        for number in 0..dense.used {
            if let Some((place, granules)) = extent(self.words(), dense.leaf_number(number)) {
                self.space.release(place, granules);
            }
        }
        self.release_node(dense);
    }

    fn release_node(&mut self, dense: Dense) {
        let first = dense.at - dense.palette;
        self.space.release((first / GRANULE) as u32, dense.words().div_ceil(GRANULE));
    }
}

/// The numbers that a leaf's list had, while it is written anew: of a change in one place all others are the same, and looking into
/// the palette for each of them would cost more than all the rest.
struct Before {
    list: usize,
    left: Range<usize>,
}

impl Before {
    fn of(table: &[u32], leaf: usize) -> Before {
        match List::of(table, leaf) {
            List::Numbers(list) => Before { list, left: 0..dense::count(table, leaf) },
            _ => Before { list: 0, left: 0..0 },
        }
    }

    /// The next number or the one behind it, if it is this value's; from there it goes on.
    fn next(&mut self, table: &[u32], dense: &Dense, value: u32) -> Option<usize> {
        let is_it = |index: &usize| {
            let number = byte(table, self.list, *index) as usize;
            number < dense.palette && find::word(table, dense.in_palette(number)) == value
        };
        let index = self.left.clone().take(2).find(is_it)?;
        self.left.start = index + 1;
        Some(byte(table, self.list, index) as usize)
    }
}

/// The place and granules of the list of the leaf at this word, if it has one.
fn extent(table: &[u32], leaf: usize) -> Option<(u32, usize)> {
    let (list, count) = (find::word(table, leaf), dense::count(table, leaf));
    let words = match list >> TAG_SHIFT {
        NUMBERS => count.div_ceil(4),
        WIDE => list_words(0, count),
        _ => 0,
    };
    (words > 0).then_some((list & PLACE_MASK, words.div_ceil(GRANULE)))
}

/// Words of a palette at first; like all that it grows to whole lines, so that the records begin one too.
const FIRST_PALETTE: usize = 32;
/// What stands in a palette where no value does.
const NO_VALUE: u32 = u32::MAX;
