//! MPLS label stacks and PPPoE sessions.
//! Up to the limits and one past them; what is not read passes as such.

use super::expect::{A4, A6, Vector, dynamic4, dynamic6, frame, from4, from6, out, pass, syn};
use crate::frames::{Ethernet, Layer, Mpls, Pppoe, Vlan, build};
use crate::golden::Reason::{Blocked, Malformed, NotIp, NotRead, TagsLimit};

pub(super) fn vectors() -> Vec<Vector> {
    [mpls(), mpls_cut(), pppoe(), pppoe_not_ip(), ppp_protocols()].concat()
}

/// A SYN to port 25 behind that many labels; only the last has the bottom bit, or none.
fn labelled(count: usize, bottom: bool) -> Vec<u8> {
    let mut layers: Vec<Layer> = vec![Ethernet::new().into()];
    layers.extend((1..count).map(|_| Layer::from(Mpls::new(1000))));
    layers.push(Mpls { label: 1001, bottom: Some(bottom) }.into());
    layers.extend([from4(A4).into(), syn()]);
    build(&layers)
}

fn mpls() -> Vec<Vector> {
    let mut multicast = labelled(1, true);
    multicast[13] = 0x48;
    let over = |bytes: Vec<u8>| frame![Mpls::new(16), bytes];
    vec![
        out("mpls-1", "one label", "3032", labelled(1, true), dynamic4(Blocked)),
        out("mpls-v6", "IPv6 behind a label", "3032", frame![Mpls::new(2), from6(A6), syn()], dynamic6(Blocked)),
        out("mpls-multicast", "type 0x8848", "5332", multicast, dynamic4(Blocked)),
        out("mpls-vlan", "a label behind a tag", "3032", frame![Vlan::new(3), Mpls::new(16), from4(A4), syn()], dynamic4(Blocked)),
        out("mpls-16", "sixteen labels", "3032", labelled(16, true), dynamic4(Blocked)),
        out("mpls-17", "a seventeenth is not read", "3032", labelled(17, true), pass(TagsLimit)),
        out("mpls-control-word", "a pseudowire's control word", "4385", over(vec![0; 60]), pass(NotRead)),
        out("mpls-nibble-5", "neither IPv4 nor IPv6", "4928", over(vec![0x50; 60]), pass(NotRead)),
        out("mpls-ethernet", "an Ethernet frame without control word", "4448", over(frame![from4(A4), syn()]), pass(NotRead)),
    ]
}

fn mpls_cut() -> Vec<Vector> {
    let stack = |count: usize| labelled(count, false)[..14 + count * 4].to_vec();
    vec![
        out("mpls-no-bottom", "fifteen labels, none the bottom, then nothing", "3032", stack(15), pass(NotIp)),
        out("mpls-17-announced", "the sixteenth announces one that is not there", "3032", stack(16), pass(TagsLimit)),
        out("mpls-nothing", "nothing behind the bottom", "3032", labelled(1, true)[..18].to_vec(), pass(NotIp)),
        out("mpls-one-byte", "one byte behind the bottom", "", labelled(1, true)[..19].to_vec(), pass(Malformed)),
        out("mpls-label-cut", "a label cut", "", labelled(2, true)[..21].to_vec(), pass(NotIp)),
        out("mpls-missing", "a label announced and not there", "", labelled(1, true)[..14].to_vec(), pass(NotIp)),
    ]
}

fn pppoe() -> Vec<Vector> {
    let v4 = |header: Pppoe| frame![header, from4(A4), syn()];
    let v6 = |header: Pppoe| frame![header, from6(A6), syn()];
    let qinq = frame![Vlan::tagged(0x88a8, 7), Vlan::new(8), Pppoe::new(), from4(A4), syn()];
    let short = Pppoe { length: Some(2), ..Pppoe::new() };
    let long = Pppoe { length: Some(65535), ..Pppoe::new() };
    vec![
        out("pppoe-v4", "IPv4 in a PPPoE session", "2516", v4(Pppoe::new()), dynamic4(Blocked)),
        out("pppoe-v6", "IPv6 in a PPPoE session", "2516", v6(Pppoe::new()), dynamic6(Blocked)),
        out("pppoe-one-byte-v4", "protocol field compression", "1661", v4(Pppoe::ppp(&[0x21])), dynamic4(Blocked)),
        out("pppoe-one-byte-v6", "protocol field compression", "1661", v6(Pppoe::ppp(&[0x57])), dynamic6(Blocked)),
        out("pppoe-qinq", "two tags and PPPoE", "2516", qinq, dynamic4(Blocked)),
        out("pppoe-short-length", "PPPoE's length is not used", "2516", v4(short), dynamic4(Blocked)),
        out("pppoe-long-length", "PPPoE's length is not used", "2516", v4(long), dynamic4(Blocked)),
    ]
}

fn pppoe_not_ip() -> Vec<Vector> {
    let v4 = |header: Pppoe| frame![header, from4(A4), syn()];
    let whole = v4(Pppoe::new());
    let cut = |length: usize| whole[..length].to_vec();
    vec![
        out("pppoe-version-2", "another version", "2516", v4(Pppoe { version_type: 0x21, ..Pppoe::new() }), pass(NotIp)),
        out("pppoe-type-2", "another type", "2516", v4(Pppoe { version_type: 0x12, ..Pppoe::new() }), pass(NotIp)),
        out("pppoe-code", "a code in a session frame", "2516", v4(Pppoe { code: 0xa7, ..Pppoe::new() }), pass(NotIp)),
        out("pppoe-cut", "five of six bytes", "", cut(19), pass(NotIp)),
        out("pppoe-no-ppp", "nothing behind PPPoE", "", cut(20), pass(NotIp)),
        out("pppoe-ppp-cut", "one of two PPP bytes", "", cut(21), pass(NotIp)),
        out("pppoe-nothing-behind", "PPP announces IPv4, nothing behind", "", cut(22), pass(Malformed)),
        out("pppoe-inside-mpls", "at most one of both: nibble 1", "", frame![Mpls::new(16), Pppoe::new(), from4(A4), syn()], pass(NotRead)),
        out("vlan-inside-pppoe", "no tag inside PPP", "", frame![Pppoe::ppp(&[0x81, 0]), Vlan::new(1), from4(A4), syn()], pass(NotIp)),
    ]
}

fn ppp_protocols() -> Vec<Vector> {
    let ppp = |protocol: &[u8]| frame![Pppoe::ppp(protocol), from4(A4), syn()];
    vec![
        out("ppp-lcp", "LCP", "1661", ppp(&[0xc0, 0x21]), pass(NotIp)),
        out("ppp-ipcp", "IPCP", "1332", ppp(&[0x80, 0x21]), pass(NotIp)),
        out("ppp-vj", "VJ compressed TCP", "1144", ppp(&[0, 0x2d]), pass(NotIp)),
        out("ppp-vj-one-byte", "VJ uncompressed TCP, one byte", "1144", ppp(&[0x2f]), pass(NotIp)),
        out("ppp-address-control", "PPPoE has no address and control field", "2516", ppp(&[0xff, 3, 0, 0x21]), pass(NotIp)),
        out("ppp-multilink", "multilink", "1990", ppp(&[0, 0x3d]), pass(NotRead)),
        out("ppp-multilink-one-byte", "multilink, one byte", "1990", ppp(&[0x3d]), pass(NotRead)),
        out("ppp-wrong-version", "PPP says IPv6, the packet IPv4", "", ppp(&[0, 0x57]), pass(Malformed)),
        out("ppp-bridging", "bridging PDU", "3518", ppp(&[0, 0x31]), pass(NotIp)),
    ]
}
