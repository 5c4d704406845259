//! A pool's settings: its own, else those of `[defaults]`, else the built-in ones.
//!
//! Lists replace lists. Names become masks of destination groups; one that is not there, one named
//! twice and an `only` that could block nothing are refused, in `[defaults]` once and not per pool.

use hashbrown::HashMap;

use crate::config::{Action, Match, Stage, Undetermined};
use crate::config::{At, Place, PoolConfig, Problem, Report, Settings, Word};

use super::{Destination, Pool};

/// Destination groups by name.
pub(super) type Groups<'a> = HashMap<&'a str, usize>;

/// Resolves the settings of pools against `[defaults]` and the destination groups.
pub(super) struct Resolver<'a> {
    pub(super) defaults: &'a Settings,
    pub(super) groups: Groups<'a>,
    pub(super) destinations: &'a [Destination],
    default_allow: u64,
    default_only: u64,
}

impl<'a> Resolver<'a> {
    /// Resolves the lists of `[defaults]` once, so that their errors are reported once.
    pub(super) fn new(defaults: &'a Settings, destinations: &'a [Destination], report: &mut Report) -> Self {
        let groups = destinations.iter().enumerate().map(|(index, group)| (group.name.as_str(), index)).collect();
        let mut resolver = Self { defaults, groups, destinations, default_allow: 0, default_only: 0 };
        resolver.default_allow = resolver.mask("allow", defaults.allow.as_deref(), report).unwrap_or(0);
        resolver.default_only = resolver.only(defaults, report).unwrap_or(0);
        resolver
    }

    /// The pool with everything filled in.
    pub(super) fn pool(&self, config: &PoolConfig, report: &mut Report) -> Pool {
        let (own, defaults) = (&config.settings, self.defaults);
        let only = self.only(own, report).unwrap_or(self.default_only);
        let stage = either(&own.stage, &defaults.stage, Stage::Monitor);
        Pool {
            name: config.name.value.clone(),
            place: config.name.place,
            prefixes: 0,
            stage,
            enforce_from: self.enforce_from(own, stage, report),
            action: either(&own.action, &defaults.action, Action::Drop),
            matching: either(&own.matching, &defaults.matching, Match::Syn),
            allow: self.mask("allow", own.allow.as_deref(), report).unwrap_or(self.default_allow),
            only: Some(only).filter(|&mask| mask != 0),
            share: small(either(&own.share, &defaults.share, 100)),
            return_traffic: either(&own.return_traffic, &defaults.return_traffic, true),
            undetermined: either(&own.undetermined, &defaults.undetermined, Undetermined::Drop),
            line_prefix: small(either(&own.line_prefix, &defaults.line_prefix, 64)),
        }
    }

    /// When enforcing begins. Written in a pool, it needs stage enforce; from `[defaults]` it holds
    /// for the pools that enforce.
    fn enforce_from(&self, own: &Settings, stage: Stage, report: &mut Report) -> Option<i64> {
        if let (Some(time), true) = (&own.enforce_from, stage != Stage::Enforce) {
            report.add(time.place, Problem::EnforceFromWithoutEnforce { stage: stage.word() });
        }
        let time = own.enforce_from.as_ref().or(self.defaults.enforce_from.as_ref());
        time.filter(|_| stage == Stage::Enforce).map(|time| time.value)
    }

    /// The mask of `only`; each group in it needs a prefix.
    fn only(&self, settings: &Settings, report: &mut Report) -> Option<u64> {
        let names = settings.only.as_deref();
        for name in names.unwrap_or_default() {
            let group = self.groups.get(name.value.as_str()).and_then(|&group| self.destinations.get(group));
            if group.is_some_and(|group| group.prefixes == 0) {
                report.add(name.place, Problem::OnlyWithoutPrefix { name: name.value.clone() });
            }
        }
        self.mask("only", names, report)
    }

    /// The mask of the named groups; `None` if the key is absent.
    fn mask(&self, key: &'static str, names: Option<&[At<String>]>, report: &mut Report) -> Option<u64> {
        let mut mask = 0;
        for name in names? {
            match self.groups.get(name.value.as_str()) {
                None => self.unknown(key, &name.value, name.place, report),
                Some(&group) => {
                    let bit = u32::try_from(group).ok().and_then(|group| 1u64.checked_shl(group)).unwrap_or(0);
                    if mask & bit != 0 {
                        report.add(name.place, Problem::ListedTwice { key, value: name.value.clone() });
                    }
                    mask |= bit;
                }
            }
        }
        Some(mask)
    }

    fn unknown(&self, key: &'static str, name: &str, place: Place, report: &mut Report) {
        let near = self.destinations.iter().map(|group| group.name.clone()).collect();
        report.add(place, Problem::UnknownDestination { key, name: name.to_owned(), near });
    }
}

fn either<T: Copy>(own: &Option<At<T>>, defaults: &Option<At<T>>, built_in: T) -> T {
    own.as_ref().or(defaults.as_ref()).map_or(built_in, |at| at.value)
}

/// A number that the section reader has already held to at most 128.
fn small(value: u32) -> u8 {
    u8::try_from(value).unwrap_or(u8::MAX)
}
