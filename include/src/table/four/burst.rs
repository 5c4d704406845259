//! The look-up of a burst: 32 keys go through the trie together, stage by stage, with AVX-512 gathers.
//!
//! What is common goes this way: a value in the root, a run of /24s, a dense /24. Keys of sparse or wide nodes
//! are looked up one by one behind them, and so are the values of exceptional addresses. The answers are
//! those of [`find()`]. No gather leaves the table, whatever its words say: every index is clamped.
#![allow(unsafe_code)]

use super::*;

/// Keys that go through the stages together.
const WIDTH: usize = 32;

/// How bursts are looked up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// One key behind the other.
    Scalar,
    /// 16 lanes; needs AVX512F and AVX512VPOPCNTDQ.
    Avx512,
}

impl Form {
    /// Every form this CPU can run.
    pub fn all() -> impl Iterator<Item = Form> {
        [Form::Scalar, Form::Avx512].into_iter().filter(|form| form.runs_here())
    }

    #[inline]
    fn runs_here(self) -> bool {
        match self {
            Form::Scalar => true,
            #[cfg(target_arch = "x86_64")]
            Form::Avx512 => is_x86_feature_detected!("avx512f") && is_x86_feature_detected!("avx512vpopcntdq"),
            #[cfg(not(target_arch = "x86_64"))]
            Form::Avx512 => false,
        }
    }
}

/// [`find()`] for each key, in the fastest form of this CPU; of slices of different lengths the shorter one counts.
#[inline]
pub fn find_burst(table: &[u32], keys: &[u32], found: &mut [u32]) {
    find_burst_as(Form::Avx512, table, keys, found);
}

/// [`find_burst`] in this form, or scalar if the CPU cannot run it.
pub fn find_burst_as(form: Form, table: &[u32], keys: &[u32], found: &mut [u32]) {
    #[cfg(target_arch = "x86_64")]
    if form == Form::Avx512 && form.runs_here() && (2..=i32::MAX as usize).contains(&table.len()) {
        // SAFETY: the CPU has what the function needs, and the table has words, fewer than 2^31.
        return unsafe { wide::find_burst(table, keys, found) };
    }
    let _ = form;
    for (key, found) in keys.iter().zip(found) {
        *found = find(table, *key);
    }
}

#[cfg(target_arch = "x86_64")]
mod wide {
    use std::arch::x86_64::*;

    use super::*;

    type Pair = [__m512i; 2];
    type Masks = [__mmask16; 2];

    /// # Safety
    /// `table` has 2 to 2^31 - 1 words.
    #[target_feature(enable = "avx512f,avx512vpopcntdq")]
    pub(super) unsafe fn find_burst(table: &[u32], keys: &[u32], found: &mut [u32]) {
        let count = keys.len().min(found.len());
        let (keys, found) = (keys.get(..count).unwrap_or_default(), found.get_mut(..count).unwrap_or_default());
        let (whole, rest) = keys.as_chunks::<WIDTH>();
        let (places, last) = found.as_chunks_mut::<WIDTH>();
        for (keys, found) in whole.iter().zip(places) {
            // SAFETY: as the caller says.
            unsafe { chunk(table, keys, found) };
        }
        if !rest.is_empty() {
            let (mut keys, mut found) = ([rest.first().copied().unwrap_or(0); WIDTH], [0; WIDTH]);
            keys.iter_mut().zip(rest).for_each(|(place, key)| *place = *key);
            // SAFETY: as the caller says.
            unsafe { chunk(table, &keys, &mut found) };
            last.iter_mut().zip(found).for_each(|(place, value)| *place = value);
        }
    }

    /// # Safety
    /// `table` has 2 to 2^31 - 1 words.
    #[inline]
    #[target_feature(enable = "avx512f,avx512vpopcntdq")]
    unsafe fn chunk(table: &[u32], keys: &[u32; WIDTH], found: &mut [u32; WIDTH]) {
        let table_of = Gather { table, last: _mm512_set1_epi32(table.len() as i32 - 1) };
        // SAFETY: 32 words are there to be read.
        let key: Pair = unsafe { [load(keys.as_ptr()), load(keys.as_ptr().add(16))] };
        let root = |k| _mm512_add_epi32(_mm512_srli_epi32::<16>(k), _mm512_set1_epi32(ROOT as i32));
        // SAFETY: as the caller says; so it is for every gather below.
        let entry: Pair = unsafe { [table_of.words(!0, root(key[0])), table_of.words(!0, root(key[1]))] };
        let is = |tag: u32| -> Masks {
            let tag = _mm512_set1_epi32(tag as i32);
            entry.map(|entry| _mm512_cmpeq_epi32_mask(_mm512_srli_epi32::<TAG_SHIFT>(entry), tag))
        };
        let (in_root, runs, dense) = (is(0), is(RUNS), is(DENSE));
        let mut value = entry;
        let (mut exceptional, mut bits) = ([0, 0], entry);
        if dense[0] | dense[1] != 0 {
            // SAFETY: as above.
            (exceptional, bits) = unsafe { table_of.dense(dense, entry, key, &mut value) };
        }
        if runs[0] | runs[1] != 0 {
            // SAFETY: as above.
            unsafe { table_of.runs(runs, entry, key, &mut value) };
        }
        store(value, found);
        let exceptional = joined(exceptional);
        if exceptional != 0 {
            // One by one: gathers for so few lanes would hold up the next keys' gathers for longer.
            let [mut entries, mut words] = [[0; WIDTH]; 2];
            store(entry, &mut entries);
            store(bits, &mut words);
            each(exceptional, |index| {
                let (Some(entry), Some(bits)) = (entries.get(index), words.get(index)) else { return };
                if let (Some(key), Some(found)) = (keys.get(index), found.get_mut(index)) {
                    *found = find::exception(table, (entry & PLACE_MASK) as usize * LINE_WORDS, *bits, *key);
                }
            });
        }
        each(!(joined(in_root) | joined(runs) | joined(dense)), |index| {
            if let (Some(key), Some(found)) = (keys.get(index), found.get_mut(index)) {
                *found = find(table, *key);
            }
        });
    }

    /// The lanes of both halves.
    #[inline]
    fn joined(masks: Masks) -> u32 {
        u32::from(masks[0]) | u32::from(masks[1]) << 16
    }

    #[inline]
    fn each(mut lanes: u32, mut one: impl FnMut(usize)) {
        while lanes != 0 {
            one(lanes.trailing_zeros() as usize);
            lanes &= lanes - 1;
        }
    }

    #[inline]
    #[target_feature(enable = "avx512f")]
    fn store(pair: Pair, to: &mut [u32; WIDTH]) {
        // SAFETY: 32 words are there to be written.
        unsafe {
            _mm512_storeu_epi32(to.as_mut_ptr().cast(), pair[0]);
            _mm512_storeu_epi32(to.as_mut_ptr().add(16).cast(), pair[1]);
        }
    }

    #[inline]
    #[target_feature(enable = "avx512f")]
    unsafe fn load(at: *const u32) -> __m512i {
        // SAFETY: 16 words are there, says the caller.
        unsafe { _mm512_loadu_epi32(at.cast()) }
    }

    /// The table, and the index of its last word in each lane.
    struct Gather<'a> {
        table: &'a [u32],
        last: __m512i,
    }

    impl Gather<'_> {
        /// The words at these indexes in the lanes of `mask`, 0 in the others.
        #[inline]
        #[target_feature(enable = "avx512f")]
        unsafe fn words(&self, mask: __mmask16, index: __m512i) -> __m512i {
            let index = _mm512_min_epu32(index, self.last);
            // SAFETY: every index is at most that of the last word, which is below 2^31.
            unsafe { _mm512_mask_i32gather_epi32::<4>(_mm512_setzero_si512(), mask, index, self.table.as_ptr().cast()) }
        }

        /// The pairs of words at these indexes, which count pairs: all first words, all second words.
        #[inline]
        #[target_feature(enable = "avx512f")]
        unsafe fn pairs(&self, mask: __mmask16, index: __m512i) -> [__m512i; 2] {
            let last = _mm512_set1_epi32((self.table.len() / 2 - 1) as i32);
            let index = _mm512_min_epu32(index, last);
            let (low, high) = (_mm512_castsi512_si256(index), _mm512_extracti64x4_epi64::<1>(index));
            let (none, at) = (_mm512_setzero_si512(), self.table.as_ptr().cast());
            // SAFETY: every index is at most that of the last whole pair.
            let (low, high) = unsafe {
                let low = _mm512_mask_i32gather_epi64::<8>(none, mask as u8, low, at);
                (low, _mm512_mask_i32gather_epi64::<8>(none, (mask >> 8) as u8, high, at))
            };
            let even = _mm512_set_epi32(30, 28, 26, 24, 22, 20, 18, 16, 14, 12, 10, 8, 6, 4, 2, 0);
            let odd = _mm512_or_si512(even, _mm512_set1_epi32(1));
            [_mm512_permutex2var_epi32(low, even, high), _mm512_permutex2var_epi32(low, odd, high)]
        }

        /// Dense /16s: writes the usual values; gives the lanes whose address is exceptional, and their bitmaps' words.
        #[inline]
        #[target_feature(enable = "avx512f,avx512vpopcntdq")]
        unsafe fn dense(&self, mask: Masks, entry: Pair, key: Pair, value: &mut Pair) -> (Masks, Pair) {
            // SAFETY: as for `words`.
            let records = unsafe {
                [self.pairs(mask[0], record(entry[0], key[0])), self.pairs(mask[1], record(entry[1], key[1]))]
            };
            let at = |[_, place]: Pair, key| {
                let word = _mm512_and_si512(_mm512_srli_epi32::<5>(key), set(7));
                _mm512_add_epi32(_mm512_slli_epi32::<3>(place), word)
            };
            let at = [at(records[0], key[0]), at(records[1], key[1])];
            // SAFETY: as for `words`.
            let bits = unsafe { [self.words(mask[0], at[0]), self.words(mask[1], at[1])] };
            let exceptional = |mask, bits, key| {
                let bit = _mm512_sllv_epi32(set(1), _mm512_and_si512(key, set(31)));
                _mm512_mask_test_epi32_mask(mask, bits, bit)
            };
            let some = [exceptional(mask[0], bits[0], key[0]), exceptional(mask[1], bits[1], key[1])];
            *value = blend(*value, mask, [records[0][0], records[1][0]]);
            (some, bits)
        }

        /// The values with these numbers of the lists at these words.
        #[inline]
        #[target_feature(enable = "avx512f")]
        unsafe fn listed(&self, mask: u16, list: __m512i, index: __m512i) -> __m512i {
            let palette = set(find::word(self.table, PALETTE_LINE).wrapping_mul(LINE_WORDS as u32));
            // SAFETY: as for `words`.
            let word = unsafe { self.words(mask, _mm512_add_epi32(list, _mm512_srli_epi32::<1>(index))) };
            let shift = _mm512_slli_epi32::<4>(_mm512_and_si512(index, set(1)));
            let number = _mm512_and_si512(_mm512_srlv_epi32(word, shift), set(0xffff));
            // SAFETY: as for `words`.
            unsafe { self.words(mask, _mm512_add_epi32(palette, number)) }
        }

        /// Runs of /24s: writes the values.
        #[inline]
        #[target_feature(enable = "avx512f,avx512vpopcntdq")]
        unsafe fn runs(&self, mask: Masks, entry: Pair, key: Pair, value: &mut Pair) {
            let first = entry.map(|entry| _mm512_slli_epi32::<4>(_mm512_and_si512(entry, set(PLACE_MASK))));
            let position = key.map(|key| _mm512_srli_epi32::<8>(key));
            let bits_at =
                |first, position| _mm512_add_epi32(first, _mm512_and_si512(_mm512_srli_epi32::<5>(position), set(7)));
            let bits_at = [bits_at(first[0], position[0]), bits_at(first[1], position[1])];
            let counts_at = |first, position| {
                _mm512_add_epi32(_mm512_add_epi32(first, set(BITMAP_WORDS as u32)), counts_word(position))
            };
            let counts_at = [counts_at(first[0], position[0]), counts_at(first[1], position[1])];
            // SAFETY: as for `words`.
            let bits = unsafe { [self.words(mask[0], bits_at[0]), self.words(mask[1], bits_at[1])] };
            // SAFETY: as for `words`.
            let counts = unsafe { [self.words(mask[0], counts_at[0]), self.words(mask[1], counts_at[1])] };
            let rank = [ranked(counts[0], bits[0], position[0]), ranked(counts[1], bits[1], position[1])];
            let list = first.map(|first| _mm512_add_epi32(first, set(RUNS_HEAD as u32)));
            // SAFETY: as for `words`.
            let values = unsafe { [self.listed(mask[0], list[0], rank[0]), self.listed(mask[1], list[1], rank[1])] };
            *value = blend(*value, mask, values);
        }
    }

    #[inline]
    #[target_feature(enable = "avx512f")]
    fn set(value: u32) -> __m512i {
        _mm512_set1_epi32(value as i32)
    }

    /// `new` in the lanes of `mask`, else `old`.
    #[inline]
    #[target_feature(enable = "avx512f")]
    fn blend(old: Pair, mask: Masks, new: Pair) -> Pair {
        [_mm512_mask_mov_epi32(old[0], mask[0], new[0]), _mm512_mask_mov_epi32(old[1], mask[1], new[1])]
    }

    /// Which of two words of counts belongs to a position (its low 8 bits).
    #[inline]
    #[target_feature(enable = "avx512f")]
    fn counts_word(position: __m512i) -> __m512i {
        _mm512_and_si512(_mm512_srli_epi32::<7>(position), set(1))
    }

    /// [`find::rank`], of positions' low 8 bits.
    #[inline]
    #[target_feature(enable = "avx512f,avx512vpopcntdq")]
    fn ranked(counts: __m512i, bits: __m512i, position: __m512i) -> __m512i {
        let shift = _mm512_and_si512(_mm512_srli_epi32::<2>(position), set(0x18));
        let before = _mm512_and_si512(_mm512_srlv_epi32(counts, shift), set(0xff));
        let bit = _mm512_and_si512(position, set(31));
        let inside = _mm512_sllv_epi32(bits, _mm512_sub_epi32(set(31), bit));
        _mm512_add_epi32(before, _mm512_popcnt_epi32(inside))
    }

    /// The index of a dense /16's record, in pairs of words.
    #[inline]
    #[target_feature(enable = "avx512f")]
    fn record(entry: __m512i, key: __m512i) -> __m512i {
        let line = _mm512_and_si512(entry, _mm512_set1_epi32(PLACE_MASK as i32));
        let position = _mm512_and_si512(_mm512_srli_epi32::<8>(key), _mm512_set1_epi32(0xff));
        _mm512_add_epi32(_mm512_slli_epi32::<3>(line), position)
    }
}
