//! The policies of `bench path` as images: pools in stage enforce, and exempted lines inside of them.
//!
//! A has 2,000 pools (1,500 IPv4 of /16 to /24, 500 IPv6 of /32 to /40), B 500,000 exempted /32 besides.

use std::net::{Ipv4Addr, Ipv6Addr};

use gate25_include::image::{Action, BuildError, ImageBuilder, Kind, Match, Pool, Stage, Undetermined};
use ipnet::{Ipv4Net, Ipv6Net};

use crate::random::Random;
use crate::workload::{Prefix, host_bits};

/// Pools, and lines exempted inside of them.
#[derive(Clone, Debug)]
pub struct Policy {
    /// `A`, `B`, or the number of its prefixes.
    pub name: String,
    /// IPv4 pools; the owner is the pool's number.
    pub four: Vec<Prefix<u32>>,
    /// IPv6 pools.
    pub six: Vec<Prefix<u128>>,
    /// Exempted IPv4 lines, in order, none twice.
    pub exempt: Vec<u32>,
}

impl Policy {
    /// 2,000 pools.
    pub fn a() -> Policy {
        Policy::of("A", POOLS4 + POOLS6, 0)
    }

    /// A, and 500,000 exemptions.
    pub fn b() -> Policy {
        Policy::of("B", POOLS4 + POOLS6, 500_000)
    }

    /// A policy of `prefixes` prefixes in all: up to 2,000 pools, the rest exemptions.
    pub fn sized(prefixes: usize) -> Policy {
        let pools = prefixes.clamp(8, POOLS4 + POOLS6);
        Policy::of(&prefixes.to_string(), pools, prefixes.saturating_sub(pools))
    }

    fn of(name: &str, pools: usize, lines: usize) -> Policy {
        let mut random = Random::new(25);
        let four = crate::workload::four::pools(pools * POOLS4 / (POOLS4 + POOLS6), &mut random);
        let six = crate::workload::six::pools(pools - four.len(), &mut random);
        let (inside, elsewhere) = (Space::of(&four), Space::of(&[ELSEWHERE]));
        // Half of the pools' lines at most: more would be all of them, and then none is left to draw.
        let most = lines.min((inside.size() / 2) as usize);
        let mut exempt = inside.distinct(most, &mut random);
        exempt.extend(elsewhere.distinct(lines - most, &mut random));
        exempt.sort_unstable();
        Policy { name: name.to_owned(), four, six, exempt }
    }

    /// The policy as an image of this generation.
    ///
    /// # Errors
    /// A limit of images is passed.
    pub fn image(&self, generation: u64) -> Result<Vec<u32>, BuildError> {
        let mut builder = ImageBuilder::new();
        for (number, prefix) in self.four.iter().enumerate() {
            let pool = builder.pool(&pool(&format!("four-{number}"), number))?;
            builder.source(net4(prefix.start, prefix.length), pool)?;
        }
        for (number, prefix) in self.six.iter().enumerate() {
            let slot = self.four.len() + number;
            let pool = builder.pool(&pool(&format!("six-{number}"), slot))?;
            builder.source(net6(prefix.start, prefix.length), pool)?;
        }
        let slot = self.four.len() + self.six.len();
        let exempt = builder.pool(&Pool { kind: Kind::Exempt, ..pool("static", slot) })?;
        for line in &self.exempt {
            builder.source(net4(*line, 32), exempt)?;
        }
        builder.finish(generation)
    }

    /// An address in an IPv4 pool, uniform over pools.
    pub fn source4(&self, random: &mut Random) -> u32 {
        let pool = self.four.get(random.below(self.four.len() as u64) as usize);
        pool.map_or(0, |pool| pool.start | (random.bits() as u32 & host_bits::<u32>(pool.length) as u32))
    }

    /// An address in an IPv6 pool, uniform over pools.
    pub fn source6(&self, random: &mut Random) -> u128 {
        let pool = self.six.get(random.below(self.six.len() as u64) as usize);
        pool.map_or(0, |pool| pool.start | (random.wide() & host_bits::<u128>(pool.length)))
    }
}

/// The addresses of prefixes that do not overlap.
struct Space<'a> {
    prefixes: &'a [Prefix<u32>],
    /// Addresses up to the end of each prefix.
    ends: Vec<u64>,
}

impl Space<'_> {
    fn of(prefixes: &[Prefix<u32>]) -> Space<'_> {
        let mut end = 0;
        let ends = prefixes.iter().map(|prefix| {
            end += 1_u64 << (32 - prefix.length);
            end
        });
        Space { prefixes, ends: ends.collect() }
    }

    fn size(&self) -> u64 {
        self.ends.last().copied().unwrap_or(0)
    }

    /// So many addresses, none twice, in order, each set of them alike. No more than half of all.
    fn distinct(&self, count: usize, random: &mut Random) -> Vec<u32> {
        let mut addresses = Vec::new();
        while addresses.len() < count {
            addresses.extend((addresses.len()..count).map(|_| self.address(random.below(self.size()))));
            addresses.sort_unstable();
            addresses.dedup();
        }
        addresses
    }

    fn address(&self, at: u64) -> u32 {
        let index = self.ends.partition_point(|end| *end <= at);
        let before = index.checked_sub(1).and_then(|index| self.ends.get(index)).copied().unwrap_or(0);
        self.prefixes.get(index).map_or(0, |prefix| prefix.start + (at - before) as u32)
    }
}

fn pool(name: &str, slot: usize) -> Pool<'_> {
    Pool {
        kind: Kind::Pool,
        stage: Stage::Enforce,
        action: Action::Drop,
        matching: Match::Syn,
        return_traffic: false,
        undetermined: Undetermined::Drop,
        share: 100,
        line_prefix: 64,
        allow: 0,
        only: None,
        counter_slot: slot as u32,
        name,
    }
}

fn net4(start: u32, length: u8) -> ipnet::IpNet {
    Ipv4Net::new_assert(Ipv4Addr::from_bits(start), length).into()
}

fn net6(start: u128, length: u8) -> ipnet::IpNet {
    Ipv6Net::new_assert(Ipv6Addr::from_bits(start), length).into()
}

/// Above all pools, for exemptions beyond what these have room for.
const ELSEWHERE: Prefix<u32> = Prefix { start: 0xf000_0000, length: 7, owner: 0 };
const POOLS4: usize = 1_500;
const POOLS6: usize = 500;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_policy_has_as_many_exemptions_as_asked_for_and_none_twice() {
        // Eight pools have far less room than that.
        for lines in [0, 100, 300_000] {
            let policy = Policy::of("test", 8, lines);
            assert_eq!((policy.four.len() + policy.six.len(), policy.exempt.len()), (8, lines));
            assert!(policy.exempt.is_sorted_by(|one, next| one < next));
        }
    }

    #[test]
    fn lines_are_drawn_from_pools_while_there_is_room() {
        let policy = Policy::of("test", 2_000, 50_000);
        let inside =
            |line: &u32| policy.four.iter().any(|pool| line & !(host_bits::<u32>(pool.length) as u32) == pool.start);
        assert!(policy.exempt.iter().all(inside));
    }
}
