//! A burst with AVX-512: up to 64 addresses together, sixteen in a vector, each stage for all of them before the next.
//!
//! 32 bits of an address at a time are enough: the first 32 for the index and, for those it does not know, the trie of
//! the root; the next 32 for everything behind the index, for no table and no entry goes past bit 64. What leads on
//! from a leaf does, and is left to [`find`]: it is rare.
//!
//! Branches that data decide are few, and each goes the same way for nearly every burst of one workload: one that is
//! mispredicted is found out only when what it waits for has come from memory. Closures and zipped iterators are avoided
//! where vectors are handled: what is generic has not got the instructions, so that it would be called instead of
//! inlined, and every vector saved before.
//!
//! Whatever the words say, nothing outside of them is read: every index is held to the table's length before it is used.
#![allow(unsafe_code)]

mod index;
mod lanes;
mod leaves;
mod words;

use std::arch::x86_64::*;
use std::sync::OnceLock;

use super::find::find;
use super::layout::{CONTENT_SHIFT, LEAF, STRIDE_SHIFT};
use super::words::Words;
use index::{UNKNOWN, index};
use lanes::{numbers, set, store};
use leaves::leaves;

/// Whether this machine has the instructions; found out once.
#[inline]
pub(super) fn available() -> bool {
    static AVAILABLE: OnceLock<bool> = OnceLock::new();
    *AVAILABLE.get_or_init(|| {
        is_x86_feature_detected!("avx512f")
            && is_x86_feature_detected!("avx512bw")
            && is_x86_feature_detected!("avx512dq")
            && is_x86_feature_detected!("avx512vl")
            && is_x86_feature_detected!("bmi1")
            && is_x86_feature_detected!("bmi2")
            && is_x86_feature_detected!("popcnt")
    })
}

/// [`find`] for each key; of slices of different lengths the shorter one counts. Where the machine has not got the
/// instructions, or the words no index, one after the other.
pub(super) fn find_burst(words: &[u32], keys: &[u128], found: &mut [u32]) {
    let count = keys.len().min(found.len());
    let (keys, found) = (keys.get(..count).unwrap_or_default(), found.get_mut(..count).unwrap_or_default());
    match Words::new(words).filter(|_| available()) {
        // SAFETY: the machine has the features: asked just now.
        Some(trie) => unsafe { all(&trie, keys, found) },
        None => one_by_one(words, keys, found, u64::MAX),
    }
}

/// So many keys are worth a vector.
const FEW: usize = 4;

#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,bmi1,bmi2,popcnt")]
fn all(trie: &Words<'_>, keys: &[u128], found: &mut [u32]) {
    let (keys, found) = chunks::<64, 4>(trie, keys, found);
    let (keys, found) = chunks::<32, 2>(trie, keys, found);
    let (rest, last) = chunks::<16, 1>(trie, keys, found);
    if let Some(first) = rest.first().filter(|_| rest.len() >= FEW) {
        let (mut keys, mut found) = ([*first; 16], [0; 16]);
        keys.iter_mut().zip(rest).for_each(|(place, key)| *place = *key);
        chunk::<16, 1>(trie, &keys, &mut found);
        last.iter_mut().zip(found).for_each(|(place, value)| *place = value);
    } else {
        rest.iter().zip(last).for_each(|(key, found)| *found = find(trie.all, *key));
    }
}

/// Looks up whole chunks of `KEYS` keys; gives the keys behind them, and their places.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,bmi1,bmi2,popcnt")]
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

/// What is known of sixteen addresses.
#[derive(Clone, Copy)]
struct Sixteen {
    /// The first 32 bits of the addresses.
    tags: __m512i,
    /// Those before a table, and the links to those tables.
    inner: u16,
    link: __m512i,
    /// What is found, as it stands in an entry: from bit 8 the value.
    result: __m512i,
    /// The link to the leaf that is to be looked into, or the word at which it stands; 0 for none.
    wanted: __m512i,
    /// The 32 bits of the address behind what has been looked at.
    window: __m512i,
    /// Those that [`together`] pushes together.
    some: u16,
}

impl Sixteen {
    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,bmi1,bmi2,popcnt")]
    fn none() -> Sixteen {
        let zero = _mm512_setzero_si512();
        let (tags, link, result, wanted, window) = (zero, zero, zero, zero, zero);
        Sixteen { tags, inner: 0, link, result, wanted, window, some: 0 }
    }

    /// One table further, those that are before one.
    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,bmi1,bmi2,popcnt")]
    fn descend(&mut self, trie: &Words<'_>) {
        let table = _mm512_cmplt_epu32_mask(self.link, set(LEAF << STRIDE_SHIFT)) & self.inner;
        let step = trie.step(table, self.link, self.window);
        self.result = _mm512_mask_mov_epi32(self.result, step.own, step.result);
        self.wanted = _mm512_mask_mov_epi32(self.wanted, step.past, step.behind);
        self.window = _mm512_mask_mov_epi32(self.window, table, step.window);
        self.link = step.first;
        self.inner = step.inner;
    }
}

/// `KEYS` keys, `N` times 16.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,bmi1,bmi2,popcnt")]
fn chunk<const KEYS: usize, const N: usize>(trie: &Words<'_>, keys: &[u128; KEYS], found: &mut [u32; KEYS]) {
    let mut all = enter::<KEYS, N>(trie, keys);
    prefetch(trie, &all);
    // Each round takes at least one of 32 bits.
    for _ in 0..32 {
        let mut inner = 0;
        for one in &all {
            inner += one.inner.count_ones();
        }
        if inner == 0 {
            break;
        }
        if inner <= 16 && N > 1 {
            ask(trie, &mut all);
            descend_few(trie, &mut all);
            break;
        }
        for one in &mut all {
            one.descend(trie);
        }
    }
    let further = leaves::<KEYS, N>(trie, &mut all, found);
    if further != 0 {
        one_by_one(trie.all, keys, found, further);
    }
}
/// Looks up the keys in these lanes with [`find()`]; lanes from 64 on as the last.
#[cold]
#[inline(never)]
fn one_by_one(words: &[u32], keys: &[u128], found: &mut [u32], lanes: u64) {
    for (lane, (key, found)) in keys.iter().zip(found).enumerate() {
        if lanes >> lane.min(63) & 1 != 0 {
            *found = find(words, *key);
        }
    }
}

/// All where the index leads them, or at the root.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,bmi1,bmi2,popcnt")]
fn enter<const KEYS: usize, const N: usize>(trie: &Words<'_>, keys: &[u128; KEYS]) -> [Sixteen; N] {
    let mut all = [Sixteen::none(); N];
    for (n, one) in all.iter_mut().enumerate() {
        [one.tags, one.window] = read(keys, n);
    }
    index::<KEYS, N>(trie, &mut all);
    for one in &mut all {
        let unknown = _mm512_cmpeq_epi32_mask(one.link, set(UNKNOWN));
        one.link = _mm512_mask_mov_epi32(one.link, unknown, set(trie.root));
        one.window = _mm512_mask_mov_epi32(one.window, unknown, one.tags);
    }
    let top = set(LEAF << STRIDE_SHIFT);
    for one in &mut all {
        let value = _mm512_testn_epi32_mask(one.link, top);
        let leaf = _mm512_cmpge_epu32_mask(one.link, top);
        one.inner = !(value | leaf);
        one.result = _mm512_maskz_slli_epi32::<CONTENT_SHIFT>(value, one.link);
        one.wanted = _mm512_maskz_mov_epi32(leaf, one.link);
    }
    all
}

/// Asks for the leaves that the index leads to, if most addresses have one: before anything waits for the tables of the
/// others.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,bmi1,bmi2,popcnt")]
fn prefetch<const N: usize>(trie: &Words<'_>, all: &[Sixteen; N]) {
    let mut leaves = 0;
    for one in all {
        leaves += _mm512_test_epi32_mask(one.wanted, one.wanted).count_ones();
    }
    if leaves as usize <= 8 * N {
        return;
    }
    let base = trie.all.as_ptr().cast::<i8>();
    for one in all {
        let mut lines = [0; 16];
        store(&mut lines, 0, trie.leaves(one.wanted)[0]);
        for line in lines {
            _mm_prefetch::<_MM_HINT_T0>(base.wrapping_add(line as usize));
        }
    }
}

/// Sixteen keys, from the `16 n`-th on: their first 32 bits, their next 32.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,bmi1,bmi2,popcnt")]
fn read<const KEYS: usize>(keys: &[u128; KEYS], n: usize) -> [__m512i; 2] {
    let upper = _mm512_set_epi32(30, 26, 22, 18, 14, 10, 6, 2, 31, 27, 23, 19, 15, 11, 7, 3);
    // SAFETY: there are sixteen keys, four in each vector.
    let [a, b, c, d] = unsafe {
        let keys = keys.as_ptr().add((16 * n).min(KEYS - 16)).cast::<__m512i>();
        [
            _mm512_loadu_si512(keys),
            _mm512_loadu_si512(keys.add(1)),
            _mm512_loadu_si512(keys.add(2)),
            _mm512_loadu_si512(keys.add(3)),
        ]
    };
    let low = _mm512_permutex2var_epi32(a, upper, b);
    let high = _mm512_permutex2var_epi32(c, upper, d);
    [_mm512_shuffle_i64x2::<0x44>(low, high), _mm512_shuffle_i64x2::<0xee>(low, high)]
}

/// Numbers of some of the addresses, at most sixteen, pushed together. What is over is far above 63.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,bmi1,bmi2,popcnt")]
fn together<const N: usize>(all: &[Sixteen; N]) -> __m512i {
    let (mut who, mut count) = (set(u32::MAX), 0);
    for (n, one) in (0..).zip(all) {
        let own = _mm512_maskz_compress_epi32(one.some, _mm512_add_epi32(numbers(), set(16 * n)));
        who = _mm512_mask_expand_epi32(who, 0xffffu32.unbounded_shl(count) as u16, own);
        count += one.some.count_ones();
    }
    who
}

/// Leaves that are looked into in one go, be they there or not: how many there are is hard to foretell, and to go back on
/// a branch undoes all that has been begun behind it, the next burst's loads too.
const AT_ONCE: usize = 4;

/// How many times so many are to be looked into, for so many leaves.
#[inline]
fn groups(count: u32) -> usize {
    count.max(1).div_ceil(AT_ONCE as u32) as usize
}

/// Asks for the leaves that are known by now, if they are few, before anything waits for further tables.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,bmi1,bmi2,popcnt")]
fn ask<const N: usize>(trie: &Words<'_>, all: &mut [Sixteen; N]) {
    let mut count = 0;
    for one in all.iter_mut() {
        one.some = _mm512_test_epi32_mask(one.wanted, one.wanted);
        count += one.some.count_ones();
    }
    if count > 16 {
        return;
    }
    let who = together(all);
    let mut wanted = _mm512_setzero_si512();
    for (n, one) in (0..).zip(all.iter()) {
        let own = _mm512_cmpeq_epi32_mask(_mm512_srli_epi32::<4>(who), set(n));
        wanted = _mm512_mask_permutexvar_epi32(wanted, own, who, one.wanted);
    }
    let mut lines = [0; 16];
    store(&mut lines, 0, trie.leaves(wanted)[0]);
    let base = trie.all.as_ptr().cast::<i8>();
    for four in lines.as_chunks::<AT_ONCE>().0.iter().take(groups(count)) {
        for line in four {
            _mm_prefetch::<_MM_HINT_T0>(base.wrapping_add(*line as usize));
        }
    }
}

/// Takes those that are left, at most sixteen, down to where no table follows.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,bmi1,bmi2,popcnt")]
fn descend_few<const N: usize>(trie: &Words<'_>, all: &mut [Sixteen; N]) {
    for one in all.iter_mut() {
        one.some = one.inner;
    }
    let who = together(all);
    let mut few = Sixteen::none();
    for (n, one) in (0..).zip(all.iter()) {
        let own = _mm512_cmpeq_epi32_mask(_mm512_srli_epi32::<4>(who), set(n));
        few.inner |= own;
        few.link = _mm512_mask_permutexvar_epi32(few.link, own, who, one.link);
        few.window = _mm512_mask_permutexvar_epi32(few.window, own, who, one.window);
    }
    // Each round takes at least one of 32 bits.
    for _ in 0..32 {
        few.descend(trie);
        if few.inner == 0 {
            break;
        }
    }
    let mut before = 0;
    for one in all {
        let place = _mm512_add_epi32(numbers(), set(before));
        let lanes = one.inner;
        one.result = _mm512_mask_expand_epi32(one.result, lanes, _mm512_permutexvar_epi32(place, few.result));
        one.wanted = _mm512_mask_expand_epi32(one.wanted, lanes, _mm512_permutexvar_epi32(place, few.wanted));
        one.window = _mm512_mask_expand_epi32(one.window, lanes, _mm512_permutexvar_epi32(place, few.window));
        before += lanes.count_ones();
    }
}
