//! TCP's first 14 bytes: ports and flags. The data offset is not looked at here.

use std::net::IpAddr;

use crate::parse::{Outcome, Payload, Reader, Segment, Stop};
use crate::walk::{Observer, Step};

impl<E, O> Reader<'_, '_, E, O>
where
    E: Fn(IpAddr) -> bool,
    O: Observer,
{
    /// Reads the segment a payload is.
    pub(crate) fn tcp(&mut self, payload: Payload) -> Outcome {
        let Payload { at, bounds, fragment_at, .. } = payload;
        if fragment_at.is_some_and(|start| start != at) {
            return Err(Stop::TINY_TCP);
        }
        bounds.hold(at + THROUGH_FLAGS, Stop::Malformed).map_err(known_to_be_tcp)?;
        let head: [u8; THROUGH_FLAGS] = self.frame.array(at)?;
        let [s0, s1, d0, d1, .., flags] = head;
        let segment = Segment {
            at,
            end: bounds.end,
            source_port: u16::from_be_bytes([s0, s1]),
            destination_port: u16::from_be_bytes([d0, d1]),
            flags,
        };
        if O::ON {
            self.observer.see(Step::Tcp(segment));
        }
        Ok(segment)
    }
}

/// The upper protocol was reached, so the destination was read.
fn known_to_be_tcp(stop: Stop) -> Stop {
    if stop == Stop::TINY { Stop::TINY_TCP } else { stop }
}

/// Bytes of the TCP header up to and with the flags.
pub(crate) const THROUGH_FLAGS: usize = 14;
