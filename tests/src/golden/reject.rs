//! The reject: one TCP segment back to the subscriber, or why there is none.
//! Own checksums, own layout: it shares nothing with the frame builder or the path.

use std::net::IpAddr;

use super::bytes::Captured;
use super::ip::Segment;
use super::judge::Ends;
use super::link::Encapsulation;

/// A candidate that is to be answered.
pub(super) struct Candidate {
    /// Offset of the first IP header.
    pub(super) ip: usize,
    pub(super) encapsulation: Encapsulation,
    /// More than one IP header was read.
    pub(super) tunnel: bool,
    /// The header that carries the segment.
    pub(super) ends: Ends,
    pub(super) segment: Segment,
}

const FIN: u8 = 0x01;
const SYN: u8 = 0x02;
const RST: u8 = 0x04;
const ACK: u8 = 0x10;

/// The answer's bytes, or none: "No answer, only the drop: RST set; MPLS or a tunnel; a first fragment; data offset < 5
/// or greater than the segment; source or destination multicast, broadcast, unspecified or loopback; a group address
/// as source or destination MAC". The rate is not asked here. None either for a frame captured too short to answer.
pub(super) fn answer(frame: Captured, candidate: &Candidate) -> Option<Vec<u8>> {
    let segment = candidate.segment;
    // In a first fragment nobody knows where the segment ends.
    let end = segment.end?;
    let header = usize::from(frame.u8(segment.start + 12).ok()? >> 4) * 4;
    let group_mac = (frame.u8(0).ok()? | frame.u8(6).ok()?) & 1 == 1;
    let ends = candidate.ends;
    if segment.flags & RST != 0
        || candidate.encapsulation == Encapsulation::Mpls
        || candidate.tunnel
        || header < 20
        || segment.start + header > end
        || group_mac
        || unanswerable(ends.source)
        || unanswerable(ends.destination)
    {
        return None;
    }
    let payload = end - segment.start - header;
    let tcp = tcp(frame, segment, payload)?;
    let ip = match (ends.source, ends.destination) {
        (IpAddr::V4(source), IpAddr::V4(destination)) => ipv4(destination.octets(), source.octets(), tcp),
        (IpAddr::V6(source), IpAddr::V6(destination)) => ipv6(destination.octets(), source.octets(), tcp),
        _ => return None,
    };
    let mut out = link(frame, candidate, ip.len())?;
    out.extend(ip);
    // "padded with zeros to 60 bytes"
    while out.len() < 60 {
        out.push(0);
    }
    Some(out)
}

/// "multicast, broadcast (255.255.255.255), unspecified or loopback"
fn unanswerable(address: IpAddr) -> bool {
    address.is_multicast()
        || address.is_unspecified()
        || address.is_loopback()
        || address == IpAddr::from([255, 255, 255, 255])
}

/// "Ethernet addresses swapped; the same VLAN tags, PPPoE and PPP bytes (PPPoE's length field set)": the length of what
/// follows the six bytes (RFC 2516 §4).
fn link(frame: Captured, candidate: &Candidate, packet: usize) -> Option<Vec<u8>> {
    let mut out = Vec::new();
    out.extend(frame.array::<6>(6).ok()?);
    out.extend(frame.array::<6>(0).ok()?);
    for at in 12..candidate.ip {
        out.push(frame.u8(at).ok()?);
    }
    if let Encapsulation::Pppoe(start) = candidate.encapsulation {
        let length = u16::try_from(candidate.ip - (start + 6) + packet).ok()?;
        out[start + 4] = length.to_be_bytes()[0];
        out[start + 5] = length.to_be_bytes()[1];
    }
    Some(out)
}

/// "ports swapped; data offset 5, window 0, urgent 0. ACK set in the candidate: RST, seq = its ack number, ack 0. Else
/// RST|ACK, seq 0, ack = its seq + payload + SYN + FIN (RFC 9293 §3.10.7.1)." The checksum is still zero.
fn tcp(frame: Captured, segment: Segment, payload: usize) -> Option<Vec<u8>> {
    let sequence = u32::from_be_bytes(frame.array(segment.start + 4).ok()?);
    let acknowledged = u32::from_be_bytes(frame.array(segment.start + 8).ok()?);
    let (seq, ack, flags) = if segment.flags & ACK != 0 {
        (acknowledged, 0, RST)
    } else {
        let syn_and_fin = u32::from(segment.flags & SYN != 0) + u32::from(segment.flags & FIN != 0);
        (0, sequence.wrapping_add(u32::try_from(payload).ok()?).wrapping_add(syn_and_fin), RST | ACK)
    };
    let mut out = Vec::new();
    out.extend(segment.destination_port.to_be_bytes());
    out.extend(segment.source_port.to_be_bytes());
    out.extend(seq.to_be_bytes());
    out.extend(u32::to_be_bytes(ack));
    out.extend([5 << 4, flags, 0, 0, 0, 0, 0, 0]);
    Some(out)
}

/// "IPv4 with IHL 5, id 0, DF, TOS 0, TTL 64; right checksums".
fn ipv4(source: [u8; 4], destination: [u8; 4], mut tcp: Vec<u8>) -> Vec<u8> {
    let mut out = vec![0x45, 0, 0, 40, 0, 0, 0x40, 0, 64, 6, 0, 0];
    out.extend(source);
    out.extend(destination);
    let header_sum = checksum(&[&out]);
    out[10..12].copy_from_slice(&header_sum);
    let sum = checksum(&[&source, &destination, &[0, 6, 0, 20], &tcp]);
    tcp[16..18].copy_from_slice(&sum);
    out.extend(tcp);
    out
}

/// "IPv6 with traffic class and flow label 0, hop limit 64, no extension header".
fn ipv6(source: [u8; 16], destination: [u8; 16], mut tcp: Vec<u8>) -> Vec<u8> {
    let mut out = vec![0x60, 0, 0, 0, 0, 20, 6, 64];
    out.extend(source);
    out.extend(destination);
    let sum = checksum(&[&source, &destination, &[0, 0, 0, 20, 0, 0, 0, 6], &tcp]);
    tcp[16..18].copy_from_slice(&sum);
    out.extend(tcp);
    out
}

/// The Internet checksum (RFC 1071) of even-sized parts: add 16-bit words, fold the carries, complement.
fn checksum(parts: &[&[u8]]) -> [u8; 2] {
    let mut sum = 0_u64;
    for part in parts {
        for pair in part.chunks(2) {
            sum += u64::from(pair[0]) * 256 + u64::from(pair[1]);
        }
    }
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    let [.., high, low] = (!sum).to_be_bytes();
    [high, low]
}
