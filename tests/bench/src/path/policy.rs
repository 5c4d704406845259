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
        let mut exempt = Vec::new();
        while exempt.len() < lines {
            exempt.extend((exempt.len()..lines).map(|_| inside4(&four, &mut random)));
            exempt.sort_unstable();
            exempt.dedup();
        }
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

/// An address in one of `pools`, uniform over their addresses.
fn inside4(pools: &[Prefix<u32>], random: &mut Random) -> u32 {
    let size = |prefix: &Prefix<u32>| 1u64 << (32 - prefix.length);
    let mut at = random.below(pools.iter().map(size).sum());
    for pool in pools {
        if at < size(pool) {
            return pool.start + at as u32;
        }
        at -= size(pool);
    }
    0
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

const POOLS4: usize = 1_500;
const POOLS6: usize = 500;
