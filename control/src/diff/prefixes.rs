//! Prefixes of two policies, as written, table by table in one pass over both.

use std::collections::BTreeSet;

use ipnet::IpNet;

use crate::config::Location;
use crate::policy::{Address, Entry, Owner, Policy, Table};

/// A prefix that came, went, or moved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PrefixChange {
    /// The prefix.
    pub prefix: IpNet,
    /// The section it was in, as in `pool "east"`; none if it is new there.
    pub before: Option<String>,
    /// The section it is in now; none if it went.
    pub after: Option<String>,
    /// Where it stands now, or stood.
    pub at: Location,
}

/// What came, went and moved.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PrefixChanges {
    /// The first ones: pools and exemptions, destinations, tunnels; by address in each.
    pub first: Vec<PrefixChange>,
    /// How many were added to a section.
    pub added: u64,
    /// How many were removed from a section.
    pub removed: u64,
    /// How many went from one pool or exemption to another.
    pub moved: u64,
}

impl PrefixChanges {
    /// All of them.
    pub fn count(&self) -> u64 {
        self.added + self.removed + self.moved
    }
}

/// All changes, of which at most `most` are listed.
pub(super) fn changes(old: &Policy, new: &Policy, most: usize) -> PrefixChanges {
    let mut merge = Merge { old, new, most, found: PrefixChanges::default() };
    merge.tables(&old.sources, &new.sources, &source);
    merge.tables(&old.destination_prefixes, &new.destination_prefixes, &|policy, owner| {
        named("destination", policy.destinations.get(usize::from(owner)).map(|one| &one.name))
    });
    merge.tables(&old.tunnel_ends, &new.tunnel_ends, &|policy, owner| {
        named("tunnel", policy.tunnels.get(usize::from(owner)).map(|one| &one.name))
    });
    merge.found
}

/// Names the section of an owner.
type Name<'a> = &'a dyn Fn(&Policy, u16) -> String;

fn source(policy: &Policy, owner: u16) -> String {
    match policy.owner(owner) {
        Owner::Pool(index) => named("pool", policy.pools.get(index).map(|one| &one.name)),
        Owner::Exempt(index) => named("exempt", policy.exempts.get(index).map(|one| &one.name)),
    }
}

fn named(kind: &str, name: Option<&String>) -> String {
    format!("{kind} \"{}\"", name.map_or("?", String::as_str))
}

struct Merge<'a> {
    old: &'a Policy,
    new: &'a Policy,
    most: usize,
    found: PrefixChanges,
}

impl Merge<'_> {
    fn tables(&mut self, old: &Table, new: &Table, name: Name<'_>) {
        self.merge(&old.v4, &new.v4, name);
        self.merge(&old.v6, &new.v6, name);
    }

    fn merge<A: Address>(&mut self, old: &[Entry<A>], new: &[Entry<A>], name: Name<'_>) {
        let key = |entry: &Entry<A>| (entry.address, entry.len);
        let same = |a: &Entry<A>, b: &Entry<A>| key(a) == key(b);
        let (mut old, mut new) = (old.chunk_by(same).peekable(), new.chunk_by(same).peekable());
        loop {
            let first = |group: Option<&&[Entry<A>]>| group.and_then(|group| group.first()).map(key);
            let (at_old, at_new) = (first(old.peek()), first(new.peek()));
            let Some(at) = at_old.into_iter().chain(at_new).min() else { return };
            let was = if at_old == Some(at) { old.next().unwrap_or_default() } else { &[] };
            let is = if at_new == Some(at) { new.next().unwrap_or_default() } else { &[] };
            self.prefix(was, is, name);
        }
    }

    /// One prefix: the sections it was in and those it is in.
    fn prefix<A: Address>(&mut self, was: &[Entry<A>], is: &[Entry<A>], name: Name<'_>) {
        let names = |policy, entries: &[Entry<A>]| -> BTreeSet<String> {
            entries.iter().map(|entry| name(policy, entry.owner)).collect()
        };
        let (before, after) = (names(self.old, was), names(self.new, is));
        let mut went = before.difference(&after).cloned();
        let mut came = after.difference(&before).cloned();
        loop {
            let (before, after) = (went.next(), came.next());
            let count = match (&before, &after) {
                (None, None) => return,
                (None, Some(_)) => &mut self.found.added,
                (Some(_), None) => &mut self.found.removed,
                (Some(_), Some(_)) => &mut self.found.moved,
            };
            *count += 1;
            let (policy, entries) = if after.is_some() { (self.new, is) } else { (self.old, was) };
            let section = after.as_ref().or(before.as_ref());
            let entry = entries.iter().find(|entry| Some(&name(policy, entry.owner)) == section);
            if let Some(entry) = entry.filter(|_| self.found.first.len() < self.most) {
                let at = policy.files.locate(entry.place);
                self.found.first.push(PrefixChange { prefix: entry.prefix(), before, after, at });
            }
        }
    }
}
