//! The filter of a slot: 32 bits that say, of most addresses, that the leaf behind the slot has nothing for them.
//!
//! Of an address some bits behind the slot are looked at; they give three numbers below 32, and the leaf is looked into
//! only if the filter has all three of these bits. A filter that looks at five bits uses their number itself, three
//! times, so it tells parts of the slot apart; one that looks at more multiplies (a Bloom filter with three
//! hashes): with four long prefixes behind a slot 3 of 100 addresses get past it, with the former 12.

use super::item::Item;
use super::layout::{LOOK, LOOK_SHIFT, skip, top};

/// Address bits that each kind of filter looks at, by number.
pub(super) const LOOKS: [u32; 4] = [5, 8, 12, 16];

/// For each kind the bits of 32 that it does not look at, a byte each.
const ALL_UNLOOKED: u32 = {
    let [a, b, c, d] = LOOKS;
    (32 - a) | ((32 - b) << 8) | ((32 - c) << 16) | ((32 - d) << 24)
};

/// What the first kind multiplies them by: the same five bits then stand three times one behind the other.
pub(super) const THRICE: u32 = 1 << 27 | 1 << 22 | 1 << 17;

/// What the others multiply them by.
pub(super) const HASH: u32 = 0x9e37_79b1;

/// Where the three numbers stand in the product.
pub(super) const NUMBERS: [u32; 3] = [27, 22, 17];

/// By kind of filter: how many of 32 bits it does not look at, and what it multiplies the others by.
pub(super) const UNLOOKED: [u32; 4] = [32 - LOOKS[0], 32 - LOOKS[1], 32 - LOOKS[2], 32 - LOOKS[3]];
/// See [`UNLOOKED`].
pub(super) const FACTORS: [u32; 4] = [THRICE, HASH, HASH, HASH];

/// A filter with its kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Filter {
    /// Record, word 0.
    pub(super) bits: u32,
    /// Which of [`LOOKS`].
    pub(super) look: u32,
}

impl Filter {
    /// The best for these items in a leaf at `bit`: the one that the fewest addresses get past.
    pub(super) fn of(items: &[Item], bit: u8) -> Filter {
        let shortest = items.iter().map(|item| u32::from(item.length - bit)).min().unwrap_or(0);
        let kinds = (0..).zip(LOOKS).filter(|(look, bits)| *look == 0 || *bits <= shortest);
        let filters = kinds.map(|(look, _)| {
            let bits = items.iter().fold(0, |bits, item| bits | set_by(look, item, bit));
            Filter { bits, look }
        });
        filters.min_by_key(|filter| filter.let_past(items.len())).unwrap_or(Filter { bits: 0, look: 0 })
    }

    /// Reads it from a record.
    #[inline]
    pub(super) fn read(first: u32, kind: u32) -> Filter {
        Filter { bits: first, look: (kind & LOOK) >> LOOK_SHIFT }
    }

    /// Its kind, in place in a record.
    pub(super) fn kind(self) -> u32 {
        self.look << LOOK_SHIFT
    }

    /// Whether an address whose bits behind the slot are `window` may have something in the leaf.
    #[inline]
    pub(super) fn lets_past(self, window: u32) -> bool {
        let [a, b, c] = self.numbers(window);
        (self.bits >> a) & (self.bits >> b) & (self.bits >> c) & 1 != 0
    }

    /// How many address bits behind the slot it looks at.
    #[inline]
    pub(super) fn bits_looked_at(self) -> u32 {
        32 - (ALL_UNLOOKED >> (8 * (self.look & 3)) & 31)
    }

    /// Which three of its bits an address whose bits behind the slot are `window` needs.
    #[inline]
    pub(super) fn numbers(self, window: u32) -> [u32; 3] {
        let factor = if self.look == 0 { THRICE } else { HASH };
        let product = (window >> (32 - self.bits_looked_at())).wrapping_mul(factor);
        NUMBERS.map(|shift| product >> shift & 31)
    }

    /// How many of 32,768 addresses get past it, about, if it is that of so many items.
    fn let_past(self, items: usize) -> u32 {
        let ones = self.bits.count_ones();
        match self.look {
            0 => ones << 10,
            _ => ones.pow(3) + ((items as u32) << 15 >> self.bits_looked_at()),
        }
    }
}

/// The bits that an item sets.
fn set_by(look: u32, item: &Item, bit: u8) -> u32 {
    let window = top(skip(item.start, bit.into()), 32);
    if look != 0 {
        return Filter { bits: 0, look }.numbers(window).into_iter().fold(0, |bits, number| bits | 1 << number);
    }
    let inside = u32::from(item.length - bit).min(LOOKS[0]);
    let bits = 1u64 << (LOOKS[0] - inside);
    (((1u64 << bits) - 1) << (window >> (32 - LOOKS[0]))) as u32
}
