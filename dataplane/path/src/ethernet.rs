//! Ethernet II, up to 8 VLAN tags, and which of MPLS, PPPoE or IP follows.
//!
//! 802.3 frames are not read; one that carries IP behind LLC/SNAP (RFC 1042) is told apart as `not_read`.

use std::net::IpAddr;

use crate::parse::{Network, Reader, Stop};
use crate::walk::{Observer, Step};

impl<E, O> Reader<'_, '_, E, O>
where
    E: Fn(IpAddr) -> bool,
    O: Observer,
{
    /// Reads the link layer to the outermost IP header.
    pub(crate) fn ethernet(&mut self) -> Result<Network, Stop> {
        self.link_holds(ADDRESSES + 2)?;
        let mut kind = self.frame.u16(ADDRESSES)?;
        let mut at = ADDRESSES + 2;
        if O::ON {
            self.observer.see(Step::Ethernet { kind });
        }
        let mut tags = 0;
        while is_tag(kind) {
            if tags == MAX_TAGS {
                return Err(Stop::TagsLimit);
            }
            self.link_holds(at + 4)?;
            let inner = self.frame.u16(at + 2)?;
            if O::ON {
                let id = self.frame.u16(at).unwrap_or_default() & 0x0fff;
                self.observer.see(Step::Vlan { at, tag: kind, id, kind: inner });
            }
            kind = inner;
            at += 4;
            tags += 1;
        }
        match kind {
            IPV4 => Ok(Network { at, v6: false }),
            IPV6 => Ok(Network { at, v6: true }),
            MPLS_UNICAST | MPLS_MULTICAST => self.mpls(at),
            PPPOE_SESSION => self.pppoe(at),
            0..FIRST_TYPE => Err(self.llc(at)),
            _ => Err(Stop::NotIp),
        }
    }

    /// Whether the frame reaches `to`; link headers that do not fit are not IP.
    pub(crate) fn link_holds(&self, to: usize) -> Result<(), Stop> {
        if to > self.frame.wire_len() { Err(Stop::NotIp) } else { Ok(()) }
    }

    /// An 802.3 frame: IP behind LLC/SNAP is not read, anything else is not IP.
    fn llc(&self, at: usize) -> Stop {
        self.snap(at).unwrap_or_else(|stop| stop)
    }

    fn snap(&self, at: usize) -> Result<Stop, Stop> {
        self.link_holds(at + SNAP.len() + 2)?;
        for (i, byte) in SNAP.iter().enumerate() {
            if self.frame.u8(at + i)? != *byte {
                return Err(Stop::NotIp);
            }
        }
        match self.frame.u16(at + SNAP.len())? {
            IPV4 | IPV6 => Ok(Stop::NotRead),
            _ => Ok(Stop::NotIp),
        }
    }
}

/// Whether an EtherType announces a VLAN tag.
#[inline]
pub(crate) const fn is_tag(kind: u16) -> bool {
    matches!(kind, 0x8100 | 0x88a8 | 0x9100 | 0x9200)
}

/// Bytes of the two addresses.
const ADDRESSES: usize = 12;
pub(crate) const MAX_TAGS: usize = 8;
pub(crate) const IPV4: u16 = 0x0800;
pub(crate) const IPV6: u16 = 0x86dd;
const MPLS_UNICAST: u16 = 0x8847;
const MPLS_MULTICAST: u16 = 0x8848;
const PPPOE_SESSION: u16 = 0x8864;
/// Below it the field is 802.3's length.
const FIRST_TYPE: u16 = 0x0600;
/// LLC's SAPs and control field, and SNAP's organisation (RFC 1042).
const SNAP: [u8; 6] = [0xaa, 0xaa, 0x03, 0, 0, 0];
