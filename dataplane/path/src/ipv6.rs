//! The IPv6 header and up to 16 extension headers (RFC 8200 §4, RFC 7045), each by its own length.

use std::net::IpAddr;

use crate::parse::{Bounds, Payload, Reader, Stop};
use crate::walk::{Observer, Step};

impl<E, O> Reader<'_, '_, E, O>
where
    E: Fn(IpAddr) -> bool,
    O: Observer,
{
    /// Reads the header at `at`, which `holder` holds, and the chain behind it.
    pub(crate) fn ipv6(&mut self, at: usize, holder: Bounds) -> Result<Payload, Stop> {
        holder.hold(at + FIXED, Stop::Malformed)?;
        if self.frame.u8(at)? >> 4 != 6 {
            return Err(Stop::Malformed);
        }
        let payload_len = usize::from(self.frame.u16(at + 4)?);
        let next = self.frame.u8(at + 6)?;
        let end = if payload_len == 0 && next == HOP_BY_HOP { holder.end } else { at + FIXED + payload_len };
        if end > holder.end {
            return Err(Stop::Malformed);
        }
        self.note(at, true);
        if O::ON {
            self.observer.see(Step::Ipv6(crate::walk::Ipv6::read(self.frame, at)));
        }
        let bounds = Bounds { end, cut: holder.cut };
        let mut payload = Payload { protocol: next, at: at + FIXED, bounds, fragment_at: None, route_last: None };
        for _ in 0..MAX_EXTENSIONS {
            if !is_extension(payload.protocol) {
                return Ok(payload);
            }
            self.extension(&mut payload)?;
        }
        if is_extension(payload.protocol) { Err(Stop::CHAIN) } else { Ok(payload) }
    }

    /// Steps over the extension header at `payload.at`, which must fit whole.
    fn extension(&mut self, payload: &mut Payload) -> Result<(), Stop> {
        let Payload { protocol, at, bounds, .. } = *payload;
        bounds.hold(at + 2, Stop::Malformed)?;
        let next = self.frame.u8(at)?;
        let len = match protocol {
            FRAGMENT => 8,
            AUTHENTICATION => (usize::from(self.frame.u8(at + 1)?) + 2) * 4,
            _ => (usize::from(self.frame.u8(at + 1)?) + 1) * 8,
        };
        bounds.hold(at + len, Stop::Malformed)?;
        if O::ON {
            self.observer.see(Step::Extension { at, protocol, len, next });
        }
        payload.protocol = next;
        payload.at = at + len;
        match protocol {
            FRAGMENT => self.ipv6_fragment(at, payload),
            ROUTING => self.routing(at, len, payload),
            _ => Ok(()),
        }
    }

    /// A routing header with segments left: the destination is not where the packet ends up.
    fn routing(&mut self, at: usize, len: usize, payload: &mut Payload) -> Result<(), Stop> {
        if self.frame.u8(at + 3)? == 0 {
            return Ok(());
        }
        if let Some(header) = self.packet.innermost_mut() {
            header.source_route = true;
        }
        let addresses = (len - ROUTING_FIXED) / 16;
        let last = match self.frame.u8(at + 2)? {
            SOURCE_ROUTE if addresses > 0 => Some(at + ROUTING_FIXED + (addresses - 1) * 16),
            SEGMENT_ROUTING if addresses > 0 => Some(at + ROUTING_FIXED),
            _ => None,
        };
        payload.route_last = last.or(payload.route_last);
        if O::ON {
            self.observer.see(Step::SourceRoute { at, last });
        }
        Ok(())
    }
}

/// Whether a next-header value names an extension header whose length can be told.
#[inline]
pub(crate) const fn is_extension(protocol: u8) -> bool {
    matches!(protocol, HOP_BY_HOP | ROUTING | FRAGMENT | AUTHENTICATION | 60 | 135 | 139 | 140 | 253 | 254)
}

/// Bytes of the fixed header.
const FIXED: usize = 40;
const MAX_EXTENSIONS: usize = 16;
const HOP_BY_HOP: u8 = 0;
const ROUTING: u8 = 43;
const FRAGMENT: u8 = 44;
const AUTHENTICATION: u8 = 51;
/// Bytes of a routing header of type 0 or 4 before its addresses.
const ROUTING_FIXED: usize = 8;
/// Type 0 (RFC 2460 §4.4): the last address comes last.
const SOURCE_ROUTE: u8 = 0;
/// Type 4 (RFC 8754): Segment List[0] is the last address.
const SEGMENT_ROUTING: u8 = 4;
