//! Builds frames for tests, inside out: each function puts one header in front of its payload.
//! Lengths and protocol numbers are right unless a test breaks them by hand.
#![allow(dead_code, unused_imports, reason = "each test binary uses its own part")]

pub(crate) mod choices;
pub(crate) mod policy;
pub(crate) mod reading;

use std::net::{Ipv4Addr, Ipv6Addr};

pub(crate) const FIN: u8 = 1;
pub(crate) const SYN: u8 = 2;
pub(crate) const RST: u8 = 4;
pub(crate) const ACK: u8 = 16;

pub(crate) const TCP: u8 = 6;
pub(crate) const UDP: u8 = 17;
pub(crate) const IPIP: u8 = 4;
pub(crate) const IP6: u8 = 41;
pub(crate) const GRE: u8 = 47;
pub(crate) const HOP: u8 = 0;
pub(crate) const ROUTING: u8 = 43;
pub(crate) const FRAGMENT: u8 = 44;
pub(crate) const AH: u8 = 51;
pub(crate) const DEST: u8 = 60;

pub(crate) const SOURCE_MAC: [u8; 6] = [0x02, 0, 0, 0, 0, 0x0a];
pub(crate) const DESTINATION_MAC: [u8; 6] = [0x02, 0, 0, 0, 0, 0x0b];

pub(crate) fn ethernet(kind: u16, payload: &[u8]) -> Vec<u8> {
    [&DESTINATION_MAC[..], &SOURCE_MAC, &kind.to_be_bytes(), payload].concat()
}

/// An untagged frame around an IP packet; the type follows the version.
pub(crate) fn frame(ip: &[u8]) -> Vec<u8> {
    ethernet(kind_of(ip), ip)
}

pub(crate) fn kind_of(ip: &[u8]) -> u16 {
    if ip.first().is_some_and(|b| b >> 4 == 6) { 0x86dd } else { 0x0800 }
}

/// VLAN tags of the given types, outermost first, then `kind` and the payload.
pub(crate) fn tagged(tags: &[u16], kind: u16, payload: &[u8]) -> Vec<u8> {
    let mut inner = payload.to_vec();
    let mut kind = kind;
    for (i, tag) in tags.iter().enumerate().rev() {
        let id = 100 + i as u16;
        inner = [&id.to_be_bytes()[..], &kind.to_be_bytes(), &inner].concat();
        kind = *tag;
    }
    ethernet(kind, &inner)
}

/// A PPPoE session header; `ppp` is the protocol field as it stands on the wire.
pub(crate) fn pppoe(ppp: &[u8], payload: &[u8]) -> Vec<u8> {
    let len = (ppp.len() + payload.len()) as u16;
    [&[0x11, 0, 0x12, 0x34][..], &len.to_be_bytes(), ppp, payload].concat()
}

/// `labels` MPLS entries, the last one with the bottom bit.
pub(crate) fn mpls(labels: usize, payload: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for i in 0..labels {
        bytes.extend([0, 1, u8::from(i + 1 == labels), 64]);
    }
    [&bytes[..], payload].concat()
}

#[derive(Clone)]
pub(crate) struct V4 {
    pub(crate) source: Ipv4Addr,
    pub(crate) destination: Ipv4Addr,
    pub(crate) protocol: u8,
    pub(crate) options: Vec<u8>,
    pub(crate) offset: u16,
    pub(crate) more: bool,
}

pub(crate) fn v4(source: &str, destination: &str, protocol: u8) -> V4 {
    V4 {
        source: source.parse().expect("source"),
        destination: destination.parse().expect("destination"),
        protocol,
        options: Vec::new(),
        offset: 0,
        more: false,
    }
}

impl V4 {
    /// Options, padded with zeros to four bytes.
    pub(crate) fn options(mut self, options: &[u8]) -> Self {
        self.options = options.to_vec();
        self.options.resize(options.len().next_multiple_of(4), 0);
        self
    }

    pub(crate) fn fragment(mut self, offset: u16, more: bool) -> Self {
        self.offset = offset;
        self.more = more;
        self
    }

    pub(crate) fn around(&self, payload: &[u8]) -> Vec<u8> {
        let header_len = 20 + self.options.len();
        let mut bytes = vec![0x40 | (header_len / 4) as u8, 0];
        bytes.extend(((header_len + payload.len()) as u16).to_be_bytes());
        bytes.extend([0x12, 0x34]);
        bytes.extend((self.offset | if self.more { 0x2000 } else { 0 }).to_be_bytes());
        bytes.extend([64, self.protocol, 0, 0]);
        bytes.extend(self.source.octets());
        bytes.extend(self.destination.octets());
        bytes.extend(&self.options);
        let sum = checksum(&bytes);
        bytes[10..12].copy_from_slice(&sum.to_be_bytes());
        bytes.extend(payload);
        bytes
    }
}

/// An IPv6 packet; `next` names what `payload` begins with.
pub(crate) fn v6(source: &str, destination: &str, next: u8, payload: &[u8]) -> Vec<u8> {
    let source: Ipv6Addr = source.parse().expect("source");
    let destination: Ipv6Addr = destination.parse().expect("destination");
    let mut bytes = vec![0x60, 0, 0, 0];
    bytes.extend((payload.len() as u16).to_be_bytes());
    bytes.extend([next, 64]);
    bytes.extend(source.octets());
    bytes.extend(destination.octets());
    bytes.extend(payload);
    bytes
}

/// An extension header of 8 bytes in front of `rest`, which begins with `next`.
pub(crate) fn ext(next: u8, rest: &[u8]) -> Vec<u8> {
    [&[next, 0, 1, 4, 0, 0, 0, 0][..], rest].concat()
}

/// An extension header of `8 * (units + 1)` bytes.
pub(crate) fn long_ext(next: u8, units: u8, rest: &[u8]) -> Vec<u8> {
    let mut bytes = vec![0; 8 * (usize::from(units) + 1)];
    bytes[0] = next;
    bytes[1] = units;
    [&bytes[..], rest].concat()
}

pub(crate) fn fragment6(next: u8, offset: u16, more: bool, rest: &[u8]) -> Vec<u8> {
    let field = offset << 3 | u16::from(more);
    [&[next, 0][..], &field.to_be_bytes(), &[0, 0, 0, 7], rest].concat()
}

/// A routing header with these addresses in wire order.
pub(crate) fn routing(next: u8, kind: u8, left: u8, addresses: &[&str], rest: &[u8]) -> Vec<u8> {
    let mut bytes = vec![next, (addresses.len() * 2) as u8, kind, left, 0, 0, 0, 0];
    for address in addresses {
        bytes.extend(address.parse::<Ipv6Addr>().expect("address").octets());
    }
    [&bytes[..], rest].concat()
}

/// A source route option (131 loose, 137 strict).
pub(crate) fn route_option(kind: u8, pointer: u8, addresses: &[&str]) -> Vec<u8> {
    let mut bytes = vec![kind, (3 + addresses.len() * 4) as u8, pointer];
    for address in addresses {
        bytes.extend(address.parse::<Ipv4Addr>().expect("address").octets());
    }
    bytes
}

/// A TCP header without options or data; sequence number 0x01020304, acknowledgment 0x0a0b0c0d.
pub(crate) fn tcp(source_port: u16, destination_port: u16, flags: u8) -> Vec<u8> {
    let mut bytes = Vec::new();
    bytes.extend(source_port.to_be_bytes());
    bytes.extend(destination_port.to_be_bytes());
    bytes.extend([1, 2, 3, 4, 10, 11, 12, 13, 0x50, flags, 0xff, 0xff, 0, 0, 0, 0]);
    bytes
}

pub(crate) fn udp(source_port: u16, destination_port: u16, payload: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    bytes.extend(source_port.to_be_bytes());
    bytes.extend(destination_port.to_be_bytes());
    bytes.extend((8 + payload.len() as u16).to_be_bytes());
    bytes.extend([0, 0]);
    bytes.extend(payload);
    bytes
}

/// A G-PDU over UDP port 2152; `flags` below 8 are E, S, PN, and `optional` is what follows the 8 bytes.
pub(crate) fn gtpu(flags: u8, optional: &[u8], payload: &[u8]) -> Vec<u8> {
    let len = (optional.len() + payload.len()) as u16;
    let head = [&[0x30 | flags, 255][..], &len.to_be_bytes(), &[0, 0, 0, 9], optional].concat();
    udp(2152, 2152, &[&head[..], payload].concat())
}

/// A GRE header of version 0; `optional` is what follows the 4 bytes.
pub(crate) fn gre(flags: u16, kind: u16, optional: &[u8], payload: &[u8]) -> Vec<u8> {
    [&flags.to_be_bytes()[..], &kind.to_be_bytes(), optional, payload].concat()
}

/// The Internet checksum (RFC 1071).
pub(crate) fn checksum(bytes: &[u8]) -> u16 {
    let mut sum: u32 = 0;
    for pair in bytes.chunks(2) {
        sum += u32::from(pair[0]) << 8 | u32::from(pair.get(1).copied().unwrap_or(0));
    }
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    !(sum as u16)
}
