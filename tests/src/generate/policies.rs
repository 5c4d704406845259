//! Random policies: nested prefixes of all lengths, every key of a pool.
//! Never one that control would refuse for a prefix in two places; guard rails are not asked.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::IpNet;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use super::{chance, one};
use crate::golden::{Drop, Policy, Pool, Stage};

/// The policy of a seed. No prefix stands twice where the contract refuses it.
#[must_use]
pub fn policy(seed: u64) -> Policy {
    let rng = &mut StdRng::seed_from_u64(seed);
    let groups = one(rng, &[0, 1, 3, 63]);
    let pools: Vec<Pool> = (0..rng.random_range(1..12)).map(|index| pool(rng, index, groups)).collect();
    let mut sources: Vec<(IpNet, usize)> = Vec::new();
    for prefix in prefixes(rng, 24, 0) {
        sources.push((prefix, rng.random_range(0..pools.len())));
    }
    let mut destinations: Vec<(IpNet, usize)> = Vec::new();
    for group in 0..groups {
        let count = if groups > 3 { 3 } else { 12 };
        destinations.extend(prefixes(rng, count, 0).into_iter().map(|prefix| (prefix, group)));
    }
    let shortest = if chance(rng, 20) { 0 } else { 24 };
    let endpoints = if chance(rng, 10) { Vec::new() } else { prefixes(rng, 10, shortest) };
    Policy { pools, sources, groups, destinations, endpoints }
}

fn pool(rng: &mut StdRng, index: usize, groups: usize) -> Pool {
    if chance(rng, 20) {
        return Pool::exemption(&format!("exempt-{index}"));
    }
    let some_groups = |rng: &mut StdRng| (0..groups).filter(|_| rng.random_ratio(1, 4)).collect::<Vec<_>>();
    Pool {
        stage: one(rng, &[Stage::Off, Stage::Monitor, Stage::Enforce, Stage::Enforce, Stage::Enforce]),
        action: one(rng, &[Drop::Silent, Drop::Reject]),
        match_all: chance(rng, 40),
        allow: some_groups(rng),
        only: chance(rng, 25).then(|| some_groups(rng)),
        share: one(rng, &[0, 1, 37, 50, 99, 100, 100, 100]),
        return_traffic: chance(rng, 80),
        undetermined_pass: chance(rng, 20),
        line_prefix: rng.random_range(32..=128),
        ..Pool::enforce(&format!("pool-{index}"))
    }
}

/// Distinct prefixes of both families around a few addresses, so that they nest.
fn prefixes(rng: &mut StdRng, count: usize, shortest: u8) -> Vec<IpNet> {
    let mut out = BTreeSet::new();
    for _ in 0..count {
        let (address, most) = if chance(rng, 50) {
            (IpAddr::from(Ipv4Addr::from_bits(one(rng, &BASES4) ^ rng.random_range(0..1024))), 32)
        } else {
            (IpAddr::from(Ipv6Addr::from_bits(one(rng, &BASES6) ^ (rng.random_range(0..1024_u128) << 56))), 128)
        };
        let length = match rng.random_range(0..10) {
            0 => rng.random_range(shortest..=most),
            1..=3 => most,
            _ => rng.random_range(most / 2..=most),
        };
        out.insert(IpNet::new(address, length).expect("a length within the family").trunc());
    }
    out.into_iter().collect()
}

const BASES4: [u32; 4] = [0x0a00_0000, 0xcb00_7100, 0xc000_0200, 0x0a01_fe00];
const BASES6: [u128; 3] = [0x2001_0db8_0100 << 80, 0x2001_0db8_ffff << 80, 0];
