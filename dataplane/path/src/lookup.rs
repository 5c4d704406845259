//! Who sent a packet, or who is to receive it: the outermost address that the source table knows.

use std::net::IpAddr;

use gate25_include::image::{Image, Kind, Pool, SourceMatch};

use crate::frame::{Direction, Frame, NotCaptured};
use crate::parse::{Header, Packet};
use crate::share::Line;
use crate::walk::{Observer, Step};

/// The subscriber's side of a packet, as the source table knows it.
#[derive(Debug)]
pub(crate) struct Subscriber<'a> {
    pub(crate) address: IpAddr,
    pub(crate) matched: SourceMatch,
    pub(crate) pool: Pool<'a>,
}

impl<'a> Subscriber<'a> {
    /// Of an address and what was found of it; none if there is no such pool.
    #[inline]
    pub(crate) fn of(image: &'a Image, address: IpAddr, matched: SourceMatch) -> Option<Self> {
        image.unnamed_pool(matched.pool).map(|pool| Self { address, matched, pool })
    }

    /// The line the address belongs to.
    #[inline]
    pub(crate) fn line(&self) -> Line {
        Line::of(self.address, self.pool.line_prefix, self.matched.prefix_len)
    }

    /// Whether the address belongs to an exemption.
    #[inline]
    pub(crate) fn is_exempt(&self) -> bool {
        self.pool.kind == Kind::Exempt
    }
}

/// The subscriber of a packet: its sources outbound, its destinations inbound, outermost first; the first one that
/// the source table knows. The outer header of GTP-U is not asked: it is a base station's.
pub(crate) fn subscriber<'a, O: Observer>(
    image: &'a Image,
    direction: Direction,
    frame: Frame<'_>,
    packet: &Packet,
    observer: &mut O,
) -> Result<Option<Subscriber<'a>>, NotCaptured> {
    for header in packet.headers().iter().filter(|header| !header.gtpu) {
        let address = own_side(*header, direction, frame)?;
        let matched = image.source(address);
        if O::ON {
            observer.see(Step::Source { address, matched });
        }
        if let Some(subscriber) = matched.and_then(|matched| Subscriber::of(image, address, matched)) {
            return Ok(Some(subscriber));
        }
    }
    Ok(None)
}

/// The address on the subscriber's side.
fn own_side(header: Header, direction: Direction, frame: Frame<'_>) -> Result<IpAddr, NotCaptured> {
    match direction {
        Direction::Outbound => header.source(frame),
        Direction::Inbound => header.destination(frame),
    }
}

/// The address on the far side of the innermost header read.
pub(crate) fn far_side(packet: &Packet, direction: Direction, frame: Frame<'_>) -> Result<Option<IpAddr>, NotCaptured> {
    let Some(header) = packet.innermost() else { return Ok(None) };
    match direction {
        Direction::Outbound => header.destination(frame).map(Some),
        Direction::Inbound => header.source(frame).map(Some),
    }
}
