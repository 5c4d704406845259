//! DPDK's environment abstraction layer: start, threads of the workers, end.
//!
//! Owns EAL's arguments and its log. Until [`Eal::log_to_stderr`] EAL's log goes to a file in memory, so that a
//! failed start becomes one line of cause. Promise: one `Eal` per process; dropping it cleans EAL up.

#![allow(unsafe_code)]

use std::ffi::{CStr, CString, c_char, c_int, c_void};
use std::io::{Read, Seek, SeekFrom};
use std::os::fd::{AsFd, IntoRawFd};

use rustix::fs::{MemfdFlags, memfd_create};

use crate::config::Config;
use crate::device::Bus;
use crate::failure::Failure;

/// EAL, running.
pub struct Eal {
    log: std::fs::File,
}

impl Eal {
    /// Starts EAL for `config`: own file prefix, memory of this process alone, no devices yet.
    pub fn start(config: &Config, memory_mb: u32) -> Result<Self, Failure> {
        let log = capture_log().map_err(|cause| Failure::Eal(format!("its log cannot be captured: {cause}")))?;
        let mut eal = Self { log };
        let args: Vec<CString> =
            arguments(config, memory_mb).into_iter().filter_map(|arg| CString::new(arg).ok()).collect();
        // EAL permutes the array and keeps pointers into the strings: both live as long as the process.
        let pointers: Vec<*mut c_char> = args.into_iter().map(CString::into_raw).collect();
        let count = c_int::try_from(pointers.len()).unwrap_or(c_int::MAX);
        let argv = Box::leak(pointers.into_boxed_slice()).as_mut_ptr();
        // SAFETY: argv holds `count` NUL-terminated strings that are never freed; EAL was not started before.
        let used = unsafe { dpdk_sys::rte_eal_init(count, argv) };
        if used >= 0 { Ok(eal) } else { Err(Failure::Eal(eal.cause())) }
    }

    /// The last lines that EAL and its drivers logged, as one line; empties the log.
    pub fn cause(&mut self) -> String {
        let mut text = String::new();
        let read = self.log.seek(SeekFrom::Start(0)).and_then(|_| self.log.read_to_string(&mut text));
        let cleared = self.log.set_len(0);
        let last = match (read, cleared) {
            (Ok(_), Ok(())) => last_errors(&text),
            (Err(error), _) | (_, Err(error)) => error.to_string(),
        };
        if last.is_empty() { error_text(errno()) } else { last }
    }

    /// From now on DPDK's log goes to standard error.
    pub fn log_to_stderr(&self) {
        if let Ok(copy) = rustix::io::dup(std::io::stderr().as_fd()) {
            // SAFETY: the descriptor is open and handed over.
            unsafe { dpdk_sys::gate25_log_to(copy.into_raw_fd()) };
        }
    }

    /// Runs `work` on the thread of lcore `lcore` (worker i is lcore i + 1) until it returns.
    pub fn launch<F: FnOnce() + Send + 'static>(&self, lcore: u32, work: F) -> Result<(), String> {
        let boxed = Box::into_raw(Box::new(work));
        // SAFETY: `boxed` is a live allocation; run::<F> takes it back exactly once.
        let rc = unsafe { dpdk_sys::rte_eal_remote_launch(Some(run::<F>), boxed.cast(), lcore) };
        if rc == 0 {
            return Ok(());
        }
        // SAFETY: the launch failed, so that nobody else took the allocation.
        drop(unsafe { Box::from_raw(boxed) });
        Err(error_text(-rc))
    }

    /// Waits until the work of `lcore` has returned.
    pub fn wait(&self, lcore: u32) {
        // SAFETY: EAL runs; an lcore without work returns at once.
        unsafe { dpdk_sys::rte_eal_wait_lcore(lcore) };
    }

    /// NUMA node of a worker's lcore; None if EAL does not know.
    pub fn node_of_lcore(&self, lcore: u32) -> u32 {
        // SAFETY: reads EAL's table; an unknown lcore gives node 0.
        unsafe { dpdk_sys::rte_lcore_to_socket_id(lcore) }
    }

    /// Cycles of the time-stamp counter per second.
    pub fn tsc_hz(&self) -> u64 {
        // SAFETY: EAL runs and has calibrated the counter.
        unsafe { dpdk_sys::rte_get_tsc_hz() }
    }
}

impl Drop for Eal {
    fn drop(&mut self) {
        // SAFETY: every port is stopped and every worker has returned before the owner drops EAL.
        unsafe { dpdk_sys::rte_eal_cleanup() };
    }
}

/// Reads the time-stamp counter.
pub fn cycles() -> u64 {
    // SAFETY: no preconditions.
    unsafe { dpdk_sys::gate25_rdtsc() }
}

/// Tells the CPU that this is a busy wait.
pub fn pause() {
    // SAFETY: no preconditions.
    unsafe { dpdk_sys::gate25_pause() };
}

/// DPDK's version as it names itself.
pub fn version() -> String {
    // SAFETY: a static NUL-terminated string.
    unsafe { CStr::from_ptr(dpdk_sys::rte_version()) }.to_string_lossy().into_owned()
}

/// errno of the last failed DPDK call on this thread.
pub fn errno() -> i32 {
    // SAFETY: reads a thread-local integer.
    unsafe { dpdk_sys::gate25_errno() }
}

/// The text of an errno (positive).
pub fn error_text(errno: i32) -> String {
    // SAFETY: rte_strerror returns a NUL-terminated string that lives until this thread's next call of it.
    unsafe { CStr::from_ptr(dpdk_sys::rte_strerror(errno)) }.to_string_lossy().into_owned()
}

unsafe extern "C" fn run<F: FnOnce()>(work: *mut c_void) -> c_int {
    // SAFETY: launch() made this pointer from a Box<F> and gives it to exactly one call.
    let work = unsafe { Box::from_raw(work.cast::<F>()) };
    work();
    0
}

fn capture_log() -> std::io::Result<std::fs::File> {
    let log = std::fs::File::from(memfd_create("gate25-eal-log", MemfdFlags::CLOEXEC)?);
    // SAFETY: the descriptor is open and handed over.
    let rc = unsafe { dpdk_sys::gate25_log_to(log.try_clone()?.into_raw_fd()) };
    if rc < 0 { Err(std::io::Error::from_raw_os_error(-rc)) } else { Ok(log) }
}

/// EAL's arguments: the main thread is lcore 0 and worker i lcore i + 1, whatever their CPUs, so that workers may
/// share a CPU. No PCI function is probed at start: a port is plugged when its link is set up, and the error
/// then names it.
fn arguments(config: &Config, memory_mb: u32) -> Vec<String> {
    let mut lcores = format!("0@{}", config.main_core);
    for (index, core) in config.cores.iter().enumerate() {
        lcores.push_str(&format!(",{}@{core}", index + 1));
    }
    let mut args: Vec<String> =
        ["gate25-dataplane", "--no-telemetry", "--main-lcore", "0", "--lcores"].map(str::to_owned).to_vec();
    args.push(lcores);
    args.extend(["--file-prefix".to_owned(), format!("gate25-{}", config.instance)]);
    if config.huge_pages {
        args.push("--in-memory".to_owned());
    } else {
        // EAL takes --in-memory with huge pages only.
        args.extend(["--no-huge", "--no-shconf", "-m"].map(str::to_owned));
        args.push(memory_mb.to_string());
    }
    let devices = config.links.iter().flat_map(|link| [&link.access, &link.network]);
    if devices.into_iter().any(|device| device.bus() == Bus::Pci) {
        // An allow list with an address that no driver takes.
        args.extend(["-a".to_owned(), "0000:00:00.0".to_owned()]);
    } else {
        args.push("--no-pci".to_owned());
    }
    args.extend(config.eal.iter().cloned());
    args
}

/// The lines of a log that say why, joined: those with an error word, else the last one.
fn last_errors(text: &str) -> String {
    let lines: Vec<&str> = text.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    let telling = |line: &&&str| {
        let lower = line.to_ascii_lowercase();
        let noise = NOISE.iter().any(|word| lower.contains(word));
        !noise && ERROR_WORDS.iter().any(|word| lower.contains(word))
    };
    let mut found: Vec<&str> = lines.iter().filter(telling).copied().collect();
    if found.is_empty() {
        found.extend(lines.last());
    }
    let skip = found.len().saturating_sub(3);
    found.into_iter().skip(skip).collect::<Vec<_>>().join("; ")
}

/// Lines that follow from others, or that say nothing of a process without secondaries.
const NOISE: &[&str] = &["failed to attach device on primary", "mp action"];
const ERROR_WORDS: &[&str] =
    &["cannot", "could not", "fail", "error", "invalid", "not found", "no such", "unable", "not fit", "compatible"];

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    fn config(text: &str) -> Config {
        Config::parse(Path::new("d.toml"), text).unwrap()
    }

    #[test]
    fn workers_may_share_a_cpu() {
        let text = "instance = \"a\"\ncores = [1, 1]\nmain_core = 0\nhuge_pages = false\neal = [\"--iova-mode=va\"]\n\
                    [[link]]\nname = \"l\"\naccess = \"net_null0\"\nnetwork = \"net_null1\"\n";
        let args = arguments(&config(text), 300).join(" ");
        assert!(args.contains("--lcores 0@0,1@1,2@1 --file-prefix gate25-a --no-huge --no-shconf -m 300"), "{args}");
        assert!(args.ends_with("--no-pci --iova-mode=va"), "{args}");
        let pci = arguments(&config(&text.replace("net_null0", "0000:00:04.0")), 300).join(" ");
        assert!(pci.contains("-a 0000:00:00.0") && !pci.contains("--no-pci"), "{pci}");
    }

    #[test]
    fn a_log_becomes_one_line() {
        let log = "EAL: Detected CPU lcores: 2\nEAL: No free 2048 kB hugepages reported on node 0\n\
                   EAL: FATAL: Cannot get hugepage information.\n";
        assert_eq!(last_errors(log), "EAL: FATAL: Cannot get hugepage information.");
        assert_eq!(last_errors("EAL: one\n\n"), "EAL: one");
        assert_eq!(last_errors(""), "");
    }
}
