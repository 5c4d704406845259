//! The forms for many frames at once: the first pass with AVX-512 ([`sort`]) or AVX2 ([`avx2`]), and the verdict on plain
//! segments with AVX-512 ([`judge`]).
//!
//! Promise: what the scalar forms say, or, of the first pass, nothing. `unsafe` is the loads by address.

mod avx2;
mod judge;
mod sort;

use gate25_include::image::PoolHead;

use crate::brief::Brief;
use crate::burst::{Form, Sorted};
use crate::candidates::{Found, Judged};
use crate::frame::Direction;
use crate::frames::{BURST, Frames};

/// A form, and proof that this CPU has its instructions.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Wide {
    /// AVX-512F, AVX-512BW and POPCNT.
    Avx512(Seen),
    /// AVX2.
    Avx2(Seen),
}

/// Made here only, when the CPU was asked.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Seen(());

impl Wide {
    /// If the CPU can, and it is to be. Asked of the CPU once in a process, then a load.
    #[inline]
    pub(crate) fn new(form: Form) -> Option<Self> {
        match form {
            Form::Scalar => None,
            Form::Avx2 => Self::avx2(),
            Form::Best => Self::avx512().or_else(Self::avx2),
        }
    }

    #[inline]
    fn avx512() -> Option<Self> {
        let seen = is_x86_feature_detected!("avx512f")
            && is_x86_feature_detected!("avx512bw")
            && is_x86_feature_detected!("popcnt");
        seen.then_some(Self::Avx512(Seen(())))
    }

    #[inline]
    fn avx2() -> Option<Self> {
        is_x86_feature_detected!("avx2").then_some(Self::Avx2(Seen(())))
    }

    /// Sorts what it is sure of. `ends`: whether there are tunnel ends of ours in IPv4 and in IPv6.
    #[inline]
    #[allow(unsafe_code)]
    pub(crate) fn sort(self, frames: &Frames<'_>, ends: (bool, bool), direction: Direction, sorted: &mut Sorted) {
        match self {
            // SAFETY: `Seen` proves that the CPU has what this is compiled for.
            Self::Avx512(_) => unsafe { sort::sort(frames, ends, direction, sorted) },
            // SAFETY: as above.
            Self::Avx2(_) => unsafe { avx2::sort(frames, ends, direction, sorted) },
        }
    }

    /// Judges the segments in `four` and `six`, whose IP headers are at `network_at`, and writes their verdicts into `briefs`;
    /// none where one by one is the only form.
    #[inline]
    #[allow(unsafe_code)]
    pub(crate) fn judge(
        self,
        heads: &[PoolHead],
        network_at: &[u8; BURST],
        four: &Found,
        six: &Found,
        briefs: &mut [Brief; BURST],
    ) -> Option<Judged> {
        match self {
            // SAFETY: `Seen` proves that the CPU has what this is compiled for.
            Self::Avx512(_) => Some(unsafe { judge::judge(heads, network_at, four, six, briefs) }),
            Self::Avx2(_) => None,
        }
    }
}
