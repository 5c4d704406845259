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
        let found = sources.four.len() + sources.six.len();
        if found > format::MAX_PREFIXES {
            let what = "prefixes in pools and exemptions";
            return Err(BuildError::Limit { what, found, limit: format::MAX_PREFIXES });
        }
        let named = Named::of(&self.owners, &sources.owners);
        let four = named.changes(&self.four.prefixes, &mut sources.four)?;
        let six = named.changes(&self.six.prefixes, &mut sources.six)?;
        named.apply(&mut self.four, &four, sources.four, &mut self.digest);
        named.apply(&mut self.six, &six, sources.six, &mut self.digest);
        self.owners = sources.owners;
        Ok(four.len() + six.len())
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
    renamed: Vec<bool>,
    /// Whether any number has another name now, or none.
    any_renamed: bool,
}

impl<'a> Named<'a> {
    fn of(before: &'a [OwnerHash], now: &'a [OwnerHash]) -> Named<'a> {
        let renamed: Vec<bool> =
            now.iter().enumerate().map(|(number, name)| before.get(number) != Some(name)).collect();
        let any_renamed = now.len() < before.len() || renamed.contains(&true);
        Named { before, now, renamed, any_renamed }
    }

    /// What is to be changed. Sorts `now` if need be; refuses a prefix that stands twice or belongs to nobody.
    fn changes<K: Address>(&self, before: &[Entry<K>], now: &mut [Entry<K>]) -> Result<Vec<Change<K>>, BuildError> {
        let renamed = |entry: &Entry<K>| self.renamed.get(owner(entry.value)).copied().unwrap_or(true);
        let same = |a: &Entry<K>, b: &Entry<K>| a.value == b.value && !(self.any_renamed && renamed(b));
        let changes = match table::changes(before, now, same) {
            Some(changes) => changes,
            None => {
                now.sort_unstable();
                table::changes(before, now, same).ok_or_else(|| twice(now))?
            }
        };
        // All others belong to whom they belonged before.
        let nobody = |entry: &&Entry<K>| owner(entry.value) >= self.now.len();
        match changes.iter().filter_map(|change| change.now.as_ref()).find(nobody) {
            Some(entry) => Err(BuildError::Owner { prefix: entry.start.net(entry.length), owner: owner(entry.value) }),
            None => Ok(changes),
        }
    }

    fn apply<K: Address>(&self, kept: &mut Kept<K>, changes: &[Change<K>], now: Vec<Entry<K>>, digest: &mut Digest) {
        for Change { before, now } in changes {
            if let Some(entry) = before {
                digest.remove(entry_item(entry, self.before));
            }
            if let Some(entry) = now {
                digest.add(entry_item(entry, self.now));
            }
        }
        table::apply(&mut kept.build, changes, &now);
        kept.prefixes = now;
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

/// Of sorted prefixes the one that stands twice.
fn twice<K: Address>(sorted: &[Entry<K>]) -> BuildError {
    let mut pairs = sorted.iter().zip(sorted.iter().skip(1));
    let found = pairs.find(|(a, b)| (a.start, a.length) == (b.start, b.length));
    let (start, length) = found.map_or((K::ZERO, 0), |(entry, _)| (entry.start, entry.length));
    BuildError::Twice { prefix: start.net(length) }
}

/// The pool number in a value; one that no pool has for 0.
fn owner(value: u32) -> usize {
    (value & format::SOURCE_POOL_MASK).checked_sub(1).map_or(usize::MAX, |pool| pool as usize)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn sources(prefixes: &[(u32, u8, u16)], six: bool, names: &[u8]) -> Sources {
        let cut = |start: u32, length: u8| start & !u32::MAX.checked_shr(length.into()).unwrap_or(0);
        let four = prefixes.iter().map(|(start, length, pool)| Entry {
            start: cut(*start, *length),
            length: *length,
            value: source_value(*pool, *length),
        });
        let four: Vec<Entry<u32>> = four.collect();
        let wide = |one: &Entry<u32>| Entry { start: u128::from(one.start), length: 96 + one.length, value: one.value };
        let six = if six { four.iter().map(wide).collect() } else { Vec::new() };
        Sources { four, six, owners: names.iter().map(|name| OwnerHash::of(&name.to_string())).collect() }
    }

    /// All that is found, and the digest.
    fn content(tables: &SourceTables) -> (Vec<u32>, Vec<u32>, u128) {
        let four = (0..80).map(|key| table::find::<u32>(&tables.four(), key));
        let six = (0..80).map(|key| table::find::<u128>(&tables.six(), key));
        (four.collect(), six.collect(), tables.digest().with_parameters(0))
    }

    #[test]
    fn a_prefix_whose_pool_is_gone_is_refused_though_it_is_as_before() {
        let prefixes = [(1, 32, 0), (2, 32, 1)];
        let mut tables = SourceTables::default();
        assert_eq!(tables.update(sources(&prefixes, true, &[7, 8])).unwrap(), 4);
        let before = content(&tables);
        let refused = tables.update(sources(&prefixes, true, &[7])).unwrap_err();
        assert!(matches!(refused, BuildError::Owner { owner: 1, .. }));
        assert_eq!(content(&tables), before);
        assert_eq!(tables.update(sources(&prefixes, true, &[7, 8])).unwrap(), 0);
        assert_eq!(tables.update(sources(&prefixes, true, &[7, 9])).unwrap(), 2, "another's now");
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        /// Policies one behind the other in tables that are kept, and each in tables of its own: sorted or not, with prefixes that
        /// stand twice, pools that are gone, and pools under another name.
        #[test]
        fn what_is_kept_is_what_is_built_anew(
            steps in prop::collection::vec((
                prop::collection::btree_map((0u32..64, 28u8..=32), 0u16..4, 0..50),
                prop::collection::vec((0u32..64, 28u8..=32, 0u16..5), 0..3),
                any::<bool>(),
                Just((0..5u8).collect::<Vec<u8>>()).prop_shuffle(),
                3usize..=5,
            ), 1..8),
        ) {
            let mut kept = SourceTables::default();
            for (prefixes, more, six, names, count) in steps {
                let mut all: Vec<(u32, u8, u16)> =
                    prefixes.into_iter().map(|((start, length), pool)| (start, length, pool)).collect();
                // Most of these would stand twice: host bits are cut.
                all.retain(|(start, length, _)| start & u32::MAX.checked_shr((*length).into()).unwrap_or(0) == 0);
                all.extend(more);
                let names = if names.first() < Some(&3) { (0..5).collect() } else { names };
                let now = || sources(&all, six, names.get(..count).unwrap_or_default());
                let (before, mut anew) = (content(&kept), SourceTables::default());
                match (kept.update(now()), anew.update(now())) {
                    (Ok(_), Ok(_)) => prop_assert_eq!(content(&kept), content(&anew)),
                    (Err(one), Err(other)) => {
                        prop_assert_eq!(std::mem::discriminant(&one), std::mem::discriminant(&other));
                        prop_assert_eq!(content(&kept), before);
                    }
                    (one, other) => prop_assert!(false, "{:?} {:?}", one, other),
                }
            }
        }
    }
}
