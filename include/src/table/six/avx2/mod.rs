//! A burst with AVX2: up to 32 addresses together, eight in a vector, each stage for all of them before the next.
//!
//! The stages are those of [`avx512`](super::avx512): the index, tables and their filters by lanes, 32 bits of each address at
//! a time; then the leaves, which are asked for all before the first is looked into, each compared with one address at once.
//! What leads on from a leaf is left to [`find`]. Whatever the words say, nothing outside of them is read.
#![allow(unsafe_code)]

mod index;

use std::arch::x86_64::*;
use std::sync::OnceLock;

use super::filter::{FACTORS, NUMBERS, UNLOOKED};
use super::find::find;
use super::layout::{
    BEHIND, CHILD, CONTENT_SHIFT, LEAF, LEAF_LINE, LINK_WORD, PART_MASKS, PART_SHIFT, STRIDE_SHIFT, VALUE,
};
use super::words::Words;
use crate::table::LINE_WORDS;
use index::{Places, UNKNOWN};

/// Whether this machine has the instructions; found out once.
#[inline]
pub(super) fn available() -> bool {
    static AVAILABLE: OnceLock<bool> = OnceLock::new();
    *AVAILABLE.get_or_init(|| is_x86_feature_detected!("avx2") && is_x86_feature_detected!("bmi1"))
}

/// [`find`] for each key; of slices of different lengths the shorter one counts. Where the machine has not got the
/// instructions, or the words no index, one after the other.
pub(super) fn find_burst(words: &[u32], keys: &[u128], found: &mut [u32]) {
    let count = keys.len().min(found.len());
    let (keys, found) = (keys.get(..count).unwrap_or_default(), found.get_mut(..count).unwrap_or_default());
    match Words::new(words).filter(|_| available()) {
        // SAFETY: the machine has the features: asked just now.
        Some(trie) => unsafe { all(&trie, keys, found) },
        None => keys.iter().zip(found).for_each(|(key, found)| *found = find(words, *key)),
    }
}

#[target_feature(enable = "avx2,bmi1")]
fn all(trie: &Words<'_>, keys: &[u128], found: &mut [u32]) {
    let (keys, found) = chunks::<32, 4>(trie, keys, found);
    let (rest, last) = chunks::<8, 1>(trie, keys, found);
    rest.iter().zip(last).for_each(|(key, found)| *found = find(trie.all, *key));
}

/// Looks up whole chunks of `KEYS` keys; gives the keys behind them, and their places.
#[inline]
#[target_feature(enable = "avx2,bmi1")]
fn chunks<'k, 'f, const KEYS: usize, const N: usize>(
    trie: &Words<'_>,
    keys: &'k [u128],
    found: &'f mut [u32],
) -> (&'k [u128], &'f mut [u32]) {
    let (whole, rest) = keys.as_chunks::<KEYS>();
    let (places, last) = found.as_chunks_mut::<KEYS>();
    for (keys, found) in whole.iter().zip(places) {
        chunk::<KEYS, N>(trie, keys, found);
    }
    (rest, last)
}

/// What is known of eight addresses. Lanes of a mask are all ones or all zeros.
#[derive(Clone, Copy)]
struct Eight {
    /// The first 32 bits of the addresses; the 32 bits behind what has been looked at.
    tags: __m256i,
    window: __m256i,
    /// Where they are led; those before a table.
    link: __m256i,
    inner: __m256i,
    /// What is found so far.
    value: __m256i,
    /// The links to the leaves that are to be looked into; 0 for none.
    leaf: __m256i,
}

/// `KEYS` keys, `N` times 8.
#[inline]
#[target_feature(enable = "avx2,bmi1")]
fn chunk<const KEYS: usize, const N: usize>(trie: &Words<'_>, keys: &[u128; KEYS], found: &mut [u32; KEYS]) {
    let mut all = enter::<KEYS, N>(trie, keys);
    // Each round takes at least one of 32 bits.
    for _ in 0..32 {
        let mut inner = set(0);
        for one in &mut all {
            if _mm256_movemask_epi8(one.inner) != 0 {
                one.descend(trie);
                inner = _mm256_or_si256(inner, one.inner);
            }
        }
        if _mm256_movemask_epi8(inner) == 0 {
            break;
        }
    }
    let (mut links, mut windows) = ([0; KEYS], [0; KEYS]);
    for (n, one) in all.iter().enumerate() {
        store(&mut links, 8 * n, one.leaf);
        store(&mut windows, 8 * n, one.window);
        store(found, 8 * n, one.value);
    }
    for link in links.iter().filter(|link| **link != 0) {
        let line = trie.all.as_ptr().wrapping_add((link & LEAF_LINE) as usize * LINE_WORDS);
        _mm_prefetch::<_MM_HINT_T0>(line.cast());
    }
    for (((key, found), link), window) in keys.iter().zip(found).zip(links).zip(windows) {
        if link == 0 {
            continue;
        }
        match entry(trie, link, window) {
            Some(entry) if entry & CHILD as u32 != 0 => *found = find(trie.all, *key),
            Some(entry) => *found = entry >> CONTENT_SHIFT,
            None => {}
        }
    }
}

/// All where the index leads them, or at the root.
#[inline]
#[target_feature(enable = "avx2,bmi1")]
fn enter<const KEYS: usize, const N: usize>(trie: &Words<'_>, keys: &[u128; KEYS]) -> [Eight; N] {
    let zero = set(0);
    let none = Eight { tags: zero, window: zero, link: zero, inner: zero, value: zero, leaf: zero };
    let mut all = [none; N];
    let mut places = Places::<KEYS>::new();
    for (n, (one, keys)) in all.iter_mut().zip(keys.as_chunks::<8>().0).enumerate() {
        let [tags, window] = read(keys);
        (one.tags, one.window) = (tags, window);
        places.set(trie, 8 * n, tags, window);
    }
    let mut links = [0; KEYS];
    for (n, link) in links.iter_mut().enumerate() {
        *link = places.link(trie, n);
    }
    for (n, one) in all.iter_mut().enumerate() {
        one.link = load(&links, 8 * n);
        let unknown = _mm256_cmpeq_epi32(one.link, set(UNKNOWN));
        one.link = _mm256_blendv_epi8(one.link, set(trie.root), unknown);
        one.window = _mm256_blendv_epi8(one.window, one.tags, unknown);
    }
    for one in &mut all {
        let kind = _mm256_srli_epi32::<{ STRIDE_SHIFT as i32 }>(one.link);
        let (value, leaf) = (_mm256_cmpeq_epi32(kind, zero), _mm256_cmpeq_epi32(kind, set(LEAF)));
        one.value = _mm256_and_si256(_mm256_and_si256(one.link, value), set(VALUE));
        one.leaf = _mm256_and_si256(one.link, leaf);
        one.inner = _mm256_xor_si256(_mm256_or_si256(value, leaf), set(u32::MAX));
    }
    all
}

/// Eight keys: their first 32 bits, their next 32.
#[inline]
#[target_feature(enable = "avx2,bmi1")]
fn read(keys: &[u128; 8]) -> [__m256i; 2] {
    // SAFETY: there are eight keys, two in each vector.
    let [a, b, c, d] = unsafe {
        let keys = keys.as_ptr().cast::<__m256i>();
        [
            _mm256_loadu_si256(keys),
            _mm256_loadu_si256(keys.add(1)),
            _mm256_loadu_si256(keys.add(2)),
            _mm256_loadu_si256(keys.add(3)),
        ]
    };
    // The upper halves of keys 0, 2 and 1, 3; of keys 4, 6 and 5, 7.
    let (low, high) = (_mm256_unpackhi_epi64(a, b), _mm256_unpackhi_epi64(c, d));
    let in_order = _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7);
    let (low, high) = (_mm256_castsi256_ps(low), _mm256_castsi256_ps(high));
    let first = _mm256_castps_si256(_mm256_shuffle_ps::<0b11_01_11_01>(low, high));
    let next = _mm256_castps_si256(_mm256_shuffle_ps::<0b10_00_10_00>(low, high));
    [_mm256_permutevar8x32_epi32(first, in_order), _mm256_permutevar8x32_epi32(next, in_order)]
}

impl Eight {
    /// One table further, those that are before one.
    #[inline]
    #[target_feature(enable = "avx2,bmi1")]
    fn descend(&mut self, trie: &Words<'_>) {
        let who = self.inner;
        let stride = _mm256_srli_epi32::<{ STRIDE_SHIFT as i32 }>(self.link);
        let slot = _mm256_srlv_epi32(self.window, _mm256_sub_epi32(set(32), stride));
        let twice = _mm256_add_epi32(_mm256_and_si256(self.link, set(LINK_WORD)), slot);
        let at = _mm256_add_epi32(_mm256_slli_epi32::<1>(twice), slot);
        let at = _mm256_min_epu32(at, set(trie.last[0]));
        // SAFETY: a slot has three words, and none of these is behind the last place for one.
        let [first, second] = unsafe { pairs::<4>(who, trie.all.as_ptr(), at) };
        let window = _mm256_sllv_epi32(self.window, stride);
        let own = _mm256_andnot_si256(_mm256_srai_epi32::<31>(second), who);
        let past = _mm256_and_si256(own, lets_past(first, second, window));
        // SAFETY: the third word of the same slots.
        let leaf = unsafe {
            let behind = _mm256_add_epi32(at, set(2));
            _mm256_mask_i32gather_epi32::<4>(set(0), trie.all.as_ptr().cast(), behind, past)
        };
        self.value = _mm256_blendv_epi8(self.value, _mm256_and_si256(second, set(VALUE)), own);
        self.leaf = _mm256_or_si256(self.leaf, leaf);
        self.window = _mm256_blendv_epi8(self.window, window, who);
        self.link = _mm256_blendv_epi8(self.link, first, who);
        let table = _mm256_cmpgt_epi32(set(LEAF), _mm256_srli_epi32::<{ STRIDE_SHIFT as i32 }>(self.link));
        self.inner = _mm256_and_si256(_mm256_andnot_si256(own, who), table);
    }
}

/// [`Filter::lets_past`](super::filter::Filter::lets_past) of records' two words.
#[inline]
#[target_feature(enable = "avx2,bmi1")]
fn lets_past(first: __m256i, second: __m256i, window: __m256i) -> __m256i {
    let kind = _mm256_srli_epi32::<28>(second);
    let looked = _mm256_srlv_epi32(window, _mm256_permutevar8x32_epi32(by_kind(UNLOOKED), kind));
    let product = _mm256_mullo_epi32(looked, _mm256_permutevar8x32_epi32(by_kind(FACTORS), kind));
    let a = _mm256_srlv_epi32(first, _mm256_srli_epi32::<{ NUMBERS[0] as i32 }>(product));
    let b = _mm256_srlv_epi32(first, _mm256_and_si256(_mm256_srli_epi32::<{ NUMBERS[1] as i32 }>(product), set(31)));
    let c = _mm256_srlv_epi32(first, _mm256_and_si256(_mm256_srli_epi32::<{ NUMBERS[2] as i32 }>(product), set(31)));
    // The lowest bit of all three, in every bit.
    _mm256_srai_epi32::<31>(_mm256_slli_epi32::<31>(_mm256_and_si256(_mm256_and_si256(a, b), c)))
}

/// The lower half of the first entry of a leaf that holds the address whose next bits are `window`.
#[inline]
#[target_feature(enable = "avx2,bmi1")]
fn entry(trie: &Words<'_>, link: u32, window: u32) -> Option<u32> {
    let line = (link & LEAF_LINE) as usize * LINE_WORDS;
    let line: &[u32; LINE_WORDS] = trie.all.get(line..)?.first_chunk()?;
    let window = _mm256_set1_epi64x(i64::from(window) << 32);
    let mut holds = 0;
    for (n, four) in line.as_chunks::<8>().0.iter().enumerate() {
        // SAFETY: eight words: four entries.
        let four = unsafe { _mm256_loadu_si256(four.as_ptr().cast()) };
        let behind = _mm256_and_si256(four, _mm256_set1_epi64x(BEHIND as i64));
        let differs = _mm256_srlv_epi64(_mm256_srli_epi64::<1>(_mm256_xor_si256(four, window)), behind);
        let same = _mm256_castsi256_pd(_mm256_cmpeq_epi64(differs, set(0)));
        holds |= _mm256_movemask_pd(same) << (4 * n);
    }
    let lanes = (PART_MASKS >> (8 * (link >> PART_SHIFT & 7))) as u32 & 0xff;
    let first = (holds.cast_unsigned() & lanes).trailing_zeros() as usize;
    line.get(2 * first).copied()
}

/// The pairs of words at these indexes, which count `SCALE` bytes from `base` on: all first words, all second ones;
/// 0 for lanes outside of `who`.
///
/// # Safety
/// There are eight bytes at each.
#[inline]
#[target_feature(enable = "avx2,bmi1")]
unsafe fn pairs<const SCALE: i32>(who: __m256i, base: *const u32, at: __m256i) -> [__m256i; 2] {
    let (low, high) = (_mm256_castsi256_si128(at), _mm256_extracti128_si256::<1>(at));
    let low_who = _mm256_cvtepi32_epi64(_mm256_castsi256_si128(who));
    let high_who = _mm256_cvtepi32_epi64(_mm256_extracti128_si256::<1>(who));
    // SAFETY: as the caller says.
    let (low, high) = unsafe {
        let low = _mm256_mask_i32gather_epi64::<SCALE>(set(0), base.cast(), low, low_who);
        (low, _mm256_mask_i32gather_epi64::<SCALE>(set(0), base.cast(), high, high_who))
    };
    let (low, high) = (_mm256_castsi256_ps(low), _mm256_castsi256_ps(high));
    let even = _mm256_castps_si256(_mm256_shuffle_ps::<0b10_00_10_00>(low, high));
    let odd = _mm256_castps_si256(_mm256_shuffle_ps::<0b11_01_11_01>(low, high));
    [_mm256_permute4x64_epi64::<0b11_01_10_00>(even), _mm256_permute4x64_epi64::<0b11_01_10_00>(odd)]
}

/// A vector that has these for every number of which they are the last two bits.
#[inline]
#[target_feature(enable = "avx2,bmi1")]
fn by_kind(of: [u32; 4]) -> __m256i {
    let [a, b, c, d] = of.map(u32::cast_signed);
    _mm256_setr_epi32(a, b, c, d, a, b, c, d)
}

#[inline]
#[target_feature(enable = "avx2,bmi1")]
fn set(value: u32) -> __m256i {
    _mm256_set1_epi32(value.cast_signed())
}

/// Eight words from `at` on.
#[inline]
#[target_feature(enable = "avx2,bmi1")]
fn load<const ROOM: usize>(words: &[u32; ROOM], at: usize) -> __m256i {
    // SAFETY: from there on there are eight.
    unsafe { _mm256_loadu_si256(words.as_ptr().add(at.min(ROOM - 8)).cast()) }
}

/// The same, to be written.
#[inline]
#[target_feature(enable = "avx2,bmi1")]
fn store<const ROOM: usize>(words: &mut [u32; ROOM], at: usize, vector: __m256i) {
    // SAFETY: from there on there are eight.
    unsafe { _mm256_storeu_si256(words.as_mut_ptr().add(at.min(ROOM - 8)).cast(), vector) };
}
