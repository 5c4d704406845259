//! The program behind scripts/bench. Tables on stdout, talk on stderr.
//!
//! Exit code: 0 measured, 1 something failed or answers differ, 2 wrong usage.

#![forbid(unsafe_code)]

use std::process::ExitCode;

use clap::{Parser, Subcommand};
use gate25_bench::{commit, latency, lookup, path};

/// How fast gate25 is, beside others in the same run.
#[derive(Parser)]
#[command(name = "scripts/bench", version)]
struct Options {
    #[command(subcommand)]
    what: What,
}

#[derive(Subcommand)]
enum What {
    /// Longest prefix match, beside DPDK's look-ups
    Lookup(lookup::Options),
    /// A change of the policy, from control's private build to the last worker
    Commit(commit::Options),
    /// The whole way of a frame, beside dpdk-testpmd
    Path(path::Options),
    /// Round trips through the box, beside dpdk-testpmd
    Latency(latency::Options),
}

fn main() -> ExitCode {
    let result = match Options::parse().what {
        What::Lookup(options) => lookup::run(&options),
        What::Commit(options) => commit::run(&options),
        What::Path(options) => path::run(&options),
        What::Latency(options) => latency::run(&options),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("bench: error: {error}");
            ExitCode::FAILURE
        }
    }
}
