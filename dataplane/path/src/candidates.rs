//! Plain segments to port 25 of a burst: their sources are looked up together, then each is judged.
//!
//! Plain is what the first pass took for one: one IP header without options or extension headers, TCP right behind it.
//! Reading it again would find nothing else, so the verdict begins where the parser would have ended.

use gate25_include::image::{Image, SourceValue};

use crate::burst::Sorted;
use crate::frame::{Direction, Frame};
use crate::frames::{BURST, Frames, places};
use crate::parse::{Packet, Segment};
use crate::verdict::{Verdict, judge, judge_segment};

/// Judges the segments to port 25 in `sorted`, all outbound.
#[inline(never)]
pub(crate) fn judge_segments(image: &Image, frames: &Frames<'_>, sorted: &Sorted, verdicts: &mut [Verdict; BURST]) {
    let mut found = [SourceValue::default(); BURST];
    if sorted.smtp4 != 0 {
        let mut sources = [0; BURST];
        let count = gather(frames, sorted, sorted.smtp4, 12, u32::from_be_bytes, &mut sources);
        image.sources4(sources.get(..count).unwrap_or_default(), &mut found);
        judge_each(image, frames, sorted, false, &found, verdicts);
    }
    if sorted.smtp6 != 0 {
        let mut sources = [0; BURST];
        let count = gather(frames, sorted, sorted.smtp6, 8, u128::from_be_bytes, &mut sources);
        image.sources6(sources.get(..count).unwrap_or_default(), &mut found);
        judge_each(image, frames, sorted, true, &found, verdicts);
    }
}

/// Collects the source addresses, `offset` bytes into the IP header, of the frames in `mask`. Returns how many.
#[inline]
fn gather<A, const N: usize>(
    frames: &Frames<'_>,
    sorted: &Sorted,
    mask: u64,
    offset: usize,
    read: impl Fn([u8; N]) -> A,
    sources: &mut [A; BURST],
) -> usize {
    let mut count = 0;
    for (place, source) in places(mask).zip(sources) {
        let at = network_at(sorted, place) + offset;
        let bytes = frames.get(place).get(at..).and_then(<[u8]>::first_chunk);
        // The first pass has seen that the header is there.
        *source = read(bytes.copied().unwrap_or([0; N]));
        count += 1;
    }
    count
}

/// Judges each by what was found of its source; `found` is in the order of the frames.
#[inline]
fn judge_each(
    image: &Image,
    frames: &Frames<'_>,
    sorted: &Sorted,
    v6: bool,
    found: &[SourceValue; BURST],
    verdicts: &mut [Verdict; BURST],
) {
    let mask = if v6 { sorted.smtp6 } else { sorted.smtp4 };
    for (place, found) in places(mask).zip(found) {
        let (frame, at) = (Frame::whole(frames.get(place)), network_at(sorted, place));
        let Some(verdict) = verdicts.get_mut(place) else { continue };
        *verdict = match Segment::plain(frame, at, v6) {
            Ok(segment) => judge_segment(image, frame, Packet::plain(at, v6), segment, found.matched()),
            // The first pass has seen the segment; were it wrong, no verdict of an earlier burst may stand here.
            Err(_) => judge(Some(image), Direction::Outbound, frames.get(place)),
        };
    }
}

#[inline]
fn network_at(sorted: &Sorted, place: usize) -> usize {
    sorted.network_at.get(place).copied().unwrap_or(0).into()
}
