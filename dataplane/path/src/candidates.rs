//! Plain segments to port 25 of a burst: their sources are looked up together, then each is judged.
//!
//! Reading one again would find nothing else, so the verdict begins where the parser would have ended. IPv4 is looked up
//! before IPv6, each without a branch on which it is; then all are judged, eight at a time where the CPU can.

use gate25_include::image::{Image, PoolHead};

use crate::brief::{Brief, NetworkAt};
use crate::burst::Sorted;
use crate::frames::{BURST, Frames, bits};
use crate::parse::{ACK, SYN};
use crate::verdict::Action;
use crate::wide::Wide;

/// The verdicts on the plain segments to port 25 of a burst, and which frames are such.
#[derive(Clone, Debug)]
pub(crate) struct Briefs {
    /// A bit for each that has a verdict here.
    pub(crate) judged: u64,
    /// A bit for each of them that is `blocked`, which is all that do not pass, of those over IPv4 and of those over IPv6.
    pub(crate) blocked: [u64; 2],
    /// A bit for each of them that is to be answered.
    pub(crate) answered: u64,
    pub(crate) briefs: [Brief; BURST],
    four: Family<u32>,
    six: Family<u128>,
}

impl Briefs {
    /// On no frame.
    pub(crate) const NONE: Self = Self {
        judged: 0,
        blocked: [0; 2],
        answered: 0,
        briefs: [Brief::NONE; BURST],
        four: Family { sources: [0; BURST], found: Found::NONE },
        six: Family { sources: [0; BURST], found: Found::NONE },
    };

    /// Forgets every verdict.
    #[inline]
    pub(crate) fn clear(&mut self) {
        (self.judged, self.blocked, self.answered) = (0, [0; 2], 0);
    }
}

/// Room for one family's look-up, kept from burst to burst so that it need not be cleared.
#[derive(Clone, Debug)]
struct Family<A> {
    sources: [A; BURST],
    found: Found,
}

/// What was found of the sources of one family's plain segments.
#[derive(Clone, Debug)]
pub(crate) struct Found {
    /// A bit for each segment.
    pub(crate) mask: u64,
    /// A bit for each of them that is a SYN without ACK.
    pub(crate) first: u64,
    /// The source table's values, in the order of the frames.
    pub(crate) values: [u32; BURST],
}

impl Found {
    const NONE: Self = Self { mask: 0, first: 0, values: [0; BURST] };
}

/// What became of plain segments, a bit each.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Judged {
    /// Those about which something else has to be asked: their verdict is not yet one.
    pub(crate) asked: u64,
    /// Those that are `blocked`: for no other reason one is stopped.
    pub(crate) blocked: u64,
}

/// Judges the segments to port 25 in `sorted`, all outbound. If one is not there after all, its family gets no verdicts.
#[inline(never)]
pub(crate) fn judge_segments(
    image: &Image,
    frames: &Frames<'_>,
    sorted: &Sorted,
    wide: Option<Wide>,
    briefs: &mut Briefs,
) {
    let Briefs { judged: has_verdict, blocked, answered, briefs, four, six } = briefs;
    four.find(frames, sorted, sorted.smtp4, source4, |sources, values| image.sources4(sources, values));
    six.find(frames, sorted, sorted.smtp6, source6, |sources, values| image.sources6(sources, values));
    let (heads, at, four, six) = (image.pool_heads(), &sorted.network_at, &four.found, &six.found);
    let mut judged = wide.and_then(|wide| wide.judge(heads, at, four, six, briefs)).unwrap_or_else(|| {
        let [four, six] = [judge::<false>(heads, at, four, briefs), judge::<true>(heads, at, six, briefs)];
        Judged { asked: four.asked | six.asked, blocked: four.blocked | six.blocked }
    });
    *has_verdict = four.mask | six.mask;
    for (place, bit) in bits(judged.asked) {
        let Some(brief) = briefs.get_mut(place) else { continue };
        match brief.asked(image, frames.get(place)) {
            Some(verdict) => {
                *brief = verdict;
                judged.blocked |= if verdict.action() == Action::Pass { 0 } else { bit };
                *answered |= if verdict.action() == Action::Reject { bit } else { 0 };
            }
            None => *has_verdict &= !bit,
        }
    }
    *blocked = [judged.blocked & four.mask, judged.blocked & six.mask];
}

impl<A> Family<A> {
    /// Looks up the sources of the frames in `mask`. The first pass has seen the `N` bytes of headers; were it wrong for
    /// one, none is found.
    #[inline]
    fn find<const N: usize>(
        &mut self,
        frames: &Frames<'_>,
        sorted: &Sorted,
        mask: u64,
        read: impl Fn(&[u8; N]) -> (A, u8),
        look_up: impl Fn(&[A], &mut [u32]),
    ) {
        let (mut first, mut count) = (0, 0);
        self.found.mask = 0;
        for ((place, bit), to) in bits(mask).zip(&mut self.sources) {
            let at = usize::from(sorted.network_at.get(place).copied().unwrap_or(0));
            let Some(headers) = frames.get(place).get(at..).and_then(<[u8]>::first_chunk) else { return };
            let (source, flags) = read(headers);
            *to = source;
            first |= if flags & (SYN | ACK) == SYN { bit } else { 0 };
            count += 1;
        }
        (self.found.mask, self.found.first) = (mask, first);
        if count > 0 {
            look_up(self.sources.get(..count).unwrap_or_default(), &mut self.found.values);
        }
    }
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

/// Judges each of one family by what was found of its source.
fn judge<const V6: bool>(
    heads: &[PoolHead],
    network_at: &[u8; BURST],
    found: &Found,
    briefs: &mut [Brief; BURST],
) -> Judged {
    let mut judged = Judged::default();
    for ((place, bit), value) in bits(found.mask).zip(found.values) {
        let at = NetworkAt::new(network_at.get(place).copied().unwrap_or(0), V6);
        let (brief, asked) = Brief::of(heads, at, found.first & bit != 0, value);
        if let Some(to) = briefs.get_mut(place) {
            *to = brief;
        }
        judged.asked |= if asked { bit } else { 0 };
        judged.blocked |= if brief.action() == Action::Pass { 0 } else { bit };
    }
    judged
}
