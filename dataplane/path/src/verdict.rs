//! What happens to one frame, and why: every frame gets exactly one [`Reason`], and one place decides it.
//!
//! Outbound, a SYN to port 25 out of a pool is stopped, and packets that hide whether they are one. Inbound, only
//! answers from port 25 to a forged SYN are. Everything else passes. Nothing here counts.

use std::net::IpAddr;

use gate25_include::counters::{LinkCounter, Reason};
use gate25_include::image::{self, Image, Match, Pool, Stage};

use crate::frame::{Direction, Frame, NotCaptured};
use crate::lookup::{self, Subscriber};
use crate::parse::{ACK, Outcome, Packet, SYN, Segment, Stop, Undetermined, parse};
use crate::reject;
use crate::share::Line;
use crate::walk::{Observer, Silent, Step};

/// What is done with a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Action {
    /// Forwarded bit-identical.
    Pass,
    /// Dropped.
    Drop,
    /// Dropped, and answered with a TCP reset while the worker's rate allows.
    Reject,
}

impl Action {
    /// The word used in output: `pass`, `drop` or `reject`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Pass => "pass",
            Self::Drop => "drop",
            Self::Reject => "reject",
        }
    }
}

/// What was read of an inbound frame that is counted apart, without a verdict.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum InboundRead {
    /// Every receiver discards it.
    Malformed,
    /// More tags or labels than are read.
    TagsLimit,
    /// An encapsulation that is not read.
    NotRead,
    /// It hides its TCP header.
    Undetermined,
}

impl InboundRead {
    /// Where it is counted.
    #[must_use]
    pub const fn counter(self) -> LinkCounter {
        match self {
            Self::Malformed => LinkCounter::InboundMalformed,
            Self::TagsLimit => LinkCounter::InboundTagsLimit,
            Self::NotRead => LinkCounter::InboundNotRead,
            Self::Undetermined => LinkCounter::InboundUndetermined,
        }
    }
}

/// The verdict on one frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Verdict {
    /// Why.
    pub reason: Reason,
    /// What is done.
    pub action: Action,
    /// Number of the pool or, with `exempt`, of the exemption, for reasons that name one.
    pub pool: Option<u16>,
    /// The line, for reasons that name a pool; none with `exempt`.
    pub line: Option<Line>,
    /// Where the pool or exemption counts, if there is one.
    pub slot: u32,
    /// The other end of a frame that is dropped: of the innermost IP header read, the destination outbound, the source
    /// inbound, IPv4 as `::ffff:a.b.c.d`. 0 for a frame that passes, or if it was not captured.
    pub far: u128,
    /// What is counted apart of an inbound frame.
    pub inbound_read: Option<InboundRead>,
}

impl Verdict {
    /// A frame that passes for a reason that names no pool.
    #[must_use]
    #[inline]
    pub const fn pass(reason: Reason) -> Self {
        Self { reason, action: Action::Pass, pool: None, line: None, slot: 0, far: 0, inbound_read: None }
    }
}

/// Judges a whole frame under an image; without one everything passes.
#[must_use]
pub fn judge(image: Option<&Image>, direction: Direction, frame: &[u8]) -> Verdict {
    judge_frame(image, direction, Frame::whole(frame), &mut Silent)
}

/// Judges a frame that may have been captured short, and tells each step to `observer`.
pub fn judge_frame<O: Observer>(
    image: Option<&Image>,
    direction: Direction,
    frame: Frame<'_>,
    observer: &mut O,
) -> Verdict {
    let verdict = match image {
        None => Verdict::pass(Reason::NoPolicy),
        Some(image) => {
            let (packet, outcome) = parse(frame, direction, |address| image.is_tunnel_end(address), observer);
            let mut judge = Judge { image, direction, frame, packet, observer };
            let verdict = match direction {
                Direction::Outbound => judge.outbound(outcome),
                Direction::Inbound => judge.inbound(outcome),
            };
            verdict.map_or(Verdict::pass(Reason::NotCaptured), |verdict| judge.with_far(verdict))
        }
    };
    if O::ON {
        observer.see(Step::Judged(verdict));
    }
    verdict
}

/// The reason for which a pool's lists let a destination in these groups through.
#[inline]
pub(crate) fn listed(pool: &Pool<'_>, groups: u64) -> Option<Reason> {
    if groups & pool.allow != 0 {
        Some(Reason::AllowedDestination)
    } else if pool.only.is_some_and(|only| groups & only == 0) {
        Some(Reason::UnlistedDestination)
    } else {
        None
    }
}

/// Whether a line is under enforcement, not just monitored.
#[inline]
pub(crate) fn is_enforced(pool: &Pool<'_>, line: Line) -> bool {
    pool.stage == Stage::Enforce && line.is_inside(pool.share)
}

/// One packet before its image.
struct Judge<'a, 'o, O> {
    image: &'a Image,
    direction: Direction,
    frame: Frame<'a>,
    packet: Packet,
    observer: &'o mut O,
}

impl<'a, O: Observer> Judge<'a, '_, O> {
    fn outbound(&mut self, outcome: Outcome) -> Result<Verdict, NotCaptured> {
        match outcome {
            Ok(segment) if segment.destination_port != SMTP => Ok(Verdict::pass(Reason::OtherPort)),
            Ok(segment) => self.segment_to_smtp(segment),
            Err(Stop::Undetermined { how, destination_read }) => self.undetermined(how, destination_read),
            Err(stop) => Ok(Verdict::pass(passing(stop))),
        }
    }

    /// A segment to port 25: whether it is a candidate, and what becomes of one.
    fn segment_to_smtp(&mut self, segment: Segment) -> Result<Verdict, NotCaptured> {
        let found = self.subscriber()?;
        let first = segment.flags & (SYN | ACK) == SYN;
        let all = found.as_ref().is_some_and(|s| !s.is_exempt() && s.pool.matching == Match::All);
        if !first && !all {
            return Ok(Verdict::pass(Reason::NotSyn));
        }
        let Some(subscriber) = found else { return Ok(Verdict::pass(Reason::UnknownSource)) };
        if let Some(verdict) = self.let_through(&subscriber, true)? {
            return Ok(verdict);
        }
        let line = subscriber.line();
        if !self.enforced(&subscriber.pool, line) {
            return Ok(named(Reason::WouldDrop, Action::Pass, &subscriber, line));
        }
        let answered =
            subscriber.pool.action == image::Action::Reject && reject::is_answered(self.frame, &self.packet, &segment);
        let action = if answered { Action::Reject } else { Action::Drop };
        Ok(named(Reason::Blocked, action, &subscriber, line))
    }

    /// A packet that hides its TCP header stands in for a candidate.
    fn undetermined(&mut self, how: Undetermined, destination_read: bool) -> Result<Verdict, NotCaptured> {
        let Some(subscriber) = self.subscriber()? else { return Ok(Verdict::pass(Reason::UnknownSource)) };
        if let Some(verdict) = self.let_through(&subscriber, destination_read)? {
            return Ok(verdict);
        }
        let line = subscriber.line();
        if subscriber.pool.undetermined == image::Undetermined::Pass {
            return Ok(named(Reason::UndeterminedPassed, Action::Pass, &subscriber, line));
        }
        if !self.enforced(&subscriber.pool, line) {
            return Ok(named(Reason::WouldDrop, Action::Pass, &subscriber, line));
        }
        let reason = match how {
            Undetermined::Overlap => Reason::UndeterminedOverlap,
            Undetermined::Tiny => Reason::UndeterminedTiny,
            Undetermined::Chain => Reason::UndeterminedChain,
        };
        Ok(named(reason, Action::Drop, &subscriber, line))
    }

    /// The verdict on a candidate that its source or its destination lets pass.
    fn let_through(
        &mut self,
        subscriber: &Subscriber<'a>,
        destination_read: bool,
    ) -> Result<Option<Verdict>, NotCaptured> {
        if subscriber.is_exempt() {
            let (pool, slot) = (Some(subscriber.matched.pool), subscriber.pool.counter_slot);
            return Ok(Some(Verdict { pool, slot, ..Verdict::pass(Reason::Exempt) }));
        }
        let reason = if subscriber.pool.stage == Stage::Off {
            Some(Reason::StageOff)
        } else {
            self.listed(&subscriber.pool, destination_read)?
        };
        Ok(reason.map(|reason| named(reason, Action::Pass, subscriber, subscriber.line())))
    }

    /// The reason for which the pool's lists let a destination through. A destination that cannot be trusted is
    /// in no list.
    fn listed(&mut self, pool: &Pool<'_>, destination_read: bool) -> Result<Option<Reason>, NotCaptured> {
        let trusted = destination_read && self.packet.innermost().is_some_and(|header| !header.source_route);
        if !trusted {
            if O::ON {
                self.observer.see(Step::Untrusted);
            }
            return Ok(None);
        }
        Ok(listed(pool, self.far_groups(pool)?))
    }

    /// Everything passes but answers from port 25 to a line that may not have asked for them.
    fn inbound(&mut self, outcome: Outcome) -> Result<Verdict, NotCaptured> {
        let inbound_read = match outcome {
            Ok(segment) => return self.segment_from_smtp(segment),
            Err(Stop::NotCaptured) => return Err(NotCaptured),
            Err(Stop::Malformed) => Some(InboundRead::Malformed),
            Err(Stop::TagsLimit) => Some(InboundRead::TagsLimit),
            Err(Stop::NotRead) => Some(InboundRead::NotRead),
            Err(Stop::Undetermined { .. }) => Some(InboundRead::Undetermined),
            Err(Stop::NotIp | Stop::LaterFragment | Stop::NotTcp) => None,
        };
        Ok(Verdict { inbound_read, ..Verdict::pass(Reason::Inbound) })
    }

    fn segment_from_smtp(&mut self, segment: Segment) -> Result<Verdict, NotCaptured> {
        let pass = Ok(Verdict::pass(Reason::Inbound));
        if segment.source_port != SMTP || segment.destination_port == SMTP {
            return pass;
        }
        let Some(subscriber) = self.subscriber()? else { return pass };
        let pool = &subscriber.pool;
        if subscriber.is_exempt() || !pool.return_traffic || pool.stage == Stage::Off {
            return pass;
        }
        if pool.matching == Match::Syn && segment.flags & (SYN | ACK) != SYN | ACK {
            return pass;
        }
        if listed(pool, self.far_groups(pool)?).is_some() {
            return pass;
        }
        let line = subscriber.line();
        Ok(if self.enforced(pool, line) {
            named(Reason::ReturnBlocked, Action::Drop, &subscriber, line)
        } else {
            named(Reason::ReturnWouldDrop, Action::Pass, &subscriber, line)
        })
    }

    fn subscriber(&mut self) -> Result<Option<Subscriber<'a>>, NotCaptured> {
        lookup::subscriber(self.image, self.direction, self.frame, &self.packet, self.observer)
    }

    /// The destination groups of the far side; not looked up for a pool without lists.
    fn far_groups(&mut self, pool: &Pool<'_>) -> Result<u64, NotCaptured> {
        if !pool.has_lists() {
            return Ok(0);
        }
        let Some(address) = lookup::far_side(&self.packet, self.direction, self.frame)? else { return Ok(0) };
        let groups = self.image.destination(address);
        if O::ON {
            self.observer.see(Step::Destination { address, groups });
        }
        Ok(groups)
    }

    /// The verdict with the other end, if it drops the frame.
    #[inline]
    fn with_far(&self, verdict: Verdict) -> Verdict {
        if verdict.action == Action::Pass {
            return verdict;
        }
        let far = lookup::far_side(&self.packet, self.direction, self.frame).ok().flatten();
        let far = far.map_or(0, |address| match address {
            IpAddr::V4(four) => four.to_ipv6_mapped().to_bits(),
            IpAddr::V6(six) => six.to_bits(),
        });
        Verdict { far, ..verdict }
    }

    /// Whether a line is under enforcement, not just monitored.
    fn enforced(&mut self, pool: &Pool<'_>, line: Line) -> bool {
        if O::ON {
            self.observer.see(Step::Share {
                line,
                percentile: line.percentile(),
                share: pool.share,
                stage: pool.stage,
            });
        }
        is_enforced(pool, line)
    }
}

/// The reason of a frame that passes because of what it is.
fn passing(stop: Stop) -> Reason {
    match stop {
        Stop::NotCaptured => Reason::NotCaptured,
        Stop::NotIp => Reason::NotIp,
        Stop::NotRead => Reason::NotRead,
        Stop::TagsLimit => Reason::TagsLimit,
        Stop::Malformed => Reason::Malformed,
        Stop::LaterFragment => Reason::LaterFragment,
        Stop::NotTcp => Reason::NotTcp,
        // Judged before; passing is the mild reading of what cannot come here.
        Stop::Undetermined { .. } => Reason::UndeterminedPassed,
    }
}

/// A verdict that names a pool and a line.
fn named(reason: Reason, action: Action, subscriber: &Subscriber<'_>, line: Line) -> Verdict {
    let (pool, slot) = (Some(subscriber.matched.pool), subscriber.pool.counter_slot);
    Verdict { pool, slot, line: Some(line), action, ..Verdict::pass(reason) }
}

/// The port of mail between servers.
pub(crate) const SMTP: u16 = 25;
