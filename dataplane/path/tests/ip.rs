//! How IPv4, IPv6 and TCP are read, and what was not captured.

mod common;

use common::reading::*;
use common::*;
use gate25_path::Direction;
use gate25_path::parse::Stop;

// IPv4

#[test]
fn ipv4_header_is_malformed() {
    let good = syn4();
    for len in 0..20 {
        stops(&ethernet(0x0800, &good[..len]), Stop::Malformed);
    }
    for first in [0x65, 0x55, 0x05, 0x44, 0x40] {
        let mut ip = good.clone();
        ip[0] = first;
        stops(&ethernet(0x0800, &ip), Stop::Malformed);
    }
    for total in [0u16, 19, 41, 0xffff] {
        let mut ip = good.clone();
        ip[2..4].copy_from_slice(&total.to_be_bytes());
        stops(&ethernet(0x0800, &ip), Stop::Malformed);
    }
    let mut options_behind_the_end = good.clone();
    options_behind_the_end[0] = 0x4b;
    stops(&ethernet(0x0800, &options_behind_the_end), Stop::Malformed);
}

#[test]
fn what_follows_total_length_is_padding() {
    let mut ip = v4(A4, B4, TCP).around(&syn()[..13]);
    ip.extend([0; 40]);
    stops(&frame(&ip), Stop::Malformed);
    let mut ip = v4(A4, B4, TCP).around(&syn()[..14]);
    ip.extend([0; 40]);
    reads(&frame(&ip));
}

#[test]
fn ipv4_options_are_stepped_over() {
    for len in (4..=40).step_by(4) {
        reads(&frame(&v4(A4, B4, TCP).options(&vec![1; len]).around(&syn())));
    }
}

#[test]
fn ipv4_other_protocols_and_ah_are_not_tcp() {
    for protocol in [0, 1, 2, 4, 17, 41, 43, 44, 47, 50, 51, 60, 132, 255] {
        stops(&frame(&v4(A4, B4, protocol).around(&ext(TCP, &syn()))), Stop::NotTcp);
    }
}

#[test]
fn source_routes_and_unreadable_options_are_noted() {
    let noted = |options: &[u8]| {
        let (packet, outcome) = read(&frame(&v4(A4, B4, TCP).options(options).around(&syn())));
        outcome.expect("TCP");
        packet.innermost().expect("header").source_route
    };
    assert!(noted(&route_option(131, 4, &[B4])));
    assert!(noted(&route_option(137, 4, &[B4])));
    assert!(noted(&[&[1, 1][..], &route_option(137, 8, &[B4])].concat()), "also at its end");
    assert!(noted(&[7, 1, 0, 0]), "an option shorter than its own header");
    assert!(noted(&[7, 0, 0, 0]));
    assert!(noted(&[7, 5, 0, 0]), "an option longer than the header");
    assert!(noted(&[1, 1, 1, 7]), "an option without a length");
    assert!(!noted(&[1, 1, 1, 1]));
    assert!(!noted(&[0, 7, 1, 0]), "behind the end of the list");
    assert!(!noted(&[7, 3, 4, 0]), "record route is no source route");
    assert!(!noted(&[148, 4, 0, 0]));
}

// IPv6

#[test]
fn ipv6_header_is_malformed() {
    let good = syn6();
    for len in 0..40 {
        stops(&ethernet(0x86dd, &good[..len]), Stop::Malformed);
    }
    let mut wrong = good.clone();
    wrong[0] = 0x45;
    stops(&ethernet(0x86dd, &wrong), Stop::Malformed);
    let mut longer = good.clone();
    longer[5] += 1;
    stops(&frame(&longer), Stop::Malformed);
    let mut without = good.clone();
    without[5] = 0;
    stops(&frame(&without), Stop::Malformed);
}

#[test]
fn payload_length_0_with_hop_by_hop_is_the_rest_of_the_frame() {
    let mut ip = v6(A6, B6, HOP, &ext(TCP, &syn()));
    ip[5] = 0;
    reads(&frame(&ip));
    let mut other = v6(A6, B6, DEST, &ext(TCP, &syn()));
    other[5] = 0;
    stops(&frame(&other), Stop::Malformed);
    let mut empty = v6(A6, B6, HOP, &[]);
    empty[5] = 0;
    stops(&frame(&empty), Stop::Malformed);
}

#[test]
fn every_extension_header_is_stepped_over() {
    for kind in [0, 43, 60, 135, 139, 140, 253, 254] {
        reads(&frame(&v6(A6, B6, kind, &[&[TCP, 0, 0, 0, 0, 0, 0, 0][..], &syn()].concat())));
        reads(&frame(&v6(A6, B6, kind, &long_ext(TCP, 3, &syn()))));
    }
    reads(&frame(&v6(A6, B6, AH, &[&[TCP, 4][..], &[0; 22], &syn()].concat())));
    reads(&frame(&v6(A6, B6, FRAGMENT, &fragment6(TCP, 0, false, &syn()))));
}

#[test]
fn esp_and_no_next_header_and_others_are_not_tcp() {
    for kind in [1, 4, 17, 41, 47, 50, 58, 59, 61, 132, 252, 255] {
        stops(&frame(&v6(A6, B6, kind, &ext(TCP, &syn()))), Stop::NotTcp);
        stops(&frame(&v6(A6, B6, kind, &[])), Stop::NotTcp);
    }
}

#[test]
fn sixteen_extension_headers_are_read_a_seventeenth_is_undetermined_chain() {
    for n in 0..=16 {
        let (next, bytes) = chain(n, TCP, &syn());
        reads(&frame(&v6(A6, B6, next, &bytes)));
    }
    let (next, bytes) = chain(17, TCP, &syn());
    stops(&frame(&v6(A6, B6, next, &bytes)), CHAIN);
    stops(&frame(&v6(A6, B6, next, &bytes[..128])), CHAIN);
    stops(&frame(&v6(A6, B6, next, &bytes[..127])), Stop::Malformed);
    let (next, bytes) = chain(16, FRAGMENT, &fragment6(TCP, 2, false, &syn()));
    stops(&frame(&v6(A6, B6, next, &bytes)), CHAIN);
    let (next, bytes) = chain(16, 59, &[]);
    stops(&frame(&v6(A6, B6, next, &bytes)), Stop::NotTcp);
}

#[test]
fn an_extension_chain_or_tcp_cut_short_is_malformed() {
    let (next, bytes) = chain(2, TCP, &syn());
    for len in 0..16 + 14 {
        stops(&frame(&v6(A6, B6, next, &bytes[..len])), Stop::Malformed);
    }
    reads(&frame(&v6(A6, B6, next, &bytes[..30])));
    stops(&frame(&v6(A6, B6, DEST, &[TCP, 5, 0, 0, 0, 0, 0, 0, 9])), Stop::Malformed);
    stops(&frame(&v6(A6, B6, FRAGMENT, &[TCP, 0, 0, 1])), Stop::Malformed);
}

#[test]
fn tcp_data_offset_is_not_looked_at() {
    for offset in [0x00, 0x40, 0xf0] {
        let mut segment = syn();
        segment[12] = offset;
        reads(&frame(&v4(A4, B4, TCP).around(&segment)));
    }
}

// Captured short

#[test]
fn a_byte_that_is_looked_at_but_was_not_captured() {
    let whole = tagged(&[0x8100], 0x0800, &syn4());
    let flags = 18 + 20 + 14;
    for len in 0..whole.len() {
        let outcome = read_captured(&whole[..len], whole.len(), Direction::Outbound).1;
        assert_eq!(outcome.is_ok(), len >= flags, "{len} bytes");
        assert!(outcome.is_ok() || outcome == Err(Stop::NotCaptured), "{len} bytes");
    }
}

#[test]
fn lengths_are_judged_by_the_wire() {
    let whole = frame(&v4(A4, B4, TCP).around(&[&syn()[..], &[0; 1000]].concat()));
    assert!(read_captured(&whole[..54], whole.len(), Direction::Outbound).1.is_ok());
    let shorter = read_captured(&whole[..54], whole.len() - 1, Direction::Outbound).1;
    assert_eq!(shorter, Err(Stop::Malformed));
    let udp = frame(&v4(A4, B4, UDP).around(&[0; 1000]));
    assert_eq!(read_captured(&udp[..34], udp.len(), Direction::Outbound).1, Err(Stop::NotTcp));
}

#[test]
fn what_decides_before_the_capture_ends_decides() {
    let icmp = frame(&v4(A4, B4, 1).around(&[0; 64]));
    assert_eq!(read_captured(&icmp[..24], icmp.len(), Direction::Outbound).1, Err(Stop::NotTcp));
    assert_eq!(read_captured(&icmp[..23], icmp.len(), Direction::Outbound).1, Err(Stop::NotCaptured));
}
