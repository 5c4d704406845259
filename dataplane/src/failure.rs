//! Why gate25-dataplane does not start or does not go on, and the exit code that says so.
//!
//! One enum for the whole program, so that `--help`, dataplane/README.md and the tests share one list of codes.
//! Promise: each text is one line with the cause and what to do.

use std::path::PathBuf;

use thiserror::Error;

use crate::config::ConfigError;
use crate::device::DeviceError;

/// Why the program ends otherwise than by SIGTERM.
#[derive(Debug, Error)]
pub enum Failure {
    /// dataplane.toml.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// Too few free huge pages, known before EAL starts.
    #[error(
        "{free_mb} MB of huge pages are free and {needed_mb} MB are needed: \
         sysctl vm.nr_hugepages={pages}, or huge_pages = false in dataplane.toml for a test"
    )]
    HugePages {
        /// Free, MB.
        free_mb: u64,
        /// Needed, MB.
        needed_mb: u64,
        /// 2 MB pages that would do.
        pages: u64,
    },
    /// EAL did not start.
    #[error("DPDK's EAL does not start: {0}")]
    Eal(String),
    /// Memory for packets.
    #[error("no memory for {count} packet buffers of {bytes} bytes: {cause}; {}", more_memory(*huge))]
    Buffers {
        /// How many.
        count: u32,
        /// Bytes each.
        bytes: u32,
        /// What DPDK says.
        cause: String,
        /// Whether huge pages are in use.
        huge: bool,
    },
    /// A port that does not exist or cannot be set up.
    #[error("link {link}: port \"{port}\": {cause}")]
    Port {
        /// The link's name.
        link: String,
        /// The port as configured.
        port: String,
        /// What is wrong, and what to do.
        cause: String,
    },
    /// A port that another process holds.
    #[error(
        "link {link}: port \"{port}\" is held by pid {pid} ({}): stop that one, or name another port",
        lock.display()
    )]
    Held {
        /// The link's name.
        link: String,
        /// The port as configured.
        port: String,
        /// The holder.
        pid: String,
        /// The lock's file.
        lock: PathBuf,
    },
    /// The instance runs already.
    #[error(
        "instance {instance} runs already as pid {pid} ({}): stop it, or give this one another instance name",
        lock.display()
    )]
    Running {
        /// The instance.
        instance: String,
        /// The holder.
        pid: String,
        /// The lock's file.
        lock: PathBuf,
    },
    /// A file, socket or setting of the system.
    #[error("{what}: {cause}; {remedy}")]
    System {
        /// What was tried.
        what: String,
        /// What the system says.
        cause: std::io::Error,
        /// What to do.
        remedy: &'static str,
    },
    /// A thread that cannot run where it should.
    #[error("{thread} on CPU {core}: {cause}")]
    Cpu {
        /// `main thread`, `worker 0`.
        thread: String,
        /// The CPU.
        core: u16,
        /// What is wrong, and what to do.
        cause: String,
    },
}

impl Failure {
    /// The exit code; [`EXIT_CODES`] is the whole list.
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Config(_) => 3,
            Self::HugePages { .. } | Self::Eal(_) | Self::Buffers { .. } => 4,
            Self::Port { .. } => 5,
            Self::Held { .. } => 6,
            Self::Running { .. } => 7,
            Self::System { .. } | Self::Cpu { .. } => 8,
        }
    }

    /// A failed call of the system.
    pub fn system(what: impl Into<String>, cause: impl Into<std::io::Error>, remedy: &'static str) -> Self {
        Self::System { what: what.into(), cause: cause.into(), remedy }
    }

    /// A port's device text that its driver cannot take.
    pub fn device(link: &str, port: impl ToString, error: &DeviceError) -> Self {
        Self::Port { link: link.to_owned(), port: port.to_string(), cause: error.to_string() }
    }
}

fn more_memory(huge: bool) -> &'static str {
    if huge { "raise vm.nr_hugepages" } else { "raise memory in eal = [\"-m\", \"MB\"]" }
}

/// Exit codes for `--help`.
pub const EXIT_CODES: &str = "\
Exit codes:
  0    stopped by SIGTERM or SIGINT, frames in hand were sent
  2    usage: an argument is wrong
  3    dataplane.toml cannot be read or is wrong
  4    EAL, huge pages or packet memory
  5    a port does not exist or cannot do what the link needs
  6    a port is held by another process
  7    this instance runs already
  8    the system: run_dir, socket, CPU
  130  second SIGTERM or SIGINT: stopped at once, frames in hand are lost
  134  aborted (SIGABRT): a worker stopped moving; the message names it";
