//! The telemetry: what the dataplane tells, in one region that only it writes.
//!
//! [`Layout`] says where each block stands. [`Telemetry`] is the dataplane's side, handing out to each
//! thread the blocks it alone writes; [`TelemetryReader`] is everybody else's. All words are 64-bit
//! atomics. A writer does `load + n, store`, both Relaxed: it is alone, and a reader may see a burst's
//! counters in part, but never a torn word and never a step back. The incarnation in the header tells
//! a restart.

mod block;
mod layout;
mod reader;
mod record;
mod writer;

pub use block::Block;
pub use layout::{
    ABI, Direction, LINK_WORDS, Layout, LayoutError, MAGIC, MAX_LINKS, MAX_WORKERS, RING_RECORDS, Shape, header,
    layout_hash,
};
pub use reader::{TelemetryError, TelemetryReader};
pub use record::{DropRecord, RECORD_WORDS};
pub use writer::{CreateError, Identity, LinkBlock, Telemetry, WorkerTelemetry};

#[cfg(test)]
mod tests;
