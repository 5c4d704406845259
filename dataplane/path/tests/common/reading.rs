//! Reads a frame with two tunnel ends of ours, and says what it should have been.

use gate25_path::parse::{Stop, Undetermined, parse};
use gate25_path::walk::Silent;
use gate25_path::{Direction, Frame, Outcome, Packet};

use super::*;

pub(crate) const A4: &str = "203.0.113.7";
pub(crate) const B4: &str = "192.0.2.1";
pub(crate) const END4: &str = "198.51.100.1";
pub(crate) const A6: &str = "2001:db8:100::7";
pub(crate) const B6: &str = "2001:db8:25::1";
pub(crate) const END6: &str = "2001:db8:ffff::1";

pub(crate) fn is_end(address: std::net::IpAddr) -> bool {
    address.to_string() == END4 || address.to_string() == END6
}

pub(crate) fn read_captured(frame: &[u8], wire_len: usize, direction: Direction) -> (Packet, Outcome) {
    parse(Frame::captured(frame, wire_len), direction, is_end, &mut Silent)
}

pub(crate) fn read(frame: &[u8]) -> (Packet, Outcome) {
    read_captured(frame, frame.len(), Direction::Outbound)
}

#[track_caller]
pub(crate) fn stops(frame: &[u8], stop: Stop) {
    assert_eq!(read(frame).1, Err(stop));
}

/// Read to a SYN to port 25.
#[track_caller]
pub(crate) fn reads(frame: &[u8]) {
    let segment = read(frame).1.expect("TCP");
    assert_eq!((segment.source_port, segment.destination_port, segment.flags), (1025, 25, SYN));
}

pub(crate) const fn undetermined(how: Undetermined, destination_read: bool) -> Stop {
    Stop::Undetermined { how, destination_read }
}
pub(crate) const OVERLAP: Stop = undetermined(Undetermined::Overlap, true);
pub(crate) const OVERLAP_CARRIER: Stop = undetermined(Undetermined::Overlap, false);
pub(crate) const TINY: Stop = undetermined(Undetermined::Tiny, false);
pub(crate) const TINY_TCP: Stop = undetermined(Undetermined::Tiny, true);
pub(crate) const CHAIN: Stop = undetermined(Undetermined::Chain, false);

pub(crate) fn syn() -> Vec<u8> {
    tcp(1025, 25, SYN)
}
pub(crate) fn syn4() -> Vec<u8> {
    v4(A4, B4, TCP).around(&syn())
}
pub(crate) fn syn6() -> Vec<u8> {
    v6(A6, B6, TCP, &syn())
}

/// `n` destination options headers of 8 bytes in front of `rest`, which begins with `last`.
pub(crate) fn chain(n: usize, last: u8, rest: &[u8]) -> (u8, Vec<u8>) {
    let mut bytes = rest.to_vec();
    let mut next = last;
    for _ in 0..n {
        bytes = ext(next, &bytes);
        next = DEST;
    }
    (next, bytes)
}
