//! UDP and TCP.
//! Checksums cover the nearest IP header's addresses, also inside a fragment's data.

use super::{Ends, length16, transport_checksum};

/// UDP (RFC 768).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Udp {
    /// Source port.
    pub source: u16,
    /// Destination port.
    pub destination: u16,
    /// Header and data in bytes; computed.
    pub length: Option<u16>,
    /// Checksum; computed.
    pub checksum: Option<u16>,
}

impl Udp {
    /// To that port.
    #[must_use]
    pub fn to(destination: u16) -> Self {
        Self { source: 40025, destination, length: None, checksum: None }
    }

    pub(super) fn encode(&self, ends: Ends, inner: Vec<u8>) -> Vec<u8> {
        let mut out = [self.source.to_be_bytes(), self.destination.to_be_bytes()].concat();
        out.extend(self.length.unwrap_or(length16(8 + inner.len())).to_be_bytes());
        out.extend([0, 0]);
        out.extend(inner);
        // RFC 768: a computed zero is sent as all ones.
        let computed = || Some(transport_checksum(ends, 17, &out)).filter(|sum| *sum != 0).unwrap_or(0xffff);
        let checksum = self.checksum.unwrap_or_else(computed);
        out[6..8].copy_from_slice(&checksum.to_be_bytes());
        out
    }
}

/// TCP (RFC 9293).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tcp {
    /// Source port.
    pub source: u16,
    /// Destination port.
    pub destination: u16,
    /// Sequence number.
    pub sequence: u32,
    /// Acknowledgment number.
    pub acknowledgment: u32,
    /// Header length in 32-bit words; computed from the options.
    pub offset: Option<u8>,
    /// Flags: FIN 0x01, SYN 0x02, RST 0x04, PSH 0x08, ACK 0x10, URG 0x20, ECE 0x40, CWR 0x80.
    pub flags: u8,
    /// Window.
    pub window: u16,
    /// Checksum; computed.
    pub checksum: Option<u16>,
    /// Options; padded with end-of-list to a multiple of four bytes.
    pub options: Vec<u8>,
}

impl Tcp {
    /// FIN.
    pub const FIN: u8 = 0x01;
    /// SYN.
    pub const SYN: u8 = 0x02;
    /// RST.
    pub const RST: u8 = 0x04;
    /// PSH.
    pub const PSH: u8 = 0x08;
    /// ACK.
    pub const ACK: u8 = 0x10;

    /// A segment between two ports with these flags.
    #[must_use]
    pub fn segment(source: u16, destination: u16, flags: u8) -> Self {
        Self {
            source,
            destination,
            sequence: 0x0102_0304,
            acknowledgment: if flags & Self::ACK == 0 { 0 } else { 0x0a0b_0c0d },
            offset: None,
            flags,
            window: 0xfaf0,
            checksum: None,
            options: Vec::new(),
        }
    }

    /// A SYN to that port.
    #[must_use]
    pub fn syn(destination: u16) -> Self {
        Self::segment(40025, destination, Self::SYN)
    }

    /// A SYN,ACK from that port.
    #[must_use]
    pub fn syn_ack_from(source: u16) -> Self {
        Self::segment(source, 40025, Self::SYN | Self::ACK)
    }

    pub(super) fn encode(&self, ends: Ends, inner: Vec<u8>) -> Vec<u8> {
        let mut options = self.options.clone();
        options.resize(options.len().next_multiple_of(4), 0);
        let words = self.offset.unwrap_or(u8::try_from(5 + options.len() / 4).unwrap_or(15));
        let mut out = [self.source.to_be_bytes(), self.destination.to_be_bytes()].concat();
        out.extend(self.sequence.to_be_bytes());
        out.extend(self.acknowledgment.to_be_bytes());
        out.extend([words << 4, self.flags]);
        out.extend(self.window.to_be_bytes());
        out.extend([0; 4]);
        out.extend(options);
        out.extend(inner);
        let checksum = self.checksum.unwrap_or_else(|| transport_checksum(ends, 6, &out));
        out[16..18].copy_from_slice(&checksum.to_be_bytes());
        out
    }
}
