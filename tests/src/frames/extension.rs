//! IPv6 extension headers.
//! Any kind, any length field, any next header; padded to the unit its length counts in.

use std::net::Ipv6Addr;

use super::{Layer, protocol};

/// Any extension header that says its length (RFC 8200 §4.2); AH counts in units of four bytes (RFC 4302 §2.2).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Extension {
    /// Its protocol number, set in the header in front.
    pub kind: u8,
    /// Next header; computed from the next layer.
    pub next: Option<u8>,
    /// Length field; computed.
    pub length: Option<u8>,
    /// What follows the first two bytes; padded with zeros to the length's unit.
    pub body: Vec<u8>,
}

impl Extension {
    /// An extension header of eight bytes.
    #[must_use]
    pub fn new(kind: u8) -> Self {
        // PadN of four bytes, which destination and hop-by-hop options can read.
        Self { kind, next: None, length: None, body: vec![1, 4, 0, 0, 0, 0] }
    }

    /// Hop-by-hop options, 0.
    #[must_use]
    pub fn hop_by_hop() -> Self {
        Self::new(0)
    }

    /// Destination options, 60.
    #[must_use]
    pub fn destination() -> Self {
        Self::new(60)
    }

    /// Destination options that take `bytes` in all (a multiple of eight, up to 2048).
    #[must_use]
    pub fn destination_of(bytes: usize) -> Self {
        Self { body: vec![0; bytes.max(8) - 2], ..Self::new(60) }
    }

    /// Authentication header, 51, with twelve bytes of integrity check value.
    #[must_use]
    pub fn authentication() -> Self {
        Self { body: vec![0; 22], ..Self::new(51) }
    }

    /// Routing header, 43, with its addresses as they stand in the packet (RFC 5095 type 0, RFC 8754 type 4).
    #[must_use]
    pub fn routing(kind: u8, segments_left: u8, addresses: &[&str]) -> Self {
        let last_entry = u8::try_from(addresses.len().max(1) - 1).unwrap_or(255);
        let mut body = vec![kind, segments_left, if kind == 4 { last_entry } else { 0 }, 0, 0, 0];
        for address in addresses {
            body.extend(address.parse::<Ipv6Addr>().expect("an IPv6 address").octets());
        }
        Self { body, ..Self::new(43) }
    }

    pub(super) fn encode(&self, next: Option<&Layer>, inner: Vec<u8>) -> Vec<u8> {
        let mut body = self.body.clone();
        body.resize((body.len() + 2).next_multiple_of(8).max(8) - 2, 0);
        let bytes = body.len() + 2;
        let units = if self.kind == 51 { bytes / 4 - 2 } else { bytes / 8 - 1 };
        let length = self.length.unwrap_or(u8::try_from(units).unwrap_or(255));
        [&[self.next.unwrap_or_else(|| protocol(next)), length], &body[..], &inner].concat()
    }
}

/// The fragment header, 44 (RFC 8200 §4.5).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fragment {
    /// Next header; computed from the next layer.
    pub next: Option<u8>,
    /// The byte behind it, which senders set to zero.
    pub reserved: u8,
    /// Offset in units of 8 bytes.
    pub offset: u16,
    /// The two reserved bits beside M.
    pub bits: u8,
    /// More fragments.
    pub more: bool,
    /// Identification.
    pub id: u32,
}

impl Fragment {
    /// A fragment header at `offset` (units of 8 bytes); `Fragment::new(0, false)` is an atomic fragment (RFC 6946).
    #[must_use]
    pub fn new(offset: u16, more: bool) -> Self {
        Self { next: None, reserved: 0, offset, bits: 0, more, id: 0x2525_2525 }
    }

    /// The same, naming that next header.
    #[must_use]
    pub fn naming(self, next: u8) -> Self {
        Self { next: Some(next), ..self }
    }

    pub(super) fn encode(&self, next: Option<&Layer>, inner: Vec<u8>) -> Vec<u8> {
        let word = (self.offset << 3) | (u16::from(self.bits & 3) << 1) | u16::from(self.more);
        let head = [self.next.unwrap_or_else(|| protocol(next)), self.reserved];
        [&head[..], &word.to_be_bytes(), &self.id.to_be_bytes(), &inner].concat()
    }
}
