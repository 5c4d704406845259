//! Policy: a checked and resolved policy.
//!
//! Owns what the policy file and its prefix files mean together: pools with all defaults filled in,
//! exemptions, destination groups, tunnels, and every prefix with the place it was written. A
//! [`Policy`] exists only if nothing was wrong; [`load`] is the one way to get one.
//!
//! - Settings of a pool replace those of `[defaults]`; lists are replaced too, not joined.
//! - `only = []` is the same as no `only`: all destinations.
//! - Time does not stand still: [`Policy::at`] says what holds in a given second.

mod collect;
mod effective;
mod load;
mod prefix;
mod prefix_file;
mod settings;
mod table;
mod warning;

use std::path::Path;

use ipnet::IpNet;

pub use crate::config::{Action, Match, Stage, Undetermined};
use crate::config::{CopyOf, Files, Location, Place, PolicyErrors};
pub use effective::{Change, Changes, Effective};
pub use load::Limits;
pub use table::{Address, Entry, Table};
pub use warning::{Warning, WarningKind};

/// A checked and resolved policy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Policy {
    /// The files it was read from; number 0 is the policy file.
    pub files: Files,
    /// The prefix files and how many prefixes each has, in the order they were first named.
    pub prefix_files: Vec<PrefixFile>,
    /// Answers per worker and second; 0 is unlimited.
    pub reject_rate: u32,
    /// Pools, in the file's order.
    pub pools: Vec<Pool>,
    /// Exemptions, in the file's order.
    pub exempts: Vec<Exempt>,
    /// Destination groups, in the file's order; a group mask has bit *i* for group *i*.
    pub destinations: Vec<Destination>,
    /// Tunnels, in the file's order.
    pub tunnels: Vec<Tunnel>,
    /// Percent of pool space that one commit may flip, 0 to 100.
    pub max_flip_percent: u8,
    /// Prefixes of pools and exemptions; each prefix once but for
    /// expired exemptions ([`Effective::sources4`]). Owners: pools, then exemptions.
    pub sources: Table,
    /// Prefixes of destination groups; each prefix once per group. Owners: groups.
    pub destination_prefixes: Table,
    /// Our tunnel ends; each prefix once. Owners: tunnels.
    pub tunnel_ends: Table,
    /// What is allowed but probably not meant.
    pub warnings: Vec<Warning>,
}

/// One prefix file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PrefixFile {
    /// Its number in [`Policy::files`].
    pub file: u32,
    /// How many prefixes it holds.
    pub prefixes: u32,
}

/// Dynamic address space and what is done with its candidates.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pool {
    /// Its name.
    pub name: String,
    /// Where it is named.
    pub place: Place,
    /// How many prefixes it has.
    pub prefixes: u32,
    /// The stage as written; [`Effective::stage`] knows about `enforce_from`.
    pub stage: Stage,
    /// The unix second from which on stage enforce holds; `None` unless the stage is enforce.
    pub enforce_from: Option<i64>,
    /// What happens to a blocked candidate.
    pub action: Action,
    /// Which segments are candidates.
    pub matching: Match,
    /// Mask of destination groups that stay reachable.
    pub allow: u64,
    /// Mask of the destination groups that alone are blocked.
    pub only: Option<u64>,
    /// Percent of lines under enforcement, 0 to 100.
    pub share: u8,
    /// Whether inbound answers from port 25 are stopped as well.
    pub return_traffic: bool,
    /// What happens to packets that hide their TCP header.
    pub undetermined: Undetermined,
    /// IPv6 bits that make one line, 32 to 128.
    pub line_prefix: u8,
}

/// Addresses that are not blocked: static-IP services and single lines.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exempt {
    /// Its name.
    pub name: String,
    /// Where it is named.
    pub place: Place,
    /// How many prefixes it has.
    pub prefixes: u32,
    /// The unix second from which on its prefixes are out of the table.
    pub expires: Option<i64>,
}

/// A group of mail servers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Destination {
    /// Its name.
    pub name: String,
    /// Where it is named.
    pub place: Place,
    /// How many prefixes it has.
    pub prefixes: u32,
}

/// One of our own tunnels.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tunnel {
    /// Its name.
    pub name: String,
    /// Where it is named.
    pub place: Place,
    /// How many ends it has.
    pub endpoints: u32,
}

/// Whose prefix of the source table one is: an index into [`Policy::pools`] or [`Policy::exempts`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Owner {
    /// A pool.
    Pool(usize),
    /// An exemption.
    Exempt(usize),
}

/// Reads the policy file at `path` and the prefix files it names, now.
///
/// # Errors
/// All that is wrong, in the order of files, lines and columns. What TOML does not accept hides all
/// else; settings are looked at when names and prefixes are right.
pub fn load(path: &Path) -> Result<Policy, PolicyErrors> {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    let now = now.map_or(0, |now| i64::try_from(now.as_secs()).unwrap_or(i64::MAX));
    load_at(path, now, &Limits::default())
}

/// [`load`] at another time and with other limits. Prefixes of exemptions that expired by `now` may
/// stand in the source table again.
///
/// # Errors
/// As [`load`].
pub fn load_at(path: &Path, now: i64, limits: &Limits) -> Result<Policy, PolicyErrors> {
    load::load(path, now, limits, &Path::to_path_buf)
}

/// [`load_at`] from copies: the bytes of each file are where `copy_of` says, while messages and places
/// keep the names the operator knows.
///
/// # Errors
/// As [`load`].
pub fn load_copy(path: &Path, now: i64, copy_of: &CopyOf<'_>) -> Result<Policy, PolicyErrors> {
    load::load(path, now, &Limits::default(), copy_of)
}

impl Policy {
    /// Whose an owner index of the source table is.
    pub fn owner(&self, owner: u16) -> Owner {
        let index = usize::from(owner);
        match index.checked_sub(self.pools.len()) {
            None => Owner::Pool(index),
            Some(exempt) => Owner::Exempt(exempt),
        }
    }

    /// The groups that have exactly this prefix (index into [`Policy::destinations`]) and where it was written.
    pub fn destination_origins(&self, prefix: IpNet) -> Vec<(usize, Location)> {
        let found = self.destination_prefixes.find(prefix).into_iter();
        found.map(|(group, place)| (usize::from(group), self.files.locate(place))).collect()
    }

    /// The names of the groups in a mask, in the order of the policy file.
    pub fn group_names(&self, mask: u64) -> Vec<&str> {
        let groups = self.destinations.iter().enumerate();
        groups.filter(|(index, _)| mask >> index & 1 == 1).map(|(_, group)| group.name.as_str()).collect()
    }
}
