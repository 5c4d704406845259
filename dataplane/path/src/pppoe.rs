//! A PPPoE session (RFC 2516) and its PPP protocol field, of two bytes or compressed to one (RFC 1661 §6.5).
//!
//! PPPoE's length field is not used. Multilink (RFC 1990) may carry IP and is not read.

use std::net::IpAddr;

use crate::parse::{Network, Reader, Stop};
use crate::walk::{Observer, Step};

impl<E, O> Reader<'_, '_, E, O>
where
    E: Fn(IpAddr) -> bool,
    O: Observer,
{
    /// Reads the session header at `at`.
    pub(crate) fn pppoe(&mut self, at: usize) -> Result<Network, Stop> {
        self.packet.pppoe_at = Some(at);
        self.link_holds(at + HEADER + 1)?;
        if self.frame.u8(at)? != VERSION_TYPE || self.frame.u8(at + 1)? != SESSION_DATA {
            return Err(Stop::NotIp);
        }
        let first = self.frame.u8(at + HEADER)?;
        // The lowest bit of a protocol's first byte is set only if it is also the last one.
        let (protocol, len) = if first & 1 == 1 {
            (u16::from(first), 1)
        } else {
            self.link_holds(at + HEADER + 2)?;
            (self.frame.u16(at + HEADER)?, 2)
        };
        if O::ON {
            let session = self.frame.u16(at + 2).unwrap_or_default();
            self.observer.see(Step::Pppoe { at, session, protocol });
        }
        let at = at + HEADER + len;
        match protocol {
            PPP_IPV4 => Ok(Network { at, v6: false }),
            PPP_IPV6 => Ok(Network { at, v6: true }),
            PPP_MULTILINK => Err(Stop::NotRead),
            _ => Err(Stop::NotIp),
        }
    }
}

/// Bytes of the PPPoE header.
pub(crate) const HEADER: usize = 6;
const VERSION_TYPE: u8 = 0x11;
const SESSION_DATA: u8 = 0;
const PPP_IPV4: u16 = 0x0021;
const PPP_IPV6: u16 = 0x0057;
const PPP_MULTILINK: u16 = 0x003d;
