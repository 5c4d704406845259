//! What goes too far for one commit: each violation names what, how much and how to go on.
//!
//! Owns the rails and their limits, except `max_flip_percent`, which is the policy's. Whether a
//! violation stops something is for the caller: a commit without `--force` stops, a check warns.

use std::fmt;

use hashbrown::HashMap;
use ipnet::IpNet;

use super::sections::SectionChange;
use super::space::Space;
use super::{FamilyFlip, Flip};
use crate::config::{Location, format_time};
use crate::policy::{Address, Entry, Owner, Policy};

/// An address family; IPv4 space is counted in addresses, IPv6 space in lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Family {
    /// IPv4.
    V4,
    /// IPv6.
    V6,
}

/// What goes too far; prints `what; remedy`.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Violation {
    /// A prefix so short that it is more likely a slip.
    ShortPrefix {
        /// Where it stands.
        at: Location,
        /// The prefix.
        prefix: IpNet,
        /// Whose it is, as in `pool "east"`.
        owner: String,
        /// The shortest length that needs no force.
        shortest: u8,
    },
    /// Too much newly enforced space.
    NewlyEnforced(TooMuch),
    /// Too much newly released space.
    NewlyReleased(TooMuch),
    /// A section or file that had prefixes and has none.
    Emptied {
        /// "pool", "exempt", "destination" or "file".
        kind: &'static str,
        /// Its name.
        name: String,
        /// How many it had.
        before: u32,
    },
    /// A section or file that has fewer than half the prefixes it had.
    Shrunk {
        /// "pool", "exempt", "destination" or "file".
        kind: &'static str,
        /// Its name.
        name: String,
        /// How many it had.
        before: u32,
        /// How many it has.
        after: u32,
    },
}

/// More space than `max_flip_percent` allows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TooMuch {
    /// Which family.
    pub family: Family,
    /// The coming unix second; `None` is now.
    pub at: Option<i64>,
    /// How much flips, weighted by share.
    pub flipped: Space,
    /// All pool space.
    pub all: Space,
    /// `max_flip_percent`.
    pub limit: u8,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ShortPrefix { at, prefix, owner, shortest } => {
                write!(f, "{at}: {prefix} of {owner} is shorter than /{shortest}; write longer prefixes")
            }
            Self::NewlyEnforced(much) => write!(f, "newly enforces {much}; enforce pool by pool, or by share"),
            Self::NewlyReleased(much) => {
                write!(f, "newly releases {much}; look for pools or prefixes that are missing")
            }
            Self::Emptied { kind, name, before } => {
                write!(f, "{kind} \"{name}\" had {before} prefixes and has none; look whether its source is complete")
            }
            Self::Shrunk { kind, name, before, after } => write!(
                f,
                "{kind} \"{name}\" had {before} prefixes and has {after}; look whether its source is complete"
            ),
        }
    }
}

impl fmt::Display for TooMuch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (family, unit) = match self.family {
            Family::V4 => ("IPv4", "addresses"),
            Family::V6 => ("IPv6", "lines"),
        };
        let (percent, flipped) = (self.flipped.percent_of(self.all), self.flipped.lines());
        write!(f, "{percent:.1} % of {family} pool space ({flipped} of {} {unit})", self.all.lines())?;
        if let Some(at) = self.at {
            write!(f, " at {}", format_time(at))?;
        }
        write!(f, ", more than max_flip_percent = {}", self.limit)
    }
}

/// Prefixes so short that they are more likely a slip, in the order of table and address.
pub(super) fn short_prefixes(policy: &Policy) -> Vec<Violation> {
    let source = |owner: u16| match policy.owner(owner) {
        Owner::Pool(index) => named("pool", policy.pools.get(index).map(|one| &one.name)),
        Owner::Exempt(index) => named("exempt", policy.exempts.get(index).map(|one| &one.name)),
    };
    let group = |owner: u16| named("destination", policy.destinations.get(usize::from(owner)).map(|one| &one.name));
    let tunnel = |owner: u16| named("tunnel", policy.tunnels.get(usize::from(owner)).map(|one| &one.name));
    let (sources, groups, ends) = (&policy.sources, &policy.destination_prefixes, &policy.tunnel_ends);
    let mut found = short(policy, &sources.v4, SHORTEST4, &source);
    found.extend(short(policy, &sources.v6, SHORTEST6, &source));
    found.extend(short(policy, &groups.v4, SHORTEST4, &group));
    found.extend(short(policy, &groups.v6, SHORTEST6, &group));
    found.extend(short(policy, &ends.v4, SHORTEST_END4, &tunnel));
    found.extend(short(policy, &ends.v6, SHORTEST_END6, &tunnel));
    found
}

fn short<A: Address>(
    policy: &Policy,
    entries: &[Entry<A>],
    shortest: u8,
    owner: &dyn Fn(u16) -> String,
) -> Vec<Violation> {
    let short = entries.iter().filter(|entry| entry.len < shortest);
    let violation = |entry: &Entry<A>| Violation::ShortPrefix {
        at: policy.files.locate(entry.place),
        prefix: entry.prefix(),
        owner: owner(entry.owner),
        shortest,
    };
    short.map(violation).collect()
}

fn named(kind: &str, name: Option<&String>) -> String {
    format!("{kind} \"{}\"", name.map_or("?", String::as_str))
}

/// Space that flips beyond the limit, per family.
pub(super) fn flips(flip: &Flip, now: i64, limit: u8) -> Vec<Violation> {
    let at = Some(flip.at).filter(|&at| at != now);
    let family = |family, FamilyFlip { enforced, released, before, after }: FamilyFlip| {
        let too_much = |flipped: Space, all| {
            let much = TooMuch { family, at, flipped, all, limit };
            flipped.is_more_than(limit, all).then_some(much)
        };
        let enforced = too_much(enforced, after).map(Violation::NewlyEnforced);
        enforced.into_iter().chain(too_much(released, before).map(Violation::NewlyReleased))
    };
    family(Family::V4, flip.v4).chain(family(Family::V6, flip.v6)).collect()
}

/// Sections that became empty or lost more than half their prefixes. A section that is gone is no
/// loss of its own: what it enforced counts as released.
pub(super) fn losses(sections: &[SectionChange]) -> impl Iterator<Item = Violation> {
    let guarded = sections.iter().filter(|section| section.kind != "tunnel");
    guarded.filter_map(|section| loss(section.kind, &section.name, section.before?, section.after?))
}

/// Prefix files, by path, that became empty or lost more than half their prefixes.
pub(super) fn files(old: Option<&Policy>, new: &Policy) -> Vec<Violation> {
    let counts = |policy: &Policy| {
        let count = |file: &crate::policy::PrefixFile| {
            let place = crate::config::Place { file: file.file, line: 0, column: 0 };
            (policy.files.locate(place).to_string(), file.prefixes)
        };
        policy.prefix_files.iter().map(count).collect::<Vec<_>>()
    };
    let before: HashMap<String, u32> = old.map(counts).unwrap_or_default().into_iter().collect();
    let after = counts(new).into_iter();
    after.filter_map(|(path, after)| loss("file", &path, *before.get(&path)?, after)).collect()
}

fn loss(kind: &'static str, name: &str, before: u32, after: u32) -> Option<Violation> {
    let name = name.to_owned();
    match after {
        0 if before > 0 => Some(Violation::Emptied { kind, name, before }),
        _ if u64::from(after) * 2 < u64::from(before) => Some(Violation::Shrunk { kind, name, before, after }),
        _ => None,
    }
}

/// Shortest prefixes of pools, exemptions and destinations.
const SHORTEST4: u8 = 8;
const SHORTEST6: u8 = 19;
/// Shortest tunnel ends.
const SHORTEST_END4: u8 = 24;
const SHORTEST_END6: u8 = 48;
