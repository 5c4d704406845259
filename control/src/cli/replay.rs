//! `gate25 replay`: captured packets judged by a policy.

use std::io;

use super::Context;
use super::output::{self, Exit, Failure};
use crate::replay::{self, Arguments, Ending, ReplayError};

/// Replays; the summary goes to stdout, warnings and what went wrong with a capture to stderr.
pub(super) fn run(arguments: &Arguments, context: &Context) -> Result<Exit, Failure> {
    let mut out = io::stdout().lock();
    match replay::run(arguments, context.json, &mut out, &mut io::stderr()) {
        Ok(Ending::Judged) => Ok(Exit::Ok),
        Ok(Ending::NotCaptured) => {
            output::talk("gate25: packets were captured too short to be judged; capture with `tcpdump -s 0`");
            Ok(Exit::NotCaptured)
        }
        Ok(Ending::CaptureEnded | Ending::Differs) => Ok(Exit::Refused),
        Err(ReplayError::Summary(error)) => output::unless_closed(Err(error)),
        Err(error) => Err(error.into()),
    }
}
