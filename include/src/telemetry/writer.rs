//! The dataplane's side: makes the region and hands out its blocks.

use std::os::fd::{AsFd, BorrowedFd};
use std::sync::atomic::{AtomicU64, Ordering};

use super::block::Block;
use super::layout::{
    ABI, Direction, HEADER, Layout, LayoutError, MAGIC, NAME_WORDS, POOL_COUNTERS, RING_RECORDS, RING_STRIDE, STRIDES,
    Shape, header, layout_hash,
};
use super::record::{self, DropRecord};
use crate::counters::{LinkCounter, PoolCounter, Reason, Scope};
use crate::image::format::COUNTER_SLOTS;
use crate::memfd::{MemfdError, SharedWords};

/// The region, made and written by the dataplane.
#[derive(Debug)]
pub struct Telemetry {
    words: SharedWords,
    layout: Layout,
}

/// Why no region could be made.
#[derive(Debug, thiserror::Error)]
pub enum CreateError {
    /// Too many workers or links.
    #[error(transparent)]
    Layout(#[from] LayoutError),
    /// Memory is short.
    #[error(transparent)]
    Memory(#[from] MemfdError),
}

/// Who writes the region, as its header says it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Identity {
    /// Changes with each start.
    pub incarnation: u64,
    /// Unix second of the start.
    pub started_at: u64,
    /// Process id.
    pub pid: u64,
    /// Time stamp counter cycles per second.
    pub tsc_hz: u64,
}

impl Telemetry {
    /// Makes the region, zeroed but for its header and names. All its memory is allocated here: no
    /// worker faults a page in later.
    ///
    /// # Errors
    /// [`CreateError`].
    pub fn create(
        instance: &str,
        links: &[&str],
        workers: usize,
        identity: Identity,
    ) -> Result<Telemetry, CreateError> {
        let layout = Layout::new(Shape { workers, links: links.len() })?;
        let telemetry = Telemetry { words: SharedWords::create(layout.total)?, layout };
        for (index, name) in links.iter().chain([&instance]).enumerate() {
            telemetry.name(layout.name(index), name);
        }
        telemetry.header(identity);
        Ok(telemetry)
    }

    fn header(&self, identity: Identity) {
        let Shape { workers, links } = self.layout.shape;
        let plain = [
            (header::ABI, ABI),
            (header::LAYOUT, layout_hash()),
            (header::TOTAL_WORDS, self.layout.total as u64),
            (header::INCARNATION, identity.incarnation),
            (header::STARTED_AT, identity.started_at),
            (header::PID, identity.pid),
            (header::TSC_HZ, identity.tsc_hz),
            (header::WORKERS, workers as u64),
            (header::LINKS, links as u64),
            (header::SLOTS, COUNTER_SLOTS as u64),
            (header::RING_RECORDS, RING_RECORDS as u64),
        ];
        let offsets = self.layout.offsets.iter().enumerate().map(|(i, at)| (header::OFFSETS + i, *at as u64));
        let strides = STRIDES.iter().enumerate().map(|(i, words)| (header::STRIDES + i, *words as u64));
        for (index, value) in plain.into_iter().chain(offsets).chain(strides) {
            self.store(index, value);
        }
        // Last: whoever sees the magic sees a whole header.
        if let Some(word) = self.words.words().get(header::MAGIC) {
            word.store(MAGIC, Ordering::Release);
        }
    }

    fn name(&self, at: usize, name: &str) {
        let cut = name.floor_char_boundary(NAME_WORDS * 8);
        let bytes = name.get(..cut).unwrap_or_default().as_bytes();
        for (index, chunk) in bytes.chunks(8).enumerate() {
            self.store(at + index, chunk.iter().rev().fold(0, |word, byte| word << 8 | u64::from(*byte)));
        }
    }

    fn store(&self, index: usize, value: u64) {
        if let Some(word) = self.words.words().get(index) {
            word.store(value, Ordering::Relaxed);
        }
    }

    /// Where everything stands.
    pub fn layout(&self) -> &Layout {
        &self.layout
    }

    /// The process block: for the main thread only.
    pub fn process(&self) -> Block<'_> {
        self.block(self.layout.process(), 0)
    }

    /// A port's block: for the main thread only. 2·link is its access port, 2·link + 1 its network port.
    pub fn port(&self, port: usize) -> Block<'_> {
        self.block(self.layout.port(port), 4)
    }

    /// A worker's blocks: for that worker only.
    pub fn worker(&self, worker: usize) -> WorkerTelemetry<'_> {
        let own = self.block(self.layout.worker(worker), 1);
        let (pools, _) = self.slice(self.layout.pools(worker), POOL_COUNTERS * COUNTER_SLOTS).as_chunks();
        let ring = self.slice(self.layout.ring(worker), RING_STRIDE);
        WorkerTelemetry { telemetry: self, worker, pools, ring, own }
    }

    #[inline]
    fn block(&self, at: usize, part: usize) -> Block<'_> {
        Block::new(self.slice(at, STRIDES.get(part).copied().unwrap_or(0)))
    }

    #[inline]
    fn slice(&self, at: usize, words: usize) -> &[AtomicU64] {
        self.words.words().get(at.max(HEADER)..at + words).unwrap_or_default()
    }
}

impl AsFd for Telemetry {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.words.as_fd()
    }
}

/// What one worker writes.
#[derive(Clone, Copy, Debug)]
pub struct WorkerTelemetry<'a> {
    telemetry: &'a Telemetry,
    worker: usize,
    /// One block per counter, with a word for each slot.
    pools: &'a [[AtomicU64; COUNTER_SLOTS]],
    ring: &'a [AtomicU64],
    /// The worker's own counters.
    pub own: Block<'a>,
}

impl<'a> WorkerTelemetry<'a> {
    /// The block of one direction of a link; look it up once, keep it.
    pub fn link(&self, link: usize, direction: Direction) -> LinkBlock<'a> {
        let at = self.telemetry.layout.link(self.worker, link, direction);
        LinkBlock { block: self.telemetry.block(at, 2) }
    }

    /// Adds to a pool's counter; a slot beyond the last counts nowhere.
    #[inline]
    pub fn pool(&self, slot: u32, counter: PoolCounter, by: u64) {
        if let Some(slots) = self.pools.get(counter.word()) {
            Block::new(slots).add_word(slot as usize, by);
        }
    }

    /// Keeps records of the first `count` of `drops`, of frames dropped together: a reader sees all or none of them. At
    /// most [`RING_RECORDS`] are kept.
    #[inline]
    pub fn record(&self, count: usize, drops: impl Iterator<Item = DropRecord>) {
        record::append(self.ring, count, drops);
    }
}

/// Counters and reasons of one direction of a link, on one worker.
#[derive(Clone, Copy, Debug)]
pub struct LinkBlock<'a> {
    block: Block<'a>,
}

impl LinkBlock<'_> {
    /// Adds to a counter.
    #[inline]
    pub fn add(&self, counter: LinkCounter, by: u64) {
        self.block.add(counter, by);
    }

    /// Adds to a reason.
    #[inline]
    pub fn reason(&self, reason: Reason, by: u64) {
        self.block.add_word(LinkCounter::ALL.len() + reason.word(), by);
    }
}
