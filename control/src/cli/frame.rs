//! The frames that `explain` asks about: one TCP segment without data, untagged.

use std::net::IpAddr;

/// A SYN.
pub(super) const SYN: u8 = 0x02;
/// A SYN's answer.
pub(super) const SYN_ACK: u8 = 0x12;
/// The SMTP port.
pub(super) const SMTP: u16 = 25;
/// A port that clients use.
pub(super) const CLIENT: u16 = 49_152;

/// A segment from one address and port to another; none if one is IPv4 and the other IPv6. Checksums
/// are 0: the packet path does not look at them.
pub(super) fn segment(source: (IpAddr, u16), destination: (IpAddr, u16), flags: u8) -> Option<Vec<u8>> {
    let mut frame = vec![2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2];
    match (source.0, destination.0) {
        (IpAddr::V4(from), IpAddr::V4(to)) => {
            frame.extend([0x08, 0x00, 0x45, 0, 0, 40, 0, 0, 0x40, 0, 64, 6, 0, 0]);
            frame.extend(from.octets());
            frame.extend(to.octets());
        }
        (IpAddr::V6(from), IpAddr::V6(to)) => {
            frame.extend([0x86, 0xdd, 0x60, 0, 0, 0, 0, 20, 6, 64]);
            frame.extend(from.octets());
            frame.extend(to.octets());
        }
        _ => return None,
    }
    frame.extend(source.1.to_be_bytes());
    frame.extend(destination.1.to_be_bytes());
    frame.extend([0, 0, 0, 1, 0, 0, 0, 0, 0x50, flags, 0xff, 0xff, 0, 0, 0, 0]);
    Some(frame)
}

#[cfg(test)]
mod tests {
    use super::*;
    use gate25_path::frame::{Direction, Frame};
    use gate25_path::parse::parse;
    use gate25_path::walk::Silent;

    #[test]
    fn the_packet_path_reads_what_was_meant() {
        for (from, to) in [("192.0.2.1", "198.51.100.2"), ("2001:db8::1", "2001:db8::2")] {
            let frame = segment((from.parse().unwrap(), CLIENT), (to.parse().unwrap(), SMTP), SYN).unwrap();
            let (_, outcome) = parse(Frame::whole(&frame), Direction::Outbound, |_| false, &mut Silent);
            let segment = outcome.unwrap();
            assert_eq!((segment.source_port, segment.destination_port, segment.flags), (CLIENT, SMTP, SYN));
        }
        assert_eq!(segment(("192.0.2.1".parse().unwrap(), 1), ("::1".parse().unwrap(), 1), SYN), None);
    }
}
