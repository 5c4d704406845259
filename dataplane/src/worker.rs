//! A worker: one thread on one CPU that moves frames. The whole loop is [`Worker::run`].
//!
//! Receives a burst, has it judged by gate25-path, sends what passes, frees what does not, counts. Promise: after
//! start it never allocates, locks, logs or waits; a frame is forwarded as it came and in order, or it is counted
//! as dropped or unsent.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use gate25_include::counters::WorkerCounter;
use gate25_include::image::Image;
use gate25_include::telemetry::{Direction, LinkBlock, WorkerTelemetry};
use gate25_path::frames::places;
use gate25_path::reject::{self, RejectBudget};
use gate25_path::{Action, Form, Frame, Verdicts, judge_frames};

use crate::adoption::Subscriber;
use crate::clock::WallClock;
use crate::config::Idle;
use crate::counting::{Place, Tally};
use crate::eal;
use crate::idle::Backoff;
use crate::links::LinkQueues;
use crate::mbuf::{BURST, Burst, Pool, Scratch};
use crate::port::{RxQueue, TxQueue};

/// What a worker needs to begin.
pub struct Orders {
    /// Its queues of each link it has a share of.
    pub links: Vec<LinkQueues>,
    /// Where images come from.
    pub subscriber: Subscriber,
    /// Where it counts.
    pub telemetry: WorkerTelemetry<'static>,
    /// Time.
    pub clock: Arc<WallClock>,
    /// Set when it is to end.
    pub stop: Arc<AtomicBool>,
    /// What to do when there is nothing to do.
    pub idle: Idle,
}

/// A worker on its thread.
pub struct Worker {
    links: Vec<Lanes>,
    subscriber: Subscriber,
    telemetry: WorkerTelemetry<'static>,
    clock: Arc<WallClock>,
    stop: Arc<AtomicBool>,
    backoff: Backoff,
    hands: Hands,
    /// The time-stamp counter after the last turn.
    last: u64,
}

/// A link's queues with the blocks in which its directions are counted.
struct Lanes {
    queues: LinkQueues,
    outbound: LinkBlock<'static>,
    inbound: LinkBlock<'static>,
}

/// One direction of one link: from which queue to which, and where answers go.
struct Lane<'a> {
    link: usize,
    direction: Direction,
    rx: &'a mut RxQueue,
    tx: &'a mut TxQueue,
    /// The access port's transmit queue, outbound.
    answers: Option<(&'a mut TxQueue, &'a Pool)>,
    block: &'a LinkBlock<'static>,
}

/// What a worker works with; allocated once.
struct Hands {
    burst: Burst,
    dropped: Burst,
    answers: Burst,
    scratch: Scratch,
    verdicts: Verdicts,
    budget: RejectBudget,
}

impl Worker {
    /// On the thread that is to run it.
    pub fn new(mut orders: Orders) -> Self {
        let wakes = orders.links.iter_mut().flat_map(|queues| std::mem::take(&mut queues.wakes));
        let backoff = Backoff::new(orders.idle, wakes);
        let lanes = |queues: LinkQueues| Lanes {
            outbound: orders.telemetry.link(queues.link, Direction::Outbound),
            inbound: orders.telemetry.link(queues.link, Direction::Inbound),
            queues,
        };
        Self {
            links: orders.links.into_iter().map(lanes).collect(),
            subscriber: orders.subscriber,
            telemetry: orders.telemetry,
            clock: orders.clock,
            stop: orders.stop,
            backoff,
            hands: Hands {
                burst: Burst::new(),
                dropped: Burst::new(),
                answers: Burst::new(),
                scratch: Scratch::new(),
                verdicts: Verdicts::new(),
                budget: RejectBudget::default(),
            },
            last: eal::cycles(),
        }
    }

    /// Moves frames until it is told to stop and has emptied its receive queues, or 200 ms are over.
    pub fn run(&mut self) {
        let mut stop_by = None;
        loop {
            let frames = self.turn();
            if self.stop.load(Ordering::Relaxed) {
                let by = *stop_by.get_or_insert(self.last.wrapping_add(self.clock.cycles_of(DRAIN)));
                if frames == 0 || self.last >= by {
                    return;
                }
            }
            self.backoff.after_round(frames > 0);
        }
    }

    /// One turn of the loop: takes a new image if there is one, a burst from every receive queue, reports. Returns
    /// the frames received.
    pub fn turn(&mut self) -> usize {
        if self.subscriber.refresh() {
            let generation = self.subscriber.image().map_or(0, Image::generation);
            self.telemetry.own.set(WorkerCounter::Generation, generation);
        }
        let frames = self.round(self.last);
        let now = eal::cycles();
        let spent = if frames > 0 { WorkerCounter::BusyCycles } else { WorkerCounter::IdleCycles };
        self.telemetry.own.add(spent, now.wrapping_sub(self.last));
        self.telemetry.own.set(WorkerCounter::Heartbeat, now);
        self.last = now;
        frames
    }

    /// One burst from every receive queue. Returns the frames received.
    fn round(&mut self, now: u64) -> usize {
        let mut frames = 0;
        for Lanes { queues, outbound, inbound } in &mut self.links {
            let lane = Lane {
                link: queues.link,
                direction: Direction::Outbound,
                rx: &mut queues.access_rx,
                tx: &mut queues.network_tx,
                answers: Some((&mut queues.access_tx, &queues.pool)),
                block: outbound,
            };
            frames += self.hands.pass(lane, self.subscriber.image(), &self.telemetry, &self.clock, now);
            let lane = Lane {
                link: queues.link,
                direction: Direction::Inbound,
                rx: &mut queues.network_rx,
                tx: &mut queues.access_tx,
                answers: None,
                block: inbound,
            };
            frames += self.hands.pass(lane, self.subscriber.image(), &self.telemetry, &self.clock, now);
        }
        frames
    }
}

impl Hands {
    /// One burst of one lane: receive, judge, act, count. Returns the frames received.
    fn pass(
        &mut self,
        lane: Lane<'_>,
        image: Option<&Image>,
        telemetry: &WorkerTelemetry<'static>,
        clock: &WallClock,
        now: u64,
    ) -> usize {
        self.burst.receive(lane.rx);
        let received = self.burst.len();
        telemetry.own.add(WorkerCounter::Polls, 1);
        if received == 0 {
            telemetry.own.add(WorkerCounter::EmptyPolls, 1);
            return 0;
        }
        let (link, direction) = (lane.link, lane.direction);
        let place = Place { telemetry, image, link, direction, clock, now };
        let mut tally = Tally::of(received);
        let stopped = self.judge(&lane, place, &mut tally);
        if self.burst.is_all(stopped) {
            self.burst.free();
        } else if stopped != 0 {
            self.burst.split(stopped, &mut self.dropped);
            self.dropped.free();
        }
        send_all(&mut self.burst, lane.tx, &mut tally);
        if let Some((queue, _)) = lane.answers
            && !self.answers.is_empty()
        {
            tally.rejects = self.answers.len() as u64;
            tally.reject_unsent += send_bounded(&mut self.answers, queue);
            tally.rejects -= self.answers.free() as u64;
        }
        tally.commit(place, lane.block);
        received
    }

    /// Verdicts on the burst, each counted; answers are put into `answers`. Returns the frames to drop, one bit each.
    fn judge(&mut self, lane: &Lane<'_>, place: Place<'_>, tally: &mut Tally) -> u64 {
        let (frames, bytes) = self.burst.frames(&mut self.scratch);
        tally.bytes = bytes;
        judge_frames(Form::Best, place.image, lane.direction, &frames, &mut self.verdicts);
        tally.ordinary(self.verdicts.ordinary());
        tally.plain(&self.verdicts, &frames, place);
        let [four, six] = self.verdicts.plain_blocked();
        let (mut stopped, mut answered) = (four | six, self.verdicts.plain_answered());
        for (index, verdict) in self.verdicts.single() {
            tally.verdict(verdict, place);
            if verdict.action == Action::Pass {
                continue;
            }
            stopped |= 1 << index;
            answered |= u64::from(verdict.action == Action::Reject) << index;
            tally.dropped(verdict, frames.get(index).len(), place);
        }
        for index in places(answered) {
            let rate = place.image.map_or(0, Image::reject_rate);
            if !self.budget.take(rate, place.clock.seconds(place.now)) {
                tally.reject_suppressed += 1;
            } else if !answer(frames.get(index), lane, &mut self.answers) {
                tally.reject_unsent += 1;
            }
        }
        stopped
    }
}

/// Puts the answer to a rejected frame into `answers`; false if there is no room.
fn answer(frame: &[u8], lane: &Lane<'_>, answers: &mut Burst) -> bool {
    let mut bytes = [0; reject::MAX_ANSWER];
    let Some(len) = reject::build(Frame::whole(frame), &mut bytes) else { return true };
    let pool = lane.answers.as_ref().map(|(_, pool)| *pool);
    pool.is_some_and(|pool| answers.push_copy(pool, bytes.get(..len).unwrap_or_default()))
}

/// Sends a burst with bounded retries; what the port does not take is counted as unsent and freed.
fn send_all(burst: &mut Burst, queue: &mut TxQueue, tally: &mut Tally) {
    if send_bounded(burst, queue) == 0 {
        return;
    }
    tally.unsent_bytes = burst.total_bytes();
    tally.unsent = burst.free() as u64;
}

/// Sends a burst with bounded retries. Returns the frames left in it.
fn send_bounded(burst: &mut Burst, queue: &mut TxQueue) -> u64 {
    for _ in 0..TX_TRIES {
        if burst.is_empty() {
            return 0;
        }
        if burst.send(queue) == 0 {
            eal::pause();
        }
    }
    burst.len() as u64
}

/// How often a burst is offered to a port before the rest of it counts as unsent: some microseconds.
const TX_TRIES: usize = 64;
/// How long a stopping worker still moves what its receive queues hold.
const DRAIN: Duration = Duration::from_millis(200);
const _: () = assert!(BURST <= 64, "a mask has 64 bits");
