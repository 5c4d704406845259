//! `gate25-control`: see [`gate25_control::daemon`].
#![forbid(unsafe_code)]

use std::process::ExitCode;

use clap::Parser;
use gate25_control::daemon::{Options, run};

fn main() -> ExitCode {
    match run(&Options::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("gate25-control: {error}");
            ExitCode::FAILURE
        }
    }
}
