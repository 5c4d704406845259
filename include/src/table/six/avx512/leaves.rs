//! The last stage of a burst: the leaves, one comparison of eight entries for each address that has one.

use std::arch::x86_64::*;

use super::super::layout::{BEHIND, CHILD, CONTENT_SHIFT};
use super::super::words::Words;
use super::lanes::{load, set, store};
use super::{AT_ONCE, Sixteen, groups, together};

/// Looks into the leaves and writes what is found; gives those that lead on, a bit each.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,bmi1,bmi2,popcnt")]
pub(super) fn leaves<const KEYS: usize, const N: usize>(
    trie: &Words<'_>,
    all: &mut [Sixteen; N],
    found: &mut [u32; KEYS],
) -> u64 {
    let mut count = 0;
    for one in all.iter_mut() {
        one.some = _mm512_test_epi32_mask(one.wanted, one.wanted);
        count += one.some.count_ones();
    }
    // Two ways, of which one workload nearly always takes the same.
    if count > 16 {
        return many::<KEYS, N>(trie, all, found);
    }
    for (n, one) in all.iter().enumerate() {
        store(found, 16 * n, _mm512_srli_epi32::<CONTENT_SHIFT>(one.result));
    }
    let who = together(all);
    let (mut wanted, mut window) = (_mm512_setzero_si512(), _mm512_setzero_si512());
    for (n, one) in (0..).zip(all.iter()) {
        let own = _mm512_cmpeq_epi32_mask(_mm512_srli_epi32::<4>(who), set(n));
        wanted = _mm512_mask_permutexvar_epi32(wanted, own, who, one.wanted);
        window = _mm512_mask_permutexvar_epi32(window, own, who, one.window);
    }
    let mut leaves = Leaves::<16>::new();
    leaves.set(0, trie.leaves(wanted), window);
    let mut places = [0; 16];
    store(&mut places, 0, who);
    let mut further = 0;
    for group in 0..groups(count) {
        for n in AT_ONCE * group..AT_ONCE * (group + 1) {
            // What is over has no lanes: it leaves what is found there.
            let place = places.get(n).map_or(0, |place| *place as usize & 63);
            if let Some(found) = found.get_mut(place) {
                let entry = leaves.entry(trie, n, *found << CONTENT_SHIFT);
                *found = entry >> CONTENT_SHIFT;
                further |= u64::from(entry >> CHILD.trailing_zeros() & 1) << place;
            }
        }
    }
    further
}

/// The same when there are many: for all, leaf or not.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,bmi1,bmi2,popcnt")]
fn many<const KEYS: usize, const N: usize>(trie: &Words<'_>, all: &[Sixteen; N], found: &mut [u32; KEYS]) -> u64 {
    let mut leaves = Leaves::<KEYS>::new();
    for (n, one) in all.iter().enumerate() {
        leaves.set(16 * n, trie.leaves(one.wanted), one.window);
        store(found, 16 * n, one.result);
    }
    for (n, found) in found.iter_mut().enumerate() {
        *found = leaves.entry(trie, n, *found);
    }
    let mut further = 0;
    for n in 0..N {
        let result = load(found, 16 * n);
        further |= u64::from(_mm512_test_epi32_mask(result, set(CHILD as u32))) << (16 * n);
        store(found, 16 * n, _mm512_srli_epi32::<CONTENT_SHIFT>(result));
    }
    further
}

/// Leaves that are looked into.
#[repr(align(64))]
struct Leaves<const ROOM: usize> {
    /// Their lines: bytes from the table's start.
    lines: [u32; ROOM],
    /// The lanes in them that are theirs.
    lanes: [u32; ROOM],
    /// What is looked for.
    windows: [u32; ROOM],
}

impl<const ROOM: usize> Leaves<ROOM> {
    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,bmi1,bmi2,popcnt")]
    fn new() -> Leaves<ROOM> {
        Leaves { lines: [0; ROOM], lanes: [0; ROOM], windows: [0; ROOM] }
    }

    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,bmi1,bmi2,popcnt")]
    fn set(&mut self, at: usize, [lines, lanes]: [__m512i; 2], windows: __m512i) {
        store(&mut self.lines, at, lines);
        store(&mut self.lanes, at, lanes);
        store(&mut self.windows, at, windows);
    }

    /// The first entry of the `n`-th that holds the address, its lower half; `otherwise` if none does.
    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,bmi1,bmi2,popcnt")]
    fn entry(&self, trie: &Words<'_>, n: usize, otherwise: u32) -> u32 {
        let of = |words: &[u32; ROOM]| words.get(n).copied().unwrap_or(0);
        let line = trie.all.as_ptr().cast::<u8>().wrapping_add(of(&self.lines) as usize);
        // SAFETY: the line is at most the last one.
        let eight = unsafe { _mm512_loadu_si512(line.cast()) };
        let behind = _mm512_and_si512(eight, _mm512_set1_epi64(BEHIND as i64));
        // The lower halves of the entries are shifted out.
        let differs = _mm512_srli_epi64::<1>(_mm512_xor_si512(eight, set(of(&self.windows))));
        let differs = _mm512_srlv_epi64(differs, behind);
        let holds = u32::from(_mm512_testn_epi64_mask(differs, differs)) & of(&self.lanes);
        let lane = holds.trailing_zeros() as usize & 7;
        // SAFETY: one of the eight entries of that line.
        let entry = unsafe { line.cast::<u32>().wrapping_add(2 * lane).read_unaligned() };
        if holds == 0 { otherwise } else { entry }
    }
}
