//! The traffic of `bench path`: frames that come in at the access port, each kind's the same on every machine.
//!
//! Lengths are those in memory, without the check sequence: a 64-byte frame has 60. IPv6 with TCP does not fit into
//! that and has 74.

use crate::path::policy::Policy;
use crate::random::Random;

/// Kinds of traffic.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Traffic {
    /// 64-byte TCP to port 443 over IPv4, from pools.
    Benign4,
    /// Shortest frames, IPv4 and IPv6, TCP and UDP in equal shares, 1 % SYN to port 25.
    Min1,
    /// Lengths 64, 594 and 1,518 as 7 : 4 : 1, otherwise as `min1`; 15 % with a VLAN tag, 10 % with two.
    Imix1,
    /// SYN to port 25 alone, half IPv4 and half IPv6.
    Syn25,
    /// SYN to port 25 alone, IPv4; for a policy with exemptions.
    Syn25ex,
}

impl Traffic {
    /// All of them, in the table's order.
    pub const ALL: [Traffic; 5] = [Self::Benign4, Self::Min1, Self::Imix1, Self::Syn25, Self::Syn25ex];

    /// As option and column say it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Benign4 => "benign4",
            Self::Min1 => "min1",
            Self::Imix1 => "imix1",
            Self::Syn25 => "syn25",
            Self::Syn25ex => "syn25ex",
        }
    }

    /// `count` frames with sources out of `policy`'s pools.
    pub fn frames(self, policy: &Policy, count: usize) -> Vec<Vec<u8>> {
        let mut random = Random::new(0x25_00 + self as u64);
        (0..count).map(|_| self.frame(policy, &mut random)).collect()
    }

    fn frame(self, policy: &Policy, random: &mut Random) -> Vec<u8> {
        let mixed = matches!(self, Self::Min1 | Self::Imix1);
        let syn = matches!(self, Self::Syn25 | Self::Syn25ex) || (mixed && random.below(100) == 0);
        let six = match self {
            Self::Benign4 | Self::Syn25ex => false,
            Self::Min1 | Self::Imix1 | Self::Syn25 => random.below(2) == 1,
        };
        let transport = match (syn, mixed && random.below(2) == 1) {
            (true, _) => tcp(25, SYN, random),
            (false, true) => udp(random),
            (false, false) => tcp(443, ACK, random),
        };
        let length = if self == Self::Imix1 { IMIX[random.weighted(&[7, 4, 1])] } else { IMIX[0] };
        let tags = if self == Self::Imix1 { random.weighted(&[75, 15, 10]) } else { 0 };
        ethernet(tags, six, &packet(policy, six, &transport, random), length, random)
    }
}

/// Ethernet with 0 to 2 tags around an IP packet, filled up to `length` bytes; the IP packet grows with it.
fn ethernet(tags: usize, six: bool, packet: &[u8], length: usize, random: &mut Random) -> Vec<u8> {
    let mut frame = vec![2, 0, 0, 0, 0x25, 1, 2, 0, 0, 0, 0x25, 2];
    let types: &[u16] = match tags {
        0 => &[],
        1 => &[0x8100],
        _ => &[0x88a8, 0x8100],
    };
    for kind in types {
        frame.extend(kind.to_be_bytes());
        frame.extend((1 + random.below(4094) as u16).to_be_bytes());
    }
    frame.extend(if six { 0x86dd_u16 } else { 0x0800 }.to_be_bytes());
    let at = frame.len();
    frame.extend(packet);
    if frame.len() < length {
        frame.resize(length, 0);
    }
    let held = frame.len() - at;
    let (place, value) = if six { (at + 4, held - 40) } else { (at + 2, held) };
    // The shortest frames have padding behind the packet, others none.
    if length > IMIX[0]
        && let Some(field) = frame.get_mut(place..place + 2)
    {
        field.copy_from_slice(&(value as u16).to_be_bytes());
    }
    frame
}

fn packet(policy: &Policy, six: bool, transport: &(u8, Vec<u8>), random: &mut Random) -> Vec<u8> {
    let (protocol, bytes) = transport;
    let len = bytes.len() as u16;
    let mut packet = if six {
        let mut head = vec![0x60, 0, 0, 0];
        head.extend(len.to_be_bytes());
        head.extend([*protocol, 64]);
        head.extend(policy.source6(random).to_be_bytes());
        head.extend((0x2001_0db8_0009 << 80 | random.wide() >> 64).to_be_bytes());
        head
    } else {
        let mut head = vec![0x45, 0];
        head.extend((20 + len).to_be_bytes());
        head.extend((random.bits() as u16).to_be_bytes());
        head.extend([0x40, 0, 64, *protocol, 0, 0]);
        head.extend(policy.source4(random).to_be_bytes());
        head.extend((random.bits() as u32 >> 8 | 0xc600_0000).to_be_bytes());
        head
    };
    packet.extend(bytes);
    packet
}

fn tcp(destination: u16, flags: u8, random: &mut Random) -> (u8, Vec<u8>) {
    let mut bytes = (1024 + random.below(64_000) as u16).to_be_bytes().to_vec();
    bytes.extend(destination.to_be_bytes());
    bytes.extend(random.bits().to_be_bytes());
    bytes.extend([0x50, flags, 0xff, 0xff, 0, 0, 0, 0]);
    (6, bytes)
}

fn udp(random: &mut Random) -> (u8, Vec<u8>) {
    let mut bytes = (1024 + random.below(64_000) as u16).to_be_bytes().to_vec();
    bytes.extend(443_u16.to_be_bytes());
    bytes.extend([0, 16, 0, 0]);
    bytes.extend(random.bits().to_be_bytes());
    (17, bytes)
}

const SYN: u8 = 0x02;
const ACK: u8 = 0x10;
/// IMIX lengths without the check sequence.
const IMIX: [usize; 3] = [60, 590, 1514];
