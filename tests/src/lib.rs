//! What gate25 promises, tested.
//!
//! [`golden`] is the slow, independent model that judges the packet path; [`frames`] builds the frames both are shown.

pub mod frames;
pub mod golden;
