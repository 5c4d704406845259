//! Tunnels to our own ends: IP in IP (protocols 4 and 41), GRE and GTP-U, at most two levels.
//!
//! Outbound the carrier's destination must be one of our ends, inbound its source. Other people's tunnels are
//! never looked into; what cannot be followed to our end is `undetermined_chain`.

use std::net::IpAddr;

use crate::fragment::CARRIER_HEADERS;
use crate::frame::{Direction, NotCaptured};
use crate::parse::{Bounds, MAX_HEADERS, Network, Payload, Reader, Stop, address};
use crate::walk::{Observer, Step};

/// What a tunnel carries.
pub(crate) struct Inner {
    pub(crate) network: Network,
    pub(crate) bounds: Bounds,
}

/// Whose end a carrier goes to (outbound) or comes from (inbound).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// Not one of ours.
    Foreign,
    /// Ours.
    Ours,
    /// Ours, at the end of a source route that has not got there yet.
    Routed,
}

impl<E, O> Reader<'_, '_, E, O>
where
    E: Fn(IpAddr) -> bool,
    O: Observer,
{
    /// Looks into what the innermost header carries, if it is a tunnel of ours.
    pub(crate) fn tunnel(&mut self, payload: Payload) -> Result<Inner, Stop> {
        let Payload { protocol, at, mut bounds, fragment_at, route_last } = payload;
        if !is_carrier(protocol) {
            return Err(Stop::NotTcp);
        }
        let end = self.end_of(route_last)?;
        if O::ON {
            self.observer.see(Step::Tunnel { protocol, end });
        }
        if end == End::Foreign {
            return Err(Stop::NotTcp);
        }
        if let Some(start) = fragment_at {
            bounds.cut = bounds.cut.min(start + CARRIER_HEADERS);
        }
        let network = match protocol {
            IPV4_IN_IP => Network { at, v6: false },
            IPV6_IN_IP => Network { at, v6: true },
            GRE => self.gre(at, bounds)?,
            _ => self.gtpu(at, bounds)?,
        };
        if end == End::Routed || self.packet.headers().len() == MAX_HEADERS {
            return Err(Stop::CHAIN);
        }
        Ok(Inner { network, bounds })
    }

    /// Whose end the innermost header's carrier belongs to. A source route leads on outbound only: inbound the end
    /// is the source.
    pub(crate) fn end_of(&self, route_last: Option<usize>) -> Result<End, NotCaptured> {
        let header = self.header();
        let here = match self.direction {
            Direction::Inbound => header.source(self.frame)?,
            Direction::Outbound => {
                if let Some(last) = route_last
                    && (self.is_end)(address(self.frame, last, header.v6)?)
                {
                    return Ok(End::Routed);
                }
                header.destination(self.frame)?
            }
        };
        Ok(if (self.is_end)(here) { End::Ours } else { End::Foreign })
    }
}

/// Whether a protocol can be a tunnel's.
#[inline]
pub(crate) const fn is_carrier(protocol: u8) -> bool {
    matches!(protocol, IPV4_IN_IP | IPV6_IN_IP | GRE | UDP)
}

const IPV4_IN_IP: u8 = 4;
pub(crate) const UDP: u8 = 17;
const IPV6_IN_IP: u8 = 41;
const GRE: u8 = 47;
