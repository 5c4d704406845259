//! Time for workers: the time-stamp counter, and wall time from it without asking the kernel.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::eal;

/// Relation of the time-stamp counter to wall time; the main thread renews it, workers read it.
#[derive(Debug)]
pub struct WallClock {
    hz: u64,
    /// Unix nanoseconds at which the counter was 0 (wrapping).
    zero: AtomicU64,
}

impl WallClock {
    /// For a counter of `hz` cycles per second.
    pub fn new(hz: u64) -> Self {
        let clock = Self { hz: hz.max(1), zero: AtomicU64::new(0) };
        clock.renew();
        clock
    }

    /// Follows the system's clock; about once a second.
    pub fn renew(&self) {
        let unix = u64::try_from(unix().as_nanos()).unwrap_or(u64::MAX);
        self.zero.store(unix.wrapping_sub(self.nanoseconds(eal::cycles())), Ordering::Relaxed);
    }

    /// Unix nanoseconds at a counter value.
    pub fn unix_nanoseconds(&self, cycles: u64) -> u64 {
        self.zero.load(Ordering::Relaxed).wrapping_add(self.nanoseconds(cycles))
    }

    /// Seconds of the counter, for rates.
    pub fn seconds(&self, cycles: u64) -> u64 {
        cycles / self.hz
    }

    /// The counter's steps in `time`.
    pub fn cycles_of(&self, time: Duration) -> u64 {
        u64::try_from(time.as_nanos() * u128::from(self.hz) / 1_000_000_000).unwrap_or(u64::MAX)
    }

    fn nanoseconds(&self, cycles: u64) -> u64 {
        (u128::from(cycles) * 1_000_000_000 / u128::from(self.hz)) as u64
    }
}

/// CLOCK_BOOTTIME: goes on while the machine sleeps, never jumps.
pub fn boottime() -> Duration {
    let now = rustix::time::clock_gettime(rustix::time::ClockId::Boottime);
    Duration::new(now.tv_sec.try_into().unwrap_or(0), now.tv_nsec.try_into().unwrap_or(0))
}

/// Time since the epoch by the system's clock, which may jump.
pub fn unix() -> Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wall_time_follows_the_counter() {
        let clock = WallClock::new(2_000_000_000);
        let (a, b) = (clock.unix_nanoseconds(10), clock.unix_nanoseconds(10 + 4_000_000_000));
        assert_eq!(b.wrapping_sub(a), 2_000_000_000);
        assert_eq!((clock.seconds(3_999_999_999), clock.cycles_of(Duration::from_millis(1))), (1, 2_000_000));
    }
}
