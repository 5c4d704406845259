//! A burst with AVX-512: up to 64 keys go through the trie together, stage by stage, 16 in a vector.
//!
//! What is common goes this way: a value in the root, a run of /24s, a dense /24 and its exceptional addresses. Keys of
//! sparse nodes are looked up one by one behind them. What was loaded decides no branch, except which kinds of
//! node there are: one mispredicted behind a cache miss would keep the loads that follow waiting. No gather leaves the
//! table, whatever its words say: every index is clamped.
#![allow(unsafe_code)]

use std::arch::x86_64::*;

use super::*;

/// Whether the CPU has the instructions.
#[inline]
pub(super) fn runs_here() -> bool {
    is_x86_feature_detected!("avx512f")
        && is_x86_feature_detected!("avx512bw")
        && is_x86_feature_detected!("avx512vbmi2")
        && is_x86_feature_detected!("avx512vpopcntdq")
        && is_x86_feature_detected!("popcnt")
}

/// [`find_low()`] for each key; of slices of different lengths the shorter one counts.
///
/// # Safety
/// [`runs_here`] is true, and `table` has [`FIXED`] to [`MOST_WORDS`](super::burst::MOST_WORDS) words.
#[target_feature(enable = "avx512f,avx512bw,avx512vbmi2,avx512vpopcntdq,popcnt")]
pub(super) unsafe fn find_burst(table: &[u32], keys: &[u32], found: &mut [u32]) {
    let count = keys.len().min(found.len());
    let trie = Words::new(table);
    let (keys, found) = (keys.get(..count).unwrap_or_default(), found.get_mut(..count).unwrap_or_default());
    let (keys, found) = chunks::<64, 4>(&trie, keys, found);
    let (keys, found) = chunks::<32, 2>(&trie, keys, found);
    let (rest, last) = chunks::<16, 1>(&trie, keys, found);
    if let Some(first) = rest.first().filter(|_| rest.len() >= FEW) {
        let (mut keys, mut found) = ([*first; 16], [0; 16]);
        keys.iter_mut().zip(rest).for_each(|(place, key)| *place = *key);
        chunk::<16, 1>(&trie, &keys, &mut found);
        last.iter_mut().zip(found).for_each(|(place, value)| *place = value);
    } else {
        rest.iter().zip(last).for_each(|(key, found)| *found = find_low(table, *key));
    }
}

/// So many keys are worth a vector.
const FEW: usize = 4;

/// Looks up whole chunks of `KEYS` keys; gives the keys behind them, and their places.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vbmi2,avx512vpopcntdq,popcnt")]
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

/// 16 keys and what is known of each.
#[derive(Clone, Copy)]
struct Sixteen {
    key: __m512i,
    /// Entries of the root, of the first eight keys and of the others; and the first word of each.
    entries: [__m512i; 2],
    entry: __m512i,
    /// The value, where it has been found.
    value: __m512i,
    /// First word of the part of a runs node, and its bitmap, of the first eight keys and of the others.
    part: __m512i,
    part_bits: [__m512i; 2],
    /// First word of a dense /24's leaf less [`RECORDS`], and the word of its bitmap that the key stands in.
    leaf: __m512i,
    bits: __m512i,
    /// Lanes whose node is runs, is dense, is something else; whose address is exceptional.
    runs: u16,
    dense: u16,
    others: u16,
    exceptional: u16,
}

/// `KEYS` keys, `N` times 16. What is done with vectors is written as loops: a closure handed to a function without
/// the target features would not be inlined.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vbmi2,avx512vpopcntdq,popcnt")]
fn chunk<const KEYS: usize, const N: usize>(trie: &Words<'_>, keys: &[u32; KEYS], found: &mut [u32; KEYS]) {
    let mut all = enter::<KEYS, N>(trie, keys);
    let (mut runs, mut dense, mut apart) = (0, 0, 0_u64);
    for (n, one) in all.iter().enumerate() {
        (runs, dense) = (runs | one.runs, dense | one.dense);
        apart |= u64::from(one.others) << (16 * n);
    }
    if runs != 0 {
        trie.runs(&mut all);
    }
    if dense != 0 {
        trie.dense(&mut all);
        apart |= trie.exceptions(&mut all);
    }
    for (one, found) in all.iter().zip(found.as_chunks_mut::<16>().0) {
        // SAFETY: 16 words are there to be written.
        unsafe { _mm512_storeu_si512(found.as_mut_ptr().cast(), one.value) };
    }
    if apart != 0 {
        one_by_one(trie.table, keys, found, apart);
    }
}

/// Looks up the keys in these lanes with [`find_low()`].
#[cold]
#[inline(never)]
fn one_by_one(table: &[u32], keys: &[u32], found: &mut [u32], lanes: u64) {
    for (lane, (key, found)) in keys.iter().zip(found).enumerate() {
        if lanes >> lane & 1 != 0 {
            *found = find_low(table, *key);
        }
    }
}

/// The keys, and their entries of the root.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vbmi2,avx512vpopcntdq,popcnt")]
fn enter<const KEYS: usize, const N: usize>(trie: &Words<'_>, keys: &[u32; KEYS]) -> [Sixteen; N] {
    let (zero, no) = (_mm512_setzero_si512(), 0);
    let none = Sixteen {
        key: zero,
        entries: [zero; 2],
        entry: zero,
        value: zero,
        part: zero,
        part_bits: [zero; 2],
        leaf: zero,
        bits: zero,
        runs: no,
        dense: no,
        others: no,
        exceptional: no,
    };
    let mut all = [none; N];
    for (one, keys) in all.iter_mut().zip(keys.as_chunks::<16>().0) {
        // SAFETY: 16 keys are there to be read.
        one.key = unsafe { _mm512_loadu_si512(keys.as_ptr().cast()) };
        one.entries = trie.entries(_mm512_srli_epi32::<16>(one.key));
        one.entry = _mm512_permutex2var_epi32(one.entries[0], evens(), one.entries[1]);
        one.value = _mm512_and_si512(one.entry, set(LOW));
    }
    for one in &mut all {
        let tag = |tag: u32| set(tag << TAG_SHIFT);
        one.runs = _mm512_test_epi32_mask(one.entry, tag(RUNS));
        one.dense = _mm512_test_epi32_mask(one.entry, tag(DENSE));
        one.others = _mm512_test_epi32_mask(one.entry, tag(!(RUNS | DENSE)));
    }
    all
}

/// The table, and in each lane the index of its last word, of the last pair of words that begins at any word, of the last
/// such that begins at any half of a word in halves.
struct Words<'a> {
    table: &'a [u32],
    last: __m512i,
    last_long: __m512i,
    last_half: __m512i,
}

impl<'a> Words<'a> {
    /// Of [`FIXED`] to [`MOST_WORDS`](super::burst::MOST_WORDS) words.
    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,avx512vbmi2,avx512vpopcntdq,popcnt")]
    fn new(table: &'a [u32]) -> Words<'a> {
        let words = table.len() as u32;
        Words { table, last: set(words - 1), last_long: set(words - 2), last_half: set(words * 2 - 2) }
    }

    /// The words at these indexes in the lanes of `mask`, 0 in the others.
    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,avx512vbmi2,avx512vpopcntdq,popcnt")]
    fn words(&self, mask: __mmask16, index: __m512i) -> __m512i {
        let index = _mm512_min_epu32(index, self.last);
        // SAFETY: every index is at most that of the last word, which is below 2^31.
        unsafe { _mm512_mask_i32gather_epi32::<4>(_mm512_setzero_si512(), mask, index, self.table.as_ptr().cast()) }
    }

    /// The root entries of these /16s, both words, of the first eight lanes and of the others.
    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,avx512vbmi2,avx512vpopcntdq,popcnt")]
    fn entries(&self, high: __m512i) -> [__m512i; 2] {
        const { assert!(ROOT.is_multiple_of(2) && ROOT + (2 << 16) <= FIXED) };
        let index = _mm512_add_epi32(high, set(ROOT as u32 / 2));
        let (low, high) = (_mm512_castsi512_si256(index), _mm512_extracti64x4_epi64::<1>(index));
        let at = self.table.as_ptr().cast();
        // SAFETY: the words that are always there hold an entry for each number of 16 bits.
        unsafe { [_mm512_i32gather_epi64::<8>(low, at), _mm512_i32gather_epi64::<8>(high, at)] }
    }

    /// The two words at and behind these indexes: all first words, all second words.
    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,avx512vbmi2,avx512vpopcntdq,popcnt")]
    fn pairs(&self, mask: __mmask16, index: __m512i) -> [__m512i; 2] {
        let [low, high] = self.longs(mask, index);
        [_mm512_permutex2var_epi32(low, evens(), high), _mm512_permutex2var_epi32(low, odds(), high)]
    }

    /// The two words at and behind these indexes, of the first eight lanes and of the others.
    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,avx512vbmi2,avx512vpopcntdq,popcnt")]
    fn longs(&self, mask: __mmask16, index: __m512i) -> [__m512i; 2] {
        let index = _mm512_min_epu32(index, self.last_long);
        let (low, high) = (_mm512_castsi512_si256(index), _mm512_extracti64x4_epi64::<1>(index));
        let (none, at) = (_mm512_setzero_si512(), self.table.as_ptr().cast());
        // SAFETY: every index is at most that of the last word but one.
        unsafe {
            let low = _mm512_mask_i32gather_epi64::<4>(none, mask as u8, low, at);
            [low, _mm512_mask_i32gather_epi64::<4>(none, (mask >> 8) as u8, high, at)]
        }
    }

    /// The halves of words with the number `index` from half `first` on. What is read begins with the half before it,
    /// so that it crosses no line that the list does not.
    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,avx512vbmi2,avx512vpopcntdq,popcnt")]
    fn halves(&self, mask: __mmask16, first: __m512i, index: __m512i) -> __m512i {
        let before = _mm512_sub_epi32(_mm512_add_epi32(first, index), set(1));
        let at = _mm512_min_epu32(before, self.last_half);
        // SAFETY: every index is at most that of the last two halves, and below 2^31.
        let read =
            unsafe { _mm512_mask_i32gather_epi32::<2>(_mm512_setzero_si512(), mask, at, self.table.as_ptr().cast()) };
        _mm512_srli_epi32::<16>(read)
    }

    /// Runs of /24s: the values.
    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,avx512vbmi2,avx512vpopcntdq,popcnt")]
    fn runs<const N: usize>(&self, all: &mut [Sixteen; N]) {
        for one in all.iter_mut() {
            let number = _mm512_and_si512(_mm512_srli_epi32::<11>(one.key), set(0x18));
            let second = _mm512_permutex2var_epi32(one.entries[0], odds(), one.entries[1]);
            let place = _mm512_and_si512(_mm512_srlv_epi32(second, number), set(0xff));
            one.part = _mm512_add_epi32(node_word(one.entry), place);
            one.part_bits = self.longs(one.runs, one.part);
        }
        for one in all.iter_mut() {
            let behind = _mm512_andnot_si512(_mm512_srli_epi32::<8>(one.key), set(63));
            let run = part_runs(one.part_bits, behind);
            let lows = _mm512_slli_epi32::<1>(_mm512_add_epi32(one.part, set(PART_HEAD as u32)));
            let values = self.halves(one.runs, lows, run);
            one.value = _mm512_mask_mov_epi32(one.value, one.runs, values);
        }
    }

    /// Dense /16s: the usual values of the keys' /24s, and whose address is exceptional.
    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,avx512vbmi2,avx512vpopcntdq,popcnt")]
    fn dense<const N: usize>(&self, all: &mut [Sixteen; N]) {
        for one in all.iter_mut() {
            let node = node_word(one.entry);
            let record = self.words(one.dense, _mm512_add_epi32(node, position(one.key)));
            one.value = _mm512_mask_and_epi32(one.value, one.dense, record, set(LOW));
            let number = _mm512_srli_epi32::<LEAF_SHIFT>(record);
            // Numbers of 8 bits, so that one multiplication of 16 bits does.
            one.leaf = _mm512_add_epi32(_mm512_madd_epi16(number, set(LEAF_WORDS as u32)), node);
            one.bits = self.words(one.dense, bits_word(_mm512_add_epi32(one.leaf, set(BITMAP)), one.key));
        }
        for one in all.iter_mut() {
            // Rotating looks at the low 5 bits of the key only.
            one.exceptional = _mm512_mask_test_epi32_mask(one.dense, one.bits, _mm512_rolv_epi32(set(1), one.key));
        }
    }

    /// The values of exceptional addresses. They are brought together in one vector, for gathers take as long for few
    /// lanes as for all. Gives the lanes left out: all, if they are more than 16.
    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,avx512vbmi2,avx512vpopcntdq,popcnt")]
    fn exceptions<const N: usize>(&self, all: &mut [Sixteen; N]) -> u64 {
        let lanes = (0..).zip(all.iter()).fold(0, |lanes, (n, one)| lanes | u64::from(one.exceptional) << (16 * n));
        let count = lanes.count_ones();
        let mask = ((1_u64 << count.min(16)) - 1) as u16;
        let bytes = _mm512_maskz_compress_epi8(lanes, byte_numbers());
        let who = _mm512_cvtepu8_epi32(_mm512_castsi512_si128(bytes));
        let key = select(all, who, |one| one.key);
        let [list, counts] = self.pairs(mask, _mm512_add_epi32(select(all, who, |one| one.leaf), set(RECORDS as u32)));
        let index = index(counts, select(all, who, |one| one.bits), key);
        let values = self.listed(mask, list, index, node_word(select(all, who, |one| one.entry)));
        let mut before = 0;
        for one in all.iter_mut() {
            let own = _mm512_permutexvar_epi32(_mm512_add_epi32(numbers(), set(before)), values);
            one.value = _mm512_mask_expand_epi32(one.value, one.exceptional, own);
            before += one.exceptional.count_ones();
        }
        if count > 16 { lanes } else { 0 }
    }

    /// The values with these numbers of these lists, of the dense nodes at these words.
    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,avx512vbmi2,avx512vpopcntdq,popcnt")]
    fn listed(&self, mask: __mmask16, list: __m512i, index: __m512i, node: __m512i) -> __m512i {
        let tag = _mm512_srli_epi32::<TAG_SHIFT>(list);
        let wide = _mm512_mask_cmpeq_epi32_mask(mask, tag, set(WIDE));
        let numbers = _mm512_mask_cmpeq_epi32_mask(mask, tag, set(NUMBERS));
        let byte = _mm512_mask_slli_epi32::<1>(index, wide, index);
        let at = _mm512_add_epi32(node_word(list), _mm512_srli_epi32::<2>(byte));
        let read = self.words(wide | numbers, at);
        let read = _mm512_srlv_epi32(read, _mm512_slli_epi32::<3>(_mm512_and_si512(byte, set(3))));
        let number = _mm512_and_si512(read, set(0xff));
        let values = self.words(numbers, _mm512_sub_epi32(_mm512_sub_epi32(node, set(1)), number));
        let values = _mm512_mask_mov_epi32(_mm512_mask_mov_epi32(list, wide, read), numbers, values);
        _mm512_and_si512(values, set(LOW))
    }
}

/// The number of the run of each key, of which `behind` /24s of the part stand behind it.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vbmi2,avx512vpopcntdq,popcnt")]
fn part_runs(bits: [__m512i; 2], behind: __m512i) -> __m512i {
    let [low, high] = bits;
    let low_behind = _mm512_cvtepu32_epi64(_mm512_castsi512_si256(behind));
    let high_behind = _mm512_cvtepu32_epi64(_mm512_extracti64x4_epi64::<1>(behind));
    let low = _mm512_cvtepi64_epi32(_mm512_popcnt_epi64(_mm512_sllv_epi64(low, low_behind)));
    let high = _mm512_cvtepi64_epi32(_mm512_popcnt_epi64(_mm512_sllv_epi64(high, high_behind)));
    _mm512_inserti64x4::<1>(_mm512_castsi256_si512(low), high)
}

/// Of the key with each of these numbers what `get` gives.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vbmi2,avx512vpopcntdq,popcnt")]
fn select<const N: usize>(all: &[Sixteen; N], who: __m512i, get: impl Fn(&Sixteen) -> __m512i) -> __m512i {
    let (pairs, rest) = all.as_chunks::<2>();
    let mut found = rest.first().map_or(who, |one| _mm512_permutexvar_epi32(who, get(one)));
    for (n, [one, other]) in (0..).zip(pairs) {
        let own = _mm512_cmpeq_epi32_mask(_mm512_srli_epi32::<5>(who), set(n));
        let both = _mm512_permutex2var_epi32(get(one), who, get(other));
        found = _mm512_mask_mov_epi32(found, own, both);
    }
    found
}

/// 0 to 15.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vbmi2,avx512vpopcntdq,popcnt")]
fn numbers() -> __m512i {
    _mm512_set_epi32(15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0)
}

/// 0 to 63, a byte each.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vbmi2,avx512vpopcntdq,popcnt")]
fn byte_numbers() -> __m512i {
    let eight = |first: u64| (first * 0x0101_0101_0101_0101 + 0x0706_0504_0302_0100) as i64;
    _mm512_set_epi64(eight(56), eight(48), eight(40), eight(32), eight(24), eight(16), eight(8), eight(0))
}

/// The even numbers up to 30.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vbmi2,avx512vpopcntdq,popcnt")]
fn evens() -> __m512i {
    _mm512_set_epi32(30, 28, 26, 24, 22, 20, 18, 16, 14, 12, 10, 8, 6, 4, 2, 0)
}

/// The odd numbers up to 31.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vbmi2,avx512vpopcntdq,popcnt")]
fn odds() -> __m512i {
    _mm512_set_epi32(31, 29, 27, 25, 23, 21, 19, 17, 15, 13, 11, 9, 7, 5, 3, 1)
}

/// Which /24 of its /16 a key is in.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vbmi2,avx512vpopcntdq,popcnt")]
fn position(key: __m512i) -> __m512i {
    _mm512_and_si512(_mm512_srli_epi32::<8>(key), set(0xff))
}

#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vbmi2,avx512vpopcntdq,popcnt")]
fn set(value: u32) -> __m512i {
    _mm512_set1_epi32(value as i32)
}

/// The first word of what stands at a place.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vbmi2,avx512vpopcntdq,popcnt")]
fn node_word(entry: __m512i) -> __m512i {
    _mm512_slli_epi32::<2>(_mm512_and_si512(entry, set(PLACE_MASK)))
}

/// The word of the bitmap that starts at `first` in which a position (its low 8 bits) stands.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vbmi2,avx512vpopcntdq,popcnt")]
fn bits_word(first: __m512i, position: __m512i) -> __m512i {
    _mm512_add_epi32(first, _mm512_and_si512(_mm512_srli_epi32::<5>(position), set(7)))
}

/// Where a leaf's bitmap stands from the word on that [`Sixteen::leaf`] says.
const BITMAP: u32 = (RECORDS + LEAF_BITMAP) as u32;

/// How many exceptional addresses are before these, as [`dense::exception`] counts them.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vbmi2,avx512vpopcntdq,popcnt")]
fn index(counts: __m512i, bits: __m512i, key: __m512i) -> __m512i {
    let pairs = _mm512_srli_epi32::<6>(_mm512_add_epi32(_mm512_and_si512(key, set(0xff)), set(32)));
    // Of no pair this shifts by more than 31 bits, which leaves 0.
    let shift = _mm512_sub_epi32(_mm512_slli_epi32::<3>(pairs), set(8));
    let counted = _mm512_and_si512(_mm512_srlv_epi32(counts, shift), set(0xff));
    let (bit, second) = (_mm512_and_si512(key, set(31)), _mm512_test_epi32_mask(key, set(32)));
    let before = _mm512_sllv_epi32(bits, _mm512_sub_epi32(set(32), bit));
    let count = _mm512_popcnt_epi32(_mm512_mask_srlv_epi32(before, second, bits, bit));
    _mm512_mask_sub_epi32(_mm512_add_epi32(counted, count), second, counted, count)
}
