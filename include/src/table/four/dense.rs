//! A dense /16: how its records, leaves and palette stand, and how one address is looked up in it.

use super::find::{half, word};
use super::*;

/// Where the parts of a dense node stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Dense {
    /// First word of the records; the palette stands before it, the leaves behind.
    pub(super) at: usize,
    pub(super) leaves: usize,
    /// Words of the palette.
    pub(super) palette: usize,
    /// Leaves that are used: the first so many.
    pub(super) used: usize,
}

impl Dense {
    /// By the root entry.
    #[inline]
    pub(super) fn of([entry, shape]: [u32; 2]) -> Dense {
        let count = |shift: u32| (shape >> shift & COUNT_MASK) as usize;
        Dense { at: find::node(entry), leaves: count(0), palette: count(PALETTE_SHIFT), used: count(USED_SHIFT) }
    }

    /// The root entry.
    pub(super) fn entry(&self) -> [u32; 2] {
        let shape = self.leaves | self.palette << PALETTE_SHIFT | self.used << USED_SHIFT;
        [DENSE << TAG_SHIFT | (self.at / GRANULE) as u32, shape as u32]
    }

    /// Words in all.
    pub(super) fn words(&self) -> usize {
        self.palette + RECORDS + self.leaves * LEAF_WORDS
    }

    /// The first of them; none if that would be before the table.
    pub(super) fn first(&self) -> Option<usize> {
        self.at.checked_sub(self.palette)
    }

    /// The word of the record of the /24 of `key`.
    #[inline]
    pub(super) fn record(&self, key: u32) -> usize {
        self.at + (key >> 8 & 0xff) as usize
    }

    /// The first word of the leaf that a record names.
    #[inline]
    pub(super) fn leaf(&self, record: u32) -> usize {
        self.leaf_number((record >> LEAF_SHIFT) as usize)
    }

    /// The first word of the leaf with this number.
    #[inline]
    pub(super) fn leaf_number(&self, number: usize) -> usize {
        self.at + RECORDS + number * LEAF_WORDS
    }

    /// The word of the palette's value with this number.
    #[inline]
    pub(super) fn in_palette(&self, number: usize) -> usize {
        self.at.wrapping_sub(1 + number)
    }

    /// The value of `key`.
    #[inline]
    pub(super) fn find(&self, table: &[u32], key: u32) -> u32 {
        let record = word(table, self.record(key));
        let leaf = self.leaf(record);
        match exception(table, leaf, key) {
            None => record & USUAL_MASK,
            Some(index) => match List::of(table, leaf) {
                List::Same(value) => value,
                List::Numbers(list) => word(table, self.in_palette(find::byte(table, list, index) as usize)),
                List::Wide(list) => {
                    half(table, list, index) | find::byte(table, wide_highs(table, leaf, list), index) << LOW_BITS
                }
            },
        }
    }
}

/// What a leaf's first word says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum List {
    /// The list of numbers at this word.
    Numbers(usize),
    /// No list: all have this value.
    Same(u32),
    /// The list of low halves at this word, and high bytes behind them.
    Wide(usize),
}

impl List {
    /// Of the leaf at this word; a tag that no builder writes is as good as [`List::Wide`].
    #[inline]
    pub(super) fn of(table: &[u32], leaf: usize) -> List {
        let list = word(table, leaf);
        match list >> TAG_SHIFT {
            NUMBERS => List::Numbers(find::node(list)),
            SAME => List::Same(list & USUAL_MASK),
            _ => List::Wide(find::node(list)),
        }
    }
}

/// If `key` is exceptional by the leaf at this word, how many exceptional addresses of the /24 are before it.
#[inline]
pub(super) fn exception(table: &[u32], leaf: usize, key: u32) -> Option<usize> {
    let (bits, bit) = (word(table, leaf + LEAF_BITMAP + (key >> 5 & 7) as usize), key & 31);
    if bits >> bit & 1 == 0 {
        return None;
    }
    // The nearest place that is counted to: before the word, or behind it if it is the second of its pair.
    let pairs = ((key & 0xff) + 32) >> 6;
    let counted = (u64::from(word(table, leaf + LEAF_COUNTS)) << 8 >> (pairs * 8)) as u32 & 0xff;
    let index = if key & 32 == 0 {
        counted + (bits & !(u32::MAX << bit)).count_ones()
    } else {
        counted.saturating_sub((bits >> bit).count_ones())
    };
    Some(index as usize)
}

/// How many exceptional addresses the /24 of the leaf at this word has.
#[inline]
pub(super) fn count(table: &[u32], leaf: usize) -> usize {
    (word(table, leaf + LEAF_COUNTS) >> 24) as usize
}

/// The first word of the high bytes of a wide list at word `list`.
pub(super) fn wide_highs(table: &[u32], leaf: usize, list: usize) -> usize {
    list + low_words(count(table, leaf))
}

/// The bytes that count the bits of a bitmap: those in its first two, four, six and eight words.
pub(super) fn counts(bitmap: &[u32; BITMAP_WORDS]) -> u32 {
    let (pairs, _) = bitmap.as_chunks::<2>();
    let (counts, _) = pairs.iter().zip(0..).fold((0, 0), |(counts, before), ([low, high], number)| {
        let count = before + (u64::from(*low) | u64::from(*high) << 32).count_ones();
        (counts | count << (number * 8), count)
    });
    counts
}
