//! The IPv4 header (RFC 791): lengths, options as far as source routes go, and the fragment it may be.
//!
//! Nothing behind the header is walked but the payload: an authentication header over IPv4 is not TCP.

use std::net::IpAddr;

use crate::frame::NotCaptured;
use crate::parse::{Bounds, Payload, Reader, Stop, TCP};
use crate::tunnel::is_carrier;
use crate::walk::{Observer, Step};

impl<E, O> Reader<'_, '_, E, O>
where
    E: Fn(IpAddr) -> bool,
    O: Observer,
{
    /// Reads the header at `at`, which `holder` holds.
    pub(crate) fn ipv4(&mut self, at: usize, holder: Bounds) -> Result<Payload, Stop> {
        holder.hold(at + FIXED, Stop::Malformed)?;
        let first = self.frame.u8(at)?;
        let header_len = usize::from(first & 0x0f) * 4;
        if first >> 4 != 4 || header_len < FIXED {
            return Err(Stop::Malformed);
        }
        let end = at + usize::from(self.frame.u16(at + 2)?);
        if end < at + header_len || end > holder.end {
            return Err(Stop::Malformed);
        }
        self.note(at, false);
        let field = self.frame.u16(at + 6)?;
        let protocol = self.frame.u8(at + 9)?;
        if O::ON {
            self.observer.see(Step::Ipv4(crate::walk::Ipv4::read(self.frame, at)));
        }
        let bounds = Bounds { end, cut: holder.cut };
        let offset = field & OFFSET;
        self.of_interest(protocol, offset)?;
        let route_last = if header_len > FIXED { self.options(at, header_len, holder.cut)? } else { None };
        self.ipv4_fragment(protocol, offset, route_last)?;
        bounds.hold(at + header_len, Stop::Malformed)?;
        let at = at + header_len;
        if field & MORE == 0 {
            return Ok(Payload { protocol, at, bounds, fragment_at: None, route_last });
        }
        self.packet.first_fragment = true;
        Ok(Payload { protocol, at, bounds: bounds.fragmented(), fragment_at: Some(at), route_last })
    }

    /// Stops at what can neither be TCP nor a carrier of it, before options are looked at.
    fn of_interest(&self, protocol: u8, offset: u16) -> Result<(), Stop> {
        if is_carrier(protocol) || (protocol == TCP && offset < 2) {
            Ok(())
        } else if offset < 2 {
            Err(Stop::NotTcp)
        } else {
            Err(Stop::LaterFragment)
        }
    }

    /// Walks the options; notes a source route or a list that cannot be read to its end, and returns the offset
    /// of the last address of a route that is not yet at its end.
    fn options(&mut self, header_at: usize, header_len: usize, cut: usize) -> Result<Option<usize>, NotCaptured> {
        let end = header_at + header_len;
        let mut at = header_at + FIXED;
        let mut route = Route { present: false, last: None };
        while at < end {
            match self.option(at, end.min(cut), &mut route)? {
                OptionEnd::Next(next) => at = next,
                OptionEnd::List => break,
                OptionEnd::Unreadable => {
                    route.present = true;
                    break;
                }
            }
        }
        if route.present {
            if let Some(header) = self.packet.innermost_mut() {
                header.source_route = true;
            }
            if O::ON {
                self.observer.see(Step::SourceRoute { at: header_at + FIXED, last: route.last });
            }
        }
        Ok(route.last)
    }

    /// Reads one option that must end by `end`.
    fn option(&self, at: usize, end: usize, route: &mut Route) -> Result<OptionEnd, NotCaptured> {
        if at >= end {
            return Ok(OptionEnd::Unreadable);
        }
        let kind = self.frame.u8(at)?;
        match kind {
            END_OF_LIST => return Ok(OptionEnd::List),
            NO_OPERATION => return Ok(OptionEnd::Next(at + 1)),
            _ => {}
        }
        if at + 2 > end {
            return Ok(OptionEnd::Unreadable);
        }
        let len = usize::from(self.frame.u8(at + 1)?);
        if len < 2 || at + len > end {
            return Ok(OptionEnd::Unreadable);
        }
        if kind == LOOSE_ROUTE || kind == STRICT_ROUTE {
            route.present = true;
            let addresses = len.saturating_sub(ROUTE_DATA) / 4;
            if addresses > 0 && usize::from(self.frame.u8(at + 2)?) <= len {
                route.last = Some(at + ROUTE_DATA + (addresses - 1) * 4);
            }
        }
        Ok(OptionEnd::Next(at + len))
    }
}

/// What the options say about the way.
struct Route {
    present: bool,
    last: Option<usize>,
}

/// Where an option leaves the list.
enum OptionEnd {
    Next(usize),
    List,
    Unreadable,
}

/// Bytes of the header without options.
const FIXED: usize = 20;
/// Fragment offset in the field at byte 6, in units of 8 bytes.
const OFFSET: u16 = 0x1fff;
/// More fragments, in the same field.
const MORE: u16 = 0x2000;
const END_OF_LIST: u8 = 0;
const NO_OPERATION: u8 = 1;
const LOOSE_ROUTE: u8 = 131;
const STRICT_ROUTE: u8 = 137;
/// Bytes of a route option before its addresses: type, length, pointer. It is at its end when the pointer
/// is greater than the length (RFC 791 §3.1).
const ROUTE_DATA: usize = 3;
