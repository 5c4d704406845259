//! The first pass over eight frames at once where the CPU has no such form: there is none, the scalar pass does it all.

use crate::frame::Direction;

/// Frames taken at once.
pub(crate) const LANES: usize = 8;

/// Never made here.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Wide {}

/// As on x86-64.
pub(crate) struct Sure {
    /// TCP that does not concern port 25.
    pub(crate) other_port: u8,
    /// Neither TCP nor a tunnel to our end.
    pub(crate) not_tcp: u8,
}

impl Wide {
    /// Never.
    pub(crate) const fn new() -> Option<Self> {
        None
    }

    /// Never called.
    pub(crate) const fn look(self, _: &[&[u8]; LANES], _: (bool, bool), _: Direction) -> Sure {
        match self {}
    }
}
