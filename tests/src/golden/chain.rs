//! IPv6: the fixed header and its chain of extension headers.
//! A fragment header with M = 1 turns the room behind it into one whose end nobody knows.

use std::net::IpAddr;

use super::Reason;
use super::bytes::{Lack, NotCaptured, Room};
use super::ip::{Header, MALFORMED, Outcome, Payload, Reader};
use super::route::{Route, ipv6_routing};

/// "per IP header up to 16 extension headers".
const MOST: usize = 16;

/// A step of the walk: on to the next header, or done.
enum Step {
    Next(u8),
    Ended(Outcome),
}

/// The walk along one chain.
struct Chain {
    /// Room from the next header on.
    room: Room,
    /// Behind the first fragment header with M = 1.
    fragment_data: Option<usize>,
    route: Route,
}

impl Reader<'_> {
    /// "IPv6: payload_length (0 with a hop-by-hop header = rest of what holds it)"; "payload_length greater than what
    /// holds it: `malformed`".
    pub(super) fn ipv6(&mut self, room: Room, level: usize) -> Result<Outcome, NotCaptured> {
        let (at, frame) = (room.start, self.frame);
        let length = usize::from(frame.u16(at + 4)?);
        let mut next = frame.u8(at + 6)?;
        let end = if length == 0 && next == 0 { room.end } else { Some(at + 40 + length) };
        if let (Some(end), Some(holder)) = (end, room.end)
            && end > holder
        {
            return Ok(MALFORMED);
        }
        let source = frame.array::<16>(at + 8).map(IpAddr::from);
        let destination = frame.array::<16>(at + 24).map(IpAddr::from);
        self.headers.push(Header { source, destination, source_route: false, gtp_carrier: false });
        let seen = end.map_or(room.seen, |end| end.min(room.seen));
        let mut chain =
            Chain { room: Room { start: at + 40, end, seen }, fragment_data: None, route: Route::default() };
        let mut count = 0;
        while matches!(next, 0 | 43 | 44 | 51 | 60 | 135 | 139 | 140 | 253 | 254) {
            if count == MOST {
                // "A 17th, announced by the 16th, is not read: `undetermined_chain`."
                return Ok(Outcome::chain());
            }
            count += 1;
            match self.extension(next, &mut chain)? {
                Step::Next(protocol) => next = protocol,
                Step::Ended(outcome) => return Ok(outcome),
            }
        }
        let Chain { room, fragment_data, route } = chain;
        self.payload(Payload { protocol: next, room, fragment_data, route }, level)
    }

    /// One extension header. "unfragmented, an extension chain cut short: `malformed`"; first fragment: "if the upper
    /// protocol is not reached: `undetermined_tiny`", and then the destination is not trusted.
    fn extension(&mut self, kind: u8, chain: &mut Chain) -> Result<Step, NotCaptured> {
        let (at, frame) = (chain.room.start, self.frame);
        let cut = |lack| match lack {
            Lack::Short => Step::Ended(MALFORMED),
            Lack::Cut => Step::Ended(Outcome::tiny(false)),
        };
        // A length that can be read may already say that the chain is too short by itself.
        if let Err(lack) = chain.room.need(at + 2) {
            return Ok(cut(lack));
        }
        let unit = usize::from(frame.u8(at + 1)?);
        let length = match kind {
            44 => 8,
            // "AH 51 ((n+2)·4 bytes)"
            51 => (unit + 2) * 4,
            _ => (unit + 1) * 8,
        };
        if let Err(lack) = chain.room.need(at + length) {
            return Ok(cut(lack));
        }
        if kind == 43 {
            let route = ipv6_routing(frame, at, length)?;
            self.last_mut().source_route |= route.distrusts;
            chain.route.join(route);
        }
        chain.room = chain.room.behind(at + length);
        if kind == 44
            && let Some(outcome) = self.fragment_header(at, chain)?
        {
            return Ok(Step::Ended(outcome));
        }
        Ok(Step::Next(frame.u8(at)?))
    }

    /// "An IPv6 fragment header with offset 0 and M = 0 is no fragment (RFC 6946). Each fragment header is judged when
    /// reached; M = 1 in any makes the packet a first fragment." "Offset ≥ 2: `later_fragment`; offset 1: IPv6 always:
    /// `undetermined_overlap`." "In a carrier to our end (IPv6: whatever the fragment header names): any offset from 1
    /// to 63 is `undetermined_overlap`."
    fn fragment_header(&mut self, at: usize, chain: &mut Chain) -> Result<Option<Outcome>, NotCaptured> {
        let word = self.frame.u16(at + 2)?;
        let (offset, more) = (word >> 3, word & 1 == 1);
        if offset > 0 {
            if offset > 63 {
                return Ok(Some(Outcome::Passes(Reason::LaterFragment)));
            }
            let ours = self.our_end()? || self.routed_to_our_end(&chain.route);
            if offset == 1 || ours {
                // To our end it may be a carrier whose inner destination was not read.
                let trusted = !ours && !self.last().source_route;
                return Ok(Some(Outcome::Undetermined { reason: Reason::UndeterminedOverlap, trusted }));
            }
            return Ok(Some(Outcome::Passes(Reason::LaterFragment)));
        }
        if more {
            chain.fragment_data.get_or_insert(at + 8);
            chain.room = chain.room.of_first_fragment();
        }
        Ok(None)
    }
}
