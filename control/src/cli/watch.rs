//! `--watch`: a command again and again, until Ctrl-C, its reader goes, or it fails at the first try.

use std::io::IsTerminal;
use std::time::Duration;

use super::Context;
use super::output::{self, Exit, Failure};

/// How often to repeat.
#[derive(Clone, Copy, Debug, clap::Args)]
pub(super) struct Watch {
    /// Show it again every so many seconds, until Ctrl-C
    #[arg(long, value_name = "SECONDS", global = true, num_args = 0..=1, default_missing_value = "2",
          value_parser = clap::value_parser!(u64).range(1..=86_400))]
    watch: Option<u64>,
}

impl Watch {
    /// Does it once, or for as long as it is watched. On a terminal each time takes the place of the one before. A
    /// dataplane that is away for a while is said so; one that never was there is a failure.
    pub(super) fn run(
        self,
        context: &Context,
        mut once: impl FnMut() -> Result<Exit, Failure>,
    ) -> Result<Exit, Failure> {
        let mut exit = once()?;
        let Some(seconds) = self.watch else { return Ok(exit) };
        while !output::is_closed() {
            std::thread::sleep(Duration::from_secs(seconds));
            clear(context)?;
            exit = match once() {
                Err(failure) if failure.exit() == Exit::Unreachable => {
                    output::talk(&failure.to_string());
                    Exit::Unreachable
                }
                other => other?,
            };
        }
        Ok(exit)
    }
}

/// On a terminal: to the upper left, all behind it blank.
pub(super) fn clear(context: &Context) -> Result<(), Failure> {
    if !context.json && std::io::stdout().is_terminal() {
        output::data("\x1b[H\x1b[2J\x1b[3J")?;
    }
    Ok(())
}
