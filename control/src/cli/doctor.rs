//! `gate25 doctor`: is this host fit for gate25, and what mends it if not.

use std::path::PathBuf;

use super::output::{self, Exit, Failure};
use super::show::connect;
use super::{Context, table};
use crate::api::{self, Request};
use crate::doctor::{Finding, Grade, Host, Running, RunningPort, examine};

/// Look at this host.
#[derive(Debug, clap::Args)]
pub(super) struct Doctor {
    /// The dataplane's file: which CPUs and ports are meant
    #[arg(long, value_name = "FILE", default_value = "/etc/gate25/dataplane.toml")]
    config: PathBuf,
}

impl Doctor {
    /// Exits with 1 if anything fails; what is only warned of is 0.
    pub(super) fn run(self, context: &Context) -> Result<Exit, Failure> {
        let config = std::path::absolute(&self.config).unwrap_or(self.config);
        let findings = examine(&Host::default(), &config, running(context));
        if context.json {
            output::json(&findings)?;
        } else {
            output::data(&findings.iter().map(in_words).collect::<String>())?;
        }
        let worst = findings.iter().map(|one| one.grade).max();
        Ok(if worst == Some(Grade::Fail) { Exit::Refused } else { Exit::Ok })
    }
}

/// What the dataplane says of itself, or why it does not.
fn running(context: &Context) -> Result<Running, String> {
    let (dataplane, telemetry) = connect(context).map_err(|failure| failure.to_string())?;
    let control = api::ask(&context.control_socket(), &Request::Status).err().map(|error| error.to_string());
    Ok(Running {
        pid: dataplane.welcome().pid,
        workers: telemetry.shape().workers as u64,
        ports: RunningPort::all(&telemetry),
        control,
    })
}

fn in_words(finding: &Finding) -> String {
    let Finding { check, grade, found, mend } = finding;
    let (word, colour) = match grade {
        Grade::Ok => ("OK", "32"),
        Grade::Warn => ("WARN", "33"),
        Grade::Fail => ("FAIL", "31"),
    };
    let word = format!("{word:<4}");
    let word = if table::is_coloured() { format!("\x1b[{colour}m{word}\x1b[0m") } else { word };
    let mend = mend.as_ref().map_or_else(String::new, |mend| format!("{:22}→ {mend}\n", ""));
    format!("{word}  {check:<16}{found}\n{mend}")
}
