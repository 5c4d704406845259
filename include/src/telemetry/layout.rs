//! Where each block of the telemetry stands. All offsets and lengths are in 64-bit words.
//!
//! ```text
//! header          64 words: magic, ABI, layout hash, who and since when, shape, offsets
//! process         1 block, written by the main thread
//! workers         1 block per worker
//! links           1 block per worker × link × direction: LinkCounter, then one word per Reason
//! pools           1 block per worker × PoolCounter: one word per counter slot
//! ports           1 block per port, written by the main thread; port 2·link is access, 2·link+1 network
//! names           per link 8 words: its name, UTF-8, padded with zeros; then 8 words: the instance's
//! rings           per worker: 8 words of positions, then RING_RECORDS drop records
//! ```
//! Every block is a whole number of cache lines (8 words), so no line has two writers. A pool's counters stand apart: at
//! any time most pools move the same one of them, and so eight pools share a line in a worker's cache.

use xxhash_rust::xxh3::xxh3_64;

use super::record::RECORD_WORDS;
use crate::counters::{LinkCounter, PoolCounter, PortCounter, ProcessCounter, Reason, Scope, WorkerCounter};
use crate::image::format::COUNTER_SLOTS;

/// First word: `GATE25TM` as bytes.
pub const MAGIC: u64 = u64::from_le_bytes(*b"GATE25TM");

/// Version of the layout. Readers take no other.
pub const ABI: u64 = 2;

/// Most workers in one dataplane.
pub const MAX_WORKERS: usize = 128;

/// Most links in one dataplane.
pub const MAX_LINKS: usize = 64;

/// Drop records each worker keeps; the oldest is overwritten.
pub const RING_RECORDS: usize = 4096;

/// Words of a link block in use: counters, then reasons.
pub const LINK_WORDS: usize = LinkCounter::ALL.len() + Reason::COUNT;

/// Words of a name.
pub(super) const NAME_WORDS: usize = 8;

/// Words of a ring before its records: reserved, committed, padding.
pub(super) const RING_HEAD: usize = 8;

/// Words of the header.
pub(super) const HEADER: usize = 64;

/// Header words by index.
pub mod header {
    /// [`super::MAGIC`].
    pub const MAGIC: usize = 0;
    /// [`super::ABI`].
    pub const ABI: usize = 1;
    /// [`super::layout_hash`].
    pub const LAYOUT: usize = 2;
    /// Words in the region.
    pub const TOTAL_WORDS: usize = 3;
    /// Changes with each start of the dataplane.
    pub const INCARNATION: usize = 4;
    /// Unix second of the start.
    pub const STARTED_AT: usize = 5;
    /// Process id.
    pub const PID: usize = 6;
    /// Time stamp counter cycles per second.
    pub const TSC_HZ: usize = 7;
    /// Workers.
    pub const WORKERS: usize = 8;
    /// Links.
    pub const LINKS: usize = 9;
    /// Counter slots.
    pub const SLOTS: usize = 10;
    /// Records per ring.
    pub const RING_RECORDS: usize = 11;
    /// Offset of the process block, then of workers, links, pools, ports, names, rings.
    pub const OFFSETS: usize = 16;
    /// Words per block, in the same order.
    pub const STRIDES: usize = 24;
}

/// Which way a frame goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Direction {
    /// Received on the access port.
    Outbound,
    /// Received on the network port.
    Inbound,
}

impl Direction {
    /// Both, in the order of their blocks.
    pub const ALL: [Direction; 2] = [Direction::Outbound, Direction::Inbound];

    /// As a label and in JSON.
    pub const fn name(self) -> &'static str {
        match self {
            Direction::Outbound => "outbound",
            Direction::Inbound => "inbound",
        }
    }
}

/// How many workers and links there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shape {
    /// Workers, 1 to [`MAX_WORKERS`].
    pub workers: usize,
    /// Links, 1 to [`MAX_LINKS`].
    pub links: usize,
}

/// A shape beyond the limits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{workers} workers and {links} links: 1 to {MAX_WORKERS} and 1 to {MAX_LINKS} are possible")]
pub struct LayoutError {
    /// Workers asked for.
    pub workers: usize,
    /// Links asked for.
    pub links: usize,
}

/// Offsets of everything, for one shape.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Layout {
    /// The shape it is for.
    pub shape: Shape,
    /// Process, workers, links, pools, ports, names, rings.
    pub(super) offsets: [usize; 7],
    /// Words of the whole region.
    pub total: usize,
}

/// Blocks of a worker's pools: one of each counter.
pub(super) const POOL_COUNTERS: usize = PoolCounter::ALL.len();

/// Words of a ring.
pub(super) const RING_STRIDE: usize = RING_HEAD + RING_RECORDS * RECORD_WORDS;

/// Words of one block of each part, in the order of the offsets.
pub(super) const STRIDES: [usize; 7] = [
    lines(ProcessCounter::ALL.len()),
    lines(WorkerCounter::ALL.len()),
    lines(LINK_WORDS),
    lines(COUNTER_SLOTS),
    lines(PortCounter::ALL.len()),
    NAME_WORDS,
    RING_STRIDE,
];

impl Layout {
    /// Lays out a region.
    ///
    /// # Errors
    /// [`LayoutError`] for none or too many.
    pub fn new(shape: Shape) -> Result<Layout, LayoutError> {
        let Shape { workers, links } = shape;
        if !(1..=MAX_WORKERS).contains(&workers) || !(1..=MAX_LINKS).contains(&links) {
            return Err(LayoutError { workers, links });
        }
        let counts = [1, workers, workers * links * 2, workers * POOL_COUNTERS, links * 2, links + 1, workers];
        let mut offsets = [0; 7];
        let mut next = HEADER;
        for ((offset, count), stride) in offsets.iter_mut().zip(counts).zip(STRIDES) {
            *offset = next;
            next += count * stride;
        }
        Ok(Layout { shape, offsets, total: next })
    }

    /// The process block.
    pub fn process(&self) -> usize {
        self.at(0, 0)
    }

    /// A worker's block.
    pub fn worker(&self, worker: usize) -> usize {
        self.at(1, worker)
    }

    /// A worker's block for one direction of a link.
    pub fn link(&self, worker: usize, link: usize, direction: Direction) -> usize {
        self.at(2, (worker * self.shape.links + link) * 2 + direction as usize)
    }

    /// A worker's blocks for pools: one of each counter, in their order.
    pub fn pools(&self, worker: usize) -> usize {
        self.at(3, worker * POOL_COUNTERS)
    }

    /// A port's block: 2·link is its access port, 2·link + 1 its network port.
    pub fn port(&self, port: usize) -> usize {
        self.at(4, port)
    }

    /// A link's name; the one behind the last link's is the instance's.
    pub fn name(&self, link: usize) -> usize {
        self.at(5, link)
    }

    /// A worker's ring.
    #[inline]
    pub fn ring(&self, worker: usize) -> usize {
        self.at(6, worker)
    }

    #[inline]
    fn at(&self, part: usize, index: usize) -> usize {
        let offset = self.offsets.get(part).copied().unwrap_or(0);
        offset + index * STRIDES.get(part).copied().unwrap_or(0)
    }
}

/// Hash over every counter's name and place and every size; both sides must have the same.
pub fn layout_hash() -> u64 {
    let mut text = format!("{HEADER} {NAME_WORDS} {RING_HEAD} {RECORD_WORDS} {RING_RECORDS} {COUNTER_SLOTS}");
    fn scope<S: Scope>(text: &mut String) {
        for member in S::ALL {
            text.push_str(&format!(" {}.{}", S::SCOPE, member.counter().name));
        }
    }
    scope::<ProcessCounter>(&mut text);
    scope::<WorkerCounter>(&mut text);
    scope::<LinkCounter>(&mut text);
    scope::<PoolCounter>(&mut text);
    scope::<PortCounter>(&mut text);
    for reason in Reason::ALL {
        text.push_str(&format!(" {}", reason.name()));
    }
    xxh3_64(text.as_bytes())
}

const fn lines(words: usize) -> usize {
    words.next_multiple_of(8)
}
