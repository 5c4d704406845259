//! GTP-U version 1 (3GPP TS 29.281) over UDP port 2152: a G-PDU that carries IP.
//!
//! Length fields of UDP and GTP-U are not used. UDP of any other kind is not TCP.

use std::net::IpAddr;

use crate::parse::{Bounds, Network, Reader, Stop};
use crate::walk::{Observer, Step};

impl<E, O> Reader<'_, '_, E, O>
where
    E: Fn(IpAddr) -> bool,
    O: Observer,
{
    /// Reads the UDP header at `at` and what it carries.
    pub(crate) fn gtpu(&mut self, at: usize, bounds: Bounds) -> Result<Network, Stop> {
        bounds.hold(at + 4, Stop::NotTcp)?;
        let port = self.frame.u16(at + 2)?;
        if O::ON {
            self.observer.see(Step::Udp { at, destination_port: port });
        }
        if port != PORT {
            return Err(Stop::NotTcp);
        }
        let at = at + UDP_HEADER;
        bounds.hold(at + 2, Stop::NotTcp)?;
        let flags = self.frame.u8(at)?;
        let message = self.frame.u8(at + 1)?;
        if flags & VERSION_AND_TYPE != GTP_VERSION_1 || message != G_PDU {
            return Err(Stop::NotTcp);
        }
        if let Some(header) = self.packet.innermost_mut() {
            header.gtpu = true;
        }
        let inner = self.gtpu_extensions(at, flags, bounds)?;
        if O::ON {
            self.observer.see(Step::Gtpu { at, flags, len: inner - at });
        }
        bounds.hold(inner + 1, Stop::NotTcp)?;
        match self.frame.u8(inner)? >> 4 {
            4 => Ok(Network { at: inner, v6: false }),
            6 => Ok(Network { at: inner, v6: true }),
            _ => Err(Stop::NotTcp),
        }
    }

    /// Where the header at `at` ends. The three optional fields come together; the next extension's type counts
    /// only with the E flag; an extension's length is in units of four bytes and never 0 (§5.1, §5.2).
    fn gtpu_extensions(&self, at: usize, flags: u8, bounds: Bounds) -> Result<usize, Stop> {
        let mut end = at + HEADER;
        bounds.hold(end, Stop::NotTcp)?;
        if flags & (EXTENSION | SEQUENCE | NPDU) == 0 {
            return Ok(end);
        }
        end += OPTIONAL;
        bounds.hold(end, Stop::NotTcp)?;
        if flags & EXTENSION == 0 {
            return Ok(end);
        }
        while self.frame.u8(end - 1)? != 0 {
            bounds.hold(end + 1, Stop::NotTcp)?;
            let len = usize::from(self.frame.u8(end)?) * 4;
            if len == 0 {
                return Err(Stop::NotTcp);
            }
            end += len;
            bounds.hold(end, Stop::NotTcp)?;
        }
        Ok(end)
    }
}

pub(crate) const PORT: u16 = 2152;
const UDP_HEADER: usize = 8;
const HEADER: usize = 8;
/// Sequence number, N-PDU number and next extension type.
const OPTIONAL: usize = 4;
const VERSION_AND_TYPE: u8 = 0xf0;
const GTP_VERSION_1: u8 = 0x30;
const EXTENSION: u8 = 0x04;
const SEQUENCE: u8 = 0x02;
const NPDU: u8 = 0x01;
/// The message that carries a user's packet.
const G_PDU: u8 = 255;
