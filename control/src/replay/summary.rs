//! The counts of a replay: per direction, verdict, reason and pool, as a table or as JSON.

use std::collections::BTreeMap;
use std::io::{self, Write};

use gate25_include::counters::{LinkCounter, Reason, Scope};
use gate25_include::image::{Image, Kind};
use gate25_path::{Action, Direction};
use serde_json::{Map, Value, json};

use super::rules::Judged;

/// What was counted; equal to a dataplane's counters for the same frames.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Summary {
    /// Outbound, then inbound.
    pub directions: [Counts; 2],
    /// Per pool or exemption (by number) and reason.
    pub pools: BTreeMap<u16, [u64; Reason::COUNT]>,
}

/// The counts of one direction. Bytes are those on the wire.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Counts {
    /// Packets, and their bytes.
    pub packets: (u64, u64),
    /// Packets that pass, and their bytes.
    pub passed: (u64, u64),
    /// Packets that are dropped, answered or not, and their bytes.
    pub dropped: (u64, u64),
    /// Packets that are answered.
    pub rejects: u64,
    /// Per reason, in the order of [`Reason::ALL`].
    pub reasons: [u64; Reason::COUNT],
    /// Malformed, tags_limit, not_read and undetermined, inbound.
    pub inbound_read: [u64; INBOUND_READ.len()],
}

impl Default for Counts {
    fn default() -> Self {
        let none = (0, 0);
        let (reasons, inbound_read) = ([0; Reason::COUNT], [0; INBOUND_READ.len()]);
        Self { packets: none, passed: none, dropped: none, rejects: 0, reasons, inbound_read }
    }
}

impl Summary {
    /// Counts a verdict on a frame of `bytes` bytes.
    pub fn count(&mut self, direction: Direction, judged: &Judged<'_>, bytes: u32) {
        let [outbound, inbound] = &mut self.directions;
        let counts = if direction == Direction::Outbound { outbound } else { inbound };
        let add = |pair: &mut (u64, u64)| *pair = (pair.0 + 1, pair.1 + u64::from(bytes));
        add(&mut counts.packets);
        add(if judged.action == Action::Pass { &mut counts.passed } else { &mut counts.dropped });
        counts.rejects += u64::from(judged.answer.is_some());
        counts.reasons[judged.reason.word()] += 1;
        if let Some(read) = judged.inbound_read {
            for (count, counter) in counts.inbound_read.iter_mut().zip(INBOUND_READ) {
                *count += u64::from(counter == read.counter());
            }
        }
        if let Some((number, _)) = judged.pool {
            self.pools.entry(number).or_insert([0; Reason::COUNT])[judged.reason.word()] += 1;
        }
    }

    /// The counts of one direction.
    pub fn of(&self, direction: Direction) -> &Counts {
        let [outbound, inbound] = &self.directions;
        if direction == Direction::Outbound { outbound } else { inbound }
    }

    /// Packets of a reason, both directions together.
    pub fn reason(&self, reason: Reason) -> u64 {
        self.directions.iter().map(|counts| counts.reasons[reason.word()]).sum()
    }

    /// Packets with a verdict: pass, drop (without an answer) or reject.
    pub fn verdict(&self, action: Action) -> u64 {
        let count = |counts: &Counts| match action {
            Action::Pass => counts.passed.0,
            Action::Drop => counts.dropped.0 - counts.rejects,
            Action::Reject => counts.rejects,
        };
        self.directions.iter().map(count).sum()
    }

    /// As JSON: every reason in both directions, pools with what they counted.
    pub fn json(&self, image: &Image) -> Value {
        let pools = self.pools.iter().map(|(number, reasons)| {
            let pool = image.pool(*number);
            let kind = if pool.is_some_and(|pool| pool.kind == Kind::Exempt) { "exempt" } else { "pool" };
            json!({ "name": pool.map(|pool| pool.name), "kind": kind, "reasons": named(reasons, false) })
        });
        json!({
            "packets": self.both(|counts| counts.packets.0.into()),
            "verdicts": ACTIONS.map(|action| (action.name().to_owned(), self.verdict(action).into()))
                .into_iter().collect::<Map<_, _>>(),
            "reasons": self.both(|counts| named(&counts.reasons, true)),
            "inbound_read": INBOUND_READ.iter().zip(self.of(Direction::Inbound).inbound_read)
                .map(|(counter, count)| (counter.counter().name.to_owned(), count.into())).collect::<Map<_, _>>(),
            "pools": pools.collect::<Vec<_>>(),
        })
    }

    fn both(&self, of: impl Fn(&Counts) -> Value) -> Value {
        let [outbound, inbound] = &self.directions;
        json!({ "outbound": of(outbound), "inbound": of(inbound) })
    }

    /// As a table for people: what was counted, and nothing that was not.
    pub fn table(&self, image: &Image, out: &mut dyn Write) -> io::Result<()> {
        let [outbound, inbound] = &self.directions;
        writeln!(out, "{:32}{:>12}{:>12}", "", "outbound", "inbound")?;
        let rows = [
            ("packets", outbound.packets.0, inbound.packets.0),
            ("  pass", outbound.passed.0, inbound.passed.0),
            ("  drop", outbound.dropped.0 - outbound.rejects, inbound.dropped.0 - inbound.rejects),
            ("  reject", outbound.rejects, inbound.rejects),
        ];
        let reasons = Reason::ALL.iter().map(|reason| {
            let word = reason.word();
            (reason.name(), outbound.reasons[word], inbound.reasons[word])
        });
        let read = INBOUND_READ.iter().zip(inbound.inbound_read);
        let read = read.map(|(counter, count)| (counter.counter().name, 0, count));
        for (name, outbound, inbound) in rows {
            writeln!(out, "{name:32}{outbound:>12}{inbound:>12}")?;
        }
        writeln!(out, "reason")?;
        for (name, outbound, inbound) in reasons.chain(read).filter(|(_, out, inn)| out + inn > 0) {
            writeln!(out, "  {name:30}{outbound:>12}{inbound:>12}")?;
        }
        for (number, reasons) in &self.pools {
            let Some(pool) = image.pool(*number) else { continue };
            let kind = if pool.kind == Kind::Exempt { "exempt" } else { "pool" };
            writeln!(out, "{kind} {}", pool.name)?;
            for reason in Reason::ALL.iter().filter(|reason| reasons[reason.word()] > 0) {
                writeln!(out, "  {:30}{:>12}", reason.name(), reasons[reason.word()])?;
            }
        }
        Ok(())
    }
}

/// Counts by the reasons' names, in the packet's order.
fn named(reasons: &[u64; Reason::COUNT], zeros: bool) -> Value {
    let all = Reason::ALL.iter().zip(reasons).filter(|(_, count)| zeros || **count > 0);
    all.map(|(reason, count)| (reason.name().to_owned(), Value::from(*count))).collect::<Map<_, _>>().into()
}

/// What is counted apart inbound.
pub(super) const INBOUND_READ: [LinkCounter; 4] = [
    LinkCounter::InboundMalformed,
    LinkCounter::InboundTagsLimit,
    LinkCounter::InboundNotRead,
    LinkCounter::InboundUndetermined,
];
const ACTIONS: [Action; 3] = [Action::Pass, Action::Drop, Action::Reject];
