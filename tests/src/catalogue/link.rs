//! Ethernet, VLAN tags, 802.3 and SNAP.
//! What is no IP packet passes, however much it looks like one.

use super::expect::{A4, A6, Vector, dynamic4, dynamic6, frame, from4, from6, out, pass, syn};
use crate::frames::{Ethernet, Layer, Snap, Vlan, build};
use crate::golden::Reason::{Blocked, Malformed, NotIp, NotRead, TagsLimit};

pub(super) fn vectors() -> Vec<Vector> {
    [control_traffic(), runts(), tags(), tags_cut(), ieee_802_3()].concat()
}

/// A frame of that Ethernet type with `bytes` behind it.
fn typed(ethertype: u16, bytes: &[u8]) -> Vec<u8> {
    build(&[Ethernet::typed(ethertype).into(), bytes.to_vec().into()])
}

fn control_traffic() -> Vec<Vector> {
    let not_ip = || pass(NotIp);
    let discovery = [0x11, 9, 0, 0, 0, 4, 1, 1, 0, 0];
    let mut inside_macsec = vec![0x20, 0, 0, 0, 0, 1];
    inside_macsec.extend(&frame![from4(A4), syn()][14..]);
    vec![
        out("arp", "ARP passes", "826", typed(0x0806, &[0, 1, 8, 0, 6, 4, 0, 1]), not_ip()),
        out("lacp", "LACP passes", "802.1AX", typed(0x8809, &[1; 46]), not_ip()),
        out("lldp", "LLDP passes", "802.1AB", typed(0x88cc, &[2; 46]), not_ip()),
        out("stp", "spanning tree passes", "802.1D", typed(38, &[0x42, 0x42, 3, 0, 0, 0, 0, 0]), not_ip()),
        out("pppoe-discovery", "PADI passes", "2516", typed(0x8863, &discovery), not_ip()),
        out("macsec", "encrypted or not, MACsec passes", "802.1AE", typed(0x88e5, &inside_macsec), not_ip()),
        out("unknown-type", "a type nobody knows", "", typed(0x88b5, &frame![from4(A4), syn()][14..]), not_ip()),
        out("tpid-9300", "0x9300 is not a tag", "", typed(0x9300, &[0, 7, 8, 0, 0x45]), not_ip()),
    ]
}

fn runts() -> Vec<Vector> {
    vec![
        out("empty", "no byte at all", "", vec![], pass(NotIp)),
        out("runt-1", "one byte", "", vec![0x45], pass(NotIp)),
        out("runt-13", "one byte short of an Ethernet header", "", typed(0x0800, &[])[..13].to_vec(), pass(NotIp)),
        out("bare-ipv4-type", "an IPv4 type and nothing behind it", "", typed(0x0800, &[]), pass(Malformed)),
        out("bare-ipv6-type", "an IPv6 type and nothing behind it", "", typed(0x86dd, &[]), pass(Malformed)),
        out("bare-other-type", "another type and nothing behind it", "", typed(0x0806, &[]), pass(NotIp)),
    ]
}

/// A SYN to port 25 behind that many VLAN tags.
fn tagged(count: usize) -> Vec<u8> {
    let mut layers: Vec<Layer> = vec![Ethernet::new().into()];
    layers.extend((0..count).map(|_| Layer::from(Vlan::new(25))));
    layers.extend([from4(A4).into(), syn()]);
    build(&layers)
}

fn tags() -> Vec<Vector> {
    let tag = |tpid: u16| frame![Vlan::tagged(tpid, 25), from4(A4), syn()];
    let qinq = frame![Vlan::tagged(0x88a8, 7), Vlan::new(8), from6(A6), syn()];
    let priority = frame![Vlan::new(0xf000 | 25), from4(A4), syn()];
    vec![
        out("vlan", "an 802.1Q tag", "802.1Q", tag(0x8100), dynamic4(Blocked)),
        out("vlan-88a8", "an 802.1ad tag", "802.1ad", tag(0x88a8), dynamic4(Blocked)),
        out("vlan-9100", "an older stacked tag", "", tag(0x9100), dynamic4(Blocked)),
        out("vlan-9200", "an older stacked tag", "", tag(0x9200), dynamic4(Blocked)),
        out("vlan-priority", "priority and drop eligibility set", "802.1Q", priority, dynamic4(Blocked)),
        out("qinq-v6", "two tags over IPv6", "802.1ad", qinq, dynamic6(Blocked)),
        out("vlan-8", "eight tags", "", tagged(8), dynamic4(Blocked)),
        out("vlan-9", "a ninth is not read", "", tagged(9), pass(TagsLimit)),
        out("vlan-40", "nor is a fortieth", "", tagged(40), pass(TagsLimit)),
    ]
}

fn tags_cut() -> Vec<Vector> {
    let announced = tagged(9)[..14 + 8 * 4].to_vec();
    vec![
        out("vlan-9-announced", "a ninth announced by the eighth, not there", "", announced, pass(TagsLimit)),
        out("vlan-8-cut", "the eighth tag cut", "", tagged(8)[..14 + 8 * 4 - 1].to_vec(), pass(NotIp)),
        out("vlan-cut", "a tag cut", "", tagged(1)[..17].to_vec(), pass(NotIp)),
        out("vlan-missing", "a tag announced and not there", "", tagged(1)[..14].to_vec(), pass(NotIp)),
        out("vlan-nothing-behind", "a tag that announces IPv4, nothing behind", "", tagged(1)[..18].to_vec(), pass(Malformed)),
        out("vlan-other-type", "a tag in front of ARP", "", frame![Vlan { ethertype: Some(0x0806), ..Vlan::new(25) }, vec![0; 28]], pass(NotIp)),
    ]
}

fn ieee_802_3() -> Vec<Vector> {
    let not_read = || pass(NotRead);
    let not_ip = || pass(NotIp);
    let snap = |snap: Snap| frame![snap, from4(A4), syn()];
    let typed_snap = |ethertype: u16| {
        build(&[Ethernet::typed(ethertype).into(), Snap::new().into(), from4(A4).into(), syn()])
    };
    let null_sap = Snap { llc: [6, 6, 3], ..Snap::new() };
    vec![
        out("snap-v4", "IPv4 in SNAP is not read", "1042", snap(Snap::new()), not_read()),
        out("snap-v6", "IPv6 in SNAP is not read", "1042", frame![Snap::new(), from6(A6), syn()], not_read()),
        out("snap-vlan", "SNAP behind a tag", "1042", frame![Vlan::new(25), Snap::new(), from4(A4), syn()], not_read()),
        out("snap-arp", "SNAP with another type", "1042", snap(Snap { ethertype: Some(0x0806), ..Snap::new() }), not_ip()),
        out("snap-tag", "SNAP with a tag's type", "1042", snap(Snap { ethertype: Some(0x8100), ..Snap::new() }), not_ip()),
        out("snap-oui", "SNAP of an organisation", "", snap(Snap { oui: [0, 0, 0xc], ..Snap::new() }), not_ip()),
        out("snap-control", "another LLC control", "", snap(Snap { llc: [0xaa, 0xaa, 0xbf], ..Snap::new() }), not_ip()),
        out("llc-ip", "LLC's own number for IP", "802.2", snap(null_sap), not_ip()),
        out("snap-length-0", "the 802.3 length is not used", "", typed_snap(0), not_read()),
        out("snap-length-05ff", "0x05ff is still a length", "", typed_snap(0x05ff), not_read()),
        out("snap-type-0600", "0x0600 is a type", "", typed_snap(0x0600), not_ip()),
        out("snap-bare", "SNAP and nothing behind it", "", typed_snap(1500)[..22].to_vec(), not_read()),
        out("snap-cut", "SNAP without its last byte", "", typed_snap(1500)[..21].to_vec(), not_ip()),
    ]
}
