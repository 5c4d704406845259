//! Rejects: the answer byte for byte, and when there is none.
//! The expected answers are built from layers, not by the model's reject builder.

use super::expect::{A4, B4, B6, END6, Vector, X4, dropped, flags, frame, from4, from6, out, rejected, syn};
use crate::frames::{Ethernet, Extension, Fragment, Ipv4, Ipv6, Layer, Mpls, Pppoe, Tcp, Vlan, build};
use crate::golden::Reason::Blocked;

const R4: &str = "10.3.0.1";
const R6: &str = "2001:db8:300::1";
const LINE6: &str = "2001:db8:300::/64";
/// Sequence number of every segment the builder makes.
const SEQ: u32 = 0x0102_0304;

pub(super) fn vectors() -> Vec<Vector> {
    [answers(), numbers(), under_tags(), silent(), silent_addresses(), silent_macs()].concat()
}

/// The answer's frame: Ethernet addresses swapped, `middle`, then the IP header and TCP, padded to 60 bytes.
fn answer(middle: &[Layer], ip: Layer, sequence: u32, acknowledgment: u32, bits: u8) -> Vec<u8> {
    let ethernet = Ethernet { destination: [2, 0, 0, 0, 0, 2], source: [2, 0, 0, 0, 0, 1], ethertype: None };
    let tcp = Tcp { sequence, acknowledgment, window: 0, ..Tcp::segment(25, 40025, bits) };
    let mut layers: Vec<Layer> = vec![ethernet.into()];
    layers.extend_from_slice(middle);
    layers.extend([ip, tcp.into()]);
    let mut bytes = build(&layers);
    bytes.resize(bytes.len().max(60), 0);
    bytes
}

fn back4(destination: &str) -> Layer {
    Ipv4 { id: 0, flags: 0b010, ttl: 64, ..Ipv4::new(B4, destination) }.into()
}

fn back6() -> Layer {
    Ipv6 { hop_limit: 64, ..Ipv6::new(B6, R6) }.into()
}

fn rst_ack4(added: u32) -> Vec<u8> {
    answer(&[], back4(R4), 0, SEQ + added, Tcp::RST | Tcp::ACK)
}

fn answers() -> Vec<Vector> {
    let reject4 = |name, shows, frame| out(name, shows, "9293", frame, rejected("reject", R4, rst_ack4(1)));
    let reject6 = |name, shows, frame| out(name, shows, "9293", frame, rejected("reject", LINE6, answer(&[], back6(), 0, SEQ + 1, 0x14)));
    let mut padded = frame![from4(R4), syn()];
    padded.resize(60, 0xee);
    vec![
        reject4("reject-v4", "RST|ACK of a SYN", frame![from4(R4), syn()]),
        reject4("reject-v4-tos", "TOS 0, TTL 64 and id 0 whatever the candidate's", frame![Ipv4 { tos: 0xb8, ttl: 1, id: 7, ..from4(R4) }, syn()]),
        reject4("reject-v4-options", "IHL 5", frame![Ipv4 { options: vec![148, 4, 0, 0], ..from4(R4) }, syn()]),
        reject4("reject-v4-padded", "padding is no payload", padded),
        reject4("reject-v4-tcp-options", "TCP's options are no payload", frame![from4(R4), Tcp { options: vec![2, 4, 5, 180], ..Tcp::syn(25) }]),
        reject6("reject-v6", "RST|ACK of a SYN", frame![from6(R6), syn()]),
        reject6("reject-v6-class", "traffic class and flow label 0", frame![Ipv6 { traffic_class: 8, flow: 9, ..from6(R6) }, syn()]),
        reject6("reject-v6-options", "no extension header", frame![from6(R6), Extension::hop_by_hop(), Extension::destination(), syn()]),
        reject6("reject-v6-atomic", "an atomic fragment is no fragment", frame![from6(R6), Fragment::new(0, false), syn()]),
    ]
}

/// "ACK set in the candidate: RST, seq = its ack number, ack 0. Else RST|ACK, seq 0, ack = its seq + payload + SYN + FIN."
fn numbers() -> Vec<Vector> {
    let reject4 = |name, shows, frame, added| out(name, shows, "9293", frame, rejected("reject", R4, rst_ack4(added)));
    let all = |bits| frame![from4("10.5.0.1"), flags(bits), b"QUIT\r\n".to_vec()];
    let answered = |answer| rejected("all-reject", "10.5.0.1", answer);
    let wrap = frame![from4(R4), Tcp { sequence: u32::MAX, ..Tcp::syn(25) }, vec![0; 4]];
    vec![
        reject4("reject-data", "data counts", frame![from4(R4), syn(), vec![0; 10]], 11),
        reject4("reject-fin", "FIN counts", frame![from4(R4), flags(0x03)], 2),
        reject4("reject-fin-data", "all three", frame![from4(R4), flags(0x03), vec![0; 5]], 7),
        out("reject-wrap", "sequence numbers wrap", "9293", wrap, rejected("reject", R4, answer(&[], back4(R4), 0, 4, 0x14))),
        out("reject-ack", "ACK set: RST at its ack number", "9293", all(0x18), answered(answer(&[], back4("10.5.0.1"), 0x0a0b_0c0d, 0, 4))),
        out("reject-syn-ack", "ACK set with SYN", "9293", all(0x12), answered(answer(&[], back4("10.5.0.1"), 0x0a0b_0c0d, 0, 4))),
        out("reject-no-flags", "no flag: only the data counts", "9293", all(0), answered(answer(&[], back4("10.5.0.1"), 0, SEQ + 6, 0x14))),
        out("reject-fin-only", "FIN without ACK", "9293", all(1), answered(answer(&[], back4("10.5.0.1"), 0, SEQ + 7, 0x14))),
    ]
}

fn under_tags() -> Vec<Vector> {
    let under = |name, shows, middle: Vec<Layer>| {
        let frame = build(&[vec![Ethernet::new().into()], middle.clone(), vec![from4(R4).into(), syn()]].concat());
        let answer = answer(&middle, back4(R4), 0, SEQ + 1, 0x14);
        out(name, shows, "2516", frame, rejected("reject", R4, answer))
    };
    let odd_length = Pppoe { length: Some(9), ..Pppoe::new() };
    let answered_length = answer(&[Pppoe::new().into()], back4(R4), 0, SEQ + 1, 0x14);
    let v6 = frame![Vlan::new(7), Pppoe::new(), from6(R6), syn()];
    let v6_answer = answer(&[Vlan::new(7).into(), Pppoe::new().into()], back6(), 0, SEQ + 1, 0x14);
    vec![
        under("reject-vlan", "the same tag, padded", vec![Vlan::new(0xe007).into()]),
        under("reject-qinq", "the same two tags", vec![Vlan::tagged(0x88a8, 7).into(), Vlan::new(8).into()]),
        under("reject-pppoe", "the same session, its length set", vec![Pppoe::new().into()]),
        under("reject-pppoe-one-byte", "the same one-byte PPP field", vec![Pppoe::ppp(&[0x21]).into()]),
        under("reject-qinq-pppoe", "all of them", vec![Vlan::new(7).into(), Vlan::new(8).into(), Pppoe::new().into()]),
        out("reject-pppoe-length", "the candidate's PPPoE length is not copied", "2516", frame![odd_length, from4(R4), syn()], rejected("reject", R4, answered_length)),
        out("reject-pppoe-v6", "IPv6 in PPPoE", "2516", v6, rejected("reject", LINE6, v6_answer)),
    ]
}

fn silent() -> Vec<Vector> {
    let drop4 = |name, shows, frame| out(name, shows, "9293", frame, dropped(Blocked, "reject", R4));
    let offset = |words| frame![from4(R4), Tcp { offset: Some(words), ..Tcp::syn(25) }];
    let from_line6 = Ipv6::new(R6, END6);
    vec![
        drop4("silent-rst", "RST is never answered", frame![from4(R4), flags(0x06)]),
        drop4("silent-mpls", "nor is MPLS", frame![Mpls::new(16), from4(R4), syn()]),
        out("silent-tunnel", "nor a tunnel", "", frame![from_line6, from4(X4), syn()], dropped(Blocked, "reject", LINE6)),
        drop4("silent-first-fragment", "nor a first fragment", frame![from4(R4).fragment(0, true), syn()]),
        out("silent-first-fragment-v6", "nor a first fragment", "", frame![from6(R6), Fragment::new(0, true), syn()], dropped(Blocked, "reject", LINE6)),
        drop4("silent-offset-4", "data offset below five", offset(4)),
        drop4("silent-offset-0", "data offset zero", offset(0)),
        drop4("silent-offset-6", "data offset behind the segment", offset(6)),
        drop4("silent-14-bytes", "a segment shorter than a TCP header", frame![from4(R4), crate::frames::Slice::first(14, vec![syn()])]),
        out("silent-all-rst", "a reset under match = all", "9293", frame![from4("10.5.0.1"), flags(0x14)], dropped(Blocked, "all-reject", "10.5.0.1")),
    ]
}

fn silent_addresses() -> Vec<Vector> {
    let to = |destination: &str| frame![Ipv4::new(R4, destination), syn()];
    let to6 = |destination: &str| frame![Ipv6::new(R6, destination), syn()];
    let drop4 = |name, shows, frame| out(name, shows, "1122", frame, dropped(Blocked, "reject", R4));
    let drop6 = |name, shows, frame| out(name, shows, "4291", frame, dropped(Blocked, "reject", LINE6));
    let odd4 = |name, shows, source: &'static str| out(name, shows, "1122", frame![from4(source), syn()], dropped(Blocked, "odd-reject", source));
    let odd6 = |name, shows, source: &str, line| out(name, shows, "4291", frame![from6(source), syn()], dropped(Blocked, "odd-reject", line));
    vec![
        drop4("silent-to-multicast", "to a group", to("224.0.0.1")),
        drop4("silent-to-broadcast", "to everybody", to("255.255.255.255")),
        drop4("silent-to-unspecified", "to nobody", to("0.0.0.0")),
        drop4("silent-to-loopback", "to oneself", to("127.9.9.9")),
        drop6("silent-to-multicast-v6", "to a group", to6("ff02::1")),
        drop6("silent-to-unspecified-v6", "to nobody", to6("::")),
        drop6("silent-to-loopback-v6", "to oneself", to6("::1")),
        odd4("silent-from-multicast", "from a group", "239.1.2.3"),
        odd4("silent-from-broadcast", "from everybody", "255.255.255.255"),
        odd4("silent-from-unspecified", "from nobody", "0.0.0.0"),
        odd4("silent-from-loopback", "from oneself", "127.0.0.1"),
        odd6("silent-from-multicast-v6", "from a group", "ff0e::5", "ff0e::/64"),
        odd6("silent-from-unspecified-v6", "from nobody; the matched /128 is the line", "::", "::/128"),
        odd6("silent-from-loopback-v6", "from oneself; the matched /128 is the line", "::1", "::1/128"),
    ]
}

fn silent_macs() -> Vec<Vector> {
    let mac = |destination, source| {
        let ethernet = Ethernet { destination, source, ethertype: None };
        build(&[ethernet.into(), from4(R4).into(), syn()])
    };
    let (one, other) = ([2, 0, 0, 0, 0, 1], [2, 0, 0, 0, 0, 2]);
    let drop4 = |name, shows, frame| out(name, shows, "802.3", frame, dropped(Blocked, "reject", R4));
    vec![
        drop4("silent-mac-broadcast", "to every station", mac([0xff; 6], other)),
        drop4("silent-mac-multicast", "to a group of stations", mac([1, 0, 0x5e, 0, 0, 1], other)),
        drop4("silent-mac-group-source", "from a group address", mac(one, [3, 0, 0, 0, 0, 2])),
        out("silent-action-drop", "a pool with action = drop", "", frame![from4(A4), syn()], dropped(Blocked, "dynamic", A4)),
    ]
}
