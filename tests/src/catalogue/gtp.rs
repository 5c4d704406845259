//! GTP-U: subscribers of a mobile network, whose outer source is a base station's.
//! Each header form, each other content, each place where the header can be cut.

use super::expect::{A4, A6, END4, END6, OWN4, Vector, X4, X6, dropped, dynamic4, dynamic6, exempt, flags, frame, from4, from6, layers, out, pass, pass_for, syn};
use crate::frames::{Gtp, Ipv4, Ipv6, Layer, Slice, Udp};
use crate::golden::Reason::{
    AllowedDestination, Blocked, Malformed, NotSyn, NotTcp, UndeterminedOverlap, UndeterminedTiny, UnknownSource,
};

pub(super) fn vectors() -> Vec<Vector> {
    [headers(), extensions(), senders(), other_contents(), cut(), fragments()].concat()
}

/// From a base station to our UPF.
fn upf() -> Ipv4 {
    Ipv4::new(X4, "192.0.2.3")
}

fn gtp(header: Gtp) -> Vec<u8> {
    frame![upf(), Udp::to(2152), header, from4(A4), syn()]
}

fn headers() -> Vec<Vector> {
    let blocked = |name, shows, header| out(name, shows, "29.281", gtp(header), dynamic4(Blocked));
    let length = |length| Udp { length: Some(length), ..Udp::to(2152) };
    vec![
        blocked("gtp", "eight bytes of header", Gtp::new()),
        blocked("gtp-sequence", "S: four bytes more", Gtp::flagged(2)),
        blocked("gtp-n-pdu", "PN: four bytes more", Gtp::flagged(1)),
        blocked("gtp-all", "E, S and PN, no extension header", Gtp::flagged(7)),
        blocked("gtp-spare", "the spare bit is ignored", Gtp { flags: 0x38, ..Gtp::new() }),
        blocked("gtp-length-0", "GTP-U's length is not used", Gtp { length: Some(0), ..Gtp::new() }),
        blocked("gtp-sequence-next", "without E the next type is not looked at", Gtp { next: Some(0x85), ..Gtp::flagged(2) }),
        out("gtp-udp-length", "UDP's length is not used", "768", frame![upf(), length(8), Gtp::new(), from4(A4), syn()], dynamic4(Blocked)),
        out("gtp-v6-inside", "IPv6 inside", "29.281", frame![upf(), Udp::to(2152), Gtp::new(), from6(A6), syn()], dynamic6(Blocked)),
        out("gtp-over-v6", "over IPv6", "29.281", frame![Ipv6::new(X6, END6), Udp::to(2152), Gtp::new(), from4(A4), syn()], dynamic4(Blocked)),
        out("gtp-own-mail", "allow is asked", "29.281", frame![upf(), Udp::to(2152), Gtp::new(), Ipv4::new(A4, OWN4), syn()], pass_for(AllowedDestination, "dynamic", A4)),
        out("gtp-ack", "a segment of a connection", "29.281", frame![upf(), Udp::to(2152), Gtp::new(), from4(A4), flags(0x10)], pass(NotSyn)),
    ]
}

fn extensions() -> Vec<Vector> {
    let blocked = |name, shows, header| out(name, shows, "29.281", gtp(header), dynamic4(Blocked));
    let container: (u8, &[u8]) = (0x85, &[0x10, 9]);
    let long: (u8, &[u8]) = (0x20, &[0; 1018]);
    let mut zero = gtp(Gtp::extended(&[container]));
    zero[14 + 20 + 8 + 12] = 0;
    let behind = Slice::first(16, layers![Gtp::extended(&[long])]);
    vec![
        blocked("gtp-container", "a PDU session container", Gtp::extended(&[container])),
        blocked("gtp-three", "three extension headers", Gtp::extended(&[container, (0xc0, &[1, 2]), (0x40, &[3, 4, 5, 6, 7, 8])])),
        blocked("gtp-forty", "forty of them", Gtp::extended(&[container; 40])),
        blocked("gtp-longest", "255 units of four bytes", Gtp::extended(&[long])),
        out("gtp-zero", "an extension header of length zero", "29.281", zero, pass(NotTcp)),
        out("gtp-extension-cut", "an extension header behind the packet", "29.281", frame![upf(), Udp::to(2152), behind], pass(NotTcp)),
        out("gtp-extension-missing", "an extension header announced, not there", "29.281", frame![upf(), Udp::to(2152), Gtp { next: Some(0x85), ..Gtp::flagged(4) }], pass(NotTcp)),
    ]
}

/// "in GTP-U the outer source, a base station's, is not asked".
fn senders() -> Vec<Vector> {
    let from = |outer: &str, inner: &str| frame![Ipv4::new(outer, END4), Udp::to(2152), Gtp::new(), from4(inner), syn()];
    let in_ds_lite = |inner: &str| {
        frame![Ipv6::new(X6, END6), Ipv4::new("10.4.0.1", END4), Udp::to(2152), Gtp::new(), from4(inner), syn()]
    };
    let carried = frame![Ipv6::new(A6, END6), upf(), Udp::to(2152), Gtp::new(), from4("10.4.0.1"), syn()];
    vec![
        out("gtp-outer-dynamic", "a dynamic outer source is not asked", "", from("10.4.0.1", A4), dynamic4(Blocked)),
        out("gtp-outer-only", "even if it is the only one known", "", from(A4, X4), pass(UnknownSource)),
        out("gtp-outer-exempt", "an exempt outer source is not asked", "", from("203.0.113.200", A4), dynamic4(Blocked)),
        out("gtp-inner-exempt", "an exempt subscriber", "", from(X4, "203.0.113.200"), exempt("static")),
        out("gtp-in-ds-lite", "of three sources the middle one is a base station's", "", in_ds_lite(A4), dynamic4(Blocked)),
        out("gtp-carried", "a carrier around GTP-U is asked", "", carried, dynamic6(Blocked)),
        out("gtp-reject", "a tunnel is never answered", "", from(X4, "10.3.0.1"), dropped(Blocked, "reject", "10.3.0.1")),
    ]
}

fn other_contents() -> Vec<Vector> {
    let not_tcp = |name, shows, frame| out(name, shows, "29.281", frame, pass(NotTcp));
    let header = |flags, message| gtp(Gtp { flags, message, ..Gtp::new() });
    let source_port = Udp { source: 2152, ..Udp::to(2123) };
    vec![
        not_tcp("gtp-version-2", "GTP version 2", header(0x50, 255)),
        not_tcp("gtp-prime", "protocol type 0", header(0x20, 255)),
        not_tcp("gtp-echo", "an echo request", header(0x30, 1)),
        not_tcp("gtp-end-marker", "an end marker", header(0x30, 254)),
        not_tcp("gtp-ethernet", "an Ethernet PDU", frame![upf(), Udp::to(2152), Gtp::new(), vec![2, 0, 0, 0], from4(A4), syn()]),
        not_tcp("gtp-nibble-5", "neither IPv4 nor IPv6", frame![upf(), Udp::to(2152), Gtp::new(), Ipv4 { version: 5, ..from4(A4) }, syn()]),
        not_tcp("gtp-port-2123", "the control port", frame![upf(), source_port, Gtp::new(), from4(A4), syn()]),
        not_tcp("gtp-others", "other people's UPF", frame![Ipv4::new(A4, X4), Udp::to(2152), Gtp::new(), from4(A4), syn()]),
        out("gtp-inner-version", "an inner packet too short", "29.281", frame![upf(), Udp::to(2152), Gtp::new(), Slice::first(19, layers![from4(A4)])], pass(Malformed)),
    ]
}

fn cut() -> Vec<Vector> {
    let bytes = |count| frame![upf(), Slice::first(count, layers![Udp::to(2152), Gtp::flagged(2), from4(A4), syn()])];
    let not_tcp = |name, shows, count| out(name, shows, "29.281", bytes(count), pass(NotTcp));
    vec![
        not_tcp("gtp-cut-0", "no UDP at all", 0),
        not_tcp("gtp-cut-7", "UDP cut", 7),
        not_tcp("gtp-cut-8", "no GTP-U behind UDP", 8),
        not_tcp("gtp-cut-15", "GTP-U cut", 15),
        not_tcp("gtp-cut-19", "its optional fields cut", 19),
        not_tcp("gtp-cut-20", "nothing inside", 20),
        out("gtp-cut-21", "one byte inside", "29.281", bytes(21), pass(Malformed)),
    ]
}

fn fragments() -> Vec<Vector> {
    // From a dynamic line, so that what is asked of a fragment whose inner source is not read shows.
    let first = |count, header: Gtp, source: &str| {
        let inner: Vec<Layer> = layers![Udp::to(2152), header, Ipv4::new(source, OWN4), syn(), vec![0; 1000]];
        frame![Ipv4::new(A4, END4).fragment(0, true), Slice::first(count, inner)]
    };
    let tiny = |name, shows, frame| out(name, shows, "1858", frame, dynamic4(UndeterminedTiny));
    let at = |offset| frame![Ipv4 { protocol: Some(17), ..Ipv4::new(A4, END4).fragment(offset, true) }, vec![0; 24]];
    vec![
        out("gtp-first", "a first fragment with all headers", "29.281", first(64, Gtp::new(), "10.4.0.1"), pass_for(AllowedDestination, "all", "10.4.0.1")),
        tiny("gtp-first-ports", "UDP's ports cut", first(3, Gtp::new(), X4)),
        tiny("gtp-first-8", "GTP-U cut", first(8, Gtp::new(), X4)),
        tiny("gtp-first-9", "its first byte alone does not make it GTP-U", first(9, Gtp::new(), X4)),
        out("gtp-first-10", "first byte and message make it GTP-U: the outer source is not asked", "1858", first(10, Gtp::new(), X4), pass(UnknownSource)),
        out("gtp-first-optional", "optional fields cut, but it is GTP-U: the outer source is not asked", "1858", first(18, Gtp::flagged(2), X4), pass(UnknownSource)),
        out("gtp-first-tcp", "TCP cut: the inner source and destination are read", "1858", first(44, Gtp::new(), "10.4.0.1"), pass_for(AllowedDestination, "all", "10.4.0.1")),
        out("gtp-first-tcp-unknown", "the outer source is not asked", "1858", first(44, Gtp::new(), X4), pass(UnknownSource)),
        out("gtp-offset-1", "may be GTP-U: whose source it is is not known, so it is asked", "3128", at(1), dynamic4(UndeterminedOverlap)),
    ]
}
