//! The record ring: what was dropped lately, for the abuse desk. One writer, any number of readers.
//!
//! ```text
//! ring word 0   reserved: records begun      ring word 1   committed: records complete
//! record words  0 sequence, from 0           1 nanoseconds since the Unix epoch
//!               2-3 line's first address      4-5 the other end (high, low; IPv4 as ::ffff:a.b.c.d)
//!               6 reason (8 bits), direction (8), link (16), line length (8)   7 counter slot (32)
//! ```
//! The writer raises `reserved` (then a Release fence) before it overwrites some and `committed` (Release)
//! after. A reader copies, then (after an Acquire fence) checks that `reserved` has not gone past it by
//! a whole ring: what it copied is then complete, else it has missed the record and knows how many.

use std::sync::atomic::{AtomicU64, Ordering, fence};

use super::layout::{Direction, RING_HEAD, RING_RECORDS};
use crate::counters::Reason;

/// Words of a record: one cache line.
pub const RECORD_WORDS: usize = 8;

/// One dropped frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DropRecord {
    /// Nanoseconds since the Unix epoch, at the burst it came with.
    pub time_ns: u64,
    /// First address of the line, IPv4 as `::ffff:a.b.c.d`.
    pub line: u128,
    /// Bits of the line: 32 for IPv4.
    pub line_length: u8,
    /// The other end, as the innermost header read says: destination outbound, source inbound; 0 if none was read,
    /// IPv4 as `::ffff:a.b.c.d`.
    pub far: u128,
    /// Why it was dropped.
    pub reason: Reason,
    /// Which way it went.
    pub direction: Direction,
    /// Which link.
    pub link: u16,
    /// Counter slot of its pool.
    pub slot: u32,
}

impl DropRecord {
    #[inline]
    fn words(&self, sequence: u64) -> [u64; RECORD_WORDS] {
        let packed = self.reason.word() as u64
            | (self.direction as u64) << 8
            | u64::from(self.link) << 16
            | u64::from(self.line_length) << 32;
        [
            sequence,
            self.time_ns,
            (self.line >> 64) as u64,
            self.line as u64,
            (self.far >> 64) as u64,
            self.far as u64,
            packed,
            u64::from(self.slot),
        ]
    }

    fn from_words(words: [u64; RECORD_WORDS]) -> Option<DropRecord> {
        let [_, time_ns, line_high, line_low, to_high, to_low, packed, slot] = words;
        Some(DropRecord {
            time_ns,
            line: u128::from(line_high) << 64 | u128::from(line_low),
            line_length: (packed >> 32) as u8,
            far: u128::from(to_high) << 64 | u128::from(to_low),
            reason: Reason::from_word(packed as u8 as usize)?,
            direction: if (packed >> 8) as u8 == 0 { Direction::Outbound } else { Direction::Inbound },
            link: (packed >> 16) as u16,
            slot: slot as u32,
        })
    }
}

/// Appends `count` records, the first ones of `drops`; the oldest go. No more than the ring holds.
#[inline]
pub(super) fn append(ring: &[AtomicU64], count: usize, drops: impl Iterator<Item = DropRecord>) {
    let Some(([reserved, committed, ..], records)) = ring.split_at_checked(RING_HEAD) else { return };
    let begin = committed.load(Ordering::Relaxed);
    let end = begin + count.min(RING_RECORDS) as u64;
    reserved.store(end, Ordering::Relaxed);
    fence(Ordering::Release);
    let (places, _) = records.as_chunks::<RECORD_WORDS>();
    let mut written = begin;
    for (sequence, drop) in (begin..end).zip(drops) {
        if let Some(place) = places.get(sequence as usize % RING_RECORDS) {
            for (word, value) in place.iter().zip(drop.words(sequence)) {
                word.store(value, Ordering::Relaxed);
            }
        }
        written = sequence + 1;
    }
    committed.store(written, Ordering::Release);
}

/// Reads the records from `from` on, oldest first. Gives them with the sequence number to go on from
/// and how many were overwritten before they could be read.
pub(super) fn read(load: impl Fn(usize) -> u64, from: u64) -> (Vec<DropRecord>, u64, u64) {
    let committed = load(1);
    fence(Ordering::Acquire);
    let first = from.max(committed.saturating_sub(RING_RECORDS as u64)).min(committed);
    let mut kept = Vec::new();
    let mut missed = first.saturating_sub(from);
    for sequence in first..committed {
        let at = RING_HEAD + (sequence as usize % RING_RECORDS) * RECORD_WORDS;
        let words = std::array::from_fn(|index| load(at + index));
        fence(Ordering::Acquire);
        let overwritten = load(0) > sequence + RING_RECORDS as u64;
        match DropRecord::from_words(words) {
            Some(record) if !overwritten && words.first() == Some(&sequence) => kept.push(record),
            _ => missed += 1,
        }
    }
    (kept, committed, missed)
}
