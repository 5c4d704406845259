//! The program `gate25`: what a person types.
//!
//! Data on stdout, talk on stderr. Every table has `--json`, which gives at least as much. A command that
//! fails prints one line per thing that is wrong, and changes nothing.

mod apply;
mod check;
mod diff;
mod doctor;
mod explain;
mod frame;
mod history;
mod kept;
mod output;
mod replay;
mod show;
mod table;
mod top;
mod trie;
mod user;
mod walk;
mod watch;
mod who;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::{api, daemon};
pub use output::{Exit, Failure};

/// Port-25 blocking at the edge: checks and applies policies, shows what runs, explains what happens to mail.
#[derive(Debug, Parser)]
#[command(name = "gate25", version, after_help = EXIT_CODES, disable_help_subcommand = true)]
struct Arguments {
    /// Which dataplane: `instance` in its dataplane.toml
    #[arg(long, global = true, value_name = "NAME", default_value = "gate25", env = "GATE25_INSTANCE",
          value_parser = daemon::instance)]
    instance: String,
    /// Folder of the sockets: `run_dir` in dataplane.toml
    #[arg(long, global = true, value_name = "DIR", default_value = "/run/gate25", env = "GATE25_RUN_DIR")]
    run_dir: PathBuf,
    /// Print JSON instead of a table
    #[arg(long, global = true)]
    json: bool,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Check a policy file and the prefix files it names; needs no daemon
    Check(check::Check),
    /// Say what a policy file would change: settings, prefixes, address space newly enforced and released
    Diff(diff::DiffFile),
    /// Bring a policy into force; returns when every worker runs it
    Apply(apply::Apply),
    /// Keep the policy that was applied with --confirm
    Confirm,
    /// Go back to the policy before, or to an older one
    Rollback(apply::Rollback),
    /// Tell who applied, confirmed and rolled back what, newest first
    History,
    /// Say what runs, since when, who applied it, and what is wrong
    Status(Status),
    /// Look at this host: huge pages, CPUs, NICs, drivers, DPDK; say what mends what is not well
    Doctor(doctor::Doctor),
    /// Show rates of links, pools and workers, again and again
    Top(top::Top),
    /// Show what runs and what is counted
    Show(show::ShowWhat),
    /// Say in which pool or exemption an address is, by which prefix, in which stage and since when
    Who(who::Who),
    /// Say what happens to mail from one address to another, or to a frame, and why
    Explain(explain::Explain),
    /// Judge captured packets by a policy: what would be stopped, what would leave each port
    Replay(crate::replay::Arguments),
}

/// Say what runs.
#[derive(Debug, clap::Args)]
struct Status {
    #[command(flatten)]
    watch: watch::Watch,
}

/// Where to ask, and how to print.
#[derive(Debug)]
struct Context {
    instance: String,
    run_dir: PathBuf,
    json: bool,
}

impl Context {
    fn dataplane_socket(&self) -> PathBuf {
        api::dataplane_socket(&self.run_dir, &self.instance)
    }

    fn control_socket(&self) -> PathBuf {
        api::control_socket(&self.run_dir, &self.instance)
    }
}

/// The program's arguments, for its manual and its completions.
pub fn command() -> clap::Command {
    <Arguments as clap::CommandFactory>::command()
}

/// Runs the program.
pub fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let context = Context { instance: arguments.instance, run_dir: arguments.run_dir, json: arguments.json };
    let done = match arguments.command {
        Command::Check(check) => check.run(&context),
        Command::Diff(diff) => diff.run(&context),
        Command::Who(who) => who.run(&context),
        Command::Apply(apply) => apply.run(&context),
        Command::Confirm => apply::confirm(&context),
        Command::Rollback(rollback) => rollback.run(&context),
        Command::History => history::run(&context),
        Command::Status(status) => status.watch.run(&context, || show::status::run(&context)),
        Command::Doctor(doctor) => doctor.run(&context),
        Command::Top(top) => top.run(&context),
        Command::Show(show) => show.run(&context),
        Command::Explain(explain) => explain.run(&context),
        Command::Replay(arguments) => replay::run(&arguments, &context),
    };
    match done {
        Ok(exit) => exit.into(),
        Err(failure) => {
            output::talk(&failure.to_string());
            failure.exit().into()
        }
    }
}

const EXIT_CODES: &str = "\
Exit codes:
  0  done
  1  refused or failed, nothing has changed; doctor: something does not work
  2  wrong usage
  3  replay: packets were captured too short to be judged
  4  the dataplane or gate25-control cannot be reached
  5  a guard rail refuses the policy; apply --force REASON overrides";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        command().debug_assert();
    }
}
