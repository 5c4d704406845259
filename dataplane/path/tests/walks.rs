//! The walk that `explain` prints: each header with its offset, each decision, in order.

mod common;

use common::policy::*;
use common::*;
use gate25_path::{Direction, Frame, judge_frame};

fn walk(direction: Direction, frame: &[u8]) -> Vec<String> {
    let mut lines = Vec::new();
    judge_frame(Some(&image()), direction, Frame::whole(frame), &mut |step: gate25_path::walk::Step| {
        lines.push(step.to_string());
    });
    lines
}

#[test]
fn a_tagged_session_with_a_blocked_syn() {
    let ip = v4("203.0.100.7", MX, TCP).around(&tcp(1025, 25, SYN));
    let steps = walk(Direction::Outbound, &tagged(&[0x88a8, 0x8100], 0x8864, &pppoe(&[0, 0x21], &ip)));
    assert_eq!(
        steps,
        [
            "at 0: Ethernet, type 0x88a8",
            "at 14: VLAN tag 0x88a8, id 100, type 0x8100",
            "at 18: VLAN tag 0x8100, id 101, type 0x8864",
            "at 22: PPPoE session 0x1234, PPP protocol 0x0021",
            "at 30: IPv4 203.0.100.7 to 192.0.2.1, protocol 6, header 20, total 40",
            "at 50: TCP port 1025 to port 25, flags 0x02",
            "read: TCP",
            "subscriber 203.0.100.7: number 0, by its first 24 bits",
            "far side 192.0.2.1: destination groups 0x0",
            "line 203.0.100.7: place 8 of 100, share 100, stage enforce",
            "verdict: drop, blocked",
        ]
    );
}

#[test]
fn a_softwire_with_a_fragment_inside() {
    let inner = v4("203.0.101.7", OWN, TCP).fragment(1, false).around(&[0; 8]);
    let outer = v6("2001:db8:f::1", "2001:db8:ffff::1", DEST, &ext(IPIP, &inner));
    assert_eq!(
        walk(Direction::Outbound, &frame(&outer)),
        [
            "at 0: Ethernet, type 0x86dd",
            "at 14: IPv6 2001:db8:f::1 to 2001:db8:ffff::1, next header 60, payload 36",
            "at 54: IPv6 extension header 60, 8 bytes, next header 4",
            "protocol 4 can be a tunnel; our end",
            "at 62: IPv4 203.0.101.7 to 192.0.2.25, protocol 6, header 20, total 28, fragment at 1×8",
            "read: undetermined_overlap",
            "subscriber 2001:db8:f::1: in no pool and no exemption",
            "subscriber 203.0.101.7: number 1, by its first 24 bits",
            "far side 192.0.2.25: destination groups 0x1",
            "verdict: pass, allowed_destination",
        ]
    );
}

#[test]
fn a_source_route_an_mpls_label_and_gtpu() {
    let option = route_option(131, 4, &[MX]);
    let inner = v4("203.0.100.7", OWN, TCP).options(&option).around(&tcp(1025, 25, SYN));
    let outer = v4(STRANGER, "198.51.100.1", UDP).around(&gtpu(0, &[], &inner));
    let steps = walk(Direction::Outbound, &ethernet(0x8847, &mpls(1, &outer)));
    assert_eq!(
        steps[1..],
        [
            "at 14: MPLS label 16, bottom of stack",
            "at 18: IPv4 192.0.2.77 to 198.51.100.1, protocol 17, header 20, total 84",
            "protocol 17 can be a tunnel; our end",
            "at 38: UDP to port 2152",
            "at 46: GTP-U, first byte 0x30, 8 bytes",
            "at 54: IPv4 203.0.100.7 to 192.0.2.25, protocol 6, header 28, total 48",
            "at 74: a source route, its last address at 77",
            "at 82: TCP port 1025 to port 25, flags 0x02",
            "read: TCP",
            "subscriber 203.0.100.7: number 0, by its first 24 bits",
            "the destination cannot be trusted: allow and only are not asked",
            "line 203.0.100.7: place 8 of 100, share 100, stage enforce",
            "verdict: drop, blocked",
        ]
    );
}

#[test]
fn inbound_and_without_a_policy() {
    let answer = frame(&v4(MX, "203.0.101.7", TCP).around(&tcp(25, 4000, SYN | ACK)));
    let steps = walk(Direction::Inbound, &answer);
    assert_eq!(steps.last().expect("verdict"), "verdict: pass, return_would_drop");
    let mut steps = 0;
    judge_frame(None, Direction::Inbound, Frame::whole(&answer), &mut |_| steps += 1);
    assert_eq!(steps, 1);
}
