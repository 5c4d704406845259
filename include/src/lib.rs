//! The contract between `gate25-control` and `gate25-dataplane`: everything both processes must
//! agree on, and nothing else. No DPDK, no threads, no policy text.
//!
//! They meet in two places: the [`image`] (tables in) and the [`telemetry`] (numbers out). The
//! [`handover`] messages carry the descriptors of both; [`counters`] is the one list of what is
//! counted. `unsafe` stands in [`memfd`] and in the vectorised look-up
//! (`table/four/avx512.rs` and its call, `table/six/avx512/`) only.

#![deny(unsafe_code)]
#![cfg_attr(not(test), deny(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing))]

#[cfg(not(target_endian = "little"))]
compile_error!("the image and the telemetry are little-endian words: big-endian hosts are not supported");

pub mod c_header;
pub mod counters;
pub mod handover;
pub mod image;
pub mod memfd;
pub mod table;
pub mod telemetry;
