//! Tunnels of one level: IP in IP, GRE, fragmented carriers. GTP-U has its own file, and so have two levels.
//! Our ends stand beside other people's, whole carriers beside fragmented ones.

use super::expect::{
    A4, A6, END4, END6, OWN4, OWN6, Vector, X4, X6, dropped, dynamic4, dynamic6, exempt, flags, frame, from4, from6,
    layers, out, pass, pass_for, syn,
};
use crate::frames::{Extension, Fragment, Gre, Ipv4, Ipv6, Layer, Slice, Tcp, Udp};
use crate::golden::Reason::{
    AllowedDestination, Blocked, LaterFragment, Malformed, NotSyn, NotTcp, OtherPort, UndeterminedChain, UndeterminedOverlap,
    UndeterminedTiny, UnknownSource,
};

const LINE6: &str = "2001:db8:100:1::/64";
/// What a home router behind DS-Lite sends from.
const HOME4: &str = "192.168.1.2";

pub(super) fn vectors() -> Vec<Vector> {
    [kinds(), contents(), senders(), lengths(), gre(), gre_other(), later_fragments(), first_fragments(), inner_header_cut(), wall()].concat()
}

/// An IPv6 carrier of the dynamic subscriber to our end.
fn ours6() -> Ipv6 {
    Ipv6::new(A6, END6)
}

/// An IPv4 carrier of the dynamic subscriber to our end.
fn ours4() -> Ipv4 {
    Ipv4::new(A4, END4)
}

fn kinds() -> Vec<Vector> {
    vec![
        out("tunnel-ds-lite", "IPv4 in IPv6 to our AFTR", "6333", frame![ours6(), from4(HOME4), syn()], dynamic6(Blocked)),
        out("tunnel-6in6", "IPv6 in IPv6", "2473", frame![ours6(), from6(X6), syn()], dynamic6(Blocked)),
        out("tunnel-6rd", "IPv6 in IPv4 to our border relay", "5969", frame![ours4(), from6(X6), syn()], dynamic4(Blocked)),
        out("tunnel-4in4", "IPv4 in IPv4", "2003", frame![ours4(), from4(HOME4), syn()], dynamic4(Blocked)),
        out("tunnel-ds-lite-options", "behind destination options", "2473", frame![ours6(), Extension::destination(), from4(HOME4), syn()], dynamic6(Blocked)),
        out("tunnel-others-4", "other people's tunnels", "2003", frame![Ipv4::new(A4, X4), from4(A4), syn()], pass(NotTcp)),
        out("tunnel-others-6", "other people's tunnels", "2473", frame![Ipv6::new(A6, X6), from4(A4), syn()], pass(NotTcp)),
        out("tunnel-from-our-end", "outbound the carrier's source does not count", "", frame![Ipv6::new(END6, X6), from4(A4), syn()], pass(NotTcp)),
        out("tunnel-second-end", "an end out of a prefix", "", frame![Ipv4::new(A4, "192.0.2.3"), from4(HOME4), syn()], dynamic4(Blocked)),
    ]
}

fn contents() -> Vec<Vector> {
    let inside = |name, shows, rest: Vec<Layer>, expect| out(name, shows, "6333", frame![ours6(), Slice::rest(0, rest)], expect);
    vec![
        inside("tunnel-own-mail", "the inner destination counts", layers![Ipv4::new(HOME4, OWN4), syn()], pass_for(AllowedDestination, "dynamic", LINE6)),
        inside("tunnel-other-port", "port 443", layers![from4(HOME4), Tcp::syn(443)], pass(OtherPort)),
        inside("tunnel-ack", "a segment of a connection", layers![from4(HOME4), flags(0x10)], pass(NotSyn)),
        inside("tunnel-udp", "UDP inside", layers![from4(HOME4), Udp::to(25)], pass(NotTcp)),
        inside("tunnel-inner-tiny", "a tiny fragment inside", layers![from4(HOME4).fragment(0, true), Slice::first(8, layers![Tcp::syn(25)])], dynamic6(UndeterminedTiny)),
        inside("tunnel-inner-overlap", "an overlap inside", layers![Ipv4 { protocol: Some(6), ..from4(HOME4).fragment(1, false) }, vec![0; 16]], dynamic6(UndeterminedOverlap)),
        inside("tunnel-inner-later", "a later fragment inside", layers![Ipv4 { protocol: Some(6), ..from4(HOME4).fragment(2, false) }, vec![0; 16]], pass(LaterFragment)),
        inside("tunnel-inner-later-ours", "offset 2 to our end inside, of TCP", layers![Ipv4 { protocol: Some(6), ..Ipv4::new(HOME4, END4).fragment(2, false) }, vec![0; 16]], pass(LaterFragment)),
        inside("tunnel-inner-chain", "a chain of seventeen inside", layers![from6(X6), Slice::rest(0, vec![Extension::destination().into(); 17]), syn()], dynamic6(UndeterminedChain)),
        inside("tunnel-inner-own-tiny", "allow is asked for the inner destination", layers![Ipv4::new(HOME4, OWN4).fragment(0, true), Slice::first(8, layers![Tcp::syn(25)])], pass_for(AllowedDestination, "dynamic", LINE6)),
    ]
}

/// "Of the sources read, outermost first, the first one that the source table knows decides."
fn senders() -> Vec<Vector> {
    let from = |outer: &str, inner: &str| frame![Ipv6::new(outer, END6), from4(inner), syn()];
    vec![
        out("tunnel-source-outer", "both known: the outer one", "", from(A6, A4), dynamic6(Blocked)),
        out("tunnel-source-inner", "the outer one unknown", "", from(X6, A4), dynamic4(Blocked)),
        out("tunnel-source-none", "none known", "", from(X6, HOME4), pass(UnknownSource)),
        out("tunnel-source-forged", "a forged static source inside", "", from(A6, "203.0.113.200"), dynamic6(Blocked)),
        out("tunnel-source-exempt", "an exempt line outside", "", from("2001:db8:100:ff::1", A4), exempt("static")),
        out("tunnel-source-inner-exempt", "the outer one unknown, the inner one exempt", "", from(X6, "203.0.113.200"), exempt("static")),
        out("tunnel-source-match-all", "match of the outer line's pool", "", frame![Ipv6::new("2001:db8:400::1", END6), from4(A4), flags(0x10)], dropped(Blocked, "all", "2001:db8:400::/64")),
        out("tunnel-reject", "a tunnel is never answered", "", from("2001:db8:300::1", HOME4), dropped(Blocked, "reject", "2001:db8:300::/64")),
    ]
}

fn lengths() -> Vec<Vector> {
    let inside = |name, shows, rest: Vec<Layer>, expect| out(name, shows, "2003", frame![ours4(), Slice::rest(0, rest)], expect);
    let total = |length| layers![Ipv4 { total_length: Some(length), ..from4(HOME4) }, syn()];
    let proto = |protocol: u8, rest: Vec<Layer>| frame![Ipv4 { protocol: Some(protocol), ..ours4() }, Slice::rest(0, rest)];
    let mut trailer = frame![ours4(), Slice::rest(0, total(41))];
    trailer.push(0);
    vec![
        inside("tunnel-inner-total-41", "inner total_length behind the carrier's payload", total(41), pass(Malformed)),
        out("tunnel-inner-total-trailer", "the frame's padding does not count", "2003", trailer, pass(Malformed)),
        inside("tunnel-inner-total-34", "a trailer inside the carrier", total(34), dynamic4(Blocked)),
        inside("tunnel-inner-total-33", "13 bytes of TCP", total(33), pass(Malformed)),
        out("tunnel-4-with-ipv6", "protocol 4 says IPv4", "2003", proto(4, layers![from6(X6), syn()]), pass(Malformed)),
        out("tunnel-41-with-ipv4", "protocol 41 says IPv6", "4213", proto(41, layers![from4(HOME4), vec![0; 40]]), pass(Malformed)),
        out("tunnel-empty", "nothing inside", "2003", proto(4, vec![]), pass(Malformed)),
        out("tunnel-19", "19 bytes inside", "2003", proto(4, layers![Slice::first(19, layers![from4(HOME4)])]), pass(Malformed)),
        out("tunnel-39", "39 bytes of IPv6 inside", "4213", proto(41, layers![Slice::first(39, layers![from6(X6)])]), pass(Malformed)),
        inside("tunnel-inner-jumbo", "payload_length zero with hop-by-hop: rest of the carrier's payload", layers![Ipv6 { payload_length: Some(0), ..from6(X6) }, Extension::hop_by_hop(), syn()], dynamic4(Blocked)),
    ]
}

fn gre() -> Vec<Vector> {
    let gre = |name, shows, flags| out(name, shows, "2890", frame![ours4(), Gre::new(flags), from4(HOME4), syn()], dynamic4(Blocked));
    vec![
        gre("gre", "no optional field", 0),
        gre("gre-checksum", "C", 0x8000),
        gre("gre-key", "K", 0x2000),
        gre("gre-sequence", "S", 0x1000),
        gre("gre-all", "C, K and S", 0xb000),
        gre("gre-reserved", "other reserved bits are ignored", 0x0ff8),
        out("gre-v6-payload", "IPv6 in GRE", "7676", frame![ours4(), Gre::new(0), from6(X6), syn()], dynamic4(Blocked)),
        out("gre-over-v6", "GRE over IPv6", "7676", frame![ours6(), Gre::new(0x2000), from4(HOME4), syn()], dynamic6(Blocked)),
        out("gre-wrong-inner", "GRE says IPv4, the packet IPv6", "2784", frame![ours4(), Gre { protocol: Some(0x0800), ..Gre::new(0) }, from6(X6), syn()], pass(Malformed)),
    ]
}

fn gre_other() -> Vec<Vector> {
    let not_tcp = |name, shows, frame| out(name, shows, "2784", frame, pass(NotTcp));
    let gre = |header: Gre| frame![ours4(), header, from4(HOME4), syn()];
    let typed = |protocol| gre(Gre { protocol: Some(protocol), ..Gre::new(0) });
    let bytes = |count| frame![ours4(), Slice::first(count, layers![Gre::new(0xb000), from4(HOME4), syn()])];
    vec![
        not_tcp("gre-version-1", "PPTP", gre(Gre::new(1))),
        not_tcp("gre-version-7", "another version", gre(Gre::new(7))),
        not_tcp("gre-routing", "the routing bit", gre(Gre::new(0x4000))),
        not_tcp("gre-ethernet", "Ethernet in GRE", typed(0x6558)),
        not_tcp("gre-mpls", "MPLS in GRE", typed(0x8847)),
        not_tcp("gre-ppp", "PPP in GRE", typed(0x880b)),
        not_tcp("gre-cut-3", "three bytes", bytes(3)),
        not_tcp("gre-cut-15", "optional fields cut", bytes(15)),
        out("gre-cut-16", "the header and nothing behind it", "2784", bytes(16), pass(Malformed)),
        not_tcp("gre-others", "other people's GRE", frame![Ipv4::new(A4, X4), Gre::new(0), from4(A4), syn()]),
    ]
}

/// "any offset from 1 to 63 is `undetermined_overlap`".
fn later_fragments() -> Vec<Vector> {
    let at4 = |protocol, offset, end: &str| frame![Ipv4 { protocol: Some(protocol), ..Ipv4::new(A4, end).fragment(offset, false) }, vec![0; 24]];
    let at6 = |next, offset, end: &str| frame![Ipv6::new(A6, end), Fragment::new(offset, false).naming(next), vec![0; 24]];
    let overlap4 = |name, shows, frame| out(name, shows, "3128", frame, dynamic4(UndeterminedOverlap));
    let overlap6 = |name, shows, frame| out(name, shows, "3128", frame, dynamic6(UndeterminedOverlap));
    let later = |name, shows, frame| out(name, shows, "791", frame, pass(LaterFragment));
    vec![
        overlap4("carrier4-offset-1", "offset 1", at4(4, 1, END4)),
        overlap4("carrier4-offset-63", "byte 504", at4(4, 63, END4)),
        later("carrier4-offset-64", "byte 512", at4(4, 64, END4)),
        overlap4("carrier4-41", "protocol 41", at4(41, 2, END4)),
        overlap4("carrier4-gre", "GRE", at4(47, 20, END4)),
        overlap4("carrier4-udp", "UDP, which may be GTP-U", at4(17, 63, END4)),
        later("carrier4-tcp", "TCP to our end is no carrier", at4(6, 2, END4)),
        overlap4("carrier4-tcp-1", "TCP's own overlap", at4(6, 1, END4)),
        later("carrier4-esp", "ESP to our end is no carrier", at4(50, 2, END4)),
        later("carrier4-others", "not our end", at4(4, 2, X4)),
        out("carrier4-others-1", "not our end, offset 1", "791", at4(4, 1, X4), pass(NotTcp)),
        overlap6("carrier6-offset-1", "offset 1", at6(4, 1, END6)),
        overlap6("carrier6-offset-63", "byte 504", at6(4, 63, END6)),
        later("carrier6-offset-64", "byte 512", at6(4, 64, END6)),
        overlap6("carrier6-tcp", "whatever the fragment header names", at6(6, 40, END6)),
        overlap6("carrier6-options", "whatever the fragment header names", at6(60, 40, END6)),
        later("carrier6-others", "not our end", at6(4, 2, X6)),
    ]
}

/// Inner headers that the outer fragment cuts.
fn first_fragments() -> Vec<Vector> {
    let cut = |bytes, inner: Vec<Layer>| frame![ours4().fragment(0, true), Slice::first(bytes, inner)];
    let cut6 = |bytes, inner: Vec<Layer>| frame![ours6(), Fragment::new(0, true), Slice::first(bytes, inner)];
    let whole = |destination: &str| layers![Ipv4::new(HOME4, destination), Tcp::syn(25), vec![0; 1400]];
    let short = layers![Ipv4 { total_length: Some(33), ..from4(HOME4) }, syn(), vec![0; 60]];
    let tiny4 = |name, shows, frame| out(name, shows, "1858", frame, dynamic4(UndeterminedTiny));
    vec![
        out("carrier4-first", "inner headers whole, the rest in the next fragment", "791", cut(1000, whole("198.51.100.25")), dynamic4(Blocked)),
        out("carrier4-first-34", "just TCP's flags", "791", cut(34, whole("198.51.100.25")), dynamic4(Blocked)),
        tiny4("carrier4-first-33", "TCP's flags cut", cut(33, whole("198.51.100.25"))),
        tiny4("carrier4-first-19", "the inner header cut", cut(19, whole("198.51.100.25"))),
        tiny4("carrier4-first-0", "nothing inside", frame![Ipv4 { protocol: Some(4), ..ours4().fragment(0, true) }]),
        out("carrier4-first-own-mail", "the inner destination is read: allow is asked", "1858", cut(24, whole(OWN4)), pass_for(AllowedDestination, "dynamic", A4)),
        tiny4("carrier4-first-own-mail-cut", "the inner destination is not read", cut(19, whole(OWN4))),
        out("carrier4-first-short", "inner too short by its own length", "791", cut(80, short), pass(Malformed)),
        out("carrier4-first-udp-inside", "UDP inside", "791", cut(28, layers![from4(HOME4), Udp::to(25), vec![0; 100]]), pass(NotTcp)),
        tiny4("carrier4-first-udp", "UDP whose ports are cut", cut(3, layers![Udp::to(53)])),
        out("carrier4-first-udp-53", "UDP to another port", "791", cut(8, layers![Udp::to(53), vec![0; 100]]), pass(NotTcp)),
        tiny4("carrier4-first-gre", "GRE cut", cut(3, layers![Gre::new(0), from4(HOME4), syn()])),
        tiny4("carrier4-first-gre-key", "GRE's key cut", cut(6, layers![Gre::new(0x2000), from4(HOME4), syn()])),
        out("carrier4-first-gre-1", "another version of GRE", "2637", cut(8, layers![Gre::new(1), from4(HOME4), syn()]), pass(NotTcp)),
        out("carrier4-first-others", "not our end", "791", frame![Ipv4::new(A4, X4).fragment(0, true), Slice::first(8, whole(OWN4))], pass(NotTcp)),
        out("carrier6-first", "DS-Lite, inner headers whole", "8200", cut6(1000, whole("198.51.100.25")), dynamic6(Blocked)),
        out("carrier6-first-33", "DS-Lite, TCP's flags cut", "7112", cut6(33, whole("198.51.100.25")), dynamic6(UndeterminedTiny)),
        out("carrier6-first-options", "options in front of the inner header", "7112", frame![ours6(), Fragment::new(0, true), Extension::destination(), from4(HOME4), syn()], dynamic6(Blocked)),
        out("carrier6-first-chain", "an inner chain cut: allow is not asked", "7112", cut6(48, layers![Ipv6::new(X6, OWN6), Extension::destination_of(64), syn()]), dynamic6(UndeterminedTiny)),
    ]
}

/// What the cut inner header says all the same: its addresses, its fragment offset, its protocol, its own lengths.
fn inner_header_cut() -> Vec<Vector> {
    let options_of = |list: [u8; 12], protocol, offset| {
        let header = Ipv4 { protocol: Some(protocol), options: list.to_vec(), ..Ipv4::new(HOME4, OWN4) };
        let inner = layers![header.fragment(offset, false), vec![0; 60]];
        frame![ours4().fragment(0, true), Slice::first(24, inner)]
    };
    let options = |protocol, offset| options_of([1; 12], protocol, offset);
    let length = |units| {
        let long = Extension { length: Some(units), ..Extension::destination() };
        let inner = layers![from6(X6), long, syn(), vec![0; 60]];
        frame![ours4().fragment(0, true), Slice::first(44, inner)]
    };
    vec![
        out("inner-options-cut-tcp", "options cut: the destination is not trusted", "1858", options(6, 0), dynamic4(UndeterminedTiny)),
        out("inner-options-cut-udp", "UDP may be a carrier", "1858", options(17, 0), dynamic4(UndeterminedTiny)),
        out("inner-options-cut-icmp", "another protocol hides no TCP", "791", options(1, 0), pass(NotTcp)),
        out("inner-options-cut-later", "a later fragment inside, its options cut", "791", options(6, 80), pass(LaterFragment)),
        out("inner-options-cut-overlap", "an overlap inside, its options cut: not trusted", "3128", options(6, 1), dynamic4(UndeterminedOverlap)),
        out("inner-options-end-overlap", "an overlap inside, its options at their end before the cut: trusted", "3128", options_of([1, 0, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9], 6, 1), pass_for(AllowedDestination, "dynamic", A4)),
        out("inner-extension-length", "an extension header longer than its packet", "8200", length(200), pass(Malformed)),
        out("inner-extension-cut", "one that fits its packet and is cut", "7112", length(2), dynamic4(UndeterminedTiny)),
    ]
}

/// "or that reach behind byte 512" of the carrier's data: a fragment from offset 64 on could rewrite them.
fn wall() -> Vec<Vector> {
    let inner = |options: usize| layers![from6(X6), Extension::destination_of(options), syn()];
    let first = |rest: Vec<Layer>| frame![ours4().fragment(0, true), Slice::rest(0, rest)];
    let gre = |options: usize| [layers![Gre::new(0)], inner(options)].concat();
    vec![
        out("carrier-510", "TCP's flags end at byte 510", "3128", first(inner(456)), dynamic4(Blocked)),
        out("carrier-518", "TCP's flags end at byte 518", "3128", first(inner(464)), dynamic4(UndeterminedTiny)),
        out("carrier-514", "TCP's flags end at byte 514, behind GRE", "3128", first(gre(456)), dynamic4(UndeterminedTiny)),
        out("carrier-whole-518", "unfragmented there is no such limit", "", frame![ours4(), Slice::rest(0, inner(464))], dynamic4(Blocked)),
        out("carrier6-510", "counted from behind the fragment header", "3128", frame![ours6(), Fragment::new(0, true), Slice::rest(0, inner(456))], dynamic6(Blocked)),
        out("carrier6-518", "counted from behind the fragment header", "3128", frame![ours6(), Fragment::new(0, true), Slice::rest(0, inner(464))], dynamic6(UndeterminedTiny)),
    ]
}
