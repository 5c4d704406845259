//! `gate25-dataplane`: owns the NICs. One pinned poll-mode worker per core forwards or drops; the main thread does
//! everything slow. Parses no policy text, opens no TCP socket.
//!
//! In the packet's order: [`config`] and [`device`] say what is wanted; [`preflight`], [`lock`] and [`eal`] start;
//! [`links`] and [`port`] hold the ports; [`worker`] moves frames held in [`mbuf`]; [`failure`] is how it ends.

#![deny(unsafe_code)]
#![cfg_attr(not(test), deny(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing))]

pub mod adoption;
pub mod arguments;
pub mod capabilities;
pub mod clock;
pub mod config;
pub mod counting;
pub mod device;
pub mod eal;
pub mod failure;
pub mod generations;
pub mod housekeeping;
pub mod idle;
pub mod links;
pub mod lock;
pub mod mbuf;
pub mod port;
pub mod preflight;
pub mod propagate;
pub mod run;
pub mod server;
pub mod supervision;
pub mod watching;
pub mod worker;
