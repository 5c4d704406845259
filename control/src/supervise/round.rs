//! A round: is the dataplane there, does it run what it should, has a time come?

use std::sync::Arc;
use std::time::{Duration, Instant};

use gate25_include::handover::Status;

use super::ahead::Ahead;
use super::events::event;
use super::held::{Awaiting, Held};
use super::shared::Counts;
use super::{Supervisor, now};
use crate::api::What;
use crate::config::format_time;
use crate::publish::{Dataplane, Prepared, PublishError};
use crate::state::{StateError, Stored};

impl Supervisor {
    /// One look at everything. Waits at most the dataplane's patience, and for an image to be adopted.
    pub(super) fn round(&mut self) {
        let Some(status) = self.ask() else { return };
        if let Err(error) = self.see(status) {
            return self.lost(&error.to_string());
        }
        self.resolve_awaiting(status);
        self.came_by_itself(status);
        let now = now();
        let overdue = !self.ahead.covers(now) && self.held.as_ref().is_some_and(|held| held.is_overdue(now));
        let wait = self.retry_at.is_some_and(|at| Instant::now() < at);
        if (overdue || !self.settled) && !wait && self.awaiting.is_none() {
            self.settle(status);
        }
        self.note_times();
        if self.settled && !wait && self.awaiting.is_none() {
            self.plan_ahead();
        }
    }

    /// What the dataplane runs; connects first if need be.
    fn ask(&mut self) -> Option<Status> {
        if self.dataplane.is_none() {
            match Dataplane::connect(&self.settings.socket, self.settings.patience) {
                Ok(dataplane) => self.connected(dataplane),
                Err(error) => {
                    self.lost(&error.to_string());
                    return None;
                }
            }
        }
        match self.dataplane.as_mut()?.status() {
            Ok(status) => Some(status),
            Err(error) => {
                self.lost(&error.to_string());
                None
            }
        }
    }

    fn connected(&mut self, dataplane: Dataplane) {
        let welcome = dataplane.welcome().clone();
        self.say(format!(
            "connected to dataplane \"{}\" (process {}, started {})",
            welcome.instance,
            welcome.pid,
            format_time(i64::try_from(welcome.started_at).unwrap_or(i64::MAX))
        ));
        Counts::add(&self.shared.counts.connects);
        self.shared.change(|view| {
            view.welcome = welcome;
            (view.telemetry, view.image) = (None, None);
        });
        (self.dataplane, self.settled, self.retry_at) = (Some(dataplane), false, None);
        (self.ahead, self.noted) = (Ahead::default(), 0);
    }

    fn lost(&mut self, why: &str) {
        self.say(format!("no dataplane: {why}"));
        self.dataplane = None;
        self.shared.change(|view| (view.up, view.unreachable) = (false, Some(why.to_owned())));
    }

    /// Brings what others see up to date.
    fn see(&mut self, status: Status) -> Result<(), PublishError> {
        let Some(dataplane) = self.dataplane.as_mut() else { return Ok(()) };
        let view = self.shared.view();
        let telemetry = match view.telemetry {
            Some(telemetry) => telemetry,
            None => Arc::new(dataplane.telemetry()?),
        };
        let runs = view.image.as_ref().map_or(0, |image| image.generation());
        let image = if runs == status.generation { view.image } else { dataplane.image()?.map(Arc::new) };
        // First, so that whoever sees the generation sees the stages it brought.
        if let Some(image) = image.as_ref().filter(|_| runs != status.generation) {
            self.note_stages(image);
        }
        self.shared.change(|view| {
            (view.up, view.unreachable, view.status) = (true, None, status);
            (view.telemetry, view.image) = (Some(telemetry), image);
        });
        Ok(())
    }

    /// Reads the stored policy.
    pub(super) fn load_stored(&mut self) {
        let held = match self.store.current() {
            Ok(None) => return self.say("no policy is stored yet; gate25 apply FILE".into()),
            Ok(Some(stored)) => load(stored),
            Err(error) => Err(error),
        };
        match held {
            Ok(held) => {
                self.say(format!(
                    "holds policy {} of {}",
                    held.stored.number,
                    format_time(held.stored.manifest.applied_at)
                ));
                self.hold(held);
            }
            Err(error) => {
                self.trouble(format!("{error}; nothing is published, what the dataplane runs stays in force"))
            }
        }
    }

    pub(super) fn hold(&mut self, held: Held) {
        let held = Arc::new(held);
        self.held = Some(Arc::clone(&held));
        self.shared.change(|view| view.held = Some(held));
    }

    pub(super) fn trouble(&mut self, what: String) {
        self.shared.change(|view| view.problem = Some(what.clone()));
        self.say(what);
    }

    /// Brings the dataplane to the policy that is held, at this second.
    fn settle(&mut self, status: Status) {
        if self.resolve_pending(status) {
            self.settled = true;
            return;
        }
        let Some(held) = self.held.clone() else {
            self.settled = true;
            return;
        };
        match self.publish_held(&held) {
            Ok(()) => {
                (self.settled, self.retry_at) = (true, None);
                self.shared.change(|view| view.problem = None);
            }
            Err(error) => {
                self.retry_at = Some(Instant::now() + RETRY);
                self.trouble(format!("policy {} is not in force: {error}", held.stored.number));
            }
        }
    }

    fn publish_held(&mut self, held: &Arc<Held>) -> Result<(), PublishError> {
        let Some(dataplane) = self.dataplane.as_mut() else { return Ok(()) };
        let compiled_at = now();
        let prepared = Prepared::new(&held.policy.at(compiled_at), dataplane, &mut self.known)?;
        let published = prepared.publish(dataplane, 0)?;
        self.ahead = Ahead::default();
        self.hold(Held { compiled_at, digest: published.digest, ..Held::clone(held) });
        if !published.already {
            Counts::add(&self.shared.counts.republished);
            self.say(format!("policy {} is in force as generation {}", held.stored.number, published.generation));
        }
        Ok(())
    }

    /// Decides about a policy that was sent when control died: it is kept if the dataplane runs it.
    /// True if it waits for confirmation, so that nothing else may be published.
    fn resolve_pending(&mut self, status: Status) -> bool {
        let pending = match self.store.pending() {
            Ok(None) => return false,
            Ok(Some(pending)) => Some(pending),
            Err(_) => None,
        };
        let runs = |stored: &Stored| {
            let manifest = &stored.manifest;
            manifest.generation == status.generation && manifest.digest == format!("{:032x}", status.digest)
        };
        let held = pending.clone().filter(runs).and_then(|stored| load(stored).ok());
        let Some(mut held) = held else {
            if let Err(error) = self.store.discard_pending() {
                self.trouble(error.to_string());
            }
            if let Some(pending) = pending {
                self.record_gone(&pending, status);
            }
            return false;
        };
        (held.compiled_at, held.digest) = (held.stored.manifest.applied_at, status.digest);
        let generation = status.generation;
        if status.confirm_left_ms > 0 {
            self.awaiting = Some(Awaiting { held, generation });
            return true;
        }
        self.keep_confirmed(held);
        false
    }

    /// Keeps a policy that is not waiting any more. Who confirmed it, if it had to be, is not known: control was dead, or it
    /// was said at the dataplane.
    fn keep_confirmed(&mut self, held: Held) {
        let confirmed = held.stored.manifest.confirm_seconds > 0;
        self.keep(held);
        if let Some(held) = self.held.clone().filter(|_| confirmed) {
            self.record(event(What::Confirmed, &held.stored, None, "by whom is not known".into()));
        }
    }

    /// Makes the pending policy the one that is held, on disk and here.
    pub(super) fn keep(&mut self, held: Held) -> bool {
        self.ahead = Ahead::default();
        match self.store.promote() {
            Ok(stored) => {
                self.hold(Held { stored, ..held });
                self.shared.change(|view| view.problem = None);
                true
            }
            Err(error) => {
                self.hold(held);
                self.trouble(format!("the policy is in force, but not kept: {error}"));
                false
            }
        }
    }

    /// Sees what became of a policy that waits for confirmation.
    fn resolve_awaiting(&mut self, status: Status) {
        let Some(awaiting) = self.awaiting.take() else { return };
        if status.generation != awaiting.generation {
            let what = format!("generation {} was not confirmed and is not in force any more", awaiting.generation);
            self.say(what);
            if let Err(error) = self.store.discard_pending() {
                self.trouble(error.to_string());
            }
            self.record_gone(&awaiting.held.stored, status);
        } else if status.confirm_left_ms == 0 {
            self.keep_confirmed(awaiting.held);
        } else {
            self.awaiting = Some(awaiting);
        }
    }
}

fn load(stored: Stored) -> Result<Held, StateError> {
    let policy = Arc::new(stored.policy(now())?);
    Ok(Held { stored, policy, compiled_at: now(), digest: 0 })
}

/// How long after a failure publishing is tried again.
pub(super) const RETRY: Duration = Duration::from_secs(5);
