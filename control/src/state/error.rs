//! What can be wrong with the policies on disk.

use std::path::{Path, PathBuf};

use crate::config::PolicyErrors;

/// Why a policy cannot be kept or read back. What the dataplane runs is not touched.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StateError {
    /// The operating system says no.
    #[error("cannot {what} {}: {error}; {remedy}", path.display())]
    Io {
        /// What was tried.
        what: &'static str,
        /// On what.
        path: PathBuf,
        /// The answer.
        error: std::io::Error,
        /// What to do.
        remedy: &'static str,
    },
    /// Another process keeps its policies there.
    #[error("{} is in use by another gate25-control; stop it, or give this one its own --state-dir", path.display())]
    InUse {
        /// The folder.
        path: PathBuf,
    },
    /// A stored file is not what was stored.
    #[error("stored policy {} is damaged: {what}; apply the policy again", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// In which way.
        what: String,
    },
    /// The stored policy is whole, but this program does not accept it.
    #[error("stored policy {} is not accepted: {errors}", path.display())]
    Policy {
        /// Its folder.
        path: PathBuf,
        /// What is wrong with it.
        errors: PolicyErrors,
    },
    /// What the client sent ends too early.
    #[error("{} ended after {got} of {bytes} bytes; apply again", path.display())]
    Cut {
        /// The file, by the operator's name.
        path: PathBuf,
        /// Bytes announced.
        bytes: u64,
        /// Bytes that came.
        got: u64,
    },
}

impl StateError {
    /// An error of the operating system, with the remedy that fits it.
    pub(super) fn io(what: &'static str, path: &Path, error: std::io::Error) -> StateError {
        let remedy = match error.kind() {
            std::io::ErrorKind::StorageFull | std::io::ErrorKind::QuotaExceeded => "free space there",
            std::io::ErrorKind::ReadOnlyFilesystem => "mount it writable",
            std::io::ErrorKind::PermissionDenied => "let gate25-control's user own the folder",
            std::io::ErrorKind::TimedOut | std::io::ErrorKind::WouldBlock => "send it without pauses",
            _ => "check the folder given as --state-dir",
        };
        StateError::Io { what, path: path.to_owned(), error, remedy }
    }
}
