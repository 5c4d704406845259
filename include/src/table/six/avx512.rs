//! A burst with AVX-512: 32 addresses at once, eight in a vector, each stage for all of them before the next.
//!
//! Branches that data decide are few, and each goes the same way for nearly every burst of one workload: one that is
//! mispredicted costs as much as all the leaves, because it is found out only when what it waits for has come from memory.
//! For the same reason nothing is written to memory only to be read again in another width. Closures and zipped
//! iterators are avoided where vectors are handled: what is generic has not got the instructions, so that it would be
//! called instead of inlined, and every vector saved before.
//!
//! Whatever the words say, nothing outside of them is read: every index is held to the table's length before it is
//! used. What leads on from a leaf, or deep into the lower half of the address, is rare and left to [`find`].
#![allow(unsafe_code)]

use std::arch::x86_64::*;
use std::sync::OnceLock;

use super::super::LINE_WORDS;
use super::find::find;
use super::index::{FIRST, INDEX_BITS, Index, SECOND};
use super::layout::{BITS, CHILD, CONTENT_SHIFT, DIRECT, LEAF_LINE, LINK_WORD, PART_MASKS, Table, VALUE, head};

/// Vectors of a chunk.
const VECTORS: usize = 4;

/// Words of a slot.
const SLOT_WORDS: usize = 3;

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
    let mut places = places.iter_mut();
    for keys in chunks {
        let Some(found) = places.next() else { break };
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

/// The trie's words, of which there is at least one line, and where to start in them.
struct Words<'a> {
    all: &'a [u32],
    root: Table,
    index: Index,
    /// The last word at which a slot can start, the last line.
    last: [i64; 2],
}

impl Words<'_> {
    /// None if root or index are not all there.
    #[inline]
    fn new(all: &[u32]) -> Option<Words<'_>> {
        let root = Table::from_link(*all.first_chunk::<LINE_WORDS>()?.get(head::ROOT)?);
        let index = Index::of(all);
        let last = [(all.len() - SLOT_WORDS) as i64, (all.len() / LINE_WORDS - 1) as i64];
        let inside = root.word + root.words() <= all.len() && index.word + index.words() <= all.len();
        inside.then_some(Words { all, root, index, last })
    }
}

/// Where eight addresses have arrived.
#[derive(Clone, Copy)]
struct Eight {
    /// Upper and lower half of the addresses.
    high: __m512i,
    low: __m512i,
    /// How many of their bits are used up.
    used: __m512i,
    /// The record read last, and the word it stands at.
    record: __m512i,
    at: __m512i,
    /// The link to a table or single slot, of those that have one before them.
    link: __m512i,
    on: u8,
}

/// What the slots of eight addresses say.
#[derive(Clone, Copy)]
struct Open {
    /// Which have a leaf to be looked into.
    on: u8,
    /// The word at which the leaf's link stands; 0 for those without.
    link: __m512i,
    /// In the upper half the next 32 bits of the address; 0 for those without.
    window: __m512i,
    /// The slot's own value.
    value: __m512i,
}

/// Eight leaves.
#[derive(Clone, Copy)]
#[repr(align(64))]
struct Leaves {
    /// Bits 0..32 the line, in units of 8 bytes; 48..56 its lanes; 56..64 the same again.
    lines: [u64; 8],
    /// What is looked for in them, in the upper half.
    windows: [u64; 8],
}

#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vbmi2,bmi1,bmi2,popcnt")]
fn chunk(words: &Words<'_>, keys: &[u128; KEYS], found: &mut [u32; KEYS]) {
    let mut state = start(words, keys);
    descend(words, &mut state);
    let zero = _mm512_setzero_si512();
    let mut opened = [Open { on: 0, link: zero, window: zero, value: zero }; VECTORS];
    let mut count = 0;
    for (n, opened) in opened.iter_mut().enumerate() {
        let Some(eight) = state.get(n) else { break };
        *opened = open(eight);
        count += opened.on.count_ones();
    }
    // Two ways, of which one workload nearly always takes the same.
    let entries = if count <= 8 { search_few(words, &opened) } else { search_many(words, &opened) };
    let mut further = finish(&state, &opened, &entries, found);
    while further != 0 {
        let one = further.trailing_zeros() as usize;
        further &= further - 1;
        if let (Some(found), Some(key)) = (found.get_mut(one), keys.get(one)) {
            *found = find(words.all, *key);
        }
    }
}

/// All where the index leads them, or behind their slot of the root.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vbmi2,bmi1,bmi2,popcnt")]
fn start(words: &Words<'_>, keys: &[u128; KEYS]) -> [Eight; VECTORS] {
    let zero = _mm512_setzero_si512();
    let uppers = _mm512_set_epi64(15, 13, 11, 9, 7, 5, 3, 1);
    let lowers = _mm512_set_epi64(14, 12, 10, 8, 6, 4, 2, 0);
    let used = _mm512_set1_epi64(INDEX_BITS.into());
    let mut state = [Eight { high: zero, low: zero, used, record: zero, at: zero, link: zero, on: 0 }; VECTORS];
    let mut all = u8::MAX;
    for (n, eight) in state.iter_mut().enumerate() {
        // SAFETY: eight keys are two vectors, and there are four times eight.
        let (a, b) = unsafe {
            let keys = keys.as_ptr().cast::<__m512i>().add(2 * n);
            (_mm512_loadu_si512(keys), _mm512_loadu_si512(keys.add(1)))
        };
        eight.high = _mm512_permutex2var_epi64(a, uppers, b);
        eight.low = _mm512_permutex2var_epi64(a, lowers, b);
        let (first, link) = indexed(words, eight.high, FIRST);
        let (second, other) = indexed(words, eight.high, SECOND);
        eight.link = _mm512_mask_mov_epi64(link, second, other);
        eight.on = first | second;
        all &= eight.on;
    }
    // Either nearly always or nearly never.
    if all != u8::MAX {
        for eight in &mut state {
            at_root(words, eight);
        }
    }
    state
}

/// Takes those that the index does not know to their slot of the root.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vbmi2,bmi1,bmi2,popcnt")]
fn at_root(words: &Words<'_>, eight: &mut Eight) {
    let right = _mm_cvtsi64_si128(i64::from(64 - words.root.stride));
    let slot = _mm512_srl_epi64(eight.high, right);
    let twice = _mm512_slli_epi64::<1>(slot);
    let at = _mm512_add_epi64(_mm512_set1_epi64(words.root.word as i64), _mm512_add_epi64(slot, twice));
    let off = !eight.on;
    eight.at = at;
    let base = words.all.as_ptr().cast();
    // SAFETY: the root has all slots of its stride: asked when `words` was made.
    eight.record = unsafe { _mm512_mask_i64gather_epi64::<4>(eight.record, off, at, base) };
    eight.link = _mm512_mask_and_epi64(eight.link, off, eight.record, _mm512_set1_epi64(u32::MAX.into()));
    eight.used = _mm512_mask_mov_epi64(eight.used, off, _mm512_set1_epi64(words.root.stride.into()));
    eight.on |= _mm512_movepi64_mask(eight.record) & off;
}

/// Which addresses the index knows, by this hash, and where it leads them.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vbmi2,bmi1,bmi2,popcnt")]
fn indexed(words: &Words<'_>, high: __m512i, factor: u32) -> (u8, __m512i) {
    let mask = _mm512_set1_epi64((1 << words.index.bits) - 1);
    let hash = _mm512_mul_epu32(_mm512_srli_epi64::<32>(high), _mm512_set1_epi64(factor.into()));
    let place = _mm512_and_si512(_mm512_srli_epi64::<32>(hash), mask);
    let base = words.all.as_ptr().wrapping_add(words.index.word).cast();
    // SAFETY: the index has an entry for every value of `mask`: asked when `words` was made.
    let entry = unsafe { _mm512_i64gather_epi64::<8>(place, base) };
    // Of the same /32, the link alone is left; 0 is an empty entry.
    let link = _mm512_ternarylogic_epi64::<0x78>(entry, high, _mm512_set1_epi64(!i64::from(u32::MAX)));
    let below = _mm512_sub_epi64(link, _mm512_set1_epi64(1));
    (_mm512_cmplt_epu64_mask(below, _mm512_set1_epi64(u32::MAX.into())), link)
}

/// From table to table, all addresses together, until none of them has a table before it.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vbmi2,bmi1,bmi2,popcnt")]
fn descend(words: &Words<'_>, state: &mut [Eight; VECTORS]) {
    let last = _mm512_set1_epi64(words.last[0]);
    let base = words.all.as_ptr().cast();
    for _ in 0..BITS {
        for eight in state.iter_mut() {
            let rest = _mm512_shldv_epi64(eight.high, eight.low, eight.used);
            let stride = _mm512_srli_epi64::<28>(eight.link);
            let slot = _mm512_srlv_epi64(rest, _mm512_sub_epi64(_mm512_set1_epi64(64), stride));
            let table = _mm512_and_si512(eight.link, _mm512_set1_epi64(LINK_WORD.into()));
            let twice = _mm512_slli_epi64::<1>(_mm512_add_epi64(table, slot));
            eight.at = _mm512_mask_min_epu64(eight.at, eight.on, _mm512_add_epi64(twice, slot), last);
            // SAFETY: `at` is at most the last word at which a slot can start.
            eight.record = unsafe { _mm512_mask_i64gather_epi64::<4>(eight.record, eight.on, eight.at, base) };
            eight.used = _mm512_mask_add_epi64(eight.used, eight.on, eight.used, stride);
        }
        let mut any = 0;
        for eight in state.iter_mut() {
            eight.on &= _mm512_movepi64_mask(eight.record);
            eight.link = _mm512_and_si512(eight.record, _mm512_set1_epi64(u32::MAX.into()));
            any |= eight.on;
        }
        if any == 0 {
            return;
        }
    }
}

/// Reads a record: whether its leaf is to be looked into.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vbmi2,bmi1,bmi2,popcnt")]
fn open(eight: &Eight) -> Open {
    let record = eight.record;
    let rest = _mm512_shldv_epi64(eight.high, eight.low, eight.used);
    let direct = _mm512_test_epi64_mask(record, _mm512_set1_epi64(i64::from(DIRECT) << 32));
    let filtered = _mm512_srlv_epi64(record, _mm512_srli_epi64::<59>(rest));
    let on = direct | _mm512_test_epi64_mask(filtered, _mm512_set1_epi64(1));
    // The link is the first word of the record, or stands behind it.
    let behind = _mm512_add_epi64(eight.at, _mm512_set1_epi64(2));
    let link = _mm512_maskz_mov_epi64(on, _mm512_mask_mov_epi64(behind, direct, eight.at));
    let window = _mm512_maskz_and_epi64(on, rest, _mm512_set1_epi64(!i64::from(u32::MAX)));
    let value = _mm512_and_si512(_mm512_srli_epi64::<32>(record), _mm512_set1_epi64(VALUE.into()));
    Open { on, link, window, value }
}

/// The entries of at most eight leaves, pushed together for the search.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vbmi2,bmi1,bmi2,popcnt")]
fn search_few(words: &Words<'_>, open: &[Open; VECTORS]) -> [__m512i; VECTORS] {
    let (mut link, mut window) = (_mm512_setzero_si512(), _mm512_setzero_si512());
    let (mut places, mut count) = ([0u8; VECTORS], 0);
    for (n, open) in open.iter().enumerate() {
        let Some(place) = places.get_mut(n) else { break };
        *place = 0xffu32.unbounded_shl(count) as u8;
        link = _mm512_mask_expand_epi64(link, *place, _mm512_maskz_compress_epi64(open.on, open.link));
        window = _mm512_mask_expand_epi64(window, *place, _mm512_maskz_compress_epi64(open.on, open.window));
        count += open.on.count_ones();
    }
    let entries = search(words, &follow(words, link, window));
    let mut apart = [entries; VECTORS];
    for (n, apart) in apart.iter_mut().enumerate() {
        let (Some(open), Some(place)) = (open.get(n), places.get(n)) else { break };
        *apart = _mm512_maskz_expand_epi64(open.on, _mm512_maskz_compress_epi64(*place, entries));
    }
    apart
}

/// The entries of all, leaf or not.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vbmi2,bmi1,bmi2,popcnt")]
fn search_many(words: &Words<'_>, open: &[Open; VECTORS]) -> [__m512i; VECTORS] {
    let base = words.all.as_ptr().cast::<u64>();
    let mut leaves = [Leaves { lines: [0; 8], windows: [0; 8] }; VECTORS];
    for (n, leaves) in leaves.iter_mut().enumerate() {
        let Some(open) = open.get(n) else { break };
        *leaves = follow(words, open.link, open.window);
        for line in leaves.lines {
            _mm_prefetch::<_MM_HINT_T0>(base.wrapping_add(line as u32 as usize).cast());
        }
    }
    let mut entries = [_mm512_setzero_si512(); VECTORS];
    for (n, entries) in entries.iter_mut().enumerate() {
        let Some(leaves) = leaves.get(n) else { break };
        *entries = search(words, leaves);
    }
    entries
}

/// Reads eight links: where their leaves stand. Those that have none lead to the first line, with nothing that could
/// come of it.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vbmi2,bmi1,bmi2,popcnt")]
fn follow(words: &Words<'_>, at: __m512i, window: __m512i) -> Leaves {
    // SAFETY: each is at most the last word of a slot.
    let links = unsafe { _mm512_i64gather_epi32::<4>(at, words.all.as_ptr().cast()) };
    let links = _mm512_cvtepu32_epi64(links);
    let line = _mm512_and_si512(links, _mm512_set1_epi64(LEAF_LINE.into()));
    let line = _mm512_slli_epi64::<3>(_mm512_min_epu64(line, _mm512_set1_epi64(words.last[1])));
    // Eight parts, a byte for each.
    let part = _mm512_srli_epi64::<26>(_mm512_andnot_si512(_mm512_set1_epi64(LEAF_LINE.into()), links));
    let lanes = _mm512_rorv_epi64(_mm512_set1_epi64(PART_MASKS as i64), part);
    let [even, odd] = LANES_TWICE;
    let lanes = _mm512_shuffle_epi8(lanes, _mm512_set4_epi64(odd, even, odd, even));
    let mut leaves = Leaves { lines: [0; 8], windows: [0; 8] };
    // SAFETY: both have room for a vector.
    unsafe {
        _mm512_store_si512(leaves.lines.as_mut_ptr().cast(), _mm512_or_si512(line, lanes));
        _mm512_store_si512(leaves.windows.as_mut_ptr().cast(), window);
    }
    leaves
}

/// Of each half of 16 bytes: bytes 6 and 7 become byte 0, the others 0.
const LANES_TWICE: [i64; 2] = [0x0000_8080_8080_8080, 0x0808_8080_8080_8080];

/// The first entry of each leaf that holds the address; if none does, any of its entries.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vbmi2,bmi1,bmi2,popcnt")]
fn search(words: &Words<'_>, leaves: &Leaves) -> __m512i {
    let mut entries = [0i64; 8];
    for (n, entry) in entries.iter_mut().enumerate() {
        let (Some(leaf), Some(window)) = (leaves.lines.get(n), leaves.windows.get(n)) else { break };
        *entry = entry_of(words, *leaf, *window);
    }
    let [a, b, c, d, e, f, g, h] = entries;
    _mm512_set_epi64(h, g, f, e, d, c, b, a)
}

/// The same of one leaf.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vbmi2,bmi1,bmi2,popcnt")]
fn entry_of(words: &Words<'_>, leaf: u64, window: u64) -> i64 {
    let line = words.all.as_ptr().cast::<u64>().wrapping_add(leaf as u32 as usize);
    // SAFETY: the line is at most the last one.
    let eight = unsafe { _mm512_loadu_si512(line.cast()) };
    let behind = _mm512_and_si512(eight, _mm512_set1_epi64(63));
    let differs = _mm512_srlv_epi64(_mm512_xor_si512(eight, _mm512_set1_epi64(window as i64)), behind);
    let holds = u32::from(_mm512_testn_epi64_mask(differs, differs));
    let lane = ((holds | 0xff00) & (leaf >> LANES_SHIFT) as u32).trailing_zeros() as usize & 7;
    // SAFETY: one of the eight entries of that line.
    unsafe { line.wrapping_add(lane).cast::<i64>().read_unaligned() }
}

/// Where the lanes stand in [`Leaves::lines`].
const LANES_SHIFT: u32 = 48;

/// Gives all the value of their entry, or of their slot. Gives those, a bit each, that are left to [`find`]: led on from
/// their leaf, or deep in the lower half of the address. Both are rare.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vbmi2,bmi1,bmi2,popcnt")]
fn finish(
    state: &[Eight; VECTORS],
    open: &[Open; VECTORS],
    entries: &[__m512i; VECTORS],
    found: &mut [u32; KEYS],
) -> u32 {
    let mut further = 0;
    for (n, found) in found.as_chunks_mut::<8>().0.iter_mut().enumerate().take(VECTORS) {
        let (Some(eight), Some(open), Some(entry)) = (state.get(n), open.get(n), entries.get(n)) else { break };
        let behind = _mm512_and_si512(*entry, _mm512_set1_epi64(63));
        let differs = _mm512_srlv_epi64(_mm512_xor_si512(*entry, open.window), behind);
        let holds = _mm512_mask_testn_epi64_mask(open.on, differs, differs);
        let own = _mm512_and_si512(_mm512_srli_epi64::<CONTENT_SHIFT>(*entry), _mm512_set1_epi64(VALUE.into()));
        let value = _mm512_mask_mov_epi64(open.value, holds, own);
        // SAFETY: eight values are half a vector.
        unsafe { _mm256_storeu_si256(found.as_mut_ptr().cast(), _mm512_cvtepi64_epi32(value)) };
        let on = _mm512_mask_test_epi64_mask(holds, *entry, _mm512_set1_epi64(CHILD as i64));
        let deep = _mm512_cmpgt_epi64_mask(eight.used, _mm512_set1_epi64(63));
        further |= u32::from(on | deep) << (8 * n);
    }
    further
}
