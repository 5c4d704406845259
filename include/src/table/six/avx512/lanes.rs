//! Sixteen 32-bit lanes of a vector: constants, and rows of words from and to memory.

use std::arch::x86_64::*;

/// 0 to 15.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,bmi1,bmi2,popcnt")]
pub(super) fn numbers() -> __m512i {
    _mm512_set_epi32(15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0)
}

#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,bmi1,bmi2,popcnt")]
pub(super) fn set(value: u32) -> __m512i {
    _mm512_set1_epi32(value as i32)
}

/// Sixteen words from `at` on.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,bmi1,bmi2,popcnt")]
pub(super) fn load<const ROOM: usize>(words: &[u32; ROOM], at: usize) -> __m512i {
    // SAFETY: from there on there are sixteen.
    unsafe { _mm512_loadu_si512(words.as_ptr().add(at.min(ROOM - 16)).cast()) }
}

/// The same, to be written.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,bmi1,bmi2,popcnt")]
pub(super) fn store<const ROOM: usize>(words: &mut [u32; ROOM], at: usize, vector: __m512i) {
    // SAFETY: from there on there are sixteen.
    unsafe { _mm512_storeu_si512(words.as_mut_ptr().add(at.min(ROOM - 16)).cast(), vector) };
}
