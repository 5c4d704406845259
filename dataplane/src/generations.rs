//! Which policy is in force: adoption, confirmation, rollback, and images that wait for their time.
//!
//! Owns the running image, the one before, those planned behind either, and the confirm timer. It runs on the main thread,
//! waits for nobody: a change begins with `adopt`, `rollback` or `on_time` and ends in `step`. Promise: after a refusal the
//! policy in force is what it was; an image that was never confirmed is never gone back to; neither the timer nor a
//! planned image needs a client.

use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::time::Duration;

use gate25_include::handover::{MAX_PLANNED, Refusal};
use gate25_include::image::Image;

use crate::adoption::{Policy, Publisher};

/// Who is to be told when a change is done: the connection and its message's number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Asker {
    /// The connection.
    pub client: u64,
    /// The request's number.
    pub number: u64,
}

/// Why nothing has changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused {
    /// For programs.
    pub refusal: Refusal,
    /// For people.
    pub text: String,
}

/// The end of a change.
#[derive(Debug, PartialEq, Eq)]
pub struct Done {
    /// Who asked; none for the confirm timer.
    pub asker: Option<Asker>,
    /// The generation in force and how long it took, or why not.
    pub result: Result<(u64, Duration), Refused>,
}

/// The policies of this dataplane.
#[derive(Debug)]
pub struct Generations {
    publisher: Publisher,
    in_force: Policy,
    previous: Policy,
    /// What comes behind the image in force, by its time.
    planned: Vec<Arc<Image>>,
    /// The same behind the image before.
    previous_planned: Vec<Arc<Image>>,
    highest: u64,
    change: Option<Change>,
    confirm: Option<Confirm>,
    left: Option<Left>,
    /// Counts for telemetry.
    pub counts: Counts,
}

/// What the last rollback left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Left {
    /// Generation that was in force.
    pub generation: u64,
    /// CLOCK_BOOTTIME of the rollback.
    pub at: Duration,
    /// Whether it was the confirm timer's.
    pub by_timer: bool,
}

/// What happened so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Images adopted.
    pub adopted: u64,
    /// Images refused.
    pub refused: u64,
    /// Rollbacks.
    pub rollbacks: u64,
    /// Images that came into force at their time.
    pub on_time: u64,
    /// The last adoption's time.
    pub last: Duration,
}

/// A change that workers are still taking up.
#[derive(Debug)]
struct Change {
    asker: Option<Asker>,
    begun: Duration,
    next: Policy,
    kind: Kind,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Adopt {
        confirm: Option<Duration>,
    },
    Rollback,
    /// A planned image whose time has come.
    OnTime,
    /// Back to what was in force, because a worker did not move.
    Undo,
}

/// An image that waits for confirmation.
#[derive(Clone, Copy, Debug)]
struct Confirm {
    generation: u64,
    deadline: Duration,
}

impl Generations {
    /// Nothing in force yet. `publisher` has an end for each worker.
    pub fn new(publisher: Publisher) -> Self {
        Self {
            publisher,
            in_force: None,
            previous: None,
            planned: Vec::new(),
            previous_planned: Vec::new(),
            highest: 0,
            change: None,
            confirm: None,
            left: None,
            counts: Counts::default(),
        }
    }

    /// Puts an image in force before any worker runs (a predecessor's, from the FD store), and plans what was planned
    /// behind it: in any order; what does not follow is left out.
    pub fn restore(&mut self, image: Image, mut planned: Vec<Image>) {
        self.highest = image.generation();
        self.in_force = Some(Arc::new(image));
        planned.sort_by_key(Image::generation);
        for image in planned {
            let (generation, behind) = (image.generation(), self.generation());
            let _ = self.try_plan(image, generation, behind);
        }
        // Inboxes are empty: publish cannot fail before the workers start.
        let _ = self.publisher.publish(&self.in_force);
    }

    /// Checks an image and hands it to the workers. `now` is CLOCK_BOOTTIME; `confirm` the time after which the
    /// image is rolled back unless confirmed.
    pub fn adopt(
        &mut self,
        asker: Asker,
        fd: OwnedFd,
        announced: u64,
        confirm: Option<Duration>,
        now: Duration,
    ) -> Result<(), Refused> {
        let result = self.try_adopt(asker, fd, announced, confirm, now);
        if result.is_err() {
            self.counts.refused += 1;
        }
        result
    }

    fn try_adopt(
        &mut self,
        asker: Asker,
        fd: OwnedFd,
        announced: u64,
        confirm: Option<Duration>,
        now: Duration,
    ) -> Result<(), Refused> {
        self.idle()?;
        let image = Image::open(fd).map_err(|error| refused(Refusal::BadImage, error.to_string()))?;
        let generation = image.generation();
        if generation != announced {
            let text = format!("message announces generation {announced}, the image says {generation}");
            return Err(refused(Refusal::BadImage, text));
        }
        if generation <= self.highest {
            let text = format!("generation {generation} is not above {}, the highest adopted", self.highest);
            return Err(refused(Refusal::StaleGeneration, text));
        }
        self.begin(Some(asker), Some(Arc::new(image)), Kind::Adopt { confirm }, now)
    }

    /// Goes back to the image before.
    pub fn rollback(&mut self, asker: Asker, now: Duration) -> Result<(), Refused> {
        self.idle()?;
        let previous = self.previous.clone();
        if previous.is_none() {
            return Err(refused(Refusal::NoPrevious, "no image before this one is kept".into()));
        }
        self.begin(Some(asker), previous, Kind::Rollback, now)
    }

    /// Keeps the image that waits for confirmation.
    pub fn confirm(&mut self, generation: u64) -> Result<u64, Refused> {
        match self.confirm {
            Some(confirm) if confirm.generation == generation => {
                self.confirm = None;
                Ok(generation)
            }
            Some(confirm) => {
                let text = format!("generation {} waits for confirmation, not {generation}", confirm.generation);
                Err(refused(Refusal::NothingPending, text))
            }
            None => Err(refused(Refusal::NothingPending, format!("generation {generation} waits for nothing"))),
        }
    }

    /// Keeps an image until its time; gives how many wait then. `announced` is its generation, `behind` the one in force.
    pub fn plan(&mut self, fd: OwnedFd, announced: u64, behind: u64) -> Result<usize, Refused> {
        let opened = Image::open(fd).map_err(|error| refused(Refusal::BadImage, error.to_string()));
        let result = self.idle().and(opened).and_then(|image| self.try_plan(image, announced, behind));
        if result.is_err() {
            self.counts.refused += 1;
        }
        result
    }

    fn try_plan(&mut self, image: Image, announced: u64, behind: u64) -> Result<usize, Refused> {
        let (generation, in_force) = (image.generation(), self.generation());
        if generation != announced {
            let text = format!("message announces generation {announced}, the image says {generation}");
            return Err(refused(Refusal::BadImage, text));
        }
        if generation <= self.highest {
            let text = format!("generation {generation} is not above {}, the highest known", self.highest);
            return Err(refused(Refusal::StaleGeneration, text));
        }
        if let Some(confirm) = self.confirm {
            let text = format!("generation {} waits for confirmation; plan after it", confirm.generation);
            return Err(refused(Refusal::NotPlanned, text));
        }
        if behind != in_force || in_force == 0 {
            let text = format!("it is planned behind generation {behind}, in force is {in_force}");
            return Err(refused(Refusal::NotPlanned, text));
        }
        let last = self.planned.last().or(self.in_force.as_ref()).map_or(0, |image| image.compiled_at());
        if image.compiled_at() <= last {
            let text = format!("its time, {}, is not behind the last one's, {last}", image.compiled_at());
            return Err(refused(Refusal::NotPlanned, text));
        }
        if self.planned.len() >= MAX_PLANNED {
            return Err(refused(Refusal::NotPlanned, format!("{MAX_PLANNED} images wait already, no more can")));
        }
        self.highest = generation;
        self.planned.push(Arc::new(image));
        Ok(self.planned.len())
    }

    /// Forgets what waits for its time behind the image in force.
    pub fn forget(&mut self) {
        self.planned.clear();
    }

    /// What waits for its time, by time.
    pub fn planned(&self) -> &[Arc<Image>] {
        &self.planned
    }

    /// Begins to bring into force what is due at the unix second `wall`: of several the last. While an image waits for
    /// confirmation nothing is: that image is what somebody is looking at.
    pub fn on_time(&mut self, wall: i64, now: Duration) {
        if self.change.is_some() || self.confirm.is_some() {
            return;
        }
        let due = self.planned.iter().rev().find(|image| image.compiled_at() <= wall).cloned();
        if due.is_some() {
            // A stuck worker postpones it to the next round.
            let _ = self.begin(None, due, Kind::OnTime, now);
        }
    }

    /// The unix second at which the next planned image is due; none if none is or it cannot be brought in now.
    pub fn next_on_time(&self) -> Option<i64> {
        let can = self.change.is_none() && self.confirm.is_none();
        self.planned.first().filter(|_| can).map(|image| image.compiled_at())
    }

    /// Ends a change whose workers have all moved or one of which has not for [`PATIENCE`], and fires the confirm
    /// timer. To be called every few milliseconds while [`Self::is_changing`].
    pub fn step(&mut self, now: Duration) -> Option<Done> {
        self.publisher.release();
        if self.change.is_some() {
            return self.step_change(now);
        }
        if self.confirm.is_some_and(|confirm| now >= confirm.deadline) {
            let previous = self.previous.clone();
            // A stuck worker postpones the rollback to the next step.
            let _ = self.begin(None, previous, Kind::Rollback, now);
        }
        None
    }

    /// Whether workers are taking up a change.
    pub fn is_changing(&self) -> bool {
        self.change.is_some()
    }

    /// The image in force.
    pub fn in_force(&self) -> Option<&Arc<Image>> {
        self.in_force.as_ref()
    }

    /// Generation of the image that a rollback brings back; 0 for none.
    pub fn previous_generation(&self) -> u64 {
        generation(&self.previous)
    }

    /// Highest generation ever adopted or planned.
    pub fn highest(&self) -> u64 {
        self.highest
    }

    /// CLOCK_BOOTTIME of the rollback that is due unless confirmed.
    pub fn confirm_deadline(&self) -> Option<Duration> {
        self.confirm.map(|confirm| confirm.deadline)
    }

    /// What the last rollback left; none before the first.
    pub fn left(&self) -> Option<Left> {
        self.left
    }

    fn generation(&self) -> u64 {
        generation(&self.in_force)
    }

    fn idle(&self) -> Result<(), Refused> {
        if self.change.is_some() {
            return Err(refused(Refusal::Busy, "another change is being adopted; try again".into()));
        }
        Ok(())
    }

    fn begin(&mut self, asker: Option<Asker>, next: Policy, kind: Kind, now: Duration) -> Result<(), Refused> {
        self.publisher.publish(&next).map_err(stuck)?;
        self.change = Some(Change { asker, begun: now, next, kind });
        Ok(())
    }

    fn step_change(&mut self, now: Duration) -> Option<Done> {
        let change = self.change.take()?;
        let taken = now.saturating_sub(change.begun);
        match self.publisher.settled() {
            Ok(()) => Some(self.finish(change, taken, now)),
            Err(_) if taken < PATIENCE || change.kind == Kind::Undo => {
                self.change = Some(change);
                None
            }
            Err(worker) => Some(self.undo(change, worker, now)),
        }
    }

    fn finish(&mut self, change: Change, taken: Duration, now: Duration) -> Done {
        match change.kind {
            Kind::Undo => {}
            Kind::Adopt { confirm } => {
                // An unconfirmed image is no place to go back to: then the one before it stays kept.
                if self.confirm.is_none() {
                    self.previous = self.in_force.take();
                    self.previous_planned = std::mem::take(&mut self.planned);
                }
                self.in_force = change.next;
                self.planned.clear();
                self.highest = self.generation();
                let pending = |after| Confirm { generation: self.highest, deadline: now + after };
                self.confirm = confirm.map(pending);
                self.counts.adopted += 1;
                self.counts.last = taken;
            }
            Kind::Rollback => {
                let by_timer = change.asker.is_none();
                self.left = Some(Left { generation: self.generation(), at: now, by_timer });
                self.in_force = change.next;
                self.planned = std::mem::take(&mut self.previous_planned);
                (self.previous, self.confirm) = (None, None);
                self.counts.rollbacks += 1;
            }
            Kind::OnTime => {
                self.in_force = change.next;
                let reached = self.generation();
                self.planned.retain(|image| image.generation() > reached);
                self.counts.adopted += 1;
                self.counts.on_time += 1;
                self.counts.last = taken;
            }
        }
        self.publisher.release();
        Done { asker: change.asker, result: Ok((generation(&self.in_force), taken)) }
    }

    /// Hands every worker what was in force again, also those that had moved.
    fn undo(&mut self, change: Change, worker: usize, now: Duration) -> Done {
        let before = self.in_force.clone();
        // There is room: one change at a time means at most this one and the one undone in an inbox.
        let _ = self.begin(None, before, Kind::Undo, now);
        self.counts.refused += 1;
        Done { asker: change.asker, result: Err(stuck(worker)) }
    }
}

fn stuck(worker: usize) -> Refused {
    let text = format!("worker {worker} did not take up a policy in time; the one before stays");
    refused(Refusal::WorkerStuck, text)
}

fn refused(refusal: Refusal, text: String) -> Refused {
    Refused { refusal, text }
}

fn generation(policy: &Policy) -> u64 {
    policy.as_ref().map_or(0, |image| image.generation())
}

/// How long workers may take to move: they look between bursts, so this is a thousand times what it takes.
pub const PATIENCE: Duration = Duration::from_secs(1);

#[cfg(test)]
mod tests;
