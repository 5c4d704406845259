//! Warnings: what is allowed but probably not meant.
//!
//! Nothing here stops a policy. A warning is about the policy as written, the same at any time.

use std::fmt;

use super::{Match, Policy, Stage};
use crate::config::{Location, Place};

/// A warning and where it stands; prints `FILE:LINE:COLUMN: what; remedy`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Warning {
    /// Where.
    pub at: Location,
    /// What.
    pub kind: WarningKind,
}

/// What is probably not meant.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum WarningKind {
    /// `match = "syn"` without `return_traffic`.
    SynWithoutReturnTraffic {
        /// The pool.
        pool: String,
    },
    /// Stage enforce with share 0.
    EnforceWithoutShare {
        /// The pool.
        pool: String,
    },
    /// A pool or exemption without a prefix.
    NoPrefix {
        /// "pool", "exempt" or "destination".
        kind: &'static str,
        /// Its name.
        name: String,
    },
    /// A prefix file without a prefix.
    EmptyFile,
    /// A destination group that no pool names.
    UnusedDestination {
        /// The group.
        name: String,
    },
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.at, self.kind)
    }
}

impl fmt::Display for WarningKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::SynWithoutReturnTraffic { pool } => write!(
                f,
                "pool \"{pool}\" has match = \"syn\" without return_traffic: SYNs with a forged source get their \
                 answers; set return_traffic = true or match = \"all\""
            ),
            Self::EnforceWithoutShare { pool } => {
                write!(f, "pool \"{pool}\" enforces for share = 0 percent of its lines, so for none; raise share")
            }
            Self::NoPrefix { kind, name } => {
                write!(f, "{kind} \"{name}\" has no prefix; it does nothing")
            }
            Self::EmptyFile => write!(f, "the file has no prefix; check that its source was not empty by mistake"),
            Self::UnusedDestination { name } => {
                write!(f, "destination \"{name}\" is in no allow or only; it does nothing")
            }
        }
    }
}

/// All warnings of a policy, in the order pools, exemptions, destinations, files.
pub(super) fn find(policy: &Policy) -> Vec<Warning> {
    let mut found = Vec::new();
    let mut warn = |place: Place, kind| found.push(Warning { at: policy.files.locate(place), kind });
    for pool in &policy.pools {
        let name = &pool.name;
        if pool.matching == Match::Syn && !pool.return_traffic && pool.stage != Stage::Off {
            warn(pool.place, WarningKind::SynWithoutReturnTraffic { pool: name.clone() });
        }
        if pool.stage == Stage::Enforce && pool.share == 0 {
            warn(pool.place, WarningKind::EnforceWithoutShare { pool: name.clone() });
        }
        if pool.prefixes == 0 {
            warn(pool.place, WarningKind::NoPrefix { kind: "pool", name: name.clone() });
        }
    }
    for exempt in policy.exempts.iter().filter(|exempt| exempt.prefixes == 0) {
        warn(exempt.place, WarningKind::NoPrefix { kind: "exempt", name: exempt.name.clone() });
    }
    let used = policy.pools.iter().fold(0, |used, pool| used | pool.allow | pool.only.unwrap_or(0));
    for (index, group) in policy.destinations.iter().enumerate() {
        if group.prefixes == 0 {
            warn(group.place, WarningKind::NoPrefix { kind: "destination", name: group.name.clone() });
        }
        if used >> index & 1 == 0 {
            warn(group.place, WarningKind::UnusedDestination { name: group.name.clone() });
        }
    }
    for file in policy.prefix_files.iter().filter(|file| file.prefixes == 0) {
        warn(Place { file: file.file, line: 0, column: 0 }, WarningKind::EmptyFile);
    }
    found
}
