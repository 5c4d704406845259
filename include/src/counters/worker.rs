//! What is counted per worker.

use super::scope;

/// Upper bounds, inclusive, of the burst-size histogram: `burst_le_1` … `burst_le_64`, in frames.
/// Each word counts the bursts of its own bucket only; readers add them up.
pub const BURST_BOUNDS: [usize; 7] = [1, 2, 4, 8, 16, 32, 64];

scope! {
    /// A worker's own counters.
    WorkerCounter "worker" &["worker"];
    Heartbeat "heartbeat" Gauge "cycles" "Time stamp counter at the worker's last burst boundary.";
    Generation "generation" Gauge "1" "Generation of the image the worker runs; 0 before the first.";
    Core "core" Gauge "1" "CPU the worker is pinned to.";
    Polls "polls" Counter "polls" "Receive calls.";
    EmptyPolls "empty_polls" Counter "polls" "Receive calls that gave nothing.";
    BusyCycles "busy_cycles" Counter "cycles" "Time stamp counter cycles in rounds that received frames.";
    IdleCycles "idle_cycles" Counter "cycles" "Time stamp counter cycles in rounds that received none.";
    BurstLe1 "burst_le_1" Counter "bursts" "Bursts of 1 frame.";
    BurstLe2 "burst_le_2" Counter "bursts" "Bursts of 2 frames.";
    BurstLe4 "burst_le_4" Counter "bursts" "Bursts of 3 or 4 frames.";
    BurstLe8 "burst_le_8" Counter "bursts" "Bursts of 5 to 8 frames.";
    BurstLe16 "burst_le_16" Counter "bursts" "Bursts of 9 to 16 frames.";
    BurstLe32 "burst_le_32" Counter "bursts" "Bursts of 17 to 32 frames.";
    BurstLe64 "burst_le_64" Counter "bursts" "Bursts of 33 to 64 frames.";
}

impl WorkerCounter {
    /// The histogram word for a burst of `frames` (1 to 64; more counts as 64).
    pub const fn burst(frames: usize) -> WorkerCounter {
        match frames {
            0 | 1 => WorkerCounter::BurstLe1,
            2 => WorkerCounter::BurstLe2,
            3 | 4 => WorkerCounter::BurstLe4,
            5..=8 => WorkerCounter::BurstLe8,
            9..=16 => WorkerCounter::BurstLe16,
            17..=32 => WorkerCounter::BurstLe32,
            _ => WorkerCounter::BurstLe64,
        }
    }
}
