//! Writes nodes: each /16, and each /24 of a dense one, can be written anew on its own.

use super::palette::Palette;
use super::*;
use crate::table::{Arena, Entry, Kind, ranges};

/// Prefixes inside a /16 up to which it may be sparse.
pub(super) const MOST_IN_SPARSE: usize = 16;

/// The table while it is built.
#[derive(Clone, Debug)]
pub(in crate::table) struct Trie {
    arena: Arena,
    palette: Palette,
    /// Free bitmaps, in units of [`BITMAP_WORDS`].
    bitmaps: Vec<u32>,
}

impl Trie {
    pub(in crate::table) fn new() -> Trie {
        let mut arena = Arena::new(FIXED_LINES);
        put(arena.words_mut(), 0, &[Kind::Trie as u32]);
        Trie { arena, palette: Palette::default(), bitmaps: Vec::new() }
    }

    /// The trie of `entries`: sorted, none twice.
    pub(in crate::table) fn from_sorted(entries: &[Entry<u32>]) -> Trie {
        let mut trie = Trie::new();
        for entry in entries.iter().filter(|entry| entry.length <= 16) {
            let (first, last) = (ROOT + (entry.start >> 16) as usize, ROOT + (entry.last() >> 16) as usize);
            if let Some(root) = trie.arena.words_mut().get_mut(first..=last) {
                root.fill(entry.value);
            }
        }
        for same in entries.chunk_by(|a, b| a.start >> 16 == b.start >> 16) {
            let inside = same.get(same.partition_point(|entry| entry.length <= 16)..).unwrap_or_default();
            if let (Some(first), false) = (same.first(), inside.is_empty()) {
                let high = first.start >> 16;
                let around = trie.root(high);
                trie.write16(high, around, inside);
            }
        }
        trie
    }

    pub(in crate::table) fn words(&self) -> &[u32] {
        self.arena.words()
    }

    /// Lines that nothing uses.
    pub(super) fn free_lines(&self) -> usize {
        self.arena.free_lines() + self.bitmaps.len() / 2
    }

    /// The first line of a /16's node, if it is dense.
    pub(super) fn dense(&self, high: u32) -> Option<u32> {
        let entry = self.root(high);
        (entry >> TAG_SHIFT == DENSE).then_some(entry & PLACE_MASK)
    }

    /// Writes a /16 anew: `around` is the value of the longest prefix of at most 16 bits that holds it,
    /// `inside` are the longer ones in it, sorted.
    pub(super) fn set16(&mut self, high: u32, around: u32, inside: &[Entry<u32>]) {
        self.release16(high);
        self.write16(high, around, inside);
    }

    fn write16(&mut self, high: u32, around: u32, inside: &[Entry<u32>]) {
        let long = inside.iter().any(|entry| entry.length > 24);
        let entry = if inside.is_empty() {
            around
        } else if !long {
            self.runs(&paint(around, 8, inside))
        } else {
            self.sparse(high, around, inside).unwrap_or_else(|| self.dense_node(around, inside))
        };
        put(self.arena.words_mut(), ROOT + high as usize, &[entry]);
    }

    /// A node of runs, or the value if there is but one run.
    fn runs(&mut self, values: &[u32; 256]) -> u32 {
        let mut bitmap = [0u32; BITMAP_WORDS];
        let mut list = Vec::with_capacity(64);
        let mut before = None;
        for (chunk, word) in values.chunks(32).zip(&mut bitmap) {
            for (bit, value) in chunk.iter().enumerate() {
                if before != Some(*value) {
                    *word |= 1 << bit;
                    list.push(*value);
                    before = Some(*value);
                }
            }
        }
        if let ([first, ..], [value, rest @ ..]) = (&mut bitmap, list.as_slice()) {
            *first &= !1;
            if rest.is_empty() {
                return *value;
            }
        }
        let mut head = [0u32; RUNS_HEAD];
        put(&mut head, 0, &bitmap);
        put(&mut head, BITMAP_WORDS, &counts_before(&bitmap));
        let (line, wide) = self.put_list(&head, &list);
        (if wide { RUNS_WIDE } else { RUNS }) << TAG_SHIFT | line
    }

    /// A sparse node, if the runs fit.
    fn sparse(&mut self, high: u32, around: u32, inside: &[Entry<u32>]) -> Option<u32> {
        if inside.len() > MOST_IN_SPARSE {
            return None;
        }
        let start = high << 16;
        let mut entries = vec![Entry { start, length: 16, value: around }];
        entries.extend(inside);
        let ranges = ranges::flatten(&entries);
        let end = start | 0xffff;
        let first = ranges.iter().rev().find(|(at, _)| *at <= start)?.1;
        let behind = ranges.iter().filter(|(at, _)| (start + 1..=end).contains(at));
        let (mut head, mut list) = ([u32::MAX; SPARSE_HEAD], Vec::with_capacity(SPARSE_RUNS));
        for (index, (at, value)) in [(start, first)].iter().chain(behind).enumerate() {
            let place = head.get_mut(index / 2)?;
            let shift = index as u32 % 2 * 16;
            *place = *place & !(0xffff << shift) | (at & 0xffff) << shift;
            list.push(*value);
        }
        list.resize(SPARSE_RUNS, *list.last()?);
        let (line, wide) = self.put_list(&head, &list);
        Some((if wide { SPARSE_WIDE } else { SPARSE }) << TAG_SHIFT | line)
    }

    fn dense_node(&mut self, around: u32, inside: &[Entry<u32>]) -> u32 {
        let line = self.arena.allocate(DENSE_LINES);
        let short: Vec<Entry<u32>> = inside.iter().copied().filter(|entry| entry.length <= 24).collect();
        let values = paint(around, 8, &short);
        for (record, value) in self.arena.run_mut(line, DENSE_LINES).chunks_mut(2).zip(&values) {
            record.copy_from_slice(&[*value, NO_BITMAP]);
        }
        for same in inside.chunk_by(|a, b| a.start >> 8 == b.start >> 8) {
            let long = same.get(same.partition_point(|entry| entry.length <= 24)..).unwrap_or_default();
            if let Some(entry) = long.first() {
                let position = entry.start >> 8 & 0xff;
                let around = values.get(position as usize).copied().unwrap_or(0);
                self.write24(line, position, around, long);
            }
        }
        DENSE << TAG_SHIFT | line
    }

    /// Writes a /24 of the dense node at `line` anew, as [`Trie::set16`] does a /16. False if nothing in it is
    /// exceptional any more.
    pub(super) fn set24(&mut self, line: u32, position: u32, around: u32, inside: &[Entry<u32>]) -> bool {
        self.release24(line, position);
        self.write24(line, position, around, inside)
    }

    fn write24(&mut self, line: u32, position: u32, around: u32, inside: &[Entry<u32>]) -> bool {
        let values = paint(around, 0, inside);
        let usual = usual(&values, around);
        let mut bitmap = [0u32; BITMAP_WORDS];
        for (chunk, word) in values.chunks(32).zip(&mut bitmap) {
            *word = chunk.iter().rev().fold(0, |word, value| word << 1 | u32::from(*value != usual));
        }
        let mut list = [0u32; 256];
        let mut count = 0;
        for (mut bits, chunk) in bitmap.into_iter().zip(values.chunks(32)) {
            while let (true, Some(place)) = (bits != 0, list.get_mut(count)) {
                *place = chunk.get(bits.trailing_zeros() as usize).copied().unwrap_or(0);
                bits &= bits - 1;
                count += 1;
            }
        }
        let (mut place, mut first) = (NO_BITMAP, 0);
        if count > 0 {
            place = self.allocate_bitmap(&bitmap);
            let (line, wide) = self.put_list(&counts_before(&bitmap), list.get(..count).unwrap_or_default());
            first = line | if wide { WIDE_LIST } else { 0 };
        }
        let node = self.arena.run_mut(line, DENSE_LINES);
        put(node, position as usize * 2, &[usual, place]);
        put(node, DENSE_LISTS + position as usize, &[first]);
        count > 0
    }

    fn allocate_bitmap(&mut self, bitmap: &[u32]) -> u32 {
        let place = self.bitmaps.pop().unwrap_or_else(|| {
            let first = self.arena.allocate(1) * 2;
            self.bitmaps.push(first + 1);
            first
        });
        put(self.arena.words_mut(), place as usize * BITMAP_WORDS, bitmap);
        place
    }

    /// A fresh run of lines with this head and a list of these values; whether the list is wide.
    fn put_list(&mut self, head: &[u32], values: &[u32]) -> (u32, bool) {
        let mut numbers = [0u16; 256];
        let mut taken = 0;
        for (place, value) in numbers.iter_mut().zip(values) {
            let Some(number) = self.palette.take(&mut self.arena, *value) else { break };
            *place = number;
            taken += 1;
        }
        let wide = taken < values.len();
        let numbers = numbers.get(..taken).unwrap_or_default();
        let lines = list_lines(head.len(), values.len(), wide);
        let line = self.arena.allocate(lines);
        let (start, list) = self.arena.run_mut(line, lines).split_at_mut_checked(head.len()).unwrap_or_default();
        put(start, 0, head);
        if wide {
            put(list, 0, values);
            numbers.iter().for_each(|number| self.palette.give_back(&mut self.arena, *number));
        } else {
            for (pair, word) in numbers.chunks(2).zip(list) {
                *word = pair.iter().rev().fold(0, |word, number| word << 16 | u32::from(*number));
            }
        }
        (line, wide)
    }

    fn release_list(&mut self, line: u32, head: usize, count: usize, wide: bool) {
        let lines = list_lines(head, count, wide);
        if !wide {
            let first = line as usize * LINE_WORDS + head;
            for index in 0..count {
                let number = find::word(self.arena.words(), first + index / 2) >> (index % 2 * 16);
                self.palette.give_back(&mut self.arena, number as u16);
            }
        }
        self.arena.release(line, lines);
    }

    fn release16(&mut self, high: u32) {
        let entry = self.root(high);
        let (tag, line) = (entry >> TAG_SHIFT, entry & PLACE_MASK);
        match tag {
            RUNS | RUNS_WIDE => {
                let bitmap = self.arena.run(line, 1).get(..BITMAP_WORDS).unwrap_or_default();
                let count = 1 + ones(bitmap);
                self.release_list(line, RUNS_HEAD, count, tag == RUNS_WIDE);
            }
            SPARSE | SPARSE_WIDE => self.release_list(line, SPARSE_HEAD, SPARSE_RUNS, tag == SPARSE_WIDE),
            DENSE => {
                (0..256).for_each(|position| self.release24(line, position));
                self.arena.release(line, DENSE_LINES);
            }
            _ => {}
        }
    }

    fn release24(&mut self, line: u32, position: u32) {
        let node = self.arena.run(line, DENSE_LINES);
        let place = find::word(node, position as usize * 2 + 1);
        if place == NO_BITMAP {
            return;
        }
        let list = find::word(node, DENSE_LISTS + position as usize);
        let count = ones(find::bitmap(self.arena.words(), place));
        self.release_list(list & !WIDE_LIST, COUNT_WORDS, count, list & WIDE_LIST != 0);
        self.bitmaps.push(place);
    }

    fn root(&self, high: u32) -> u32 {
        find::word(self.arena.words(), ROOT + high as usize)
    }
}

/// The values of 256 neighbours of `1 << shift` addresses each; `entries` are sorted, so the longest wins.
fn paint(around: u32, shift: u32, entries: &[Entry<u32>]) -> [u32; 256] {
    let mut values = [around; 256];
    for entry in entries {
        let (first, last) = (entry.start >> shift & 0xff, entry.last() >> shift & 0xff);
        if let Some(part) = values.get_mut(first as usize..=last as usize) {
            part.fill(entry.value);
        }
    }
    values
}

/// The value that most of a /24 has: `around` if half of it has that, else by majority vote.
fn usual(values: &[u32; 256], around: u32) -> u32 {
    if values.iter().filter(|value| **value == around).count() >= 128 {
        return around;
    }
    let vote = |(held, votes): (u32, u32), value: &u32| match (held == *value, votes) {
        (true, _) => (held, votes + 1),
        (false, 0) => (*value, 1),
        (false, _) => (held, votes - 1),
    };
    values.iter().fold((around, 0), vote).0
}

/// For each word of a bitmap the bits set in the words before it, as bytes.
pub(super) fn counts_before(bitmap: &[u32; BITMAP_WORDS]) -> [u32; COUNT_WORDS] {
    let mut counts = [0u32; COUNT_WORDS];
    let mut before = 0;
    for (index, word) in bitmap.iter().enumerate() {
        if let Some(place) = counts.get_mut(index / 4) {
            *place |= before << (index % 4 * 8);
        }
        before += word.count_ones();
    }
    counts
}

fn put(words: &mut [u32], at: usize, values: &[u32]) {
    if let Some(place) = words.get_mut(at..at + values.len()) {
        place.copy_from_slice(values);
    }
}
