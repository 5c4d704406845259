//! Diff: what a person wants to know of a new policy before it is applied, set against another one.
//!
//! Settings by section and key, prefixes by section, and out of `guard` the address space that would be newly
//! enforced or released, pool by pool, now and at each time to come. Decides nothing.

mod prefixes;
mod settings;

use crate::guard::{self, Comparison};
use crate::policy::Policy;
pub use prefixes::{PrefixChange, PrefixChanges};
pub use settings::SettingChange;

/// What a new policy changes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diff {
    /// Keys with another value, sections that came or went.
    pub settings: Vec<SettingChange>,
    /// Prefixes that came, went or moved to another section.
    pub prefixes: PrefixChanges,
    /// Address space, and what guard rails say.
    pub space: Comparison,
}

impl Diff {
    /// Compares two policies as of `now`, and lists at most `most` prefixes.
    pub fn new(old: &Policy, new: &Policy, now: i64, most: usize) -> Diff {
        Diff {
            settings: settings::changes(old, new),
            prefixes: prefixes::changes(old, new, most),
            space: guard::compare(Some(old), new, now),
        }
    }

    /// Whether both say the same.
    pub fn is_empty(&self) -> bool {
        self.settings.is_empty() && self.prefixes.count() == 0
    }
}
