//! How fragments are read, each clause by its name.

mod common;

use common::reading::*;
use common::*;
use gate25_path::parse::Stop;

// Fragments

#[test]
fn an_atomic_fragment_is_no_fragment() {
    let ip = v6(A6, B6, FRAGMENT, &fragment6(DEST, 0, false, &ext(TCP, &syn())));
    reads(&frame(&ip));
    assert!(!read(&frame(&ip)).0.first_fragment);
}

#[test]
fn offset_2_and_more_is_later_fragment() {
    for offset in [2, 3, 64, 0x1fff] {
        for more in [false, true] {
            for protocol in [TCP, UDP, IPIP, 1, 50] {
                stops(&frame(&v4(A4, B4, protocol).fragment(offset, more).around(&syn())), Stop::LaterFragment);
                let ip = v6(A6, B6, FRAGMENT, &fragment6(protocol, offset, more, &syn()));
                stops(&frame(&ip), Stop::LaterFragment);
            }
        }
    }
}

#[test]
fn offset_1_is_overlap_with_tcp_and_in_ipv6_always() {
    for more in [false, true] {
        stops(&frame(&v4(A4, B4, TCP).fragment(1, more).around(&[0; 8])), OVERLAP);
        stops(&frame(&v4(A4, B4, UDP).fragment(1, more).around(&[0; 8])), Stop::NotTcp);
        stops(&frame(&v4(A4, B4, 50).fragment(1, more).around(&[0; 8])), Stop::NotTcp);
        for protocol in [TCP, UDP, 50, 59] {
            stops(&frame(&v6(A6, B6, FRAGMENT, &fragment6(protocol, 1, more, &[0; 8]))), OVERLAP);
        }
    }
}

#[test]
fn a_first_fragment_with_tcps_14_bytes_is_judged_like_a_whole_packet() {
    let ip = frame(&v4(A4, B4, TCP).fragment(0, true).around(&syn()[..14]));
    reads(&ip);
    assert!(read(&ip).0.first_fragment);
    reads(&frame(&v6(A6, B6, FRAGMENT, &fragment6(TCP, 0, true, &syn()[..14]))));
    reads(&frame(&v6(A6, B6, DEST, &ext(FRAGMENT, &fragment6(TCP, 0, true, &syn())))));
    stops(&frame(&v4(A4, B4, UDP).fragment(0, true).around(&[0; 8])), Stop::NotTcp);
    stops(&frame(&v6(A6, B6, FRAGMENT, &fragment6(UDP, 0, true, &[]))), Stop::NotTcp);
    stops(&frame(&v6(A6, B6, FRAGMENT, &fragment6(DEST, 0, true, &ext(UDP, &[])))), Stop::NotTcp);
}

#[test]
fn a_first_fragment_with_less_is_tiny() {
    for len in 0..14 {
        stops(&frame(&v4(A4, B4, TCP).fragment(0, true).around(&syn()[..len])), TINY_TCP);
        stops(&frame(&v6(A6, B6, FRAGMENT, &fragment6(TCP, 0, true, &syn()[..len]))), TINY_TCP);
    }
}

#[test]
fn a_first_fragment_that_does_not_reach_the_upper_protocol_is_tiny() {
    for len in 0..8 {
        let rest = &ext(UDP, &[])[..len];
        stops(&frame(&v6(A6, B6, FRAGMENT, &fragment6(DEST, 0, true, rest))), TINY);
    }
    let (next, bytes) = chain(15, DEST, &ext(TCP, &syn()));
    stops(&frame(&v6(A6, B6, FRAGMENT, &fragment6(next, 0, true, &bytes))), CHAIN);
}

#[test]
fn tcp_not_right_behind_the_first_fragment_header_is_tiny() {
    stops(&frame(&v6(A6, B6, FRAGMENT, &fragment6(DEST, 0, true, &ext(TCP, &syn())))), TINY_TCP);
    let twice = fragment6(FRAGMENT, 0, true, &fragment6(TCP, 0, false, &syn()));
    stops(&frame(&v6(A6, B6, FRAGMENT, &twice)), TINY_TCP);
    let more_twice = fragment6(FRAGMENT, 0, true, &fragment6(TCP, 0, true, &syn()));
    stops(&frame(&v6(A6, B6, FRAGMENT, &more_twice)), TINY_TCP);
    let atomic_first = fragment6(FRAGMENT, 0, false, &fragment6(TCP, 0, true, &syn()));
    reads(&frame(&v6(A6, B6, FRAGMENT, &atomic_first)));
}

#[test]
fn each_fragment_header_is_judged_when_reached() {
    let later = fragment6(FRAGMENT, 0, true, &fragment6(TCP, 5, false, &syn()));
    stops(&frame(&v6(A6, B6, FRAGMENT, &later)), Stop::LaterFragment);
    let overlap = fragment6(FRAGMENT, 0, false, &fragment6(TCP, 1, false, &syn()));
    stops(&frame(&v6(A6, B6, FRAGMENT, &overlap)), OVERLAP);
}

#[test]
fn lengths_of_fragments_are_judged_too() {
    let mut ip = v4(A4, B4, TCP).fragment(5, true).around(&syn());
    ip[3] += 1;
    stops(&frame(&ip), Stop::Malformed);
}

// Fragmented carriers to our end

#[test]
fn a_carriers_offsets_1_to_63_are_overlap_from_64_on_later() {
    for protocol in [IPIP, IP6, GRE, UDP] {
        for offset in [1, 2, 63] {
            stops(&frame(&v4(A4, END4, protocol).fragment(offset, true).around(&[0; 16])), OVERLAP_CARRIER);
            stops(&frame(&v4(A4, B4, protocol).fragment(2, true).around(&[0; 16])), Stop::LaterFragment);
        }
        stops(&frame(&v4(A4, END4, protocol).fragment(64, true).around(&[0; 16])), Stop::LaterFragment);
    }
    stops(&frame(&v4(A4, END4, TCP).fragment(2, true).around(&[0; 16])), Stop::LaterFragment);
    stops(&frame(&v4(A4, END4, TCP).fragment(1, true).around(&[0; 16])), OVERLAP);
    stops(&frame(&v4(A4, END4, 50).fragment(1, true).around(&[0; 16])), Stop::NotTcp);
    for protocol in [IPIP, TCP, 58, 59] {
        for offset in [1, 2, 63] {
            stops(&frame(&v6(A6, END6, FRAGMENT, &fragment6(protocol, offset, true, &[0; 16]))), OVERLAP_CARRIER);
        }
        stops(&frame(&v6(A6, END6, FRAGMENT, &fragment6(protocol, 64, true, &[0; 16]))), Stop::LaterFragment);
    }
}

#[test]
fn a_first_fragment_of_a_carrier_shows_tcps_14_bytes_or_is_tiny() {
    let inner = v4(A4, B4, TCP).around(&[&syn()[..], &[0; 1000]].concat());
    for len in 0..inner.len() {
        let outer = frame(&v6(A6, END6, FRAGMENT, &fragment6(IPIP, 0, true, &inner[..len])));
        match len {
            0..20 => stops(&outer, TINY),
            20..34 => stops(&outer, TINY_TCP),
            _ => reads(&outer),
        }
    }
}

#[test]
fn inner_too_short_by_its_own_length_stays_malformed() {
    let inner = v4(A4, B4, TCP).around(&syn()[..13]);
    stops(&frame(&v4(A4, END4, IPIP).fragment(0, true).around(&inner)), Stop::Malformed);
    stops(&frame(&v4(A4, END4, IPIP).fragment(0, true).around(&inner[..24])), Stop::Malformed);
    stops(&frame(&v4(A4, END4, IP6).fragment(0, true).around(&[0x45; 40])), Stop::Malformed);
}

#[test]
fn inner_headers_that_reach_behind_byte_512_are_tiny() {
    // Inner IPv6 of 40 bytes, an extension header of `8 * (units + 1)`, then TCP: 14 of its bytes must end by 512.
    let inner = |units: u8| v6(A6, B6, DEST, &long_ext(TCP, units, &[&syn()[..], &[0; 600]].concat()));
    let outer = |units: u8| frame(&v6(A6, END6, FRAGMENT, &fragment6(IP6, 0, true, &inner(units))));
    reads(&outer(56)); // 40 + 456 + 14 = 510
    stops(&outer(57), TINY_TCP); // 518
    stops(&outer(59), TINY);
    let four = |units: u8| frame(&v4(A4, END4, IP6).fragment(0, true).around(&inner(units)));
    reads(&four(56));
    stops(&four(57), TINY_TCP);
    reads(&frame(&v4(A4, END4, IP6).around(&inner(57))));
}

#[test]
fn a_carriers_udp_ports_or_headers_cut_are_tiny() {
    let whole = gtpu(0, &[], &syn4());
    for len in 0..17 {
        stops(&frame(&v4(A4, END4, UDP).fragment(0, true).around(&whole[..len])), TINY);
    }
    let inner = gre(0x2000, 0x0800, &[0; 4], &syn4());
    for len in 0..8 {
        stops(&frame(&v4(A4, END4, GRE).fragment(0, true).around(&inner[..len])), TINY);
    }
    stops(&frame(&v4(A4, END4, UDP).fragment(0, true).around(&udp(1, 53, &[])[..4])), Stop::NotTcp);
    stops(&frame(&v4(A4, B4, UDP).fragment(0, true).around(&[])), Stop::NotTcp);
}
