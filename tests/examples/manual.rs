//! Writes what the package needs besides the programs and is made from their arguments: manual pages and completions.
//!
//!     cargo run -p gate25-tests --example manual -- DIR
//!
//! DIR/man gets gate25.1, a page for each of its commands, gate25-control.8 and gate25-dataplane.8; DIR/completions one
//! file for each program and shell.
#![forbid(unsafe_code)]

use std::fs;
use std::io;
use std::path::Path;

use clap::{Command, CommandFactory};
use clap_complete::{Shell, generate_to};
use clap_mangen::Man;

fn main() -> io::Result<()> {
    let Some(folder) = std::env::args_os().nth(1) else {
        return Err(io::Error::other("say into which folder"));
    };
    let (man, completions) = (Path::new(&folder).join("man"), Path::new(&folder).join("completions"));
    fs::create_dir_all(&man)?;
    fs::create_dir_all(&completions)?;
    let mut gate25 = gate25_control::cli::command().disable_help_subcommand(true);
    // So that each command has the options that all share.
    gate25.build();
    pages(&gate25, "gate25", &man)?;
    let daemons = [gate25_control::daemon::Options::command(), gate25_dataplane::arguments::Arguments::command()];
    for daemon in &daemons {
        page(daemon.clone(), daemon.get_name(), "8", &man)?;
    }
    for mut program in daemons.into_iter().chain([gate25]) {
        let name = program.get_name().to_owned();
        for shell in [Shell::Bash, Shell::Zsh, Shell::Fish] {
            generate_to(shell, &mut program, &name, &completions)?;
        }
    }
    Ok(())
}

/// A page for a command and for each below it: gate25.1, gate25-show.1, gate25-show-pools.1.
fn pages(command: &Command, name: &str, folder: &Path) -> io::Result<()> {
    page(command.clone(), name, "1", folder)?;
    for below in command.get_subcommands().filter(|below| !below.is_hide_set()) {
        pages(below, &format!("{name}-{}", below.get_name()), folder)?;
    }
    Ok(())
}

fn page(command: Command, name: &str, section: &str, folder: &Path) -> io::Result<()> {
    let typed = if section == "8" { name.to_owned() } else { name.replace('-', " ") };
    // clap keeps names for good.
    let kept: &'static str = name.to_owned().leak();
    let command = command.name(kept).bin_name(typed).version(env!("CARGO_PKG_VERSION"));
    let mut page = Vec::new();
    Man::new(command).section(section).manual("gate25").source("gate25").render(&mut page)?;
    fs::write(folder.join(format!("{name}.{section}")), page)
}
