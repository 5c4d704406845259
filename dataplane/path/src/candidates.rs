//! Plain segments to port 25 of a burst: their sources are looked up together, then each is judged.
//!
//! Reading one again would find nothing else, so the verdict begins where the parser would have ended. IPv4 goes before
//! IPv6, each without a branch on which it is.

use gate25_include::image::{Image, SourceValue};

use crate::brief::{Brief, NetworkAt};
use crate::burst::Sorted;
use crate::frame::Frame;
use crate::frames::{BURST, Frames, bits, places};
use crate::parse::{ACK, SYN};
use crate::verdict::Action;

/// The verdicts on the plain segments to port 25 of a burst, and which frames are such.
#[derive(Clone, Debug)]
pub(crate) struct Briefs {
    /// A bit for each that has a verdict here.
    pub(crate) judged: u64,
    /// A bit for each of them that does not pass, of those over IPv4 and of those over IPv6.
    pub(crate) stopped: [u64; 2],
    /// A bit for each of them that is to be answered.
    pub(crate) answered: u64,
    pub(crate) briefs: [Brief; BURST],
}

impl Briefs {
    /// On no frame.
    pub(crate) const NONE: Self = Self { judged: 0, stopped: [0; 2], answered: 0, briefs: [Brief::NONE; BURST] };

    /// Forgets every verdict.
    #[inline]
    pub(crate) fn clear(&mut self) {
        (self.judged, self.stopped, self.answered) = (0, [0; 2], 0);
    }
}

/// Judges the segments to port 25 in `sorted`, all outbound. If one is not there after all, its family gets no verdicts.
#[inline(never)]
pub(crate) fn judge_segments(image: &Image, frames: &Frames<'_>, sorted: &Sorted, briefs: &mut Briefs) {
    let [mut stopped4, mut stopped6] = [0; 2];
    if sorted.smtp4 != 0 {
        let (mut sources, mut found) = ([0; BURST], [SourceValue::default(); BURST]);
        if let Some((sources, first)) = gather(frames, sorted, sorted.smtp4, source4, &mut sources) {
            image.sources4(sources, &mut found);
            stopped4 = judge_each::<false>(image, frames, sorted, first, &found, briefs);
        }
    }
    if sorted.smtp6 != 0 {
        let (mut sources, mut found) = ([0; BURST], [SourceValue::default(); BURST]);
        if let Some((sources, first)) = gather(frames, sorted, sorted.smtp6, source6, &mut sources) {
            image.sources6(sources, &mut found);
            stopped6 = judge_each::<true>(image, frames, sorted, first, &found, briefs);
        }
    }
    briefs.stopped = [stopped4, stopped6];
}

/// Collects the source addresses of the frames in `mask`, and a bit for each that is a SYN without ACK, in the same order.
/// The first pass has seen the `N` bytes of headers; were it wrong for one, none.
#[inline]
fn gather<'s, A, const N: usize>(
    frames: &Frames<'_>,
    sorted: &Sorted,
    mask: u64,
    read: impl Fn(&[u8; N]) -> (A, u8),
    sources: &'s mut [A; BURST],
) -> Option<(&'s [A], u64)> {
    let (mut count, mut first) = (0, 0);
    for (place, to) in places(mask).zip(&mut *sources) {
        let at = sorted.network_at.get(place).copied().unwrap_or(0).into();
        let (source, flags) = read(frames.get(place).get(at..)?.first_chunk()?);
        *to = source;
        first |= u64::from(flags & (SYN | ACK) == SYN) << count;
        count += 1;
    }
    Some((sources.get(..count)?, first))
}

/// Source and TCP flags in headers of 20 bytes and TCP's first 14.
#[inline]
fn source4(headers: &[u8; 34]) -> (u32, u8) {
    let [_, _, _, _, _, _, _, _, _, _, _, _, s0, s1, s2, s3, .., flags] = *headers;
    (u32::from_be_bytes([s0, s1, s2, s3]), flags)
}

/// Source and TCP flags in headers of 40 bytes and TCP's first 14.
#[inline]
fn source6(headers: &[u8; 54]) -> (u128, u8) {
    let [_, _, _, _, _, _, _, _, source @ .., flags] = headers;
    (source.first_chunk().map_or(0, |source| u128::from_be_bytes(*source)), *flags)
}

/// Judges each by what was found of its source; `first` and `found` are in the order of the frames. Returns a bit for each
/// frame that does not pass.
#[inline]
fn judge_each<const V6: bool>(
    image: &Image,
    frames: &Frames<'_>,
    sorted: &Sorted,
    first: u64,
    found: &[SourceValue; BURST],
    briefs: &mut Briefs,
) -> u64 {
    let mask = if V6 { sorted.smtp6 } else { sorted.smtp4 };
    let (mut judged, mut stopped, mut answered) = (0, 0, 0);
    for (((place, bit), found), number) in bits(mask).zip(found).zip(0..) {
        let at = NetworkAt::new(sorted.network_at.get(place).copied().unwrap_or(0), V6);
        let frame = Frame::whole(frames.get(place));
        let brief = Brief::of(image, frame, at, first >> number & 1 == 1, found.matched());
        if let (Some(brief), Some(to)) = (brief, briefs.briefs.get_mut(place)) {
            *to = brief;
            judged |= bit;
            stopped |= if brief.action != Action::Pass { bit } else { 0 };
            answered |= if brief.action == Action::Reject { bit } else { 0 };
        }
    }
    briefs.judged |= judged;
    briefs.answered |= answered;
    stopped
}
