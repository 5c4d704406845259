//! Bytes to headers to verdict: what gate25 does with one frame, as pure functions.
//!
//! The worker, `gate25 replay`, `gate25 explain` and the fuzzers all call this crate. It does no I/O, knows no
//! DPDK, allocates nothing and never panics, whatever the bytes. Files stand in the order in which a frame
//! meets them: `frame`, `ethernet`, `mpls`, `pppoe`, `ipv4`, `ipv6`, `fragment`, `tunnel`, `gre`, `gtpu`,
//! `tcp` (all driven by `parse`), then `lookup`, `share`, `verdict`, `reject`. `burst` is the quick form, over `frames`,
//! with `wide`, `candidates` and `brief`.
#![deny(unsafe_code)]
#![cfg_attr(
    not(test),
    deny(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::unreachable, clippy::indexing_slicing)
)]

pub mod brief;
pub mod burst;
mod candidates;
mod ethernet;
mod fragment;
pub mod frame;
pub mod frames;
mod gre;
mod gtpu;
mod ipv4;
mod ipv6;
mod lookup;
mod mpls;
pub mod parse;
mod pppoe;
pub mod reject;
pub mod share;
mod step;
mod tcp;
mod tunnel;
pub mod verdict;
pub mod walk;
#[cfg(target_arch = "x86_64")]
mod wide;
#[cfg(not(target_arch = "x86_64"))]
#[path = "narrow.rs"]
mod wide;

pub use brief::Brief;
pub use burst::{BURST, Form, Verdicts, judge_burst, judge_frames};
pub use frame::{Direction, Frame};
pub use frames::Frames;
pub use parse::{Outcome, Packet, Segment, Stop, parse};
pub use share::Line;
pub use verdict::{Action, InboundRead, Verdict, judge, judge_frame};
