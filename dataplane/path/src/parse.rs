//! Reading a frame outside in, to TCP's flags or to the point where it stops being of interest.
//!
//! [`parse`] fills a [`Packet`] with every IP header whose addresses it read, and ends in a TCP [`Segment`] or in
//! the [`Stop`] that says why there is none. Every step is bounded: 8 tags, 16 labels, 3 IP headers, 16 extension
//! headers each; GTP-U's own extensions are bounded by the packet, four bytes at least apiece.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::frame::{Direction, Frame, NotCaptured};
use crate::tunnel::Inner;
use crate::walk::{Observer, Step};

/// What a frame turned out to be.
pub type Outcome = Result<Segment, Stop>;

/// Reads `frame`. `is_end` says whether an address is one of our own tunnel ends; only carriers to
/// (outbound) or from (inbound) such an end are looked into.
pub fn parse<E, O>(frame: Frame<'_>, direction: Direction, is_end: E, observer: &mut O) -> (Packet, Outcome)
where
    E: Fn(IpAddr) -> bool,
    O: Observer,
{
    let mut reader = Reader { frame, direction, is_end, observer, packet: Packet::default() };
    let outcome = reader.read();
    if O::ON {
        reader.observer.see(Step::Read(outcome));
    }
    (reader.packet, outcome)
}

/// Why a frame was not read to a TCP segment; each is a reason of its own, in the packet's order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stop {
    /// A byte that had to be looked at was not captured; in replay only.
    NotCaptured,
    /// Nothing that carries IP in a way we know.
    NotIp,
    /// Carries, or may carry, IP in a way that is not read (LLC/SNAP, PPP multilink, MPLS pseudowire).
    NotRead,
    /// More than 8 VLAN tags or 16 MPLS labels.
    TagsLimit,
    /// Every receiver discards it.
    Malformed,
    /// A fragment that cannot hold TCP's ports.
    LaterFragment,
    /// Another protocol than TCP.
    NotTcp,
    /// It hides whether it is TCP to port 25.
    Undetermined {
        /// How it hides.
        how: Undetermined,
        /// Whether the destination of the innermost header read is where the packet goes for all we know:
        /// its upper protocol was reached, or at least it cannot be a carrier to our own end.
        destination_read: bool,
    },
}

/// How a packet hides its TCP header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Undetermined {
    /// A fragment that can overwrite TCP's flags or what lies before them (RFC 3128).
    Overlap,
    /// A first fragment too small to show them (RFC 1858, 7112).
    Tiny,
    /// A chain of headers, tunnels or source routes longer than we follow.
    Chain,
}

impl Stop {
    /// The chain is longer than we follow: where the packet goes was not read.
    pub(crate) const CHAIN: Self = Self::Undetermined { how: Undetermined::Chain, destination_read: false };
    /// A fragment cuts headers before their upper protocol, or before an inner destination.
    pub(crate) const TINY: Self = Self::Undetermined { how: Undetermined::Tiny, destination_read: false };
    /// A first fragment that is known to be TCP but may hide its ports or flags.
    pub(crate) const TINY_TCP: Self = Self::Undetermined { how: Undetermined::Tiny, destination_read: true };
}

impl From<NotCaptured> for Stop {
    #[inline]
    fn from(_: NotCaptured) -> Self {
        Self::NotCaptured
    }
}

/// A TCP segment whose first 14 bytes are there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Segment {
    /// Offset of the TCP header in the frame.
    pub at: usize,
    /// Where the segment ends by IP's lengths; without meaning in a first fragment or behind a fragmented carrier.
    pub end: usize,
    /// Source port.
    pub source_port: u16,
    /// Destination port.
    pub destination_port: u16,
    /// The eight flags, FIN lowest (RFC 9293 §3.1).
    pub flags: u8,
}

impl Segment {
    /// The segment right behind an IP header at `at` that has neither options nor extension headers.
    #[inline]
    pub(crate) fn plain(frame: Frame<'_>, at: usize, v6: bool) -> Result<Self, NotCaptured> {
        let (header, said) =
            if v6 { (40, 40 + usize::from(frame.u16(at + 4)?)) } else { (20, frame.u16(at + 2)?.into()) };
        let tcp = frame.array::<14>(at + header)?;
        let [s0, s1, d0, d1, .., flags] = tcp;
        Ok(Self {
            at: at + header,
            end: at + said,
            source_port: u16::from_be_bytes([s0, s1]),
            destination_port: u16::from_be_bytes([d0, d1]),
            flags,
        })
    }
}

/// FIN flag.
pub const FIN: u8 = 0x01;
/// SYN flag.
pub const SYN: u8 = 0x02;
/// RST flag.
pub const RST: u8 = 0x04;
/// ACK flag.
pub const ACK: u8 = 0x10;

/// An IP header whose addresses were read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Header {
    /// Offset of the header in the frame.
    pub at: usize,
    /// IPv6, not IPv4.
    pub v6: bool,
    /// It has a source route, or an IPv4 option list that cannot be read to its end: its destination is not
    /// to be trusted.
    pub source_route: bool,
    /// It carries GTP-U, so its source is a base station's.
    pub gtpu: bool,
}

impl Header {
    /// The source address.
    #[inline]
    pub(crate) fn source(self, frame: Frame<'_>) -> Result<IpAddr, NotCaptured> {
        address(frame, self.at + if self.v6 { 8 } else { 12 }, self.v6)
    }

    /// The destination address.
    #[inline]
    pub(crate) fn destination(self, frame: Frame<'_>) -> Result<IpAddr, NotCaptured> {
        address(frame, self.at + if self.v6 { 24 } else { 16 }, self.v6)
    }
}

/// The address at `at`.
#[inline]
pub(crate) fn address(frame: Frame<'_>, at: usize, v6: bool) -> Result<IpAddr, NotCaptured> {
    Ok(if v6 {
        IpAddr::V6(Ipv6Addr::from_bits(frame.u128(at)?))
    } else {
        IpAddr::V4(Ipv4Addr::from_bits(frame.u32(at)?))
    })
}

/// What was read of a frame on the way.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Packet {
    headers: [Header; MAX_HEADERS],
    count: usize,
    /// Offset of the outermost IP header, 0 if none was reached.
    pub network_at: usize,
    /// Offset of the PPPoE header.
    pub pppoe_at: Option<usize>,
    /// There is an MPLS stack.
    pub mpls: bool,
    /// A header with more fragments to come was read.
    pub first_fragment: bool,
}

impl Packet {
    /// What is read of an untunnelled packet without MPLS and PPPoE whose one IP header is at `at`.
    #[inline]
    pub(crate) fn plain(at: usize, v6: bool) -> Self {
        let first = Header { at, v6, ..Header::default() };
        Self { headers: [first, Header::default(), Header::default()], count: 1, network_at: at, ..Self::default() }
    }

    /// The IP headers whose addresses were read, outermost first.
    #[must_use]
    #[inline]
    pub fn headers(&self) -> &[Header] {
        self.headers.get(..self.count).unwrap_or(&[])
    }

    /// The innermost IP header read.
    #[must_use]
    #[inline]
    pub fn innermost(&self) -> Option<Header> {
        self.headers().last().copied()
    }

    /// The innermost header, to note more about it.
    #[inline]
    pub(crate) fn innermost_mut(&mut self) -> Option<&mut Header> {
        self.headers.get_mut(..self.count).and_then(<[Header]>::last_mut)
    }
}

/// The state of one reading; each protocol's file adds the method that reads it.
pub(crate) struct Reader<'f, 'o, E, O> {
    pub(crate) frame: Frame<'f>,
    pub(crate) direction: Direction,
    pub(crate) is_end: E,
    pub(crate) observer: &'o mut O,
    pub(crate) packet: Packet,
}

/// Which IP header comes next, and where.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Network {
    pub(crate) at: usize,
    pub(crate) v6: bool,
}

/// What an IP header carries.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Payload {
    /// Upper protocol, behind all extension headers.
    pub(crate) protocol: u8,
    /// Where it begins.
    pub(crate) at: usize,
    /// How far it reaches.
    pub(crate) bounds: Bounds,
    /// In a first fragment, where fragment data begin: behind the IPv4 header, or behind the first fragment
    /// header with more to come.
    pub(crate) fragment_at: Option<usize>,
    /// Offset of the last address of a source route that is not yet at its end.
    pub(crate) route_last: Option<usize>,
}

/// How far something reaches, as offsets in the frame.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bounds {
    /// Where it ends by the lengths of what holds it; [`UNKNOWN`] behind a first fragment.
    pub(crate) end: usize,
    /// Where a fragment cuts it off although it goes on; [`UNKNOWN`] without one.
    pub(crate) cut: usize,
}

impl Bounds {
    /// The bounds of a first fragment's data: what is missing is in another fragment.
    #[inline]
    pub(crate) fn fragmented(self) -> Self {
        Self { end: UNKNOWN, cut: self.end.min(self.cut) }
    }

    /// Whether bytes up to `to` are there; `short` if they cannot be, `undetermined_tiny` if a fragment cuts them.
    #[inline]
    pub(crate) fn hold(self, to: usize, short: Stop) -> Result<(), Stop> {
        if to > self.end {
            Err(short)
        } else if to > self.cut {
            Err(Stop::TINY)
        } else {
            Ok(())
        }
    }
}

impl<E, O> Reader<'_, '_, E, O>
where
    E: Fn(IpAddr) -> bool,
    O: Observer,
{
    fn read(&mut self) -> Outcome {
        let mut network = self.ethernet()?;
        self.packet.network_at = network.at;
        let mut bounds = Bounds { end: self.frame.wire_len(), cut: UNKNOWN };
        loop {
            let payload = if network.v6 { self.ipv6(network.at, bounds)? } else { self.ipv4(network.at, bounds)? };
            if payload.protocol == TCP {
                return self.tcp(payload);
            }
            Inner { network, bounds } = self.tunnel(payload)?;
        }
    }

    /// Notes an IP header whose addresses were read. A fourth cannot come: a third tunnel is not looked into.
    #[inline]
    pub(crate) fn note(&mut self, at: usize, v6: bool) {
        if let Some(slot) = self.packet.headers.get_mut(self.packet.count) {
            *slot = Header { at, v6, ..Header::default() };
            self.packet.count += 1;
        }
    }

    /// The innermost header; the default one cannot be seen, since callers have noted theirs.
    #[inline]
    pub(crate) fn header(&self) -> Header {
        self.packet.innermost().unwrap_or_default()
    }
}

/// IP headers read at most: the outermost and two levels of tunnels.
pub(crate) const MAX_HEADERS: usize = 3;
/// An offset no frame reaches.
pub(crate) const UNKNOWN: usize = usize::MAX;
/// TCP's protocol number.
pub(crate) const TCP: u8 = 6;
