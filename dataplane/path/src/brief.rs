//! The verdict on a plain segment to port 25 in 8 bytes: what counting and dropping need, no more.
//!
//! Plain is what the first pass took for one: one IP header without options or extension headers, TCP right behind it.
//! Line and far end stay in the frame and are read where somebody asks for them. Promise: it is the verdict of
//! [`judge`](crate::verdict::judge) on that frame.

use gate25_include::counters::Reason;
use gate25_include::image::{self, Image, PoolHead, SourceMatch};

use crate::frame::Frame;
use crate::parse::{Packet, Segment};
use crate::reject::is_answered;
use crate::share::Line;
use crate::verdict::{Action, Verdict, is_enforced, listed};

/// The verdict on one plain segment to port 25.
///
/// ```text
/// bits 0..16   where the pool or exemption counts       16..24  reason       24..32  action: 0 pass, 1 drop, 2 reject
/// bits 32..40  bits of the line                         40..47  offset of the IP header, 14 to 46     47  it is of IPv6
/// bits 48..64  number of the pool or exemption          (0..16, 32..40 and 48..64 for reasons that name one)
/// ```
/// The low 25 bits are those of a [`PoolHead`] with which nothing else has to be asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(transparent)]
pub struct Brief(u64);

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
    pub(crate) const NONE: Self = Self(0);

    /// The verdict on the segment behind the IP header at `at`, which is a SYN without ACK or is not, by what the source
    /// table says, and whether it is not yet one: [`Brief::asked`] gives it then.
    #[inline]
    pub(crate) fn of(heads: &[PoolHead], at: NetworkAt, first: bool, value: u32) -> (Self, bool) {
        let place = u64::from(at.0) << AT;
        let source = SourceMatch::of(value).and_then(|found| Some((found, heads.get(usize::from(found.pool))?.bits())));
        let Some((found, head)) = source.filter(|(_, head)| first || head & PoolHead::ALL != 0) else {
            let reason = if first { Reason::UnknownSource } else { Reason::NotSyn };
            return (Self((reason.word() as u64) << PoolHead::REASON | place), false);
        };
        let line = if at.is_v6() { Line::bits_v6((head >> PoolHead::LINE) as u8, found.prefix_len) } else { 32 };
        let named = head & HEAD | u64::from(line) << LINE | place | u64::from(found.pool) << POOL;
        (Self(named), head & PoolHead::ASKED != 0)
    }

    /// The same where lists, the share or an answer have to be asked about; `frame` is the one this is to be the verdict
    /// on. None if a byte is not there.
    #[inline(never)]
    pub(crate) fn asked(self, image: &Image, frame: &[u8]) -> Option<Self> {
        let pool = image.unnamed_pool(self.number())?;
        let (line, far) = self.ends(frame);
        let groups = match pool.has_lists() {
            false => 0,
            true if self.at().is_v6() => image.destination6(far),
            true => image.destination4(far as u32),
        };
        if let Some(reason) = listed(&pool, groups) {
            return Some(self.with(reason, Action::Pass));
        }
        if !is_enforced(&pool, line) {
            return Some(self.with(Reason::WouldDrop, Action::Pass));
        }
        if pool.action == image::Action::Drop {
            return Some(self.with(Reason::Blocked, Action::Drop));
        }
        let (at, v6) = (self.at().at(), self.at().is_v6());
        let frame = Frame::whole(frame);
        let segment = Segment::plain(frame, at, v6).ok()?;
        let answered = is_answered(frame, &Packet::plain(at, v6), &segment);
        Some(self.with(Reason::Blocked, if answered { Action::Reject } else { Action::Drop }))
    }

    const fn with(self, reason: Reason, action: Action) -> Self {
        let decided = (reason.word() as u64) << PoolHead::REASON | (action as u64) << ACTION;
        Self(self.0 & !DECIDED | decided)
    }

    /// Why.
    #[must_use]
    #[inline]
    pub fn reason(self) -> Reason {
        Reason::from_word((self.0 >> PoolHead::REASON) as u8 as usize).unwrap_or(Reason::NoPolicy)
    }

    /// What is done.
    #[must_use]
    #[inline]
    pub const fn action(self) -> Action {
        match (self.0 >> ACTION) as u8 {
            0 => Action::Pass,
            1 => Action::Drop,
            _ => Action::Reject,
        }
    }

    /// Where the pool or exemption counts, for reasons that name one.
    #[must_use]
    #[inline]
    pub const fn slot(self) -> u16 {
        self.0 as u16
    }

    /// Number of the pool or exemption, for reasons that name one.
    #[must_use]
    #[inline]
    pub fn pool(self) -> Option<u16> {
        self.reason().pool_counter().map(|_| self.number())
    }

    #[inline]
    const fn number(self) -> u16 {
        (self.0 >> POOL) as u16
    }

    #[inline]
    const fn at(self) -> NetworkAt {
        NetworkAt((self.0 >> AT) as u8)
    }

    /// The line, for reasons that name a pool, and the destination, both 0 if the frame is not the one this is the verdict
    /// on. It is of IPv4.
    #[must_use]
    #[inline]
    pub fn ends4(self, frame: &[u8]) -> (Line, u128) {
        let header = frame.get(self.at().at()..).and_then(<[u8]>::first_chunk::<20>).unwrap_or(&[0; 20]);
        let [_, _, _, _, _, _, _, _, _, _, _, _, s0, s1, s2, s3, d0, d1, d2, d3] = *header;
        (Line::of_v4(u32::from_be_bytes([s0, s1, s2, s3])), Line::mapped(u32::from_be_bytes([d0, d1, d2, d3])))
    }

    /// The same of one of IPv6.
    #[must_use]
    #[inline]
    pub fn ends6(self, frame: &[u8]) -> (Line, u128) {
        let header = frame.get(self.at().at()..).and_then(<[u8]>::first_chunk::<40>).unwrap_or(&[0; 40]);
        let address = |at: usize| header.get(at..).and_then(<[u8]>::first_chunk).map_or(0, |a| u128::from_be_bytes(*a));
        (Line::of_v6(address(8), (self.0 >> LINE) as u8), address(24))
    }

    #[inline]
    fn ends(self, frame: &[u8]) -> (Line, u128) {
        if self.at().is_v6() { self.ends6(frame) } else { self.ends4(frame) }
    }

    /// The whole verdict. `frame` is the one this is the verdict on.
    #[must_use]
    pub fn verdict(self, frame: &[u8]) -> Verdict {
        let (reason, action, pool) = (self.reason(), self.action(), self.pool());
        let (line, far) = self.ends(frame);
        Verdict {
            reason,
            action,
            pool,
            line: pool.filter(|_| reason != Reason::Exempt).map(|_| line),
            slot: pool.map_or(0, |_| self.slot().into()),
            far: if action == Action::Pass { 0 } else { far },
            inbound_read: None,
        }
    }
}

pub(crate) const V6: u8 = 0x80;
/// What is taken from a head: slot, reason and whether it drops.
pub(crate) const HEAD: u64 = PoolHead::DROPS | (PoolHead::DROPS - 1);
const ACTION: u32 = 24;
const DECIDED: u64 = 0xffff << PoolHead::REASON;
pub(crate) const LINE: u32 = 32;
pub(crate) const AT: u32 = 40;
pub(crate) const POOL: u32 = 48;
const _: () = assert!(PoolHead::DROPS == (Action::Drop as u64) << ACTION && Action::Reject as u64 == 2);
