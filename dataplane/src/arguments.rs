//! What is written behind `gate25-dataplane` on a command line; the manual page is made from it too.

use std::path::PathBuf;

use clap::Parser;

use crate::failure::EXIT_CODES;

/// Forwards every frame between access and network ports and drops what the policy says.
#[derive(Debug, Parser)]
#[command(name = "gate25-dataplane", version, after_help = EXIT_CODES)]
pub struct Arguments {
    /// What to run on: instance, cores, links.
    #[arg(long, value_name = "FILE", default_value = "/etc/gate25/dataplane.toml")]
    pub config: PathBuf,
    /// Only read and check the file.
    #[arg(long)]
    pub check: bool,
}
