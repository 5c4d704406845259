//! IPv4 and IPv6 headers.
//! Lengths, header length, protocol and checksum are computed unless set.

use std::net::{Ipv4Addr, Ipv6Addr};

use super::{Layer, internet_checksum, length16, protocol};

/// An IPv4 header (RFC 791).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ipv4 {
    /// Version nibble.
    pub version: u8,
    /// Header length in 32-bit words; computed from the options.
    pub ihl: Option<u8>,
    /// Type of service.
    pub tos: u8,
    /// Header and payload in bytes; computed.
    pub total_length: Option<u16>,
    /// Identification.
    pub id: u16,
    /// Flags (3 bits: reserved, DF, MF).
    pub flags: u8,
    /// Fragment offset in units of 8 bytes.
    pub offset: u16,
    /// Time to live.
    pub ttl: u8,
    /// Protocol; computed from the next layer.
    pub protocol: Option<u8>,
    /// Header checksum; computed.
    pub checksum: Option<u16>,
    /// Source address.
    pub source: Ipv4Addr,
    /// Destination address.
    pub destination: Ipv4Addr,
    /// Options; padded with end-of-list to a multiple of four bytes.
    pub options: Vec<u8>,
}

impl Ipv4 {
    /// A plain header.
    ///
    /// # Panics
    /// If an address does not parse: it is written in a test.
    #[must_use]
    pub fn new(source: &str, destination: &str) -> Self {
        Self {
            version: 4,
            ihl: None,
            tos: 0,
            total_length: None,
            id: 0x2525,
            flags: 0,
            offset: 0,
            ttl: 63,
            protocol: None,
            checksum: None,
            source: source.parse().expect("an IPv4 address"),
            destination: destination.parse().expect("an IPv4 address"),
            options: Vec::new(),
        }
    }

    /// The same as a fragment at `offset` (units of 8 bytes).
    #[must_use]
    pub fn fragment(self, offset: u16, more: bool) -> Self {
        Self { offset, flags: (self.flags & 0b110) | u8::from(more), ..self }
    }

    pub(super) fn encode(&self, next: Option<&Layer>, inner: Vec<u8>) -> Vec<u8> {
        let mut options = self.options.clone();
        options.resize(options.len().next_multiple_of(4), 0);
        let header = 20 + options.len();
        let ihl = self.ihl.unwrap_or(u8::try_from(header / 4).unwrap_or(15));
        let total = self.total_length.unwrap_or(length16(header + inner.len()));
        let fragment = (u16::from(self.flags) << 13) | (self.offset & 0x1fff);
        let mut out = vec![(self.version << 4) | (ihl & 0x0f), self.tos];
        out.extend(total.to_be_bytes());
        out.extend(self.id.to_be_bytes());
        out.extend(fragment.to_be_bytes());
        out.extend([self.ttl, self.protocol.unwrap_or_else(|| protocol(next)), 0, 0]);
        out.extend(self.source.octets());
        out.extend(self.destination.octets());
        out.extend(options);
        let checksum = self.checksum.unwrap_or_else(|| internet_checksum(&out));
        out[10..12].copy_from_slice(&checksum.to_be_bytes());
        out.extend(inner);
        out
    }
}

/// An IPv6 header (RFC 8200).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ipv6 {
    /// Version nibble.
    pub version: u8,
    /// Traffic class.
    pub traffic_class: u8,
    /// Flow label, 20 bits.
    pub flow: u32,
    /// Bytes behind this header; computed.
    pub payload_length: Option<u16>,
    /// Next header; computed from the next layer.
    pub next_header: Option<u8>,
    /// Hop limit.
    pub hop_limit: u8,
    /// Source address.
    pub source: Ipv6Addr,
    /// Destination address.
    pub destination: Ipv6Addr,
}

impl Ipv6 {
    /// A plain header.
    ///
    /// # Panics
    /// If an address does not parse: it is written in a test.
    #[must_use]
    pub fn new(source: &str, destination: &str) -> Self {
        Self {
            version: 6,
            traffic_class: 0,
            flow: 0,
            payload_length: None,
            next_header: None,
            hop_limit: 63,
            source: source.parse().expect("an IPv6 address"),
            destination: destination.parse().expect("an IPv6 address"),
        }
    }

    pub(super) fn encode(&self, next: Option<&Layer>, inner: Vec<u8>) -> Vec<u8> {
        let word = (u32::from(self.version) << 28) | (u32::from(self.traffic_class) << 20) | (self.flow & 0xf_ffff);
        let mut out = word.to_be_bytes().to_vec();
        out.extend(self.payload_length.unwrap_or(length16(inner.len())).to_be_bytes());
        out.extend([self.next_header.unwrap_or_else(|| protocol(next)), self.hop_limit]);
        out.extend(self.source.octets());
        out.extend(self.destination.octets());
        out.extend(inner);
        out
    }
}
