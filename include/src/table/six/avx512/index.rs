//! The first stage of a burst: the index. Which lines, by sixteen; what stands in them, one address after the other.
//!
//! Where most cells have prefixes, a line is loaded as a whole and compared with one address at once, and nothing waits for
//! another's line: what has come is worked on while others are under way; gathered cells would be there only when the last
//! of eight has come. Where few have, cells are gathered: that takes fewer instructions.

use std::arch::x86_64::*;

use super::super::index::{DISPLACEMENT_BITS, FACTOR_SHIFT, HASH, MIX, MOST_CUT, PIECE_SHIFT};
use super::super::layout::VALUE;
use super::super::line::{BEHIND, CELLS, FIRST_CELL, OWNER_SHIFT, PREFIXES, VALUE_SHIFT, WINDOW_SHIFT, WITH_PREFIXES};
use super::super::words::Words;
use super::Sixteen;
use super::lanes::{load, set, store};
use crate::table::LINE_WORDS;

/// In place of a link: the index has nothing for the address.
pub(super) const UNKNOWN: u32 = u32::MAX;

/// Gives each its link: what the index has, or [`UNKNOWN`].
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,bmi1,bmi2,popcnt")]
pub(super) fn index<const KEYS: usize, const N: usize>(trie: &Words<'_>, all: &mut [Sixteen; N]) {
    if trie.prefixed { one_by_one::<KEYS, N>(trie, all) } else { gathered::<KEYS, N>(trie, all) }
}

/// Where most cells have prefixes.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,bmi1,bmi2,popcnt")]
fn one_by_one<const KEYS: usize, const N: usize>(trie: &Words<'_>, all: &mut [Sixteen; N]) {
    let base = trie.all.as_ptr().wrapping_add(trie.index.first_line()).cast::<u8>();
    let mut places = Places::<KEYS>::new();
    for (n, one) in all.iter().enumerate() {
        places.set(16 * n, place(trie, one, buckets(trie, one.tags)), one);
        for line in places.lines.iter().skip(16 * n).take(16) {
            _mm_prefetch::<_MM_HINT_T0>(base.wrapping_add(*line as usize).cast());
        }
    }
    let mut links = [0; KEYS];
    for (n, link) in links.iter_mut().enumerate() {
        *link = places.link(base, n);
    }
    for (n, one) in all.iter_mut().enumerate() {
        one.link = load(&links, 16 * n);
    }
}

/// Where few have: cells alone say nearly everything.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,bmi1,bmi2,popcnt")]
fn gathered<const KEYS: usize, const N: usize>(trie: &Words<'_>, all: &mut [Sixteen; N]) {
    let base = trie.all.as_ptr().wrapping_add(trie.index.first_line());
    for one in all.iter_mut() {
        one.link = buckets(trie, one.tags);
    }
    let mut further = 0;
    for (n, one) in all.iter_mut().enumerate() {
        let [line, cell] = place(trie, one, one.link);
        // SAFETY: the index has the line, and the cell lies in it.
        let [link, tag] = unsafe { Words::pairs::<1>(u16::MAX, base, cell_at(line, cell)) };
        let known = _mm512_cmpeq_epi32_mask(tag, one.tags) & _mm512_test_epi32_mask(link, link);
        one.link = _mm512_mask_mov_epi32(set(UNKNOWN), known, link);
        let kind = _mm512_and_si512(link, set(!VALUE));
        further |= u64::from(_mm512_mask_cmpeq_epi32_mask(known, kind, set(WITH_PREFIXES))) << (16 * n);
    }
    if further != 0 {
        prefixed::<KEYS, N>(trie, all, further);
    }
}

/// Gives those in these lanes the values of their prefixes.
#[cold]
#[inline(never)]
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,bmi1,bmi2,popcnt")]
fn prefixed<const KEYS: usize, const N: usize>(trie: &Words<'_>, all: &mut [Sixteen; N], lanes: u64) {
    let base = trie.all.as_ptr().wrapping_add(trie.index.first_line()).cast::<u8>();
    let (mut places, mut links) = (Places::<KEYS>::new(), [0; KEYS]);
    for (n, one) in all.iter().enumerate() {
        places.set(16 * n, place(trie, one, buckets(trie, one.tags)), one);
        store(&mut links, 16 * n, one.link);
    }
    for (n, link) in links.iter_mut().enumerate() {
        if lanes >> n.min(63) & 1 != 0 {
            *link = places.link(base, n);
        }
    }
    for (n, one) in all.iter_mut().enumerate() {
        one.link = load(&links, 16 * n);
    }
}

/// What the buckets of these /32 say.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,bmi1,bmi2,popcnt")]
fn buckets(trie: &Words<'_>, tags: __m512i) -> __m512i {
    let bucket = _mm512_srl_epi32(hash(tags), _mm_cvtsi32_si128(32 - trie.index.bits as i32));
    let base = trie.all.as_ptr().wrapping_add(trie.index.word).cast();
    // SAFETY: there is a bucket of two bytes for each number of so many bits, and behind the last one a line: asked
    // when `trie` was made.
    unsafe { _mm512_i32gather_epi32::<2>(bucket, base) }
}

#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,bmi1,bmi2,popcnt")]
fn hash(tags: __m512i) -> __m512i {
    _mm512_mullo_epi32(tags, set(HASH))
}

/// The lines of sixteen addresses, counted from the first, and the cells in them: [`Index::cell`](super::super::index::Index::cell)
/// in the piece that their bucket says.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,bmi1,bmi2,popcnt")]
fn place(trie: &Words<'_>, one: &Sixteen, word: __m512i) -> [__m512i; 2] {
    let hash = hash(one.tags);
    let displacement = _mm512_and_si512(_mm512_slli_epi32::<FACTOR_SHIFT>(word), set(FACTOR));
    let cut = _mm512_and_si512(_mm512_srli_epi32::<DISPLACEMENT_BITS>(word), set(MOST_CUT));
    let piece = _mm512_srlv_epi32(one.window, _mm512_sub_epi32(set(32), cut));
    let mixed = _mm512_xor_si512(hash, _mm512_srli_epi32::<MIX>(hash));
    let mixed = _mm512_add_epi32(mixed, _mm512_slli_epi32::<PIECE_SHIFT>(piece));
    let factor = _mm512_or_si512(displacement, set(1));
    let [low, line] = wide_product(_mm512_mullo_epi32(mixed, factor), trie.index.lines);
    // Of the upper half of a lane the upper half of the product.
    let cell = _mm512_mulhi_epu16(low, set((CELLS as u32) << 16));
    [line, _mm512_srli_epi32::<16>(cell)]
}

/// The bytes from the first line on at which cells start.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,bmi1,bmi2,popcnt")]
fn cell_at(line: __m512i, cell: __m512i) -> __m512i {
    let first = _mm512_add_epi32(_mm512_slli_epi32::<LINE_SHIFT>(line), set(4 * FIRST_CELL as u32));
    _mm512_add_epi32(first, _mm512_slli_epi32::<3>(cell))
}

/// Where addresses stand in the index.
#[repr(align(64))]
struct Places<const KEYS: usize> {
    /// Their lines, and the cells in them: bytes from the first line on.
    lines: [u32; KEYS],
    cells: [u32; KEYS],
    /// Their /32.
    tags: [u32; KEYS],
    /// What a prefix that holds the address agrees with.
    asked: [u64; KEYS],
}

impl<const KEYS: usize> Places<KEYS> {
    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,bmi1,bmi2,popcnt")]
    fn new() -> Places<KEYS> {
        Places { lines: [0; KEYS], cells: [0; KEYS], tags: [0; KEYS], asked: [0; KEYS] }
    }

    /// Sixteen addresses from the `at`-th on, at these lines and cells.
    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,bmi1,bmi2,popcnt")]
    fn set(&mut self, at: usize, [line, cell]: [__m512i; 2], one: &Sixteen) {
        store(&mut self.lines, at, _mm512_slli_epi32::<LINE_SHIFT>(line));
        store(&mut self.cells, at, cell_at(line, cell));
        store(&mut self.tags, at, one.tags);
        let (owner, window) = (_mm512_add_epi32(cell, set(1)), one.window);
        let other = [_mm512_shuffle_i64x2::<0xee>(owner, owner), _mm512_shuffle_i64x2::<0xee>(window, window)];
        for (n, [owner, window]) in [[owner, window], other].into_iter().enumerate() {
            let owner = _mm512_cvtepu32_epi64(_mm512_castsi512_si256(owner));
            let window = _mm512_cvtepu32_epi64(_mm512_castsi512_si256(window));
            let asked =
                _mm512_or_si512(_mm512_slli_epi64::<OWNER_SHIFT>(owner), _mm512_slli_epi64::<WINDOW_SHIFT>(window));
            // SAFETY: from there on there are eight.
            unsafe { _mm512_storeu_si512(self.asked.as_mut_ptr().add((at + 8 * n).min(KEYS - 8)).cast(), asked) };
        }
    }

    /// The link of the `n`-th: the value of the longest prefix that holds it, else what its cell says.
    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,bmi1,bmi2,popcnt")]
    fn link(&self, base: *const u8, n: usize) -> u32 {
        let of = |words: &[u32; KEYS]| words.get(n).copied().unwrap_or(0);
        let asked = self.asked.get(n).copied().unwrap_or(0);
        let line = base.wrapping_add(of(&self.lines) as usize);
        // SAFETY: the index has the line, and the cell lies in it.
        let (eight, cell) = unsafe {
            let cell = base.wrapping_add(of(&self.cells) as usize).cast::<u64>().read_unaligned();
            (_mm512_loadu_si512(line.cast()), cell)
        };
        let behind = _mm512_and_si512(eight, _mm512_set1_epi64(BEHIND as i64));
        let differs = _mm512_srlv_epi64(_mm512_xor_si512(eight, _mm512_set1_epi64(asked as i64)), behind);
        let holds = u32::from(_mm512_mask_testn_epi64_mask((1 << PREFIXES) - 1, differs, differs));
        let first = holds.trailing_zeros() as usize & 7;
        // SAFETY: one of the eight longs of that line.
        let near = unsafe { line.cast::<u64>().wrapping_add(first).read_unaligned() };
        let link = if holds == 0 { cell as u32 } else { (near >> VALUE_SHIFT) as u32 & VALUE };
        if (cell >> 32) as u32 == of(&self.tags) && cell as u32 != 0 { link } else { UNKNOWN }
    }
}

/// A displacement where it stands in a factor.
const FACTOR: u32 = ((1 << DISPLACEMENT_BITS) - 1) << FACTOR_SHIFT;

/// Bits of the number of a byte in a line.
const LINE_SHIFT: u32 = (4 * LINE_WORDS).ilog2();

/// What each lane is times `by`: the lower 32 bits, the upper ones.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,bmi1,bmi2,popcnt")]
fn wide_product(lanes: __m512i, by: u32) -> [__m512i; 2] {
    let even = _mm512_mul_epu32(lanes, set(by));
    let odd = _mm512_mul_epu32(_mm512_srli_epi64::<32>(lanes), set(by));
    let low = _mm512_mask_mov_epi32(even, 0xaaaa, _mm512_slli_epi64::<32>(odd));
    [low, _mm512_mask_mov_epi32(_mm512_srli_epi64::<32>(even), 0xaaaa, odd)]
}
