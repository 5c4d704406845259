//! The acceptance matrix: who is stopped on port 25 and who is not.
//! Ports, sources, stages, shares, flags and lists, without any disguise of the frame.

use super::expect::{
    A4, A6, B4, OWN4, OWN6, Vector, X4, X6, dropped, dynamic4, dynamic6, exempt, flags, frame, from4, from6, out, pass,
    pass_for, syn,
};
use crate::frames::{Ipv4, Ipv6, Tcp, Udp};
use crate::golden::Reason::{
    AllowedDestination, Blocked, NoPolicy, NotSyn, NotTcp, OtherPort, StageOff, UnknownSource, UnlistedDestination, WouldDrop,
};

const LINE6: &str = "2001:db8:100:1::/64";

pub(super) fn vectors() -> Vec<Vector> {
    [matrix(), ports(), sources(), stages_and_shares(), segments(), match_all(), lists()].concat()
}

fn matrix() -> Vec<Vector> {
    vec![
        out("dynamic-foreign-25-v4", "the main job", "5068", frame![from4(A4), syn()], dynamic4(Blocked)),
        out("dynamic-foreign-25-v6", "the main job", "5068", frame![from6(A6), syn()], dynamic6(Blocked)),
        out("dynamic-own-mail-v4", "own mail stays reachable", "", frame![Ipv4::new(A4, OWN4), syn()], pass_for(AllowedDestination, "dynamic", A4)),
        out("dynamic-own-mail-v6", "own mail stays reachable", "", frame![Ipv6::new(A6, OWN6), syn()], pass_for(AllowedDestination, "dynamic", LINE6)),
        out("static-foreign-25-v4", "a static line inside the pool", "", frame![from4("203.0.113.200"), syn()], exempt("static")),
        out("static-foreign-25-v6", "a static line inside the pool", "", frame![from6("2001:db8:100:ff::1"), syn()], exempt("static")),
        Vector {
            no_policy: true,
            ..out("no-policy-yet", "all passes before the first image", "", frame![from4(A4), syn()], pass(NoPolicy))
        },
    ]
}

fn ports() -> Vec<Vector> {
    let to = |port: u16| frame![from4(A4), Tcp::syn(port)];
    let sctp = Ipv4 { protocol: Some(132), ..from4(A4) };
    let dccp = Ipv4 { protocol: Some(33), ..from4(A4) };
    let to_25 = vec![0x9c, 0x59, 0, 25, 0, 0, 0, 0, 0, 0, 0, 0, 0x50, 2, 0, 0];
    let answer = Tcp::segment(25, 40025, Tcp::SYN | Tcp::ACK);
    vec![
        out("dynamic-465", "submission over TLS is never touched", "8314", to(465), pass(OtherPort)),
        out("dynamic-587", "submission is never touched", "6409", to(587), pass(OtherPort)),
        out("dynamic-443", "web traffic", "", to(443), pass(OtherPort)),
        out("dynamic-24", "the port below", "", to(24), pass(OtherPort)),
        out("dynamic-26", "the port above", "", to(26), pass(OtherPort)),
        out("dynamic-6400", "25 with its bytes swapped", "", to(6400), pass(OtherPort)),
        out("dynamic-281", "25 in the low byte only", "", to(281), pass(OtherPort)),
        out("dynamic-25-to-25", "source port 25 as well", "", frame![from4(A4), Tcp::segment(25, 25, 2)], dynamic4(Blocked)),
        out("dynamic-own-server-answers", "a subscriber's own server answers", "", frame![Ipv4::new(A4, X4), answer], pass(OtherPort)),
        out("dynamic-udp-25", "UDP port 25", "768", frame![from4(A4), Udp::to(25)], pass(NotTcp)),
        out("dynamic-udp-25-v6", "UDP port 25", "768", frame![from6(A6), Udp::to(25)], pass(NotTcp)),
        out("dynamic-sctp-25", "SCTP port 25", "9260", frame![sctp, to_25.clone()], pass(NotTcp)),
        out("dynamic-dccp-25", "DCCP port 25", "4340", frame![dccp, to_25], pass(NotTcp)),
    ]
}

fn sources() -> Vec<Vector> {
    let v4 = |source: &str| frame![from4(source), syn()];
    vec![
        out("source-exempt-20", "a business /20", "", v4("10.0.0.9"), exempt("business")),
        out("source-pool-in-exempt", "a dynamic /24 inside an exempt /20", "", v4("10.0.1.8"), dropped(Blocked, "hotel", "10.0.1.8")),
        out("source-exempt-in-pool-in-exempt", "a static /32 inside that", "", v4("10.0.1.9"), exempt("business")),
        out("source-last-of-exempt", "last address of the /20", "", v4("10.0.15.255"), exempt("business")),
        out("source-behind-exempt", "first address behind the /20", "", v4("10.0.16.0"), pass(UnknownSource)),
        out("source-unknown-v4", "nobody's address", "", v4(X4), pass(UnknownSource)),
        out("source-unknown-v6", "nobody's address", "", frame![from6(X6), syn()], pass(UnknownSource)),
        out("source-mapped", "::ffff:203.0.113.7 is an IPv6 address", "4291", frame![from6("::ffff:203.0.113.7"), syn()], pass(UnknownSource)),
        out("source-first-of-pool", "first address", "", v4("203.0.113.0"), dropped(Blocked, "dynamic", "203.0.113.0")),
        out("source-last-of-pool", "last address", "", v4("203.0.113.255"), dropped(Blocked, "dynamic", "203.0.113.255")),
        out("source-below-pool", "address in front of the pool", "", v4("203.0.112.255"), pass(UnknownSource)),
    ]
}

fn stages_and_shares() -> Vec<Vector> {
    let v4 = |source: &str| frame![from4(source), syn()];
    let v6 = |source: &str| frame![from6(source), syn()];
    vec![
        out("monitor-v4", "would drop, passes", "", v4("10.1.0.1"), pass_for(WouldDrop, "monitor", "10.1.0.1")),
        out("monitor-v6", "would drop, passes", "", v6("2001:db8:200::1"), pass_for(WouldDrop, "monitor", "2001:db8:200::/64")),
        out("off", "a pool that is not judged", "", v4("10.2.0.1"), pass_for(StageOff, "off", "10.2.0.1")),
        out("share-inside-v4", "fmix64 mod 100 = 12", "", v4("10.7.0.8"), dropped(Blocked, "share", "10.7.0.8")),
        out("share-last-inside-v4", "fmix64 mod 100 = 49", "", v4("10.7.0.15"), dropped(Blocked, "share", "10.7.0.15")),
        out("share-outside-v4", "fmix64 mod 100 = 98", "", v4("10.7.0.1"), pass_for(WouldDrop, "share", "10.7.0.1")),
        out("share-inside-v6", "the /56 line decides: 4", "", v6("2001:db8:700:3ab::1"), dropped(Blocked, "share", "2001:db8:700:300::/56")),
        out("share-outside-v6", "the /56 line decides: 65", "", v6("2001:db8:700:2ff::9"), pass_for(WouldDrop, "share", "2001:db8:700:200::/56")),
        out("share-0", "nobody is inside", "", v4("10.10.0.8"), pass_for(WouldDrop, "share-0", "10.10.0.8")),
        out("line-of-longer-prefix", "the matched /56 is longer than line_prefix 48", "", v6("2001:db8:800:1cd::1"), dropped(Blocked, "long-prefix", "2001:db8:800:100::/56")),
    ]
}

fn segments() -> Vec<Vector> {
    let v4 = |bits: u8| frame![from4(A4), flags(bits)];
    let nonce = Tcp { offset: Some(5), ..Tcp::syn(25) };
    let mut reserved = frame![from4(A4), nonce];
    reserved[14 + 20 + 12] |= 0x0f;
    let offset = |words: u8| frame![from4(A4), Tcp { offset: Some(words), ..Tcp::syn(25) }];
    vec![
        out("syn-ecn", "SYN with ECE and CWR", "3168", v4(0xc2), dynamic4(Blocked)),
        out("syn-fin", "SYN with FIN", "9293", v4(0x03), dynamic4(Blocked)),
        out("syn-rst", "SYN with RST", "9293", v4(0x06), dynamic4(Blocked)),
        out("syn-all-but-ack", "every flag but ACK", "", v4(0xef), dynamic4(Blocked)),
        out("syn-reserved-bits", "the reserved bits beside the data offset", "9293", reserved, dynamic4(Blocked)),
        out("syn-data", "data in the SYN", "7413", frame![from4(A4), syn(), b"EHLO x\r\n".to_vec()], dynamic4(Blocked)),
        out("syn-data-offset-0", "the data offset is not looked at", "", offset(0), dynamic4(Blocked)),
        out("syn-data-offset-15", "a data offset behind the segment", "", offset(15), dynamic4(Blocked)),
        out("syn-bad-checksum", "TCP's checksum is not looked at", "", frame![from4(A4), Tcp { checksum: Some(1), ..Tcp::syn(25) }], dynamic4(Blocked)),
        out("ack", "a segment of a connection", "", v4(0x10), pass(NotSyn)),
        out("syn-ack", "an answer", "", v4(0x12), pass(NotSyn)),
        out("syn-ack-fin", "ACK is set, whatever else", "", v4(0xff), pass(NotSyn)),
        out("psh-ack-data", "data of a connection", "", frame![from4(A4), flags(0x18), vec![0; 40]], pass(NotSyn)),
        out("fin-ack", "end of a connection", "", v4(0x11), pass(NotSyn)),
        out("rst", "a reset", "", v4(0x04), pass(NotSyn)),
        out("no-flags", "no flag at all", "", v4(0), pass(NotSyn)),
    ]
}

fn match_all() -> Vec<Vector> {
    let v4 = |source: &str, bits: u8| frame![from4(source), flags(bits)];
    let all4 = || dropped(Blocked, "all", "10.4.0.1");
    vec![
        out("all-syn", "match = all stops SYNs", "", v4("10.4.0.1", 2), all4()),
        out("all-ack", "match = all stops every segment", "", v4("10.4.0.1", 0x10), all4()),
        out("all-syn-ack", "SYN,ACK to port 25", "", v4("10.4.0.1", 0x12), all4()),
        out("all-rst", "RST to port 25", "", v4("10.4.0.1", 4), all4()),
        out("all-no-flags", "no flag at all", "", v4("10.4.0.1", 0), all4()),
        out("all-ack-v6", "match = all over IPv6", "", frame![from6("2001:db8:400::1"), flags(0x10)], dropped(Blocked, "all", "2001:db8:400::/64")),
        out("all-other-port", "match = all is of port 25 only", "", frame![from4("10.4.0.1"), Tcp::syn(587)], pass(OtherPort)),
        out("all-own-mail", "allow comes first", "", frame![Ipv4::new("10.4.0.1", OWN4), flags(0x10)], pass_for(AllowedDestination, "all", "10.4.0.1")),
        out("all-off", "a candidate of a pool that is off", "", v4("10.12.0.1", 0x10), pass_for(StageOff, "off-all", "10.12.0.1")),
        out("ack-exempt", "an exemption is no pool with match = all", "", v4("10.0.0.9", 0x10), pass(NotSyn)),
        out("ack-unknown", "nor is an unknown source", "", v4(X4, 0x10), pass(NotSyn)),
        out("ack-monitor", "nor a pool with match = syn", "", v4("10.1.0.1", 0x10), pass(NotSyn)),
        out("ack-off", "nor a pool with match = syn that is off", "", v4("10.2.0.1", 0x10), pass(NotSyn)),
    ]
}

fn lists() -> Vec<Vector> {
    let v4 = |source: &str, destination: &str| frame![Ipv4::new(source, destination), syn()];
    let mobile6 = frame![Ipv6::new(A6, "2001:db8:e:1::1"), syn()];
    vec![
        out("only-listed", "only: a mobile carrier is blocked", "", v4("10.6.0.1", "198.18.3.4"), dropped(Blocked, "only", "10.6.0.1")),
        out("only-unlisted", "only: anything else is not", "", v4("10.6.0.1", B4), pass_for(UnlistedDestination, "only", "10.6.0.1")),
        out("only-allowed", "allow is asked before only", "", v4("10.6.0.1", OWN4), pass_for(AllowedDestination, "only", "10.6.0.1")),
        out("both-partner", "a longer prefix adds its group", "", v4("10.13.0.1", "198.18.25.9"), pass_for(AllowedDestination, "both", "10.13.0.1")),
        out("both-mobile", "the covering prefix alone", "", v4("10.13.0.1", "198.18.26.9"), dropped(Blocked, "both", "10.13.0.1")),
        out("only-partner", "the covering prefix's group still counts", "", v4("10.6.0.1", "198.18.25.9"), dropped(Blocked, "only", "10.6.0.1")),
        out("list-of-another-pool", "a group nobody here allows or lists", "", mobile6, dynamic6(Blocked)),
        out("monitor-own-mail", "allow comes before the stage's count", "", v4("10.1.0.1", OWN4), pass_for(AllowedDestination, "monitor", "10.1.0.1")),
        out("off-own-mail", "stage off comes before allow", "", v4("10.2.0.1", OWN4), pass_for(StageOff, "off", "10.2.0.1")),
    ]
}
