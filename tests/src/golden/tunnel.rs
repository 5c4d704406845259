//! Tunnels: which carriers are looked into, and where the inner packet begins.
//! Only headers are looked at here; the inner packet is read by the same reader one level further in.

use super::Reason;
use super::bytes::{Captured, Lack, NotCaptured, Room};
use super::ip::{Outcome, Payload, Reader};

/// "At most 2 levels".
const LEVELS: usize = 2;

/// "that reach behind byte 512" of the carrier's fragmented data.
const WALL: usize = 512;

/// What stands behind a carrier's IP header.
enum Content {
    /// An inner IP header of that version; whether GTP-U carries it.
    Inner { version: u8, room: Room, gtp: bool },
    /// "Headers cut or other contents: `not_tcp`."
    Other,
    /// The carrier's first fragment cuts the tunnel header; whether it is known to be GTP-U.
    Cut { gtp: bool },
}

impl Reader<'_> {
    /// Protocol 4, 41, 47 or 17. "Only those with one end that is configured as ours are looked into"; "a third that
    /// would be looked into: `undetermined_chain`"; "a carrier with a source route whose last address is an end of
    /// ours, and which would be looked into there: `undetermined_chain`".
    pub(super) fn carrier(&mut self, payload: Payload, level: usize) -> Result<Outcome, NotCaptured> {
        let ours = self.our_end()?;
        let routed = self.routed_to_our_end(&payload.route);
        if !ours && !routed {
            return Ok(Outcome::Passes(Reason::NotTcp));
        }
        // "offset 0 with more to come whose inner headers do not reach TCP's 14 bytes because the outer fragment cuts
        // them, or that reach behind byte 512, or UDP whose ports are cut: `undetermined_tiny`"
        let room = match payload.fragment_data {
            Some(data) => payload.room.not_behind(data + WALL),
            None => payload.room,
        };
        match content(self.frame, payload.protocol, room)? {
            Content::Other => Ok(Outcome::Passes(Reason::NotTcp)),
            Content::Cut { gtp } => {
                self.last_mut().gtp_carrier = gtp;
                Ok(Outcome::tiny(false))
            }
            Content::Inner { version, room, gtp } => {
                self.last_mut().gtp_carrier = gtp;
                if routed || level == LEVELS {
                    return Ok(Outcome::chain());
                }
                self.ip(version, room, level + 1)
            }
        }
    }
}

/// "protocols 4 and 41 in IPv4 or IPv6; GRE …; GTP-U …"
fn content(frame: Captured, protocol: u8, room: Room) -> Result<Content, NotCaptured> {
    let read = match protocol {
        4 => {
            return Ok(Content::Inner { version: 4, room, gtp: false });
        }
        41 => {
            return Ok(Content::Inner { version: 6, room, gtp: false });
        }
        47 => gre(frame, room)?,
        _ => gtp(frame, room)?,
    };
    Ok(match read {
        Ok(content) => content,
        Err(Lack::Short) => Content::Other,
        Err(Lack::Cut) => Content::Cut { gtp: false },
    })
}

/// "GRE with version 0, R 0 and an IP payload (C, K, S honoured, other reserved bits ignored)": RFC 2784, RFC 2890.
fn gre(frame: Captured, room: Room) -> Result<Result<Content, Lack>, NotCaptured> {
    if let Err(lack) = room.need(room.start + 4) {
        return Ok(Err(lack));
    }
    let (flags, protocol) = (frame.u16(room.start)?, frame.u16(room.start + 2)?);
    let (checksum, routing, key, sequence) = (flags & 0x8000, flags & 0x4000, flags & 0x2000, flags & 0x1000);
    let version = match protocol {
        0x0800 => 4,
        0x86dd => 6,
        _ => return Ok(Ok(Content::Other)),
    };
    if flags & 0x0007 != 0 || routing != 0 {
        return Ok(Ok(Content::Other));
    }
    let optional = [checksum, key, sequence].iter().filter(|bit| **bit != 0).count();
    let inner = room.start + 4 + optional * 4;
    Ok(room.need(inner).map(|()| Content::Inner { version, room: room.behind(inner), gtp: false }))
}

/// "GTP-U: UDP destination port 2152, first byte & 0xF0 = 0x30, message 255, E/S/PN and extension headers":
/// 3GPP TS 29.281 §5.1 and §5.2. From the first byte and the message on it is known to be GTP-U.
fn gtp(frame: Captured, room: Room) -> Result<Result<Content, Lack>, NotCaptured> {
    let udp = room.start;
    if let Err(lack) = room.need(udp + 4) {
        return Ok(Err(lack));
    }
    if frame.u16(udp + 2)? != 2152 {
        return Ok(Ok(Content::Other));
    }
    let header = udp + 8;
    if let Err(lack) = room.need(header + 2) {
        return Ok(Err(lack));
    }
    let (first, message) = (frame.u8(header)?, frame.u8(header + 1)?);
    if first & 0xf0 != 0x30 || message != 255 {
        return Ok(Ok(Content::Other));
    }
    Ok(Ok(match gtp_payload(frame, room.behind(header), first)? {
        Ok(content) => content,
        Err(Lack::Short) => Content::Other,
        Err(Lack::Cut) => Content::Cut { gtp: true },
    }))
}

/// The rest of a GTP-U header whose first byte is `first`, and what it carries.
fn gtp_payload(frame: Captured, room: Room, first: u8) -> Result<Result<Content, Lack>, NotCaptured> {
    let mut at = room.start + 8;
    if let Err(lack) = room.need(at) {
        return Ok(Err(lack));
    }
    if first & 0x07 != 0 {
        if let Err(lack) = room.need(at + 4) {
            return Ok(Err(lack));
        }
        let next = if first & 0x04 != 0 { frame.u8(at + 3)? } else { 0 };
        match gtp_extensions(frame, room.behind(at + 4), next)? {
            Ok(Some(behind)) => at = behind,
            Ok(None) => return Ok(Ok(Content::Other)),
            Err(lack) => return Ok(Err(lack)),
        }
    }
    if let Err(lack) = room.need(at + 1) {
        return Ok(Err(lack));
    }
    Ok(Ok(match frame.u8(at)? >> 4 {
        version @ (4 | 6) => Content::Inner { version, room: room.behind(at), gtp: true },
        _ => Content::Other,
    }))
}

/// GTP-U extension headers: a length in units of four bytes first, the next type last (TS 29.281 §5.2.1). Where they
/// end; `None` when a length of zero leaves no way on.
fn gtp_extensions(frame: Captured, room: Room, mut next: u8) -> Result<Result<Option<usize>, Lack>, NotCaptured> {
    let mut at = room.start;
    while next != 0 {
        if let Err(lack) = room.need(at + 1) {
            return Ok(Err(lack));
        }
        let length = usize::from(frame.u8(at)?) * 4;
        if length == 0 {
            return Ok(Ok(None));
        }
        if let Err(lack) = room.need(at + length) {
            return Ok(Err(lack));
        }
        next = frame.u8(at + length - 1)?;
        at += length;
    }
    Ok(Ok(Some(at)))
}
