//! Frames captured short (replay only): judged by their original length, `not_captured` if a byte is missing.
//! The vectors avoid bytes of which the contract does not say whether they are looked at.

use super::expect::{A4, A6, Expect, Vector, dynamic4, dynamic6, flags, frame, from4, from6, out, pass, syn};
use crate::frames::{Tcp, Udp};
use crate::golden::Reason::{Blocked, Malformed, NotCaptured, NotIp, NotSyn, NotTcp};

pub(super) fn vectors() -> Vec<Vector> {
    let whole = || frame![from4(A4), syn(), vec![0; 1000]];
    let v6 = || frame![from6(A6), syn(), vec![0; 1000]];
    let udp = frame![from4(A4), Udp::to(25), vec![0; 100]];
    let cut = frame![from4(A4), syn()][..14 + 30].to_vec();
    vec![
        short("short-48", "through TCP's flags", whole(), 48, dynamic4(Blocked)),
        short("short-47", "TCP's flags are missing", whole(), 47, pass(NotCaptured)),
        short("short-30", "the IPv4 header is missing in part", whole(), 30, pass(NotCaptured)),
        short("short-13", "the Ethernet type is missing", whole(), 13, pass(NotCaptured)),
        short("short-v6-68", "through TCP's flags", v6(), 68, dynamic6(Blocked)),
        short("short-v6-67", "TCP's flags are missing", v6(), 67, pass(NotCaptured)),
        short("short-udp", "of UDP nothing is looked at", udp, 34, pass(NotTcp)),
        short("short-ack", "a segment of a connection", frame![from4(A4), flags(0x10), vec![0; 9]], 50, pass(NotSyn)),
        short("short-arp", "not IP", crate::frames::build(&[crate::frames::Ethernet::typed(0x0806).into(), vec![0; 46].into()]), 14, pass(NotIp)),
        short("short-malformed", "too short on the wire as well", cut, 40, pass(Malformed)),
        short("short-not-port-25", "the destination port alone would do, the flags are missing", frame![from4(A4), Tcp::syn(80)], 40, pass(NotCaptured)),
    ]
}

fn short(name: &'static str, shows: &'static str, frame: Vec<u8>, captured: usize, expect: Expect) -> Vector {
    let wire_len = Some(frame.len());
    Vector { wire_len, ..out(name, shows, "", frame[..captured].to_vec(), expect) }
}
