//! The image: one generation of the whole policy, as control compiled it and workers read it.
//!
//! A position-independent run of little-endian `u32` words; offsets count words from its start.
//! [`mod@format`] says where everything stands, [`ImageBuilder`] writes it, [`Image`] reads it. An
//! [`Image`] exists only after every index in it was checked once, so look-ups cannot fail.

mod assembly;
mod builder;
mod digest;
mod error;
pub mod format;
mod pool;
mod reader;
mod sources;
mod validate;

pub use assembly::Assembly;
pub use builder::{ImageBuilder, PoolSpec};
pub use digest::{Digest, Item, OwnerHash, Place};
pub use error::{BuildError, ImageError};
pub use pool::{Action, Kind, Match, Pool, PoolHead, Stage, Undetermined};
pub use reader::{Image, SourceMatch};
pub use sources::{SourceTables, Sources, source_value};

#[cfg(test)]
mod tests;
