//! `gate25 apply`, `confirm`, `rollback`: changes of the policy in force, through control.

use std::path::{Path, PathBuf};

use super::Context;
use super::output::{self, Exit, Failure};
use crate::api::{self, Applied, Reply, Request};
use crate::policy;

/// Bring a policy into force.
#[derive(Debug, clap::Args)]
pub(super) struct Apply {
    /// The policy file
    file: PathBuf,
    /// What for; kept with the policy
    #[arg(long, value_name = "TEXT")]
    comment: Option<String>,
    /// Override the guard rails, and say why; kept with the policy
    #[arg(long, value_name = "REASON")]
    force: Option<String>,
    /// Go back by itself after this time (30s, 5m, 1h) unless `gate25 confirm` comes
    #[arg(long, value_name = "TIME", value_parser = seconds)]
    confirm: Option<u64>,
}

/// Go back to the policy before.
#[derive(Debug, clap::Args)]
pub(super) struct Rollback {
    /// Number of the policy, as `gate25 history` lists it
    number: Option<u64>,
}

impl Apply {
    pub(super) fn run(self, context: &Context) -> Result<Exit, Failure> {
        // Read here, with the rights of whoever typed this; control gets copies.
        let path = std::path::absolute(&self.file).unwrap_or(self.file);
        let policy = policy::load(&path)?;
        let files: Vec<PathBuf> = policy.files.iter().map(Path::to_path_buf).collect();
        drop(policy);
        let confirm_seconds = self.confirm.unwrap_or(0);
        let apply = api::Apply { comment: self.comment, force: self.force, confirm_seconds, files: Vec::new() };
        applied(api::send_policy(&context.control_socket(), apply, &files)?, context)
    }
}

impl Rollback {
    pub(super) fn run(self, context: &Context) -> Result<Exit, Failure> {
        applied(api::ask(&context.control_socket(), &Request::Rollback { number: self.number })?, context)
    }
}

pub(super) fn confirm(context: &Context) -> Result<Exit, Failure> {
    match api::ask(&context.control_socket(), &Request::Confirm)? {
        Reply::Applied(applied) if !context.json => {
            output::data(&format!("generation {}, digest {}: stays in force\n", applied.generation, applied.digest))
        }
        reply => applied(reply, context),
    }
}

fn applied(reply: Reply, context: &Context) -> Result<Exit, Failure> {
    let applied = match reply {
        Reply::Applied(applied) => applied,
        other => return Err(failure(other)),
    };
    for warning in &applied.warnings {
        output::talk(&format!("warning: {warning}"));
    }
    if context.json {
        return output::json(&applied);
    }
    output::data(&(in_words(&applied) + "\n"))
}

fn in_words(applied: &Applied) -> String {
    let Applied { generation, digest, .. } = applied;
    let how = match (applied.already, applied.nanoseconds) {
        (true, _) => "ran already".to_owned(),
        (false, None) => "every worker runs it".to_owned(),
        (false, Some(nanoseconds)) => {
            format!("every worker runs it, {:.1} ms after it arrived", nanoseconds as f64 / 1e6)
        }
    };
    let confirm = match applied.confirm_seconds {
        0 => String::new(),
        seconds => format!("; gate25 confirm within {seconds} s keeps it"),
    };
    format!("generation {generation}, digest {digest}: {how}{confirm}")
}

/// What an answer that is none of those hoped for means.
pub(super) fn failure(reply: Reply) -> Failure {
    match reply {
        Reply::Refused { cause, text } => Failure::Refused { cause, text },
        _ => Failure::Answer,
    }
}

/// `30s`, `5m`, `1h` or plain seconds, 1 to 86,400 seconds.
fn seconds(text: &str) -> Result<u64, String> {
    let (number, unit) = match text.strip_suffix(['s', 'm', 'h']) {
        Some(number) if text.ends_with('m') => (number, 60),
        Some(number) if text.ends_with('h') => (number, 3600),
        Some(number) => (number, 1),
        None => (text, 1),
    };
    let seconds = number.parse::<u64>().ok().and_then(|number| number.checked_mul(unit));
    let wrong = "write 1s to 24h, as in 30s, 5m or 1h";
    seconds.filter(|seconds| (1..=86_400).contains(seconds)).ok_or_else(|| wrong.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_to_confirm() {
        let good = [("1", 1), ("30s", 30), ("5m", 300), ("24h", 86_400), ("86400", 86_400)];
        good.iter().for_each(|(text, found)| assert_eq!(seconds(text), Ok(*found), "{text}"));
        for text in ["", "0", "m", "-1s", "86401", "25h", "1d", "1.5m", "99999999999999999999h"] {
            assert!(seconds(text).is_err(), "{text}");
        }
    }
}
