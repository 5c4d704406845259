//! The verdict: outbound step by step, inbound with its one exception.
//! It decides from what was read alone and never looks at the frame again, but to build an answer.

use std::net::IpAddr;

use ipnet::IpNet;

use super::bytes::{Captured, NotCaptured, Room};
use super::ip::{Header, Outcome, Reader, Segment};
use super::link::Link;
use super::reject::{self, Candidate};
use super::share::{inside_share, line};
use super::{Direction, Drop, Policy, Pool, Reason, Stage};

/// What happens to the frame.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// Forwarded as it is.
    Pass,
    /// Dropped in silence.
    Drop,
    /// Dropped, and these bytes answered to the access port.
    Reject(Vec<u8>),
}

/// A frame's one verdict.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// The one reason.
    pub reason: Reason,
    /// Pass, drop or reject.
    pub action: Action,
    /// Pool (or exemption) that decided, as index into the policy's pools.
    pub pool: Option<usize>,
    /// The line; never set for an exemption.
    pub line: Option<IpNet>,
    /// "What was read inbound (malformed, tags_limit, not_read, undetermined) is counted apart, without a verdict."
    pub apart: Option<&'static str>,
}

const SYN: u8 = 0x02;
const ACK: u8 = 0x10;

/// Judges a whole frame; without a policy "all passes as `no_policy`".
#[must_use]
pub fn judge(policy: Option<&Policy>, direction: Direction, frame: &[u8]) -> Verdict {
    judge_captured(policy, direction, Captured::whole(frame))
}

/// Judges a frame that may be captured short: by its original length, `not_captured` if a byte that had to be looked
/// at is missing.
#[must_use]
pub fn judge_captured(policy: Option<&Policy>, direction: Direction, frame: Captured) -> Verdict {
    let Some(policy) = policy else {
        return Verdict::pass(Reason::NoPolicy);
    };
    judged(policy, direction, frame).unwrap_or_else(|NotCaptured| Verdict::pass(Reason::NotCaptured))
}

fn judged(policy: &Policy, direction: Direction, frame: Captured) -> Result<Verdict, NotCaptured> {
    let link = super::link::read(frame)?;
    let mut reader = Reader { frame, policy, direction, headers: Vec::new() };
    let outcome = match link {
        Link::Passes(reason) => Outcome::Passes(reason),
        Link::Ip { version, start, .. } => {
            let room = Room { start, end: Some(frame.wire_len()), seen: frame.wire_len() };
            reader.ip(version, room, 0)?
        }
    };
    let headers = match outcome {
        // Whoever sent it.
        Outcome::Passes(_) => Vec::new(),
        Outcome::Undetermined { .. } | Outcome::Tcp(_) => {
            reader.headers.iter().map(Ends::of).collect::<Result<_, _>>()?
        }
    };
    Ok(match (direction, outcome) {
        (Direction::Outbound, Outcome::Passes(reason)) => Verdict::pass(reason),
        (Direction::Outbound, Outcome::Undetermined { reason, trusted }) => {
            undetermined(policy, &headers, reason, trusted)
        }
        (Direction::Outbound, Outcome::Tcp(segment)) => tcp(policy, frame, link, &headers, segment),
        (Direction::Inbound, outcome) => inbound(policy, &headers, outcome),
    })
}

impl Verdict {
    fn pass(reason: Reason) -> Self {
        Self { reason, action: Action::Pass, pool: None, line: None, apart: None }
    }
}

/// What the verdict asks of an IP header.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ends {
    pub(super) source: IpAddr,
    pub(super) destination: IpAddr,
    source_route: bool,
    gtp_carrier: bool,
}

impl Ends {
    fn of(header: &Header) -> Result<Self, NotCaptured> {
        let Header { source, destination, source_route, gtp_carrier } = *header;
        Ok(Self { source: source?, destination: destination?, source_route, gtp_carrier })
    }
}

/// Who sent it, and what his pool says.
struct Sender<'a> {
    index: usize,
    pool: &'a Pool,
    line: IpNet,
}

impl Sender<'_> {
    fn verdict(&self, reason: Reason, action: Action) -> Verdict {
        Verdict { reason, action, pool: Some(self.index), line: Some(self.line), apart: None }
    }
}

/// "Of the sources read, outermost first, the first one that the source table knows decides; in GTP-U the outer source
/// is not asked." `end` picks the source, inbound the destination.
fn sender<'a>(policy: &'a Policy, headers: &[Ends], end: fn(&Ends) -> IpAddr) -> Option<Sender<'a>> {
    headers.iter().filter(|header| !header.gtp_carrier).find_map(|header| {
        let address = end(header);
        let (index, matched) = policy.source(address)?;
        let pool = &policy.pools[index];
        Some(Sender { index, pool, line: line(address, pool, matched) })
    })
}

/// Outbound steps 1 and 2, then the rest for a candidate.
fn tcp(policy: &Policy, frame: Captured, link: Link, headers: &[Ends], segment: Segment) -> Verdict {
    // 1. "destination port ≠ 25: pass"
    if segment.destination_port != 25 {
        return Verdict::pass(Reason::OtherPort);
    }
    // 2. "SYN set and ACK clear, whatever else is set: a candidate. Any other segment to port 25 is a candidate only
    // for a source in a pool with `match = all`; else `not_syn`, pass."
    let sender = sender(policy, headers, |header| header.source);
    let syn = segment.flags & SYN != 0 && segment.flags & ACK == 0;
    let match_all = sender.as_ref().is_some_and(|sender| !sender.pool.exempt && sender.pool.match_all);
    if !syn && !match_all {
        return Verdict::pass(Reason::NotSyn);
    }
    let innermost = headers[headers.len() - 1];
    let sender = match steps_3_and_4(policy, sender, innermost.destination, !innermost.source_route) {
        Ok(sender) => sender,
        Err(verdict) => return verdict,
    };
    // 5. "Stage monitor, or a line outside `share`: `would_drop`, passes."
    if monitored(&sender) {
        return sender.verdict(Reason::WouldDrop, Action::Pass);
    }
    // 6. "Otherwise `blocked`: dropped; with `action = reject` answered too."
    let answer = match (sender.pool.action, link) {
        (Drop::Reject, Link::Ip { start, encapsulation, .. }) => {
            let tunnel = headers.len() > 1;
            reject::answer(frame, &Candidate { ip: start, encapsulation, tunnel, ends: innermost, segment })
        }
        _ => None,
    };
    sender.verdict(Reason::Blocked, answer.map_or(Action::Drop, Action::Reject))
}

/// "An undetermined packet stands in for a candidate (`match` is not asked): steps 3 to 6, where the drop keeps its own
/// reason, is never answered, and in a pool with `undetermined = pass` is `undetermined_passed` in place of 5 and 6."
fn undetermined(policy: &Policy, headers: &[Ends], reason: Reason, trusted: bool) -> Verdict {
    let sender = sender(policy, headers, |header| header.source);
    // A packet whose outermost header is not read ends as malformed, so there is a last header.
    let destination = headers[headers.len() - 1].destination;
    let sender = match steps_3_and_4(policy, sender, destination, trusted) {
        Ok(sender) => sender,
        Err(verdict) => return verdict,
    };
    if sender.pool.undetermined_pass {
        return sender.verdict(Reason::UndeterminedPassed, Action::Pass);
    }
    if monitored(&sender) {
        return sender.verdict(Reason::WouldDrop, Action::Pass);
    }
    sender.verdict(reason, Action::Drop)
}

/// 3. "Source: exemption → `exempt`. Unknown → `unknown_source`. Stage off → `stage_off`. All pass."
///
/// 4. "If the destination can be trusted: a group in `allow` → `allowed_destination`; `only` set and no group of it →
///    `unlisted_destination`. Both pass."
fn steps_3_and_4<'a>(
    policy: &Policy,
    sender: Option<Sender<'a>>,
    destination: IpAddr,
    trusted: bool,
) -> Result<Sender<'a>, Verdict> {
    let Some(sender) = sender else {
        return Err(Verdict::pass(Reason::UnknownSource));
    };
    if sender.pool.exempt {
        return Err(Verdict { pool: Some(sender.index), ..Verdict::pass(Reason::Exempt) });
    }
    if sender.pool.stage == Stage::Off {
        return Err(sender.verdict(Reason::StageOff, Action::Pass));
    }
    if trusted {
        if policy.in_groups(destination, &sender.pool.allow) {
            return Err(sender.verdict(Reason::AllowedDestination, Action::Pass));
        }
        if sender.pool.only.as_ref().is_some_and(|only| !policy.in_groups(destination, only)) {
            return Err(sender.verdict(Reason::UnlistedDestination, Action::Pass));
        }
    }
    Ok(sender)
}

/// "Stage monitor, or a line outside `share`".
fn monitored(sender: &Sender) -> bool {
    sender.pool.stage == Stage::Monitor || !inside_share(sender.line, sender.pool.share)
}

/// §5: "All passes as `inbound`, whatever it is, with one exception."
fn inbound(policy: &Policy, headers: &[Ends], outcome: Outcome) -> Verdict {
    let apart = match outcome {
        Outcome::Passes(Reason::Malformed) => Some("inbound_malformed"),
        Outcome::Passes(Reason::TagsLimit) => Some("inbound_tags_limit"),
        Outcome::Passes(Reason::NotRead) => Some("inbound_not_read"),
        Outcome::Undetermined { .. } => Some("inbound_undetermined"),
        Outcome::Passes(_) | Outcome::Tcp(_) => None,
    };
    let returned = match outcome {
        Outcome::Tcp(segment) => return_traffic(policy, headers, segment),
        Outcome::Passes(_) | Outcome::Undetermined { .. } => None,
    };
    returned.unwrap_or(Verdict { apart, ..Verdict::pass(Reason::Inbound) })
}

/// "Readable TCP, source port 25, destination port not 25, the destination in a pool with `return_traffic` and stage
/// monitor or enforce; with `match = syn` SYN and ACK both set, with `match = all` any flags; and the source (of the
/// innermost header read) is in no group of `allow`, and in one of `only` if that is set."
fn return_traffic(policy: &Policy, headers: &[Ends], segment: Segment) -> Option<Verdict> {
    if segment.source_port != 25 || segment.destination_port == 25 {
        return None;
    }
    let receiver = sender(policy, headers, |header| header.destination)?;
    let pool = receiver.pool;
    let source = headers[headers.len() - 1].source;
    let judged = !pool.exempt
        && pool.return_traffic
        && pool.stage != Stage::Off
        && (pool.match_all || segment.flags & (SYN | ACK) == SYN | ACK)
        && !policy.in_groups(source, &pool.allow)
        && pool.only.as_ref().is_none_or(|only| policy.in_groups(source, only));
    // "`return_blocked`, dropped, in stage enforce and inside `share`; else `return_would_drop`, passes. Never answered."
    judged.then(|| match monitored(&receiver) {
        true => receiver.verdict(Reason::ReturnWouldDrop, Action::Pass),
        false => receiver.verdict(Reason::ReturnBlocked, Action::Drop),
    })
}
