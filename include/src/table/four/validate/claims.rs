//! Which granules of a table are used so far: a bit for each, so that those of a table of megabytes stay in L1.

use super::super::GRANULE;

/// The granules that something was found to use.
#[derive(Debug)]
pub(super) struct Claims {
    used: Vec<u64>,
    granules: usize,
}

impl Claims {
    /// Nothing of a table of so many words is used.
    pub(super) fn of(words: usize) -> Claims {
        let granules = words / GRANULE;
        Claims { used: vec![0; granules.div_ceil(64)], granules }
    }

    /// Takes the granules of so many words from `at` on, which begins one. False if one of them is not there or used already.
    #[inline]
    pub(super) fn take(&mut self, at: usize, words: usize) -> bool {
        let (mut first, end) = (at / GRANULE, at.saturating_add(words).div_ceil(GRANULE));
        if end > self.granules {
            return false;
        }
        let mut twice = 0;
        while first < end {
            let (bit, count) = (first % 64, (end - first).min(64 - first % 64));
            let mask = u64::MAX >> (64 - count) << bit;
            if let Some(used) = self.used.get_mut(first / 64) {
                twice |= *used & mask;
                *used |= mask;
            }
            first += count;
        }
        twice == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Against a byte for each granule.
    #[test]
    fn what_is_taken_is_taken_once_and_lies_inside() {
        const GRANULES: usize = 300;
        let mut seed = 1u32;
        for _ in 0..200 {
            let (mut claims, mut plain) = (Claims::of(GRANULES * GRANULE), [false; GRANULES]);
            for _ in 0..20 {
                seed = seed.wrapping_mul(0x9e37_79b1) ^ seed >> 15;
                let (first, words) = ((seed >> 8) as usize % (GRANULES + 2), (seed >> 20) as usize % 600);
                let taken = plain.get_mut(first..first + words.div_ceil(GRANULE));
                let free = taken.map(|granules| granules.iter_mut().all(|one| !std::mem::replace(one, true)));
                assert_eq!(claims.take(first * GRANULE, words), free == Some(true), "{first} {words}");
                if free != Some(true) {
                    break;
                }
            }
        }
        assert!(!Claims::of(64).take(usize::MAX & !3, 8));
    }
}
