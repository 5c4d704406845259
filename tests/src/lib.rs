//! What gate25 promises, tested.
//!
//! [`golden`] is the slow, independent model that judges the packet path; [`frames`] builds the frames both
//! are shown, [`catalogue`] holds the named ones with the verdict expected by hand, [`differential`]
//! compares model and path on them and on what [`generate`] makes up. [`programs`] finds what is run whole.

pub mod captures;
pub mod catalogue;
pub mod differential;
pub mod frames;
pub mod generate;
pub mod golden;
pub mod programs;
