//! Which policy is in force: adoption, confirmation, rollback.
//!
//! Owns the running image, the one before and the confirm timer. It runs on the main thread, waits for nobody: a
//! change begins with `adopt` or `rollback` and ends in `step`. Promise: after a refusal the policy in force is what
//! it was; an image that was never confirmed is never gone back to; the timer needs no client.

use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::time::Duration;

use gate25_include::handover::Refusal;
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
    highest: u64,
    change: Option<Change>,
    confirm: Option<Confirm>,
    /// Counts for telemetry.
    pub counts: Counts,
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
        let counts = Counts::default();
        Self { publisher, in_force: None, previous: None, highest: 0, change: None, confirm: None, counts }
    }

    /// Puts an image in force before any worker runs (a predecessor's, from the FD store).
    pub fn restore(&mut self, image: Image) {
        self.highest = image.generation();
        self.in_force = Some(Arc::new(image));
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

    /// Highest generation ever adopted.
    pub fn highest(&self) -> u64 {
        self.highest
    }

    /// CLOCK_BOOTTIME of the rollback that is due unless confirmed.
    pub fn confirm_deadline(&self) -> Option<Duration> {
        self.confirm.map(|confirm| confirm.deadline)
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
                }
                self.in_force = change.next;
                self.highest = generation(&self.in_force);
                let pending = |after| Confirm { generation: self.highest, deadline: now + after };
                self.confirm = confirm.map(pending);
                self.counts.adopted += 1;
                self.counts.last = taken;
            }
            Kind::Rollback => {
                self.in_force = change.next;
                (self.previous, self.confirm) = (None, None);
                self.counts.rollbacks += 1;
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
mod tests {
    use super::*;
    use crate::adoption::Subscriber;
    use gate25_include::image::ImageBuilder;
    use gate25_include::memfd::{Pages, seal_copy};

    const ASKER: Asker = Asker { client: 1, number: 2 };
    const MS: Duration = Duration::from_millis(1);

    fn image_fd(generation: u64) -> OwnedFd {
        seal_copy(&ImageBuilder::new().finish(generation).unwrap(), Pages::Ordinary).unwrap()
    }

    fn with_workers(count: usize) -> (Generations, Vec<Subscriber>) {
        let mut publisher = Publisher::default();
        let workers = (0..count).map(|_| publisher.subscribe()).collect();
        (Generations::new(publisher), workers)
    }

    /// Adopts and lets every worker move.
    fn adopt(generations: &mut Generations, workers: &mut [Subscriber], number: u64, confirm: Option<Duration>) {
        generations.adopt(ASKER, image_fd(number), number, confirm, MS).unwrap();
        workers.iter_mut().for_each(|worker| assert!(worker.refresh()));
        let done = generations.step(3 * MS).unwrap();
        assert_eq!(done, Done { asker: Some(ASKER), result: Ok((number, 2 * MS)) });
    }

    fn running(workers: &[Subscriber]) -> Vec<u64> {
        workers.iter().map(|worker| worker.image().map_or(0, Image::generation)).collect()
    }

    #[test]
    fn adopted_when_the_last_worker_has_moved() {
        let (mut generations, mut workers) = with_workers(2);
        generations.adopt(ASKER, image_fd(7), 7, None, MS).unwrap();
        workers[0].refresh();
        assert_eq!(generations.step(2 * MS), None);
        assert_eq!(generations.adopt(ASKER, image_fd(8), 8, None, MS).unwrap_err().refusal, Refusal::Busy);
        workers[1].refresh();
        assert_eq!(generations.step(5 * MS).unwrap().result, Ok((7, 4 * MS)));
        assert_eq!((generations.highest(), generations.previous_generation()), (7, 0));
    }

    #[test]
    fn refusals_leave_everything_as_it_was() {
        let (mut generations, mut workers) = with_workers(1);
        adopt(&mut generations, &mut workers, 5, None);
        let unsealed = rustix::fs::memfd_create("t", rustix::fs::MemfdFlags::CLOEXEC).unwrap();
        let refusals = [
            generations.adopt(ASKER, image_fd(5), 5, None, MS),
            generations.adopt(ASKER, image_fd(4), 4, None, MS),
            generations.adopt(ASKER, image_fd(6), 9, None, MS),
            generations.adopt(ASKER, unsealed, 6, None, MS),
            generations.rollback(ASKER, MS),
            generations.confirm(5).map(drop),
        ]
        .map(|result| result.unwrap_err().refusal);
        use Refusal::{BadImage, NoPrevious, NothingPending, StaleGeneration};
        assert_eq!(refusals, [StaleGeneration, StaleGeneration, BadImage, BadImage, NoPrevious, NothingPending]);
        assert_eq!((running(&workers), generations.highest(), generations.counts.refused), (vec![5], 5, 4));
    }

    #[test]
    fn a_stuck_worker_brings_the_others_back() {
        let (mut generations, mut workers) = with_workers(2);
        adopt(&mut generations, &mut workers, 1, None);
        generations.adopt(ASKER, image_fd(2), 2, None, Duration::ZERO).unwrap();
        workers[0].refresh();
        assert_eq!(running(&workers), [2, 1]);
        let done = generations.step(PATIENCE).unwrap();
        assert_eq!(done.result.unwrap_err().refusal, Refusal::WorkerStuck);
        workers.iter_mut().for_each(|worker| assert!(worker.refresh()));
        assert_eq!(running(&workers), [1, 1]);
        assert_eq!(generations.step(PATIENCE + MS).unwrap().asker, None);
        assert_eq!((generations.highest(), generations.previous_generation()), (1, 0));
        adopt(&mut generations, &mut workers, 2, None);
    }

    #[test]
    fn rollback_by_request_and_only_once() {
        let (mut generations, mut workers) = with_workers(1);
        adopt(&mut generations, &mut workers, 1, None);
        adopt(&mut generations, &mut workers, 2, None);
        assert_eq!(generations.previous_generation(), 1);
        generations.rollback(ASKER, MS).unwrap();
        workers[0].refresh();
        assert_eq!(generations.step(MS).unwrap().result, Ok((1, Duration::ZERO)));
        assert_eq!((running(&workers), generations.highest()), (vec![1], 2));
        assert_eq!(generations.rollback(ASKER, MS).unwrap_err().refusal, Refusal::NoPrevious);
    }

    #[test]
    fn the_confirm_timer_goes_back_to_the_last_confirmed_image() {
        let (mut generations, mut workers) = with_workers(1);
        adopt(&mut generations, &mut workers, 1, None);
        adopt(&mut generations, &mut workers, 2, Some(100 * MS));
        assert_eq!(generations.confirm_deadline(), Some(103 * MS));
        adopt(&mut generations, &mut workers, 3, Some(200 * MS));
        assert_eq!(generations.confirm(2).unwrap_err().refusal, Refusal::NothingPending);
        assert_eq!(generations.step(202 * MS), None);
        assert!(!workers[0].refresh());
        assert_eq!(generations.step(203 * MS), None);
        assert!(workers[0].refresh());
        assert_eq!(generations.step(204 * MS).unwrap().asker, None);
        assert_eq!((running(&workers), generations.counts.rollbacks), (vec![1], 1));
    }

    #[test]
    fn a_confirmed_image_stays() {
        let (mut generations, mut workers) = with_workers(1);
        adopt(&mut generations, &mut workers, 1, Some(100 * MS));
        assert_eq!(generations.confirm(1), Ok(1));
        assert_eq!(generations.step(Duration::from_secs(9)), None);
        assert!(!workers[0].refresh());
        assert_eq!(running(&workers), [1]);
    }

    #[test]
    fn the_first_image_unconfirmed_ends_in_no_policy() {
        let (mut generations, mut workers) = with_workers(1);
        adopt(&mut generations, &mut workers, 1, Some(MS));
        generations.step(9 * MS);
        assert!(workers[0].refresh());
        assert_eq!(generations.step(9 * MS).unwrap().result, Ok((0, Duration::ZERO)));
        assert!(generations.in_force().is_none());
    }
}
