//! A line of the index: five prefixes and three cells, 64 bytes. A cell is what stands for one /32 or a piece of it.
//!
//! ```text
//! prefix  63..62 number of its cell + 1   61..30 address bits 32..63   29..6 value   5..0 62 - how many of them (1 to 32)
//! cell    63..32 the /32                  31..0  link; bit 24 of a value: prefixes of this line belong to it
//! ```
//!
//! Prefixes of one cell stand longest first; 0 is none. A cell of two zeros is free.

use super::layout::VALUE;
use crate::table::LINE_WORDS;

/// Cells of a line.
pub(super) const CELLS: usize = 3;

/// Prefixes of a line.
pub(super) const PREFIXES: usize = 5;

/// The word at which a line's first cell starts.
pub(super) const FIRST_CELL: usize = 2 * PREFIXES;

/// In a cell's link, beside the value of all other addresses: prefixes belong to it.
pub(super) const WITH_PREFIXES: u32 = 1 << 24;

/// Where a prefix's cell, its bits and its value start.
pub(super) const OWNER_SHIFT: u32 = 62;
/// See [`OWNER_SHIFT`].
pub(super) const WINDOW_SHIFT: u32 = 30;
/// See [`OWNER_SHIFT`].
pub(super) const VALUE_SHIFT: u32 = 6;

/// Bits of a prefix that say how far it is to be shifted, so that only what must agree is left.
pub(super) const BEHIND: u64 = 63;

/// Words of a line.
pub(super) type Line = [u32; LINE_WORDS];

/// A prefix in a line.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Near(pub(super) u64);

impl Near {
    /// `window`: address bits 32 to 63, nothing behind the `length` (1 to 32) that are the prefix's. Of no cell yet.
    pub(super) fn new(window: u32, length: u8, value: u32) -> Near {
        let (window, value) = (u64::from(window) << WINDOW_SHIFT, u64::from(value & VALUE) << VALUE_SHIFT);
        Near(window | value | u64::from(62 - length))
    }

    /// Reads it from its two words.
    #[inline]
    pub(super) fn read([low, high]: &[u32; 2]) -> Near {
        Near(u64::from(*low) | u64::from(*high) << 32)
    }

    /// The same as one of this cell.
    fn of(self, cell: usize) -> Near {
        Near(self.0 & !(3 << OWNER_SHIFT) | (cell as u64 + 1) << OWNER_SHIFT)
    }

    /// Its cell; none if it is no prefix.
    #[inline]
    pub(super) fn cell(self) -> Option<usize> {
        ((self.0 >> OWNER_SHIFT) as usize).checked_sub(1)
    }

    /// Its bits behind the /32.
    pub(super) fn window(self) -> u32 {
        (self.0 >> WINDOW_SHIFT) as u32
    }

    /// How many of them are the prefix's; more than 32 if it is no prefix.
    pub(super) fn length(self) -> u32 {
        62u32.wrapping_sub((self.0 & BEHIND) as u32)
    }

    /// Its value.
    #[inline]
    pub(super) fn value(self) -> u32 {
        (self.0 >> VALUE_SHIFT) as u32 & VALUE
    }

    /// Whether it is something else than nothing or a prefix of a cell of this line that has prefixes.
    pub(super) fn is_stray(self, line: &Line) -> bool {
        let belongs = |own: usize| cell(line, own)[0] & !VALUE == WITH_PREFIXES;
        self.0 != 0 && !self.cell().is_some_and(belongs)
    }

    /// Whether it holds the addresses of this cell with these bits.
    #[inline]
    fn holds(self, cell: usize, window: u32) -> bool {
        let key = (cell as u64 + 1) << OWNER_SHIFT | u64::from(window) << WINDOW_SHIFT;
        (self.0 ^ key) >> (self.0 & BEHIND) == 0
    }
}

/// Its prefixes.
#[inline]
pub(super) fn prefixes(line: &Line) -> impl Iterator<Item = Near> + '_ {
    line.as_chunks().0.iter().take(PREFIXES).map(Near::read)
}

/// A cell: its link and its /32.
#[inline]
pub(super) fn cell(line: &Line, cell: usize) -> [u32; 2] {
    line.as_chunks::<2>().0.get(PREFIXES + cell).copied().unwrap_or_default()
}

/// The longest prefix of a cell that holds these address bits, and its number.
#[inline]
pub(super) fn longest(line: &Line, cell: usize, window: u32) -> Option<(usize, Near)> {
    prefixes(line).enumerate().find(|(_, near)| near.holds(cell, window))
}

/// How many prefixes more it has room for.
pub(super) fn room(line: &Line) -> usize {
    prefixes(line).filter(|near| near.0 == 0).count()
}

/// Writes a free cell, and its prefixes, longest first, to where there is room.
pub(super) fn put(line: &mut Line, cell: usize, content: [u32; 2], prefixes: impl Iterator<Item = Near>) {
    let pairs = line.as_chunks_mut::<2>().0;
    let mut left = prefixes.map(|near| near.of(cell));
    for place in pairs.iter_mut().take(PREFIXES).filter(|place| **place == [0, 0]) {
        let Some(Near(near)) = left.next() else { break };
        *place = [near as u32, (near >> 32) as u32];
    }
    if let Some(place) = pairs.get_mut(PREFIXES + cell) {
        *place = content;
    }
}

/// Frees a cell and the places of its prefixes.
pub(super) fn clear(line: &mut Line, cell: usize) {
    let pairs = line.as_chunks_mut::<2>().0;
    let own = |[_, high]: &[u32; 2]| (*high >> (OWNER_SHIFT - 32)) as usize == cell + 1;
    pairs.iter_mut().take(PREFIXES).filter(|place| own(place)).for_each(|place| *place = [0, 0]);
    if let Some(place) = pairs.get_mut(PREFIXES + cell) {
        *place = [0, 0];
    }
}
