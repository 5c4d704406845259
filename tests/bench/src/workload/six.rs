//! IPv6 workloads.

use std::collections::HashSet;

use super::{Prefix, Size, Workload, covered, host_bits, in_order, inside};
use crate::random::Random;

/// W6: 200,000 prefixes with the lengths of the global BGP table, nothing longer than /48: allocations out of
/// the registries' blocks, and longer prefixes inside of them, more in some than in others. 2,000 pools.
pub fn w6(size: Size) -> Workload<u128> {
    let mut random = Random::new(6);
    let target = size.of(200_000);
    let allocations: Vec<u128> = (0..size.of(60_000)).map(|_| allocation(&mut random)).collect();
    let mut seen = HashSet::new();
    let mut prefixes = Vec::with_capacity(target);
    while prefixes.len() < target {
        let length = BGP6[random.weighted(&BGP6.map(|(_, share)| share))].0;
        let skewed = random.unit();
        let allocation = allocations[(skewed * skewed * allocations.len() as f64) as usize];
        let start = (allocation | random.wide() >> 32) & !host_bits::<u128>(length);
        if seen.insert((start, length)) {
            prefixes.push(Prefix { start, length, owner: random.below(POOLS) as u16 });
        }
    }
    in_order(&mut prefixes);
    let keys = inside(&prefixes, size.of(KEYS), &mut random);
    Workload { name: "W6", prefixes, owners: POOLS as u16, keys }
}

/// W7: 500 pools and 500,000 exemptions, half of them /56 and half /64; keys uniform in the pools.
pub fn w7(size: Size) -> Workload<u128> {
    let mut random = Random::new(7);
    let pools = pools(500, &mut random);
    let target = size.of(500_000);
    let mut seen = HashSet::new();
    let mut prefixes = pools.clone();
    while seen.len() < target {
        let pool = pools[random.below(pools.len() as u64) as usize];
        let length = if random.bits() & 1 == 0 { 56 } else { 64 };
        let address = pool.start | (random.wide() & host_bits::<u128>(pool.length));
        let start = address & !host_bits::<u128>(length);
        if seen.insert((start, length)) {
            prefixes.push(Prefix { start, length, owner: 500 + random.below(LISTS) as u16 });
        }
    }
    in_order(&mut prefixes);
    let keys = covered(&pools, size.of(KEYS), &mut random);
    Workload { name: "W7", prefixes, owners: 500 + LISTS as u16, keys }
}

/// Pools of /32 to /40 that do not overlap, in ten blocks of a /24.
pub fn pools(count: usize, random: &mut Random) -> Vec<Prefix<u128>> {
    let blocks: Vec<u128> = (0..10).map(|_| allocation(random) >> 104).collect();
    let mut taken: HashSet<u128> = HashSet::new();
    let mut pools = Vec::with_capacity(count);
    while pools.len() < count {
        let length = 32 + random.below(9) as u8;
        let block = blocks[random.below(blocks.len() as u64) as usize];
        let start = (block << 104 | random.wide() >> 24) & !host_bits::<u128>(length);
        let forties = (start >> 88)..(start >> 88) + (1 << (40 - length));
        if forties.clone().any(|one| taken.contains(&one)) {
            continue;
        }
        taken.extend(forties);
        pools.push(Prefix { start, length, owner: pools.len() as u16 });
    }
    in_order(&mut pools);
    pools
}

/// A /32 out of one of the registries' blocks.
fn allocation(random: &mut Random) -> u128 {
    let (block, length) = REGISTRIES[random.below(REGISTRIES.len() as u64) as usize];
    let start = block << 96;
    start | (random.wide() & host_bits::<u128>(length) & !host_bits::<u128>(32))
}

const POOLS: u64 = 2_000;
/// Exemption lists.
const LISTS: u64 = 20;
const KEYS: usize = 2 << 20;
/// What the registries allocate from, by IANA's list.
const REGISTRIES: [(u128, u8); 6] =
    [(0x2001_0000, 16), (0x2400_0000, 12), (0x2600_0000, 12), (0x2800_0000, 12), (0x2a00_0000, 12), (0x2c00_0000, 12)];
/// Length and prefixes in a thousand, rounded: the shares that route collectors show for the IPv6 table.
const BGP6: [(u8, u32); 19] = [
    (20, 1),
    (24, 1),
    (28, 3),
    (29, 30),
    (30, 5),
    (31, 3),
    (32, 130),
    (33, 20),
    (34, 15),
    (35, 10),
    (36, 50),
    (38, 10),
    (40, 95),
    (42, 15),
    (44, 105),
    (45, 9),
    (46, 22),
    (47, 14),
    (48, 462),
];
