//! The index: leads from the first 32 bits of an address straight to its value, or to what stands at bit 32.
//!
//! Allocations and pools are /32 as a rule, so that most prefixes lie behind it: all of 32 bits and more. Shorter ones stand
//! in the trie of the root, which an address takes if the index has nothing for it; where it has, what they say is pushed
//! down. A /32 with few prefixes, none longer than /64, stands in one line of the index with all of them; one
//! with more may be cut into pieces by its next bits, each of which stands in a line; all others lead to a leaf or table.
//!
//! Which line, and which of its cells, two hashes say: the /32's [bucket](Index::bucket), and behind it the bucket's
//! *displacement*, which the builder has tried out until all that the bucket has find room ("hash and displace"). So a
//! look-up reads one line, and there is no second place.

use super::layout::head;
use super::line::{self, CELLS, Near, WITH_PREFIXES};
use crate::table::LINE_WORDS;

/// Address bits that the index looks at, if the /32 is not in pieces.
pub(super) const INDEX_BITS: u8 = super::layout::INDEXED as u8;

/// What a /32 is multiplied by for its hash, whose upper bits are the bucket.
pub(super) const HASH: u32 = 0x9e37_79b1;

/// How far the hash's upper half is moved to be mixed into the lower.
pub(super) const MIX: u32 = 15;

/// Where a displacement starts in the odd number by which the mixed hash is multiplied.
pub(super) const FACTOR_SHIFT: u32 = 3;

/// Where a piece's number is added to the mixed hash.
pub(super) const PIECE_SHIFT: u32 = 20;

/// Bits of a bucket's word that are its displacement; above them how many bits its /32 are cut by.
pub(super) const DISPLACEMENT_BITS: u32 = 13;

/// Bits by which the /32 of a bucket may be cut: 128 pieces.
pub(super) const MOST_CUT: u32 = 7;

/// The fewest buckets, as a power of two: 32, one line.
pub(super) const LEAST: u32 = 5;

/// The most: 32 Mi, 64 MB.
pub(super) const MOST: u32 = 25;

/// The most lines behind the buckets: 512 MB.
pub(super) const MOST_LINES: u32 = 1 << 23;

/// Where the index stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Index {
    /// Its first word, where the buckets start, two to a word; the lines follow.
    pub(super) word: usize,
    /// Its buckets, as a power of two.
    pub(super) bits: u32,
    /// Its lines.
    pub(super) lines: u32,
}

/// What a bucket's word says: of all /32 whose hash begins with its number.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Bucket {
    /// Which of the ways to spread them over lines.
    pub(super) displacement: u32,
    /// By how many of their next bits they are cut into pieces.
    pub(super) cut: u32,
}

impl Bucket {
    /// Reads it.
    #[inline]
    pub(super) fn of(word: u32) -> Bucket {
        Bucket { displacement: word & ((1 << DISPLACEMENT_BITS) - 1), cut: word >> DISPLACEMENT_BITS & MOST_CUT }
    }

    /// Its word.
    pub(super) fn word(self) -> u32 {
        self.displacement | self.cut << DISPLACEMENT_BITS
    }

    /// The number of the piece in which the addresses with these bits behind the /32 are.
    #[inline]
    pub(super) fn piece(self, window: u32) -> u32 {
        (u64::from(window) >> (32 - self.cut)) as u32
    }
}

/// A place for a /32, or a piece of one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Cell {
    /// First word of the line.
    pub(super) line: usize,
    /// Which of the line's cells.
    pub(super) cell: usize,
}

/// What the index has for an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Indexed {
    pub(super) cell: Cell,
    /// The cell's link.
    pub(super) link: u32,
    /// The prefix in the line that holds the address, and its number.
    pub(super) near: Option<(usize, Near)>,
}

impl Indexed {
    /// Where the look-up goes on: the prefix's value, or where the cell leads.
    #[inline]
    pub(super) fn leads_to(self) -> u32 {
        self.near.map_or(self.link, |(_, near)| near.value())
    }
}

impl Index {
    /// The index of a trie.
    #[inline]
    pub(super) fn of(words: &[u32]) -> Index {
        let word = |at: usize| words.get(at).copied().unwrap_or(0);
        let (bits, lines) = (word(head::BUCKETS).clamp(LEAST, MOST), word(head::LINES).clamp(1, MOST_LINES));
        Index { word: word(head::INDEX) as usize * LINE_WORDS, bits, lines }
    }

    /// Its words.
    pub(super) fn words(self) -> usize {
        (1 << self.bits >> 1) + self.lines as usize * LINE_WORDS
    }

    /// The first word of its lines.
    #[inline]
    pub(super) fn first_line(self) -> usize {
        self.word + (1 << self.bits >> 1)
    }

    /// The bucket of a /32.
    #[inline]
    pub(super) fn bucket(self, tag: u32) -> usize {
        (hash(tag) >> (32 - self.bits)) as usize
    }

    /// What a bucket says.
    #[inline]
    pub(super) fn read(self, words: &[u32], bucket: usize) -> Bucket {
        let both = words.get(self.word + bucket / 2).copied().unwrap_or(0);
        Bucket::of(both >> (bucket % 2 * 16))
    }

    /// The cell of a piece of a /32, at this displacement.
    #[inline]
    pub(super) fn cell(self, tag: u32, piece: u32, displacement: u32) -> Cell {
        let hash = hash(tag);
        let mixed = (hash ^ hash >> MIX).wrapping_add(piece << PIECE_SHIFT);
        let spread = mixed.wrapping_mul(displacement << FACTOR_SHIFT | 1);
        let product = u64::from(spread) * u64::from(self.lines);
        // The number before the point is the line, what is behind it the cell.
        let cell = ((product >> 16 & 0xffff) as usize * CELLS) >> 16;
        Cell { line: self.first_line() + (product >> 32) as usize * LINE_WORDS, cell }
    }

    /// What it has for an address of this /32 with these next 32 bits; none if nothing.
    #[inline]
    pub(super) fn look(self, words: &[u32], tag: u32, window: u32) -> Option<Indexed> {
        let bucket = self.read(words, self.bucket(tag));
        let cell = self.cell(tag, bucket.piece(window), bucket.displacement);
        let line = words.get(cell.line..)?.first_chunk()?;
        let [link, own] = line::cell(line, cell.cell);
        if link == 0 || own != tag {
            return None;
        }
        let near = (link & !super::layout::VALUE == WITH_PREFIXES).then(|| line::longest(line, cell.cell, window));
        Some(Indexed { cell, link, near: near.flatten() })
    }
}

/// A number in which the bits of a /32 are mixed upwards; no two have the same.
#[inline]
pub(super) fn hash(tag: u32) -> u32 {
    tag.wrapping_mul(HASH)
}

/// The /32 with this hash.
pub(super) fn unhash(hash: u32) -> u32 {
    hash.wrapping_mul(UNHASH)
}

/// `HASH * UNHASH` is 1 mod 2^32.
const UNHASH: u32 = 0x0e8b_2f51;
const _: () = assert!(HASH.wrapping_mul(UNHASH) == 1);

/// An address's first 32 bits.
#[inline]
pub(super) fn tag(key: u128) -> u32 {
    (key >> 96) as u32
}

/// Its next 32 bits.
#[inline]
pub(super) fn window(key: u128) -> u32 {
    (key >> 64) as u32
}
