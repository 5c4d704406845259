//! A commit: check, guard, keep on disk, publish, keep for good. Refused at any step, nothing has changed.

use std::sync::Arc;

use super::desk::not_kept;
use super::events::event;
use super::held::{Awaiting, Held};
use super::{Commit, Supervisor, Work, now};
use crate::api::{Applied, Apply, Cause, Event, Peer, Reply, What};
use crate::guard;
use crate::policy::Policy;
use crate::publish::{Prepared, PublishError, Published};
use crate::state::{FORMAT, Manifest, StateError, Stored, Upload};

/// Why a commit did not come about.
#[derive(Debug, thiserror::Error)]
pub(super) enum CommitError {
    #[error("{0}")]
    Busy(String),
    #[error("{0}")]
    Dataplane(String),
    #[error(transparent)]
    Publish(#[from] PublishError),
    #[error("{0}")]
    Policy(String),
    #[error("{0}")]
    Guard(String),
    #[error(transparent)]
    State(StateError),
}

impl From<StateError> for CommitError {
    fn from(error: StateError) -> CommitError {
        match error {
            StateError::Policy { errors, .. } => CommitError::Policy(errors.to_string()),
            other => CommitError::State(other),
        }
    }
}

impl Supervisor {
    pub(super) fn work(&mut self, work: Work) -> Reply {
        let by = work.by();
        let done = match work {
            Work::Commit(commit) => self.commit(*commit),
            Work::Confirm(by) => self.confirm(by),
            Work::Rollback(number, by) => self.rollback(number, by),
        };
        self.shared.counts.came_of_it(done.is_ok(), now());
        match done {
            Ok(applied) => Reply::Applied(applied),
            Err(error) => {
                self.said.clear();
                self.say(format!("refused {by}: {error}"));
                Reply::Refused { cause: error.cause(), text: error.to_string() }
            }
        }
    }

    fn commit(&mut self, commit: Commit) -> Result<Applied, CommitError> {
        if let Some(awaiting) = &self.awaiting {
            return Err(CommitError::Busy(format!(
                "generation {} waits for confirmation; gate25 confirm or gate25 rollback first",
                awaiting.generation
            )));
        }
        let policy = Arc::new(commit.upload.policy(now())?);
        let mut warnings = self.guard(&policy, &commit.apply)?;
        warnings.extend(policy.warnings.iter().map(ToString::to_string));
        self.bring(commit, policy, warnings)
    }

    /// What a guard rail says is refused, or with `force` a warning.
    fn guard(&self, policy: &Policy, apply: &Apply) -> Result<Vec<String>, CommitError> {
        let before = self.held.as_ref().map(|held| &*held.policy);
        let violations = guard::compare(before, policy, now()).violations;
        let lines: Vec<String> = violations.iter().map(ToString::to_string).collect();
        if lines.is_empty() || apply.force.is_some() {
            return Ok(lines);
        }
        Err(CommitError::Guard(format!("{}\nif it is meant: gate25 apply --force REASON", lines.join("\n"))))
    }

    /// Publishes a checked policy and keeps it.
    fn bring(&mut self, commit: Commit, policy: Arc<Policy>, warnings: Vec<String>) -> Result<Applied, CommitError> {
        let missing = || CommitError::Dataplane("no dataplane is connected; start it, then apply again".into());
        let compiled_at = now();
        let prepared =
            Prepared::new(&policy.at(compiled_at), self.dataplane.as_mut().ok_or_else(missing)?, &mut self.known)?;
        let prefixes = Some(policy.sources.len() as u64);
        let confirm_seconds = if prepared.runs_already() { 0 } else { commit.apply.confirm_seconds };
        let manifest = Manifest { prefixes, confirm_seconds, ..manifest(&commit, &prepared, compiled_at) };
        // On disk before it is sent: whoever dies in between, the next control finds out what runs.
        self.store.make_pending(commit.upload, &manifest)?;
        let dataplane = self.dataplane.as_mut().ok_or_else(missing)?;
        let published = match prepared.publish(dataplane, confirm_seconds) {
            Ok(published) => published,
            Err(error) => return Err(self.undone(error)),
        };
        let stored =
            self.store.pending()?.ok_or_else(|| CommitError::Dataplane("the pending policy is gone".into()))?;
        let held = Held { stored, policy, compiled_at, digest: published.digest };
        Ok(self.done(held, published, confirm_seconds, warnings))
    }

    fn done(&mut self, held: Held, published: Published, confirm_seconds: u64, mut warnings: Vec<String>) -> Applied {
        if !published.already {
            let by = held.stored.manifest.by;
            self.say(format!("{by} brought generation {} into force", published.generation));
        }
        self.settled = true;
        if confirm_seconds > 0 {
            let Manifest { by, comment, applied_at, .. } = &held.stored.manifest;
            let tried = event(What::Tried, &held.stored, Some(*by), comment.clone().unwrap_or_default());
            self.record(Event { at: *applied_at, ..tried });
            self.awaiting = Some(Awaiting { held, generation: published.generation });
        } else if !self.keep(held) {
            warnings.extend(self.shared.view().problem);
        }
        Applied {
            generation: published.generation,
            digest: format!("{:032x}", published.digest),
            already: published.already,
            nanoseconds: published.nanoseconds,
            confirm_seconds,
            warnings,
        }
    }

    /// After a failed publishing: what is pending goes, unless the dataplane may run it.
    fn undone(&mut self, error: PublishError) -> CommitError {
        if let PublishError::Unknown { .. } = error {
            // The next connection tells what runs; what is pending is decided then.
            (self.dataplane, self.settled) = (None, false);
        } else if let Err(error) = self.store.discard_pending() {
            self.trouble(error.to_string());
        }
        error.into()
    }

    fn confirm(&mut self, by: Peer) -> Result<Applied, CommitError> {
        let Some(awaiting) = self.awaiting.take() else {
            return Err(CommitError::Busy("no policy waits for confirmation".into()));
        };
        let generation = awaiting.generation;
        let asked = self.dataplane.as_mut().map(|dataplane| dataplane.confirm(generation));
        match asked {
            Some(Ok(())) => {
                self.say(format!("{by} confirmed generation {generation}"));
                let published =
                    Published { generation, digest: awaiting.held.digest, already: true, nanoseconds: None };
                let applied = self.done(awaiting.held, published, 0, Vec::new());
                if let Some(held) = self.held.clone() {
                    self.record(event(
                        What::Confirmed,
                        &held.stored,
                        Some(by),
                        format!("generation {generation} stays"),
                    ));
                }
                Ok(applied)
            }
            failed => {
                self.awaiting = Some(awaiting);
                let why = failed.and_then(Result::err).map(|error| error.to_string());
                Err(CommitError::Dataplane(why.unwrap_or_else(|| "no dataplane is connected; start it".into())))
            }
        }
    }

    /// Back to a policy that was in force. Guard rails are not asked: it is the way out of a mistake.
    fn rollback(&mut self, number: Option<u64>, by: Peer) -> Result<Applied, CommitError> {
        if let Some(awaiting) = self.awaiting.take() {
            return self.give_up(awaiting, by);
        }
        let numbers = self.store.numbers()?;
        let before = numbers.iter().rev().nth(1).copied();
        let number = number.or(before).ok_or_else(|| {
            CommitError::Busy("there is no policy before this one; gate25 history lists what is kept".into())
        })?;
        if !numbers.contains(&number) {
            return Err(CommitError::Busy(not_kept(number, &numbers)));
        }
        let stored = self.store.number(number)?;
        let policy = Arc::new(stored.policy(now())?);
        let upload = copy(self.store.upload()?, &stored)?;
        let comment = Some(format!("rollback to policy {number}"));
        let apply = Apply { comment, force: Some("rollback".into()), ..Apply::default() };
        self.bring(Commit { upload, apply, by }, policy, Vec::new())
    }

    /// Leaves a policy that waits for confirmation.
    fn give_up(&mut self, awaiting: Awaiting, by: Peer) -> Result<Applied, CommitError> {
        let asked = self.dataplane.as_mut().map(super::Dataplane::rollback);
        match asked {
            Some(Ok(generation)) => {
                self.say(format!("{by} went back to generation {generation}"));
                let note = format!("back to generation {generation}");
                self.record(event(What::RolledBack, &awaiting.held.stored, Some(by), note));
                self.store.discard_pending()?;
                let digest = self.held.as_ref().map_or(0, |held| held.digest);
                Ok(Applied { generation, digest: format!("{digest:032x}"), ..Applied::default() })
            }
            failed => {
                self.awaiting = Some(awaiting);
                let why = failed.and_then(Result::err).map(|error| error.to_string());
                Err(CommitError::Dataplane(why.unwrap_or_else(|| "no dataplane is connected; start it".into())))
            }
        }
    }
}

impl CommitError {
    fn cause(&self) -> Cause {
        match self {
            CommitError::Busy(_) => Cause::Busy,
            CommitError::Dataplane(_) | CommitError::Publish(_) => Cause::Dataplane,
            CommitError::Policy(_) => Cause::Policy,
            CommitError::Guard(_) => Cause::Guard,
            CommitError::State(_) => Cause::State,
        }
    }
}

fn manifest(commit: &Commit, prepared: &Prepared, applied_at: i64) -> Manifest {
    Manifest {
        format: FORMAT,
        applied_at,
        by: commit.by,
        comment: commit.apply.comment.clone(),
        force: commit.apply.force.clone(),
        digest: format!("{:032x}", prepared.digest()),
        generation: prepared.generation(),
        prefixes: None,
        confirm_seconds: 0,
        files: commit.upload.files().to_vec(),
    }
}

fn copy(mut to: Upload, from: &Stored) -> Result<Upload, StateError> {
    for (index, file) in from.manifest.files.iter().enumerate() {
        to.add(&file.path, file.bytes, &mut from.file(index)?)?;
    }
    Ok(to)
}
