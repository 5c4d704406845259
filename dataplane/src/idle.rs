//! What a worker does when all its queues are empty.
//!
//! `poll` spins. `adaptive` spins for a while and then gives the CPU away: it waits for the descriptors of its queues
//! ([`Wake`]), or, if one of them has none, sleeps in steps that end within the delay allowed. Promise: under load it
//! never gets that far, and the worker makes no system call; the policy and the end are looked for every millisecond.

use std::fs::File;
use std::io::Write;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};

use crate::config::Idle;
use crate::eal;
use crate::port::Wake;

/// Back-off of one worker.
#[derive(Debug)]
pub struct Backoff {
    empty_rounds: u32,
    rest: Rest,
}

/// What follows after spinning.
#[derive(Debug)]
enum Rest {
    Spin,
    Nap(Nap),
    Wait(Wait),
}

impl Backoff {
    /// For the thread that calls it: sets its timer slack. `wakes` are those of its receive queues, None for a queue
    /// that has nothing to wait for.
    pub fn new(idle: Idle, wakes: impl Iterator<Item = Option<Wake>>) -> Self {
        let rest = match idle {
            Idle::Poll => Rest::Spin,
            Idle::Adaptive { delay } => {
                // If the kernel refuses, sleeps are longer by its default slack of 50 µs; nothing else changes.
                let _ = rustix::thread::set_current_timer_slack(1.try_into().ok());
                match wakes.collect::<Option<Vec<Wake>>>() {
                    Some(wakes) if !wakes.is_empty() => Rest::Wait(Wait::new(wakes, Nap::new(delay))),
                    _ => Rest::Nap(Nap::new(delay)),
                }
            }
        };
        Self { empty_rounds: 0, rest }
    }

    /// To be told after every round whether it had a frame.
    #[inline]
    pub fn after_round(&mut self, had_frames: bool) {
        if had_frames {
            if self.empty_rounds > SPINS {
                self.work_came();
            }
            self.empty_rounds = 0;
            return;
        }
        self.empty_rounds = self.empty_rounds.saturating_add(1);
        eal::pause();
        if self.empty_rounds > SPINS {
            match &mut self.rest {
                Rest::Spin => {}
                Rest::Nap(nap) => nap.sleep(),
                Rest::Wait(wait) => wait.step(),
            }
        }
    }

    #[cold]
    fn work_came(&mut self) {
        if let Rest::Wait(wait) = &mut self.rest {
            wait.work_came();
        }
    }
}

/// Sleeps in steps that end within a delay.
#[derive(Debug)]
struct Nap {
    delay: Duration,
    /// By how much nine sleeps of ten at most are longer than asked.
    overshoot: Duration,
}

impl Nap {
    fn new(delay: Duration) -> Self {
        Self { delay, overshoot: Duration::ZERO }
    }

    fn sleep(&mut self) {
        let step = self.step();
        let start = Instant::now();
        std::thread::sleep(step);
        self.learn(start.elapsed().saturating_sub(step));
    }

    /// What is left of the delay when waking up takes as long as it did; half of it at least, so that a machine
    /// that is never in time is not kept busy by trying.
    fn step(&self) -> Duration {
        self.delay.saturating_sub(self.overshoot).max(self.delay / 2)
    }

    /// Moves the estimate of the 90th percentile: up by nine parts, down by one.
    fn learn(&mut self, overshoot: Duration) {
        self.overshoot = if overshoot > self.overshoot {
            (self.overshoot + 9 * GRAIN).min(self.delay)
        } else {
            self.overshoot.saturating_sub(GRAIN)
        };
    }
}

/// Waits until a queue's descriptor says that there are frames.
#[derive(Debug)]
struct Wait {
    wakes: Vec<Wake>,
    set: Vec<PollFd<'static>>,
    armed: bool,
    /// The last wait ended because of a descriptor, and no frame has come since.
    called: bool,
    nap: Nap,
}

impl Wait {
    fn new(wakes: Vec<Wake>, nap: Nap) -> Self {
        let set = wakes.iter().map(|wake| PollFd::from_borrowed_fd(wake.descriptor(), PollFlags::IN)).collect();
        Self { wakes, set, armed: false, called: false, nap }
    }

    /// Arms, so that the caller looks into the queues once more: a frame that came before does not interrupt. The
    /// next time waits. A descriptor that calls without a frame, of an interface that is down, is not trusted once.
    fn step(&mut self) {
        if std::mem::take(&mut self.called) {
            self.disarm();
            self.nap.sleep();
            return;
        }
        if !self.armed && self.wakes.iter().any(Wake::needs_arming) {
            self.armed = self.wakes.iter().all(Wake::arm);
            if !self.armed {
                self.disarm();
                self.nap.sleep();
            }
            return;
        }
        // Interrupted by a signal, it says nothing; the next round looks anyway.
        self.called = poll(&mut self.set, Some(&LONGEST)).is_ok_and(|ready| ready > 0);
        self.disarm();
    }

    fn work_came(&mut self) {
        self.called = false;
        if self.armed {
            self.disarm();
        }
    }

    fn disarm(&mut self) {
        self.armed = false;
        self.wakes.iter().for_each(Wake::disarm);
    }
}

/// Asks the kernel for idle states of CPUs that end soon enough for `idle`, as long as the file is held (PM QoS,
/// Documentation/power/pm_qos_interface). None if there is nothing to ask, or it is refused, which is said.
pub fn limit_wake_up(idle: Idle, say: &mut dyn FnMut(String)) -> Option<File> {
    let Idle::Adaptive { delay } = idle else { return None };
    let most = u32::try_from(delay.as_micros() * 2 / 5).unwrap_or(u32::MAX);
    let open = || {
        let mut file = File::options().write(true).open(CPU_DMA_LATENCY)?;
        file.write_all(&most.to_ne_bytes())?;
        Ok(file)
    };
    let refused = |error: std::io::Error| {
        say(format!(
            "{CPU_DMA_LATENCY}: {error}; an idle CPU may sleep so deep that a frame waits longer than {} us: \
             idle = \"poll\", or limit C-states with intel_idle.max_cstate=1",
            delay.as_micros()
        ));
    };
    open().map_err(refused).ok()
}

/// Empty rounds before the first rest: some tens of microseconds of spinning.
const SPINS: u32 = 500;
/// How fast a [`Nap`] learns.
const GRAIN: Duration = Duration::from_nanos(100);
/// A wait without frames; a new policy and the end wait as long.
const LONGEST: Timespec = Timespec { tv_sec: 0, tv_nsec: 1_000_000 };
const CPU_DMA_LATENCY: &str = "/dev/cpu_dma_latency";

#[cfg(test)]
mod tests {
    use super::*;
    use rustix::net::{AddressFamily, SendFlags, SocketFlags, SocketType, socketpair};
    use std::os::fd::{AsRawFd, OwnedFd};

    const DELAY: Duration = Duration::from_micros(50);
    const ADAPTIVE: Idle = Idle::Adaptive { delay: DELAY };

    fn rested(idle: Idle, wakes: Vec<Option<Wake>>) -> Backoff {
        let mut backoff = Backoff::new(idle, wakes.into_iter());
        (0..SPINS).for_each(|_| backoff.after_round(false));
        backoff
    }

    fn pair() -> (OwnedFd, OwnedFd) {
        socketpair(AddressFamily::UNIX, SocketType::DGRAM, SocketFlags::CLOEXEC, None).unwrap()
    }

    fn time(mut what: impl FnMut()) -> Duration {
        let start = Instant::now();
        what();
        start.elapsed()
    }

    /// How often this thread has given its CPU away.
    fn given_away() -> u64 {
        let status = std::fs::read_to_string("/proc/thread-self/status").unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("voluntary_ctxt_switches:"));
        line.unwrap().trim().parse().unwrap()
    }

    /// The longest a frame can wait is one sleep with its wake-up. Figures are printed; how long a busy machine takes
    /// to wake a thread is not asserted.
    #[test]
    fn without_a_wake_it_sleeps_in_steps_and_a_frame_ends_that() {
        let mut backoff = rested(ADAPTIVE, vec![None]);
        let mut sleeps: Vec<Duration> =
            std::iter::repeat_with(|| time(|| backoff.after_round(false))).take(2000).collect();
        sleeps.sort_unstable();
        eprintln!("sleeps: p50 {:?}, p99 {:?}, p99.9 {:?}", sleeps[1000], sleeps[1980], sleeps[1998]);
        assert!(sleeps[0] >= DELAY / 2, "it sleeps half the delay at least");
        backoff.after_round(true);
        assert_eq!(backoff.empty_rounds, 0);
    }

    #[test]
    fn a_step_leaves_room_for_nine_wake_ups_of_ten() {
        let mut nap = Nap::new(DELAY);
        for turn in 0..10_000_u64 {
            nap.learn(Duration::from_micros(turn % 10));
        }
        let step = nap.step().as_micros();
        assert!((40..=43).contains(&step), "{step}");
        (0..10_000).for_each(|_| nap.learn(Duration::from_millis(5)));
        assert_eq!(nap.step(), DELAY / 2, "a machine that is never in time");
        (0..10_000).for_each(|_| nap.learn(Duration::ZERO));
        assert_eq!(nap.step(), DELAY);
    }

    #[test]
    fn it_waits_for_descriptors_and_a_frame_ends_the_wait() {
        let (ours, theirs) = pair();
        let mut backoff = rested(ADAPTIVE, vec![Some(Wake::socket(ours.as_raw_fd()))]);
        assert!(time(|| backoff.after_round(false)) >= Duration::from_millis(1), "nothing came");
        rustix::net::send(&theirs, b"frame", SendFlags::empty()).unwrap();
        backoff.after_round(false);
        assert!(matches!(&backoff.rest, Rest::Wait(wait) if wait.called), "the descriptor called");
        backoff.after_round(true);
        assert!(matches!(&backoff.rest, Rest::Wait(wait) if !wait.called) && backoff.empty_rounds == 0);
    }

    /// A descriptor that always calls (an interface that is down) must not make an idle worker spin.
    #[test]
    fn a_descriptor_that_calls_for_nothing_is_slept_over() {
        let (ours, theirs) = pair();
        rustix::net::send(&theirs, b"never read", SendFlags::empty()).unwrap();
        let mut backoff = rested(ADAPTIVE, vec![Some(Wake::socket(ours.as_raw_fd()))]);
        let taken = time(|| (0..100).for_each(|_| backoff.after_round(false)));
        assert!(taken >= 50 * DELAY / 2, "{taken:?}");
    }

    #[test]
    fn one_queue_without_a_wake_makes_all_of_them_polled() {
        let (ours, _theirs) = pair();
        let backoff = rested(ADAPTIVE, vec![Some(Wake::socket(ours.as_raw_fd())), None]);
        assert!(matches!(backoff.rest, Rest::Nap(_)));
    }

    #[test]
    fn polling_never_sleeps() {
        let (ours, _theirs) = pair();
        let mut backoff = rested(Idle::Poll, vec![Some(Wake::socket(ours.as_raw_fd()))]);
        let before = given_away();
        (0..10 * SPINS).for_each(|_| backoff.after_round(false));
        assert_eq!(given_away(), before);
        rested(ADAPTIVE, vec![None]).after_round(false);
        assert!(given_away() > before, "a sleep is seen");
    }
}
