//! What gate25 promises, tested.
//!
//! [`golden`] is the slow, independent model that judges the packet path; [`frames`] builds the frames both
//! are shown, [`catalogue`] holds the named ones with the verdict expected by hand.

pub mod catalogue;
pub mod frames;
pub mod golden;
