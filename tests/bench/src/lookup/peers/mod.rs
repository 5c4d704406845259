//! DPDK's look-ups as subjects. A peer that refuses a prefix, or takes longer to build than `--build-limit`, gets
//! a row that says so instead of figures.

pub(super) mod four;
pub(super) mod six;

use std::time::{Duration, Instant};

use dpdk_sys::peers::Eal;

use super::Options;
use crate::machine::Pages;
use crate::workload::{Address, Prefix};

/// EAL on this CPU, with `megabytes` for tables.
pub(super) fn start(cpu: usize, pages: Pages, megabytes: usize) -> Result<Eal, String> {
    let (lcores, megabytes) = (format!("0@{cpu}"), megabytes.to_string());
    let mut arguments = vec!["gate25-bench", "--no-pci", "--no-telemetry", "--lcores", &lcores];
    arguments.extend(["--force-max-simd-bitwidth=512", "--log-level=*:error"]);
    match pages {
        Pages::Huge => arguments.push("--in-memory"),
        Pages::Ordinary => arguments.extend(["--no-huge", "--no-shconf", "-m", &megabytes]),
    }
    Eal::start(&arguments)
}

/// Adds all prefixes, next hop = owner + 1; gives the seconds it took.
fn fill<A: Address>(
    options: &Options,
    prefixes: &[Prefix<A>],
    mut add: impl FnMut(&Prefix<A>, u32) -> Result<(), String>,
) -> Result<f64, String> {
    let (start, limit) = (Instant::now(), Duration::from_secs(options.build_limit));
    for (index, prefix) in prefixes.iter().enumerate() {
        if index % 256 == 0 && start.elapsed() > limit {
            return Err(format!("{index} of {} prefixes after {} s: given up", prefixes.len(), options.build_limit));
        }
        add(prefix, u32::from(prefix.owner) + 1)
            .map_err(|error| format!("{error} at prefix {index} of {}", prefixes.len()))?;
    }
    Ok(start.elapsed().as_secs_f64())
}

/// How many nodes of 256 addresses at `bits` and every 8 bits deeper these sorted prefixes need.
fn nodes<A: Address>(prefixes: &[Prefix<A>], bits: u8) -> u32 {
    let levels = (bits..A::BITS).step_by(8);
    let level = |bits: u8| {
        let shift = u32::from(A::BITS - bits);
        let longer = prefixes.iter().filter(move |prefix| prefix.length > bits);
        let mut before = None;
        longer
            .filter(|prefix| before.replace(prefix.start.wide() >> shift) != Some(prefix.start.wide() >> shift))
            .count()
    };
    levels.map(level).sum::<usize>() as u32
}

/// How many nodes rte_fib6 of DPDK 22.11 reserves: for each prefix those between it and the prefix around it, also where
/// neighbours share them.
fn reserved<A: Address>(prefixes: &[Prefix<A>]) -> u32 {
    let mut open: Vec<Prefix<A>> = Vec::new();
    let level = |length: u8| u32::from(length.max(24).div_ceil(8));
    let mut sum = 0;
    for prefix in prefixes {
        while open.last().is_some_and(|around| around.last() < prefix.start) {
            open.pop();
        }
        sum += level(prefix.length) - level(open.last().map_or(0, |around| around.length));
        open.push(*prefix);
    }
    sum
}

/// Bytes of a table with an entry of `size` bytes for each /24 and `nodes` nodes of 256 such entries.
fn table_bytes(size: u64, nodes: u32) -> u64 {
    size * ((1 << 24) + 256 * u64::from(nodes))
}
