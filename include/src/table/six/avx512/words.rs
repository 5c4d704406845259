//! The trie's words for vectors: entries of the index, slots, and where leaves stand, for sixteen addresses at once.
//! Every index is held to the words' length before it is used.

use std::arch::x86_64::*;

use super::super::filter::{FACTORS, NUMBERS, UNLOOKED};
use super::super::layout::{CONTENT_SHIFT, LEAF, LEAF_LINE, LINK_WORD, PART_MASKS, PART_SHIFT, STRIDE_SHIFT};
use super::super::words::Words;
use super::lanes::set;

impl Words<'_> {
    /// The pairs of words at these indexes, which count `SCALE` bytes from `base` on: all first words, all second ones;
    /// 0 for lanes outside of `who`.
    ///
    /// # Safety
    /// There are eight bytes at each.
    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,bmi1,bmi2,popcnt")]
    pub(super) unsafe fn pairs<const SCALE: i32>(who: u16, base: *const u32, at: __m512i) -> [__m512i; 2] {
        let (low, high) = (_mm512_castsi512_si256(at), _mm512_extracti64x4_epi64::<1>(at));
        // SAFETY: as the caller says.
        let (low, high) = unsafe {
            let (none, base) = (_mm512_setzero_si512(), base.cast());
            let low = _mm512_mask_i32gather_epi64::<SCALE>(none, who as u8, low, base);
            (low, _mm512_mask_i32gather_epi64::<SCALE>(none, (who >> 8) as u8, high, base))
        };
        let even = _mm512_set_epi32(30, 28, 26, 24, 22, 20, 18, 16, 14, 12, 10, 8, 6, 4, 2, 0);
        let odd = _mm512_or_si512(even, set(1));
        [_mm512_permutex2var_epi32(low, even, high), _mm512_permutex2var_epi32(low, odd, high)]
    }

    /// Goes from tables to the slots of these windows; `who` says which lanes.
    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,bmi1,bmi2,popcnt")]
    pub(super) fn step(&self, who: u16, link: __m512i, window: __m512i) -> Step {
        let stride = _mm512_srli_epi32::<STRIDE_SHIFT>(link);
        let slot = _mm512_srlv_epi32(window, _mm512_sub_epi32(set(32), stride));
        let twice = _mm512_add_epi32(_mm512_and_si512(link, set(LINK_WORD)), slot);
        let at = _mm512_add_epi32(_mm512_slli_epi32::<1>(twice), slot);
        let at = _mm512_min_epu32(at, set(self.last[0]));
        // SAFETY: a slot has three words, and none of these is behind the last place for one.
        let [first, second] = unsafe { Words::pairs::<4>(who, self.all.as_ptr(), at) };
        let window = _mm512_sllv_epi32(window, stride);
        let inner = _mm512_movepi32_mask(second) & who;
        let own = who & !inner;
        let kind = _mm512_srli_epi32::<28>(second);
        let looked = _mm512_srlv_epi32(window, _mm512_permutexvar_epi32(kind, by_kind(UNLOOKED)));
        let product = _mm512_mullo_epi32(looked, _mm512_permutexvar_epi32(kind, by_kind(FACTORS)));
        let a = _mm512_rorv_epi32(first, _mm512_srli_epi32::<{ NUMBERS[0] }>(product));
        let b = _mm512_rorv_epi32(first, _mm512_srli_epi32::<{ NUMBERS[1] }>(product));
        let c = _mm512_rorv_epi32(first, _mm512_srli_epi32::<{ NUMBERS[2] }>(product));
        let all = _mm512_ternarylogic_epi32::<0x80>(a, b, c);
        let past = _mm512_mask_test_epi32_mask(own, all, set(1));
        let behind = _mm512_add_epi32(at, set(2));
        Step { inner, own, past, first, result: _mm512_slli_epi32::<CONTENT_SHIFT>(second), behind, window }
    }

    /// Where the leaves are of which these are the links, or the words at which the links stand: bytes from the table's
    /// start, and their lanes. Those of 0 have no lanes.
    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,bmi1,bmi2,popcnt")]
    pub(super) fn leaves(&self, wanted: __m512i) -> [__m512i; 2] {
        let some = _mm512_test_epi32_mask(wanted, wanted);
        let apart = _mm512_mask_cmplt_epu32_mask(some, wanted, set(LEAF << STRIDE_SHIFT));
        let base = self.all.as_ptr().cast();
        // SAFETY: where a link stands comes from a slot.
        let link = unsafe { _mm512_mask_i32gather_epi32::<4>(wanted, apart, wanted, base) };
        let line = _mm512_min_epu32(_mm512_and_si512(link, set(LEAF_LINE)), set(self.last[1]));
        let lanes = _mm512_permutexvar_epi32(_mm512_srli_epi32::<PART_SHIFT>(link), part_lanes());
        [_mm512_slli_epi32::<6>(line), _mm512_maskz_mov_epi32(some, lanes)]
    }
}

/// What slots say of sixteen addresses.
pub(super) struct Step {
    /// Those that a table follows, those for which the slot is the last.
    pub(super) inner: u16,
    pub(super) own: u16,
    /// Of the latter those that get past the filter.
    pub(super) past: u16,
    /// The records' first words: links, of those that a table follows.
    pub(super) first: __m512i,
    /// The slots' values, as in an entry.
    pub(super) result: __m512i,
    /// The words at which the links to leaves stand.
    pub(super) behind: __m512i,
    /// The next 32 bits of the addresses.
    pub(super) window: __m512i,
}

/// A vector that has these for every number of which they are the last two bits.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,bmi1,bmi2,popcnt")]
fn by_kind([a, b, c, d]: [u32; 4]) -> __m512i {
    _mm512_set4_epi32(d as i32, c as i32, b as i32, a as i32)
}

/// A vector that has the lanes of each part for every number of which it is the last three bits.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,bmi1,bmi2,popcnt")]
fn part_lanes() -> __m512i {
    let eight = _mm512_cvtepu8_epi32(_mm_cvtsi64_si128(PART_MASKS as i64));
    _mm512_shuffle_i64x2::<0x44>(eight, eight)
}
