//! Ethernet, VLAN tags, MPLS, PPPoE: from the frame's first byte to the first IP header.
//! Lengths that the contract does not use are not read.

use super::Reason;
use super::bytes::{Captured, NotCaptured};

/// What stands in front of the first IP header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Encapsulation {
    Plain,
    Mpls,
    /// With the offset of the six PPPoE bytes.
    Pppoe(usize),
}

/// The result of reading the link layer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Link {
    /// Passes with that reason.
    Passes(Reason),
    /// An IP header of that version is announced at `start`.
    Ip { version: u8, start: usize, encapsulation: Encapsulation },
}

/// "Outside in: Ethernet II; up to 8 VLAN tags …; then at most one of an MPLS stack, a PPPoE session."
/// "Shorter than 14 bytes, a tag … that does not fit …, anything else: `not_ip`."
pub(super) fn read(frame: Captured) -> Result<Link, NotCaptured> {
    if frame.wire_len() < 14 {
        return Ok(Link::Passes(Reason::NotIp));
    }
    let mut ethertype = frame.u16(12)?;
    let mut at = 14;
    let mut tags = 0;
    while matches!(ethertype, 0x8100 | 0x88a8 | 0x9100 | 0x9200) {
        if tags == 8 {
            // "a ninth, announced by the eighth: `tags_limit`"
            return Ok(Link::Passes(Reason::TagsLimit));
        }
        if at + 4 > frame.wire_len() {
            return Ok(Link::Passes(Reason::NotIp));
        }
        ethertype = frame.u16(at + 2)?;
        at += 4;
        tags += 1;
    }
    match ethertype {
        0x0800 => Ok(Link::Ip { version: 4, start: at, encapsulation: Encapsulation::Plain }),
        0x86dd => Ok(Link::Ip { version: 6, start: at, encapsulation: Encapsulation::Plain }),
        0x8847 | 0x8848 => mpls(frame, at),
        0x8864 => pppoe(frame, at),
        0..0x0600 => llc(frame, at),
        _ => Ok(Link::Passes(Reason::NotIp)),
    }
}

/// "an MPLS stack of up to 16 entries (a 17th, announced by the 16th: `tags_limit`), then nibble 4 or 6; any other
/// nibble: `not_read`; nothing behind it: `not_ip`"; "a label that does not fit, a stack without bottom: `not_ip`".
fn mpls(frame: Captured, start: usize) -> Result<Link, NotCaptured> {
    let mut at = start;
    for _ in 0..16 {
        if at + 4 > frame.wire_len() {
            return Ok(Link::Passes(Reason::NotIp));
        }
        let bottom = frame.u8(at + 2)? & 1 == 1;
        at += 4;
        if bottom {
            if at == frame.wire_len() {
                return Ok(Link::Passes(Reason::NotIp));
            }
            return Ok(match frame.u8(at)? >> 4 {
                version @ (4 | 6) => Link::Ip { version, start: at, encapsulation: Encapsulation::Mpls },
                _ => Link::Passes(Reason::NotRead),
            });
        }
    }
    Ok(Link::Passes(Reason::TagsLimit))
}

/// "a PPPoE session (version/type 0x11, code 0; else `not_ip`) with PPP 0x0021/0x0057 or the one-byte 0x21/0x57;
/// PPP 0x003d or the one-byte 0x3d (multilink): `not_read`; other PPP: `not_ip`." Its length is not used.
fn pppoe(frame: Captured, start: usize) -> Result<Link, NotCaptured> {
    let not_ip = Ok(Link::Passes(Reason::NotIp));
    let ppp = start + 6;
    if ppp + 1 > frame.wire_len() || frame.u8(start)? != 0x11 || frame.u8(start + 1)? != 0 {
        return not_ip;
    }
    // An odd first byte is the whole field (RFC 1661 §2), and only those three are known.
    let mut protocol = u16::from(frame.u8(ppp)?);
    let mut behind = ppp + 1;
    if protocol % 2 == 0 {
        if ppp + 2 > frame.wire_len() {
            return not_ip;
        }
        protocol = frame.u16(ppp)?;
        behind = ppp + 2;
    }
    let version = match protocol {
        0x21 => 4,
        0x57 => 6,
        0x3d => return Ok(Link::Passes(Reason::NotRead)),
        _ => return not_ip,
    };
    Ok(Link::Ip { version, start: behind, encapsulation: Encapsulation::Pppoe(start) })
}

/// "802.3 (a type below 0x0600; its length is not used) …: `not_ip`; but LLC/SNAP (aa aa 03 00 00 00) with 0x0800 or
/// 0x86dd: `not_read`."
fn llc(frame: Captured, start: usize) -> Result<Link, NotCaptured> {
    if start + 8 > frame.wire_len() {
        return Ok(Link::Passes(Reason::NotIp));
    }
    for (index, byte) in [0xaa, 0xaa, 0x03, 0, 0, 0].into_iter().enumerate() {
        if frame.u8(start + index)? != byte {
            return Ok(Link::Passes(Reason::NotIp));
        }
    }
    let ip = matches!(frame.u16(start + 6)?, 0x0800 | 0x86dd);
    Ok(Link::Passes(if ip { Reason::NotRead } else { Reason::NotIp }))
}
