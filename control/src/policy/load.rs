//! Loading: the policy file and its prefix files to a [`Policy`].
//!
//! Order: the text, counts and names, prefixes, settings. Nothing is half taken: one error anywhere
//! and there is no policy. Settings are resolved only if all before was right, as they would report
//! errors that are none.

use std::path::Path;

use gate25_include::image::format;
use hashbrown::HashMap;

use super::collect::{Collector, FileReader, Kind, OwnerName};
use super::settings::Resolver;
use super::{Destination, Exempt, Policy, Pool, Table, Tunnel, warning};
use crate::config::{At, Config, CopyOf, ExemptConfig, Place, PolicyErrors, PrefixLists, Problem, Report};

/// How much a policy may hold. The packet path counts on the defaults; tests make them small.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// Pools and exemptions together.
    pub pools: usize,
    /// Destination groups; each is a bit of a 64-bit mask.
    pub destinations: usize,
    /// Tunnels.
    pub tunnels: usize,
    /// Prefixes in pools and exemptions together.
    pub prefixes: usize,
    /// Prefixes in destination groups together; also ends in tunnels together.
    pub destination_prefixes: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            pools: format::MAX_POOLS,
            destinations: format::MAX_GROUPS,
            tunnels: format::MAX_POOLS,
            prefixes: format::MAX_PREFIXES,
            destination_prefixes: format::MAX_PREFIXES,
        }
    }
}

/// [`super::load_at`].
pub(super) fn load(path: &Path, now: i64, limits: &Limits, copy_of: &CopyOf<'_>) -> Result<Policy, PolicyErrors> {
    let mut report = Report::default();
    let Some(config) = Config::read(path, copy_of, &mut report) else {
        return Err(report.into_errors());
    };
    if !check_counts(&config, limits, &mut report) {
        return Err(report.into_errors());
    }
    check_names(&config, &mut report);
    let mut files = FileReader::new(path.parent().unwrap_or(Path::new("")), copy_of);
    let prefixes = Prefixes::read(&config, now, limits, &mut files, &mut report);
    if !report.is_clean() {
        return Err(report.into_errors());
    }
    let mut policy = assemble(&config, prefixes, &mut report);
    if !report.is_clean() {
        return Err(report.into_errors());
    }
    policy.files = report.into_files();
    policy.prefix_files = files.files;
    policy.warnings = warning::find(&policy);
    Ok(policy)
}

/// The three tables, and how many prefixes each section has.
struct Prefixes {
    sources: Table,
    pools: Vec<u32>,
    exempts: Vec<u32>,
    destination_prefixes: Table,
    destinations: Vec<u32>,
    tunnel_ends: Table,
    tunnels: Vec<u32>,
}

impl Prefixes {
    fn read(config: &Config, now: i64, limits: &Limits, files: &mut FileReader, report: &mut Report) -> Self {
        let mut add = |to: &mut Collector, kind, name: &At<String>, lists: &PrefixLists, expired| {
            to.add(OwnerName { kind, name: name.value.clone(), expired }, lists, files, report)
        };
        let mut sources = Collector::new(Kind::Sources, limits.prefixes);
        let pools = config.pools.iter();
        let pools = pools.map(|one| add(&mut sources, "pool", &one.name, &one.prefixes, false)).collect();
        let expired = |one: &ExemptConfig| one.expires.as_ref().is_some_and(|time| time.value <= now);
        let exempts = config.exempts.iter();
        let exempts = exempts.map(|one| add(&mut sources, "exempt", &one.name, &one.prefixes, expired(one))).collect();
        let mut groups = Collector::new(Kind::Destinations, limits.destination_prefixes);
        let destinations = config.destinations.iter();
        let destinations =
            destinations.map(|one| add(&mut groups, "destination", &one.name, &one.prefixes, false)).collect();
        let mut ends = Collector::new(Kind::TunnelEnds, limits.destination_prefixes);
        let tunnels = config.tunnels.iter();
        let tunnels = tunnels.map(|one| add(&mut ends, "tunnel", &one.name, &one.endpoints, false)).collect();
        Self {
            sources: sources.finish(report),
            pools,
            exempts,
            destination_prefixes: groups.finish(report),
            destinations,
            tunnel_ends: ends.finish(report),
            tunnels,
        }
    }
}

/// The policy without its files and warnings.
fn assemble(config: &Config, prefixes: Prefixes, report: &mut Report) -> Policy {
    let destinations = config.destinations.iter().zip(prefixes.destinations);
    let destinations: Vec<Destination> = destinations
        .map(|(one, prefixes)| Destination { name: one.name.value.clone(), place: one.name.place, prefixes })
        .collect();
    let exempts = config.exempts.iter().zip(prefixes.exempts).map(|(one, prefixes)| Exempt {
        name: one.name.value.clone(),
        place: one.name.place,
        prefixes,
        expires: one.expires.as_ref().map(|time| time.value),
    });
    let tunnels = config.tunnels.iter().zip(prefixes.tunnels).map(|(one, endpoints)| Tunnel {
        name: one.name.value.clone(),
        place: one.name.place,
        endpoints,
    });
    Policy {
        files: crate::config::Files::default(),
        prefix_files: Vec::new(),
        reject_rate: config.reject_rate.as_ref().map_or(REJECT_RATE, |rate| rate.value),
        pools: pools(config, &destinations, &prefixes.pools, report),
        exempts: exempts.collect(),
        destinations,
        tunnels: tunnels.collect(),
        max_flip_percent: max_flip_percent(config),
        sources: prefixes.sources,
        destination_prefixes: prefixes.destination_prefixes,
        tunnel_ends: prefixes.tunnel_ends,
        warnings: Vec::new(),
    }
}

fn pools(config: &Config, destinations: &[Destination], prefixes: &[u32], report: &mut Report) -> Vec<Pool> {
    let resolver = Resolver::new(&config.defaults, destinations, report);
    let pools = config.pools.iter().zip(prefixes);
    pools.map(|(pool, &prefixes)| Pool { prefixes, ..resolver.pool(pool, report) }).collect()
}

fn max_flip_percent(config: &Config) -> u8 {
    let written = config.max_flip_percent.as_ref().map(|percent| percent.value);
    written.and_then(|percent| u8::try_from(percent).ok()).unwrap_or(MAX_FLIP_PERCENT)
}

/// Whether there are not too many sections of any kind.
fn check_counts(config: &Config, limits: &Limits, report: &mut Report) -> bool {
    let owners = config.pools.iter().map(|one| one.name.place);
    let owners = owners.chain(config.exempts.iter().map(|one| one.name.place));
    let groups = config.destinations.iter().map(|one| one.name.place);
    let tunnels = config.tunnels.iter().map(|one| one.name.place);
    let pools = check_count("pools and exemptions together", owners, limits.pools, report);
    let groups = check_count("destination groups", groups, limits.destinations, report);
    let tunnels = check_count("tunnels", tunnels, limits.tunnels, report);
    pools && groups && tunnels
}

fn check_count(what: &'static str, mut places: impl Iterator<Item = Place>, limit: usize, report: &mut Report) -> bool {
    let Some(past) = places.nth(limit) else {
        return true;
    };
    report.add(past, Problem::Limit { what, limit, remedy: "join some into one" });
    false
}

/// Names are unique over pools and exemptions together, over destinations, and over tunnels.
fn check_names(config: &Config, report: &mut Report) {
    let pools = config.pools.iter().map(|one| ("pool", &one.name));
    check_unique(pools.chain(config.exempts.iter().map(|one| ("exempt", &one.name))), report);
    check_unique(config.destinations.iter().map(|one| ("destination", &one.name)), report);
    check_unique(config.tunnels.iter().map(|one| ("tunnel", &one.name)), report);
}

fn check_unique<'a>(names: impl Iterator<Item = (&'static str, &'a At<String>)>, report: &mut Report) {
    let mut names: Vec<_> = names.collect();
    names.sort_by_key(|(_, name)| name.place);
    let mut seen: HashMap<&str, Place> = HashMap::new();
    for (kind, name) in names {
        let first = *seen.entry(&name.value).or_insert(name.place);
        if first != name.place {
            let first = report.files.locate(first);
            report.add(name.place, Problem::DuplicateName { kind, name: name.value.clone(), first });
        }
    }
}

/// `reject_rate` if the file does not say.
const REJECT_RATE: u32 = 1000;
/// `max_flip_percent` if the file does not say.
const MAX_FLIP_PERCENT: u8 = 25;
