//! Real-time priority for a few threads while a value lives, by chrt(1): nothing else runs on their CPUs meanwhile.
//!
//! The kernel keeps 5 % of each second for the others (sched_rt_runtime_us): trials are to be shorter than that leaves.

use std::process::Command;

/// Threads with real-time priority; they lose it with the value.
pub(super) struct Exclusive(Vec<i32>);

impl Exclusive {
    /// Gives these threads SCHED_FIFO.
    pub(super) fn give(threads: &[i32]) -> Result<Exclusive, String> {
        let given = Exclusive(threads.to_vec());
        threads.iter().try_for_each(|thread| chrt("-f", 1, *thread)).map(|()| given)
    }
}

impl Drop for Exclusive {
    fn drop(&mut self) {
        for thread in &self.0 {
            // It may have ended.
            let _ = chrt("-o", 0, *thread);
        }
    }
}

fn chrt(policy: &str, priority: u8, thread: i32) -> Result<(), String> {
    let arguments = [policy.to_owned(), "-p".to_owned(), priority.to_string(), thread.to_string()];
    let output = Command::new("chrt").args(&arguments).output().map_err(|error| format!("chrt: {error}"))?;
    let said = String::from_utf8_lossy(&output.stderr).trim().to_owned();
    if output.status.success() { Ok(()) } else { Err(format!("chrt {}: {said}", arguments.join(" "))) }
}
