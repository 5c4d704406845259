//! How tunnels to our ends are read, and carriers routed there.

mod common;

use common::reading::*;
use common::*;
use gate25_path::Direction;
use gate25_path::parse::Stop;

// Tunnels

#[test]
fn ip_in_ip_to_our_end_is_read() {
    reads(&frame(&v4(A4, END4, IPIP).around(&syn4())));
    reads(&frame(&v4(A4, END4, IP6).around(&syn6())));
    reads(&frame(&v6(A6, END6, IPIP, &syn4())));
    reads(&frame(&v6(A6, END6, IP6, &syn6())));
    reads(&frame(&v6(A6, END6, DEST, &ext(IPIP, &syn4()))));
}

#[test]
fn other_peoples_tunnels_are_not_tcp() {
    stops(&frame(&v4(A4, B4, IPIP).around(&syn4())), Stop::NotTcp);
    stops(&frame(&v6(A6, B6, IP6, &syn6())), Stop::NotTcp);
    stops(&frame(&v4(END4, B4, IPIP).around(&syn4())), Stop::NotTcp);
    stops(&frame(&v4(A4, B4, UDP).around(&gtpu(0, &[], &syn4()))), Stop::NotTcp);
    stops(&frame(&v4(A4, B4, GRE).around(&gre(0, 0x0800, &[], &syn4()))), Stop::NotTcp);
}

#[test]
fn inbound_the_source_is_our_end() {
    let from = frame(&v4(END4, B4, IPIP).around(&syn4()));
    assert!(read_captured(&from, from.len(), Direction::Inbound).1.is_ok());
    let to = frame(&v4(B4, END4, IPIP).around(&syn4()));
    assert_eq!(read_captured(&to, to.len(), Direction::Inbound).1, Err(Stop::NotTcp));
}

#[test]
fn gre_honours_c_k_s_and_ignores_other_reserved_bits() {
    let carried = |inner: &[u8]| frame(&v4(A4, END4, GRE).around(inner));
    for (flags, optional) in [(0, 0), (0x8000, 4), (0x2000, 4), (0x1000, 4), (0xb000, 12), (0xb8f8, 12)] {
        reads(&carried(&gre(flags, 0x0800, &vec![0; optional], &syn4())));
        reads(&carried(&gre(flags, 0x86dd, &vec![0; optional], &syn6())));
    }
    for flags in [0x4000, 0x0001, 0x0007] {
        stops(&carried(&gre(flags, 0x0800, &[], &syn4())), Stop::NotTcp);
    }
    for kind in [0x6558, 0x8847, 0x880b, 0] {
        stops(&carried(&gre(0, kind, &[], &syn4())), Stop::NotTcp);
    }
    let whole = gre(0x3000, 0x0800, &[0; 8], &syn4());
    for len in 0..12 {
        stops(&carried(&whole[..len]), Stop::NotTcp);
    }
    stops(&carried(&whole[..12]), Stop::Malformed);
    stops(&carried(&gre(0, 0x0800, &[], &syn6())), Stop::Malformed);
}

#[test]
fn gtpu_with_sequence_numbers_and_extensions_is_read() {
    let carried = |inner: &[u8]| frame(&v4(A4, END4, UDP).around(inner));
    reads(&carried(&gtpu(0, &[], &syn4())));
    reads(&carried(&gtpu(0, &[], &syn6())));
    reads(&carried(&gtpu(2, &[0, 1, 0, 0], &syn4())));
    reads(&carried(&gtpu(1, &[0, 1, 0, 0x85], &syn4())));
    reads(&carried(&gtpu(4, &[0, 0, 0, 0], &syn4())));
    reads(&carried(&gtpu(4, &[0, 0, 0, 0x85, 1, 9, 9, 0], &syn4())));
    reads(&carried(&gtpu(7, &[0, 0, 0, 0x85, 1, 9, 9, 0x40, 2, 9, 9, 9, 9, 9, 9, 0], &syn4())));
    reads(&carried(&gtpu(8, &[], &syn4())));
    assert!(read(&carried(&gtpu(0, &[], &syn4()))).0.headers()[0].gtpu);
}

#[test]
fn gtpu_of_other_kinds_is_not_tcp() {
    let carried = |inner: &[u8]| frame(&v4(A4, END4, UDP).around(inner));
    let good = gtpu(0, &[], &syn4());
    for (at, byte) in [(2, 0), (8, 0x20), (8, 0x50), (9, 1), (9, 254)] {
        let mut other = good.clone();
        other[at] = byte;
        stops(&carried(&other), Stop::NotTcp);
    }
    for len in 0..17 {
        stops(&carried(&good[..len]), Stop::NotTcp);
    }
    stops(&carried(&good[..17]), Stop::Malformed);
    stops(&carried(&gtpu(0, &[], &[0x50; 40])), Stop::NotTcp);
    stops(&carried(&gtpu(4, &[0, 0, 0, 0x85, 0, 9, 9, 0], &syn4())), Stop::NotTcp);
    stops(&carried(&gtpu(4, &[0, 0, 0, 0x85, 200, 9, 9, 0], &syn4())), Stop::NotTcp);
    stops(&carried(&gtpu(4, &[0, 0, 0, 0x85], &[])), Stop::NotTcp);
}

#[test]
fn udp_and_gtpu_lengths_are_not_used() {
    let mut inner = gtpu(0, &[], &syn4());
    inner[4..6].copy_from_slice(&[0, 0]);
    inner[10..12].copy_from_slice(&[0, 0]);
    reads(&frame(&v4(A4, END4, UDP).around(&inner)));
}

#[test]
fn an_inner_packet_longer_than_its_carrier_is_malformed() {
    let mut ip = v4(A4, END4, IPIP).around(&v4(A4, B4, TCP).around(&[&syn()[..], &[0; 4]].concat()));
    let total = ip.len() as u16 - 1;
    ip[2..4].copy_from_slice(&total.to_be_bytes());
    stops(&frame(&ip), Stop::Malformed);
}

#[test]
fn two_levels_are_looked_into_a_third_is_undetermined_chain() {
    let one = v4(A4, END4, IPIP).around(&syn4());
    let two = v4(A4, END4, IPIP).around(&one);
    let three = v4(A4, END4, IPIP).around(&two);
    reads(&frame(&two));
    assert_eq!(read(&frame(&two)).0.headers().len(), 3);
    stops(&frame(&three), CHAIN);
    let inside = |carrier: V4, payload: &[u8]| {
        let level = v4(A4, END4, IPIP).around(&carrier.around(payload));
        frame(&v4(A4, END4, IPIP).around(&level))
    };
    stops(&inside(v4(A4, END4, GRE), &gre(0, 0x0800, &[], &syn4())), CHAIN);
    stops(&inside(v4(A4, END4, GRE), &gre(0, 0x6558, &[], &syn4())), Stop::NotTcp);
    stops(&inside(v4(A4, END4, UDP), &gtpu(0, &[], &syn4())), CHAIN);
    stops(&inside(v4(A4, END4, UDP), &udp(1, 53, &[])), Stop::NotTcp);
    stops(&inside(v4(A4, B4, IPIP), &syn4()), Stop::NotTcp);
}

// Source-routed carriers

#[test]
fn a_carrier_routed_to_our_end_is_undetermined_chain() {
    let routed6 = |kind, left, list: &[&str]| frame(&v6(A6, B6, ROUTING, &routing(IPIP, kind, left, list, &syn4())));
    stops(&routed6(0, 1, &[B6, END6]), CHAIN);
    stops(&routed6(4, 1, &[END6, B6]), CHAIN);
    stops(&routed6(0, 1, &[END6, B6]), Stop::NotTcp);
    stops(&routed6(4, 1, &[B6, END6]), Stop::NotTcp);
    stops(&routed6(0, 0, &[END6]), Stop::NotTcp);
    stops(&routed6(2, 1, &[END6]), Stop::NotTcp);
    stops(&routed6(0, 1, &[]), Stop::NotTcp);
    let routed4 = |kind, pointer, list: &[&str]| {
        frame(&v4(A4, B4, IPIP).options(&route_option(kind, pointer, list)).around(&syn4()))
    };
    for kind in [131, 137] {
        stops(&routed4(kind, 4, &[END4]), CHAIN);
        stops(&routed4(kind, 8, &[B4, END4]), CHAIN);
        stops(&routed4(kind, 4, &[END4, B4]), Stop::NotTcp);
        stops(&routed4(kind, 12, &[B4, END4]), Stop::NotTcp);
    }
    stops(&routed4(7, 4, &[END4]), Stop::NotTcp);
}

#[test]
fn of_two_routing_headers_the_inner_one_is_followed_last() {
    let routed = |outer: &str, inner: &str| {
        let rest = routing(IPIP, 0, 1, &[inner], &syn4());
        frame(&v6(A6, B6, ROUTING, &routing(ROUTING, 0, 1, &[outer], &rest)))
    };
    stops(&routed(B6, END6), CHAIN);
    stops(&routed(END6, B6), Stop::NotTcp);
}

#[test]
fn a_routed_carrier_that_would_not_be_looked_into_is_not_tcp() {
    let routed = |next, payload: &[u8]| frame(&v6(A6, B6, ROUTING, &routing(next, 0, 1, &[END6], payload)));
    stops(&routed(GRE, &gre(0, 0x0800, &[], &syn4())), CHAIN);
    stops(&routed(GRE, &gre(0, 0x6558, &[], &syn4())), Stop::NotTcp);
    stops(&routed(UDP, &gtpu(0, &[], &syn4())), CHAIN);
    stops(&routed(UDP, &udp(1, 53, &[])), Stop::NotTcp);
    stops(&routed(58, &[0; 8]), Stop::NotTcp);
    reads(&routed(TCP, &syn()));
}

#[test]
fn a_routed_carriers_fragments_overlap_too() {
    let option = route_option(131, 4, &[END4]);
    stops(&frame(&v4(A4, B4, IPIP).options(&option).fragment(5, false).around(&[0; 8])), OVERLAP_CARRIER);
}
