//! IPv4 workloads.

use std::collections::{HashMap, HashSet};

use super::{Prefix, Size, Workload, covered, host_bits, in_order, zipf};
use crate::random::Random;

/// W1: 1.0 M prefixes with the lengths of the global BGP table, nothing longer than /24; the /16 they lie in are
/// drawn so that some are full and many are not. They belong to 2,000 pools as prefixes of that table belong to networks:
/// a network announces neighbours, `NEIGHBOURS` of one length on average, and half of what lies inside another prefix
/// belongs to the same pool as that. So aggregation by owner would leave about half of the table, as it would of the real
/// one (Weekly Routing Table Report, 2009-08-01: 292,961 entries, 145,391 aggregates); without any of this it could
/// take away nothing. Keys are uniform over covered space.
pub fn w1(size: Size) -> Workload<u32> {
    let mut random = Random::new(1);
    let blocks = spread(&mut random);
    let mut owners: HashMap<(u32, u8), u16> = HashMap::new();
    for (length, share) in (8..).zip(BGP4) {
        let end = if length == 24 { size.of(1_000_000) } else { owners.len() + size.of(share as usize) };
        while owners.len() < end {
            let skewed = random.unit();
            let block = blocks[(skewed * skewed * blocks.len() as f64) as usize];
            let address = u32::from(block) << 16 | random.below(1 << 16) as u32;
            announce(&mut owners, address, length, end, &mut random);
        }
    }
    let mut prefixes: Vec<_> =
        owners.into_iter().map(|((start, length), owner)| Prefix { start, length, owner }).collect();
    in_order(&mut prefixes);
    let keys = covered(&prefixes, size.of(KEYS), &mut random);
    Workload { name: "W1", prefixes, owners: POOLS as u16, keys }
}

/// A network announces prefixes of this length from that of `address` on, inside its /16, until there are `end` in all.
fn announce(owners: &mut HashMap<(u32, u8), u16>, address: u32, length: u8, end: usize, random: &mut Random) {
    let cut = |length: u8| address & !(host_bits::<u32>(length) as u32);
    let around = (8..length).rev().find_map(|length| owners.get(&(cut(length), length)).copied());
    let own = random.below(POOLS) as u16;
    let owner = around.filter(|_| random.below(2) == 0).unwrap_or(own);
    let mut start = cut(length);
    while owners.len() < end {
        owners.entry((start, length)).or_insert(owner);
        start = start.wrapping_add(host_bits::<u32>(length) as u32 + 1);
        if start >> 16 != address >> 16 || random.below(NEIGHBOURS) == 0 {
            return;
        }
    }
}

/// W2: 2,000 pools and 500,000 exempted lines; keys uniform in the pools.
pub fn w2(size: Size) -> Workload<u32> {
    let mut random = Random::new(2);
    let (pools, prefixes, owners) = exempted(2_000, size.of(500_000), &mut random);
    let keys = covered(&pools, size.of(KEYS), &mut random);
    Workload { name: "W2", prefixes, owners, keys }
}

/// W3: the prefixes of W2; keys Zipf(1.0) over 1 M lines, which lie uniformly in the pools.
pub fn w3(size: Size) -> Workload<u32> {
    let mut random = Random::new(2);
    let (pools, prefixes, owners) = exempted(2_000, size.of(500_000), &mut random);
    let lines = covered(&pools, size.of(1_000_000), &mut random);
    let keys = zipf(&lines, size.of(KEYS), &mut random);
    Workload { name: "W3", prefixes, owners, keys }
}

/// A policy of about `prefixes` prefixes in all, as W2 has them: one pool to 250 exempted lines, 20,000 pools at
/// most. Gives the prefixes in order, and how many owners they have.
pub fn policy(prefixes: usize, seed: u64) -> (Vec<Prefix<u32>>, u16) {
    let pools = (prefixes / 250).clamp(4, 20_000);
    let (_, prefixes, owners) = exempted(pools, prefixes.saturating_sub(pools), &mut Random::new(seed));
    (prefixes, owners)
}

/// Pools, and the same with exempted /32 inside, uniform over the pools' addresses. The exemptions belong to
/// [`LISTS`] lists, which are the owners behind the pools.
fn exempted(pools: usize, lines: usize, random: &mut Random) -> (Vec<Prefix<u32>>, Vec<Prefix<u32>>, u16) {
    let pools = self::pools(pools, random);
    let first_list = pools.len() as u64;
    let mut lines_left: Vec<u32> = Vec::new();
    while lines_left.len() < lines {
        lines_left.extend(covered(&pools, lines - lines_left.len(), random));
        lines_left.sort_unstable();
        lines_left.dedup();
    }
    let exempts = lines_left.into_iter().map(|start| {
        let owner = (first_list + random.below(LISTS)) as u16;
        Prefix { start, length: 32, owner }
    });
    let mut all: Vec<_> = pools.iter().copied().chain(exempts).collect();
    in_order(&mut all);
    let owners = pools.len() as u16 + LISTS as u16;
    (pools, all, owners)
}

/// Pools of /16 to /24, mostly small, that do not overlap, in blocks of a /13; 50 pools to a block.
pub fn pools(count: usize, random: &mut Random) -> Vec<Prefix<u32>> {
    let mut blocks = HashSet::new();
    while blocks.len() < count.div_ceil(50) {
        blocks.insert(8 + random.below(223 * 8 - 8) as u32);
    }
    let mut blocks: Vec<u32> = blocks.into_iter().collect();
    blocks.sort_unstable();
    let mut taken: HashSet<u32> = HashSet::new();
    let mut pools = Vec::with_capacity(count);
    while pools.len() < count {
        let length = 16 + random.weighted(&POOL4) as u8;
        let block = blocks[random.below(blocks.len() as u64) as usize];
        let start = block << 19 | (random.below(1 << 19) as u32 & !(host_bits::<u32>(length) as u32));
        let twenty_fours = (start >> 8)..(start >> 8) + (1 << (24 - length));
        if twenty_fours.clone().any(|one| taken.contains(&one)) {
            continue;
        }
        taken.extend(twenty_fours);
        pools.push(Prefix { start, length, owner: pools.len() as u16 });
    }
    in_order(&mut pools);
    pools
}

/// 50,000 of the /16 of 1.0.0.0 to 223.255.255.255, in random order.
fn spread(random: &mut Random) -> Vec<u16> {
    let mut blocks: Vec<u16> = (0x100..0xe000).collect();
    for index in (1..blocks.len()).rev() {
        blocks.swap(index, random.below(index as u64 + 1) as usize);
    }
    blocks.truncate(50_000);
    blocks
}

const POOLS: u64 = 2_000;
/// Prefixes that a network announces side by side, on average, the edges of a /16 apart.
const NEIGHBOURS: u64 = 2;
/// Exemption lists.
const LISTS: u64 = 20;
const KEYS: usize = 4 << 20;
/// Prefixes of /8 to /24 in a million, rounded: the shares that route collectors show for the IPv4 table.
const BGP4: [u32; 17] =
    [16, 13, 40, 100, 300, 580, 1_200, 2_100, 13_500, 8_300, 13_900, 25_300, 45_000, 54_000, 112_000, 103_000, 620_000];
/// Pools of /16 to /24 in a hundred.
const POOL4: [u32; 9] = [1, 2, 4, 8, 15, 16, 24, 14, 16];
