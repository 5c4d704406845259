//! The answer to a blocked segment, field by field, and everything that is not answered.

mod common;

use common::policy::*;
use common::*;
use gate25_include::counters::Reason;
use gate25_path::reject::{MAX_ANSWER, build};
use gate25_path::{Action, Frame};

fn answer(frame: &[u8]) -> Option<Vec<u8>> {
    let mut buffer = [0xee; MAX_ANSWER];
    let len = build(Frame::whole(frame), &mut buffer)?;
    Some(buffer[..len].to_vec())
}

/// The answer to a frame that is judged `reject`.
#[track_caller]
fn rejected(frame: &[u8]) -> Vec<u8> {
    let verdict = outbound(frame);
    assert_eq!((verdict.reason, verdict.action), (Reason::Blocked, Action::Reject));
    answer(frame).expect("answer")
}

/// Blocked, but not answered.
#[track_caller]
fn silent(frame: &[u8]) {
    let verdict = outbound(frame);
    assert_eq!((verdict.reason, verdict.action), (Reason::Blocked, Action::Drop));
    assert_eq!(answer(frame), None);
}

fn from(pool: &str, flags: u8, data: &[u8]) -> Vec<u8> {
    v4(&a4(pool), MX, TCP).around(&[&tcp(1025, 25, flags)[..], data].concat())
}

/// The checksum of a segment with its pseudo header; 0 if it is right.
fn tcp_sum(addresses: &[u8], segment: &[u8]) -> u16 {
    let len = (segment.len() as u16).to_be_bytes();
    checksum(&[addresses, &[0, TCP], &len, segment].concat())
}

#[test]
fn the_answer_to_an_ipv4_syn_field_by_field() {
    let out = rejected(&frame(&from("reject", SYN, b"")));
    assert_eq!(out.len(), 60);
    assert_eq!(out[0..6], SOURCE_MAC);
    assert_eq!(out[6..12], DESTINATION_MAC);
    assert_eq!(out[12..24], [8, 0, 0x45, 0, 0, 40, 0, 0, 0x40, 0, 64, TCP]);
    assert_eq!(checksum(&out[14..34]), 0);
    assert_eq!(out[26..34], [192, 0, 2, 1, 203, 0, 104, 7]);
    assert_eq!(out[34..38], [0, 25, 4, 1]);
    assert_eq!(out[38..42], [0; 4], "sequence number 0");
    assert_eq!(out[42..46], [1, 2, 3, 5], "its sequence number and SYN");
    assert_eq!(out[46..50], [0x50, RST | ACK, 0, 0]);
    assert_eq!(out[52..60], [0; 8], "urgent pointer and padding");
    assert_eq!(tcp_sum(&out[26..34], &out[34..54]), 0);
}

#[test]
fn the_answer_to_an_ipv6_syn_field_by_field() {
    let mut ip = v6(&a6("reject"), MX6, DEST, &ext(TCP, &tcp(1025, 25, SYN)));
    ip[..4].copy_from_slice(&[0x6a, 0xbc, 0xde, 0xf0]);
    let out = rejected(&frame(&ip));
    assert_eq!(out.len(), 74);
    assert_eq!(out[12..22], [0x86, 0xdd, 0x60, 0, 0, 0, 0, 20, TCP, 64]);
    assert_eq!(out[22..38], ip[24..40]);
    assert_eq!(out[38..54], ip[8..24]);
    assert_eq!(tcp_sum(&out[22..54], &out[54..74]), 0);
}

#[test]
fn acknowledged_is_sequence_payload_syn_and_fin() {
    let acknowledged = |flags, data: &[u8]| {
        let out = rejected(&frame(&from("all-reject", flags, data)));
        assert_eq!(out[47], RST | ACK);
        assert_eq!(out[38..42], [0; 4]);
        u32::from_be_bytes([out[42], out[43], out[44], out[45]])
    };
    assert_eq!(acknowledged(SYN, b""), 0x0102_0305);
    assert_eq!(acknowledged(SYN | FIN, b"HELO"), 0x0102_0304 + 6);
    assert_eq!(acknowledged(0, b""), 0x0102_0304);
    assert_eq!(acknowledged(FIN, b"x"), 0x0102_0304 + 2);
    // The sequence number wraps; options are no payload; Ethernet padding is none either.
    let mut segment = [&tcp(1025, 25, SYN)[..], &[1; 4], b"ab"].concat();
    segment[4..8].copy_from_slice(&[0xff; 4]);
    segment[12] = 0x60;
    let out = rejected(&[&frame(&v4(&a4("reject"), MX, TCP).around(&segment))[..], &[0; 9]].concat());
    assert_eq!(out[42..46], [0, 0, 0, 2]);
}

#[test]
fn with_ack_the_sequence_is_its_acknowledgment() {
    let out = rejected(&frame(&from("all-reject", ACK | FIN, b"QUIT")));
    assert_eq!(out[38..42], [10, 11, 12, 13]);
    assert_eq!(out[42..46], [0; 4]);
    assert_eq!(out[47], RST);
    assert_eq!(tcp_sum(&out[26..34], &out[34..54]), 0);
}

#[test]
fn tags_pppoe_and_ppp_stay_and_pppoes_length_is_set() {
    let ip = from("reject", SYN, b"0123456789");
    let tags = [0x88a8, 0x8100];
    let whole = tagged(&tags, 0x8864, &pppoe(&[0, 0x21], &ip));
    let out = rejected(&whole);
    assert_eq!(out[12..26], whole[12..26], "tags, type, PPPoE to its session");
    assert_eq!(out[26..28], [0, 42], "PPP's two bytes and 40 of IP");
    assert_eq!(out[28..30], [0, 0x21]);
    assert_eq!(out.len(), 30 + 40);
    let out = rejected(&ethernet(0x8864, &pppoe(&[0x21], &ip)));
    assert_eq!(out[18..21], [0, 41, 0x21]);
    assert_eq!(out.len(), 61);
    let out = rejected(&ethernet(0x8864, &pppoe(&[0x57], &v6(&a6("reject"), MX6, TCP, &tcp(1, 25, SYN)))));
    assert_eq!(out[18..21], [0, 61, 0x57]);
}

#[test]
fn the_longest_answer_fits() {
    let ip = v6(&a6("reject"), MX6, TCP, &tcp(1, 25, SYN));
    let whole = tagged(&[0x8100; 8], 0x8864, &pppoe(&[0, 0x57], &ip));
    assert_eq!(rejected(&whole).len(), MAX_ANSWER);
    assert_eq!(build(Frame::whole(&whole), &mut [0; MAX_ANSWER - 1]), None);
}

#[test]
fn a_buffer_too_short_for_padding_gives_none() {
    assert_eq!(build(Frame::whole(&frame(&from("reject", SYN, b""))), &mut [0; 59]), None);
}

#[test]
fn a_reset_is_not_answered() {
    silent(&frame(&from("all-reject", RST, b"")));
    silent(&frame(&from("all-reject", RST | SYN, b"")));
    silent(&frame(&from("all-reject", RST | ACK, b"")));
}

#[test]
fn mpls_and_tunnels_are_not_answered() {
    let ip = from("reject", SYN, b"");
    silent(&ethernet(0x8847, &mpls(1, &ip)));
    let tunnel = frame(&v4(STRANGER, "198.51.100.1", IPIP).around(&ip));
    let verdict = outbound(&tunnel);
    assert_eq!((verdict.reason, verdict.action), (Reason::Blocked, Action::Drop));
    assert_eq!(answer(&tunnel), None);
}

#[test]
fn a_first_fragment_is_not_answered() {
    silent(&frame(&v4(&a4("reject"), MX, TCP).fragment(0, true).around(&tcp(1, 25, SYN))));
    silent(&frame(&v6(&a6("reject"), MX6, FRAGMENT, &fragment6(TCP, 0, true, &tcp(1, 25, SYN)))));
    rejected(&frame(&v6(&a6("reject"), MX6, FRAGMENT, &fragment6(TCP, 0, false, &tcp(1, 25, SYN)))));
}

#[test]
fn a_data_offset_that_does_not_fit_is_not_answered() {
    for (offset, len) in [(0x00, 20), (0x40, 20), (0x60, 20), (0xf0, 59), (0x50, 19), (0x50, 14)] {
        let mut segment = [tcp(1, 25, SYN), vec![0; 40]].concat();
        segment[12] = offset;
        segment.truncate(len);
        silent(&frame(&v4(&a4("reject"), MX, TCP).around(&segment)));
    }
    let mut segment = [tcp(1, 25, SYN), vec![0; 40]].concat();
    segment[12] = 0xf0;
    rejected(&frame(&v4(&a4("reject"), MX, TCP).around(&segment)));
}

#[test]
fn unusable_destinations_are_not_answered() {
    let segment = tcp(1, 25, SYN);
    for to in ["224.0.0.1", "239.255.255.255", "255.255.255.255", "0.0.0.0", "127.0.0.1"] {
        silent(&frame(&v4(&a4("reject"), to, TCP).around(&segment)));
    }
    for to in ["ff02::1", "::", "::1"] {
        silent(&frame(&v6(&a6("reject"), to, TCP, &segment)));
    }
    rejected(&frame(&v4(&a4("reject"), "240.0.0.1", TCP).around(&segment)));
}

#[test]
fn unusable_sources_are_not_answered() {
    // No policy names such sources, so the builder is asked by itself.
    let segment = tcp(1, 25, SYN);
    for source in ["224.0.0.1", "255.255.255.255", "0.0.0.0", "127.0.0.1"] {
        assert_eq!(answer(&frame(&v4(source, MX, TCP).around(&segment))), None);
    }
    for source in ["ff02::1", "::", "::1"] {
        assert_eq!(answer(&frame(&v6(source, MX6, TCP, &segment))), None);
    }
}

#[test]
fn group_macs_are_not_answered() {
    for at in [0, 6] {
        let mut whole = frame(&from("reject", SYN, b""));
        whole[at] |= 1;
        silent(&whole);
    }
}
