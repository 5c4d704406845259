//! The first pass over eight frames at once where the CPU has no such form: there is none, the scalar pass does it all.

use crate::burst::Sorted;
use crate::frame::Direction;
use crate::frames::Frames;

/// Never made here.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Wide {}

impl Wide {
    /// Never.
    pub(crate) const fn new() -> Option<Self> {
        None
    }

    /// Never called.
    pub(crate) fn sort(self, _: &Frames<'_>, _: (bool, bool), _: Direction, _: &mut Sorted) {
        match self {}
    }
}
