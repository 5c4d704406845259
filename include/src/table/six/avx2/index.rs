//! The index for eight addresses: their places by lanes, then their lines, one after the other.

use std::arch::x86_64::*;

use super::super::index::{DISPLACEMENT_BITS, FACTOR_SHIFT, HASH, MIX, MOST_CUT, PIECE_SHIFT};
use super::super::layout::VALUE;
use super::super::line::{self, CELLS, Near, OWNER_SHIFT, PREFIXES, WINDOW_SHIFT, WITH_PREFIXES};
use super::super::words::Words;
use super::{set, store};
use crate::table::LINE_WORDS;

/// In place of a link: the index has nothing for the address.
pub(super) const UNKNOWN: u32 = u32::MAX;

/// Where addresses stand in the index.
pub(super) struct Places<const KEYS: usize> {
    /// Their lines, counted from the first, and the cells in them.
    lines: [u32; KEYS],
    cells: [u32; KEYS],
    tags: [u32; KEYS],
    windows: [u32; KEYS],
}

impl<const KEYS: usize> Places<KEYS> {
    #[inline]
    #[target_feature(enable = "avx2,bmi1")]
    pub(super) fn new() -> Places<KEYS> {
        Places { lines: [0; KEYS], cells: [0; KEYS], tags: [0; KEYS], windows: [0; KEYS] }
    }

    /// Eight addresses, whose lines are asked for: [`Index::cell`](super::super::index::Index::cell) in the piece that their bucket
    /// says.
    #[inline]
    #[target_feature(enable = "avx2,bmi1")]
    pub(super) fn set(&mut self, trie: &Words<'_>, at: usize, tags: __m256i, window: __m256i) {
        let hash = _mm256_mullo_epi32(tags, set(HASH));
        let bucket = _mm256_srl_epi32(hash, _mm_cvtsi32_si128(32 - trie.index.bits as i32));
        let base = trie.all.as_ptr().wrapping_add(trie.index.word).cast();
        // SAFETY: there is a bucket of two bytes for each number of so many bits, and behind the last one a line: asked
        // when `trie` was made.
        let word = unsafe { _mm256_i32gather_epi32::<2>(base, bucket) };
        let displacement = _mm256_and_si256(word, set((1 << DISPLACEMENT_BITS) - 1));
        let factor = _mm256_or_si256(_mm256_slli_epi32::<{ FACTOR_SHIFT as i32 }>(displacement), set(1));
        let cut = _mm256_and_si256(_mm256_srli_epi32::<{ DISPLACEMENT_BITS as i32 }>(word), set(MOST_CUT));
        let piece = _mm256_srlv_epi32(window, _mm256_sub_epi32(set(32), cut));
        let mixed = _mm256_xor_si256(hash, _mm256_srli_epi32::<{ MIX as i32 }>(hash));
        let mixed = _mm256_add_epi32(mixed, _mm256_slli_epi32::<{ PIECE_SHIFT as i32 }>(piece));
        let [low, line] = wide_product(_mm256_mullo_epi32(mixed, factor), trie.index.lines);
        // Of the upper half of a lane the upper half of the product.
        let cell = _mm256_srli_epi32::<16>(_mm256_mulhi_epu16(low, set((CELLS as u32) << 16)));
        store(&mut self.lines, at, line);
        store(&mut self.cells, at, cell);
        store(&mut self.tags, at, tags);
        store(&mut self.windows, at, window);
        let first = trie.all.as_ptr().wrapping_add(trie.index.first_line());
        for line in self.lines.iter().skip(at).take(8) {
            _mm_prefetch::<_MM_HINT_T0>(first.wrapping_add(*line as usize * LINE_WORDS).cast());
        }
    }

    /// The link of the `n`-th: the value of the longest prefix that holds it, else what its cell says.
    #[inline]
    #[target_feature(enable = "avx2,bmi1")]
    pub(super) fn link(&self, trie: &Words<'_>, n: usize) -> u32 {
        let of = |words: &[u32; KEYS]| words.get(n).copied().unwrap_or(0);
        let at = trie.index.first_line() + of(&self.lines) as usize * LINE_WORDS;
        let Some(line) = trie.all.get(at..).and_then(|words| words.first_chunk::<LINE_WORDS>()) else { return UNKNOWN };
        let cell = of(&self.cells) as usize;
        let [link, tag] = line::cell(line, cell);
        if link == 0 || tag != of(&self.tags) {
            return UNKNOWN;
        }
        if link & !VALUE != WITH_PREFIXES {
            return link;
        }
        let asked = (cell as u64 + 1) << OWNER_SHIFT | u64::from(of(&self.windows)) << WINDOW_SHIFT;
        let asked = _mm256_set1_epi64x(asked.cast_signed());
        let mut holds = 0;
        for (n, four) in line.as_chunks::<8>().0.iter().enumerate() {
            // SAFETY: eight words.
            let four = unsafe { _mm256_loadu_si256(four.as_ptr().cast()) };
            let behind = _mm256_and_si256(four, _mm256_set1_epi64x(line::BEHIND as i64));
            let differs = _mm256_srlv_epi64(_mm256_xor_si256(four, asked), behind);
            let same = _mm256_castsi256_pd(_mm256_cmpeq_epi64(differs, set(0)));
            holds |= _mm256_movemask_pd(same) << (4 * n);
        }
        let first = (holds.cast_unsigned() & ((1 << PREFIXES) - 1)).trailing_zeros() as usize;
        line.as_chunks().0.get(first).map_or(link, |near| Near::read(near).value())
    }
}

/// What each lane is times `by`: the lower 32 bits, the upper ones.
#[inline]
#[target_feature(enable = "avx2,bmi1")]
fn wide_product(lanes: __m256i, by: u32) -> [__m256i; 2] {
    let even = _mm256_mul_epu32(lanes, set(by));
    let odd = _mm256_mul_epu32(_mm256_srli_epi64::<32>(lanes), set(by));
    let low = _mm256_blend_epi32::<0xaa>(even, _mm256_slli_epi64::<32>(odd));
    [low, _mm256_blend_epi32::<0xaa>(_mm256_srli_epi64::<32>(even), odd)]
}
