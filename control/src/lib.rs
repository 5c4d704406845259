//! Policy, publishing, metrics and the command line.

#![forbid(unsafe_code)]

pub mod api;
pub mod capture;
pub mod cli;
pub mod compile;
pub mod config;
pub mod daemon;
pub mod diff;
pub mod doctor;
pub mod explain;
pub mod export;
pub mod guard;
pub mod policy;
pub mod publish;
pub mod queues;
pub mod replay;
pub mod state;
pub mod supervise;
