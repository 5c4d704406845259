//! A vector, the verdict expected of it, and the short forms the tables are written in.
//! Each field of a verdict stands in the expectation, so that nothing is left unsaid; tables only use the forms below.

use crate::frames::{Ipv4, Ipv6, Layer, Tcp};
use crate::golden::{Direction, Reason};

/// What happens to the frame.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Forwarded.
    Pass,
    /// Dropped in silence.
    Drop,
    /// Dropped; this frame is answered to the access port.
    Reject(Vec<u8>),
}

/// The verdict expected of a vector.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Expect {
    /// The one reason.
    pub reason: Reason,
    /// Pass, drop or reject.
    pub verdict: Verdict,
    /// Name of the pool or exemption.
    pub pool: Option<&'static str>,
    /// The line: RFC 5952 text with length, IPv4 bare.
    pub line: Option<&'static str>,
    /// Counter that counts apart what was read inbound.
    pub apart: Option<&'static str>,
}

/// One golden vector.
#[derive(Clone, Debug)]
pub struct Vector {
    /// Unique name.
    pub name: &'static str,
    /// What it shows.
    pub shows: &'static str,
    /// The RFC (or other standard) behind it, empty where there is none.
    pub rfc: &'static str,
    /// Port it is received on.
    pub direction: Direction,
    /// The bytes captured.
    pub frame: Vec<u8>,
    /// Bytes on the wire, where that is more than were captured.
    pub wire_len: Option<usize>,
    /// Judged before any policy was adopted.
    pub no_policy: bool,
    /// The verdict.
    pub expect: Expect,
}

/// Frame of layers behind an Ethernet header.
macro_rules! frame {
    ($($layer:expr),* $(,)?) => {
        $crate::frames::build(&[$crate::frames::Ethernet::new().into(), $($crate::frames::Layer::from($layer)),*])
    };
}

/// Layers as a vector.
macro_rules! layers {
    ($($layer:expr),* $(,)?) => { vec![$($crate::frames::Layer::from($layer)),*] };
}

pub(super) use {frame, layers};

/// An outbound vector.
pub(super) fn out(
    name: &'static str,
    shows: &'static str,
    rfc: &'static str,
    frame: Vec<u8>,
    expect: Expect,
) -> Vector {
    Vector { name, shows, rfc, direction: Direction::Outbound, frame, wire_len: None, no_policy: false, expect }
}

/// An inbound vector.
pub(super) fn inb(
    name: &'static str,
    shows: &'static str,
    rfc: &'static str,
    frame: Vec<u8>,
    expect: Expect,
) -> Vector {
    Vector { direction: Direction::Inbound, ..out(name, shows, rfc, frame, expect) }
}

/// Passes with that reason, no pool.
pub(super) fn pass(reason: Reason) -> Expect {
    Expect { reason, verdict: Verdict::Pass, pool: None, line: None, apart: None }
}

/// Passes with that reason, pool and line.
pub(super) fn pass_for(reason: Reason, pool: &'static str, line: &'static str) -> Expect {
    Expect { pool: Some(pool), line: Some(line), ..pass(reason) }
}

/// Passes as `exempt` by that exemption.
pub(super) fn exempt(name: &'static str) -> Expect {
    Expect { pool: Some(name), ..pass(Reason::Exempt) }
}

/// Dropped with that reason, pool and line.
pub(super) fn dropped(reason: Reason, pool: &'static str, line: &'static str) -> Expect {
    Expect { verdict: Verdict::Drop, ..pass_for(reason, pool, line) }
}

/// Dropped as `blocked` and answered.
pub(super) fn rejected(pool: &'static str, line: &'static str, answer: Vec<u8>) -> Expect {
    Expect { verdict: Verdict::Reject(answer), ..pass_for(Reason::Blocked, pool, line) }
}

/// Passes as `inbound`, counted apart.
pub(super) fn inbound(apart: Option<&'static str>) -> Expect {
    Expect { apart, ..pass(Reason::Inbound) }
}

/// The dynamic subscriber of [`A4`].
pub(super) fn dynamic4(reason: Reason) -> Expect {
    dropped(reason, "dynamic", A4)
}

/// The dynamic subscriber of [`A6`].
pub(super) fn dynamic6(reason: Reason) -> Expect {
    dropped(reason, "dynamic", "2001:db8:100:1::/64")
}

/// A dynamic subscriber, IPv4.
pub(super) const A4: &str = "203.0.113.7";
/// A dynamic subscriber, IPv6.
pub(super) const A6: &str = "2001:db8:100:1::7";
/// A foreign mail server, IPv4.
pub(super) const B4: &str = "198.51.100.25";
/// A foreign mail server, IPv6.
pub(super) const B6: &str = "2001:db8:f::25";
/// The ISP's own mail server, IPv4.
pub(super) const OWN4: &str = "192.0.2.25";
/// The ISP's own mail server, IPv6.
pub(super) const OWN6: &str = "2001:db8:25::25";
/// Our tunnel end, IPv4.
pub(super) const END4: &str = "192.0.2.1";
/// Our tunnel end, IPv6.
pub(super) const END6: &str = "2001:db8:ffff::1";
/// An address no table knows, IPv4: a base station, a stranger.
pub(super) const X4: &str = "172.16.0.1";
/// An address no table knows, IPv6.
pub(super) const X6: &str = "2001:db8:9::1";

/// An IPv4 header from there to the foreign mail server.
pub(super) fn from4(source: &str) -> Ipv4 {
    Ipv4::new(source, B4)
}

/// An IPv6 header from there to the foreign mail server.
pub(super) fn from6(source: &str) -> Ipv6 {
    Ipv6::new(source, B6)
}

/// A SYN to port 25.
pub(super) fn syn() -> Layer {
    Tcp::syn(25).into()
}

/// A segment to port 25 with these flags.
pub(super) fn flags(flags: u8) -> Layer {
    Tcp::segment(40025, 25, flags).into()
}
