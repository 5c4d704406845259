//! A /16 as runs of /24s: four parts, and how they are laid so that a look-up finds all it needs of one in one line.

use super::space::Need;
use super::{GRANULE, LOW_BITS, PART_HEAD, find, low_words};
use crate::table::LINE_WORDS;

/// Parts of a node.
pub(super) const PARTS: usize = 4;

/// The runs of 256 /24s.
#[derive(Clone, Debug)]
pub(super) struct Runs {
    /// For each part bit p says that the value changes with its p-th /24; bit 0 is clear.
    bits: [u64; PARTS],
    /// How many runs each part has.
    counts: [usize; PARTS],
    /// The value of each run, those of the first part first.
    values: [u32; 256],
}

/// Where the parts stand, in words behind the node's first, and how many granules they take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Layout {
    pub(super) places: [u8; PARTS],
    pub(super) granules: usize,
}

impl Runs {
    /// Of the values of 256 /24s.
    pub(super) fn of(all: &[u32; 256]) -> Runs {
        let (mut bits, mut counts, mut values) = ([0; PARTS], [0; PARTS], [0; 256]);
        let mut places = values.iter_mut();
        for ((part, bits), count) in all.chunks(64).zip(&mut bits).zip(&mut counts) {
            let mut before = None;
            for (position, value) in part.iter().enumerate() {
                if before == Some(*value) {
                    continue;
                }
                *bits |= u64::from(position != 0) << position;
                *count += 1;
                before = Some(*value);
                places.by_ref().take(1).for_each(|place| *place = *value);
            }
        }
        Runs { bits, counts, values }
    }

    /// The value of all, if it is one.
    pub(super) fn uniform(&self) -> Option<u32> {
        let (first, rest) = self.values().split_first()?;
        rest.iter().all(|value| value == first).then_some(*first)
    }

    /// The value of each run.
    pub(super) fn values(&self) -> &[u32] {
        self.values.get(..self.counts.iter().sum()).unwrap_or_default()
    }

    /// What a node needs.
    pub(super) fn need(&self) -> Need<impl Fn(usize) -> Option<usize>> {
        Need { least: self.least(), from: |phase| self.layout(phase).map(|layout| layout.granules) }
    }

    /// Granules if no line were crossed.
    fn least(&self) -> usize {
        self.words().iter().sum::<usize>().div_ceil(GRANULE)
    }

    /// Words of each part.
    fn words(&self) -> [usize; PARTS] {
        self.counts.map(|count| PART_HEAD + low_words(count))
    }

    /// The shortest layout of a node that begins with this granule of a line, if there is one that uses the granule.
    pub(super) fn layout(&self, phase: usize) -> Option<Layout> {
        let (words, least, mut best) = (self.words(), self.least(), None::<Layout>);
        for order in orders() {
            let Some(layout) = in_order(words, order, phase * GRANULE) else { continue };
            if best.is_none_or(|best| layout.granules < best.granules) {
                best = Some(layout);
            }
            if layout.granules == least {
                break;
            }
        }
        best
    }

    /// Writes the parts to a node of zeros.
    pub(super) fn write(&self, layout: &Layout, node: &mut [u32]) {
        let mut values = self.values.iter();
        for ((bits, count), place) in self.bits.iter().zip(self.counts).zip(layout.places) {
            let (head, lows) =
                node.get_mut(place.into()..).and_then(|part| part.split_at_mut_checked(PART_HEAD)).unwrap_or_default();
            head.copy_from_slice(&[*bits as u32, (bits >> 32) as u32]);
            put_lows(lows, values.by_ref().take(count).copied());
        }
    }
}

/// Parts of so many words in this order; `first` words of the first line are not ours. None if the first part does not
/// begin there, or one is too far away.
#[inline]
fn in_order(words: [usize; PARTS], order: [usize; PARTS], first: usize) -> Option<Layout> {
    let (mut end, mut places) = (first, [0; PARTS]);
    for part in order {
        let words = words.get(part).copied()?;
        let crosses = end % LINE_WORDS + words > LINE_WORDS;
        let at = if crosses { end.next_multiple_of(LINE_WORDS) } else { end };
        if end == first && at != first {
            return None;
        }
        *places.get_mut(part)? = u8::try_from(at - first).ok()?;
        end = at + words;
    }
    Some(Layout { places, granules: (end - first).div_ceil(GRANULE) })
}

/// Granules of the node at word `at`, and its runs in all; its parts are where `parts` says.
pub(super) fn extent(table: &[u32], at: usize, parts: u32) -> (usize, usize) {
    let part = |number: u32| {
        let part = find::part(at, parts, number << 14);
        let runs = 1 + find::part_bits(table, part).count_ones() as usize;
        (part - at + PART_HEAD + low_words(runs), runs)
    };
    let parts = || (0..PARTS as u32).map(part);
    let words = parts().map(|(end, _)| end).max().unwrap_or(0);
    (words.div_ceil(GRANULE), parts().map(|(_, runs)| runs).sum())
}

/// Low halves of values, into words of zeros.
pub(super) fn put_lows(words: &mut [u32], values: impl Iterator<Item = u32>) {
    for (index, value) in values.enumerate() {
        if let Some(word) = words.get_mut(index / 2) {
            *word |= (value & super::LOW) << (index % 2 * 16);
        }
    }
}

/// High bytes of values, into words of zeros.
pub(super) fn put_highs(words: &mut [u32], values: impl Iterator<Item = u32>) {
    for (index, value) in values.enumerate() {
        if let Some(word) = words.get_mut(index / 4) {
            *word |= (value >> LOW_BITS & 0xff) << (index % 4 * 8);
        }
    }
}

/// All orders of four.
fn orders() -> impl Iterator<Item = [usize; PARTS]> {
    (0..24).map(|number| {
        let mut order = [0, 1, 2, 3];
        order.swap(0, number % 4);
        order.swap(1, 1 + number / 4 % 3);
        order.swap(2, 2 + number / 12);
        order
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn orders_are_all_orders() {
        let all: std::collections::BTreeSet<[usize; PARTS]> = orders().collect();
        assert_eq!(all.len(), 24);
        assert!(all.iter().all(|order| order.iter().sum::<usize>() == 6 && order.iter().product::<usize>() == 0));
    }

    /// Of every number of runs, in all places of a line: small parts lie in one line, large ones begin one.
    #[test]
    fn a_part_crosses_no_line_if_it_need_not() {
        for seed in 0..600_usize {
            let mut values = [0; 256];
            for (at, value) in values.iter_mut().enumerate() {
                *value = (at / (1 + (seed * (1 + at / 64)) % 21)) as u32;
            }
            let runs = Runs::of(&values);
            for phase in 0..4 {
                let Some(layout) = runs.layout(phase) else { continue };
                assert!(layout.places.contains(&0) && layout.granules >= runs.need().least);
                let mut node = vec![0; layout.granules * GRANULE];
                runs.write(&layout, &mut node);
                let parts = layout.places.into_iter().rev().fold(0, |parts, place| parts << 8 | u32::from(place));
                assert_eq!(extent(&node, 0, parts), (layout.granules, runs.values().len()));
                for (place, count) in layout.places.into_iter().zip(runs.counts) {
                    let (first, words) = (phase * GRANULE + usize::from(place), PART_HEAD + low_words(count));
                    assert!(first % LINE_WORDS + words <= LINE_WORDS || first % LINE_WORDS == 0 && words > LINE_WORDS);
                }
                for (at, value) in values.iter().enumerate() {
                    let part = find::part(0, parts, (at as u32) << 8);
                    assert_eq!(find::half(&node, part + PART_HEAD, find::run(&node, part, (at as u32) << 8)), *value);
                }
            }
            assert!(runs.layout(0).is_some());
        }
    }
}
