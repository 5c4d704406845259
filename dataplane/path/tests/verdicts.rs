//! The verdict on outbound frames, each clause by its name.

mod common;

use common::policy::*;
use common::*;
use gate25_include::counters::Reason;
use gate25_path::{Direction, judge};

fn syn_from(pool: &str, destination: &str) -> Vec<u8> {
    frame(&v4(&a4(pool), destination, TCP).around(&tcp(1025, 25, SYN)))
}

fn flags_from(pool: &str, flags: u8) -> Vec<u8> {
    frame(&v4(&a4(pool), MX, TCP).around(&tcp(1025, 25, flags)))
}

#[track_caller]
fn passes(frame: &[u8], reason: Reason) {
    says(outbound(frame), reason, "pass", "", "");
}

#[test]
fn without_an_image_everything_passes() {
    for direction in [Direction::Outbound, Direction::Inbound] {
        says(judge(None, direction, &syn_from("enforce", MX)), Reason::NoPolicy, "pass", "", "");
        says(judge(None, direction, &[]), Reason::NoPolicy, "pass", "", "");
    }
}

#[test]
fn a_syn_to_port_25_out_of_an_enforced_pool_is_blocked() {
    says(outbound(&syn_from("enforce", MX)), Reason::Blocked, "drop", "enforce", "203.0.100.7");
    let six = frame(&v6(&a6("enforce"), MX6, TCP, &tcp(1025, 25, SYN)));
    says(outbound(&six), Reason::Blocked, "drop", "enforce", "2001:db8:100:1::/64");
}

#[test]
fn what_is_not_to_be_judged_passes_with_its_reason() {
    let source = a4("enforce");
    passes(&[0; 13], Reason::NotIp);
    passes(&ethernet(0x8864, &pppoe(&[0, 0x3d], &[0; 40])), Reason::NotRead);
    passes(&tagged(&[0x8100; 9], 0x0800, &[]), Reason::TagsLimit);
    passes(&ethernet(0x0800, &[]), Reason::Malformed);
    passes(&frame(&v4(&source, MX, TCP).fragment(2, false).around(&[0; 8])), Reason::LaterFragment);
    passes(&frame(&v4(&source, MX, UDP).around(&udp(1025, 25, &[]))), Reason::NotTcp);
    for protocol in [132, 33] {
        passes(&frame(&v4(&source, MX, protocol).around(&tcp(1025, 25, SYN))), Reason::NotTcp);
    }
    for port in [24, 26, 465, 587, 2525] {
        passes(&frame(&v4(&source, MX, TCP).around(&tcp(25, port, SYN))), Reason::OtherPort);
    }
}

#[test]
fn a_candidate_has_syn_and_no_ack_whatever_else() {
    for flags in 0..=255u8 {
        let verdict = outbound(&flags_from("enforce", flags));
        if flags & (SYN | ACK) == SYN {
            says(verdict, Reason::Blocked, "drop", "enforce", "203.0.100.7");
        } else {
            says(verdict, Reason::NotSyn, "pass", "", "");
        }
    }
    let data = frame(&v4(&a4("enforce"), MX, TCP).around(&[&tcp(1025, 25, SYN)[..], b"HELO"].concat()));
    says(outbound(&data), Reason::Blocked, "drop", "enforce", "203.0.100.7");
}

#[test]
fn match_all_makes_every_segment_a_candidate() {
    for flags in 0..=255u8 {
        says(outbound(&flags_from("all", flags)), Reason::Blocked, "drop", "all", "203.0.105.7");
    }
    says(outbound(&flags_from("all-off", ACK)), Reason::StageOff, "pass", "all-off", "203.0.111.7");
    passes(&flags_from("exempt", ACK), Reason::NotSyn);
    passes(&frame(&v4(STRANGER, MX, TCP).around(&tcp(1025, 25, ACK))), Reason::NotSyn);
}

#[test]
fn replies_from_a_subscribers_port_25_pass() {
    passes(&frame(&v4(&a4("enforce"), MX, TCP).around(&tcp(25, 4000, SYN | ACK))), Reason::OtherPort);
}

#[test]
fn the_source_decides_first() {
    says(outbound(&syn_from("exempt", MX)), Reason::Exempt, "pass", "exempt", "");
    let fixed = frame(&v4(STATIC, MX, TCP).around(&tcp(1025, 25, SYN)));
    says(outbound(&fixed), Reason::Exempt, "pass", "exempt", "");
    passes(&frame(&v4(STRANGER, MX, TCP).around(&tcp(1025, 25, SYN))), Reason::UnknownSource);
    says(outbound(&syn_from("off", OWN)), Reason::StageOff, "pass", "off", "203.0.102.7");
}

#[test]
fn allow_lets_through_and_only_limits() {
    says(outbound(&syn_from("enforce", OWN)), Reason::AllowedDestination, "pass", "enforce", "203.0.100.7");
    says(outbound(&syn_from("monitor", OWN)), Reason::AllowedDestination, "pass", "monitor", "203.0.101.7");
    says(outbound(&syn_from("only", MX)), Reason::UnlistedDestination, "pass", "only", "203.0.106.7");
    says(outbound(&syn_from("only", CARRIER)), Reason::Blocked, "drop", "only", "203.0.106.7");
}

#[test]
fn a_destination_with_a_source_route_is_not_trusted() {
    for option in [route_option(131, 4, &[MX]), route_option(137, 8, &[MX]), vec![7, 1]] {
        let routed = |pool: &str, to: &str| frame(&v4(&a4(pool), to, TCP).options(&option).around(&tcp(1, 25, SYN)));
        says(outbound(&routed("enforce", OWN)), Reason::Blocked, "drop", "enforce", "203.0.100.7");
        says(outbound(&routed("only", MX)), Reason::Blocked, "drop", "only", "203.0.106.7");
    }
    let routed6 =
        |kind, left| frame(&v6(&a6("enforce"), OWN6, ROUTING, &routing(TCP, kind, left, &[MX6], &tcp(1, 25, SYN))));
    for kind in [0, 2, 3, 4, 253] {
        assert_eq!(outbound(&routed6(kind, 1)).reason, Reason::Blocked);
        assert_eq!(outbound(&routed6(kind, 0)).reason, Reason::AllowedDestination);
    }
}

#[test]
fn monitor_and_lines_outside_the_share_would_drop() {
    says(outbound(&syn_from("monitor", MX)), Reason::WouldDrop, "pass", "monitor", "203.0.101.7");
    let (mut dropped, mut passed) = (0, 0);
    for host in 0..=255 {
        let source = format!("203.0.107.{host}");
        let verdict = outbound(&frame(&v4(&source, MX, TCP).around(&tcp(1025, 25, SYN))));
        let line = verdict.line.expect("line");
        assert_eq!(line.to_string(), source);
        match verdict.reason {
            Reason::Blocked => dropped += u32::from(line.percentile() < 50),
            Reason::WouldDrop => passed += u32::from(line.percentile() >= 50),
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(dropped + passed, 256);
    assert!(dropped > 90 && passed > 90, "{dropped} {passed}");
}

#[test]
fn the_share_of_known_lines_is_fixed() {
    // fmix64(hi xor fmix64(lo)) mod 100, computed apart.
    let line = |source: &str| outbound(&frame(&v4(source, MX, TCP).around(&tcp(1, 25, SYN)))).line.expect("line");
    assert_eq!(line("203.0.107.7").addr, 0xffff_cb00_6b07);
    assert_eq!(gate25_path::Line { addr: 0xffff_cb00_7107, v4: true, len: 32 }.percentile(), 77);
    assert_eq!(gate25_path::Line { addr: 0x2001_0db8_0100_0001 << 64, v4: false, len: 64 }.percentile(), 2);
}

#[test]
fn the_longer_of_line_prefix_and_matched_prefix_is_the_line() {
    let six = frame(&v6(&a6("all-reject"), MX6, TCP, &tcp(1025, 25, SYN)));
    assert_eq!(outbound(&six).line.expect("line").len, 48);
}

// Packets that hide their TCP header

fn overlap(pool: &str, destination: &str) -> Vec<u8> {
    frame(&v4(&a4(pool), destination, TCP).fragment(1, false).around(&[0; 8]))
}

#[test]
fn an_undetermined_packet_stands_in_for_a_candidate() {
    says(outbound(&overlap("enforce", MX)), Reason::UndeterminedOverlap, "drop", "enforce", "203.0.100.7");
    let tiny = frame(&v4(&a4("all"), MX, TCP).fragment(0, true).around(&[0; 8]));
    says(outbound(&tiny), Reason::UndeterminedTiny, "drop", "all", "203.0.105.7");
    let (next, bytes) = common::reading::chain(17, TCP, &[]);
    let long = frame(&v6(&a6("enforce"), OWN6, next, &bytes));
    assert_eq!(outbound(&long).reason, Reason::UndeterminedChain, "allow is not asked");
}

#[test]
fn an_undetermined_packet_goes_through_steps_3_to_6() {
    passes(&frame(&v4(STRANGER, MX, TCP).fragment(1, false).around(&[0; 8])), Reason::UnknownSource);
    says(outbound(&overlap("exempt", MX)), Reason::Exempt, "pass", "exempt", "");
    says(outbound(&overlap("off", MX)), Reason::StageOff, "pass", "off", "203.0.102.7");
    says(outbound(&overlap("enforce", OWN)), Reason::AllowedDestination, "pass", "enforce", "203.0.100.7");
    says(outbound(&overlap("only", MX)), Reason::UnlistedDestination, "pass", "only", "203.0.106.7");
    says(outbound(&overlap("monitor", MX)), Reason::WouldDrop, "pass", "monitor", "203.0.101.7");
    says(outbound(&overlap("lenient", MX)), Reason::UndeterminedPassed, "pass", "lenient", "203.0.108.7");
    says(outbound(&overlap("lenient", OWN)), Reason::AllowedDestination, "pass", "lenient", "203.0.108.7");
}

#[test]
fn an_undetermined_packet_is_never_answered() {
    says(outbound(&overlap("reject", MX)), Reason::UndeterminedOverlap, "drop", "reject", "203.0.104.7");
}

#[test]
fn tiny_is_trusted_with_its_upper_protocol_only() {
    let with = frame(&v6(&a6("enforce"), OWN6, FRAGMENT, &fragment6(TCP, 0, true, &[0; 8])));
    assert_eq!(outbound(&with).reason, Reason::AllowedDestination);
    let without = frame(&v6(&a6("enforce"), OWN6, FRAGMENT, &fragment6(DEST, 0, true, &[])));
    assert_eq!(outbound(&without).reason, Reason::UndeterminedTiny);
}

#[test]
fn a_carriers_fragment_is_not_trusted_an_inner_header_that_was_read_is() {
    let enforce = a4("enforce");
    let inner = v4(&enforce, OWN, TCP).around(&tcp(1, 25, SYN));
    let first = |len: usize| frame(&v4(&enforce, END4, IPIP).fragment(0, true).around(&inner[..len]));
    assert_eq!(outbound(&first(16)).reason, Reason::UndeterminedTiny);
    assert_eq!(outbound(&first(24)).reason, Reason::AllowedDestination);
    // The inner options are cut, so whether they route is not known.
    let options = v4(&enforce, OWN, TCP).options(&[1; 8]).around(&tcp(1, 25, SYN));
    let cut = frame(&v4(&enforce, END4, IPIP).fragment(0, true).around(&options[..24]));
    assert_eq!(outbound(&cut).reason, Reason::UndeterminedTiny);
}

const END4: &str = "198.51.100.1";
const END6: &str = "2001:db8:ffff::1";

// Who sent it

#[test]
fn the_outermost_source_known_decides() {
    let inner = v4(&a4("reject"), OWN, TCP).around(&tcp(1, 25, SYN));
    let forged = frame(&v6(&a6("monitor"), END6, IPIP, &inner));
    // The destination is the inner one.
    assert_eq!(outbound(&forged).pool, Some(1));
    assert_eq!(outbound(&forged).reason, Reason::AllowedDestination);
    let unknown = frame(&v6("2001:db8:f::1", END6, IPIP, &v4(&a4("reject"), MX, TCP).around(&tcp(1, 25, SYN))));
    says(outbound(&unknown), Reason::Blocked, "drop", "reject", "203.0.104.7");
    let exempt = frame(&v6(&a6("exempt"), END6, IPIP, &v4(&a4("enforce"), MX, TCP).around(&tcp(1, 25, SYN))));
    says(outbound(&exempt), Reason::Exempt, "pass", "exempt", "");
}

#[test]
fn in_gtpu_the_outer_source_is_not_asked() {
    let inner = v4(&a4("enforce"), MX, TCP).around(&tcp(1, 25, SYN));
    let user = frame(&v4(&a4("exempt"), END4, UDP).around(&gtpu(0, &[], &inner)));
    says(outbound(&user), Reason::Blocked, "drop", "enforce", "203.0.100.7");
    let stranger = v4(STRANGER, MX, TCP).around(&tcp(1, 25, SYN));
    passes(&frame(&v4(&a4("enforce"), END4, UDP).around(&gtpu(0, &[], &stranger))), Reason::UnknownSource);
}

// Inbound

fn answer_to(pool: &str, source: &str, flags: u8) -> Vec<u8> {
    frame(&v4(source, &a4(pool), TCP).around(&tcp(25, 4000, flags)))
}

#[test]
fn inbound_passes_whatever_it_is() {
    let enforce = a4("enforce");
    for bytes in [
        vec![],
        vec![0; 60],
        frame(&v4(MX, &enforce, TCP).around(&tcp(4000, 25, SYN))),
        frame(&v4(MX, &enforce, TCP).around(&tcp(25, 25, SYN | ACK))),
        frame(&v4(MX, &enforce, TCP).around(&tcp(443, 4000, SYN | ACK))),
        answer_to("enforce", MX, ACK),
        answer_to("enforce", MX, SYN),
        answer_to("enforce", MX, RST | ACK),
        answer_to("enforce", OWN, SYN | ACK),
        answer_to("exempt", MX, SYN | ACK),
        answer_to("off", MX, SYN | ACK),
        answer_to("one-way", MX, SYN | ACK),
        answer_to("only", MX, SYN | ACK),
        frame(&v4(MX, STRANGER, TCP).around(&tcp(25, 4000, SYN | ACK))),
    ] {
        says(inbound(&bytes), Reason::Inbound, "pass", "", "");
        assert_eq!(inbound(&bytes).inbound_read, None);
    }
}

#[test]
fn an_answer_from_port_25_to_an_enforced_line_is_return_blocked() {
    says(inbound(&answer_to("enforce", MX, SYN | ACK)), Reason::ReturnBlocked, "drop", "enforce", "203.0.100.7");
    says(inbound(&answer_to("enforce", MX, SYN | ACK | FIN)), Reason::ReturnBlocked, "drop", "enforce", "203.0.100.7");
    says(inbound(&answer_to("only", CARRIER, SYN | ACK)), Reason::ReturnBlocked, "drop", "only", "203.0.106.7");
    says(inbound(&answer_to("reject", MX, SYN | ACK)), Reason::ReturnBlocked, "drop", "reject", "203.0.104.7");
    says(inbound(&answer_to("monitor", MX, SYN | ACK)), Reason::ReturnWouldDrop, "pass", "monitor", "203.0.101.7");
    for flags in [0, ACK, RST, SYN, SYN | ACK, FIN | ACK] {
        says(inbound(&answer_to("all", MX, flags)), Reason::ReturnBlocked, "drop", "all", "203.0.105.7");
    }
}

#[test]
fn inbound_the_share_is_asked_too() {
    for host in 0..=255 {
        let packet = v4(MX, &format!("203.0.107.{host}"), TCP).around(&tcp(25, 4000, SYN | ACK));
        let verdict = inbound(&frame(&packet));
        let inside = verdict.line.expect("line").percentile() < 50;
        assert_eq!(verdict.reason == Reason::ReturnBlocked, inside);
        assert_eq!(verdict.reason == Reason::ReturnWouldDrop, !inside);
    }
}

#[test]
fn inbound_reads_are_counted_apart() {
    use gate25_path::InboundRead::*;
    let apart = |bytes: &[u8]| {
        says(inbound(bytes), Reason::Inbound, "pass", "", "");
        inbound(bytes).inbound_read
    };
    let enforce = a4("enforce");
    assert_eq!(apart(&ethernet(0x0800, &[])), Some(Malformed));
    assert_eq!(apart(&tagged(&[0x8100; 9], 0x0800, &[])), Some(TagsLimit));
    assert_eq!(apart(&ethernet(0x8847, &mpls(1, &[0; 4]))), Some(NotRead));
    assert_eq!(apart(&frame(&v4(MX, &enforce, TCP).fragment(1, false).around(&[0; 8]))), Some(Undetermined));
    assert_eq!(apart(&frame(&v4(MX, &enforce, TCP).fragment(2, false).around(&[0; 8]))), None);
}

#[test]
fn inbound_tunnels_are_read_from_our_end() {
    let inner = v4(MX, &a4("enforce"), TCP).around(&tcp(25, 4000, SYN | ACK));
    let softwire = frame(&v6(END6, &a6("monitor"), IPIP, &inner));
    assert_eq!(inbound(&softwire).reason, Reason::ReturnWouldDrop);
    assert_eq!(inbound(&softwire).pool, Some(1), "the outermost destination known decides");
    let own = v4(OWN, &a4("enforce"), TCP).around(&tcp(25, 4000, SYN | ACK));
    assert_eq!(inbound(&frame(&v6(END6, &a6("monitor"), IPIP, &own))).reason, Reason::Inbound);
    let user = frame(&v4(END4, &a4("monitor"), UDP).around(&gtpu(0, &[], &inner)));
    says(inbound(&user), Reason::ReturnBlocked, "drop", "enforce", "203.0.100.7");
}
