//! What a worker does when all its queues are empty.
//!
//! `poll` spins. `adaptive` spins for a while and then sleeps in short steps: a sleep of 40 µs plus the
//! kernel's wake-up stays below 50 µs because the thread's timer slack is 1 ns. Under load it never gets to the
//! sleep, and the worker makes no system call.

use std::time::Duration;

use crate::config::Idle;
use crate::eal;

/// Back-off of one worker.
#[derive(Debug)]
pub struct Backoff {
    idle: Idle,
    empty_rounds: u32,
}

impl Backoff {
    /// For the thread that calls it: sets its timer slack.
    pub fn new(idle: Idle) -> Self {
        if idle == Idle::Adaptive {
            // If the kernel refuses, sleeps are longer by its default slack of 50 µs; nothing else changes.
            let _ = rustix::thread::set_current_timer_slack(1.try_into().ok());
        }
        Self { idle, empty_rounds: 0 }
    }

    /// To be told after every round whether it had a frame.
    pub fn after_round(&mut self, had_frames: bool) {
        if had_frames {
            self.empty_rounds = 0;
            return;
        }
        self.empty_rounds = self.empty_rounds.saturating_add(1);
        eal::pause();
        if self.idle == Idle::Adaptive && self.empty_rounds > SPINS {
            std::thread::sleep(SLEEP);
        }
    }
}

/// Empty rounds before the first sleep: some tens of microseconds of spinning.
const SPINS: u32 = 500;
/// Step of sleep; with the wake-up of an idle CPU the added delay stays below 50 µs.
const SLEEP: Duration = Duration::from_micros(40);

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Instant;

    /// The longest a frame can wait is one sleep with its wake-up. Figures are printed; how long a busy machine takes to
    /// wake a thread is not asserted.
    #[test]
    fn after_some_empty_rounds_it_sleeps_and_a_frame_ends_that() {
        let mut backoff = Backoff::new(Idle::Adaptive);
        (0..=SPINS).for_each(|_| backoff.after_round(false));
        let sleep = || {
            let start = Instant::now();
            backoff.after_round(false);
            start.elapsed()
        };
        let mut sleeps: Vec<Duration> = std::iter::repeat_with(sleep).take(2000).collect();
        sleeps.sort_unstable();
        eprintln!("sleeps: p50 {:?}, p99 {:?}, p99.9 {:?}", sleeps[1000], sleeps[1980], sleeps[1998]);
        assert!(sleeps[0] >= SLEEP);
        backoff.after_round(true);
        assert_eq!(backoff.empty_rounds, 0);
    }

    #[test]
    fn polling_never_sleeps() {
        let mut backoff = Backoff::new(Idle::Poll);
        let start = Instant::now();
        (0..10 * SPINS).for_each(|_| backoff.after_round(false));
        // As many sleeps would take ten times as long at least.
        assert!(start.elapsed() < SLEEP * 9 * SPINS);
    }
}
