//! IPv4 and IPv6 headers: lengths, versions, what every receiver discards.
//! Each length and version that is wrong stands beside the nearest one that is right.

use super::expect::{A4, A6, Vector, dynamic4, dynamic6, frame, from4, from6, layers, out, pass, syn};
use crate::frames::{Extension, Ipv4, Ipv6, Slice, Tcp};
use crate::golden::Reason::{Blocked, Malformed, NotTcp};

pub(super) fn vectors() -> Vec<Vector> {
    [ipv4_header(), ipv4_lengths(), protocols(), ipv6_header()].concat()
}

fn malformed(name: &'static str, shows: &'static str, frame: Vec<u8>) -> Vector {
    out(name, shows, "791", frame, pass(Malformed))
}

fn blocked4(name: &'static str, shows: &'static str, frame: Vec<u8>) -> Vector {
    out(name, shows, "791", frame, dynamic4(Blocked))
}

fn ipv4_header() -> Vec<Vector> {
    let v4 = |header: Ipv4| frame![header, syn()];
    vec![
        malformed("v4-version-5", "wrong version", v4(Ipv4 { version: 5, ..from4(A4) })),
        malformed("v4-version-6", "IPv6's version under IPv4's type", v4(Ipv4 { version: 6, ..from4(A4) })),
        malformed("v4-version-0", "no version", v4(Ipv4 { version: 0, ..from4(A4) })),
        malformed("v4-ihl-4", "IHL below five", v4(Ipv4 { ihl: Some(4), ..from4(A4) })),
        malformed("v4-ihl-0", "IHL zero", v4(Ipv4 { ihl: Some(0), ..from4(A4) })),
        malformed("v4-ihl-15", "IHL behind total_length", v4(Ipv4 { ihl: Some(15), ..from4(A4) })),
        blocked4("v4-bad-checksum", "the header checksum is not looked at", v4(Ipv4 { checksum: Some(0), ..from4(A4) })),
        blocked4("v4-ttl-0", "nor is TTL", v4(Ipv4 { ttl: 0, ..from4(A4) })),
        blocked4("v4-tos", "nor TOS", v4(Ipv4 { tos: 0xff, ..from4(A4) })),
        blocked4("v4-df", "don't fragment", v4(Ipv4 { flags: 0b010, ..from4(A4) })),
        blocked4("v4-reserved-flag", "the reserved flag", v4(Ipv4 { flags: 0b100, ..from4(A4) })),
    ]
}

fn ipv4_lengths() -> Vec<Vector> {
    let total = |length: u16| frame![Ipv4 { total_length: Some(length), ..from4(A4) }, syn()];
    let mut padded = frame![from4(A4), syn()];
    padded.resize(60, 0);
    let first = |bytes: usize| frame![from4(A4), Slice::first(bytes, layers![Tcp::syn(25)])];
    vec![
        malformed("v4-19-bytes", "one byte short of a header", frame![from4(A4), syn()][..14 + 19].to_vec()),
        malformed("v4-total-0", "total_length zero", total(0)),
        malformed("v4-total-19", "total_length below the header", total(19)),
        malformed("v4-total-20", "total_length of the header alone", total(20)),
        malformed("v4-total-33", "13 bytes of TCP by total_length, more in the frame", total(33)),
        blocked4("v4-total-34", "14 bytes of TCP by total_length", total(34)),
        malformed("v4-total-41", "total_length one byte behind the frame", total(41)),
        malformed("v4-total-65535", "total_length far behind the frame", total(65535)),
        malformed("v4-tcp-13", "13 bytes of TCP", first(13)),
        blocked4("v4-tcp-14", "14 bytes of TCP", first(14)),
        malformed("v4-tcp-0", "no byte of TCP", first(0)),
        blocked4("v4-padded", "Ethernet padding", padded),
        malformed("v4-cut", "a whole header, the rest cut off", frame![from4(A4), syn()][..14 + 30].to_vec()),
    ]
}

fn protocols() -> Vec<Vector> {
    let proto = |protocol: u8| frame![Ipv4 { protocol: Some(protocol), ..from4(A4) }, syn()];
    let next = |protocol: u8| frame![Ipv6 { next_header: Some(protocol), ..from6(A6) }, syn()];
    let not_tcp = |name, shows, frame| out(name, shows, "791", frame, pass(NotTcp));
    vec![
        not_tcp("v4-icmp", "ICMP", proto(1)),
        not_tcp("v4-esp", "ESP", proto(50)),
        not_tcp("v4-ah", "AH in IPv4 is not walked", proto(51)),
        not_tcp("v4-protocol-0", "hop-by-hop does not exist in IPv4", proto(0)),
        not_tcp("v4-protocol-43", "routing header neither", proto(43)),
        not_tcp("v4-protocol-44", "fragment header neither", proto(44)),
        not_tcp("v4-protocol-60", "destination options neither", proto(60)),
        not_tcp("v4-protocol-253", "experimental is an extension in IPv6 only", proto(253)),
        not_tcp("v6-icmp", "ICMPv6", next(58)),
        not_tcp("v6-esp", "ESP", next(50)),
        not_tcp("v6-no-next", "no next header", next(59)),
        not_tcp("v6-protocol-255", "a reserved number", next(255)),
    ]
}

fn ipv6_header() -> Vec<Vector> {
    let v6 = |header: Ipv6| frame![header, syn()];
    let length = |bytes: u16| v6(Ipv6 { payload_length: Some(bytes), ..from6(A6) });
    let malformed = |name, shows, frame| out(name, shows, "8200", frame, pass(Malformed));
    let blocked6 = |name, shows, frame| out(name, shows, "8200", frame, dynamic6(Blocked));
    let jumbo = Ipv6 { payload_length: Some(0), ..from6(A6) };
    let mut padded = length(20);
    padded.extend([0; 9]);
    let jumbo_short = frame![jumbo.clone(), Extension::hop_by_hop(), Slice::first(13, layers![Tcp::syn(25)])];
    vec![
        malformed("v6-version-4", "IPv4's version under IPv6's type", v6(Ipv6 { version: 4, ..from6(A6) })),
        malformed("v6-version-7", "wrong version", v6(Ipv6 { version: 7, ..from6(A6) })),
        malformed("v6-39-bytes", "one byte short of a header", length(20)[..14 + 39].to_vec()),
        malformed("v6-length-21", "payload_length one byte behind the frame", length(21)),
        malformed("v6-length-13", "13 bytes of TCP by payload_length", length(13)),
        blocked6("v6-length-14", "14 bytes of TCP by payload_length", length(14)),
        malformed("v6-length-0", "payload_length zero without hop-by-hop", length(0)),
        blocked6("v6-padded", "bytes behind payload_length", padded),
        blocked6("v6-class-flow", "traffic class and flow label", v6(Ipv6 { traffic_class: 0xff, flow: 0xf_ffff, ..from6(A6) })),
        blocked6("v6-length-0-hop-by-hop", "payload_length zero with hop-by-hop: the rest", frame![jumbo.clone(), Extension::hop_by_hop(), syn()]),
        malformed("v6-length-0-hop-by-hop-cut", "the rest is too short", jumbo_short),
        malformed("v6-length-0-destination", "destination options are no hop-by-hop", frame![jumbo.clone(), Extension::destination(), syn()]),
        out("v6-length-0-no-next", "nothing there and nothing expected", "8200", frame![Ipv6 { next_header: Some(59), ..jumbo }, syn()], pass(NotTcp)),
    ]
}
