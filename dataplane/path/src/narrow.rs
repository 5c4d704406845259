//! The forms for eight frames at once where the CPU has none: there are none, the scalar ones do it all.

use gate25_include::image::PoolHead;

use crate::brief::Brief;
use crate::burst::{Form, Sorted};
use crate::candidates::{Found, Judged};
use crate::frame::Direction;
use crate::frames::{BURST, Frames};

/// Never made here.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Wide {}

impl Wide {
    /// Never.
    pub(crate) const fn new(_: Form) -> Option<Self> {
        None
    }

    /// Never called.
    pub(crate) fn sort(self, _: &Frames<'_>, _: (bool, bool), _: Direction, _: &mut Sorted) {
        match self {}
    }

    /// Never called.
    pub(crate) fn judge(self, _: &[PoolHead], _: &[u8; BURST], _: &Found, _: &Found, _: &mut [Brief; BURST]) -> Judged {
        match self {}
    }
}
