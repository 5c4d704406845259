//! IPv6 fragments: atomic, tiny, overlapping, and several fragment headers in one chain.
//! Every fragment that could hide or rewrite TCP's flags stands beside the nearest one that cannot.

use super::expect::{A6, OWN6, Vector, X6, dropped, dynamic6, exempt, flags, frame, from6, layers, out, pass, pass_for, syn};
use crate::frames::{Extension, Fragment, Ipv6, Layer, Slice, Tcp, Udp};
use crate::golden::Reason::{
    AllowedDestination, Blocked, LaterFragment, Malformed, NotSyn, NotTcp, OtherPort, UndeterminedOverlap,
    UndeterminedTiny, UnknownSource, WouldDrop,
};

pub(super) fn vectors() -> Vec<Vector> {
    [atomic(), first(), tiny(), not_right_behind(), later(), several(), cut(), stand_in()].concat()
}

fn v6(rest: Vec<Layer>) -> Vec<u8> {
    let mut layers = layers![from6(A6)];
    layers.extend(rest);
    frame![Slice::rest(0, layers)]
}

fn more() -> Fragment {
    Fragment::new(0, true)
}

fn atomic_header() -> Fragment {
    Fragment::new(0, false)
}

fn dopt() -> Extension {
    Extension::destination()
}

fn part(bytes: usize) -> Slice {
    Slice::first(bytes, layers![Tcp::syn(25), vec![0; 100]])
}

fn atomic() -> Vec<Vector> {
    let atomic = |name, shows, layers, expect| out(name, shows, "6946", v6(layers), expect);
    let bits = Fragment { bits: 3, reserved: 255, ..atomic_header() };
    vec![
        atomic("f6-atomic", "offset 0 and M = 0 is no fragment", layers![atomic_header(), syn()], dynamic6(Blocked)),
        atomic("f6-atomic-twice", "nor are two", layers![atomic_header(), atomic_header(), syn()], dynamic6(Blocked)),
        atomic("f6-atomic-options", "TCP need not be right behind it", layers![atomic_header(), dopt(), syn()], dynamic6(Blocked)),
        atomic("f6-atomic-reserved", "the reserved bits are not M", layers![bits, syn()], dynamic6(Blocked)),
        atomic("f6-atomic-ack", "a segment of a connection", layers![atomic_header(), flags(0x10)], pass(NotSyn)),
        atomic("f6-atomic-udp", "UDP", layers![atomic_header(), Udp::to(25)], pass(NotTcp)),
        atomic("f6-atomic-13", "unfragmented, so too short is malformed", layers![atomic_header(), part(13)], pass(Malformed)),
    ]
}

fn first() -> Vec<Vector> {
    let first = |name, shows, layers, expect| out(name, shows, "8200", v6(layers), expect);
    let hop = Extension::hop_by_hop;
    let routing = Extension::routing(0, 0, &["2001:db8::1"]);
    vec![
        first("f6-first-syn", "TCP right behind the fragment header", layers![more(), syn()], dynamic6(Blocked)),
        first("f6-first-14", "just the flags", layers![more(), part(14)], dynamic6(Blocked)),
        first("f6-first-hop-by-hop", "per-fragment headers in front", layers![hop(), routing, more(), syn()], dynamic6(Blocked)),
        first("f6-first-other-port", "to port 80", layers![more(), Tcp::syn(80)], pass(OtherPort)),
        first("f6-first-ack", "of a connection", layers![more(), flags(0x10)], pass(NotSyn)),
        first("f6-first-udp", "UDP", layers![more(), Udp::to(25)], pass(NotTcp)),
        first("f6-first-udp-options", "UDP behind options", layers![more(), dopt(), Udp::to(25)], pass(NotTcp)),
        first("f6-first-esp", "ESP", layers![more().naming(50), vec![0; 24]], pass(NotTcp)),
        first("f6-first-no-next", "no next header", layers![more().naming(59)], pass(NotTcp)),
    ]
}

fn tiny() -> Vec<Vector> {
    let tiny = |name, shows, layers| out(name, shows, "7112", v6(layers), dynamic6(UndeterminedTiny));
    let own = |rest: Vec<Layer>| frame![Ipv6::new(A6, OWN6), Slice::rest(0, rest)];
    let allowed = || pass_for(AllowedDestination, "dynamic", "2001:db8:100:1::/64");
    vec![
        tiny("f6-tiny-8", "the flags are in the next fragment", layers![more(), part(8)]),
        tiny("f6-tiny-13", "one byte short of the flags", layers![more(), part(13)]),
        tiny("f6-tiny-0", "no byte of TCP", layers![more().naming(6)]),
        tiny("f6-tiny-chain", "the chain goes on in the next fragment", layers![more(), Slice::first(8, layers![Extension::destination_of(64), syn()])]),
        tiny("f6-tiny-chain-0", "an extension header announced, no byte of it", layers![more().naming(60)]),
        tiny("f6-tiny-chain-7", "seven bytes of an extension header", layers![more(), Slice::first(7, layers![dopt(), syn()])]),
        out("f6-tiny-own-mail", "the upper protocol is known: allow is asked", "7112", own(layers![more(), part(8)]), allowed()),
        out("f6-tiny-chain-own-mail", "without its upper protocol allow is not asked", "7112", own(layers![more().naming(60)]), dynamic6(UndeterminedTiny)),
    ]
}

/// "TCP that does not start right behind the first fragment header with M = 1".
fn not_right_behind() -> Vec<Vector> {
    let tiny = |name, shows, layers| out(name, shows, "7112", v6(layers), dynamic6(UndeterminedTiny));
    let own = frame![Ipv6::new(A6, OWN6), more(), dopt(), syn()];
    vec![
        tiny("f6-behind-options", "a later fragment could rewrite the flags", layers![more(), dopt(), syn()]),
        tiny("f6-behind-options-80", "whatever port it shows", layers![more(), dopt(), Tcp::syn(80)]),
        tiny("f6-behind-atomic", "an atomic fragment header in between", layers![more(), atomic_header(), syn()]),
        tiny("f6-behind-second", "a second one with M = 1 in between", layers![more(), more(), syn()]),
        out("f6-behind-options-own-mail", "the upper protocol is known: allow is asked", "7112", own, pass_for(AllowedDestination, "dynamic", "2001:db8:100:1::/64")),
    ]
}

fn later() -> Vec<Vector> {
    let at = |offset, more, next| layers![Fragment::new(offset, more).naming(next), vec![0; 24]];
    let overlap = |name, shows, layers| out(name, shows, "3128", v6(layers), dynamic6(UndeterminedOverlap));
    let passes = |name, shows, layers| out(name, shows, "8200", v6(layers), pass(LaterFragment));
    let own = frame![Ipv6::new(A6, OWN6), Fragment::new(1, false).naming(6), vec![0; 24]];
    vec![
        overlap("f6-offset-1-tcp", "rewrites the flags", at(1, false, 6)),
        overlap("f6-offset-1-more", "with more to come", at(1, true, 6)),
        overlap("f6-offset-1-udp", "receivers take the first fragment's next header", at(1, false, 17)),
        overlap("f6-offset-1-no-next", "whatever it names", at(1, false, 59)),
        overlap("f6-offset-1-empty", "without a byte", layers![Fragment::new(1, false).naming(6)]),
        out("f6-overlap-own-mail", "allow is asked", "3128", own, pass_for(AllowedDestination, "dynamic", "2001:db8:100:1::/64")),
        passes("f6-offset-2", "behind the flags", at(2, false, 6)),
        passes("f6-offset-2-more", "behind the flags, more to come", at(2, true, 6)),
        passes("f6-offset-8191", "the last offset", at(8191, false, 6)),
        passes("f6-offset-2-options", "what it names is not walked", at(2, false, 60)),
    ]
}

/// "Each fragment header is judged when reached; M = 1 in any makes the packet a first fragment."
fn several() -> Vec<Vector> {
    let several = |name, shows, layers, expect| out(name, shows, "7112", v6(layers), expect);
    vec![
        several("f6-atomic-then-first", "the second makes it a first fragment", layers![atomic_header(), more(), syn()], dynamic6(Blocked)),
        several("f6-atomic-then-first-13", "and TCP too short is tiny", layers![atomic_header(), more(), part(13)], dynamic6(UndeterminedTiny)),
        several("f6-atomic-options-first", "options between the two", layers![atomic_header(), dopt(), more(), syn()], dynamic6(Blocked)),
        several("f6-atomic-then-later", "a later fragment", layers![atomic_header(), Fragment::new(2, false).naming(6), vec![0; 24]], pass(LaterFragment)),
        several("f6-atomic-then-overlap", "an overlap", layers![atomic_header(), Fragment::new(1, false).naming(6), vec![0; 24]], dynamic6(UndeterminedOverlap)),
        several("f6-first-then-later", "the second is judged when reached", layers![more(), Fragment::new(2, false).naming(6), vec![0; 24]], pass(LaterFragment)),
        several("f6-first-then-overlap", "the second is judged when reached", layers![more(), Fragment::new(1, false).naming(6), vec![0; 24]], dynamic6(UndeterminedOverlap)),
        several("f6-later-then-first", "the first is judged before the second is reached", layers![Fragment::new(2, true), more(), syn()], pass(LaterFragment)),
    ]
}

fn cut() -> Vec<Vector> {
    let header = |bytes| Slice::first(bytes, layers![more(), syn()]);
    vec![
        out("f6-header-7", "a fragment header cut: not yet a fragment", "8200", v6(layers![header(7)]), pass(Malformed)),
        out("f6-header-4", "its offset is there, the header is not", "8200", v6(layers![header(4)]), pass(Malformed)),
        out("f6-second-header-7", "a second one cut in a first fragment", "7112", v6(layers![more(), header(7)]), dynamic6(UndeterminedTiny)),
        out("f6-first-length", "payload_length behind the frame stays malformed", "8200", frame![Ipv6 { payload_length: Some(29), ..from6(A6) }, more(), syn()], pass(Malformed)),
    ]
}

fn stand_in() -> Vec<Vector> {
    let tiny = |source: &str| frame![from6(source), more(), part(8)];
    vec![
        out("f6-tiny-exempt", "an exemption", "7112", tiny("2001:db8:100:ff::1"), exempt("static")),
        out("f6-tiny-unknown", "nobody's address", "7112", tiny(X6), pass(UnknownSource)),
        out("f6-tiny-monitor", "would drop", "7112", tiny("2001:db8:200::1"), pass_for(WouldDrop, "monitor", "2001:db8:200::/64")),
        out("f6-tiny-reject", "is never answered", "7112", tiny("2001:db8:300::1"), dropped(UndeterminedTiny, "reject", "2001:db8:300::/64")),
    ]
}
