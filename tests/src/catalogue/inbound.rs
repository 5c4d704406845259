//! Inbound: all passes, but answers from port 25 to SYNs that left elsewhere.
//! Who is stopped, who is not, and what is only counted apart.

use super::expect::{A4, A6, B4, B6, END4, END6, Expect, OWN4, Vector, X4, X6, dropped, frame, from4, inb, inbound, layers, pass, pass_for, syn};
use crate::frames::{Ethernet, Extension, Fragment, Gtp, Ipv4, Ipv6, Layer, Mpls, Slice, Snap, Tcp, Udp, Vlan, build};
use crate::golden::Reason::{NoPolicy, ReturnBlocked, ReturnWouldDrop};

pub(super) fn vectors() -> Vec<Vector> {
    [answers(), flags(), pools(), lists(), apart(), not_apart(), tunnels(), gtp()].concat()
}

fn answer() -> Layer {
    Tcp::syn_ack_from(25).into()
}

fn to4(destination: &str) -> Vec<u8> {
    frame![Ipv4::new(B4, destination), answer()]
}

fn stopped4() -> Expect {
    dropped(ReturnBlocked, "dynamic", A4)
}

fn stopped6() -> Expect {
    dropped(ReturnBlocked, "dynamic", "2001:db8:100:1::/64")
}

fn answers() -> Vec<Vector> {
    let ports = |source, destination| frame![Ipv4::new(B4, A4), Tcp::segment(source, destination, 0x12)];
    vec![
        inb("in-answer-v4", "triangular spamming", "", to4(A4), stopped4()),
        inb("in-answer-v6", "triangular spamming", "", frame![Ipv6::new(B6, A6), answer()], stopped6()),
        inb("in-answer-vlan", "behind a tag", "", frame![Vlan::new(5), Ipv4::new(B4, A4), answer()], stopped4()),
        inb("in-mail", "mail towards a subscriber's server", "", frame![Ipv4::new(B4, A4), syn()], inbound(None)),
        inb("in-25-to-25", "between two servers", "", ports(25, 25), inbound(None)),
        inb("in-other-port", "an answer from port 80", "", ports(80, 40025), inbound(None)),
        inb("in-587", "an answer from port 587", "", ports(587, 40025), inbound(None)),
        inb("in-udp", "UDP from port 25", "", frame![Ipv4::new(B4, A4), Udp { source: 25, ..Udp::to(40025) }], inbound(None)),
        Vector { no_policy: true, ..inb("in-no-policy", "all passes before the first image", "", to4(A4), pass(NoPolicy)) },
        inb("in-from-subscriber", "inbound a dynamic source means nothing", "", frame![Ipv4::new(A4, X4), syn()], inbound(None)),
    ]
}

fn flags() -> Vec<Vector> {
    let v4 = |bits| frame![Ipv4::new(B4, A4), Tcp::segment(25, 40025, bits)];
    let all = |bits| frame![Ipv4::new(B4, "10.4.0.1"), Tcp::segment(25, 40025, bits)];
    let stopped_all = || dropped(ReturnBlocked, "all", "10.4.0.1");
    vec![
        inb("in-ack", "a segment of a connection", "", v4(0x10), inbound(None)),
        inb("in-rst", "a reset", "", v4(0x14), inbound(None)),
        inb("in-syn", "a SYN without ACK", "", v4(0x02), inbound(None)),
        inb("in-syn-ack-others", "SYN and ACK with every other flag", "", v4(0xff), stopped4()),
        inb("in-all-ack", "match = all: any flags", "", all(0x10), stopped_all()),
        inb("in-all-none", "match = all: no flag", "", all(0), stopped_all()),
        inb("in-all-syn-ack", "match = all: SYN and ACK", "", all(0x12), stopped_all()),
    ]
}

fn pools() -> Vec<Vector> {
    vec![
        inb("in-monitor", "would drop, passes", "", to4("10.1.0.1"), pass_for(ReturnWouldDrop, "monitor", "10.1.0.1")),
        inb("in-off", "a pool that is not judged", "", to4("10.2.0.1"), inbound(None)),
        inb("in-exempt", "an exemption", "", to4("203.0.113.200"), inbound(None)),
        inb("in-unknown", "nobody's address", "", to4(X4), inbound(None)),
        inb("in-no-return", "return_traffic = false", "", to4("10.9.0.1"), inbound(None)),
        inb("in-share-inside", "a line inside the share", "", to4("10.7.0.8"), dropped(ReturnBlocked, "share", "10.7.0.8")),
        inb("in-share-outside", "a line outside the share", "", to4("10.7.0.1"), pass_for(ReturnWouldDrop, "share", "10.7.0.1")),
        inb("in-reject", "never answered", "", to4("10.3.0.1"), dropped(ReturnBlocked, "reject", "10.3.0.1")),
        inb("in-line", "the line of the destination", "", frame![Ipv6::new(B6, "2001:db8:700:3cd::9"), answer()], dropped(ReturnBlocked, "share", "2001:db8:700:300::/56")),
    ]
}

fn lists() -> Vec<Vector> {
    let v4 = |source: &str, destination: &str| frame![Ipv4::new(source, destination), answer()];
    vec![
        inb("in-own-mail", "the ISP's own server answers", "", v4(OWN4, A4), inbound(None)),
        inb("in-only-listed", "a mobile carrier's server answers", "", v4("198.18.3.4", "10.6.0.1"), dropped(ReturnBlocked, "only", "10.6.0.1")),
        inb("in-only-unlisted", "another server answers", "", v4(B4, "10.6.0.1"), inbound(None)),
        inb("in-both-partner", "allow comes before only", "", v4("198.18.25.9", "10.13.0.1"), inbound(None)),
        inb("in-both-mobile", "only", "", v4("198.18.26.9", "10.13.0.1"), dropped(ReturnBlocked, "both", "10.13.0.1")),
    ]
}

/// "What was read inbound (malformed, tags_limit, not_read, undetermined) is counted apart, without a verdict."
fn apart() -> Vec<Vector> {
    let nine: Vec<Layer> = (0..9).map(|_| Vlan::new(1).into()).collect();
    let seventeen: Vec<Layer> = (0..17).map(|_| Extension::destination().into()).collect();
    let tiny = frame![Ipv4::new(B4, A4).fragment(0, true), Slice::first(8, layers![answer()])];
    let undetermined = || inbound(Some("inbound_undetermined"));
    vec![
        inb("in-malformed", "counted apart", "", frame![Ipv4 { ihl: Some(4), ..Ipv4::new(B4, A4) }, answer()], inbound(Some("inbound_malformed"))),
        inb("in-tags-limit", "counted apart", "", frame![Slice::rest(0, nine), Ipv4::new(B4, A4), answer()], inbound(Some("inbound_tags_limit"))),
        inb("in-snap", "counted apart", "", frame![Snap::new(), Ipv4::new(B4, A4), answer()], inbound(Some("inbound_not_read"))),
        inb("in-pseudowire", "counted apart", "", frame![Mpls::new(16), vec![0; 60]], inbound(Some("inbound_not_read"))),
        inb("in-tiny", "counted apart", "1858", tiny, undetermined()),
        inb("in-overlap", "counted apart", "3128", frame![Ipv4 { protocol: Some(6), ..Ipv4::new(B4, A4).fragment(1, false) }, vec![0; 16]], undetermined()),
        inb("in-chain", "counted apart", "8883", frame![Ipv6::new(B6, A6), Slice::rest(0, seventeen), answer()], undetermined()),
    ]
}

fn not_apart() -> Vec<Vector> {
    let arp = build(&[Ethernet::typed(0x0806).into(), vec![0; 28].into()]);
    let later = frame![Ipv4 { protocol: Some(6), ..Ipv4::new(B4, A4).fragment(2, false) }, vec![0; 16]];
    vec![
        inb("in-arp", "not IP", "826", arp, inbound(None)),
        inb("in-later-fragment", "a later fragment", "791", later, inbound(None)),
        inb("in-first-fragment", "a readable first fragment", "791", frame![Ipv4::new(B4, A4).fragment(0, true), answer()], stopped4()),
        inb("in-atomic", "an atomic fragment", "6946", frame![Ipv6::new(B6, A6), Fragment::new(0, false), answer()], stopped6()),
        inb("in-empty", "no byte at all", "", vec![], inbound(None)),
    ]
}

/// "inbound its source is in `endpoints`"; "outermost first" with destination for source.
fn tunnels() -> Vec<Vector> {
    let ds_lite = |outer: &str, inner: &str| frame![Ipv6::new(END6, outer), Ipv4::new(B4, inner), answer()];
    let to_our_end = frame![Ipv6::new(B6, END6), Ipv4::new(B4, A4), answer()];
    let three = frame![Ipv6::new(END6, A6), Ipv4::new(END4, A4), Ipv4::new(END4, A4), Ipv4::new(B4, A4), answer()];
    let at = |offset| frame![Ipv4 { protocol: Some(4), ..Ipv4::new(END4, A4).fragment(offset, false) }, vec![0; 16]];
    let own = frame![Ipv6::new(END6, A6), Ipv4::new(OWN4, "192.168.1.2"), answer()];
    vec![
        inb("in-ds-lite", "from our AFTR", "6333", ds_lite(A6, "192.168.1.2"), stopped6()),
        inb("in-ds-lite-inner", "the inner destination is the only one known", "", ds_lite(X6, A4), stopped4()),
        inb("in-ds-lite-exempt", "an exempt line", "", ds_lite("2001:db8:100:ff::1", A4), inbound(None)),
        inb("in-ds-lite-own-mail", "the innermost source counts", "", own, inbound(None)),
        inb("in-to-our-end", "inbound the carrier's destination does not count", "", to_our_end, inbound(None)),
        inb("in-three-levels", "a third is not looked into", "", three, inbound(Some("inbound_undetermined"))),
        inb("in-carrier-offset-63", "a carrier's later fragment", "3128", at(63), inbound(Some("inbound_undetermined"))),
        inb("in-carrier-offset-64", "behind byte 512", "3128", at(64), inbound(None)),
        inb("in-carrier-malformed", "an inner packet too short", "", frame![Ipv6::new(END6, A6), Slice::first(19, layers![from4(A4)])], inbound(Some("inbound_malformed"))),
    ]
}

fn gtp() -> Vec<Vector> {
    let upf = |outer: &str, inner: &str| {
        frame![Ipv4::new("192.0.2.3", outer), Udp::to(2152), Gtp::extended(&[(0x85, &[0, 9])]), Ipv4::new(B4, inner), answer()]
    };
    vec![
        inb("in-gtp", "from our UPF to a base station", "29.281", upf(X4, A4), stopped4()),
        inb("in-gtp-outer", "the outer destination is not asked", "29.281", upf(A4, X4), inbound(None)),
    ]
}
