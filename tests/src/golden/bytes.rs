//! Bytes of a frame and the room a header may take.
//!
//! Every byte the model looks at goes through [`Captured::u8`], so "a byte that was looked at was not captured" is
//! found here and nowhere else. Lengths are asked of [`Room`] first; a byte behind the frame is a bug of the model.

/// A byte the frame had on the wire is missing in the capture.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct NotCaptured;

/// A frame as captured: the first bytes of what was on the wire.
#[derive(Clone, Copy, Debug)]
pub struct Captured<'a> {
    bytes: &'a [u8],
    wire_len: usize,
}

impl<'a> Captured<'a> {
    /// A whole frame.
    #[must_use]
    pub fn whole(bytes: &'a [u8]) -> Self {
        Self { bytes, wire_len: bytes.len() }
    }

    /// A frame captured short: `wire_len` bytes on the wire (never taken as fewer than were captured).
    #[must_use]
    pub fn short(bytes: &'a [u8], wire_len: usize) -> Self {
        Self { bytes, wire_len: wire_len.max(bytes.len()) }
    }

    pub(super) fn wire_len(self) -> usize {
        self.wire_len
    }

    pub(super) fn u8(self, at: usize) -> Result<u8, NotCaptured> {
        assert!(at < self.wire_len, "the model read byte {at} of a frame of {}", self.wire_len);
        self.bytes.get(at).copied().ok_or(NotCaptured)
    }

    pub(super) fn u16(self, at: usize) -> Result<u16, NotCaptured> {
        Ok(u16::from(self.u8(at)?) * 256 + u16::from(self.u8(at + 1)?))
    }

    pub(super) fn array<const N: usize>(self, at: usize) -> Result<[u8; N], NotCaptured> {
        let mut out = [0; N];
        for (index, byte) in out.iter_mut().enumerate() {
            *byte = self.u8(at + index)?;
        }
        Ok(out)
    }
}

/// The room from `start` on for the next header.
///
/// `end` is where the lengths that hold it say it ends; `None` behind a first fragment: the rest comes in other
/// frames, nobody can say how much. `seen` is where what can be read in this frame ends; `seen <= end`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Room {
    pub(super) start: usize,
    pub(super) end: Option<usize>,
    pub(super) seen: usize,
}

/// Why a header does not fit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Lack {
    /// Too short by the lengths themselves.
    Short,
    /// A fragment cuts it: it may go on in another frame (or behind byte 512 of a carrier's fragments).
    Cut,
}

impl Room {
    /// Whether all bytes before `upto` are there. "Inner too short by its own length stays `malformed`", so `Short`
    /// is asked before `Cut`.
    pub(super) fn need(self, upto: usize) -> Result<(), Lack> {
        if self.end.is_some_and(|end| upto > end) {
            return Err(Lack::Short);
        }
        if upto > self.seen { Err(Lack::Cut) } else { Ok(()) }
    }

    /// The same room behind a header that ends at `start`.
    pub(super) fn behind(self, start: usize) -> Self {
        Self { start, ..self }
    }

    /// The same room in a first fragment: where it ends is not known any more.
    pub(super) fn of_first_fragment(self) -> Self {
        Self { end: None, ..self }
    }

    /// The same room, nothing read at or behind `wall`.
    pub(super) fn not_behind(self, wall: usize) -> Self {
        Self { seen: self.seen.min(wall), ..self }
    }
}
