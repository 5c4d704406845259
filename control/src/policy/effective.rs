//! What of a policy holds in a given second.
//!
//! A time is in force from its named second on: in the second of `enforce_from` the pool enforces, in
//! the second of `expires` the exemption is out of the table and the covering pool counts again.

use std::ops::RangeInclusive;

use ipnet::IpNet;

use super::{Address, Entry, Owner, Policy, Pool, Stage};
use crate::config::Location;

/// A policy at a time.
#[derive(Debug, Clone)]
pub struct Effective<'a> {
    /// The policy.
    pub policy: &'a Policy,
    /// The time, in unix seconds.
    pub time: i64,
    /// By owner index of the source table: whether its prefixes are in the table.
    present: Vec<bool>,
}

/// What changes by itself in one second.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Changes {
    /// The second from which on it holds.
    pub at: i64,
    /// What changes, pools first, each in the policy file's order.
    pub changes: Vec<Change>,
}

/// One thing that changes by itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// A pool goes from monitor to enforce.
    Enforces {
        /// Its name.
        pool: String,
    },
    /// An exemption ends.
    Expires {
        /// Its name.
        exempt: String,
    },
}

impl Policy {
    /// What holds in the second `time`.
    pub fn at(&self, time: i64) -> Effective<'_> {
        let pools = self.pools.iter().map(|_| true);
        let exempts = self.exempts.iter().map(|exempt| exempt.expires.is_none_or(|expires| time < expires));
        Effective { policy: self, time, present: pools.chain(exempts).collect() }
    }

    /// The first second after `now` in which something changes by itself.
    pub fn next_change(&self, now: i64) -> Option<i64> {
        let times = self.times().filter(|(time, _)| *time > now);
        times.map(|(time, _)| time).min()
    }

    /// All that changes by itself in the given seconds, in the order of time.
    pub fn changes(&self, seconds: RangeInclusive<i64>) -> Vec<Changes> {
        let mut times: Vec<_> = self.times().filter(|(time, _)| seconds.contains(time)).collect();
        times.sort_by_key(|(time, _)| *time); // stable: the order within a second stays
        let groups = times.chunk_by(|a, b| a.0 == b.0);
        groups
            .filter_map(|group| {
                let changes = group.iter().map(|(_, change)| change.clone()).collect();
                group.first().map(|(at, _)| Changes { at: *at, changes })
            })
            .collect()
    }

    /// Every time at which something changes by itself, and what.
    fn times(&self) -> impl Iterator<Item = (i64, Change)> {
        let pools = self.pools.iter().filter_map(|pool| {
            let change = Change::Enforces { pool: pool.name.clone() };
            pool.enforce_from.map(|time| (time, change))
        });
        let exempts = self.exempts.iter().filter_map(|exempt| {
            let change = Change::Expires { exempt: exempt.name.clone() };
            exempt.expires.map(|time| (time, change))
        });
        pools.chain(exempts)
    }
}

impl<'a> Effective<'a> {
    /// The stage of a pool of this policy at this time.
    pub fn stage(&self, pool: &Pool) -> Stage {
        match pool.enforce_from {
            Some(from) if self.time < from => Stage::Monitor,
            _ => pool.stage,
        }
    }

    /// Whether prefixes of this owner (index of the source table) are in the table at this time.
    pub fn is_present(&self, owner: u16) -> bool {
        self.present.get(usize::from(owner)).copied().unwrap_or(false)
    }

    /// The IPv4 source table at this time: sorted, each prefix once.
    pub fn sources4(&self) -> impl Iterator<Item = &'a Entry<u32>> + use<'a, '_> {
        self.in_place(&self.policy.sources.v4)
    }

    /// The IPv6 source table at this time: sorted, each prefix once.
    pub fn sources6(&self) -> impl Iterator<Item = &'a Entry<u128>> + use<'a, '_> {
        self.in_place(&self.policy.sources.v6)
    }

    /// Whose prefix of the source table exactly this one is at this time, and where it was written.
    pub fn source_origin(&self, prefix: IpNet) -> Option<(Owner, Location)> {
        let mut all = self.policy.sources.find(prefix).into_iter();
        let (owner, place) = all.rfind(|&(owner, _)| self.is_present(owner))?;
        Some((self.policy.owner(owner), self.policy.files.locate(place)))
    }

    /// Entries of owners that are in the table. A prefix may stand twice if one of the two had expired
    /// when the policy was loaded; at a time before that, the exemption (the later owner) holds.
    pub(crate) fn in_place<A: Address>(&self, entries: &'a [Entry<A>]) -> impl Iterator<Item = &'a Entry<A>> {
        let mut present = entries.iter().filter(|entry| self.is_present(entry.owner)).peekable();
        std::iter::from_fn(move || {
            loop {
                let entry = present.next()?;
                let same = |next: &&Entry<A>| (next.address, next.len) == (entry.address, entry.len);
                if !present.peek().is_some_and(same) {
                    return Some(entry);
                }
            }
        })
    }
}
