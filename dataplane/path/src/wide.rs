//! The forms for many frames at once, with AVX-512: the first pass ([`sort`]) and the verdict on plain segments
//! ([`judge`]).
//!
//! Promise: what the scalar forms say, or, of the first pass, nothing. `unsafe` is the loads by address.

mod judge;
mod sort;

use gate25_include::image::PoolHead;

use crate::brief::Brief;
use crate::burst::Sorted;
use crate::candidates::{Found, Judged};
use crate::frame::Direction;
use crate::frames::{BURST, Frames};

/// Proof that this CPU has AVX-512F and AVX-512BW, as every one with AVX-512 that a router is built with.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Wide(());

impl Wide {
    /// If the CPU can. Asked of the CPU once in a process, then a load.
    #[inline]
    pub(crate) fn new() -> Option<Self> {
        (is_x86_feature_detected!("avx512f")
            && is_x86_feature_detected!("avx512bw")
            && is_x86_feature_detected!("popcnt"))
        .then_some(Self(()))
    }

    /// Sorts what it is sure of. `ends`: whether there are tunnel ends of ours in IPv4 and in IPv6.
    #[inline]
    #[allow(unsafe_code)]
    pub(crate) fn sort(self, frames: &Frames<'_>, ends: (bool, bool), direction: Direction, sorted: &mut Sorted) {
        // SAFETY: `self` proves that the CPU has what `sort` is compiled for.
        unsafe { sort::sort(frames, ends, direction, sorted) }
    }

    /// Judges the segments in `four` and `six`, whose IP headers are at `network_at`, and writes their verdicts into `briefs`.
    #[inline]
    #[allow(unsafe_code)]
    pub(crate) fn judge(
        self,
        heads: &[PoolHead],
        network_at: &[u8; BURST],
        four: &Found,
        six: &Found,
        briefs: &mut [Brief; BURST],
    ) -> Judged {
        // SAFETY: `self` proves that the CPU has what `judge` is compiled for.
        unsafe { judge::judge(heads, network_at, four, six, briefs) }
    }
}
