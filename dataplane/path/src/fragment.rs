//! What a fragment may hide: which offsets pass, which overlap TCP's header, and what a carrier's fragments do.
//!
//! A fragment at offset 1 can overwrite TCP's flags (RFC 3128). Fragments of a carrier to our own end can overwrite
//! the inner headers, which we read up to byte 512 only: offsets from 64 on pass.

use std::net::IpAddr;

use crate::parse::{Payload, Reader, Stop, TCP, Undetermined};
use crate::tunnel::{End, is_carrier};
use crate::walk::{Observer, Step};

impl<E, O> Reader<'_, '_, E, O>
where
    E: Fn(IpAddr) -> bool,
    O: Observer,
{
    /// Judges the fragment offset (in units of 8 bytes) of the IPv4 header just noted.
    pub(crate) fn ipv4_fragment(&self, protocol: u8, offset: u16, route_last: Option<usize>) -> Result<(), Stop> {
        if offset == 0 {
            return Ok(());
        }
        if is_carrier(protocol) && offset < CARRIER_LIMIT && self.end_of(route_last)? != End::Foreign {
            return Err(overlap(false));
        }
        match offset {
            1 if protocol == TCP => Err(overlap(true)),
            1 => Err(Stop::NotTcp),
            _ => Err(Stop::LaterFragment),
        }
    }

    /// Judges the IPv6 fragment header at `at`; `payload` is what lies behind it. The upper protocol it names is
    /// not asked: receivers take the first fragment's.
    pub(crate) fn ipv6_fragment(&mut self, at: usize, payload: &mut Payload) -> Result<(), Stop> {
        let field = self.frame.u16(at + 2)?;
        let (offset, more) = (field >> 3, field & 1 == 1);
        if O::ON {
            self.observer.see(Step::Fragment { at, offset, more });
        }
        if offset > 0 {
            let carrier = offset < CARRIER_LIMIT && self.end_of(payload.route_last)? != End::Foreign;
            return Err(match offset {
                _ if carrier => overlap(false),
                1 => overlap(true),
                _ => Stop::LaterFragment,
            });
        }
        if more {
            self.packet.first_fragment = true;
            payload.bounds = payload.bounds.fragmented();
            payload.fragment_at = payload.fragment_at.or(Some(payload.at));
        }
        Ok(())
    }
}

/// `undetermined_overlap`; the destination was not read if this may be a fragment of a carrier.
const fn overlap(destination_read: bool) -> Stop {
    Stop::Undetermined { how: Undetermined::Overlap, destination_read }
}

/// Offsets from here on (in units of 8 bytes) lie behind every header we read in a carrier's first fragment.
const CARRIER_LIMIT: u16 = 64;
/// The same in bytes of the carrier's payload.
pub(crate) const CARRIER_HEADERS: usize = 8 * CARRIER_LIMIT as usize;
