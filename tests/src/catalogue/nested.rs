//! Tunnels of two and three levels.
//! The third is never opened, but it is told from what would not be looked into there.

use super::expect::{A4, A6, END4, END6, OWN4, Vector, X4, X6, dropped, dynamic4, dynamic6, frame, from4, from6, layers, out, pass, pass_for, syn};
use crate::frames::{Gre, Gtp, Ipv4, Ipv6, Layer, Slice, Tcp, Udp};
use crate::golden::Reason::{AllowedDestination, Blocked, LaterFragment, NotTcp, OtherPort, UndeterminedChain, UndeterminedOverlap, UndeterminedTiny};

pub(super) fn vectors() -> Vec<Vector> {
    [two(), three(), third_not_looked_into(), fragments()].concat()
}

/// Two carriers to ends of ours, the outer one from the dynamic subscriber; then `rest`.
fn two_levels(rest: Vec<Layer>) -> Vec<u8> {
    frame![Ipv6::new(A6, END6), Ipv4::new(X4, END4), Slice::rest(0, rest)]
}

fn two() -> Vec<Vector> {
    let source = |outer: &str, middle: &str, inner: &str| {
        frame![Ipv6::new(outer, END6), Ipv4::new(middle, END4), from4(inner), syn()]
    };
    vec![
        out("two-levels", "both are looked into", "", two_levels(layers![from4(X4), syn()]), dynamic6(Blocked)),
        out("two-levels-own-mail", "the innermost destination counts", "", two_levels(layers![Ipv4::new(X4, OWN4), syn()]), pass_for(AllowedDestination, "dynamic", "2001:db8:100:1::/64")),
        out("two-levels-other-port", "port 80", "", two_levels(layers![from4(X4), Tcp::syn(80)]), pass(OtherPort)),
        out("two-levels-gre", "GRE inside DS-Lite", "", two_levels(layers![Gre::new(0x2000), from6(X6), syn()]), dynamic6(Blocked)),
        out("two-levels-middle", "the middle source is the first one known", "", source(X6, A4, "10.1.0.1"), dynamic4(Blocked)),
        out("two-levels-inner", "the inner source is the only one known", "", source(X6, X4, "10.4.0.1"), dropped(Blocked, "all", "10.4.0.1")),
        out("two-levels-second-others", "the second level is somebody else's", "", frame![Ipv6::new(A6, END6), Ipv4::new(X4, X4), from4(A4), syn()], pass(NotTcp)),
    ]
}

fn three() -> Vec<Vector> {
    let chain = |name, shows, rest| out(name, shows, "", two_levels(rest), dynamic6(UndeterminedChain));
    let third = || Ipv4::new(X4, END4);
    let from_inner = frame![Ipv6::new(X6, END6), Ipv4::new(X4, END4), Ipv4::new(A4, END4), from4(X4), syn()];
    vec![
        chain("three-levels", "a third is not looked into", layers![third(), from4(X4), syn()]),
        chain("three-levels-41", "IPv6 in the third", layers![third(), from6(X6), syn()]),
        chain("three-levels-gre", "GRE with an IP payload", layers![third(), Gre::new(0xb000), from4(X4), syn()]),
        chain("three-levels-gtp", "GTP-U with an IP payload", layers![third(), Udp::to(2152), Gtp::new(), from4(X4), syn()]),
        chain("three-levels-empty", "what is in it is not read", layers![Ipv4 { protocol: Some(4), ..third() }]),
        chain("three-levels-udp", "nor that it is UDP", layers![third(), from4(X4), Udp::to(25)]),
        out("three-levels-source", "the third header's source is read", "", from_inner, dynamic4(UndeterminedChain)),
    ]
}

fn third_not_looked_into() -> Vec<Vector> {
    let not_tcp = |name, shows, rest| out(name, shows, "", two_levels(rest), pass(NotTcp));
    let third = || Ipv4::new(X4, END4);
    vec![
        not_tcp("third-others", "somebody else's end", layers![Ipv4::new(X4, X4), from4(X4), syn()]),
        not_tcp("third-gre-1", "another version of GRE", layers![third(), Gre::new(1), from4(X4), syn()]),
        not_tcp("third-gre-cut", "GRE cut", layers![third(), Slice::first(3, layers![Gre::new(0)])]),
        not_tcp("third-udp", "UDP to another port", layers![third(), Udp::to(53), from4(X4), syn()]),
        not_tcp("third-gtp-echo", "a GTP-U echo", layers![third(), Udp::to(2152), Gtp { message: 1, ..Gtp::new() }]),
        not_tcp("third-esp", "ESP", layers![Ipv4 { protocol: Some(50), ..third() }, vec![0; 40]]),
    ]
}

fn fragments() -> Vec<Vector> {
    let at = |offset| Ipv4 { protocol: Some(4), ..Ipv4::new(X4, END4).fragment(offset, false) };
    let second = |rest| frame![Ipv6::new(A6, END6), Slice::rest(0, rest)];
    let cut = Ipv4::new(X4, END4).fragment(0, true);
    vec![
        out("second-offset-63", "a fragmented carrier in a carrier", "3128", second(layers![at(63), vec![0; 16]]), dynamic6(UndeterminedOverlap)),
        out("second-offset-64", "behind byte 512", "3128", second(layers![at(64), vec![0; 16]]), pass(LaterFragment)),
        out("third-offset-63", "the third level's fragment", "3128", two_levels(layers![at(63), vec![0; 16]]), dynamic6(UndeterminedOverlap)),
        out("second-first-cut", "the second level's fragment cuts the inner header", "1858", second(layers![cut, Slice::first(16, layers![from4(X4)])]), dynamic6(UndeterminedTiny)),
    ]
}
