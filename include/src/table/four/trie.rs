//! Writes nodes: each /16 can be written anew on its own. (Dense ones: [`super::leaves`].)

use super::dense::Dense;
use super::runs::{self, Runs, put_highs, put_lows};
use super::space::{LINE, Need, Space};
use super::*;
use crate::table::{Entry, Kind, ranges};

/// Prefixes inside a /16 up to which it may be sparse.
pub(super) const MOST_IN_SPARSE: usize = 16;

/// The table while it is built.
#[derive(Clone, Debug)]
pub(in crate::table) struct Trie {
    pub(super) space: Space,
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
        } else if let Some(entry) = self.sparse(high, around, inside) {
            [entry, 0]
        } else {
            return self.write_dense(high, around, inside);
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
        let words = list_words(SPARSE_HEAD, SPARSE_RUNS);
        let place = self.space.allocate(need(SPARSE_HEAD + low_words(SPARSE_RUNS), words));
        let (start, values) =
            self.granules(place, words.div_ceil(GRANULE)).split_at_mut_checked(SPARSE_HEAD).unwrap_or_default();
        put(start, 0, &head);
        put_list(values, list.len(), list.iter().copied());
        Some(SPARSE << TAG_SHIFT | place)
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
            DENSE => self.release_dense(Dense::of([entry, parts])),
            _ => {}
        }
    }

    pub(super) fn root(&self, high: u32) -> [u32; 2] {
        find::entry(self.words(), high << 16)
    }

    pub(super) fn put_root(&mut self, high: u32, entry: [u32; 2]) {
        put(self.space.words_mut(), ROOT + high as usize * 2, &entry);
    }

    /// So many granules from this one on.
    pub(super) fn granules(&mut self, place: u32, count: usize) -> &mut [u32] {
        let at = place as usize * GRANULE;
        self.space.words_mut().get_mut(at..at + count * GRANULE).unwrap_or_default()
    }
}

/// So many words, of which the first `hot` lie in one line, or begin one if they are more.
pub(super) fn need(hot: usize, words: usize) -> Need<impl Fn(usize) -> Option<usize> + Copy> {
    let granules = words.div_ceil(GRANULE);
    let from = move |phase| (phase == 0 || phase * GRANULE + hot <= LINE_WORDS).then_some(granules);
    Need { least: granules, from }
}

/// Granules of so many high bytes.
fn high_granules(count: usize) -> usize {
    count.div_ceil(4 * GRANULE)
}

/// The values of 256 neighbours of `1 << shift` addresses each; `entries` are sorted, so the longest wins.
pub(super) fn paint(around: u32, shift: u32, entries: &[Entry<u32>]) -> [u32; 256] {
    let mut values = [around; 256];
    for entry in entries {
        let (first, last) = (entry.start >> shift & 0xff, entry.last() >> shift & 0xff);
        if let Some(part) = values.get_mut(first as usize..=last as usize) {
            part.fill(entry.value);
        }
    }
    values
}

/// Low halves and high bytes of so many values, into words of zeros.
pub(super) fn put_list(words: &mut [u32], count: usize, values: impl Iterator<Item = u32> + Clone) {
    let (lows, highs) = words.split_at_mut_checked(low_words(count)).unwrap_or_default();
    put_lows(lows, values.clone());
    put_highs(highs, values);
}

pub(super) fn put(words: &mut [u32], at: usize, values: &[u32]) {
    if let Some(place) = words.get_mut(at..at + values.len()) {
        place.copy_from_slice(values);
    }
}
