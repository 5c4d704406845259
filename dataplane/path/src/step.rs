//! One step of a frame's reading and judging, with the fields a person wants to see, and its sentence.
//!
//! A step names numbers as they stand in the frame and the image; names of pools and groups are the reader's to add.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use gate25_include::image::{SourceMatch, Stage};

use crate::frame::Frame;
use crate::parse::{Outcome, Segment, Stop, Undetermined};
use crate::share::Line;
use crate::tunnel::End;
use crate::verdict::Verdict;

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

impl fmt::Display for Step {
    /// One line without a line end; headers begin with their offset.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Read(_)
            | Self::Source { .. }
            | Self::Destination { .. }
            | Self::Untrusted
            | Self::Share { .. }
            | Self::Judged(_) => self.decision(f),
            Self::Ipv4(header) => header.fmt(f),
            Self::Ipv6(header) => header.fmt(f),
            _ => self.header(f),
        }
    }
}

impl Step {
    fn header(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Ethernet { kind } => write!(f, "at 0: Ethernet, type {kind:#06x}"),
            Self::Vlan { at, tag, id, kind } => write!(f, "at {at}: VLAN tag {tag:#06x}, id {id}, type {kind:#06x}"),
            Self::Mpls { at, label, bottom } => {
                write!(f, "at {at}: MPLS label {label}{}", if bottom { ", bottom of stack" } else { "" })
            }
            Self::Pppoe { at, session, protocol } => {
                write!(f, "at {at}: PPPoE session {session:#06x}, PPP protocol {protocol:#06x}")
            }
            Self::Extension { at, protocol, len, next } => {
                write!(f, "at {at}: IPv6 extension header {protocol}, {len} bytes, next header {next}")
            }
            Self::SourceRoute { at, last: None } => {
                write!(f, "at {at}: a source route, or options that cannot be read")
            }
            Self::SourceRoute { at, last: Some(last) } => {
                write!(f, "at {at}: a source route, its last address at {last}")
            }
            Self::Fragment { at, offset, more } => {
                write!(f, "at {at}: IPv6 fragment, offset {offset}×8{}", if more { ", more to come" } else { "" })
            }
            Self::Tunnel { protocol, end } => write!(f, "protocol {protocol} can be a tunnel; {end}"),
            Self::Gre { at, flags, kind } => write!(f, "at {at}: GRE, flags {flags:#06x}, type {kind:#06x}"),
            Self::Udp { at, destination_port } => write!(f, "at {at}: UDP to port {destination_port}"),
            Self::Gtpu { at, flags, len } => write!(f, "at {at}: GTP-U, first byte {flags:#04x}, {len} bytes"),
            Self::Tcp(Segment { at, source_port, destination_port, flags, .. }) => {
                write!(f, "at {at}: TCP port {source_port} to port {destination_port}, flags {flags:#04x}")
            }
            _ => Ok(()),
        }
    }

    fn decision(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Read(Ok(_)) => f.write_str("read: TCP"),
            Self::Read(Err(stop)) => write!(f, "read: {stop}"),
            Self::Source { address, matched: None } => write!(f, "subscriber {address}: in no pool and no exemption"),
            Self::Source { address, matched: Some(found) } => {
                write!(f, "subscriber {address}: number {}, by its first {} bits", found.pool, found.prefix_len)
            }
            Self::Destination { address, groups } => write!(f, "far side {address}: destination groups {groups:#x}"),
            Self::Untrusted => f.write_str("the destination cannot be trusted: allow and only are not asked"),
            Self::Share { line, percentile, share, stage } => {
                let stage = match stage {
                    Stage::Off => "off",
                    Stage::Monitor => "monitor",
                    Stage::Enforce => "enforce",
                };
                write!(f, "line {line}: place {percentile} of 100, share {share}, stage {stage}")
            }
            Self::Judged(verdict) => write!(f, "verdict: {}, {}", verdict.action.name(), verdict.reason.name()),
            _ => Ok(()),
        }
    }
}

impl fmt::Display for Ipv4 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { at, source, destination, protocol, header_len, total_len, .. } = self;
        write!(
            f,
            "at {at}: IPv4 {source} to {destination}, protocol {protocol}, header {header_len}, total {total_len}"
        )?;
        if self.offset > 0 || self.more {
            write!(f, ", fragment at {}×8{}", self.offset, if self.more { ", more to come" } else { "" })?;
        }
        Ok(())
    }
}

impl fmt::Display for Ipv6 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { at, source, destination, next, payload_len } = self;
        write!(f, "at {at}: IPv6 {source} to {destination}, next header {next}, payload {payload_len}")
    }
}

impl fmt::Display for End {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Foreign => "not to an end of ours",
            Self::Ours => "our end",
            Self::Routed => "routed to our end",
        })
    }
}

impl fmt::Display for Stop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotCaptured => "not_captured",
            Self::NotIp => "not_ip",
            Self::NotRead => "not_read",
            Self::TagsLimit => "tags_limit",
            Self::Malformed => "malformed",
            Self::LaterFragment => "later_fragment",
            Self::NotTcp => "not_tcp",
            Self::Undetermined { how: Undetermined::Overlap, .. } => "undetermined_overlap",
            Self::Undetermined { how: Undetermined::Tiny, .. } => "undetermined_tiny",
            Self::Undetermined { how: Undetermined::Chain, .. } => "undetermined_chain",
        })
    }
}
