//! The verdict on a plain segment to port 25 in 8 bytes: what counting and dropping need, no more.
//!
//! Plain is what the first pass took for one: one IP header without options or extension headers, TCP right behind it.
//! Line and far end stay in the frame and are read where somebody asks for them. Promise: it is the verdict of
//! [`judge`](crate::verdict::judge) on that frame.

use gate25_include::counters::Reason;
use gate25_include::image::{Image, PoolHead, SourceMatch};

use crate::frame::Frame;
use crate::parse::{Packet, Segment};
use crate::share::Line;
use crate::verdict::{Action, Verdict, judge_segment};

/// The verdict on one plain segment to port 25.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Brief {
    /// Why.
    pub reason: Reason,
    /// What is done.
    pub action: Action,
    /// Bits of the line, for reasons that name one.
    line_len: u8,
    at: NetworkAt,
    /// Number of the pool or exemption, for reasons that name one.
    pool: u16,
    /// Where the pool or exemption counts, for reasons that name one.
    pub slot: u16,
}

/// Where a frame's one IP header is, 14 to 46, and whether it is IPv6.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct NetworkAt(u8);

impl NetworkAt {
    #[inline]
    pub(crate) const fn new(at: u8, v6: bool) -> Self {
        Self(at | if v6 { V6 } else { 0 })
    }

    #[inline]
    pub(crate) const fn at(self) -> usize {
        (self.0 & !V6) as usize
    }

    #[inline]
    pub(crate) const fn is_v6(self) -> bool {
        self.0 & V6 != 0
    }
}

impl Brief {
    /// On no frame.
    pub(crate) const NONE: Self = Self::pass(Reason::NoPolicy, NetworkAt(0));

    const fn pass(reason: Reason, at: NetworkAt) -> Self {
        Self { reason, action: Action::Pass, line_len: 0, at, pool: 0, slot: 0 }
    }

    /// Judges the segment behind the IP header at `at`, which is a SYN without ACK or is not, by what was found of its
    /// source; none if it is not there.
    #[inline]
    pub(crate) fn of(
        image: &Image,
        frame: Frame<'_>,
        at: NetworkAt,
        first: bool,
        found: Option<SourceMatch>,
    ) -> Option<Self> {
        let source = found.and_then(|found| Some((found, image.pool_head(found.pool)?)));
        let Some((found, head)) = source else {
            return Some(Self::pass(if first { Reason::UnknownSource } else { Reason::NotSyn }, at));
        };
        if !first && !head.all {
            return Some(Self::pass(Reason::NotSyn, at));
        }
        match head.syn {
            Some(reason) => {
                let action = if head.drops { Action::Drop } else { Action::Pass };
                Some(Self::named(reason, action, at, found, head))
            }
            None => Self::asked(image, frame, at, found, head),
        }
    }

    #[inline]
    fn named(reason: Reason, action: Action, at: NetworkAt, found: SourceMatch, head: PoolHead) -> Self {
        let line_len = if at.is_v6() { Line::bits_v6(head.line_prefix, found.prefix_len) } else { 32 };
        Self { reason, action, line_len, at, pool: found.pool, slot: head.counter_slot }
    }

    /// Where lists, the share or an answer have to be asked about.
    #[inline(never)]
    fn asked(image: &Image, frame: Frame<'_>, at: NetworkAt, found: SourceMatch, head: PoolHead) -> Option<Self> {
        let segment = Segment::plain(frame, at.at(), at.is_v6()).ok()?;
        let verdict = judge_segment(image, frame, Packet::plain(at.at(), at.is_v6()), segment, found)?;
        Some(Self::named(verdict.reason, verdict.action, at, found, head))
    }

    /// Number of the pool or exemption, for reasons that name one.
    #[must_use]
    #[inline]
    pub const fn pool(&self) -> Option<u16> {
        if self.reason.pool_counter().is_some() { Some(self.pool) } else { None }
    }

    /// The line, for reasons that name a pool, and the destination, both 0 if the frame is not the one this is the verdict
    /// on. It is of IPv4.
    #[must_use]
    #[inline]
    pub fn ends4(&self, frame: &[u8]) -> (Line, u128) {
        let header = frame.get(self.at.at()..).and_then(<[u8]>::first_chunk::<20>).unwrap_or(&[0; 20]);
        let [_, _, _, _, _, _, _, _, _, _, _, _, s0, s1, s2, s3, d0, d1, d2, d3] = *header;
        (Line::of_v4(u32::from_be_bytes([s0, s1, s2, s3])), Line::mapped(u32::from_be_bytes([d0, d1, d2, d3])))
    }

    /// The same of one of IPv6.
    #[must_use]
    #[inline]
    pub fn ends6(&self, frame: &[u8]) -> (Line, u128) {
        let header = frame.get(self.at.at()..).and_then(<[u8]>::first_chunk::<40>).unwrap_or(&[0; 40]);
        let address = |at: usize| header.get(at..).and_then(<[u8]>::first_chunk).map_or(0, |a| u128::from_be_bytes(*a));
        (Line::of_v6(address(8), self.line_len), address(24))
    }

    /// The whole verdict. `frame` is the one this is the verdict on.
    #[must_use]
    pub fn verdict(&self, frame: &[u8]) -> Verdict {
        let pool = self.pool();
        let (line, far) = if self.at.is_v6() { self.ends6(frame) } else { self.ends4(frame) };
        Verdict {
            reason: self.reason,
            action: self.action,
            pool,
            line: pool.filter(|_| self.reason != Reason::Exempt).map(|_| line),
            slot: pool.map_or(0, |_| self.slot.into()),
            far: if self.action == Action::Pass { 0 } else { far },
            inbound_read: None,
        }
    }
}

const V6: u8 = 0x80;
const _: () = assert!(size_of::<Brief>() == 8);
