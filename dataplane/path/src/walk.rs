//! The reading and the decision told step by step, for `gate25 explain`.
//!
//! The packet path and this tale are the same code: [`Observer`] is a type parameter, and [`Silent`], which the
//! packet path uses, compiles to nothing. An observer hears; it cannot change a verdict.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use gate25_include::image::{SourceMatch, Stage};

use crate::frame::Frame;
use crate::parse::{Outcome, Segment};
use crate::share::Line;
pub use crate::tunnel::End;
use crate::verdict::Verdict;

/// Hears each step, in the order in which the frame is read and judged.
pub trait Observer {
    /// Whether steps are told at all.
    const ON: bool;
    /// Called once for each step.
    fn see(&mut self, step: Step);
}

/// Hears nothing and costs nothing.
#[derive(Clone, Copy, Debug, Default)]
pub struct Silent;

impl Observer for Silent {
    const ON: bool = false;
    #[inline(always)]
    fn see(&mut self, _: Step) {}
}

impl<F: FnMut(Step)> Observer for F {
    const ON: bool = true;
    fn see(&mut self, step: Step) {
        self(step);
    }
}

/// One header read or one decision taken. `at` is the header's offset in the frame, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "the fields carry the names of the headers' own fields")]
pub enum Step {
    /// The Ethernet header.
    Ethernet { kind: u16 },
    /// A VLAN tag, and the type behind it.
    Vlan { at: usize, tag: u16, id: u16, kind: u16 },
    /// An MPLS stack entry.
    Mpls { at: usize, label: u32, bottom: bool },
    /// A PPPoE session header and its PPP protocol.
    Pppoe { at: usize, session: u16, protocol: u16 },
    /// An IPv4 header.
    Ipv4(Ipv4),
    /// An IPv6 header.
    Ipv6(Ipv6),
    /// An IPv6 extension header of `len` bytes.
    Extension { at: usize, protocol: u8, len: usize, next: u8 },
    /// A source route, or IPv4 options that cannot be read to their end; `last` is the offset of the route's
    /// last address where there is one still to be reached.
    SourceRoute { at: usize, last: Option<usize> },
    /// An IPv6 fragment header; `offset` in units of 8 bytes.
    Fragment { at: usize, offset: u16, more: bool },
    /// A tunnel's protocol, and whose end it leads to.
    Tunnel { protocol: u8, end: End },
    /// A GRE header.
    Gre { at: usize, flags: u16, kind: u16 },
    /// A UDP header.
    Udp { at: usize, destination_port: u16 },
    /// A GTP-U header of `len` bytes with its extensions.
    Gtpu { at: usize, flags: u8, len: usize },
    /// A TCP header.
    Tcp(Segment),
    /// The end of reading.
    Read(Outcome),
    /// An address of the subscriber's side, and what the source table says of it.
    Source { address: IpAddr, matched: Option<SourceMatch> },
    /// The far side's address, and the destination groups it is in, one bit each.
    Destination { address: IpAddr, groups: u64 },
    /// The destination cannot be trusted, so the pool's lists are not asked.
    Untrusted,
    /// Stage of the pool, and where the line stands in its share; `percentile` is 0 to 99.
    Share { line: Line, percentile: u32, share: u32, stage: Stage },
    /// The verdict.
    Judged(Verdict),
}

/// Fields of an IPv4 header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "the fields carry the names of the header's own fields")]
pub struct Ipv4 {
    pub at: usize,
    pub header_len: usize,
    pub total_len: u16,
    pub offset: u16,
    pub more: bool,
    pub protocol: u8,
    pub source: Ipv4Addr,
    pub destination: Ipv4Addr,
}

impl Ipv4 {
    /// The fields at `at`; those that were not captured are 0.
    pub(crate) fn read(frame: Frame<'_>, at: usize) -> Self {
        let field = frame.u16(at + 6).unwrap_or_default();
        Self {
            at,
            header_len: usize::from(frame.u8(at).unwrap_or_default() & 0x0f) * 4,
            total_len: frame.u16(at + 2).unwrap_or_default(),
            offset: field & 0x1fff,
            more: field & 0x2000 != 0,
            protocol: frame.u8(at + 9).unwrap_or_default(),
            source: Ipv4Addr::from_bits(frame.u32(at + 12).unwrap_or_default()),
            destination: Ipv4Addr::from_bits(frame.u32(at + 16).unwrap_or_default()),
        }
    }
}

/// Fields of an IPv6 header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "the fields carry the names of the header's own fields")]
pub struct Ipv6 {
    pub at: usize,
    pub payload_len: u16,
    pub next: u8,
    pub source: Ipv6Addr,
    pub destination: Ipv6Addr,
}

impl Ipv6 {
    /// The fields at `at`; those that were not captured are 0.
    pub(crate) fn read(frame: Frame<'_>, at: usize) -> Self {
        Self {
            at,
            payload_len: frame.u16(at + 4).unwrap_or_default(),
            next: frame.u8(at + 6).unwrap_or_default(),
            source: Ipv6Addr::from_bits(frame.u128(at + 8).unwrap_or_default()),
            destination: Ipv6Addr::from_bits(frame.u128(at + 24).unwrap_or_default()),
        }
    }
}
