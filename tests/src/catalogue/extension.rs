//! IPv6 extension headers: every kind, chains of sixteen and seventeen, chains cut short, routing headers.
//! The limits are met on both sides: sixteen and seventeen headers, thirteen and fourteen bytes of TCP.

use super::expect::{A6, OWN6, Vector, X6, dynamic6, exempt, frame, from6, layers, out, pass, pass_for, syn};
use crate::frames::{Extension, Fragment, Ipv6, Layer, Slice, Udp};
use crate::golden::Reason::{
    AllowedDestination, Blocked, Malformed, NotTcp, UndeterminedChain, UnknownSource, WouldDrop,
};

pub(super) fn vectors() -> Vec<Vector> {
    [kinds(), chains(), too_long(), cut(), routing()].concat()
}

fn chain(header: Ipv6, extensions: Vec<Layer>, last: Layer) -> Vec<u8> {
    frame![header, Slice::rest(0, [extensions, vec![last]].concat())]
}

fn options(count: usize) -> Vec<Layer> {
    (0..count).map(|_| Extension::destination().into()).collect()
}

fn kinds() -> Vec<Vector> {
    let blocked = |name, shows, rfc, extension: Extension| out(name, shows, rfc, frame![from6(A6), extension, syn()], dynamic6(Blocked));
    let ah = |words: usize| Extension { body: vec![0; words * 4 + 6], ..Extension::authentication() };
    let odd_ah = Extension { length: Some(1), ..ah(1) };
    let mut odd = frame![from6(A6), odd_ah, Slice::rest(0, layers![syn()])];
    // A header of twelve bytes: the builder pads to sixteen, so take four zeros out and shorten payload_length.
    odd.drain(14 + 40 + 12..14 + 40 + 16);
    odd[14 + 5] -= 4;
    vec![
        blocked("ext-hop-by-hop", "hop-by-hop options", "8200", Extension::hop_by_hop()),
        blocked("ext-routing", "a routing header at its end", "8200", Extension::routing(0, 0, &["2001:db8::1"])),
        blocked("ext-destination", "destination options", "8200", Extension::destination()),
        blocked("ext-destination-2048", "the longest", "8200", Extension::destination_of(2048)),
        blocked("ext-ah", "AH of 24 bytes", "4302", Extension::authentication()),
        out("ext-ah-12", "AH of 12 bytes: it counts in fours", "4302", odd, dynamic6(Blocked)),
        blocked("ext-mobility", "mobility", "6275", Extension::new(135)),
        blocked("ext-hip", "host identity", "7401", Extension::new(139)),
        blocked("ext-shim6", "shim6", "5533", Extension::new(140)),
        blocked("ext-253", "experimental", "3692", Extension::new(253)),
        blocked("ext-254", "experimental", "3692", Extension::new(254)),
        out("ext-esp", "ESP ends the chain", "4303", frame![from6(A6), Extension { next: Some(50), ..Extension::destination() }, syn()], pass(NotTcp)),
        out("ext-udp", "UDP behind options", "8200", chain(from6(A6), options(3), Udp::to(25).into()), pass(NotTcp)),
        out("ext-own-mail", "allow is asked", "8200", chain(Ipv6::new(A6, OWN6), options(2), syn()), pass_for(AllowedDestination, "dynamic", "2001:db8:100:1::/64")),
        out("ext-hop-by-hop-late", "hop-by-hop behind options is walked", "8200", frame![from6(A6), Extension::destination(), Extension::hop_by_hop(), syn()], dynamic6(Blocked)),
    ]
}

fn chains() -> Vec<Vector> {
    let announced = |last: u8| Layer::from(Extension { next: Some(last), ..Extension::destination() });
    let bare_17 = frame![from6(A6), Slice::rest(0, [options(15), vec![announced(60)]].concat())];
    let mut fragments: Vec<Layer> = (0..16).map(|_| Fragment::new(0, false).into()).collect();
    fragments.push(syn());
    let atomic_17: Vec<Layer> = (0..17).map(|_| Fragment::new(0, false).into()).collect();
    vec![
        out("chain-16", "sixteen are read", "8200", chain(from6(A6), options(16), syn()), dynamic6(Blocked)),
        out("chain-16-udp", "sixteen and UDP", "8200", chain(from6(A6), options(16), Udp::to(25).into()), pass(NotTcp)),
        out("chain-16-fragments", "fragment headers count", "6946", frame![from6(A6), Slice::rest(0, fragments)], dynamic6(Blocked)),
        out("chain-17", "a seventeenth is not read", "8883", chain(from6(A6), options(17), syn()), dynamic6(UndeterminedChain)),
        out("chain-17-fragments", "nor is a seventeenth fragment header", "8883", chain(from6(A6), atomic_17, syn()), dynamic6(UndeterminedChain)),
        out("chain-17-announced", "a seventeenth announced, not there", "8883", bare_17, dynamic6(UndeterminedChain)),
        out("chain-17-udp", "what would follow is not known", "8883", chain(from6(A6), options(17), Udp::to(25).into()), dynamic6(UndeterminedChain)),
        out("chain-100", "nor is a hundredth", "8883", chain(from6(A6), options(100), syn()), dynamic6(UndeterminedChain)),
    ]
}

fn too_long() -> Vec<Vector> {
    let seventeen = |header: Ipv6| chain(header, options(17), syn());
    let fragment = [vec![Fragment::new(0, true).into()], options(16)].concat();
    vec![
        out("chain-17-own-mail", "allow is not asked", "8883", seventeen(Ipv6::new(A6, OWN6)), dynamic6(UndeterminedChain)),
        out("chain-17-first-fragment", "in a first fragment as well", "8883", chain(from6(A6), fragment, syn()), dynamic6(UndeterminedChain)),
        out("chain-17-monitor", "would drop", "8883", seventeen(from6("2001:db8:200::1")), pass_for(WouldDrop, "monitor", "2001:db8:200::/64")),
        out("chain-17-exempt", "an exemption", "8883", seventeen(from6("2001:db8:100:ff::1")), exempt("static")),
        out("chain-17-unknown", "nobody's address", "8883", seventeen(from6(X6)), pass(UnknownSource)),
    ]
}

fn cut() -> Vec<Vector> {
    let malformed = |name, shows, frame| out(name, shows, "8200", frame, pass(Malformed));
    let bytes = |count| frame![from6(A6), Slice::first(count, layers![Extension::destination(), syn()])];
    let long = Extension { length: Some(255), ..Extension::destination() };
    let ah_long = Extension { length: Some(255), ..Extension::authentication() };
    vec![
        malformed("ext-cut-1", "one byte of an extension header", bytes(1)),
        malformed("ext-cut-7", "seven bytes", bytes(7)),
        malformed("ext-cut-8", "all of it and no TCP", bytes(8)),
        malformed("ext-cut-21", "all of it and 13 bytes of TCP", bytes(21)),
        out("ext-cut-22", "all of it and 14 bytes of TCP", "8200", bytes(22), dynamic6(Blocked)),
        malformed("ext-length", "a length behind the packet", frame![from6(A6), long, syn()]),
        malformed("ext-ah-length", "a length behind the packet", frame![from6(A6), ah_long, syn()]),
        malformed("ext-missing", "an extension header announced, not there", frame![Ipv6 { next_header: Some(60), ..from6(A6) }]),
    ]
}

/// "IPv6 routing header with segments_left > 0": the destination is not the last one.
fn routing() -> Vec<Vector> {
    let own = |extension: Extension| frame![Ipv6::new(A6, OWN6), extension, syn()];
    let blocked = |name, shows, extension| out(name, shows, "5095", own(extension), dynamic6(Blocked));
    let other: &[&str] = &["2001:db8:f::26"];
    vec![
        out("routing-0-at-end", "segments_left 0 is trusted", "5095", own(Extension::routing(0, 0, other)), pass_for(AllowedDestination, "dynamic", "2001:db8:100:1::/64")),
        blocked("routing-0", "type 0", Extension::routing(0, 1, other)),
        blocked("routing-2", "type 2", Extension::routing(2, 1, other)),
        blocked("routing-3", "type 3", Extension::routing(3, 1, other)),
        blocked("routing-4", "segment routing", Extension::routing(4, 1, other)),
        blocked("routing-253", "experimental", Extension::routing(253, 255, &[])),
        out("routing-then-options", "a route anywhere in the chain", "5095", frame![Ipv6::new(A6, OWN6), Extension::routing(0, 1, other), Extension::destination(), syn()], dynamic6(Blocked)),
    ]
}
