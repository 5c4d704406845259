//! The reading and the decision told step by step, for `gate25 explain`.
//!
//! The packet path and this tale are the same code: [`Observer`] is a type parameter, and [`Silent`], which the
//! packet path uses, compiles to nothing. An observer hears; it cannot change a verdict.

pub use crate::step::{Ipv4, Ipv6, Step};
pub use crate::tunnel::End;

/// Hears each step, in the order in which the frame is read and judged.
pub trait Observer {
    /// Whether steps are told at all.
    const ON: bool;
    /// Called once for each step.
    fn see(&mut self, step: Step);
}

/// Hears nothing and costs nothing.
#[derive(Clone, Copy, Debug, Default)]
pub struct Silent;

impl Observer for Silent {
    const ON: bool = false;
    #[inline(always)]
    fn see(&mut self, _: Step) {}
}

impl<F: FnMut(Step)> Observer for F {
    const ON: bool = true;
    fn see(&mut self, step: Step) {
        self(step);
    }
}
