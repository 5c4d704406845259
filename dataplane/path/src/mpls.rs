//! An MPLS label stack (RFC 3032) of up to 16 entries; what follows is told by its first nibble (RFC 4928).

use std::net::IpAddr;

use crate::parse::{Network, Reader, Stop};
use crate::walk::{Observer, Step};

impl<E, O> Reader<'_, '_, E, O>
where
    E: Fn(IpAddr) -> bool,
    O: Observer,
{
    /// Reads the stack at `at`.
    pub(crate) fn mpls(&mut self, mut at: usize) -> Result<Network, Stop> {
        self.packet.mpls = true;
        for _ in 0..MAX_LABELS {
            self.link_holds(at + 4)?;
            let bottom = self.frame.u8(at + 2)? & 1 == 1;
            if O::ON {
                let label = self.frame.u32(at).unwrap_or_default() >> 12;
                self.observer.see(Step::Mpls { at, label, bottom });
            }
            at += 4;
            if bottom {
                return self.below(at);
            }
        }
        Err(Stop::TagsLimit)
    }

    fn below(&self, at: usize) -> Result<Network, Stop> {
        self.link_holds(at + 1)?;
        match self.frame.u8(at)? >> 4 {
            4 => Ok(Network { at, v6: false }),
            6 => Ok(Network { at, v6: true }),
            _ => Err(Stop::NotRead),
        }
    }
}

const MAX_LABELS: usize = 16;
