//! A gate25-dataplane between capture files: started, fed, waited for, ended.
//!
//! net_pcap begins to read as soon as the port starts, so the policy has to be there before. It is passed as systemd
//! passes a predecessor's (sd_listen_fds(3)): a sealed memfd as descriptor 3, named in the environment. A shell sets
//! LISTEN_PID, which only the started process can know, and becomes the dataplane.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use gate25_include::counters::LinkCounter;
use gate25_include::handover::SocketError;
use gate25_include::image::Image;
use gate25_include::memfd::{MemfdError, Pages, seal_copy};
use gate25_include::telemetry::{self, TelemetryReader};
use gate25_path::Direction;
use rustix::process::{Pid, Signal, kill_process};

use super::folder::Folder;
use super::{ACCESS, INPUT, NETWORK, NOTHING};
use crate::capture::{PcapWriter, Resolution};
use crate::publish::{Dataplane, PublishError};
use crate::replay::error::ReplayError;

/// Why the dataplane did not do its part.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DataplaneError {
    /// It cannot be started.
    #[error("cannot start {}: {error}; name the program with --dataplane PROGRAM", program.display())]
    Start {
        /// The program.
        program: PathBuf,
        /// What the system says.
        error: std::io::Error,
    },
    /// It ended by itself or not well.
    #[error("{} ended with {status}: {said}", program.display())]
    Ended {
        /// The program.
        program: PathBuf,
        /// How.
        status: ExitStatus,
        /// The last thing it said.
        said: String,
    },
    /// It does not go on.
    #[error("the dataplane has handled {handled} of {frames} frames and does nothing more; look at its log: {said}")]
    Stuck {
        /// Frames forwarded, dropped or unsent.
        handled: u64,
        /// Frames it was given.
        frames: u64,
        /// The last thing it said.
        said: String,
    },
    /// It runs without the policy.
    #[error("the dataplane runs digest {found:032x}, not {given:032x}; use programs of one release")]
    OtherPolicy {
        /// The digest it was given.
        given: u128,
        /// The digest in force.
        found: u128,
    },
    /// The policy cannot be put into a memfd.
    #[error(transparent)]
    Memory(#[from] MemfdError),
    /// Its socket.
    #[error(transparent)]
    Socket(#[from] SocketError),
    /// Its telemetry.
    #[error(transparent)]
    Telemetry(#[from] PublishError),
}

/// One run.
pub(super) struct Feed<'a> {
    pub(super) program: &'a Path,
    pub(super) image: &'a Image,
    /// Holds the input; the outputs are written here.
    pub(super) folder: &'a Folder,
    /// Which port the input comes in on.
    pub(super) direction: Direction,
    /// Frames in the input.
    pub(super) frames: u64,
}

/// A running dataplane; ended when dropped.
struct Process<'a> {
    feed: &'a Feed<'a>,
    child: Child,
}

/// Runs until all frames are through and gives the telemetry as the dataplane left it.
pub(super) fn run(feed: &Feed<'_>) -> Result<TelemetryReader, ReplayError> {
    let nothing = PcapWriter::new(Vec::new(), Resolution::Micro).and_then(PcapWriter::finish);
    feed.folder.write(NOTHING, &nothing.map_err(ReplayError::write(&feed.folder.path(NOTHING)))?)?;
    feed.folder.write("dataplane.toml", feed.configuration().as_bytes())?;
    let mut process = Process { feed, child: feed.start()? };
    let mut dataplane = process.connect()?;
    let status = dataplane.status().map_err(DataplaneError::from)?;
    if status.digest != feed.image.digest() {
        let (given, found) = (feed.image.digest(), status.digest);
        return Err(DataplaneError::OtherPolicy { given, found }.into());
    }
    let telemetry = dataplane.telemetry().map_err(DataplaneError::from)?;
    drop(dataplane);
    process.wait_handled(&telemetry)?;
    process.end()?;
    Ok(telemetry)
}

impl Feed<'_> {
    fn configuration(&self) -> String {
        let (access, network) = match self.direction {
            Direction::Outbound => (INPUT, NOTHING),
            Direction::Inbound => (NOTHING, INPUT),
        };
        let port = |number: u8, from: &str, to: &str| {
            let (from, to) = (self.folder.path(from), self.folder.path(to));
            format!("net_pcap{number},rx_pcap={},tx_pcap={}", from.display(), to.display())
        };
        format!(
            "instance = \"{INSTANCE}\"\ncores = [0]\nmain_core = 0\nhuge_pages = false\nrun_dir = {:?}\n\
             [[link]]\nname = \"replay\"\nmtu = 9216\naccess = {:?}\nnetwork = {:?}\n",
            self.folder.root(),
            port(0, access, ACCESS),
            port(1, network, NETWORK),
        )
    }

    fn start(&self) -> Result<Child, ReplayError> {
        let image = seal_copy(self.image.words(), Pages::Ordinary).map_err(DataplaneError::from)?;
        let log = self.folder.path(LOG);
        let log = File::create(&log).map_err(ReplayError::write(&log))?;
        let mut command = Command::new("/bin/sh");
        command.args(["-c", BECOME]).arg(self.program).arg("--config").arg(self.folder.path("dataplane.toml"));
        command.env("LISTEN_FDS", "1").env("LISTEN_FDNAMES", "gate25-image");
        for name in ["NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID"] {
            command.env_remove(name);
        }
        command.stdin(Stdio::from(image)).stdout(Stdio::null()).stderr(Stdio::from(log));
        let started = command.spawn();
        Ok(started.map_err(|error| DataplaneError::Start { program: self.program.to_owned(), error })?)
    }

    /// The last line of its log.
    fn said(&self) -> String {
        let log = std::fs::read_to_string(self.folder.path(LOG)).unwrap_or_default();
        log.lines().rev().find(|line| !line.trim().is_empty()).unwrap_or("nothing was said").to_owned()
    }
}

impl Process<'_> {
    /// Connects as soon as it listens.
    fn connect(&mut self) -> Result<Dataplane, DataplaneError> {
        let socket = self.feed.folder.path(&format!("{INSTANCE}.sock"));
        let until = Instant::now() + START;
        loop {
            self.still_runs()?;
            match Dataplane::connect(&socket, ANSWER) {
                Err(SocketError::Connect { .. }) if Instant::now() < until => std::thread::sleep(STEP),
                other => return Ok(other?),
            }
        }
    }

    /// Waits until every frame was forwarded, dropped or could not be sent.
    fn wait_handled(&mut self, telemetry: &TelemetryReader) -> Result<(), DataplaneError> {
        let direction = match self.feed.direction {
            Direction::Outbound => telemetry::Direction::Outbound,
            Direction::Inbound => telemetry::Direction::Inbound,
        };
        let frames = self.feed.frames;
        let ends = [LinkCounter::ForwardedFrames, LinkCounter::DroppedFrames, LinkCounter::UnsentFrames];
        let (mut last, mut since) = (0, Instant::now());
        loop {
            let handled = ends.iter().map(|counter| telemetry.link(0, direction, *counter)).sum();
            if handled >= frames {
                return Ok(());
            }
            if handled != last {
                (last, since) = (handled, Instant::now());
            } else if since.elapsed() > PATIENCE {
                return Err(DataplaneError::Stuck { handled, frames, said: self.feed.said() });
            }
            self.still_runs()?;
            std::thread::sleep(STEP);
        }
    }

    /// Ends it and waits: its ports write their files to the end when they close.
    fn end(&mut self) -> Result<(), DataplaneError> {
        // It was not waited for yet, so the number is still its own; if it is gone, the loop tells how.
        let pid = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw);
        let _ = pid.map(|pid| kill_process(pid, Signal::TERM));
        let until = Instant::now() + PATIENCE;
        while Instant::now() < until {
            match self.child.try_wait() {
                Ok(Some(status)) if status.success() => return Ok(()),
                Ok(Some(status)) => return Err(self.ended(status)),
                _ => std::thread::sleep(STEP),
            }
        }
        let frames = self.feed.frames;
        Err(DataplaneError::Stuck { handled: frames, frames, said: self.feed.said() })
    }

    fn still_runs(&mut self) -> Result<(), DataplaneError> {
        match self.child.try_wait() {
            Ok(Some(status)) => Err(self.ended(status)),
            _ => Ok(()),
        }
    }

    fn ended(&self, status: ExitStatus) -> DataplaneError {
        DataplaneError::Ended { program: self.feed.program.to_owned(), status, said: self.feed.said() }
    }
}

impl Drop for Process<'_> {
    fn drop(&mut self) {
        if let Ok(None) = self.child.try_wait() {
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
    }
}

const INSTANCE: &str = "replay";
const LOG: &str = "dataplane.log";
/// What the shell does: standard input becomes descriptor 3, then it becomes its first argument.
const BECOME: &str = "LISTEN_PID=$$; export LISTEN_PID; exec \"$0\" \"$@\" 3<&0 </dev/null";
/// How long a start may take: EAL, memory, ports.
const START: Duration = Duration::from_secs(60);
/// How long an answer on the socket may take.
const ANSWER: Duration = Duration::from_secs(10);
/// How long it may do nothing.
const PATIENCE: Duration = Duration::from_secs(30);
const STEP: Duration = Duration::from_millis(10);
