//! Carriers that reach an end of ours by a source route.
//! A route's last address decides, and only for what would be looked into there.

use super::expect::{A4, A6, END4, END6, OWN4, OWN6, Vector, X4, X6, dynamic4, dynamic6, frame, from4, layers, out, pass, pass_for, syn};
use super::option::source_route;
use crate::frames::{Extension, Fragment, Gre, Gtp, Ipv4, Ipv6, Layer, Slice, Udp};
use crate::golden::Reason::{
    AllowedDestination, Blocked, LaterFragment, NotTcp, UndeterminedChain, UndeterminedOverlap, UndeterminedTiny, UnknownSource,
};

pub(super) fn vectors() -> Vec<Vector> {
    [ipv4(), ipv4_not(), ipv6(), ipv6_not(), direct(), fragments()].concat()
}

const END: [u8; 4] = [192, 0, 2, 1];
const OTHER: [u8; 4] = [198, 51, 100, 26];

/// An IPv4 header to a stranger with a source route.
fn routed(options: Vec<u8>) -> Ipv4 {
    Ipv4 { options, ..Ipv4::new(A4, X4) }
}

fn inner() -> Vec<Layer> {
    layers![from4(X4), syn()]
}

fn ipv4() -> Vec<Vector> {
    let chain = |name, shows, kind, pointer, rest: Vec<Layer>| {
        out(name, shows, "7126", frame![routed(source_route(kind, pointer, END)), Slice::rest(0, rest)], dynamic4(UndeterminedChain))
    };
    let own = Ipv4 { options: source_route(131, 4, END), ..Ipv4::new(A4, OWN4) };
    let gtp = layers![Udp::to(2152), Gtp::new(), from4(X4), syn()];
    let two = [source_route(131, 4, OTHER), source_route(137, 4, END)].concat();
    vec![
        chain("route-lsrr", "a loose route to our end", 131, 4, inner()),
        chain("route-ssrr", "a strict one", 137, 4, inner()),
        chain("route-lsrr-last-hop", "the last address is next", 131, 8, inner()),
        chain("route-lsrr-gre", "GRE", 131, 4, layers![Gre::new(0), from4(X4), syn()]),
        chain("route-lsrr-udp-inside", "what is in it is not read", 131, 4, layers![from4(X4), Udp::to(53)]),
        out("route-lsrr-own-mail", "allow is not asked", "7126", frame![own, from4(X4), syn()], dynamic4(UndeterminedChain)),
        out("route-lsrr-and-ssrr", "of two the last one leads there", "7126", frame![routed(two), from4(X4), syn()], dynamic4(UndeterminedChain)),
        out("route-lsrr-gtp", "in GTP-U the outer source is not asked, no other is read", "7126", frame![routed(source_route(131, 4, END)), Slice::rest(0, gtp)], pass(UnknownSource)),
    ]
}

fn ipv4_not() -> Vec<Vector> {
    let not_tcp = |name, shows, options, rest: Vec<Layer>| out(name, shows, "7126", frame![routed(options), Slice::rest(0, rest)], pass(NotTcp));
    let first_ours = [&[131, 11, 4][..], &END, &OTHER].concat();
    let two = [source_route(131, 4, END), source_route(137, 4, OTHER)].concat();
    let two_one_done = [source_route(131, 4, END), source_route(137, 12, OTHER)].concat();
    vec![
        not_tcp("route-lsrr-others", "to somebody else's end", source_route(131, 4, OTHER), inner()),
        not_tcp("route-lsrr-through", "through our end to somebody else's", first_ours, inner()),
        not_tcp("route-two-through", "of two routes the last one leads elsewhere", two, inner()),
        out("route-two-one-done", "unless it is at its end", "7126", frame![routed(two_one_done), from4(X4), syn()], dynamic4(UndeterminedChain)),
        not_tcp("route-lsrr-at-end", "a route at its end leads nowhere", source_route(131, 12, END), inner()),
        not_tcp("route-record", "record route is no source route", source_route(7, 4, END), inner()),
        not_tcp("route-lsrr-gre-1", "what would not be looked into there", source_route(131, 4, END), layers![Gre::new(1), from4(X4), syn()]),
        not_tcp("route-lsrr-udp", "UDP to another port", source_route(131, 4, END), layers![Udp::to(53), vec![0; 20]]),
        out("route-lsrr-tcp", "TCP is no carrier: blocked as ever", "7126", frame![routed(source_route(131, 4, END)), syn()], dynamic4(Blocked)),
    ]
}

fn ipv6() -> Vec<Vector> {
    let chain = |name, shows, rfc, extension: Extension| {
        out(name, shows, rfc, frame![Ipv6::new(A6, X6), extension, from4(X4), syn()], dynamic6(UndeterminedChain))
    };
    let own = frame![Ipv6::new(A6, OWN6), Extension::routing(0, 1, &[END6]), from4(X4), syn()];
    vec![
        chain("route-type-0", "type 0: the last address", "5095", Extension::routing(0, 1, &[END6])),
        chain("route-type-0-two", "the last of two", "5095", Extension::routing(0, 2, &["2001:db8::1", END6])),
        chain("route-type-4", "segment routing: Segment List[0]", "8754", Extension::routing(4, 1, &[END6, "2001:db8::1"])),
        out("route-type-0-own-mail", "allow is not asked", "5095", own, dynamic6(UndeterminedChain)),
        out("route-type-0-options", "options behind the route", "5095", frame![Ipv6::new(A6, X6), Extension::routing(0, 1, &[END6]), Extension::destination(), from4(X4), syn()], dynamic6(UndeterminedChain)),
    ]
}

fn ipv6_not() -> Vec<Vector> {
    let not_tcp = |name, shows, extension: Extension| {
        out(name, shows, "5095", frame![Ipv6::new(A6, X6), extension, from4(X4), syn()], pass(NotTcp))
    };
    vec![
        not_tcp("route-type-0-at-end", "segments_left 0", Extension::routing(0, 0, &[END6])),
        not_tcp("route-type-0-through", "through our end to another", Extension::routing(0, 2, &[END6, "2001:db8::1"])),
        not_tcp("route-type-4-through", "through our end to another", Extension::routing(4, 1, &["2001:db8::1", END6])),
        out("route-type-0-twice-through", "of two routes the last one leads elsewhere", "8200", frame![Ipv6::new(A6, X6), Extension::routing(0, 1, &[END6]), Extension::routing(0, 1, &["2001:db8::1"]), from4(X4), syn()], pass(NotTcp)),
        out("route-type-0-twice", "of two routes the last one leads there", "8200", frame![Ipv6::new(A6, X6), Extension::routing(0, 1, &["2001:db8::1"]), Extension::routing(0, 1, &[END6]), from4(X4), syn()], dynamic6(UndeterminedChain)),
        not_tcp("route-type-2", "type 2 leads to a home address", Extension::routing(2, 1, &[END6])),
        not_tcp("route-type-0-empty", "no address at all", Extension::routing(0, 1, &[])),
    ]
}

/// The carrier's own destination is an end of ours, and it has a source route as well.
fn direct() -> Vec<Vector> {
    let v4 = |options: Vec<u8>, destination: &str| {
        frame![Ipv4 { options, ..Ipv4::new(A4, END4) }, Ipv4::new(X4, destination), syn()]
    };
    vec![
        out("route-direct-others", "our end first: looked into, the inner destination is trusted", "7126", v4(source_route(131, 4, OTHER), OWN4), pass_for(AllowedDestination, "dynamic", A4)),
        out("route-direct-blocked", "our end first: looked into", "7126", v4(source_route(131, 4, OTHER), "198.51.100.25"), dynamic4(Blocked)),
        out("route-direct-ours", "our end first and last", "7126", v4(source_route(131, 4, END), OWN4), dynamic4(UndeterminedChain)),
    ]
}

/// A carrier with such a route is to our end: its fragments are judged as a carrier's.
fn fragments() -> Vec<Vector> {
    let at4 = |offset| {
        let header = routed(source_route(131, 4, END)).fragment(offset, false);
        frame![Ipv4 { protocol: Some(17), ..header }, vec![0; 24]]
    };
    let at6 = |offset| {
        let fragment = Fragment::new(offset, false).naming(4);
        frame![Ipv6::new(A6, X6), Extension::routing(0, 1, &[END6]), fragment, vec![0; 24]]
    };
    let first = frame![routed(source_route(131, 4, END)).fragment(0, true), Slice::first(3, layers![Gre::new(0), from4(X4)])];
    vec![
        out("route-offset-1", "offset 1", "3128", at4(1), dynamic4(UndeterminedOverlap)),
        out("route-offset-63", "byte 504", "3128", at4(63), dynamic4(UndeterminedOverlap)),
        out("route-offset-64", "byte 512", "791", at4(64), pass(LaterFragment)),
        out("route-offset-63-v6", "byte 504", "3128", at6(63), dynamic6(UndeterminedOverlap)),
        out("route-offset-64-v6", "byte 512", "8200", at6(64), pass(LaterFragment)),
        out("route-first-cut", "GRE cut", "1858", first, dynamic4(UndeterminedTiny)),
    ]
}
