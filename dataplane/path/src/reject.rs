//! The answer to a blocked segment: one TCP reset (RFC 9293 §3.10.7.1) to whoever sent it, under the same tags.
//!
//! Refuses to answer what a reset would not help or could harm: resets, fragments, tunnels, MPLS, segments whose
//! data offset does not fit, group and unusable addresses. How many go out is the worker's [`RejectBudget`].

use std::net::IpAddr;

use crate::frame::{Direction, Frame, NotCaptured};
use crate::parse::{ACK, FIN, Packet, RST, SYN, Segment, parse};
use crate::pppoe;
use crate::walk::Silent;

/// The longest answer: Ethernet with 8 tags, PPPoE with a two-byte protocol, IPv6 and TCP.
pub const MAX_ANSWER: usize = 14 + 8 * 4 + 8 + 40 + 20;

/// Writes the answer to a frame that was judged `reject` into `answer` and returns its length: 60 bytes at least,
/// [`MAX_ANSWER`] at most. None if it is not answered, or if `answer` is too short.
#[must_use]
pub fn build(frame: Frame<'_>, answer: &mut [u8]) -> Option<usize> {
    // Answered packets are in no tunnel, so no tunnel end needs to be known.
    let (packet, outcome) = parse(frame, Direction::Outbound, |_| false, &mut Silent);
    let segment = outcome.ok()?;
    if !is_answered(frame, &packet, &segment) {
        return None;
    }
    write(frame, &packet, &segment, answer).ok().flatten()
}

/// Whether a blocked segment is answered, the worker's rate apart.
pub(crate) fn is_answered(frame: Frame<'_>, packet: &Packet, segment: &Segment) -> bool {
    if segment.flags & RST != 0 || packet.mpls || packet.first_fragment || packet.headers().len() != 1 {
        return false;
    }
    let unicast = unicast_macs(frame).unwrap_or(false) && usable_addresses(frame, packet).unwrap_or(false);
    unicast && header_len(frame, segment).is_ok_and(|len| (20..=segment.end - segment.at).contains(&len))
}

fn unicast_macs(frame: Frame<'_>) -> Result<bool, NotCaptured> {
    Ok((frame.u8(0)? | frame.u8(6)?) & 1 == 0)
}

fn usable_addresses(frame: Frame<'_>, packet: &Packet) -> Result<bool, NotCaptured> {
    let header = packet.innermost().ok_or(NotCaptured)?;
    Ok(is_usable(header.source(frame)?) && is_usable(header.destination(frame)?))
}

fn is_usable(address: IpAddr) -> bool {
    let broadcast = matches!(address, IpAddr::V4(v4) if v4.is_broadcast());
    !(broadcast || address.is_multicast() || address.is_unspecified() || address.is_loopback())
}

/// TCP's data offset in bytes.
fn header_len(frame: Frame<'_>, segment: &Segment) -> Result<usize, NotCaptured> {
    Ok(usize::from(frame.u8(segment.at + 12)? >> 4) * 4)
}

fn write(
    frame: Frame<'_>,
    packet: &Packet,
    segment: &Segment,
    answer: &mut [u8],
) -> Result<Option<usize>, NotCaptured> {
    let header = packet.innermost().ok_or(NotCaptured)?;
    let Some(link) = frame.bytes().get(..packet.network_at) else { return Err(NotCaptured) };
    let (head, reset) = if header.v6 {
        ip6(frame.array(header.at + 24)?, frame.array(header.at + 8)?, reset(frame, segment)?)
    } else {
        ip4(frame.array(header.at + 16)?, frame.array(header.at + 12)?, reset(frame, segment)?)
    };
    let head = head.get(if header.v6 { ..40 } else { ..20 }).unwrap_or_default();
    let mut out = Out { buffer: answer, len: 0 };
    let [destination, source] = [frame.array::<6>(0)?, frame.array::<6>(6)?];
    out.put(&source);
    out.put(&destination);
    out.put(link.get(12..).unwrap_or_default());
    if let Some(at) = packet.pppoe_at {
        let ppp = packet.network_at.saturating_sub(at + pppoe::HEADER);
        out.set(at + 4, &((ppp + head.len() + reset.len()) as u16).to_be_bytes());
    }
    out.put(head);
    out.put(&reset);
    while out.len < MIN_FRAME {
        out.put(&[0]);
    }
    Ok((out.len <= out.buffer.len()).then_some(out.len))
}

/// The reset, its checksum still 0.
fn reset(frame: Frame<'_>, segment: &Segment) -> Result<[u8; 20], NotCaptured> {
    let flag = |flag: u8| u32::from(segment.flags & flag != 0);
    let (sequence, acknowledgment, flags) = if segment.flags & ACK != 0 {
        (frame.u32(segment.at + 8)?, 0, RST)
    } else {
        let payload = segment.end - segment.at - header_len(frame, segment)?;
        let next = frame.u32(segment.at + 4)?.wrapping_add(payload as u32);
        (0, next.wrapping_add(flag(SYN)).wrapping_add(flag(FIN)), RST | ACK)
    };
    let [s0, s1] = segment.destination_port.to_be_bytes();
    let [d0, d1] = segment.source_port.to_be_bytes();
    let [q0, q1, q2, q3] = u32::to_be_bytes(sequence);
    let [a0, a1, a2, a3] = u32::to_be_bytes(acknowledgment);
    Ok([s0, s1, d0, d1, q0, q1, q2, q3, a0, a1, a2, a3, DATA_OFFSET, flags, 0, 0, 0, 0, 0, 0])
}

/// IPv4 header (in the first 20 bytes) and reset with their checksums.
fn ip4(source: [u8; 4], destination: [u8; 4], reset: [u8; 20]) -> ([u8; 40], [u8; 20]) {
    let mut head = [0; 40];
    let mut out = Out { buffer: &mut head, len: 0 };
    out.put(&[0x45, 0, 0, 40, 0, 0, 0x40, 0, TTL, TCP, 0, 0]);
    out.put(&source);
    out.put(&destination);
    let sum = fold(sum(&head));
    Out { buffer: &mut head, len: 0 }.set(10, &sum);
    let pseudo = sum4(source, destination);
    (head, with_checksum(reset, pseudo))
}

/// IPv6 header and reset with its checksum.
fn ip6(source: [u8; 16], destination: [u8; 16], reset: [u8; 20]) -> ([u8; 40], [u8; 20]) {
    let mut head = [0; 40];
    let mut out = Out { buffer: &mut head, len: 0 };
    out.put(&[0x60, 0, 0, 0, 0, 20, TCP, TTL]);
    out.put(&source);
    out.put(&destination);
    (head, with_checksum(reset, sum(&source) + sum(&destination)))
}

fn sum4(source: [u8; 4], destination: [u8; 4]) -> u32 {
    sum(&source) + sum(&destination)
}

/// The reset with its checksum over the pseudo header of these addresses, protocol and length (RFC 9293 §3.1).
fn with_checksum(mut reset: [u8; 20], addresses: u32) -> [u8; 20] {
    let sum = fold(addresses + u32::from(TCP) + 20 + sum(&reset));
    Out { buffer: &mut reset, len: 0 }.set(16, &sum);
    reset
}

/// Sum of 16-bit words; at most 40 bytes, so it cannot overflow.
fn sum(bytes: &[u8]) -> u32 {
    let (pairs, _) = bytes.as_chunks::<2>();
    pairs.iter().map(|pair| u32::from(u16::from_be_bytes(*pair))).sum()
}

/// The Internet checksum of a sum (RFC 1071).
fn fold(sum: u32) -> [u8; 2] {
    let sum = (sum & 0xffff) + (sum >> 16);
    let sum = (sum & 0xffff) + (sum >> 16);
    (!(sum as u16)).to_be_bytes()
}

/// Writes front to back; what does not fit is only counted.
struct Out<'a> {
    buffer: &'a mut [u8],
    len: usize,
}

impl Out<'_> {
    fn put(&mut self, bytes: &[u8]) {
        self.set(self.len, bytes);
        self.len += bytes.len();
    }

    fn set(&mut self, at: usize, bytes: &[u8]) {
        if let Some(place) = self.buffer.get_mut(at..at + bytes.len()) {
            place.copy_from_slice(bytes);
        }
    }
}

/// How many answers a worker may still send in this second.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RejectBudget {
    second: u64,
    sent: u32,
}

impl RejectBudget {
    /// Takes one answer out of this second's budget; false if `rate` were sent already. `second` is any clock that
    /// counts seconds; a change in either direction begins anew. A `rate` of 0 is unlimited.
    #[inline]
    pub fn take(&mut self, rate: u32, second: u64) -> bool {
        if second != self.second {
            *self = Self { second, sent: 0 };
        }
        if rate != 0 && self.sent >= rate {
            return false;
        }
        self.sent = self.sent.saturating_add(1);
        true
    }
}

/// Ethernet's shortest frame without check sequence.
const MIN_FRAME: usize = 60;
/// 5 words of 4 bytes.
const DATA_OFFSET: u8 = 0x50;
const TTL: u8 = 64;
const TCP: u8 = 6;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_budget_ends_with_its_rate_and_begins_with_each_second() {
        let mut budget = RejectBudget::default();
        assert!(budget.take(2, 7) && budget.take(2, 7));
        assert!(!budget.take(2, 7));
        assert!(budget.take(2, 8));
        assert!(budget.take(3, 8) && budget.take(3, 8) && !budget.take(3, 8));
    }

    #[test]
    fn a_rate_of_0_is_unlimited() {
        let mut budget = RejectBudget { second: 1, sent: u32::MAX };
        assert!(budget.take(0, 1));
        assert!(!budget.take(1_000_000, 1));
    }
}
