//! Everybody else's side: reads the region, writes nothing, trusts no offset in it but its own layout.

use std::os::fd::OwnedFd;
use std::sync::atomic::{Ordering, fence};

use super::layout::{ABI, Direction, Layout, LayoutError, MAGIC, NAME_WORDS, Shape, header, layout_hash};
use super::record::{self, DropRecord};
use super::writer::Identity;
use crate::counters::{LinkCounter, PoolCounter, PortCounter, ProcessCounter, Reason, Scope, WorkerCounter};
use crate::image::format::COUNTER_SLOTS;
use crate::memfd::{MemfdError, SharedView};

/// Why a region cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum TelemetryError {
    /// Seals, size or mapping.
    #[error(transparent)]
    Memory(#[from] MemfdError),
    /// Not telemetry, or of another release.
    #[error("telemetry has {what} {found:#x}, this program reads {needed:#x}; run programs of one release")]
    Header {
        /// Which part of the header.
        what: &'static str,
        /// What stands there.
        found: u64,
        /// What should.
        needed: u64,
    },
    /// A shape beyond the limits.
    #[error(transparent)]
    Layout(#[from] LayoutError),
}

/// A dataplane's telemetry, mapped read-only. It stays readable when the dataplane is gone.
#[derive(Debug)]
pub struct TelemetryReader {
    view: SharedView,
    layout: Layout,
}

impl TelemetryReader {
    /// Maps a region and checks its header.
    ///
    /// # Errors
    /// [`TelemetryError`].
    pub fn open(fd: OwnedFd) -> Result<TelemetryReader, TelemetryError> {
        let view = SharedView::open(fd)?;
        let word = |index| view.load(index).unwrap_or(0);
        let magic = word(header::MAGIC);
        fence(Ordering::Acquire);
        let same = |what, found, needed| {
            if found == needed { Ok(()) } else { Err(TelemetryError::Header { what, found, needed }) }
        };
        same("magic", magic, MAGIC)?;
        same("version", word(header::ABI), ABI)?;
        same("layout", word(header::LAYOUT), layout_hash())?;
        let count = |index| usize::try_from(word(index)).unwrap_or(usize::MAX);
        let layout = Layout::new(Shape { workers: count(header::WORKERS), links: count(header::LINKS) })?;
        same("size", word(header::TOTAL_WORDS), layout.total as u64)?;
        same("size", u64::from(view.len() >= layout.total), 1)?;
        Ok(TelemetryReader { view, layout })
    }

    /// How many workers and links there are.
    pub fn shape(&self) -> Shape {
        self.layout.shape
    }

    /// Who writes it.
    pub fn identity(&self) -> Identity {
        Identity {
            incarnation: self.load(header::INCARNATION),
            started_at: self.load(header::STARTED_AT),
            pid: self.load(header::PID),
            tsc_hz: self.load(header::TSC_HZ),
        }
    }

    /// A link's name.
    pub fn link_name(&self, link: usize) -> String {
        self.name(self.layout.name(link.min(self.layout.shape.links)))
    }

    /// The instance's name.
    pub fn instance(&self) -> String {
        self.name(self.layout.name(self.layout.shape.links))
    }

    /// A value of the process.
    pub fn process(&self, counter: ProcessCounter) -> u64 {
        self.load(self.layout.process() + counter.word())
    }

    /// A worker's value.
    pub fn worker(&self, worker: usize, counter: WorkerCounter) -> u64 {
        self.load(self.layout.worker(worker) + counter.word())
    }

    /// A counter of one direction of a link, over all workers.
    pub fn link(&self, link: usize, direction: Direction, counter: LinkCounter) -> u64 {
        self.sum(|worker| self.layout.link(worker, link, direction) + counter.word())
    }

    /// A counter of one direction of a link, of one worker alone: of its queue. 0 for a worker that there is not.
    pub fn worker_link(&self, worker: usize, link: usize, direction: Direction, counter: LinkCounter) -> u64 {
        if worker >= self.layout.shape.workers {
            return 0;
        }
        self.load(self.layout.link(worker, link, direction) + counter.word())
    }

    /// A counter of one worker alone, over all links and both directions.
    pub fn worker_links(&self, worker: usize, counter: LinkCounter) -> u64 {
        let blocks = (0..self.layout.shape.links).flat_map(|link| Direction::ALL.map(|direction| (link, direction)));
        let words = blocks.map(|(link, direction)| self.layout.link(worker, link, direction) + counter.word());
        words.fold(0, |sum, word| sum.wrapping_add(self.load(word)))
    }

    /// A reason's count in one direction of a link, over all workers.
    pub fn reason(&self, link: usize, direction: Direction, reason: Reason) -> u64 {
        let word = LinkCounter::ALL.len() + reason.word();
        self.sum(|worker| self.layout.link(worker, link, direction) + word)
    }

    /// A pool's counter, over all workers; 0 for a slot beyond the last.
    pub fn pool(&self, slot: u32, counter: PoolCounter) -> u64 {
        let slot = slot as usize;
        if slot >= COUNTER_SLOTS {
            return 0;
        }
        self.sum(|worker| self.layout.pools(worker) + counter.word() * COUNTER_SLOTS + slot)
    }

    /// A port's value; port 2·link is its access port, 2·link + 1 its network port.
    pub fn port(&self, port: usize, counter: PortCounter) -> u64 {
        self.load(self.layout.port(port) + counter.word())
    }

    /// A worker's drop records from sequence number `from` on, oldest first, with the number to go on
    /// from and how many were overwritten unread.
    pub fn records(&self, worker: usize, from: u64) -> (Vec<DropRecord>, u64, u64) {
        let ring = self.layout.ring(worker);
        record::read(|index| self.load(ring + index), from)
    }

    fn sum(&self, at: impl Fn(usize) -> usize) -> u64 {
        (0..self.layout.shape.workers).fold(0, |sum, worker| sum.wrapping_add(self.load(at(worker))))
    }

    fn name(&self, at: usize) -> String {
        let bytes: Vec<u8> = (at..at + NAME_WORDS).flat_map(|index| self.load(index).to_le_bytes()).collect();
        let end = bytes.iter().position(|byte| *byte == 0).unwrap_or(bytes.len());
        String::from_utf8_lossy(bytes.get(..end).unwrap_or_default()).into_owned()
    }

    fn load(&self, index: usize) -> u64 {
        self.view.load(index).unwrap_or(0)
    }
}
