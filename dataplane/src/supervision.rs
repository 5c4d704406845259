//! What ties the process to its supervisor and to the machine: signals, systemd's notify socket and descriptor
//! store, memory locking, and the watch over workers.
//!
//! Promise: the watchdog is fed only while every worker moves; a policy stored with systemd survives the process.

use std::io::IoSlice;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use gate25_include::counters::WorkerCounter;
use gate25_include::image::Image;
use gate25_include::telemetry::Telemetry;
use rustix::mm::{MlockAllFlags, mlockall};
use rustix::net::{
    AddressFamily, SendAncillaryBuffer, SendAncillaryMessage, SendFlags, SocketAddrUnix, SocketFlags, SocketType,
    sendmsg_addr, socket_with,
};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};

use crate::failure::Failure;

/// SIGTERM and SIGINT, readable; SIGHUP, harmless.
pub struct Signals {
    read: UnixStream,
    hangup: Arc<AtomicBool>,
}

impl Signals {
    /// Takes over these signals. The first SIGTERM or SIGINT is for [`Self::came`]; a second one ends the process with 130 at once,
    /// whatever it is doing.
    pub fn take() -> Result<Self, Failure> {
        let failed = |cause| Failure::system("signals", cause, "this is a bug or a lack of descriptors");
        let (read, write) = UnixStream::pair().map_err(failed)?;
        read.set_nonblocking(true).map_err(failed)?;
        let once = Arc::new(AtomicBool::new(false));
        for signal in [SIGTERM, SIGINT] {
            // In this order: the first signal finds `once` unset.
            signal_hook::flag::register_conditional_shutdown(signal, 130, once.clone()).map_err(failed)?;
            signal_hook::flag::register(signal, once.clone()).map_err(failed)?;
            let write = write.try_clone().map_err(failed)?;
            signal_hook::low_level::pipe::register(signal, write).map_err(failed)?;
        }
        // Somebody who means "read your configuration" must not stop the traffic.
        let hangup = Arc::new(AtomicBool::new(false));
        signal_hook::flag::register(SIGHUP, Arc::clone(&hangup)).map_err(failed)?;
        Ok(Self { read, hangup })
    }

    /// Whether SIGHUP came since the last time.
    pub fn hangup_came(&self) -> bool {
        self.hangup.swap(false, Ordering::Relaxed)
    }

    /// Whether a signal came.
    pub fn came(&self) -> bool {
        let mut byte = [0];
        matches!(std::io::Read::read(&mut &self.read, &mut byte), Ok(1))
    }
}

impl AsFd for Signals {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.read.as_fd()
    }
}

/// systemd's notify socket (sd_notify(3)), if there is one.
pub struct Supervisor {
    socket: Option<(OwnedFd, SocketAddrUnix)>,
    /// How often it wants to hear of us.
    watchdog: Option<Duration>,
    /// Generations this process gave it that wait for their time; none before the first.
    planned: Option<Vec<u64>>,
}

impl Supervisor {
    /// From NOTIFY_SOCKET, WATCHDOG_USEC and WATCHDOG_PID.
    pub fn from_environment() -> Self {
        let variable = |name| std::env::var(name).ok();
        let socket = variable("NOTIFY_SOCKET").and_then(|path| {
            let address = match path.strip_prefix('@') {
                Some(name) => SocketAddrUnix::new_abstract_name(name.as_bytes()),
                None => SocketAddrUnix::new(&path),
            };
            let fd = socket_with(AddressFamily::UNIX, SocketType::DGRAM, SocketFlags::CLOEXEC, None);
            Some((fd.ok()?, address.ok()?))
        });
        let meant = variable("WATCHDOG_PID").is_none_or(|pid| pid == std::process::id().to_string());
        let micros = variable("WATCHDOG_USEC").and_then(|text| text.parse().ok()).filter(|_| meant);
        Self { socket, watchdog: micros.map(Duration::from_micros), planned: None }
    }

    /// Half of the watchdog's time: how often to feed it.
    pub fn feeding_interval(&self) -> Option<Duration> {
        self.watchdog.map(|time| time / 2)
    }

    /// Sends a state, `READY=1`. Nobody listening is no error.
    pub fn notify(&self, state: &str) {
        self.send(state, None);
    }

    /// Gives systemd the policy in force, in place of the one it has.
    pub fn store_image(&self, image: &Image) {
        self.store(STORED_IMAGE, &[image]);
    }

    /// Gives systemd what is planned behind the policy in force, in place of what it has. To be called after
    /// [`Self::store_image`]: a successor leaves out a plan that is older than its image.
    pub fn store_planned(&mut self, planned: &[Arc<Image>]) {
        let generations: Vec<u64> = planned.iter().map(|image| image.generation()).collect();
        if self.planned.as_ref() != Some(&generations) {
            self.planned = Some(generations);
            self.store(STORED_PLANNED, &planned.iter().map(AsRef::as_ref).collect::<Vec<_>>());
        }
    }

    fn store(&self, name: &str, images: &[&Image]) {
        self.notify(&format!("FDSTOREREMOVE=1\nFDNAME={name}"));
        for fd in images.iter().filter_map(|image| image.descriptor()) {
            self.send(&format!("FDSTORE=1\nFDNAME={name}"), Some(fd));
        }
    }

    fn send(&self, state: &str, fd: Option<BorrowedFd<'_>>) {
        let Some((socket, address)) = &self.socket else { return };
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
        let mut ancillary = SendAncillaryBuffer::new(&mut space);
        let fds = fd.as_slice();
        if !fds.is_empty() {
            ancillary.push(SendAncillaryMessage::ScmRights(fds));
        }
        let flags = SendFlags::NOSIGNAL | SendFlags::DONTWAIT;
        let _ = sendmsg_addr(socket, address, &[IoSlice::new(state.as_bytes())], &mut ancillary, flags);
    }
}

/// The policies that a predecessor stored, if systemd passes them (LISTEN_FDS, sd_listen_fds(3)): the one in force, and
/// what was planned behind it.
///
/// They are opened anew through /proc, read-only; their seals belong to the memory and come along. The descriptors passed
/// stay open beside them, so these images' memory is freed with the process only.
pub fn stored_images() -> (Option<OwnedFd>, Vec<OwnedFd>) {
    let all = passed().unwrap_or_default();
    let named = |name: &str| {
        let indices = all.iter().enumerate().filter(|(_, passed)| *passed == name).map(|(index, _)| index);
        let open = |index| std::fs::File::open(format!("/proc/self/fd/{}", FIRST_PASSED + index)).ok();
        indices.filter_map(open).map(OwnedFd::from).collect::<Vec<_>>()
    };
    (named(STORED_IMAGE).into_iter().next(), named(STORED_PLANNED))
}

/// Names of the descriptors that systemd passes to this process, in their order.
fn passed() -> Option<Vec<String>> {
    let variable = |name| std::env::var(name).ok();
    if variable("LISTEN_PID")? != std::process::id().to_string() {
        return None;
    }
    let count: usize = variable("LISTEN_FDS")?.parse().ok()?;
    Some(variable("LISTEN_FDNAMES")?.split(':').take(count).map(str::to_owned).collect())
}

/// Keeps what is mapped in memory and keeps packet memory out of core dumps. What the system refuses is said, and
/// gate25 works without.
pub fn harden(say: &mut dyn FnMut(String)) {
    // ONFAULT: EAL reserves address space by the gigabyte that is never touched.
    if let Err(error) = mlockall(MlockAllFlags::CURRENT | MlockAllFlags::FUTURE | MlockAllFlags::ONFAULT) {
        say(format!("memory cannot be locked ({error}): pages may be swapped out; give CAP_IPC_LOCK or LimitMEMLOCK="));
    }
    // core(5): private anonymous memory and ELF headers only; no shared memory, no huge pages.
    if let Err(error) = std::fs::write("/proc/self/coredump_filter", "0x11") {
        say(format!("/proc/self/coredump_filter: {error}: a core dump will hold packet memory"));
    }
}

/// Watches that every worker moves.
#[derive(Debug)]
pub struct Watch {
    last: Vec<(u64, u32)>,
}

impl Watch {
    /// Of so many workers.
    pub fn new(workers: usize) -> Self {
        Self { last: vec![(0, 0); workers] }
    }

    /// To be called every [`WATCH_INTERVAL`]. Gives the workers that have not moved for [`STUCK_CHECKS`] checks.
    ///
    /// Checks are counted, not time: a process that was stopped as a whole has no stuck worker when it goes on.
    pub fn check(&mut self, telemetry: &Telemetry) -> Vec<usize> {
        let beat = |worker| telemetry.worker(worker).own.get(WorkerCounter::Heartbeat);
        self.observe(beat)
    }

    fn observe(&mut self, beat: impl Fn(usize) -> u64) -> Vec<usize> {
        for (worker, (last, same)) in self.last.iter_mut().enumerate() {
            let now = beat(worker);
            *same = if now == *last { same.saturating_add(1) } else { 0 };
            *last = now;
        }
        let stuck = |(worker, (_, same)): (usize, &(u64, u32))| (*same >= STUCK_CHECKS).then_some(worker);
        self.last.iter().enumerate().filter_map(stuck).collect()
    }
}

/// Time between two checks of [`Watch`].
pub const WATCH_INTERVAL: Duration = Duration::from_millis(100);
/// A worker that shows no heartbeat in so many checks is stuck: two seconds, thousands of rounds.
pub const STUCK_CHECKS: u32 = 20;
/// Name of the policy in systemd's descriptor store.
const STORED_IMAGE: &str = "gate25-image";
/// Name of each image in the descriptor store that waits for its time.
const STORED_PLANNED: &str = "gate25-planned";
/// SD_LISTEN_FDS_START.
const FIRST_PASSED: usize = 3;

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::Cell;

    #[test]
    fn stuck_after_so_many_checks_and_not_one_earlier() {
        let mut watch = Watch::new(2);
        let beat = Cell::new(1);
        let check = |watch: &mut Watch| {
            beat.set(beat.get() + 1);
            watch.observe(|worker| if worker == 0 { beat.get() } else { 7 })
        };
        check(&mut watch);
        for _ in 1..STUCK_CHECKS {
            assert!(check(&mut watch).is_empty());
        }
        assert_eq!(check(&mut watch), [1]);
        assert!(watch.observe(|_| 99).is_empty());
    }
}
