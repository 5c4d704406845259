//! A pool or exemption as its record holds it.

use super::format::pool as word;
use crate::counters::{Effect, Reason};

/// Pool or exemption.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// Dynamic address space.
    Pool,
    /// Addresses that are never touched.
    Exempt,
}

/// How far the introduction of blocking has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Stage {
    /// Nothing is done, candidates are counted.
    Off,
    /// What would be dropped is counted.
    Monitor,
    /// It is dropped.
    Enforce,
}

/// What happens besides the drop.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Action {
    /// Nothing.
    Drop,
    /// A TCP reset goes back.
    Reject,
}

/// Which segments to port 25 are candidates.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Match {
    /// Those with SYN and without ACK.
    Syn,
    /// All.
    All,
}

/// What happens to packets that hide their TCP header.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Undetermined {
    /// They are dropped as a candidate would be.
    Drop,
    /// They pass.
    Pass,
}

/// A pool or exemption. Exemptions have a kind, a name and a counter slot; the rest is default.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pool<'a> {
    /// Pool or exemption.
    pub kind: Kind,
    /// Stage in force when the image was compiled.
    pub stage: Stage,
    /// Answer or silence.
    pub action: Action,
    /// Which segments.
    pub matching: Match,
    /// Whether inbound answers from port 25 are stopped too.
    pub return_traffic: bool,
    /// Packets that hide their TCP header.
    pub undetermined: Undetermined,
    /// Percent of lines under enforcement, 0 to 100.
    pub share: u32,
    /// IPv6 bits that make one line, 32 to 128.
    pub line_prefix: u8,
    /// Destination groups that are always reachable, one bit each.
    pub allow: u64,
    /// If set, only these destination groups are blocked.
    pub only: Option<u64>,
    /// Where its counters stand in the telemetry, below [`super::format::COUNTER_SLOTS`].
    pub counter_slot: u32,
    /// Its name.
    pub name: &'a str,
}

/// What a packet asks of a pool or exemption first, in 8 bytes: those of thousands stay in L1, their records would not.
/// A worker reads eight at once.
///
/// ```text
/// bits 0..16   where its counters stand in the telemetry
/// bits 16..24  the reason of a candidate where nothing but its source decides: `exempt`, `stage_off`, and, of a pool that has no
///              lists, does not answer and has all lines in its share, `would_drop` or `blocked`
/// bit  24      that reason drops it
/// bit  25      something else has to be asked; bits 16..25 say nothing
/// bit  26      segments other than SYNs are candidates as well
/// bits 32..40  IPv6 bits that make one line, 32 to 128
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(transparent)]
pub struct PoolHead(u64);

impl PoolHead {
    /// First of the 8 bits of the reason ([`Reason::word`]).
    pub const REASON: u32 = 16;
    /// Set if that reason drops a candidate.
    pub const DROPS: u64 = 1 << 24;
    /// Set if lists, the share or an answer have to be asked about: the reason says nothing then.
    pub const ASKED: u64 = 1 << 25;
    /// Set if segments other than SYNs are candidates as well.
    pub const ALL: u64 = 1 << 26;
    /// First of the 8 bits that say how many IPv6 bits make one line.
    pub const LINE: u32 = 32;

    /// All of it.
    #[must_use]
    #[inline]
    pub const fn bits(self) -> u64 {
        self.0
    }

    /// That of a pool or exemption.
    pub(super) fn of(pool: &Pool<'_>) -> Self {
        let uniform = pool.share >= 100 && !pool.has_lists();
        let reason = match (pool.kind, pool.stage, pool.action) {
            (Kind::Exempt, ..) => Some(Reason::Exempt),
            (_, Stage::Off, _) => Some(Reason::StageOff),
            (_, Stage::Monitor, _) => uniform.then_some(Reason::WouldDrop),
            (_, Stage::Enforce, Action::Drop) => uniform.then_some(Reason::Blocked),
            (_, Stage::Enforce, Action::Reject) => None,
        };
        let decided = reason.map_or(Self::ASKED, |reason| {
            (reason.word() as u64) << Self::REASON | if reason.effect() == Effect::Drop { Self::DROPS } else { 0 }
        });
        let all = if pool.kind == Kind::Pool && pool.matching == Match::All { Self::ALL } else { 0 };
        Self(u64::from(pool.counter_slot as u16) | decided | all | u64::from(pool.line_prefix) << Self::LINE)
    }
}

const _: () = assert!(super::format::COUNTER_SLOTS <= 1 << 16 && Reason::COUNT <= 1 << 8);

impl Pool<'_> {
    /// Whether it matters to it where a packet goes.
    #[inline]
    pub const fn has_lists(&self) -> bool {
        self.allow != 0 || self.only.is_some()
    }

    /// The record's words; the name's place is given because names are stored elsewhere.
    pub(super) fn record(&self, name_offset: u32) -> [u32; super::format::POOL_WORDS] {
        let mut words = [0; super::format::POOL_WORDS];
        let [allow_low, allow_high] = halves(self.allow);
        let [only_low, only_high] = halves(self.only.unwrap_or(0));
        let values = [
            (word::KIND, u32::from(self.kind == Kind::Exempt)),
            (word::FLAGS, self.flags()),
            (word::SHARE, self.share),
            (word::LINE_PREFIX, u32::from(self.line_prefix)),
            (word::ALLOW, allow_low),
            (word::ALLOW + 1, allow_high),
            (word::ONLY, only_low),
            (word::ONLY + 1, only_high),
            (word::NAME_OFFSET, name_offset),
            (word::NAME_LENGTH, self.name.len() as u32),
        ];
        for (index, value) in values {
            if let Some(place) = words.get_mut(index) {
                *place = value;
            }
        }
        words
    }

    fn flags(&self) -> u32 {
        let stage = match self.stage {
            Stage::Off => 0,
            Stage::Monitor => 1,
            Stage::Enforce => 2,
        };
        let set = |on: bool, flag: u32| if on { flag } else { 0 };
        stage
            | set(self.action == Action::Reject, word::FLAG_REJECT)
            | set(self.matching == Match::All, word::FLAG_MATCH_ALL)
            | set(self.return_traffic, word::FLAG_RETURN_TRAFFIC)
            | set(self.undetermined == Undetermined::Pass, word::FLAG_UNDETERMINED_PASS)
            | set(self.only.is_some(), word::FLAG_ONLY)
    }

    /// Reads a record that was validated; what a validated record cannot hold reads as the mildest.
    #[inline]
    pub(super) fn decode<'a>(record: &[u32; super::format::POOL_WORDS], slot: u32, name: &'a str) -> Pool<'a> {
        let [kind, flags, share, line_prefix, allow_low, allow_high, only_low, only_high, ..] = *record;
        let is = |flag: u32| flags & flag != 0;
        Pool {
            kind: if kind == 0 { Kind::Pool } else { Kind::Exempt },
            stage: match flags & word::STAGE_MASK {
                2 => Stage::Enforce,
                1 => Stage::Monitor,
                _ => Stage::Off,
            },
            action: if is(word::FLAG_REJECT) { Action::Reject } else { Action::Drop },
            matching: if is(word::FLAG_MATCH_ALL) { Match::All } else { Match::Syn },
            return_traffic: is(word::FLAG_RETURN_TRAFFIC),
            undetermined: if is(word::FLAG_UNDETERMINED_PASS) { Undetermined::Pass } else { Undetermined::Drop },
            share,
            line_prefix: line_prefix as u8,
            allow: join(allow_low, allow_high),
            only: is(word::FLAG_ONLY).then(|| join(only_low, only_high)),
            counter_slot: slot,
            name,
        }
    }
}

/// Low and high word.
pub(super) fn halves(value: u64) -> [u32; 2] {
    [value as u32, (value >> 32) as u32]
}

/// The value of low and high word.
#[inline]
pub(super) fn join(low: u32, high: u32) -> u64 {
    u64::from(low) | u64::from(high) << 32
}
