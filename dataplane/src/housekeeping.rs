//! The main thread: everything slow. Serves the socket, steps the policy's generations, watches workers and links,
//! copies port statistics, feeds the watchdog.
//!
//! One poll(2) loop that never waits longer than a tick for anything. Promise: it touches no queue and no frame, and
//! nothing a client or a port does stops it.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;
use std::time::Duration;

use gate25_include::counters::ProcessCounter;
use gate25_include::handover::{Left, Refusal, Reply, Request, Status};
use gate25_include::image::Image;
use gate25_include::telemetry::{Identity, Telemetry};
use rustix::event::{PollFd, PollFlags, Timespec, poll};

use crate::clock::{WallClock, boottime, unix};
use crate::generations::{Asker, Done, Generations, Refused};
use crate::links::Link;
use crate::server::{Asked, Server};
use crate::supervision::{Signals, Supervisor, WATCH_INTERVAL, Watch};
use crate::watching::LinkWatch;

/// What the main thread works with.
pub struct Housekeeping<'a> {
    /// The instance's name.
    pub instance: &'a str,
    /// The links; their queues belong to the workers.
    pub links: &'a [Link],
    /// Where it counts.
    pub telemetry: &'static Telemetry,
    /// As in the telemetry's header.
    pub identity: Identity,
    /// The control socket.
    pub server: Server,
    /// The policies.
    pub generations: Generations,
    /// systemd.
    pub supervisor: Supervisor,
    /// SIGTERM and SIGINT.
    pub signals: &'a Signals,
    /// Wall time for workers.
    pub clock: Arc<WallClock>,
    /// How many workers there are.
    pub workers: usize,
}

/// When what is due.
struct Timers {
    tick: Duration,
    second: Duration,
    feed: Duration,
}

impl Housekeeping<'_> {
    /// Runs until the first SIGTERM or SIGINT.
    pub fn run(&mut self) {
        self.supervisor.notify("READY=1");
        let now = boottime();
        let mut timers = Timers { tick: now, second: now, feed: now };
        let mut watch = Watch::new(self.workers);
        let mut link_watch = LinkWatch::new(self.links);
        let mut stuck = Vec::new();
        while !self.signals.came() {
            let now = boottime();
            self.serve(now);
            self.generations.on_time(seconds(unix()), now);
            if let Some(done) = self.generations.step(now) {
                self.changed(done);
            }
            if now >= timers.tick {
                timers.tick = now + WATCH_INTERVAL;
                stuck = self.watch_workers(&mut watch, stuck);
                link_watch.tick(self.links, self.telemetry, now, &mut say);
                self.publish_state(now);
            }
            if now >= timers.second {
                timers.second = now + Duration::from_secs(1);
                self.clock.renew();
                if self.signals.hangup_came() {
                    say("SIGHUP changes nothing: dataplane.toml is read at start, policies come over the socket".into());
                }
                link_watch.statistics(self.links, self.telemetry);
            }
            if let Some(interval) = self.supervisor.feeding_interval()
                && now >= timers.feed
                && stuck.is_empty()
            {
                timers.feed = now + interval;
                self.supervisor.notify("WATCHDOG=1");
            }
            self.wait(self.next(timers.tick).saturating_sub(boottime()));
        }
        self.supervisor.notify("STOPPING=1");
        link_watch.release(self.links, &mut say);
    }

    /// CLOCK_BOOTTIME of what is due next: the tick, the confirm timer or a planned image.
    fn next(&self, tick: Duration) -> Duration {
        let planned = self.generations.next_on_time().map(|second| {
            let second = Duration::from_secs(second.try_into().unwrap_or(0));
            boottime() + second.saturating_sub(unix())
        });
        self.generations.confirm_deadline().into_iter().chain(planned).fold(tick, Duration::min)
    }

    /// Sleeps until a descriptor is readable, a change may be done, or `longest` is over.
    fn wait(&self, longest: Duration) {
        let most = if self.generations.is_changing() { CHANGE_STEP } else { longest };
        let timeout = Timespec { tv_sec: 0, tv_nsec: most.min(WATCH_INTERVAL).subsec_nanos().into() };
        let descriptors = std::iter::once(self.signals.as_fd()).chain(self.server.descriptors());
        let mut fds: Vec<PollFd<'_>> = descriptors.map(|fd| PollFd::from_borrowed_fd(fd, PollFlags::IN)).collect();
        // An interrupted poll is a round without news.
        let _ = poll(&mut fds, Some(&timeout));
    }

    fn serve(&mut self, now: Duration) {
        for asked in self.server.serve(now, &mut say) {
            let asker = asked.asker;
            if let Some(answer) = self.answer(asked, now) {
                self.reply(asker, answer);
            }
        }
    }

    /// What to answer now; None if the answer comes when the workers have moved.
    fn answer(&mut self, asked: Asked, now: Duration) -> Option<Result<Reply, Refused>> {
        let reads = [Request::Status, Request::TelemetryPlease, Request::ImagePlease];
        let changes = !reads.contains(&asked.request) && !matches!(asked.request, Request::Hello { .. });
        if changes && !asked.may_change {
            let text = "only root and the dataplane's own user and group may change the policy".into();
            return Some(Err(Refused { refusal: Refusal::NotAllowed, text }));
        }
        match asked.request {
            Request::Hello { .. } => Some(Ok(self.welcome())),
            Request::Status => Some(Ok(Reply::Status(self.status(now)))),
            Request::TelemetryPlease => Some(Ok(Reply::Telemetry)),
            Request::ImagePlease => Some(match self.generations.in_force() {
                Some(image) => Ok(Reply::Image { generation: image.generation() }),
                None => Err(Refused { refusal: Refusal::NoImage, text: "no image has been adopted yet".into() }),
            }),
            Request::Confirm { generation } => Some(self.generations.confirm(generation).map(|generation| {
                self.keep_for_successor();
                Reply::Confirmed { generation }
            })),
            Request::Rollback => self.generations.rollback(asked.asker, now).err().map(Err),
            Request::Forget => {
                self.generations.forget();
                self.keep_for_successor();
                Some(Ok(Reply::Planned { count: 0 }))
            }
            Request::Adopt { .. } | Request::Plan { .. } => {
                let Some(fd) = asked.fd else {
                    let text = "this message bears a sealed memfd".into();
                    return Some(Err(Refused { refusal: Refusal::NoDescriptor, text }));
                };
                self.take(asked.asker, asked.request, fd, now)
            }
        }
    }

    /// An image that came.
    fn take(&mut self, asker: Asker, request: Request, fd: OwnedFd, now: Duration) -> Option<Result<Reply, Refused>> {
        match request {
            Request::Plan { generation, behind } => Some(self.generations.plan(fd, generation, behind).map(|count| {
                self.keep_for_successor();
                Reply::Planned { count: count as u64 }
            })),
            Request::Adopt { generation, confirm_seconds } => {
                let confirm = (confirm_seconds > 0).then(|| Duration::from_secs(confirm_seconds.min(LONGEST_CONFIRM)));
                self.generations.adopt(asker, fd, generation, confirm, now).err().map(Err)
            }
            _ => None,
        }
    }

    fn reply(&mut self, asker: Asker, answer: Result<Reply, Refused>) {
        let reply = answer.unwrap_or_else(|Refused { refusal, text }| {
            say(format!("refused ({}): {text}", refusal.name()));
            Reply::Refused { refusal, text }
        });
        let image = self.generations.in_force().cloned();
        let fd: Option<BorrowedFd<'_>> = match reply {
            Reply::Telemetry => Some(self.telemetry.as_fd()),
            Reply::Image { .. } => image.as_deref().and_then(Image::descriptor),
            _ => None,
        };
        self.server.reply(asker, &reply, fd, &mut say);
    }

    /// A change is over: tell who asked, and keep the policy for a successor.
    fn changed(&mut self, done: Done) {
        if let Ok((generation, taken)) = done.result {
            say(format!("policy generation {generation} in force after {} us", taken.as_micros()));
            self.keep_for_successor();
        }
        self.publish_state(boottime());
        if let Some(asker) = done.asker {
            let nanoseconds = |taken: Duration| u64::try_from(taken.as_nanos()).unwrap_or(u64::MAX);
            let adopted = |(generation, taken)| Reply::Adopted { generation, nanoseconds: nanoseconds(taken) };
            self.reply(asker, done.result.map(adopted));
        }
    }

    /// Stores the policy in force and what is planned behind it with systemd, unless it waits for confirmation: a successor
    /// has no timer for it, and starts with the one before.
    fn keep_for_successor(&mut self) {
        if self.generations.confirm_deadline().is_some() {
            return;
        }
        if let Some(image) = self.generations.in_force() {
            self.supervisor.store_image(image);
        }
        self.supervisor.store_planned(self.generations.planned());
    }

    /// Says which workers do not move; ends the process if none does. Returns the stuck ones.
    fn watch_workers(&self, watch: &mut Watch, before: Vec<usize>) -> Vec<usize> {
        let stuck = watch.check(self.telemetry);
        for worker in stuck.iter().filter(|worker| !before.contains(worker)) {
            say(format!("worker {worker} does not move; the watchdog is not fed until it does"));
        }
        if stuck.len() == self.workers {
            say("no worker moves: aborting, so that the supervisor starts anew".to_owned());
            std::process::abort();
        }
        stuck
    }

    fn publish_state(&self, now: Duration) {
        let block = self.telemetry.process();
        let nanoseconds = |time: Duration| u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
        let image = self.generations.in_force();
        let digest = image.map_or(0, |image| image.digest());
        let counts = &self.generations.counts;
        let sum = |value: fn(&Link) -> u32| self.links.iter().map(|link| u64::from(value(link))).sum();
        for (counter, value) in [
            (ProcessCounter::Heartbeat, nanoseconds(now)),
            (ProcessCounter::Generation, image.map_or(0, |image| image.generation())),
            (ProcessCounter::HighestGeneration, self.generations.highest()),
            (ProcessCounter::DigestLow, digest as u64),
            (ProcessCounter::DigestHigh, (digest >> 64) as u64),
            (ProcessCounter::Adopted, counts.adopted),
            (ProcessCounter::Refused, counts.refused),
            (ProcessCounter::Rollbacks, counts.rollbacks),
            (ProcessCounter::Planned, self.generations.planned().len() as u64),
            (ProcessCounter::OnTime, counts.on_time),
            (ProcessCounter::AdoptNanoseconds, nanoseconds(counts.last)),
            (ProcessCounter::ConfirmDeadline, self.generations.confirm_deadline().map_or(0, nanoseconds)),
            (ProcessCounter::Clients, self.server.clients() as u64),
            (ProcessCounter::ClientErrors, self.server.errors),
            (ProcessCounter::Mbufs, sum(|link| link.pool.size())),
            (ProcessCounter::MbufsAvailable, sum(|link| link.pool.available())),
        ] {
            block.set(counter, value);
        }
    }

    fn welcome(&self) -> Reply {
        let Identity { incarnation, started_at, pid, .. } = self.identity;
        Reply::Welcome { incarnation, started_at, pid, instance: self.instance.to_owned() }
    }

    fn status(&self, now: Duration) -> Status {
        let image = self.generations.in_force();
        let left = self.generations.confirm_deadline().map(|deadline| deadline.saturating_sub(now));
        Status {
            generation: image.map_or(0, |image| image.generation()),
            highest_generation: self.generations.highest(),
            digest: image.map_or(0, |image| image.digest()),
            previous_generation: self.generations.previous_generation(),
            confirm_left_ms: left.map_or(0, |left| u64::try_from(left.as_millis()).unwrap_or(u64::MAX).max(1)),
            workers: self.workers as u64,
            links: self.links.len() as u64,
            incarnation: self.identity.incarnation,
            started_at: self.identity.started_at,
            left: self.generations.left().map_or_else(Left::default, |left| Left {
                generation: left.generation,
                at: unix().saturating_sub(now.saturating_sub(left.at)).as_secs(),
                by_timer: left.by_timer,
            }),
        }
    }
}

/// Whole seconds.
fn seconds(time: Duration) -> i64 {
    i64::try_from(time.as_secs()).unwrap_or(i64::MAX)
}

/// One line of talk.
pub fn say(line: String) {
    eprintln!("gate25-dataplane: {line}");
}

/// How often to look whether workers have moved: they take an image up between two bursts, tens of microseconds each.
const CHANGE_STEP: Duration = Duration::from_micros(100);
/// A day; a confirm time beyond it counts as a day.
const LONGEST_CONFIRM: u64 = 86_400;
