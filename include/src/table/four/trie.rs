//! Writes nodes: each /16, and each /24 of a dense one, can be written anew on its own.

use super::runs::{self, Runs, put_highs, put_lows};
use super::space::{LINE, Need, Space};
use super::*;
use crate::table::{Entry, Kind, ranges};

/// Prefixes inside a /16 up to which it may be sparse.
pub(super) const MOST_IN_SPARSE: usize = 16;

/// The table while it is built.
#[derive(Clone, Debug)]
pub(in crate::table) struct Trie {
    space: Space,
}

impl Trie {
    pub(in crate::table) fn new() -> Trie {
        let mut space = Space::new();
        put(space.words_mut(), 0, &[Kind::Trie as u32]);
        Trie { space }
    }

    /// The trie of `entries`: sorted, none twice.
    pub(in crate::table) fn from_sorted(entries: &[Entry<u32>]) -> Trie {
        let mut trie = Trie::new();
        for entry in entries.iter().filter(|entry| entry.length <= 16) {
            (entry.start >> 16..=entry.last() >> 16).for_each(|high| trie.put_root(high, [entry.value, 0]));
        }
        for same in entries.chunk_by(|a, b| a.start >> 16 == b.start >> 16) {
            let inside = same.get(same.partition_point(|entry| entry.length <= 16)..).unwrap_or_default();
            if let (Some(first), false) = (same.first(), inside.is_empty()) {
                let high = first.start >> 16;
                let [around, _] = trie.root(high);
                trie.write16(high, around, inside);
            }
        }
        trie
    }

    pub(in crate::table) fn words(&self) -> &[u32] {
        self.space.words()
    }

    /// Words that nothing uses.
    pub(super) fn free_words(&self) -> usize {
        self.space.free_words()
    }

    /// The place of a /16's node, if it is dense.
    pub(super) fn dense(&self, high: u32) -> Option<u32> {
        let [entry, _] = self.root(high);
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
            [around, 0]
        } else if !long {
            self.runs(high, &Runs::of(&paint(around, 8, inside)))
        } else {
            let sparse = self.sparse(high, around, inside);
            [sparse.unwrap_or_else(|| self.dense_node(around, inside)), 0]
        };
        self.put_root(high, entry);
    }

    /// A node of runs, or the value if there is but one.
    fn runs(&mut self, high: u32, runs: &Runs) -> [u32; 2] {
        if let Some(value) = runs.uniform() {
            return [value, 0];
        }
        let place = self.space.allocate(runs.need());
        let Some(layout) = runs.layout(place as usize % LINE) else { return [0, 0] };
        runs.write(&layout, self.granules(place, layout.granules));
        let values = runs.values();
        if values.iter().any(|value| value >> LOW_BITS != 0) {
            let count = high_granules(values.len());
            let highs = self.space.allocate(Need { least: count, from: |_| Some(count) });
            put_highs(self.granules(highs, count), values.iter().copied());
            put(self.space.words_mut(), HIGHS + high as usize, &[highs]);
        }
        let parts = layout.places.into_iter().rev().fold(0, |parts, place| parts << 8 | u32::from(place));
        [RUNS << TAG_SHIFT | place, parts]
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
        Some(SPARSE << TAG_SHIFT | self.put_list(None, &head, &list))
    }

    fn dense_node(&mut self, around: u32, inside: &[Entry<u32>]) -> u32 {
        let node = self.space.allocate(need(DENSE_WORDS, DENSE_WORDS));
        let short: Vec<Entry<u32>> = inside.iter().copied().filter(|entry| entry.length <= 24).collect();
        let values = paint(around, 8, &short);
        for (record, value) in self.granules(node, DENSE_LISTS / GRANULE).chunks_mut(2).zip(&values) {
            record.copy_from_slice(&[*value, NO_BITMAP]);
        }
        for same in inside.chunk_by(|a, b| a.start >> 8 == b.start >> 8) {
            let long = same.get(same.partition_point(|entry| entry.length <= 24)..).unwrap_or_default();
            if let Some(entry) = long.first() {
                let position = entry.start >> 8 & 0xff;
                let around = values.get(position as usize).copied().unwrap_or(0);
                self.set24(node, position, around, long);
            }
        }
        DENSE << TAG_SHIFT | node
    }

    /// Writes a /24 of the dense node at this place anew, as [`Trie::set16`] does a /16; what fits where it was, stays
    /// there. False if nothing in it is exceptional any more.
    pub(super) fn set24(&mut self, node: u32, position: u32, around: u32, inside: &[Entry<u32>]) -> bool {
        let values = paint(around, 0, inside);
        let usual = usual(&values, around);
        let mut bitmap = [0u32; BITMAP_WORDS];
        for (chunk, word) in values.chunks(32).zip(&mut bitmap) {
            *word = chunk.iter().rev().fold(0, |word, value| word << 1 | u32::from(*value != usual));
        }
        let mut list = [0u32; 256];
        let places = list.iter_mut().zip(values.iter().filter(|value| **value != usual));
        let count = places.map(|(place, value)| *place = *value).count();
        let before = self.exceptions(node, position);
        let (mut place, mut first) = (NO_BITMAP, 0);
        if count == 0 {
            self.release24(before);
        } else {
            place = before.map_or_else(|| self.allocate_bitmap(), |one| one.bitmap);
            put(self.space.words_mut(), place as usize * BITMAP_WORDS, &bitmap);
            let values = list.get(..count).unwrap_or_default();
            first = self.put_list(before.map(|one| (one.list, one.granules)), &counts_before(&bitmap).0, values);
        }
        let at = node as usize * GRANULE;
        put(self.space.words_mut(), at + position as usize * 2, &[usual, place]);
        put(self.space.words_mut(), at + DENSE_LISTS + position as usize, &[first]);
        count > 0
    }

    /// In units of [`BITMAP_WORDS`].
    fn allocate_bitmap(&mut self) -> u32 {
        const GRANULES: usize = BITMAP_WORDS / GRANULE;
        let from = |phase: usize| phase.is_multiple_of(GRANULES).then_some(GRANULES);
        self.space.allocate(Need { least: GRANULES, from }) / GRANULES as u32
    }

    /// What is exceptional in a /24 of the dense node at this place.
    fn exceptions(&self, node: u32, position: u32) -> Option<Exceptions> {
        let (at, table) = (node as usize * GRANULE, self.words());
        let bitmap = find::word(table, at + position as usize * 2 + 1);
        let count = ones(find::bitmap(table, bitmap));
        let list = find::word(table, at + DENSE_LISTS + position as usize);
        (bitmap != NO_BITMAP).then_some(Exceptions {
            bitmap,
            list,
            granules: list_words(COUNT_WORDS, count).div_ceil(GRANULE),
        })
    }

    /// This head and a list of these values; where there was one (its place and granules), if it fits there.
    fn put_list(&mut self, before: Option<(u32, usize)>, head: &[u32], values: &[u32]) -> u32 {
        let words = list_words(head.len(), values.len());
        let need = need(head.len() + low_words(values.len()), words);
        let granules = words.div_ceil(GRANULE);
        let stays = |(place, count): &(u32, usize)| *count == granules && (need.from)(*place as usize % LINE).is_some();
        let place = match before.filter(stays) {
            Some((place, count)) => {
                self.granules(place, count).fill(0);
                place
            }
            None => {
                before.into_iter().for_each(|(place, count)| self.space.release(place, count));
                self.space.allocate(need)
            }
        };
        let (start, list) = self.granules(place, granules).split_at_mut_checked(head.len()).unwrap_or_default();
        put(start, 0, head);
        let (lows, highs) = list.split_at_mut_checked(low_words(values.len())).unwrap_or_default();
        put_lows(lows, values.iter().copied());
        put_highs(highs, values.iter().copied());
        place
    }

    fn release16(&mut self, high: u32) {
        let [entry, parts] = self.root(high);
        let place = entry & PLACE_MASK;
        match entry >> TAG_SHIFT {
            RUNS => {
                let (granules, runs) = runs::extent(self.words(), find::node(entry), parts);
                self.space.release(place, granules);
                let highs = find::word(self.words(), HIGHS + high as usize);
                if highs != 0 {
                    self.space.release(highs, high_granules(runs));
                    put(self.space.words_mut(), HIGHS + high as usize, &[0]);
                }
            }
            SPARSE => self.space.release(place, list_words(SPARSE_HEAD, SPARSE_RUNS).div_ceil(GRANULE)),
            DENSE => {
                (0..256).for_each(|position| self.release24(self.exceptions(place, position)));
                self.space.release(place, DENSE_WORDS / GRANULE);
            }
            _ => {}
        }
    }

    fn release24(&mut self, before: Option<Exceptions>) {
        if let Some(one) = before {
            self.space.release(one.bitmap * BITMAP_WORDS as u32 / GRANULE as u32, BITMAP_WORDS / GRANULE);
            self.space.release(one.list, one.granules);
        }
    }

    fn root(&self, high: u32) -> [u32; 2] {
        find::entry(self.words(), high << 16)
    }

    fn put_root(&mut self, high: u32, entry: [u32; 2]) {
        put(self.space.words_mut(), ROOT + high as usize * 2, &entry);
    }

    /// So many granules from this one on.
    fn granules(&mut self, place: u32, count: usize) -> &mut [u32] {
        let at = place as usize * GRANULE;
        self.space.words_mut().get_mut(at..at + count * GRANULE).unwrap_or_default()
    }
}

/// Where a /24's bitmap and list stand, and how many granules the list has.
#[derive(Clone, Copy, Debug)]
struct Exceptions {
    bitmap: u32,
    list: u32,
    granules: usize,
}

/// So many words, of which the first `hot` lie in one line, or begin one if they are more.
fn need(hot: usize, words: usize) -> Need<impl Fn(usize) -> Option<usize> + Copy> {
    let granules = words.div_ceil(GRANULE);
    let from = move |phase| (phase == 0 || phase * GRANULE + hot <= LINE_WORDS).then_some(granules);
    Need { least: granules, from }
}

/// Granules of so many high bytes.
fn high_granules(count: usize) -> usize {
    count.div_ceil(4 * GRANULE)
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

/// For each word of a bitmap the bits set in the words before it, as bytes; and how many are set in all.
pub(super) fn counts_before(bitmap: &[u32; BITMAP_WORDS]) -> ([u32; COUNT_WORDS], usize) {
    let mut counts = [0u32; COUNT_WORDS];
    let mut before = 0;
    for (index, word) in bitmap.iter().enumerate() {
        if let Some(place) = counts.get_mut(index / 4) {
            *place |= before << (index % 4 * 8);
        }
        before += word.count_ones();
    }
    (counts, before as usize)
}

fn put(words: &mut [u32], at: usize, values: &[u32]) {
    if let Some(place) = words.get_mut(at..at + values.len()) {
        place.copy_from_slice(values);
    }
}
