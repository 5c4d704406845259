//! Where everything stands in an IPv6 trie: header, tables of records, leaves of entries, the links between them.
//!
//! Owns every shift and mask; nothing else knows a bit's place. The drawing is in include/README.md.

use super::super::LINE_WORDS;

/// Words of the header line by index; word 0 is the table's kind.
pub(super) mod head {
    /// Link to the table at bit 0.
    pub(in super::super) const ROOT: usize = 1;
    /// Words in the trie, this line included.
    pub(in super::super) const WORDS: usize = 2;
    /// First line of the index.
    pub(in super::super) const INDEX: usize = 3;
    /// Buckets of the index, as a power of two.
    pub(in super::super) const BUCKETS: usize = 4;
    /// Lines behind the buckets.
    pub(in super::super) const LINES: usize = 5;
    /// 1 if most cells of the index have prefixes, else 0: how best to look.
    pub(in super::super) const PREFIXED: usize = 6;
}

/// Bits of a value.
pub(super) const VALUE: u32 = super::super::MAX_VALUE;

/// Record, word 1: word 0 is a link to a table. Without it word 0 is a filter, and the slot's own link leads to the
/// leaf, if the filter has any bit.
pub(super) const INNER: u32 = 1 << 31;

/// Record, word 1: entries of the leaf lead on. Read by the builder only.
pub(super) const BRANCHED: u32 = 1 << 30;

/// Record, word 1: 2 bits from here, which [`super::filter::Look`] the filter takes.
pub(super) const LOOK_SHIFT: u32 = 28;

/// Those bits.
pub(super) const LOOK: u32 = 3 << LOOK_SHIFT;

/// Record, word 1: 4 bits from here, read by the builder only: 0 if the value is that of a prefix shorter than the
/// table's bit, else 1 + how much longer it is.
pub(super) const DEPTH_SHIFT: u32 = 24;

/// Those bits.
pub(super) const DEPTH: u32 = 15 << DEPTH_SHIFT;

/// Entries of a line.
pub(super) const LANES: usize = 8;

/// How much longer than the bit their leaf stands at entries with a value may be.
pub(super) const WINDOW: u8 = 32;

/// The same for entries that lead on; the bits saved hold the link.
pub(super) const CHILD_WINDOW: u8 = 28;

/// Largest stride of a table.
pub(super) const MAX_STRIDE: u32 = 14;

/// Bits of an address.
pub(super) const BITS: u32 = 128;

/// The bit that the index leads to: what is shorter stands in the trie of the root, all else behind the index.
pub(super) const INDEXED: u32 = 32;

/// Entries of leaves and tables do not go past this bit from before it; what leads on from a leaf may reach it.
pub(super) const HALF: u32 = 64;

/// The bit that nothing of a leaf at `bit` goes past.
#[inline]
pub(super) fn limit(bit: u32) -> u32 {
    if bit < INDEXED {
        INDEXED
    } else if bit < HALF {
        HALF
    } else {
        BITS
    }
}

/// How many bits a table at `bit` may look at: what stands behind one before bit 64 stands before that bit, too, so
/// that 32 bits of the address, moved on, say everything there.
pub(super) fn room(bit: u32) -> u32 {
    let end = if bit < HALF { limit(bit) - 1 } else { BITS };
    (end - bit).min(MAX_STRIDE)
}

/// What a link says: of the index's entries, the root, records.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Link {
    /// There is nothing longer: the value, 0 for none.
    Value(u32),
    /// A table.
    Table(Table),
    /// A leaf.
    Leaf(Leaf),
}

impl Link {
    /// Reads it.
    #[inline]
    pub(super) fn of(link: u32) -> Link {
        match link >> STRIDE_SHIFT {
            0 => Link::Value(link & VALUE),
            LEAF => Link::Leaf(Leaf::from_link(link)),
            _ => Link::Table(Table::from_link(link)),
        }
    }
}

/// Where a link's stride starts.
pub(super) const STRIDE_SHIFT: u32 = 28;

/// What stands there for a leaf; 0 for a value.
pub(super) const LEAF: u32 = 15;

/// `rest` without its first `bits`.
#[inline]
pub(super) fn skip(rest: u128, bits: u32) -> u128 {
    rest.checked_shl(bits).unwrap_or(0)
}

/// The first `bits` (0 to 32) of `rest`.
#[inline]
pub(super) fn top(rest: u128, bits: u32) -> u32 {
    (rest >> 96 >> (32 - bits.min(32))) as u32
}

/// The network bits of a length.
#[inline]
pub(super) fn mask(length: u8) -> u128 {
    !u128::MAX.checked_shr(length.into()).unwrap_or(0)
}

/// A table of `1 << stride` slots of 3 words: a record (2 words), and a link to a leaf.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Table {
    /// Its first word.
    pub(super) word: usize,
    /// Bits of the address it looks at: 1 to 14, 0 for a single slot.
    pub(super) stride: u32,
}

impl Table {
    /// The table a link means: its first word, halved, in bits 0..28; its stride above.
    #[inline]
    pub(super) fn from_link(link: u32) -> Table {
        Table { word: (link & LINK_WORD) as usize * 2, stride: link >> STRIDE_SHIFT }
    }

    /// Its link.
    pub(super) fn link(self) -> u32 {
        (self.word / 2) as u32 | self.stride << STRIDE_SHIFT
    }

    /// The single slot an entry leads to: 4 words, at a multiple of 4.
    #[inline]
    pub(super) fn single(quarter: u32) -> Table {
        Table { word: quarter as usize * 4, stride: 0 }
    }

    /// Its quarter, for a single slot.
    pub(super) fn quarter(self) -> u32 {
        (self.word / 4) as u32
    }

    /// Words of all slots.
    pub(super) fn words(self) -> usize {
        3 << self.stride
    }

    /// How many slots it has.
    pub(super) fn slots(self) -> u32 {
        1 << self.stride
    }

    /// A slot.
    #[inline]
    pub(super) fn slot(self, index: u32) -> Slot {
        let record = self.word + 3 * index as usize;
        Slot { record, link: record + 2 }
    }

    /// The slot of an address, of which the bits before the table are cut off.
    #[inline]
    pub(super) fn slot_of(self, rest: u128) -> Slot {
        self.slot(top(rest, self.stride))
    }
}

/// Where a slot's record (two words) and its link to a leaf (one word) stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Slot {
    /// Filter or link; then value, depth and kind.
    pub(super) record: usize,
    /// Link to a leaf, 0 for none.
    pub(super) link: usize,
}

/// A leaf: a line, three quarters, a half or a quarter of one; 8, 6, 4 or 2 entries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Leaf {
    /// First word of the line.
    pub(super) line: usize,
    /// Which part: 0 the first three quarters, 1 all, 2 and 3 a half, 4 to 7 a quarter.
    pub(super) part: u32,
}

/// First lane and lanes of each part.
const PARTS: [(usize, usize); 8] = [(0, 6), (0, 8), (0, 4), (4, 4), (0, 2), (2, 2), (4, 2), (6, 2)];

/// The lanes of each part as a mask, a byte each, part 0 lowest.
pub(super) const PART_MASKS: u64 = 0xc030_0c03_f00f_ff3f;

/// Bits of a link to a table that say where it starts, in pairs of words; its stride stands above.
pub(super) const LINK_WORD: u32 = 0x0fff_ffff;

/// Bits of a leaf's link that number its line; the part stands above, then [`LEAF`].
pub(super) const LEAF_LINE: u32 = (1 << PART_SHIFT) - 1;

/// Where a leaf's part starts in its link: 3 bits.
pub(super) const PART_SHIFT: u32 = 25;

impl Leaf {
    /// The leaf a link means.
    #[inline]
    pub(super) fn from_link(link: u32) -> Leaf {
        Leaf { line: (link & LEAF_LINE) as usize * LINE_WORDS, part: link >> PART_SHIFT & 7 }
    }

    /// The leaf of `words` words (16, 12, 8 or 4) at a word that is a multiple of that; 12 stand first in their line.
    pub(super) fn at(word: usize, words: usize) -> Leaf {
        let lanes = (word % LINE_WORDS / 2, words / 2);
        let part = PARTS.iter().position(|part| *part == lanes).unwrap_or(0) as u32;
        Leaf { line: word - word % LINE_WORDS, part }
    }

    /// Its link.
    pub(super) fn link(self) -> u32 {
        (self.line / LINE_WORDS) as u32 | self.part << PART_SHIFT | LEAF << STRIDE_SHIFT
    }

    /// First word and words of its entries.
    #[inline]
    pub(super) fn span(self) -> (usize, usize) {
        let (lane, lanes) = PARTS.get(self.part as usize).copied().unwrap_or((0, 0));
        (self.line + 2 * lane, 2 * lanes)
    }
}

/// An entry of a leaf, 64 bits, low word first.
///
/// ```text
/// value   63..32 the prefix's bits behind the leaf's    31..8 value            7: 0   5..0: 63 - how many (0 to 32)
/// child   63..36 the prefix's bits behind the leaf's    35..8 quarter line     7: 1   5..0: 63 - how many (1 to 28)
/// ```
///
/// One that looks at 0 bits holds all addresses: only leaves that the index leads to have it, for they have no record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Entry(pub(super) u64);

/// Bit of an entry that leads on.
pub(super) const CHILD: u64 = 1 << 7;

/// Bits of an entry that say how far its window is to be shifted, less one.
pub(super) const BEHIND: u64 = 63;

/// Where an entry's value or link starts.
pub(super) const CONTENT_SHIFT: u32 = 8;

/// Bits of a quarter line's number.
const QUARTER: u32 = 0x0fff_ffff;

impl Entry {
    /// `window`: the prefix's bits, left-aligned, nothing behind them.
    pub(super) fn value(window: u32, length: u8, value: u32) -> Entry {
        let low = u64::from(value & VALUE) << CONTENT_SHIFT | u64::from(63 - length);
        Entry(u64::from(window) << 32 | low)
    }

    /// The same for one that leads to the single slot at `quarter`.
    pub(super) fn child(window: u32, length: u8, quarter: u32) -> Entry {
        let low = u64::from(quarter & QUARTER) << CONTENT_SHIFT | CHILD | u64::from(63 - length);
        Entry(u64::from(window) << 32 | low)
    }

    /// Reads it from its two words.
    #[inline]
    pub(super) fn read(words: &[u32]) -> Entry {
        match words {
            [low, high, ..] => Entry(u64::from(*low) | u64::from(*high) << 32),
            _ => Entry(0),
        }
    }

    /// How many bits of its window it looks at; more than 32 if it is no entry.
    #[inline]
    pub(super) fn length(self) -> u32 {
        63 - (self.0 & BEHIND) as u32
    }

    /// Whether an address whose next 32 bits are `window` lies inside.
    #[inline]
    pub(super) fn holds(self, window: u32) -> bool {
        (self.0 ^ u64::from(window) << 32) >> 1 >> (self.0 & BEHIND) == 0
    }

    /// The prefix's bits, left-aligned.
    pub(super) fn window(self) -> u32 {
        let bits = (self.0 >> 32) as u32;
        if self.quarter().is_some() { bits & !15 } else { bits }
    }

    /// Where it leads, for one that leads on.
    #[inline]
    pub(super) fn quarter(self) -> Option<u32> {
        (self.0 & CHILD != 0).then_some((self.0 >> CONTENT_SHIFT) as u32 & QUARTER)
    }

    /// The value, for one that does not lead on.
    #[inline]
    pub(super) fn own(self) -> u32 {
        (self.0 >> CONTENT_SHIFT) as u32 & VALUE
    }
}
