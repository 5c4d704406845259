//! gate25-bench: how fast gate25 is, beside others in the same run.
//!
//! [`workload`] generates what is measured, [`rounds`] alternates between what is compared, [`report`] says it.
//! [`lookup`] and the programs' other sub-commands each have a module; each compares answers before it times
//! anything, so that nobody is fast by being wrong.

#![forbid(unsafe_code)]

pub mod commit;
pub mod latency;
pub mod lookup;
pub mod machine;
pub mod path;
pub mod random;
pub mod report;
pub mod rounds;
pub mod workload;
