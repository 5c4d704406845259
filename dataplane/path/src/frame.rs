//! One frame as it was received: its bytes, and how long it was on the wire.
//!
//! Lengths are judged by the wire, bytes by what was captured. A byte that lies on the wire but was not captured
//! is [`NotCaptured`]; in the dataplane frames are whole and that never happens.

pub use gate25_include::telemetry::Direction;

/// An Ethernet frame from its destination address on, without preamble and without check sequence.
#[derive(Clone, Copy, Debug)]
pub struct Frame<'a> {
    bytes: &'a [u8],
    wire_len: usize,
}

impl<'a> Frame<'a> {
    /// A frame of which every byte is at hand.
    #[must_use]
    #[inline]
    pub const fn whole(bytes: &'a [u8]) -> Self {
        Self { bytes, wire_len: bytes.len() }
    }

    /// The first bytes of a frame that was `wire_len` bytes long, as in a capture with a snap length.
    /// A `wire_len` below `bytes.len()` counts as `bytes.len()`, one above 2³² − 1 as 2³² − 1.
    #[must_use]
    pub fn captured(bytes: &'a [u8], wire_len: usize) -> Self {
        Self { bytes, wire_len: wire_len.min(u32::MAX as usize).max(bytes.len()) }
    }

    /// The bytes at hand.
    #[must_use]
    #[inline]
    pub const fn bytes(self) -> &'a [u8] {
        self.bytes
    }

    /// Length on the wire, in bytes; at least `bytes().len()`.
    #[must_use]
    #[inline]
    pub const fn wire_len(self) -> usize {
        self.wire_len
    }

    /// The byte at `at`.
    #[inline]
    pub(crate) fn u8(self, at: usize) -> Result<u8, NotCaptured> {
        self.bytes.get(at).copied().ok_or(NotCaptured)
    }

    /// The big-endian 16 bits at `at`.
    #[inline]
    pub(crate) fn u16(self, at: usize) -> Result<u16, NotCaptured> {
        self.array(at).map(u16::from_be_bytes)
    }

    /// The big-endian 32 bits at `at`.
    #[inline]
    pub(crate) fn u32(self, at: usize) -> Result<u32, NotCaptured> {
        self.array(at).map(u32::from_be_bytes)
    }

    /// The big-endian 128 bits at `at`.
    #[inline]
    pub(crate) fn u128(self, at: usize) -> Result<u128, NotCaptured> {
        self.array(at).map(u128::from_be_bytes)
    }

    /// The `N` bytes at `at`.
    #[inline]
    pub(crate) fn array<const N: usize>(self, at: usize) -> Result<[u8; N], NotCaptured> {
        match self.bytes.get(at..).and_then(<[u8]>::first_chunk) {
            Some(chunk) => Ok(*chunk),
            None => Err(NotCaptured),
        }
    }
}

/// A byte that had to be looked at was on the wire, but not captured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotCaptured;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_behind_the_capture_are_not_captured() {
        let frame = Frame::captured(&[1, 2, 3], 10);
        assert_eq!(frame.u8(2), Ok(3));
        assert_eq!(frame.u16(1), Ok(0x0203));
        assert_eq!(frame.u16(2), Err(NotCaptured));
        assert_eq!(frame.u8(3), Err(NotCaptured));
        assert_eq!(frame.u32(usize::MAX), Err(NotCaptured));
        assert_eq!(frame.wire_len(), 10);
    }

    #[test]
    fn the_wire_is_never_shorter_than_the_capture() {
        assert_eq!(Frame::captured(&[0; 4], 2).wire_len(), 4);
        assert_eq!(Frame::captured(&[], usize::MAX).wire_len(), u32::MAX as usize);
    }
}
