//! A policy that control keeps, fetched to be read here: control is asked for bytes, not for work.

use std::path::{Path, PathBuf};

use gate25_include::image::Image;
use tempfile::TempDir;

use super::Context;
use super::apply::failure;
use super::output::Failure;
use crate::api::{self, FileHeader, PolicyState, Reply, Request};
use crate::compile::{Slots, compile};
use crate::config::format_time;
use crate::policy::{self, Effective, Policy};

/// A kept policy and its files, in a folder that goes with it.
pub(super) struct Kept {
    /// About its commit.
    pub(super) about: PolicyState,
    /// The policy file, then its prefix files.
    pub(super) files: Vec<FileHeader>,
    folder: TempDir,
}

impl Kept {
    /// The policy with this number, or the one that runs.
    pub(super) fn fetch(context: &Context, number: Option<u64>) -> Result<Kept, Failure> {
        let folder = tempfile::Builder::new().prefix("gate25-").tempdir().map_err(|error| {
            let at = std::env::temp_dir();
            Failure::Other(format!("cannot make a folder in {}: {error}; set TMPDIR to one with space", at.display()))
        })?;
        match api::fetch_policy(&context.control_socket(), number, folder.path())? {
            Reply::Policy { policy, files } => Ok(Kept { about: policy, files, folder }),
            other => Err(failure(other)),
        }
    }

    /// The last policy that was applied up to this second.
    pub(super) fn of_time(context: &Context, at: i64) -> Result<Kept, Failure> {
        let policies = match api::ask(&context.control_socket(), &Request::History)? {
            Reply::History { policies, .. } => policies,
            other => return Err(failure(other)),
        };
        match policies.iter().find(|policy| policy.applied_at <= at) {
            Some(policy) => Kept::fetch(context, Some(policy.number)),
            None => {
                let first = policies.last().map(|policy| format_time(policy.applied_at));
                let first = first.map_or_else(|| "is empty".to_owned(), |first| format!("begins at {first}"));
                Err(Failure::Other(format!("no policy is kept of {}; the history {first}", format_time(at))))
            }
        }
    }

    /// The text of one of its files.
    pub(super) fn text(&self, index: usize) -> Result<String, Failure> {
        let path = self.folder.path().join(index.to_string());
        let unread = |error| Failure::Other(format!("cannot read {}: {error}; try again", path.display()));
        let bytes = std::fs::read(&path).map_err(unread)?;
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }

    /// As it reads at a second; what had expired when it was applied stays expired.
    pub(super) fn policy(&self, at: i64) -> Result<Policy, Failure> {
        let copy_of = |path: &Path| -> PathBuf {
            let index = self.files.iter().position(|file| file.path == path);
            self.folder.path().join(index.map_or_else(|| "not-kept".to_owned(), |index| index.to_string()))
        };
        let path = self.files.first().map_or(Path::new("policy.toml"), |file| &file.path);
        Ok(policy::load_copy(path, at.max(self.about.applied_at), &copy_of)?)
    }

    /// One line about it.
    pub(super) fn title(&self) -> String {
        let PolicyState { number, applied_at, by, .. } = &self.about;
        match number {
            0 => format!("the policy of {} by {by}, which waits for confirmation", format_time(*applied_at)),
            number => format!("policy {number} of {} by {by}", format_time(*applied_at)),
        }
    }
}

/// The image of a policy at a time, with counter slots of its own.
pub(super) fn image(at: &Effective<'_>) -> Result<Image, Failure> {
    Image::from_words(compile(at, &Slots::default(), 1)?).map_err(|error| Failure::Dataplane(error.into()))
}
