//! Up to 64 frames as the first pass takes them: addresses and lengths apart, so that registers hold sixteen of each.
//!
//! Owns no bytes. Promise: an address and its length are those of one slice that lives as long as `'a`.
#![allow(unsafe_code)]

use std::marker::PhantomData;

/// Frames judged in one go.
pub const BURST: usize = 64;

/// Views of frames, in the order in which they came.
#[derive(Clone, Debug)]
pub struct Frames<'a> {
    at: [*const u8; BURST],
    len: [u32; BURST],
    count: usize,
    bytes: PhantomData<&'a [u8]>,
}

impl<'a> Frames<'a> {
    /// No frame.
    #[must_use]
    #[inline]
    pub const fn new() -> Self {
        Self { at: [std::ptr::dangling(); BURST], len: [0; BURST], count: 0, bytes: PhantomData }
    }

    /// How many there are.
    #[must_use]
    #[inline]
    pub const fn len(&self) -> usize {
        self.count
    }

    /// Whether there is none.
    #[must_use]
    #[inline]
    pub const fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// The bytes of frame `index`; none if there is no such frame.
    #[must_use]
    #[inline]
    pub fn get(&self, index: usize) -> &'a [u8] {
        match (self.at.get(index), self.len.get(index)) {
            // SAFETY: `from_iter` wrote both from one slice that lives as long as 'a; behind the last frame the length is 0.
            (Some(at), Some(len)) => unsafe { std::slice::from_raw_parts(*at, *len as usize) },
            _ => &[],
        }
    }

    /// A bit for each frame.
    #[inline]
    pub(crate) const fn all(&self) -> u64 {
        match self.count {
            0 => 0,
            count => u64::MAX >> (BURST - count),
        }
    }

    /// Addresses and lengths, `N` at a time; behind the last frame lengths are 0. `N` divides [`BURST`].
    #[cfg(target_arch = "x86_64")]
    #[inline]
    pub(crate) fn chunks<const N: usize>(&self) -> impl Iterator<Item = (&[*const u8; N], &[u32; N])> {
        const { assert!(BURST.is_multiple_of(N)) };
        let (at, _) = self.at.as_chunks::<N>();
        let (len, _) = self.len.as_chunks::<N>();
        at.iter().zip(len).take(self.count.div_ceil(N))
    }
}

impl Default for Frames<'_> {
    fn default() -> Self {
        Self::new()
    }
}

impl<'a> FromIterator<&'a [u8]> for Frames<'a> {
    /// Frames past [`BURST`] are left out. Bytes behind a frame's first 4 GiB are not seen.
    #[inline]
    fn from_iter<I: IntoIterator<Item = &'a [u8]>>(frames: I) -> Self {
        let mut all = Self::new();
        // Counted in a register: a counter in memory would make each frame wait for the one before.
        let mut count = 0;
        for ((frame, at), len) in frames.into_iter().zip(&mut all.at).zip(&mut all.len) {
            *at = frame.as_ptr();
            *len = u32::try_from(frame.len()).unwrap_or(u32::MAX);
            count += 1;
        }
        all.count = count;
        all
    }
}

const _: () = assert!(BURST == 64, "a bit for each");

/// The places of the bits that are set, lowest first.
#[inline]
pub fn places(mask: u64) -> impl Iterator<Item = usize> {
    bits(mask).map(|(place, _)| place)
}

/// The places of the bits that are set, lowest first, each with its bit.
#[inline]
pub(crate) fn bits(mut mask: u64) -> impl Iterator<Item = (usize, u64)> {
    std::iter::from_fn(move || {
        let bit = mask & mask.wrapping_neg();
        // 63 at most; said so that a look into 64 entries needs no check.
        let place = (mask != 0).then(|| (mask.trailing_zeros() as usize % BURST, bit));
        mask ^= bit;
        place
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_past_the_last_is_left_out_and_none_is_empty() {
        let bytes: Vec<u8> = (0..=BURST as u8).collect();
        let frames: Frames<'_> = bytes.chunks(1).collect();
        assert_eq!((frames.len(), frames.all()), (BURST, u64::MAX));
        assert_eq!((frames.get(63), frames.get(64)), (&[63][..], &[][..]));
        let three: Frames<'_> = bytes.chunks(1).take(3).collect();
        assert_eq!((three.all(), three.get(2), three.get(3)), (7, &[2][..], &[][..]));
        assert_eq!((Frames::new().all(), Frames::new().is_empty()), (0, true));
    }

    #[test]
    fn places_are_those_of_the_bits() {
        assert_eq!(places(1 << 63 | 0b101).collect::<Vec<_>>(), [0, 2, 63]);
        assert_eq!(places(0).count(), 0);
    }
}
