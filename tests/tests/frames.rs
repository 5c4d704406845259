//! The frame builder against parsers that are not ours: etherparse always, tshark where it is installed.
//! A builder that lies where it should not would make every other test worthless.

use std::process::Command;

use etherparse::{InternetSlice, SlicedPacket, TransportSlice};
use gate25_tests::frames::{
    Ethernet, Extension, Fragment, Gre, Gtp, Ipv4, Ipv6, Layer, Mpls, Pppoe, Slice, Snap, Tcp, Udp, Vlan, build, pcap,
};

const A4: &str = "203.0.113.7";
const B4: &str = "198.51.100.25";
const A6: &str = "2001:db8:100::7";
const B6: &str = "2001:db8:f::25";

fn v4() -> Layer {
    Ipv4::new(A4, B4).into()
}

fn v6() -> Layer {
    Ipv6::new(A6, B6).into()
}

fn eth(rest: Vec<Layer>) -> Vec<u8> {
    build(&[vec![Ethernet::new().into()], rest].concat())
}

/// TCP's checksum as etherparse computes it equals the one in the frame.
fn assert_tcp_checksum(frame: &[u8]) {
    let packet = SlicedPacket::from_ethernet(frame).expect("etherparse reads the frame");
    let Some(TransportSlice::Tcp(tcp)) = &packet.transport else { panic!("no TCP in {frame:02x?}") };
    let computed = match packet.net.expect("an IP header") {
        InternetSlice::Ipv4(ip) => tcp.calc_checksum_ipv4(ip.header().source(), ip.header().destination()),
        InternetSlice::Ipv6(ip) => tcp.calc_checksum_ipv6(ip.header().source(), ip.header().destination()),
        InternetSlice::Arp(_) => panic!("ARP"),
    };
    assert_eq!(computed.expect("a segment of ordinary size"), tcp.checksum());
}

#[test]
fn tcp_over_everything_etherparse_reads() {
    let options = Ipv4 { options: vec![148, 4, 0, 0], ..Ipv4::new(A4, B4) };
    for rest in [
        vec![v4(), Tcp::syn(25).into()],
        vec![v4(), Tcp { options: vec![2, 4, 5, 180, 1], ..Tcp::syn(25) }.into(), b"EHLO a".to_vec().into()],
        vec![options.into(), Tcp::syn(25).into(), b"odd".to_vec().into()],
        vec![v6(), Tcp::syn(25).into()],
        vec![v6(), Extension::hop_by_hop().into(), Extension::destination().into(), Tcp::syn(25).into()],
        vec![v6(), Extension::authentication().into(), Tcp::syn(25).into()],
        vec![Vlan::tagged(0x88a8, 7).into(), Vlan::new(8).into(), v4(), Tcp::syn(25).into()],
    ] {
        assert_tcp_checksum(&eth(rest));
    }
}

#[test]
fn ipv4_header_and_udp_checksums() {
    let frame = eth(vec![v4(), Udp::to(53).into(), vec![1, 2, 3].into()]);
    let packet = SlicedPacket::from_ethernet(&frame).unwrap();
    let Some(InternetSlice::Ipv4(ip)) = packet.net else { panic!("no IPv4") };
    assert_eq!(ip.header().to_header().calc_header_checksum(), ip.header().header_checksum());
    assert_eq!(usize::from(ip.header().total_len()), frame.len() - 14);
    let Some(TransportSlice::Udp(udp)) = packet.transport else { panic!("no UDP") };
    let computed = udp.to_header().calc_checksum_ipv4_raw([203, 0, 113, 7], [198, 51, 100, 25], &[1, 2, 3]).unwrap();
    assert_eq!(udp.to_header().checksum, computed);
}

#[test]
fn slices_of_a_packet_make_the_packet() {
    let inner: Vec<Layer> = vec![Tcp::syn(25).into(), vec![7; 30].into()];
    let whole = build(&inner);
    let first = build(&[Slice::first(16, inner.clone()).into()]);
    let rest = build(&[Slice::rest(16, inner).into()]);
    assert_eq!([first, rest].concat(), whole);
}

#[test]
fn fields_set_by_hand_stay() {
    let header = Ipv4 { version: 5, ihl: Some(3), total_length: Some(9), checksum: Some(1), ..Ipv4::new(A4, B4) };
    let frame = build(&[header.fragment(3, true).into()]);
    assert_eq!(frame[..8], [0x53, 0, 0, 9, 0x25, 0x25, 0x20, 3]);
    assert_eq!(frame[10..12], [0, 1]);
}

/// What tshark makes of each frame: its protocol stack, and a `1` for each checksum it found right.
#[test]
fn tshark_reads_the_same_layers() {
    if Command::new("tshark").arg("--version").output().is_err() {
        eprintln!("SKIPPED tshark_reads_the_same_layers: tshark is not installed (apt install tshark)");
        return;
    }
    let syn = || -> Layer { Tcp::syn(25).into() };
    let cases: Vec<(&str, Vec<Layer>)> = vec![
        ("eth:ethertype:ip:tcp", vec![v4(), syn()]),
        (
            "eth:ethertype:vlan:ethertype:vlan:ethertype:ip:tcp",
            vec![Vlan::new(5).into(), Vlan::new(6).into(), v4(), syn()],
        ),
        ("eth:ethertype:mpls:ip:tcp", vec![Mpls::new(100).into(), Mpls::new(101).into(), v4(), syn()]),
        ("eth:ethertype:pppoes:ppp:ipv6:tcp", vec![Pppoe::new().into(), v6(), syn()]),
        ("eth:llc:ip:tcp", vec![Snap::new().into(), v4(), syn()]),
        ("eth:ethertype:ip:ipv6:tcp", vec![v4(), v6(), syn()]),
        ("eth:ethertype:ipv6:ip:tcp", vec![v6(), v4(), syn()]),
        ("eth:ethertype:ip:gre:ip:tcp", vec![v4(), Gre::new(0x3000).into(), v4(), syn()]),
        (
            "eth:ethertype:ip:udp:gtp:ip:tcp",
            vec![v4(), Udp::to(2152).into(), Gtp::extended(&[(0x85, &[0x10, 9])]).into(), v4(), syn()],
        ),
        (
            "eth:ethertype:ipv6:ipv6.hopopts:ipv6.routing:ipv6.fraghdr:ipv6.dstopts:tcp",
            vec![
                v6(),
                Extension::hop_by_hop().into(),
                Extension::routing(0, 0, &[B6]).into(),
                Fragment::new(0, false).into(),
                Extension::destination().into(),
                syn(),
            ],
        ),
    ];
    let frames: Vec<Vec<u8>> = cases.iter().map(|(_, layers)| eth(layers.clone())).collect();
    let file = std::env::temp_dir().join(format!("gate25-frames-{}.pcap", std::process::id()));
    std::fs::write(&file, pcap(&frames)).unwrap();
    let out = Command::new("tshark")
        .args(["-r", file.to_str().unwrap(), "-o", "tcp.check_checksum:TRUE", "-o", "ip.check_checksum:TRUE"])
        .args(["-T", "fields", "-e", "frame.protocols", "-e", "tcp.checksum.status", "-e", "ip.checksum.status"])
        .output()
        .unwrap();
    std::fs::remove_file(&file).unwrap();
    let text = String::from_utf8(out.stdout).unwrap();
    assert_eq!(text.lines().count(), cases.len(), "{}", String::from_utf8_lossy(&out.stderr));
    for (line, (protocols, _)) in text.lines().zip(&cases) {
        let mut fields = line.split('\t');
        assert_eq!(fields.next(), Some(*protocols));
        assert_eq!(fields.next(), Some("1"), "TCP checksum in {protocols}");
        assert!(!fields.next().unwrap_or("").contains('0'), "IPv4 checksum in {protocols}");
    }
}
