//! How the link layer is read: tags, MPLS, PPPoE, 802.3.

mod common;

use common::reading::*;
use common::*;
use gate25_path::parse::Stop;

// Link layer

#[test]
fn plain_ipv4_and_ipv6_are_read() {
    reads(&frame(&syn4()));
    reads(&frame(&syn6()));
}

#[test]
fn eight_tags_are_read_a_ninth_announced_is_tags_limit() {
    let tags = [0x8100, 0x88a8, 0x9100, 0x9200, 0x8100, 0x88a8, 0x9100, 0x9200, 0x8100];
    for n in 0..=8 {
        reads(&tagged(&tags[..n], 0x0800, &syn4()));
    }
    stops(&tagged(&tags, 0x0800, &syn4()), Stop::TagsLimit);
    // Announced is enough: the ninth need not be there.
    stops(&tagged(&tags[..8], 0x8100, &[]), Stop::TagsLimit);
}

#[test]
fn a_short_frame_or_tag_is_not_ip() {
    let whole = tagged(&[0x8100], 0x0800, &syn4());
    for len in 0..18 {
        stops(&whole[..len], Stop::NotIp);
    }
    stops(&whole[..18], Stop::Malformed);
}

#[test]
fn sixteen_labels_are_read_a_seventeenth_is_tags_limit() {
    for kind in [0x8847, 0x8848] {
        reads(&ethernet(kind, &mpls(1, &syn4())));
        reads(&ethernet(kind, &mpls(16, &syn6())));
        stops(&ethernet(kind, &mpls(17, &syn4())), Stop::TagsLimit);
    }
    let announced = &mpls(17, &[])[..64];
    stops(&ethernet(0x8847, announced), Stop::TagsLimit);
}

#[test]
fn mpls_without_bottom_or_content_is_not_ip_and_other_nibbles_not_read() {
    stops(&ethernet(0x8847, &mpls(3, &[])[..8]), Stop::NotIp);
    stops(&ethernet(0x8847, &mpls(3, &[])[..9]), Stop::NotIp);
    stops(&ethernet(0x8847, &mpls(3, &[])), Stop::NotIp);
    stops(&ethernet(0x8847, &mpls(3, &[0, 0, 0, 0])), Stop::NotRead);
    stops(&ethernet(0x8847, &mpls(3, &[0x50; 40])), Stop::NotRead);
    stops(&ethernet(0x8847, &mpls(1, &[0x45])), Stop::Malformed);
}

#[test]
fn pppoe_with_two_byte_and_one_byte_protocol_is_read() {
    reads(&ethernet(0x8864, &pppoe(&[0, 0x21], &syn4())));
    reads(&ethernet(0x8864, &pppoe(&[0x21], &syn4())));
    reads(&ethernet(0x8864, &pppoe(&[0, 0x57], &syn6())));
    reads(&ethernet(0x8864, &pppoe(&[0x57], &syn6())));
    reads(&tagged(&[0x88a8, 0x8100], 0x8864, &pppoe(&[0, 0x21], &syn4())));
}

#[test]
fn pppoe_length_is_not_used() {
    let mut session = pppoe(&[0, 0x21], &syn4());
    session[4] = 0;
    session[5] = 0;
    reads(&ethernet(0x8864, &session));
}

#[test]
fn pppoe_of_other_kinds() {
    stops(&ethernet(0x8864, &pppoe(&[0, 0x3d], &syn4())), Stop::NotRead);
    stops(&ethernet(0x8864, &pppoe(&[0x3d], &syn4())), Stop::NotRead);
    stops(&ethernet(0x8864, &pppoe(&[0xc0, 0x21], &syn4())), Stop::NotIp);
    stops(&ethernet(0x8864, &pppoe(&[0x80, 0x21], &syn4())), Stop::NotIp);
    stops(&ethernet(0x8863, &pppoe(&[0, 0x21], &syn4())), Stop::NotIp);
    let good = pppoe(&[0, 0x21], &syn4());
    for (at, byte) in [(0, 0x12), (0, 0x21), (1, 0x09)] {
        let mut session = good.clone();
        session[at] = byte;
        stops(&ethernet(0x8864, &session), Stop::NotIp);
    }
    for len in 0..8 {
        stops(&ethernet(0x8864, &good[..len]), Stop::NotIp);
    }
}

#[test]
fn llc_snap_with_ip_is_not_read_other_802_3_is_not_ip() {
    let snap = |kind: u16, ip: &[u8]| [&[0xaa, 0xaa, 3, 0, 0, 0][..], &kind.to_be_bytes(), ip].concat();
    for kind in [0, 60, 0x05ff] {
        stops(&ethernet(kind, &snap(0x0800, &syn4())), Stop::NotRead);
        stops(&ethernet(kind, &snap(0x86dd, &syn6())), Stop::NotRead);
        stops(&tagged(&[0x8100], kind, &snap(0x0800, &syn4())), Stop::NotRead);
        stops(&ethernet(kind, &snap(0x8100, &syn4())), Stop::NotIp);
    }
    stops(&ethernet(0x0600, &snap(0x0800, &syn4())), Stop::NotIp);
    stops(&ethernet(60, &snap(0x0800, &[])[..7]), Stop::NotIp);
    stops(&ethernet(38, &[0x42, 0x42, 3, 0, 0, 0, 0, 0, 0]), Stop::NotIp);
    let mut other = snap(0x0800, &syn4());
    other[5] = 0xf8;
    stops(&ethernet(60, &other), Stop::NotIp);
}

#[test]
fn control_protocols_are_not_ip() {
    for kind in [0x0806, 0x8809, 0x88cc, 0x8863, 0x88e5, 0x8902, 0x9000] {
        stops(&ethernet(kind, &[0; 46]), Stop::NotIp);
    }
}
