//! The verdict on plain segments to port 25, eight at once: [`Brief::of`] by lanes.
//!
//! Lanes stand for places in the burst; what a look-up found stands in the order of the frames and is spread over them.
//! `unsafe` is the loads and stores of whole chunks and the gather of the heads, whose indices are held to their number.
#![allow(unsafe_code)]

use std::arch::x86_64::*;

use gate25_include::counters::Reason;
use gate25_include::image::PoolHead;
use gate25_include::image::format::{SOURCE_LENGTH_SHIFT, SOURCE_POOL_MASK};

use crate::brief::{AT, Brief, HEAD, LINE, POOL, V6};
use crate::candidates::{Found, Judged};
use crate::frames::BURST;

/// See [`Wide::judge`](super::Wide::judge).
#[target_feature(enable = "avx512f,popcnt")]
pub(super) fn judge(
    heads: &[PoolHead],
    network_at: &[u8; BURST],
    four: &Found,
    six: &Found,
    briefs: &mut [Brief; BURST],
) -> Judged {
    let mut judged = Judged::default();
    let (mut fours, mut sixes) = (0, 0);
    for (index, briefs) in briefs.as_chunks_mut::<16>().0.iter_mut().enumerate() {
        let shift = 16 * index as u32;
        let of = |mask: u64| (mask >> shift) as __mmask16;
        let (mask4, mask6) = (of(four.mask), of(six.mask));
        if mask4 | mask6 == 0 {
            continue;
        }
        let values = spread(_mm512_setzero_si512(), mask4, &four.values, fours);
        let values = spread(values, mask6, &six.values, sixes);
        fours += mask4.count_ones() as usize;
        sixes += mask6.count_ones() as usize;
        // SAFETY: 16 bytes of the 64, of which `index` counts the sixteens.
        let at = unsafe { _mm_loadu_si128(network_at.as_ptr().add(shift as usize).cast()) };
        let first = of(four.first | six.first);
        let ([low, high], _) = briefs.as_chunks_mut::<8>() else { continue };
        let low8 = Eight {
            values: _mm512_cvtepu32_epi64(_mm512_castsi512_si256(values)),
            at: _mm512_cvtepu8_epi64(at),
            six: mask6 as __mmask8,
            there: (mask4 | mask6) as __mmask8,
            first: first as __mmask8,
        };
        let high8 = Eight {
            values: _mm512_cvtepu32_epi64(_mm512_extracti64x4_epi64::<1>(values)),
            at: _mm512_cvtepu8_epi64(_mm_unpackhi_epi64(at, at)),
            six: (mask6 >> 8) as __mmask8,
            there: ((mask4 | mask6) >> 8) as __mmask8,
            first: (first >> 8) as __mmask8,
        };
        judged.add(low8.judge(heads, low), shift);
        judged.add(high8.judge(heads, high), shift + 8);
    }
    judged
}

impl Judged {
    /// Adds what became of eight places from `shift` on.
    #[inline]
    fn add(&mut self, (asked, blocked): (__mmask8, __mmask8), shift: u32) {
        self.asked |= u64::from(asked) << shift;
        self.blocked |= u64::from(blocked) << shift;
    }
}

/// Eight places in a burst.
struct Eight {
    /// What was found of their sources.
    values: __m512i,
    /// Where their IP headers are.
    at: __m512i,
    /// Those over IPv6.
    six: __mmask8,
    /// Those at which there is a plain segment to port 25.
    there: __mmask8,
    /// Those that are SYNs without ACK.
    first: __mmask8,
}

impl Eight {
    /// Writes the verdicts. Returns those about which more has to be asked, and those that are `blocked`.
    #[inline]
    #[target_feature(enable = "avx512f,popcnt")]
    fn judge(self, heads: &[PoolHead], briefs: &mut [Brief; 8]) -> (__mmask8, __mmask8) {
        let pool = _mm512_sub_epi64(and(self.values, SOURCE_POOL_MASK.into()), all(1));
        // Nothing found is 0, less 1 the highest number of all.
        let known = _mm512_mask_cmplt_epu64_mask(self.there, pool, all(heads.len() as i64));
        // SAFETY: only lanes in `known` are read, and their number is below that of the heads, which are 64 bits each.
        let head = unsafe { _mm512_mask_i64gather_epi64::<8>(all(0), known, pool, heads.as_ptr().cast()) };
        let named = known & (self.first | has(head, PoolHead::ALL));

        let found = and(_mm512_srli_epi64::<SOURCE_LENGTH_SHIFT>(self.values), 0xff);
        let bits = _mm512_max_epu64(and(_mm512_srli_epi64::<{ PoolHead::LINE }>(head), 0xff), found);
        let bits = _mm512_mask_min_epu64(all(32), self.six, bits, all(128));
        let verdict = or(and(head, HEAD as i64), _mm512_slli_epi64::<LINE>(bits));
        let verdict = or(verdict, _mm512_slli_epi64::<POOL>(pool));
        let other = _mm512_mask_blend_epi64(self.first, reason(Reason::NotSyn), reason(Reason::UnknownSource));
        let verdict = _mm512_mask_blend_epi64(named, other, verdict);
        let at = _mm512_mask_or_epi64(self.at, self.six, self.at, all(V6.into()));
        let verdict = or(verdict, _mm512_slli_epi64::<AT>(at));
        // SAFETY: eight verdicts of 64 bits, and only those of places that have one.
        unsafe { _mm512_mask_storeu_epi64(briefs.as_mut_ptr().cast(), self.there, verdict) };
        let asked = named & has(head, PoolHead::ASKED);
        (asked, named & !asked & has(head, PoolHead::DROPS))
    }
}

/// `lanes` with the values from `from` on in those of `mask`, one after the other.
#[inline]
#[target_feature(enable = "avx512f,popcnt")]
fn spread<T>(lanes: __m512i, mask: __mmask16, values: &[T; BURST], from: usize) -> __m512i {
    const { assert!(size_of::<T>() == 4) };
    let from = from.min(BURST - mask.count_ones() as usize);
    // SAFETY: as many values are read as `mask` has bits; so many are left from `from` on.
    unsafe { _mm512_mask_expandloadu_epi32(lanes, mask, values.as_ptr().add(from).cast()) }
}

/// The lanes that have this bit.
#[inline]
#[target_feature(enable = "avx512f,popcnt")]
fn has(lanes: __m512i, bit: u64) -> __mmask8 {
    _mm512_test_epi64_mask(lanes, all(bit as i64))
}

/// The bits of a reason in a verdict.
#[inline]
#[target_feature(enable = "avx512f,popcnt")]
fn reason(reason: Reason) -> __m512i {
    all((reason.word() as i64) << PoolHead::REASON)
}

#[inline]
#[target_feature(enable = "avx512f,popcnt")]
fn or(some: __m512i, more: __m512i) -> __m512i {
    _mm512_or_si512(some, more)
}

#[inline]
#[target_feature(enable = "avx512f")]
fn all(value: i64) -> __m512i {
    _mm512_set1_epi64(value)
}

#[inline]
#[target_feature(enable = "avx512f")]
fn and(lanes: __m512i, mask: i64) -> __m512i {
    _mm512_and_si512(lanes, all(mask))
}
