//! GRE version 0 (RFC 2784, 2890) with an IP payload; RFC 1701's routing is not read.

use std::net::IpAddr;

use crate::ethernet::{IPV4, IPV6};
use crate::parse::{Bounds, Network, Reader, Stop};
use crate::walk::{Observer, Step};

impl<E, O> Reader<'_, '_, E, O>
where
    E: Fn(IpAddr) -> bool,
    O: Observer,
{
    /// Reads the header at `at`.
    pub(crate) fn gre(&mut self, at: usize, bounds: Bounds) -> Result<Network, Stop> {
        bounds.hold(at + 4, Stop::NotTcp)?;
        let flags = self.frame.u16(at)?;
        let kind = self.frame.u16(at + 2)?;
        if O::ON {
            self.observer.see(Step::Gre { at, flags, kind });
        }
        if flags & (ROUTING | VERSION) != 0 {
            return Err(Stop::NotTcp);
        }
        let v6 = match kind {
            IPV4 => false,
            IPV6 => true,
            _ => return Err(Stop::NotTcp),
        };
        let optional = (flags & (CHECKSUM | KEY | SEQUENCE)).count_ones() as usize;
        let at = at + 4 + 4 * optional;
        bounds.hold(at, Stop::NotTcp)?;
        Ok(Network { at, v6 })
    }
}

/// Each of checksum, key and sequence number adds four bytes.
const CHECKSUM: u16 = 0x8000;
const ROUTING: u16 = 0x4000;
const KEY: u16 = 0x2000;
const SEQUENCE: u16 = 0x1000;
const VERSION: u16 = 0x0007;
