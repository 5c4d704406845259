//! IPv4 fragments: tiny, overlapping, and the ordinary ones.
//! Every fragment that could hide or rewrite TCP's flags stands beside the nearest one that cannot.

use super::expect::{
    A4, B4, Expect, OWN4, Vector, X4, dropped, dynamic4, exempt, flags, frame, from4, layers, out, pass, pass_for, syn,
};
use super::option::source_route;
use crate::frames::{Ipv4, Slice, Tcp, Udp};
use crate::golden::Reason::{
    AllowedDestination, Blocked, LaterFragment, Malformed, NotSyn, NotTcp, OtherPort, StageOff, UndeterminedOverlap,
    UndeterminedPassed, UndeterminedTiny, UnknownSource, UnlistedDestination, WouldDrop,
};

pub(super) fn vectors() -> Vec<Vector> {
    [first(), tiny(), later(), stand_in(), destinations()].concat()
}

/// A first fragment of a SYN to port 25 that holds `bytes` of TCP.
fn tiny_from(header: Ipv4, bytes: usize) -> Vec<u8> {
    frame![header.fragment(0, true), Slice::first(bytes, layers![Tcp::syn(25), vec![0; 100]])]
}

/// A fragment at `offset` of the same.
fn later_from(header: Ipv4, offset: u16, more: bool) -> Vec<u8> {
    frame![header.fragment(offset, more), Slice::rest(usize::from(offset) * 8, layers![Tcp::syn(25), vec![0; 200]])]
}

fn first() -> Vec<Vector> {
    let first = |header: Ipv4| header.fragment(0, true);
    let options = Ipv4 { options: vec![148, 4, 0, 0], ..from4(A4) };
    let cut = Ipv4 { total_length: Some(60), ..first(from4(A4)) };
    vec![
        out("f4-first-syn", "a first fragment with the TCP header", "791", frame![first(from4(A4)), syn()], dynamic4(Blocked)),
        out("f4-first-options", "TCP right behind the options", "791", frame![first(options), syn()], dynamic4(Blocked)),
        out("f4-first-other-port", "a first fragment to port 80", "791", frame![first(from4(A4)), Tcp::syn(80)], pass(OtherPort)),
        out("f4-first-ack", "a first fragment of a connection", "791", frame![first(from4(A4)), flags(0x10)], pass(NotSyn)),
        out("f4-first-udp", "a first fragment of UDP", "791", frame![first(from4(A4)), Udp::to(25), vec![0; 8]], pass(NotTcp)),
        out("f4-first-df", "MF and DF together", "791", frame![Ipv4 { flags: 0b011, ..from4(A4) }, syn()], dynamic4(Blocked)),
        out("f4-first-total-length", "total_length behind the frame stays malformed", "791", frame![cut, syn()], pass(Malformed)),
    ]
}

fn tiny() -> Vec<Vector> {
    let tiny = |name, shows, bytes| out(name, shows, "1858", tiny_from(from4(A4), bytes), dynamic4(UndeterminedTiny));
    vec![
        tiny("f4-tiny-8", "the flags are in the next fragment", 8),
        tiny("f4-tiny-0", "no byte of TCP", 0),
        tiny("f4-tiny-13", "one byte short of the flags", 13),
        out("f4-14", "the flags are there", "1858", tiny_from(from4(A4), 14), dynamic4(Blocked)),
        out("f4-16", "the smallest legal fragment with the flags", "1858", tiny_from(from4(A4), 16), dynamic4(Blocked)),
    ]
}

fn later() -> Vec<Vector> {
    let udp = |offset| frame![Ipv4 { protocol: Some(17), ..from4(A4).fragment(offset, false) }, vec![0; 24]];
    let overlap = |name, shows, frame| out(name, shows, "3128", frame, dynamic4(UndeterminedOverlap));
    let passes = |name, shows, frame| out(name, shows, "791", frame, pass(LaterFragment));
    let last = frame![from4(A4).fragment(8191, false), vec![0; 8]];
    vec![
        overlap("f4-offset-1-last", "rewrites the flags of the first fragment", later_from(from4(A4), 1, false)),
        overlap("f4-offset-1-more", "the same with more to come", later_from(from4(A4), 1, true)),
        overlap("f4-offset-1-empty", "the same without a byte", frame![Ipv4 { protocol: Some(6), ..from4(A4).fragment(1, false) }]),
        out("f4-offset-1-udp", "of UDP there is nothing to rewrite", "791", udp(1), pass(NotTcp)),
        passes("f4-offset-2", "behind the flags", later_from(from4(A4), 2, false)),
        passes("f4-offset-2-more", "behind the flags, more to come", later_from(from4(A4), 2, true)),
        passes("f4-offset-8191", "the last offset", last),
        passes("f4-offset-2-udp", "a later fragment of UDP", udp(2)),
    ]
}

/// An undetermined packet stands in for a candidate.
fn stand_in() -> Vec<Vector> {
    let tiny = |name, shows, source: &'static str, expect: Expect| out(name, shows, "1858", tiny_from(from4(source), 8), expect);
    vec![
        tiny("f4-tiny-monitor", "would drop", "10.1.0.1", pass_for(WouldDrop, "monitor", "10.1.0.1")),
        tiny("f4-tiny-off", "stage off", "10.2.0.1", pass_for(StageOff, "off", "10.2.0.1")),
        tiny("f4-tiny-exempt", "an exemption", "203.0.113.200", exempt("static")),
        tiny("f4-tiny-unknown", "nobody's address", X4, pass(UnknownSource)),
        tiny("f4-tiny-passing", "undetermined = pass", "10.8.0.1", pass_for(UndeterminedPassed, "passing", "10.8.0.1")),
        tiny("f4-tiny-monitor-passing", "in place of the stage's count", "10.11.0.1", pass_for(UndeterminedPassed, "monitor-passing", "10.11.0.1")),
        tiny("f4-tiny-share-outside", "a line outside the share", "10.7.0.1", pass_for(WouldDrop, "share", "10.7.0.1")),
        tiny("f4-tiny-share-inside", "a line inside the share", "10.7.0.8", dropped(UndeterminedTiny, "share", "10.7.0.8")),
        tiny("f4-tiny-reject", "is never answered", "10.3.0.1", dropped(UndeterminedTiny, "reject", "10.3.0.1")),
        out("f4-overlap-passing", "undetermined = pass", "3128", later_from(from4("10.8.0.1"), 1, false), pass_for(UndeterminedPassed, "passing", "10.8.0.1")),
        out("f4-overlap-monitor", "would drop", "3128", later_from(from4("10.1.0.1"), 1, false), pass_for(WouldDrop, "monitor", "10.1.0.1")),
        out("f4-overlap-unknown", "nobody's address", "3128", later_from(from4(X4), 1, false), pass(UnknownSource)),
    ]
}

/// Its destination is trusted: the header that gives it was read.
fn destinations() -> Vec<Vector> {
    let own = || Ipv4::new(A4, OWN4);
    let route = || Ipv4 { options: source_route(131, 4, [198, 51, 100, 26]), ..own() };
    let only = |destination: &str| Ipv4::new("10.6.0.1", destination);
    vec![
        out("f4-tiny-own-mail", "allow is asked", "1858", tiny_from(own(), 8), pass_for(AllowedDestination, "dynamic", A4)),
        out("f4-overlap-own-mail", "allow is asked", "3128", later_from(own(), 1, false), pass_for(AllowedDestination, "dynamic", A4)),
        out("f4-tiny-unlisted", "only is asked", "1858", tiny_from(only(B4), 8), pass_for(UnlistedDestination, "only", "10.6.0.1")),
        out("f4-tiny-listed", "only is asked", "1858", tiny_from(only("198.18.0.1"), 8), dropped(UndeterminedTiny, "only", "10.6.0.1")),
        out("f4-tiny-route", "a source route is not trusted", "1858", tiny_from(route(), 8), dynamic4(UndeterminedTiny)),
        out("f4-overlap-route", "a source route is not trusted", "3128", later_from(route(), 1, false), dynamic4(UndeterminedOverlap)),
        out("f4-first-own-mail", "a readable first fragment", "791", tiny_from(own(), 20), pass_for(AllowedDestination, "dynamic", A4)),
    ]
}
