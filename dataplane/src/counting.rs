//! The one place where a worker counts.
//!
//! A burst is added up in a [`Tally`] on the stack and committed once, with one store per counter that moved. Drops
//! are rare and cost more: bytes, the pool's counter and a record each. Promise: in every block rx = forwarded +
//! dropped + unsent at each commit.

use std::net::IpAddr;

use gate25_include::counters::{LinkCounter, Reason, WorkerCounter};
use gate25_include::image::Image;
use gate25_include::telemetry::{Direction, DropRecord, LinkBlock, WorkerTelemetry};
use gate25_path::{InboundRead, Verdict, far_address};

use crate::clock::WallClock;

/// What happened to one burst.
#[derive(Debug, Default)]
pub struct Tally {
    /// Frames received.
    pub frames: u64,
    /// Bytes received.
    pub bytes: u64,
    /// Frames dropped by policy.
    pub dropped: u64,
    /// Bytes dropped by policy.
    pub dropped_bytes: u64,
    /// Frames the opposite port did not take.
    pub unsent: u64,
    /// Bytes the opposite port did not take.
    pub unsent_bytes: u64,
    /// Answers sent.
    pub rejects: u64,
    /// Answers beyond the rate.
    pub reject_suppressed: u64,
    /// Answers without a buffer, or not taken by the port.
    pub reject_unsent: u64,
    reasons: [u64; Reason::COUNT],
    inbound_reads: [u64; INBOUND_READS.len()],
}

/// Where and when a burst came.
#[derive(Clone, Copy)]
pub struct Place<'a> {
    /// The worker's blocks.
    pub telemetry: &'a WorkerTelemetry<'static>,
    /// The image that judged it.
    pub image: Option<&'a Image>,
    /// Which link.
    pub link: usize,
    /// Which way.
    pub direction: Direction,
    /// The time-stamp counter at the burst, and what makes wall time of it for those that drop something.
    pub now: u64,
    /// See `now`.
    pub clock: &'a WallClock,
}

impl Tally {
    /// A burst of so many frames.
    pub fn of(frames: usize) -> Self {
        Self { frames: frames as u64, ..Self::default() }
    }

    /// Counts one frame's verdict, and its pool's.
    #[inline]
    pub fn verdict(&mut self, verdict: &Verdict, place: Place<'_>) {
        if let Some(count) = self.reasons.get_mut(verdict.reason.word()) {
            *count += 1;
        }
        if let Some(read) = verdict.inbound_read {
            self.inbound_read(read);
        }
        if let Some(number) = verdict.pool {
            pool(verdict.reason, number, place);
        }
    }

    /// Counts a dropped frame and keeps a record of it.
    #[cold]
    pub fn dropped(&mut self, verdict: &Verdict, frame: &[u8], place: Place<'_>) {
        self.dropped += 1;
        self.dropped_bytes += frame.len() as u64;
        let slot = verdict.pool.and_then(|number| place.image?.pool(number)).map_or(0, |pool| pool.counter_slot);
        let (line, line_length) = verdict.line.map_or((0, 0), |line| (line.addr, line.len));
        place.telemetry.record(&DropRecord {
            time_ns: place.clock.unix_nanoseconds(place.now),
            line,
            line_length,
            far: far(frame, place),
            reason: verdict.reason,
            direction: place.direction,
            link: u16::try_from(place.link).unwrap_or(u16::MAX),
            slot,
        });
    }

    /// Adds the burst to the blocks of its worker and its link.
    pub fn commit(&self, place: Place<'_>, block: &LinkBlock<'static>) {
        let forwarded = self.frames - self.dropped - self.unsent;
        let forwarded_bytes = self.bytes - self.dropped_bytes - self.unsent_bytes;
        place.telemetry.own.add(WorkerCounter::burst(self.frames as usize), 1);
        block.add(LinkCounter::RxFrames, self.frames);
        block.add(LinkCounter::RxBytes, self.bytes);
        block.add(LinkCounter::ForwardedFrames, forwarded);
        block.add(LinkCounter::ForwardedBytes, forwarded_bytes);
        let rare = [
            (LinkCounter::DroppedFrames, self.dropped),
            (LinkCounter::DroppedBytes, self.dropped_bytes),
            (LinkCounter::UnsentFrames, self.unsent),
            (LinkCounter::UnsentBytes, self.unsent_bytes),
            (LinkCounter::Rejects, self.rejects),
            (LinkCounter::RejectSuppressed, self.reject_suppressed),
            (LinkCounter::RejectUnsent, self.reject_unsent),
        ];
        let reads = INBOUND_READS.iter().zip(self.inbound_reads).map(|(read, count)| (read.counter(), count));
        for (counter, count) in rare.into_iter().chain(reads).filter(|(_, count)| *count > 0) {
            block.add(counter, count);
        }
        for (reason, &count) in Reason::ALL.iter().zip(&self.reasons).filter(|(_, count)| **count > 0) {
            block.reason(*reason, count);
        }
    }

    fn inbound_read(&mut self, read: InboundRead) {
        if let Some(index) = INBOUND_READS.iter().position(|known| *known == read)
            && let Some(count) = self.inbound_reads.get_mut(index)
        {
            *count += 1;
        }
    }
}

#[cold]
fn pool(reason: Reason, number: u16, place: Place<'_>) {
    let pool = place.image.and_then(|image| image.pool(number));
    if let (Some(pool), Some(counter)) = (pool, reason.pool_counter()) {
        place.telemetry.pool(pool.counter_slot, counter, 1);
    }
}

/// The other end of a dropped frame as records hold it; 0 if no IP header was read.
fn far(frame: &[u8], place: Place<'_>) -> u128 {
    let address = place.image.and_then(|image| far_address(image, place.direction, frame));
    address.map_or(0, |address| match address {
        IpAddr::V4(four) => four.to_ipv6_mapped().to_bits(),
        IpAddr::V6(six) => six.to_bits(),
    })
}

const INBOUND_READS: [InboundRead; 4] =
    [InboundRead::Malformed, InboundRead::TagsLimit, InboundRead::NotRead, InboundRead::Undetermined];
