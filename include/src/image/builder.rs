//! Writes an image. Refuses what would break a limit or put one prefix in two places; the same input
//! in any order gives the same digest.

use std::borrow::Cow;

use ipnet::IpNet;

use super::assembly::{Assembly, put};
use super::digest::{Digest, Item, OwnerHash, Place};
use super::error::BuildError;
use super::format::{self, header};
use super::pool::{Pool, halves};
use super::sources::{SourceTables, Sources, source_value};
use crate::table::{self, Entry, Key};

/// A pool or exemption to be written; its name is owned, the rest as in [`Pool`].
pub type PoolSpec<'a> = Pool<'a>;

/// IPv4 and IPv6 prefixes of one table.
#[derive(Debug, Default)]
struct Table {
    four: Vec<Entry<u32>>,
    six: Vec<Entry<u128>>,
}

/// In how many places of a table a prefix may stand.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Places {
    /// Sources and tunnel ends: in one.
    One,
    /// Destinations: once in each group.
    OneInEach,
}

/// Collects a policy and writes it as words.
///
/// Groups must be added in the order of their names if the digest is to be independent of the order
/// they stood in; pools and prefixes may come in any order.
#[derive(Debug, Default)]
pub struct ImageBuilder {
    reject_rate: u32,
    compiled_at: i64,
    next_change: i64,
    next_slot: u32,
    pools: Vec<[u32; format::POOL_WORDS]>,
    slots: Vec<u32>,
    groups: Vec<[u32; 2]>,
    names: Vec<u8>,
    pool_hashes: Vec<OwnerHash>,
    group_hashes: Vec<OwnerHash>,
    digest: Digest,
    sources: Table,
    destinations: Table,
    tunnels: Table,
}

impl ImageBuilder {
    /// An empty policy: every source is unknown.
    pub fn new() -> ImageBuilder {
        ImageBuilder::default()
    }

    /// Answers per worker and second, 0 (unlimited) to 1,000,000.
    ///
    /// # Errors
    /// [`BuildError::Range`] above that.
    pub fn reject_rate(&mut self, rate: u32) -> Result<(), BuildError> {
        in_range("reject_rate", u64::from(rate), rate <= format::MAX_REJECT_RATE, "0..1000000")?;
        self.reject_rate = rate;
        Ok(())
    }

    /// Unix seconds: when this was compiled, and when it changes next by itself (0 for never).
    pub fn times(&mut self, compiled_at: i64, next_change: i64) {
        self.compiled_at = compiled_at;
        self.next_change = next_change;
    }

    /// Counter slots ever given out; raised by [`ImageBuilder::pool`] where a slot lies above.
    pub fn next_slot(&mut self, next_slot: u32) {
        self.next_slot = self.next_slot.max(next_slot);
    }

    /// Adds a pool or exemption and gives its number.
    ///
    /// # Errors
    /// [`BuildError::Limit`] past 65,535, [`BuildError::Name`], [`BuildError::Range`].
    pub fn pool(&mut self, pool: &PoolSpec<'_>) -> Result<u16, BuildError> {
        let count = self.pools.len();
        limit("pools and exemptions", count + 1, format::MAX_POOLS)?;
        in_range("share", u64::from(pool.share), pool.share <= 100, "0..100")?;
        in_range("line_prefix", u64::from(pool.line_prefix), (32..=128).contains(&pool.line_prefix), "32..128")?;
        let slot = pool.counter_slot;
        in_range("counter slot", u64::from(slot), (slot as usize) < format::COUNTER_SLOTS, "0..65535")?;
        let [name_offset, _] = self.name(pool.name)?;
        let record = pool.record(name_offset);
        self.digest.add(Item::pool(&record, pool.name));
        self.pool_hashes.push(OwnerHash::of(pool.name));
        self.pools.push(record);
        self.slots.push(slot);
        self.next_slot(slot + 1);
        Ok(count as u16)
    }

    /// Adds a destination group and gives its number, which is its bit.
    ///
    /// # Errors
    /// [`BuildError::Limit`] past 63, [`BuildError::Name`].
    pub fn group(&mut self, name: &str) -> Result<u8, BuildError> {
        let count = self.groups.len();
        limit("destination groups", count + 1, format::MAX_GROUPS)?;
        let place = self.name(name)?;
        self.groups.push(place);
        self.digest.add(Item::group(count as u8, name));
        self.group_hashes.push(OwnerHash::of(name));
        Ok(count as u8)
    }

    /// Puts a prefix in a pool or exemption.
    ///
    /// # Errors
    /// [`BuildError::Owner`] if there is no such pool, [`BuildError::Limit`] past 16 Mi.
    pub fn source(&mut self, prefix: IpNet, pool: u16) -> Result<(), BuildError> {
        if usize::from(pool) >= self.pools.len() {
            return Err(BuildError::Owner { prefix, owner: usize::from(pool) });
        }
        let value = source_value(pool, prefix.prefix_len());
        self.sources.add("prefixes in pools and exemptions", prefix, value)
    }

    /// Puts a prefix in a destination group.
    ///
    /// # Errors
    /// As [`ImageBuilder::source`].
    pub fn destination(&mut self, prefix: IpNet, group: u8) -> Result<(), BuildError> {
        if usize::from(group) >= self.groups.len() {
            return Err(BuildError::Owner { prefix, owner: usize::from(group) });
        }
        self.destinations.add("prefixes in destinations", prefix, u32::from(group))
    }

    /// Makes a prefix ours as a tunnel end.
    ///
    /// # Errors
    /// [`BuildError::Limit`] past 16 Mi.
    pub fn tunnel(&mut self, prefix: IpNet) -> Result<(), BuildError> {
        self.tunnels.add("tunnel ends", prefix, 1)
    }

    /// The image as words, under this generation (above 0).
    ///
    /// # Errors
    /// [`BuildError::Twice`] for a prefix that stands twice among the sources, in one destination
    /// group or among the tunnel ends; [`BuildError::Limit`] if it would pass 4 Gi words.
    pub fn finish(mut self, generation: u64) -> Result<Vec<u32>, BuildError> {
        let Table { four, six } = std::mem::take(&mut self.sources);
        let mut tables = SourceTables::default();
        tables.update(Sources { four, six, owners: self.pool_hashes.clone() })?;
        Ok(self.finish_with(&tables, generation)?.to_words())
    }

    /// The image with sources that are kept elsewhere, under this generation (above 0). Sources of this builder's own
    /// are not in it.
    ///
    /// # Errors
    /// As [`ImageBuilder::finish`]; [`BuildError::Pools`] if `sources` names other pools; [`BuildError::Full`] if a table
    /// outgrows its links.
    pub fn finish_with(mut self, sources: &SourceTables, generation: u64) -> Result<Assembly<'_>, BuildError> {
        in_range("generation", generation, generation > 0, "1 and up")?;
        if sources.owners() != self.pool_hashes {
            return Err(BuildError::Pools { found: sources.owners().len(), needed: self.pool_hashes.len() });
        }
        self.destinations.sort(Places::OneInEach)?;
        self.tunnels.sort(Places::One)?;
        self.sum_up(sources);
        let mut sets = GroupSets::new();
        let destinations = self.destinations.merged(&mut sets);
        let four = built("destinations", &table::joined(&destinations.four, |around, own| sets.union(around, own)))?;
        let six = built("destinations", &table::joined(&destinations.six, |around, own| sets.union(around, own)))?;
        let sections = [
            Cow::Owned(std::mem::take(&mut self.slots)),
            Cow::Owned(self.pools.concat()),
            Cow::Owned(self.groups.concat()),
            Cow::Owned(padded(&self.names)),
            Cow::Owned(sets.all.iter().flat_map(|set| halves(*set)).collect()),
            sources.four(),
            sources.six(),
            Cow::Owned(four),
            Cow::Owned(six),
            Cow::Owned(built("tunnel ends", &self.tunnels.four)?),
            Cow::Owned(built("tunnel ends", &self.tunnels.six)?),
        ];
        let digest = self.digest.with_parameters(self.reject_rate);
        let assembly = Assembly { header: self.header(generation, digest), sections, digest };
        if sources.is_full() {
            return Err(BuildError::Full { what: "pools and exemptions" });
        }
        limit("words in the image", assembly.words(), u32::MAX as usize)?;
        Ok(assembly)
    }

    /// Adds all prefixes to the digest.
    fn sum_up(&mut self, sources: &SourceTables) {
        let groups = |value: u32| self.group_hashes.get(value as usize).copied().unwrap_or_default();
        self.digest.join(sources.digest());
        self.destinations.sum_up(&mut self.digest, Place::Destination, groups);
        self.tunnels.sum_up(&mut self.digest, Place::Tunnel, |_| OwnerHash::default());
    }

    /// Everything but sections, length and checksum.
    fn header(&self, generation: u64, digest: u128) -> Vec<u32> {
        let mut words = vec![0; format::HEADER_WORDS];
        put(&mut words, header::MAGIC, &format::MAGIC);
        put(&mut words, header::ABI, &[format::ABI, format::HEADER_WORDS as u32]);
        put(&mut words, header::LAYOUT, &halves(format::layout_hash()));
        put(&mut words, header::POOLS, &[self.pools.len() as u32]);
        put(&mut words, header::GENERATION, &halves(generation));
        put(&mut words, header::COMPILED_AT, &halves(self.compiled_at as u64));
        put(&mut words, header::NEXT_CHANGE, &halves(self.next_change as u64));
        put(&mut words, header::DIGEST, &[0, 32, 64, 96].map(|shift| (digest >> shift) as u32));
        put(&mut words, header::REJECT_RATE, &[self.reject_rate, self.groups.len() as u32, self.next_slot]);
        words
    }

    fn name(&mut self, name: &str) -> Result<[u32; 2], BuildError> {
        let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
        if name.is_empty() || name.len() > format::MAX_NAME || !name.bytes().all(plain) {
            return Err(BuildError::Name { name: name.to_owned() });
        }
        let offset = self.names.len() as u32;
        self.names.extend_from_slice(name.as_bytes());
        Ok([offset, name.len() as u32])
    }
}

impl Table {
    fn add(&mut self, what: &'static str, prefix: IpNet, value: u32) -> Result<(), BuildError> {
        limit(what, self.four.len() + self.six.len() + 1, format::MAX_PREFIXES)?;
        let length = prefix.prefix_len();
        match prefix.network() {
            std::net::IpAddr::V4(start) => self.four.push(Entry { start: start.to_bits(), length, value }),
            std::net::IpAddr::V6(start) => self.six.push(Entry { start: start.to_bits(), length, value }),
        }
        Ok(())
    }

    /// Sorts, and refuses a prefix that stands in more places than it may.
    fn sort(&mut self, places: Places) -> Result<(), BuildError> {
        self.four.sort_unstable();
        self.six.sort_unstable();
        if let Some(entry) = repeated(&self.four, places) {
            let prefix = ipnet::Ipv4Net::new_assert(entry.start.into(), entry.length);
            return Err(BuildError::Twice { prefix: prefix.into() });
        }
        if let Some(entry) = repeated(&self.six, places) {
            let prefix = ipnet::Ipv6Net::new_assert(entry.start.into(), entry.length);
            return Err(BuildError::Twice { prefix: prefix.into() });
        }
        Ok(())
    }

    fn sum_up(&self, digest: &mut Digest, place: Place, owner: impl Fn(u32) -> OwnerHash) {
        for entry in &self.four {
            digest.add(Item::prefix(place, 32, entry.start.into(), entry.length, owner(entry.value)));
        }
        for entry in &self.six {
            digest.add(Item::prefix(place, 128, entry.start, entry.length, owner(entry.value)));
        }
    }

    /// Destinations: one entry per prefix, with the set of its groups.
    fn merged(&self, sets: &mut GroupSets) -> Table {
        Table { four: merge(&self.four, sets), six: merge(&self.six, sets) }
    }
}

fn repeated<K: Key>(sorted: &[Entry<K>], places: Places) -> Option<Entry<K>> {
    let pairs = sorted.iter().zip(sorted.iter().skip(1));
    pairs
        .filter(|(a, b)| (a.start, a.length) == (b.start, b.length))
        .find(|(a, b)| places == Places::One || a.value == b.value)
        .map(|(a, _)| *a)
}

fn merge<K: Key>(sorted: &[Entry<K>], sets: &mut GroupSets) -> Vec<Entry<K>> {
    let same = |a: &Entry<K>, b: &Entry<K>| (a.start, a.length) == (b.start, b.length);
    let group = |groups: &[Entry<K>]| {
        let first = groups.first()?;
        let set = groups.iter().fold(0, |set, entry| set | 1u64 << (entry.value & 63));
        Some(Entry { value: sets.number(set), ..*first })
    };
    sorted.chunk_by(same).filter_map(group).collect()
}

/// The different sets of destination groups, numbered as they come; 0 is the empty set.
struct GroupSets {
    all: Vec<u64>,
    numbers: std::collections::HashMap<u64, u32>,
}

impl GroupSets {
    fn new() -> GroupSets {
        GroupSets { all: vec![0], numbers: [(0, 0)].into() }
    }

    fn number(&mut self, set: u64) -> u32 {
        *self.numbers.entry(set).or_insert_with(|| {
            self.all.push(set);
            self.all.len() as u32 - 1
        })
    }

    fn union(&mut self, a: u32, b: u32) -> u32 {
        let set = |number: u32| self.all.get(number as usize).copied().unwrap_or(0);
        let union = set(a) | set(b);
        self.number(union)
    }
}

fn padded(names: &[u8]) -> Vec<u32> {
    let word = |bytes: &[u8]| bytes.iter().rev().fold(0, |word, byte| word << 8 | u32::from(*byte));
    names.chunks(4).map(word).collect()
}

/// A table that is made once.
fn built<K: Key>(what: &'static str, entries: &[Entry<K>]) -> Result<Vec<u32>, BuildError> {
    table::build(entries).ok_or(BuildError::Full { what })
}

fn limit(what: &'static str, found: usize, limit: usize) -> Result<(), BuildError> {
    if found > limit { Err(BuildError::Limit { what, found, limit }) } else { Ok(()) }
}

fn in_range(what: &'static str, value: u64, good: bool, range: &'static str) -> Result<(), BuildError> {
    if good { Ok(()) } else { Err(BuildError::Range { what, value, range }) }
}
