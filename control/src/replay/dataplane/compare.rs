//! What left the ports, frame by frame, and what was counted, counter by counter.

use std::fs::File;
use std::path::Path;

use gate25_include::counters::{LinkCounter, PoolCounter, Reason, Scope};
use gate25_include::telemetry::{self, TelemetryReader};
use gate25_path::{Action, Direction};

use super::folder::Folder;
use super::{ACCESS, NETWORK};
use crate::capture::{Capture, CapturedFrame};
use crate::replay::error::ReplayError;
use crate::replay::rules::Rules;
use crate::replay::summary::{Counts, INBOUND_READ, Summary};

/// Frames that left the ports, and where they were not as replay says.
pub(super) struct Compared {
    pub(super) left: u64,
    pub(super) difference: Option<String>,
}

/// A port's output, read as replay says what should be in it.
struct Port {
    name: &'static str,
    capture: Capture<File>,
    left: u64,
}

/// Compares bytes and order of all that left the ports with what `input` should give; ends at the first
/// difference, which names the packet. `before` packets were judged in other runs.
pub(super) fn frames(
    rules: &Rules,
    (direction, input): (Direction, &Path),
    folder: &Folder,
    before: u64,
) -> Result<Compared, ReplayError> {
    let open = |name| Ok::<_, ReplayError>(Port { name, capture: Capture::open(&folder.path(name))?, left: 0 });
    let (mut access, mut network) = (open(ACCESS)?, open(NETWORK)?);
    let mut input = Capture::open(input)?;
    let mut difference = None;
    while let (None, Some(frame)) = (&difference, input.read()?) {
        let judged = rules.judge(direction, &frame);
        if let Some(answer) = judged.answer {
            difference = access.next(answer.bytes(), &frame, judged.reason, before)?;
        }
        if judged.action == Action::Pass && difference.is_none() {
            let port = if direction == Direction::Outbound { &mut network } else { &mut access };
            difference = port.next(frame.bytes, &frame, judged.reason, before)?;
        }
    }
    for port in [&mut access, &mut network] {
        if difference.is_none() {
            difference = port.end()?;
        }
    }
    Ok(Compared { left: access.left + network.left, difference })
}

impl Port {
    /// What differs if the next frame of this port is not `expected`, which packet `of` caused.
    fn next(
        &mut self,
        expected: &[u8],
        of: &CapturedFrame<'_>,
        reason: Reason,
        before: u64,
    ) -> Result<Option<String>, ReplayError> {
        let packet = format!("packet {} ({})", before + of.number, reason.name());
        let (name, length) = (self.name, expected.len());
        let Some(found) = self.capture.read()? else {
            return Ok(Some(format!("{packet}: {name} ends here, a frame of {length} bytes should follow")));
        };
        if found.bytes != expected {
            let same = found.bytes.iter().zip(expected).take_while(|(found, expected)| found == expected).count();
            let found = found.bytes.len();
            return Ok(Some(format!(
                "{packet}: {name} has another frame, {found} bytes and not {length}, different from byte {same} on"
            )));
        }
        self.left += 1;
        Ok(None)
    }

    /// What is left over.
    fn end(&mut self) -> Result<Option<String>, ReplayError> {
        let name = self.name;
        let more = self.capture.read()?;
        Ok(more.map(|frame| format!("{name}: a frame of {} bytes left that should not", frame.bytes.len())))
    }
}

/// Compares every counter of the link, its reasons and the pools; gives how many, and those that differ.
pub(super) fn counters(
    rules: &Rules,
    direction: Direction,
    expected: &Summary,
    found: &TelemetryReader,
) -> (u64, Vec<String>) {
    let mut differences = Vec::new();
    let mut compared = 0;
    let mut same = |name: String, expected: u64, found: u64| {
        compared += 1;
        if expected != found {
            differences.push(format!("{name}: the dataplane counts {found}, replay {expected}"));
        }
    };
    let run = direction.name();
    for side in [Direction::Outbound, Direction::Inbound] {
        let counts = expected.of(side);
        let at = match side {
            Direction::Outbound => telemetry::Direction::Outbound,
            Direction::Inbound => telemetry::Direction::Inbound,
        };
        let named = |counter: &str| format!("{run} run, {} {counter}", side.name());
        for counter in LinkCounter::ALL {
            let expected = link_counter(counts, *counter);
            same(named(counter.counter().name), expected, found.link(0, at, *counter));
        }
        for (reason, expected) in Reason::ALL.iter().zip(counts.reasons) {
            same(named(reason.name()), expected, found.reason(0, at, *reason));
        }
    }
    for (number, pool) in rules.image.pools().enumerate() {
        let number = u16::try_from(number).unwrap_or(u16::MAX);
        let counts = expected.pools.get(&number);
        for counter in PoolCounter::ALL {
            let of_counter = Reason::ALL.iter().filter(|reason| reason.pool_counter() == Some(*counter));
            let expected = of_counter.map(|reason| counts.map_or(0, |counts| counts[reason.word()])).sum();
            let name = format!("{run} run, {} {}", pool.name, counter.counter().name);
            same(name, expected, found.pool(pool.counter_slot, *counter));
        }
    }
    (compared, differences)
}

/// What a link's counter should say: nothing is unsent, and no answer is held back.
fn link_counter(counts: &Counts, counter: LinkCounter) -> u64 {
    match counter {
        LinkCounter::RxFrames => counts.packets.0,
        LinkCounter::RxBytes => counts.packets.1,
        LinkCounter::ForwardedFrames => counts.passed.0,
        LinkCounter::ForwardedBytes => counts.passed.1,
        LinkCounter::DroppedFrames => counts.dropped.0,
        LinkCounter::DroppedBytes => counts.dropped.1,
        LinkCounter::Rejects => counts.rejects,
        LinkCounter::UnsentFrames
        | LinkCounter::UnsentBytes
        | LinkCounter::RejectSuppressed
        | LinkCounter::RejectUnsent => 0,
        LinkCounter::InboundMalformed
        | LinkCounter::InboundTagsLimit
        | LinkCounter::InboundNotRead
        | LinkCounter::InboundUndetermined => {
            let place = INBOUND_READ.iter().position(|known| *known == counter);
            place.and_then(|place| counts.inbound_read.get(place)).copied().unwrap_or(0)
        }
    }
}
