//! Source routes: IPv4 options and IPv6 routing headers, and where they end.
//! It only reads them; what follows for trust and tunnels is decided elsewhere.

use std::net::IpAddr;

use super::bytes::{Captured, NotCaptured};

/// What the source routes of one IP header say.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Route {
    /// The header's destination cannot be trusted.
    pub(super) distrusts: bool,
    /// Last address of the last route that is not yet at its end.
    pub(super) last_address: Option<IpAddr>,
}

impl Route {
    /// This route and a later one.
    pub(super) fn join(&mut self, other: Self) {
        self.distrusts |= other.distrusts;
        self.last_address = other.last_address.or(self.last_address);
    }
}

/// IPv4 options in `at..end`. Distrusted with "IPv4 LSRR or SSRR, or an option list that cannot be read to its end";
/// a carrier's route counts while "LSRR or SSRR not yet at its end" (RFC 791 §3.1: at its end when pointer > length).
/// A list that is not `whole`, because a fragment cuts it at `end`, has an end only if end-of-list stands before that.
pub(super) fn ipv4_options(frame: Captured, mut at: usize, end: usize, whole: bool) -> Result<Route, NotCaptured> {
    let mut route = Route::default();
    while at < end {
        let kind = frame.u8(at)?;
        match kind {
            0 => return Ok(route),
            1 => {
                at += 1;
                continue;
            }
            _ => {}
        }
        let length = if at + 1 < end { usize::from(frame.u8(at + 1)?) } else { 0 };
        let source_route = matches!(kind, 131 | 137);
        route.distrusts |= source_route;
        if length < 2 || at + length > end {
            route.distrusts = true;
            break;
        }
        let addresses = length.saturating_sub(3) / 4;
        if source_route && addresses > 0 && usize::from(frame.u8(at + 2)?) <= length {
            let last: [u8; 4] = frame.array(at + 3 + (addresses - 1) * 4)?;
            route.last_address = Some(last.into());
        }
        at += length;
    }
    route.distrusts |= !whole;
    Ok(route)
}

/// An IPv6 routing header of `length` bytes. Distrusted with "segments_left > 0"; "type 0 or 4 with segments_left > 0
/// whose last address (type 4: Segment List\[0\])" (RFC 8754 §2: the list is in reverse order).
pub(super) fn ipv6_routing(frame: Captured, at: usize, length: usize) -> Result<Route, NotCaptured> {
    let (kind, left) = (frame.u8(at + 2)?, frame.u8(at + 3)?);
    let mut route = Route { distrusts: left > 0, last_address: None };
    let addresses = (length - 8) / 16;
    if left > 0 && addresses > 0 {
        let last = match kind {
            0 => Some(at + 8 + (addresses - 1) * 16),
            4 => Some(at + 8),
            _ => None,
        };
        if let Some(last) = last {
            let address: [u8; 16] = frame.array(last)?;
            route.last_address = Some(address.into());
        }
    }
    Ok(route)
}
