//! A burst with AVX-512: 32 addresses at once, eight in a vector, each stage for all of them before the next.
//!
//! Whatever the words say, nothing outside of them is read: every index is held to the table's length before it is
//! used. What leads on from a leaf is rare and left to [`find`].
#![allow(unsafe_code)]

use std::arch::x86_64::*;
use std::hint::select_unpredictable;
use std::mem::MaybeUninit;
use std::slice::from_raw_parts;
use std::sync::OnceLock;

use super::super::LINE_WORDS;
use super::find::find;
use super::layout::{BITS, CHILD, CONTENT_SHIFT, DIRECT, LEAF_LINE, LINK_WORD, PART_MASKS, Table, VALUE, head};

/// Vectors of a chunk.
const VECTORS: usize = 4;

/// Addresses of a chunk.
const KEYS: usize = 8 * VECTORS;

/// Whether this machine has the instructions; found out once.
#[inline]
pub(super) fn available() -> bool {
    static AVAILABLE: OnceLock<bool> = OnceLock::new();
    *AVAILABLE.get_or_init(|| {
        is_x86_feature_detected!("avx512f")
            && is_x86_feature_detected!("avx512bw")
            && is_x86_feature_detected!("avx512dq")
            && is_x86_feature_detected!("avx512vl")
            && is_x86_feature_detected!("avx512vbmi2")
            && is_x86_feature_detected!("bmi1")
            && is_x86_feature_detected!("bmi2")
            && is_x86_feature_detected!("popcnt")
    })
}

/// [`find`] for each key; of slices of different lengths the shorter one counts. Where the machine has not got the
/// instructions, nothing is found.
pub(super) fn find_burst(words: &[u32], keys: &[u128], found: &mut [u32]) {
    let count = keys.len().min(found.len());
    let Some(words) = Words::new(words).filter(|_| available()) else {
        return found.iter_mut().take(count).for_each(|found| *found = 0);
    };
    let (chunks, keys) = keys.get(..count).unwrap_or_default().as_chunks::<KEYS>();
    let (places, places_left) = found.get_mut(..count).unwrap_or_default().as_chunks_mut::<KEYS>();
    for (keys, found) in chunks.iter().zip(places) {
        // SAFETY: the machine has the features: asked above.
        unsafe { chunk(&words, keys, found) };
    }
    if !keys.is_empty() {
        let (mut all, mut found) = ([0; KEYS], [0; KEYS]);
        all.iter_mut().zip(keys).for_each(|(place, key)| *place = *key);
        // SAFETY: as above.
        unsafe { chunk(&words, &all, &mut found) };
        places_left.iter_mut().zip(found).for_each(|(place, found)| *place = found);
    }
}

/// The trie's words, of which there is at least one line.
struct Words<'a> {
    all: &'a [u32],
    root: Table,
    /// The last pair of words, the last word, the last line.
    last: [i64; 3],
}

impl Words<'_> {
    fn new(all: &[u32]) -> Option<Words<'_>> {
        let root = Table::from_link(*all.first_chunk::<LINE_WORDS>()?.get(head::ROOT)?);
        let last = [all.len() / 2 - 1, all.len() - 1, all.len() / LINE_WORDS - 1];
        Some(Words { all, root, last: last.map(|last| last as i64) })
    }
}

/// Where eight addresses have arrived.
#[derive(Clone, Copy)]
struct Eight {
    /// Upper and lower half of what is left of the addresses, left-aligned.
    high: __m512i,
    low: __m512i,
    /// The record read last.
    record: __m512i,
    /// The table it stands in, in pairs of words, its stride, and the slot.
    table: __m512i,
    stride: __m512i,
    slot: __m512i,
    /// Which have a table before them.
    on: u8,
}

/// Those whose slot has a leaf to be looked into, one behind the other. Not filled with zeros first: that would cost more
/// than a look-up.
struct Leaves {
    /// Offset of the line in bytes; from [`LANES_SHIFT`] on its lanes; from [`WHO_SHIFT`] on which address it is for.
    lines: [MaybeUninit<u64>; KEYS + 8],
    /// The upper half of what is left of the address.
    rests: [MaybeUninit<u64>; KEYS + 8],
    /// How many there are.
    count: usize,
}

/// A line's offset stands below.
const LANES_SHIFT: u32 = 48;

/// The bits of it.
const LINE: u64 = (1 << LANES_SHIFT) - 1;

/// Above the eight lanes.
const WHO_SHIFT: u32 = 56;

#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vbmi2,bmi1,bmi2,popcnt")]
fn chunk(words: &Words<'_>, keys: &[u128; KEYS], found: &mut [u32; KEYS]) {
    let mut state = start(words, keys);
    descend(words, &mut state);
    let unset = [MaybeUninit::uninit(); KEYS + 8];
    let mut leaves = Leaves { lines: unset, rests: unset, count: 0 };
    list(words, &state, found, &mut leaves);
    let mut further = search(words, &leaves, found);
    while further != 0 {
        let one = further.trailing_zeros() as usize;
        further &= further - 1;
        if let (Some(found), Some(key)) = (found.get_mut(one), keys.get(one)) {
            *found = find(words.all, *key);
        }
    }
}

/// All before the root.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vbmi2,bmi1,bmi2,popcnt")]
fn start(words: &Words<'_>, keys: &[u128; KEYS]) -> [Eight; VECTORS] {
    let zero = _mm512_setzero_si512();
    let uppers = _mm512_set_epi64(15, 13, 11, 9, 7, 5, 3, 1);
    let lowers = _mm512_set_epi64(14, 12, 10, 8, 6, 4, 2, 0);
    let table = _mm512_set1_epi64((words.root.word / 2) as i64);
    let stride = _mm512_set1_epi64(i64::from(words.root.stride));
    let mut state = [Eight { high: zero, low: zero, record: zero, table, stride, slot: zero, on: u8::MAX }; VECTORS];
    for (keys, eight) in keys.as_chunks::<8>().0.iter().zip(&mut state) {
        let keys = keys.as_ptr().cast::<__m512i>();
        // SAFETY: eight keys are two vectors.
        let (a, b) = unsafe { (_mm512_loadu_si512(keys), _mm512_loadu_si512(keys.add(1))) };
        eight.high = _mm512_permutex2var_epi64(a, uppers, b);
        eight.low = _mm512_permutex2var_epi64(a, lowers, b);
    }
    state
}

/// From table to table, all addresses together, until none of them has a table before it.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vbmi2,bmi1,bmi2,popcnt")]
fn descend(words: &Words<'_>, state: &mut [Eight; VECTORS]) {
    let last = _mm512_set1_epi64(words.last[0]);
    let base = words.all.as_ptr().cast();
    for _ in 0..BITS {
        for eight in state.iter_mut() {
            let right = _mm512_sub_epi64(_mm512_set1_epi64(64), eight.stride);
            eight.slot = _mm512_mask_srlv_epi64(eight.slot, eight.on, eight.high, right);
            let at = _mm512_min_epu64(_mm512_add_epi64(eight.table, eight.slot), last);
            // SAFETY: `at` is at most the last pair of words.
            eight.record = unsafe { _mm512_mask_i64gather_epi64::<8>(eight.record, eight.on, at, base) };
            eight.high = _mm512_mask_shldv_epi64(eight.high, eight.on, eight.low, eight.stride);
            eight.low = _mm512_mask_sllv_epi64(eight.low, eight.on, eight.low, eight.stride);
        }
        let mut any = 0;
        for eight in state.iter_mut() {
            eight.on &= _mm512_movepi64_mask(eight.record);
            let stride = _mm512_srli_epi64::<28>(eight.record);
            eight.table =
                _mm512_mask_and_epi64(eight.table, eight.on, eight.record, _mm512_set1_epi64(LINK_WORD.into()));
            eight.stride = _mm512_mask_and_epi64(eight.stride, eight.on, stride, _mm512_set1_epi64(15));
            any |= eight.on;
        }
        if any == 0 {
            return;
        }
    }
}

/// Gives all the value of their slot, and collects those that have a leaf to be looked into.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vbmi2,bmi1,bmi2,popcnt")]
fn list(words: &Words<'_>, state: &[Eight; VECTORS], found: &mut [u32; KEYS], leaves: &mut Leaves) {
    let (last_word, last_line) = (_mm512_set1_epi64(words.last[1]), _mm512_set1_epi64(words.last[2]));
    let mut who = _mm512_slli_epi64::<WHO_SHIFT>(_mm512_set_epi64(7, 6, 5, 4, 3, 2, 1, 0));
    let eight_on = _mm512_set1_epi64(8 << WHO_SHIFT);
    for (eight, found) in state.iter().zip(found.as_chunks_mut::<8>().0) {
        let (record, high) = (eight.record, eight.high);
        let direct = _mm512_test_epi64_mask(record, _mm512_set1_epi64(i64::from(DIRECT) << 32));
        let filtered = _mm512_srlv_epi64(record, _mm512_srli_epi64::<59>(high));
        let on = direct | _mm512_test_epi64_mask(filtered, _mm512_set1_epi64(1));
        let mut link = _mm512_and_si512(record, _mm512_set1_epi64(u32::MAX.into()));
        let apart = on & !direct;
        if apart != 0 {
            let records = _mm512_sllv_epi64(_mm512_set1_epi64(2), eight.stride);
            let first = _mm512_add_epi64(_mm512_slli_epi64::<1>(eight.table), records);
            let at = _mm512_min_epu64(_mm512_add_epi64(first, eight.slot), last_word);
            // SAFETY: `at` is at most the last word.
            let links = unsafe {
                _mm512_mask_i64gather_epi32::<4>(_mm256_setzero_si256(), apart, at, words.all.as_ptr().cast())
            };
            link = _mm512_mask_cvtepu32_epi64(link, apart, links);
        }
        let line = _mm512_min_epu64(_mm512_and_si512(link, _mm512_set1_epi64(LEAF_LINE.into())), last_line);
        let part = _mm512_slli_epi64::<3>(_mm512_srli_epi64::<29>(link));
        let lanes =
            _mm512_and_si512(_mm512_srlv_epi64(_mm512_set1_epi64(PART_MASKS as i64), part), _mm512_set1_epi64(255));
        let line = _mm512_or_si512(_mm512_slli_epi64::<6>(line), who);
        let line = _mm512_or_si512(line, _mm512_slli_epi64::<LANES_SHIFT>(lanes));
        let value = _mm512_and_si512(_mm512_srli_epi64::<32>(record), _mm512_set1_epi64(VALUE.into()));
        let count = leaves.count;
        // SAFETY: at most 32 stand in the lists, so a vector more fits; eight values are half a vector.
        unsafe {
            _mm512_storeu_si512(leaves.lines.as_mut_ptr().add(count).cast(), _mm512_maskz_compress_epi64(on, line));
            _mm512_storeu_si512(leaves.rests.as_mut_ptr().add(count).cast(), _mm512_maskz_compress_epi64(on, high));
            _mm256_storeu_si256(found.as_mut_ptr().cast(), _mm512_cvtepi64_epi32(value));
        }
        leaves.count += on.count_ones() as usize;
        who = _mm512_add_epi64(who, eight_on);
    }
}

/// Looks into the leaves; gives those of the chunk, a bit each, that are led on.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vbmi2,bmi1,bmi2,popcnt")]
fn search(words: &Words<'_>, leaves: &Leaves, found: &mut [u32; KEYS]) -> u32 {
    let base = words.all.as_ptr().cast::<u8>();
    // SAFETY: the first `count`, at most 32, of both are set.
    let (lines, rests) = unsafe {
        let count = leaves.count.min(KEYS);
        (
            from_raw_parts(leaves.lines.as_ptr().cast::<u64>(), count),
            from_raw_parts(leaves.rests.as_ptr().cast::<u64>(), count),
        )
    };
    for line in lines {
        _mm_prefetch::<_MM_HINT_T0>(base.wrapping_add((line & LINE) as usize).cast());
    }
    let mut further = 0;
    for (line, rest) in lines.iter().zip(rests) {
        let at = base.wrapping_add((line & LINE) as usize);
        // SAFETY: the line is at most the last one.
        let entries = unsafe { _mm512_loadu_si512(at.cast()) };
        let window = _mm512_set1_epi64((rest & !u64::from(u32::MAX)) as i64);
        let behind = _mm512_and_si512(entries, _mm512_set1_epi64(63));
        let differs = _mm512_srlv_epi64(_mm512_xor_si512(entries, window), behind);
        let holds = _mm512_mask_testn_epi64_mask((line >> LANES_SHIFT) as u8, differs, differs);
        let lane = (holds.trailing_zeros() & 7) as usize;
        // SAFETY: one of the eight entries of the same line.
        let entry = unsafe { at.cast::<u64>().add(lane).read_unaligned() };
        let who = (line >> WHO_SHIFT) as usize % KEYS;
        let own = (entry >> CONTENT_SHIFT) as u32 & VALUE;
        if let Some(place) = found.get_mut(who) {
            *place = select_unpredictable(holds != 0, own, *place);
        }
        further |= u32::from(holds != 0 && entry & CHILD != 0) << who;
    }
    further
}
