//! Which sections of a policy changed, and how many prefixes came and went in each.
//!
//! The figures for a diff that a person reads, and for the guard rail against lists that shrank. A
//! section is its kind and name; prefixes are as written, whether or not they are in place now.

use std::collections::BTreeMap;

use crate::policy::{Address, Entry, Policy};

/// A section that is not as it was.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SectionChange {
    /// "pool", "exempt", "destination" or "tunnel".
    pub kind: &'static str,
    /// Its name.
    pub name: String,
    /// Prefixes in place before; `None` if there was no such section. An expired exemption has none.
    pub before: Option<u32>,
    /// Prefixes in place now; `None` if there is no such section any more.
    pub after: Option<u32>,
    /// Prefixes written now and not before.
    pub added: u64,
    /// Prefixes written before and not now.
    pub removed: u64,
}

/// All sections with a change: of their being there, of their prefixes, of their expiry.
pub(super) fn changes(old: Option<&Policy>, new: &Policy, now: i64) -> Vec<SectionChange> {
    let mut sections = Sections::default();
    let new = sections.number(new, now, |section, count| section.after = Some(count));
    let old = old.map(|old| sections.number(old, now, |section, count| section.before = Some(count)));
    for table in 0..TABLES {
        let (four, six) = new.table(table);
        let (old4, old6) = old.as_ref().map_or((&[][..], &[][..]), |old| old.table(table));
        let owners = |side: &Side<'_>| side.owners.get(table).cloned().unwrap_or_default();
        let (old_owners, new_owners) = (old.as_ref().map(owners).unwrap_or_default(), owners(&new));
        sections.merge((old4, &old_owners), (four, &new_owners));
        sections.merge((old6, &old_owners), (six, &new_owners));
    }
    let changed = |one: &SectionChange| one.before != one.after || one.added != 0 || one.removed != 0;
    let mut found: Vec<_> = sections.all.into_iter().filter(changed).collect();
    let rank = |kind: &str| KINDS.iter().position(|known| *known == kind);
    found.sort_by(|a, b| (rank(a.kind), &a.name).cmp(&(rank(b.kind), &b.name)));
    found
}

/// The sections of both policies, numbered.
#[derive(Default)]
struct Sections {
    all: Vec<SectionChange>,
    numbers: BTreeMap<(&'static str, String), usize>,
}

/// One policy with its owners' numbers, table by table: sources, destinations, tunnel ends.
struct Side<'a> {
    policy: &'a Policy,
    owners: [Vec<usize>; TABLES],
}

impl Sections {
    /// Numbers a policy's sections and notes how many prefixes each has in place.
    fn number<'a>(&mut self, policy: &'a Policy, now: i64, note: impl Fn(&mut SectionChange, u32)) -> Side<'a> {
        let mut add = |kind, name: &str, count| {
            let number = self.section(kind, name);
            if let Some(section) = self.all.get_mut(number) {
                note(section, count);
            }
            number
        };
        let pools = policy.pools.iter().map(|one| ("pool", &one.name, one.prefixes));
        let exempts = policy.exempts.iter().map(|one| {
            let in_place = one.expires.is_none_or(|expires| now < expires);
            ("exempt", &one.name, if in_place { one.prefixes } else { 0 })
        });
        let groups = policy.destinations.iter().map(|one| ("destination", &one.name, one.prefixes));
        let tunnels = policy.tunnels.iter().map(|one| ("tunnel", &one.name, one.endpoints));
        let sources = pools.chain(exempts).map(|(kind, name, count)| add(kind, name, count)).collect();
        let groups = groups.map(|(kind, name, count)| add(kind, name, count)).collect();
        let tunnels = tunnels.map(|(kind, name, count)| add(kind, name, count)).collect();
        Side { policy, owners: [sources, groups, tunnels] }
    }

    fn section(&mut self, kind: &'static str, name: &str) -> usize {
        let all = &mut self.all;
        *self.numbers.entry((kind, name.to_owned())).or_insert_with(|| {
            all.push(SectionChange { kind, name: name.to_owned(), before: None, after: None, added: 0, removed: 0 });
            all.len() - 1
        })
    }

    /// Counts what came and went between two sorted tables.
    fn merge<A: Address>(&mut self, old: (&[Entry<A>], &[usize]), new: (&[Entry<A>], &[usize])) {
        let key = |entry: &Entry<A>| (entry.address, entry.len);
        let same = |a: &Entry<A>, b: &Entry<A>| key(a) == key(b);
        let mut groups_old = old.0.chunk_by(same).peekable();
        let mut groups_new = new.0.chunk_by(same).peekable();
        let first = |group: Option<&&[Entry<A>]>| group.and_then(|group| group.first()).map(key);
        loop {
            let (at_old, at_new) = (first(groups_old.peek()), first(groups_new.peek()));
            let Some(at) = at_old.into_iter().chain(at_new).min() else { return };
            let was = if at_old == Some(at) { groups_old.next().unwrap_or_default() } else { &[] };
            let is = if at_new == Some(at) { groups_new.next().unwrap_or_default() } else { &[] };
            for entry in is.iter().filter(|entry| !owned(was, old.1, number(new.1, entry))) {
                self.change(number(new.1, entry), |section| section.added += 1);
            }
            for entry in was.iter().filter(|entry| !owned(is, new.1, number(old.1, entry))) {
                self.change(number(old.1, entry), |section| section.removed += 1);
            }
        }
    }

    fn change(&mut self, number: Option<usize>, change: impl Fn(&mut SectionChange)) {
        if let Some(section) = number.and_then(|number| self.all.get_mut(number)) {
            change(section);
        }
    }
}

impl<'a> Side<'a> {
    /// The prefixes of one table.
    fn table(&self, table: usize) -> (&'a [Entry<u32>], &'a [Entry<u128>]) {
        let table = match table {
            0 => &self.policy.sources,
            1 => &self.policy.destination_prefixes,
            _ => &self.policy.tunnel_ends,
        };
        (&table.v4, &table.v6)
    }
}

/// The section that an entry belongs to.
fn number<A>(owners: &[usize], entry: &Entry<A>) -> Option<usize> {
    owners.get(usize::from(entry.owner)).copied()
}

/// Whether one of the entries belongs to this section.
fn owned<A>(entries: &[Entry<A>], owners: &[usize], section: Option<usize>) -> bool {
    entries.iter().any(|entry| number(owners, entry) == section)
}

/// Sources, destinations, tunnel ends.
const TABLES: usize = 3;
/// Kinds of sections in the order they are listed.
const KINDS: [&str; 4] = ["pool", "exempt", "destination", "tunnel"];
