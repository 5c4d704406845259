//! The one place where a worker counts.
//!
//! A burst is added up in a [`Tally`] on the stack and committed once, with one store per counter that moved. Drops
//! are rare and cost more: bytes, the pool's counter and a record each. Promise: in every block rx = forwarded +
//! dropped + unsent at each commit.

use gate25_include::counters::{LinkCounter, PoolCounter, Reason, WorkerCounter};
use gate25_include::image::Image;
use gate25_include::telemetry::{Direction, DropRecord, LinkBlock, WorkerTelemetry};
use gate25_path::frames::places;
use gate25_path::{Brief, Frames, InboundRead, Line, Verdict, Verdicts};

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
    /// A bit for each reason that was counted.
    counted: u32,
    /// Unix nanoseconds of the burst, once a record has needed them.
    time_ns: Option<u64>,
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

    /// Counts the frames that pass for these reasons, a bit each.
    #[inline]
    pub fn ordinary(&mut self, frames: [(Reason, u64); 2]) {
        for (reason, mask) in frames.into_iter().filter(|(_, mask)| *mask != 0) {
            self.reason(reason, mask.count_ones().into());
        }
    }

    /// Counts the plain segments to port 25, each for its pool as well, and keeps records of those dropped: IPv4 before
    /// IPv6, so that no branch on which it is goes wrong.
    #[inline]
    pub fn plain(&mut self, verdicts: &Verdicts, frames: &Frames<'_>, place: Place<'_>) {
        let [four, six] = verdicts.plain_blocked();
        self.plain_blocked(four, verdicts, frames, place, Brief::ends4);
        self.plain_blocked(six, verdicts, frames, place, Brief::ends6);
        for (_, brief) in verdicts.briefs(!(four | six)) {
            let reason = brief.reason();
            self.reason(reason, 1);
            if let Some(counter) = reason.pool_counter() {
                place.telemetry.pool(brief.slot().into(), counter, 1);
            }
        }
    }

    /// Counts one frame's verdict, and its pool's.
    #[inline]
    pub fn verdict(&mut self, verdict: &Verdict, place: Place<'_>) {
        self.reason(verdict.reason, 1);
        if let Some(read) = verdict.inbound_read {
            self.inbound_read(read);
        }
        if let (Some(_), Some(counter)) = (verdict.pool, verdict.reason.pool_counter()) {
            place.telemetry.pool(verdict.slot, counter, 1);
        }
    }

    #[inline]
    fn reason(&mut self, reason: Reason, frames: u64) {
        if let Some(count) = self.reasons.get_mut(reason.word()) {
            *count += frames;
            self.counted |= 1 << reason.word();
        }
    }

    /// Counts the frames in `blocked`, each for its pool as well, and keeps records of them; `ends` reads line and far end.
    #[inline]
    fn plain_blocked(
        &mut self,
        blocked: u64,
        verdicts: &Verdicts,
        frames: &Frames<'_>,
        place: Place<'_>,
        ends: impl Fn(Brief, &[u8]) -> (Line, u128),
    ) {
        if blocked == 0 {
            return;
        }
        let (blank, count) = (self.record(place), blocked.count_ones());
        let mut bytes = 0;
        let drops = verdicts.briefs(blocked).map(|(index, brief)| {
            let frame = frames.get(index);
            bytes += frame.len() as u64;
            let ((line, far), slot) = (ends(brief, frame), brief.slot().into());
            place.telemetry.pool(slot, PoolCounter::Blocked, 1);
            DropRecord { line: line.addr, line_length: line.len, far, reason: Reason::Blocked, slot, ..blank }
        });
        place.telemetry.record(count as usize, drops);
        self.reason(Reason::Blocked, count.into());
        self.dropped += u64::from(count);
        self.dropped_bytes += bytes;
    }

    /// Counts a dropped frame of `bytes` and keeps a record of it.
    #[inline]
    pub fn dropped(&mut self, verdict: &Verdict, bytes: usize, place: Place<'_>) {
        self.dropped += 1;
        self.dropped_bytes += bytes as u64;
        let (line, line_length) = verdict.line.map_or((0, 0), |line| (line.addr, line.len));
        let (far, reason, slot) = (verdict.far, verdict.reason, verdict.slot);
        let drop = DropRecord { line, line_length, far, reason, slot, ..self.record(place) };
        place.telemetry.record(1, std::iter::once(drop));
    }

    /// A record of when and where, and not yet of what.
    fn record(&mut self, place: Place<'_>) -> DropRecord {
        DropRecord {
            time_ns: *self.time_ns.get_or_insert_with(|| place.clock.unix_nanoseconds(place.now)),
            line: 0,
            line_length: 0,
            far: 0,
            reason: Reason::Blocked,
            direction: place.direction,
            link: u16::try_from(place.link).unwrap_or(u16::MAX),
            slot: 0,
        }
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
        for word in places(self.counted.into()) {
            if let (Some(reason), Some(count)) = (Reason::from_word(word), self.reasons.get(word)) {
                block.reason(reason, *count);
            }
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

const _: () = assert!(Reason::COUNT <= 32, "a bit for each");
const INBOUND_READS: [InboundRead; 4] =
    [InboundRead::Malformed, InboundRead::TagsLimit, InboundRead::NotRead, InboundRead::Undetermined];
