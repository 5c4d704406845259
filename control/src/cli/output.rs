//! How a command ends: exit codes, failures, and the two streams.

use std::io::{self, Write};
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, Ordering};

use gate25_include::handover::SocketError;
use serde::Serialize;

use crate::api::{Cause, ClientError};
use crate::compile::CompileError;
use crate::config::PolicyErrors;
use crate::publish::PublishError;
use crate::replay::ReplayError;

/// How a command ended. The numbers are part of the interface.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Exit {
    /// Done.
    Ok = 0,
    /// Refused or failed; nothing has changed.
    Refused = 1,
    /// Replay judged all but packets that were captured too short.
    NotCaptured = 3,
    /// The dataplane or control cannot be reached.
    Unreachable = 4,
    /// A guard rail refuses the policy.
    Guard = 5,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> ExitCode {
        ExitCode::from(exit as u8)
    }
}

/// Why a command failed; prints what stderr gets.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Failure {
    /// The policy has errors.
    #[error(transparent)]
    Policy(#[from] PolicyErrors),
    /// The policy does not compile.
    #[error(transparent)]
    Compile(#[from] CompileError),
    /// Control said no.
    #[error("{text}")]
    Refused {
        /// Which kind of cause.
        cause: Cause,
        /// In words.
        text: String,
    },
    /// Control cannot be asked.
    #[error(transparent)]
    Control(#[from] ClientError),
    /// The dataplane cannot be asked.
    #[error(transparent)]
    Dataplane(#[from] PublishError),
    /// A replay or a walk cannot be done.
    #[error(transparent)]
    Replay(#[from] ReplayError),
    /// An answer of control that does not fit the question.
    #[error("gate25-control gave another answer than was asked for; run programs of one release")]
    Answer,
    /// Control holds another policy than the one that runs, or none; there is nothing to explain.
    #[error("{0}")]
    Other(String),
    /// Standard output is closed or full.
    #[error("cannot write to standard output: {0}")]
    Output(#[from] io::Error),
}

impl From<SocketError> for Failure {
    fn from(error: SocketError) -> Failure {
        Failure::Dataplane(error.into())
    }
}

impl Failure {
    /// The exit code.
    pub fn exit(&self) -> Exit {
        match self {
            Failure::Control(ClientError::Connect { .. } | ClientError::Io(_)) => Exit::Unreachable,
            Failure::Dataplane(PublishError::Socket(error)) if !matches!(error, SocketError::Refused { .. }) => {
                Exit::Unreachable
            }
            Failure::Refused { cause: Cause::Guard, .. } => Exit::Guard,
            _ => Exit::Refused,
        }
    }
}

/// Says a line on stderr; nobody listening is no reason to fail.
pub(super) fn talk(text: &str) {
    let _ = writeln!(io::stderr(), "{text}");
}

/// Prints data on stdout.
pub(super) fn data(text: &str) -> Result<Exit, Failure> {
    let mut out = io::stdout().lock();
    unless_closed(out.write_all(text.as_bytes()).and_then(|()| out.flush()))
}

/// A reader that went away, as in `gate25 show pools | head`, has what it wanted.
pub(super) fn unless_closed(written: io::Result<()>) -> Result<Exit, Failure> {
    match written {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => {
            CLOSED.store(true, Ordering::Relaxed);
            Ok(Exit::Ok)
        }
        other => Ok(other.map(|()| Exit::Ok)?),
    }
}

/// Whether the reader of stdout went away; whoever repeats something stops then.
pub(super) fn is_closed() -> bool {
    CLOSED.load(Ordering::Relaxed)
}

static CLOSED: AtomicBool = AtomicBool::new(false);

/// Prints a value as JSON on stdout.
pub(super) fn json(value: &impl Serialize) -> Result<Exit, Failure> {
    let text = serde_json::to_string_pretty(value).map_err(io::Error::from)?;
    data(&(text + "\n"))
}

/// 128 bits as 32 hexadecimal digits.
pub(super) fn hex(digest: u128) -> String {
    format!("{digest:032x}")
}
