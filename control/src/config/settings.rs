//! What a pool does with its candidates, as written in `[[pool]]` or `[defaults]`.
//!
//! Owns the keys both share, their words and ranges. Which of the two counts is for `policy` to say:
//! here an absent key is `None`, so that nothing built in passes for something written.

pub use gate25_include::image::{Action, Match, Stage, Undetermined};

use super::error::Report;
use super::place::At;
use super::section::{Section, Word};

/// The keys that `[[pool]]` and `[defaults]` share; absent ones as `None`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Settings {
    /// How far the pool goes.
    pub stage: Option<At<Stage>>,
    /// The unix second from which on stage enforce holds; before it counts as monitor.
    pub enforce_from: Option<At<i64>>,
    /// What happens to a blocked candidate.
    pub action: Option<At<Action>>,
    /// Which segments are candidates.
    pub matching: Option<At<Match>>,
    /// Names of destination groups that stay reachable. An empty list undoes that of `[defaults]`.
    pub allow: Option<Vec<At<String>>>,
    /// Names of the destination groups that alone are blocked. An empty list means all
    /// destinations, and undoes that of `[defaults]`.
    pub only: Option<Vec<At<String>>>,
    /// Percent of lines under enforcement, 0 to 100.
    pub share: Option<At<u32>>,
    /// Whether inbound answers from port 25 are stopped as well.
    pub return_traffic: Option<At<bool>>,
    /// What happens to packets that hide their TCP header.
    pub undetermined: Option<At<Undetermined>>,
    /// IPv6 bits that make one line, 32 to 128.
    pub line_prefix: Option<At<u32>>,
}

impl Settings {
    /// Takes the shared keys out of a section.
    pub(crate) fn read(section: &Section<'_>, report: &mut Report) -> Self {
        Self {
            stage: section.word("stage", report),
            enforce_from: section.time("enforce_from", report),
            action: section.word("action", report),
            matching: section.word("match", report),
            allow: section.texts("allow", "own-mail", report),
            only: section.texts("only", "mobile-carriers", report),
            share: section.number("share", 0..=100, report),
            return_traffic: section.flag("return_traffic", report),
            undetermined: section.word("undetermined", report),
            line_prefix: section.number("line_prefix", 32..=128, report),
        }
    }
}

impl Word for Stage {
    const WORDS: &'static [(&'static str, Self)] =
        &[("off", Self::Off), ("monitor", Self::Monitor), ("enforce", Self::Enforce)];
    const NAMES: &'static [&'static str] = &["off", "monitor", "enforce"];
}

impl Word for Action {
    const WORDS: &'static [(&'static str, Self)] = &[("drop", Self::Drop), ("reject", Self::Reject)];
    const NAMES: &'static [&'static str] = &["drop", "reject"];
}

impl Word for Match {
    const WORDS: &'static [(&'static str, Self)] = &[("syn", Self::Syn), ("all", Self::All)];
    const NAMES: &'static [&'static str] = &["syn", "all"];
}

impl Word for Undetermined {
    const WORDS: &'static [(&'static str, Self)] = &[("drop", Self::Drop), ("pass", Self::Pass)];
    const NAMES: &'static [&'static str] = &["drop", "pass"];
}

/// The keys of `[defaults]`.
pub(super) const KEYS: &[&str] = &[
    "stage",
    "enforce_from",
    "action",
    "match",
    "allow",
    "only",
    "share",
    "return_traffic",
    "undetermined",
    "line_prefix",
];
