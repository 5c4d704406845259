//! A burst with AVX2: up to 32 keys go through the trie together, stage by stage, 8 in a vector.
//!
//! What is common goes this way: a value in the root, a run of /24s, a dense /24. Keys of sparse nodes and exceptional
//! addresses are looked up one by one behind them. No gather leaves the table, whatever its words say: every index is
//! clamped.
#![allow(unsafe_code)]

use std::arch::x86_64::*;

use super::*;

/// Whether the CPU has the instructions.
#[inline]
pub(super) fn runs_here() -> bool {
    is_x86_feature_detected!("avx2") && is_x86_feature_detected!("popcnt")
}

/// [`find_low()`] for each key; of slices of different lengths the shorter one counts.
///
/// # Safety
/// [`runs_here`] is true, and `table` has [`FIXED`] to [`MOST_WORDS`](super::burst::MOST_WORDS) words.
#[target_feature(enable = "avx2,popcnt")]
pub(super) unsafe fn find_burst(table: &[u32], keys: &[u32], found: &mut [u32]) {
    let count = keys.len().min(found.len());
    let trie = Words::new(table);
    let (keys, found) = (keys.get(..count).unwrap_or_default(), found.get_mut(..count).unwrap_or_default());
    let (keys, found) = chunks::<32, 4>(&trie, keys, found);
    let (rest, last) = chunks::<8, 1>(&trie, keys, found);
    rest.iter().zip(last).for_each(|(key, found)| *found = find_low(table, *key));
}

/// Looks up whole chunks of `KEYS` keys; gives the keys behind them, and their places.
#[inline]
#[target_feature(enable = "avx2,popcnt")]
fn chunks<'k, 'f, const KEYS: usize, const N: usize>(
    trie: &Words<'_>,
    keys: &'k [u32],
    found: &'f mut [u32],
) -> (&'k [u32], &'f mut [u32]) {
    let (whole, rest) = keys.as_chunks::<KEYS>();
    let (places, last) = found.as_chunks_mut::<KEYS>();
    for (keys, found) in whole.iter().zip(places) {
        chunk::<KEYS, N>(trie, keys, found);
    }
    (rest, last)
}

/// 8 keys and what is known of each. Lanes of a mask are all ones or all zeros.
#[derive(Clone, Copy)]
struct Eight {
    key: __m256i,
    /// Entry of the root, both words.
    entry: __m256i,
    parts: __m256i,
    /// The value, where it has been found.
    value: __m256i,
    /// First word of the part of a runs node, and its bitmap, of the first four keys and of the others.
    part: __m256i,
    part_bits: [__m256i; 2],
    /// The word of a dense /24's bitmap that the key stands in.
    bits: __m256i,
    /// Lanes whose node is runs, is dense; a bit for each that is looked up alone.
    runs: __m256i,
    dense: __m256i,
    apart: u32,
}

/// `KEYS` keys, `N` times 8.
#[inline]
#[target_feature(enable = "avx2,popcnt")]
fn chunk<const KEYS: usize, const N: usize>(trie: &Words<'_>, keys: &[u32; KEYS], found: &mut [u32; KEYS]) {
    let mut all = enter::<KEYS, N>(trie, keys);
    let (mut runs, mut dense, mut apart) = (set(0), set(0), 0);
    for one in &all {
        (runs, dense) = (_mm256_or_si256(runs, one.runs), _mm256_or_si256(dense, one.dense));
    }
    if _mm256_movemask_epi8(runs) != 0 {
        trie.runs(&mut all);
    }
    if _mm256_movemask_epi8(dense) != 0 {
        trie.dense(&mut all);
    }
    for (n, (one, found)) in all.iter().zip(found.as_chunks_mut::<8>().0).enumerate() {
        apart |= one.apart << (8 * n);
        // SAFETY: 8 words are there to be written.
        unsafe { _mm256_storeu_si256(found.as_mut_ptr().cast(), one.value) };
    }
    while apart != 0 {
        let lane = apart.trailing_zeros() as usize;
        if let (Some(key), Some(found)) = (keys.get(lane), found.get_mut(lane)) {
            *found = find_low(trie.table, *key);
        }
        apart &= apart - 1;
    }
}

/// The keys, and their entries of the root.
#[inline]
#[target_feature(enable = "avx2,popcnt")]
fn enter<const KEYS: usize, const N: usize>(trie: &Words<'_>, keys: &[u32; KEYS]) -> [Eight; N] {
    let zero = set(0);
    let none = Eight {
        key: zero,
        entry: zero,
        parts: zero,
        value: zero,
        part: zero,
        part_bits: [zero; 2],
        bits: zero,
        runs: zero,
        dense: zero,
        apart: 0,
    };
    let mut all = [none; N];
    for (one, keys) in all.iter_mut().zip(keys.as_chunks::<8>().0) {
        // SAFETY: 8 keys are there to be read.
        one.key = unsafe { _mm256_loadu_si256(keys.as_ptr().cast()) };
        let index = _mm256_add_epi32(_mm256_srli_epi32::<16>(one.key), set(ROOT as u32 / 2));
        [one.entry, one.parts] = trie.pairs(set(u32::MAX), index);
        one.value = _mm256_and_si256(one.entry, set(LOW));
    }
    for one in &mut all {
        let tag = _mm256_srli_epi32::<{ TAG_SHIFT as i32 }>(one.entry);
        one.runs = _mm256_cmpeq_epi32(tag, set(RUNS));
        one.dense = _mm256_cmpeq_epi32(tag, set(DENSE));
        let together = _mm256_or_si256(_mm256_or_si256(one.runs, one.dense), _mm256_cmpeq_epi32(tag, zero));
        one.apart = lanes(together) ^ 0xff;
    }
    all
}

/// The table, and in each lane the index of its last word, of its last whole pair of words in pairs, of the last pair
/// that begins at any word, of the last such that begins at any half of a word in halves.
struct Words<'a> {
    table: &'a [u32],
    last: __m256i,
    last_pair: __m256i,
    last_long: __m256i,
    last_half: __m256i,
}

impl<'a> Words<'a> {
    /// Of [`FIXED`] to [`MOST_WORDS`](super::burst::MOST_WORDS) words.
    #[inline]
    #[target_feature(enable = "avx2,popcnt")]
    fn new(table: &'a [u32]) -> Words<'a> {
        let words = table.len() as u32;
        let (last, last_pair) = (set(words - 1), set(words / 2 - 1));
        Words { table, last, last_pair, last_long: set(words - 2), last_half: set(words * 2 - 2) }
    }

    /// The words at these indexes in the lanes of `mask`, 0 in the others.
    #[inline]
    #[target_feature(enable = "avx2,popcnt")]
    fn words(&self, mask: __m256i, index: __m256i) -> __m256i {
        let index = _mm256_min_epu32(index, self.last);
        // SAFETY: every index is at most that of the last word, which is below 2^31.
        unsafe { _mm256_mask_i32gather_epi32::<4>(set(0), self.table.as_ptr().cast(), index, mask) }
    }

    /// The pairs of words at these indexes, which count pairs: all first words, all second words.
    #[inline]
    #[target_feature(enable = "avx2,popcnt")]
    fn pairs(&self, mask: __m256i, index: __m256i) -> [__m256i; 2] {
        let index = halves_of(_mm256_min_epu32(index, self.last_pair));
        let ([low_mask, high_mask], at) = (widened(mask), self.table.as_ptr().cast());
        // SAFETY: every index is at most that of the last whole pair.
        let (low, high) = unsafe {
            let low = _mm256_mask_i32gather_epi64::<8>(set(0), at, index[0], low_mask);
            (low, _mm256_mask_i32gather_epi64::<8>(set(0), at, index[1], high_mask))
        };
        [first_words(low, high), first_words(_mm256_srli_epi64::<32>(low), _mm256_srli_epi64::<32>(high))]
    }

    /// The two words at and behind these indexes, of the first four lanes and of the others.
    #[inline]
    #[target_feature(enable = "avx2,popcnt")]
    fn longs(&self, mask: __m256i, index: __m256i) -> [__m256i; 2] {
        let index = halves_of(_mm256_min_epu32(index, self.last_long));
        let ([low_mask, high_mask], at) = (widened(mask), self.table.as_ptr().cast());
        // SAFETY: every index is at most that of the last word but one.
        unsafe {
            let low = _mm256_mask_i32gather_epi64::<4>(set(0), at, index[0], low_mask);
            [low, _mm256_mask_i32gather_epi64::<4>(set(0), at, index[1], high_mask)]
        }
    }

    /// The halves of words with the number `index` from half `first` on. What is read begins with the half before it,
    /// so that it crosses no line that the list does not.
    #[inline]
    #[target_feature(enable = "avx2,popcnt")]
    fn halves(&self, mask: __m256i, first: __m256i, index: __m256i) -> __m256i {
        let before = _mm256_sub_epi32(_mm256_add_epi32(first, index), set(1));
        let at = _mm256_min_epu32(before, self.last_half);
        // SAFETY: every index is at most that of the last two halves, and below 2^31.
        let read = unsafe { _mm256_mask_i32gather_epi32::<2>(set(0), self.table.as_ptr().cast(), at, mask) };
        _mm256_srli_epi32::<16>(read)
    }

    /// Runs of /24s: the values.
    #[inline]
    #[target_feature(enable = "avx2,popcnt")]
    fn runs<const N: usize>(&self, all: &mut [Eight; N]) {
        for one in all.iter_mut() {
            let number = _mm256_and_si256(_mm256_srli_epi32::<11>(one.key), set(0x18));
            let place = _mm256_and_si256(_mm256_srlv_epi32(one.parts, number), set(0xff));
            one.part = _mm256_add_epi32(node_word(one.entry), place);
            one.part_bits = self.longs(one.runs, one.part);
        }
        for one in all.iter_mut() {
            let behind = _mm256_andnot_si256(_mm256_srli_epi32::<8>(one.key), set(63));
            let lows = _mm256_slli_epi32::<1>(_mm256_add_epi32(one.part, set(PART_HEAD as u32)));
            let values = self.halves(one.runs, lows, part_runs(one.part_bits, behind));
            one.value = _mm256_blendv_epi8(one.value, values, one.runs);
        }
    }

    /// Dense /16s: the usual values of the keys' /24s; exceptional addresses are set apart.
    #[inline]
    #[target_feature(enable = "avx2,popcnt")]
    fn dense<const N: usize>(&self, all: &mut [Eight; N]) {
        for one in all.iter_mut() {
            let (node, position) = (node_word(one.entry), _mm256_and_si256(_mm256_srli_epi32::<8>(one.key), set(0xff)));
            let record = self.words(one.dense, _mm256_add_epi32(node, position));
            one.value = _mm256_blendv_epi8(one.value, _mm256_and_si256(record, set(LOW)), one.dense);
            // Numbers of 8 bits, so that one multiplication of 16 bits does.
            let number = _mm256_srli_epi32::<{ LEAF_SHIFT as i32 }>(record);
            let leaf = _mm256_add_epi32(_mm256_madd_epi16(number, set(LEAF_WORDS as u32)), node);
            let word = _mm256_and_si256(_mm256_srli_epi32::<5>(one.key), set(7));
            let bitmap = _mm256_add_epi32(leaf, set((RECORDS + LEAF_BITMAP) as u32));
            one.bits = self.words(one.dense, _mm256_add_epi32(bitmap, word));
        }
        for one in all.iter_mut() {
            let bit = _mm256_sllv_epi32(set(1), _mm256_and_si256(one.key, set(31)));
            one.apart |= lanes(_mm256_cmpeq_epi32(_mm256_and_si256(one.bits, bit), bit));
        }
    }
}

/// The number of the run of each key, of which `behind` /24s of the part stand behind it.
#[inline]
#[target_feature(enable = "avx2,popcnt")]
fn part_runs(bits: [__m256i; 2], behind: __m256i) -> __m256i {
    let ([low, high], [low_behind, high_behind]) = (bits, halves_of(behind));
    let low = ones_of(_mm256_sllv_epi64(low, _mm256_cvtepu32_epi64(low_behind)));
    first_words(low, ones_of(_mm256_sllv_epi64(high, _mm256_cvtepu32_epi64(high_behind))))
}

/// How many bits of each 64-bit lane are set.
#[inline]
#[target_feature(enable = "avx2,popcnt")]
fn ones_of(lanes: __m256i) -> __m256i {
    // Bits set in 0 to 15.
    let counts = _mm256_broadcastsi128_si256(_mm_setr_epi8(0, 1, 1, 2, 1, 2, 2, 3, 1, 2, 2, 3, 2, 3, 3, 4));
    let (low, four) = (_mm256_set1_epi8(15), _mm256_srli_epi16::<4>(lanes));
    let low_ones = _mm256_shuffle_epi8(counts, _mm256_and_si256(lanes, low));
    let high_ones = _mm256_shuffle_epi8(counts, _mm256_and_si256(four, low));
    _mm256_sad_epu8(_mm256_add_epi8(low_ones, high_ones), set(0))
}

/// A bit for each lane of a mask.
#[inline]
#[target_feature(enable = "avx2,popcnt")]
fn lanes(mask: __m256i) -> u32 {
    _mm256_movemask_ps(_mm256_castsi256_ps(mask)).cast_unsigned()
}

/// The first four lanes and the others.
#[inline]
#[target_feature(enable = "avx2,popcnt")]
fn halves_of(lanes: __m256i) -> [__m128i; 2] {
    [_mm256_castsi256_si128(lanes), _mm256_extracti128_si256::<1>(lanes)]
}

/// A mask of eight lanes as two of four.
#[inline]
#[target_feature(enable = "avx2,popcnt")]
fn widened(mask: __m256i) -> [__m256i; 2] {
    let [low, high] = halves_of(mask);
    [_mm256_cvtepi32_epi64(low), _mm256_cvtepi32_epi64(high)]
}

/// The lower words of four lanes and of four others.
#[inline]
#[target_feature(enable = "avx2,popcnt")]
fn first_words(low: __m256i, high: __m256i) -> __m256i {
    let (low, high) = (_mm256_castsi256_ps(low), _mm256_castsi256_ps(high));
    _mm256_permute4x64_epi64::<0b11_01_10_00>(_mm256_castps_si256(_mm256_shuffle_ps::<0b10_00_10_00>(low, high)))
}

#[inline]
#[target_feature(enable = "avx2,popcnt")]
fn set(value: u32) -> __m256i {
    _mm256_set1_epi32(value.cast_signed())
}

/// The first word of what stands at a place.
#[inline]
#[target_feature(enable = "avx2,popcnt")]
fn node_word(entry: __m256i) -> __m256i {
    _mm256_slli_epi32::<2>(_mm256_and_si256(entry, set(PLACE_MASK)))
}
