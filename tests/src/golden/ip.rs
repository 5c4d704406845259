//! IP headers outside in: IPv4 and IPv6, fragments, TCP's first 14 bytes.
//!
//! A reader collects the headers it has read (their addresses are) and ends with one [`Outcome`].

use std::net::IpAddr;

use super::bytes::{Captured, Lack, NotCaptured, Room};
use super::route::{Route, ipv4_options};
use super::{Direction, Policy, Reason};

/// An IP header whose addresses are there to be read; in a frame captured short it shows when they are asked for.
#[derive(Clone, Copy, Debug)]
pub(super) struct Header {
    pub(super) source: Result<IpAddr, NotCaptured>,
    pub(super) destination: Result<IpAddr, NotCaptured>,
    /// "IPv4 LSRR or SSRR, or an option list that cannot be read to its end; IPv6 routing header with segments_left > 0".
    pub(super) source_route: bool,
    /// "in GTP-U the outer source, a base station's, is not asked".
    pub(super) gtp_carrier: bool,
}

/// What reading a frame came to.
#[derive(Clone, Copy, Debug)]
pub(super) enum Outcome {
    /// Passes whoever sent it.
    Passes(Reason),
    /// Hides whether it is TCP to port 25; whether the last header's destination can be trusted.
    Undetermined { reason: Reason, trusted: bool },
    /// TCP, read through its flags.
    Tcp(Segment),
}

/// A readable TCP segment.
#[derive(Clone, Copy, Debug)]
pub(super) struct Segment {
    /// Offset of the TCP header in the frame.
    pub(super) start: usize,
    /// Where its IP packet ends; `None` in a first fragment.
    pub(super) end: Option<usize>,
    pub(super) source_port: u16,
    pub(super) destination_port: u16,
    pub(super) flags: u8,
}

/// What an IP header says about its payload.
#[derive(Clone, Debug)]
pub(super) struct Payload {
    pub(super) protocol: u8,
    pub(super) room: Room,
    /// Where the fragments' data begins, if this is a first fragment: behind the IPv4 header or the first IPv6
    /// fragment header with M = 1.
    pub(super) fragment_data: Option<usize>,
    pub(super) route: Route,
}

/// The reader: frame, what it needs of the policy, and the headers read so far, outermost first.
pub(super) struct Reader<'a> {
    pub(super) frame: Captured<'a>,
    pub(super) policy: &'a Policy,
    pub(super) direction: Direction,
    pub(super) headers: Vec<Header>,
}

/// "`malformed`, passes (every receiver discards it)".
pub(super) const MALFORMED: Outcome = Outcome::Passes(Reason::Malformed);

impl Reader<'_> {
    /// One IP packet in `room`; `level` carriers have been opened around it.
    pub(super) fn ip(&mut self, version: u8, room: Room, level: usize) -> Result<Outcome, NotCaptured> {
        // "fewer than 20 (IPv6: 40) bytes"
        let fixed = if version == 4 { 20 } else { 40 };
        match room.need(room.start + fixed) {
            Err(Lack::Short) => return Ok(MALFORMED),
            // A carrier's first fragment cuts the inner header: its destination is not read.
            Err(Lack::Cut) => return Ok(Outcome::tiny(false)),
            Ok(()) => {}
        }
        // "wrong version"
        if self.frame.u8(room.start)? >> 4 != version {
            return Ok(MALFORMED);
        }
        if version == 4 { self.ipv4(room, level) } else { self.ipv6(room, level) }
    }

    /// "IPv4: IHL, total_length (what follows is padding); nothing behind the header is walked but the payload."
    fn ipv4(&mut self, room: Room, level: usize) -> Result<Outcome, NotCaptured> {
        let (at, frame) = (room.start, self.frame);
        let header = usize::from(frame.u8(at)? & 0x0f) * 4;
        // "IHL < 5, total_length < header, total_length greater than what holds it"
        if header < 20 {
            return Ok(MALFORMED);
        }
        let total = usize::from(frame.u16(at + 2)?);
        if total < header || room.end.is_some_and(|end| at + total > end) {
            return Ok(MALFORMED);
        }
        let own = Room { start: at + header, end: Some(at + total), seen: room.seen.min(at + total) };
        let word = frame.u16(at + 6)?;
        let (offset, more) = (word & 0x1fff, word & 0x2000 != 0);
        let protocol = frame.u8(at + 9)?;
        let source = frame.array::<4>(at + 12).map(IpAddr::from);
        let destination = frame.array::<4>(at + 16).map(IpAddr::from);
        self.headers.push(Header { source, destination, source_route: false, gtp_carrier: false });
        // Whether the outer fragment leaves the options as they are.
        let whole = own.need(own.start).is_ok();
        let mut route = Route::default();
        // A later fragment of TCP passes whatever its options say.
        if matches!(protocol, 4 | 17 | 41 | 47) || (protocol == 6 && offset < 2) {
            route = ipv4_options(frame, at + 20, own.start.min(own.seen), whole)?;
            self.last_mut().source_route = route.distrusts;
        }
        if offset > 0 {
            return self.ipv4_later_fragment(protocol, offset, &route);
        }
        // Of another protocol the options do not matter.
        if !whole && matches!(protocol, 4 | 6 | 17 | 41 | 47) {
            return Ok(Outcome::tiny(false));
        }
        let (room, fragment_data) = if more { (own.of_first_fragment(), Some(own.start)) } else { (own, None) };
        self.payload(Payload { protocol, room, fragment_data, route }, level)
    }

    /// "Offset ≥ 2 (×8 bytes): `later_fragment`, passes, unless it is a carrier's. Offset 1: IPv4 with TCP:
    /// `undetermined_overlap`; IPv4 with another protocol: `not_tcp`. In a carrier to our end, protocol 4, 41, 47 or
    /// 17: any offset from 1 to 63 is `undetermined_overlap`."
    fn ipv4_later_fragment(&self, protocol: u8, offset: u16, route: &Route) -> Result<Outcome, NotCaptured> {
        if matches!(protocol, 4 | 41 | 47 | 17) && offset <= 63 && (self.our_end()? || self.routed_to_our_end(route)) {
            return Ok(Outcome::Undetermined { reason: Reason::UndeterminedOverlap, trusted: false });
        }
        Ok(match (offset, protocol) {
            (1, 6) => {
                let trusted = !self.last().source_route;
                Outcome::Undetermined { reason: Reason::UndeterminedOverlap, trusted }
            }
            (1, _) => Outcome::Passes(Reason::NotTcp),
            _ => Outcome::Passes(Reason::LaterFragment),
        })
    }

    /// "ESP, no-next-header, any other protocol but TCP: `not_tcp`, unless it is a tunnel."
    pub(super) fn payload(&mut self, payload: Payload, level: usize) -> Result<Outcome, NotCaptured> {
        match payload.protocol {
            6 => self.tcp(payload),
            4 | 41 | 47 | 17 => self.carrier(payload, level),
            _ => Ok(Outcome::Passes(Reason::NotTcp)),
        }
    }

    /// "unfragmented, … TCP's first 14 bytes (through the flags) cut short: `malformed`"; first fragment: "TCP with
    /// fewer than 14 bytes, or TCP that does not start right behind the IPv4 header or the first fragment header with
    /// M = 1: `undetermined_tiny`". The upper protocol is known, so only a source route makes the destination doubtful.
    fn tcp(&mut self, payload: Payload) -> Result<Outcome, NotCaptured> {
        let (at, frame) = (payload.room.start, self.frame);
        let trusted = !self.last().source_route;
        if payload.fragment_data.is_some_and(|data| data != at) {
            return Ok(Outcome::tiny(trusted));
        }
        match payload.room.need(at + 14) {
            Err(Lack::Short) => return Ok(MALFORMED),
            Err(Lack::Cut) => return Ok(Outcome::tiny(trusted)),
            Ok(()) => {}
        }
        Ok(Outcome::Tcp(Segment {
            start: at,
            end: payload.room.end,
            source_port: frame.u16(at)?,
            destination_port: frame.u16(at + 2)?,
            flags: frame.u8(at + 13)?,
        }))
    }

    /// "outbound the carrier's destination, inbound its source is in `endpoints`"
    pub(super) fn our_end(&self) -> Result<bool, NotCaptured> {
        let header = self.last();
        let address = match self.direction {
            Direction::Outbound => header.destination?,
            Direction::Inbound => header.source?,
        };
        Ok(self.policy.is_endpoint(address))
    }

    /// "a source route … whose last address is an end of ours": outbound, where the destination's end is asked. Of
    /// several routes the last one leads there: they are followed one after the other (RFC 8200 §4.4).
    pub(super) fn routed_to_our_end(&self, route: &Route) -> bool {
        self.direction == Direction::Outbound && route.last_address.is_some_and(|last| self.policy.is_endpoint(last))
    }

    /// The innermost header read so far.
    pub(super) fn last(&self) -> &Header {
        self.headers.last().expect("a payload has a header in front of it")
    }

    /// The same, to note what its options or extension headers say.
    pub(super) fn last_mut(&mut self) -> &mut Header {
        self.headers.last_mut().expect("a payload has a header in front of it")
    }
}

impl Outcome {
    /// `undetermined_tiny`.
    pub(super) fn tiny(trusted: bool) -> Self {
        Self::Undetermined { reason: Reason::UndeterminedTiny, trusted }
    }

    /// `undetermined_chain`: its destination is never trusted.
    pub(super) fn chain() -> Self {
        Self::Undetermined { reason: Reason::UndeterminedChain, trusted: false }
    }
}
