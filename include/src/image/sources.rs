//! The source tables as control keeps them over its life: a new generation changes only the prefixes that
//! differ, and the digest with them.

use ipnet::{IpNet, Ipv4Net, Ipv6Net};

use super::digest::{Digest, Item, OwnerHash, Place};
use super::error::BuildError;
use super::format;
use crate::table::{self, Change, Entry, Incremental, Key};

/// Prefixes of pools and exemptions in both families, and the digest of them.
#[derive(Debug, Default)]
pub struct SourceTables {
    four: Kept<u32>,
    six: Kept<u128>,
    /// Names by pool number.
    owners: Vec<OwnerHash>,
    digest: Digest,
}

/// A family's table, and its prefixes in order: comparing two runs of them is much faster than walking a tree.
#[derive(Debug)]
struct Kept<K: Key> {
    build: K::Build,
    prefixes: Vec<Entry<K>>,
}

impl<K: Key> Default for Kept<K> {
    fn default() -> Kept<K> {
        Kept { build: K::Build::default(), prefixes: Vec::new() }
    }
}

/// The prefixes that are to be in the tables, of both families, with [`source_value`]s.
#[derive(Debug, Default)]
pub struct Sources {
    /// IPv4.
    pub four: Vec<Entry<u32>>,
    /// IPv6.
    pub six: Vec<Entry<u128>>,
    /// Names by pool number; every value's pool must have one.
    pub owners: Vec<OwnerHash>,
}

/// What a source table says of a prefix of `length` bits in the pool or exemption `pool`.
pub fn source_value(pool: u16, length: u8) -> u32 {
    (u32::from(pool) + 1) | u32::from(length) << format::SOURCE_LENGTH_SHIFT
}

impl SourceTables {
    /// Brings the tables to `sources`; gives how many prefixes were touched. After an error the tables are as before.
    ///
    /// # Errors
    /// [`BuildError::Twice`], [`BuildError::Limit`] past 16 Mi prefixes, [`BuildError::Owner`] for a pool without name.
    pub fn update(&mut self, mut sources: Sources) -> Result<usize, BuildError> {
        check(&mut sources.four, sources.owners.len())?;
        check(&mut sources.six, sources.owners.len())?;
        let found = sources.four.len() + sources.six.len();
        if found > format::MAX_PREFIXES {
            let what = "prefixes in pools and exemptions";
            return Err(BuildError::Limit { what, found, limit: format::MAX_PREFIXES });
        }
        let renamed = renamed(&self.owners, &sources.owners);
        let before = std::mem::replace(&mut self.owners, sources.owners);
        let named = Named { before: &before, now: &self.owners, renamed: &renamed };
        let four = named.update(&mut self.four, sources.four, &mut self.digest);
        let six = named.update(&mut self.six, sources.six, &mut self.digest);
        Ok(four + six)
    }

    /// Prefixes in both tables.
    pub fn len(&self) -> usize {
        self.four.prefixes.len() + self.six.prefixes.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether a table has outgrown its format.
    pub(super) fn is_full(&self) -> bool {
        self.four.build.is_full() || self.six.build.is_full()
    }

    pub(super) fn owners(&self) -> &[OwnerHash] {
        &self.owners
    }

    pub(super) fn digest(&self) -> Digest {
        self.digest
    }

    pub(super) fn four(&self) -> std::borrow::Cow<'_, [u32]> {
        table::words::<u32>(&self.four.build)
    }

    pub(super) fn six(&self) -> std::borrow::Cow<'_, [u32]> {
        table::words::<u128>(&self.six.build)
    }
}

/// Whose prefixes are whose, before and now.
struct Named<'a> {
    before: &'a [OwnerHash],
    now: &'a [OwnerHash],
    /// By pool number: whether another name has it now.
    renamed: &'a [bool],
}

impl Named<'_> {
    fn update<K: Address>(&self, kept: &mut Kept<K>, now: Vec<Entry<K>>, digest: &mut Digest) -> usize {
        let any = self.renamed.contains(&true);
        let renamed = |entry: &Entry<K>| any && self.renamed.get(owner(entry.value)).copied().unwrap_or(true);
        let changes = table::changes(&kept.prefixes, &now, |a, b| a.value == b.value && !renamed(b));
        for Change { before, now } in &changes {
            if let Some(entry) = before {
                digest.remove(entry_item(entry, self.before));
            }
            if let Some(entry) = now {
                digest.add(entry_item(entry, self.now));
            }
        }
        table::apply(&mut kept.build, &changes, &now);
        kept.prefixes = now;
        changes.len()
    }
}

/// What tells the families apart here.
trait Address: Key {
    const BITS: u8;
    fn bits(self) -> u128;
    fn net(self, length: u8) -> IpNet;
}

impl Address for u32 {
    const BITS: u8 = 32;

    fn bits(self) -> u128 {
        self.into()
    }

    fn net(self, length: u8) -> IpNet {
        Ipv4Net::new_assert(self.into(), length.min(32)).into()
    }
}

impl Address for u128 {
    const BITS: u8 = 128;

    fn bits(self) -> u128 {
        self
    }

    fn net(self, length: u8) -> IpNet {
        Ipv6Net::new_assert(self.into(), length.min(128)).into()
    }
}

fn entry_item<K: Address>(entry: &Entry<K>, owners: &[OwnerHash]) -> Item {
    let owner = owners.get(owner(entry.value)).copied().unwrap_or_default();
    Item::prefix(Place::Source, K::BITS, entry.start.bits(), entry.length, owner)
}

/// Sorts if need be; refuses a prefix that stands twice or belongs to nobody.
fn check<K: Address>(entries: &mut [Entry<K>], owners: usize) -> Result<(), BuildError> {
    if !entries.is_sorted_by(|a, b| (a.start, a.length) < (b.start, b.length)) {
        entries.sort_unstable();
        let mut pairs = entries.iter().zip(entries.iter().skip(1));
        if let Some((twice, _)) = pairs.find(|(a, b)| (a.start, a.length) == (b.start, b.length)) {
            return Err(BuildError::Twice { prefix: twice.start.net(twice.length) });
        }
    }
    match entries.iter().find(|entry| owner(entry.value) >= owners) {
        Some(entry) => Err(BuildError::Owner { prefix: entry.start.net(entry.length), owner: owner(entry.value) }),
        None => Ok(()),
    }
}

/// The pool number in a value; one that no pool has for 0.
fn owner(value: u32) -> usize {
    (value & format::SOURCE_POOL_MASK).checked_sub(1).map_or(usize::MAX, |pool| pool as usize)
}

fn renamed(before: &[OwnerHash], now: &[OwnerHash]) -> Vec<bool> {
    now.iter().enumerate().map(|(number, name)| before.get(number) != Some(name)).collect()
}
