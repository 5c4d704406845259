//! The dataplane program: arguments in, exit code out.

use std::process::ExitCode;

use clap::Parser;
use gate25_dataplane::arguments::Arguments;
use gate25_dataplane::config::Config;
use gate25_dataplane::failure::Failure;
use gate25_dataplane::run::run;

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    match start(&arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("gate25-dataplane: {failure}");
            ExitCode::from(failure.exit_code())
        }
    }
}

fn start(arguments: &Arguments) -> Result<(), Failure> {
    let config = Config::load(&arguments.config)?;
    if arguments.check {
        return Ok(());
    }
    // EAL prints pages of usage on stdout when an argument is wrong; a dataplane has no data for stdout.
    let failed = |cause| Failure::system("/dev/null", cause, "mount /dev");
    let null = std::fs::OpenOptions::new().write(true).open("/dev/null").map_err(failed)?;
    rustix::stdio::dup2_stdout(&null).map_err(|errno| failed(errno.into()))?;
    run(&config)
}
