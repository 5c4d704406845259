//! What an IPv4 look-up costs in each form, on pools with scattered exemptions: `lookup4 [KEYS [ROUNDS]]`, keys in
//! all and rounds; nanoseconds a key, the best round. With few keys everything is in the nearest cache, which shows the
//! instructions; `valgrind --tool=callgrind` counts them. (gate25-bench compares with others.)

use std::hint::black_box;
use std::time::Instant;

use gate25_include::memfd::{Pages, SealedMap, seal_copy};
use gate25_include::table::Entry;
use gate25_include::table::four::{Build, Form, find_burst_as};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut numbers = std::env::args().skip(1).map(|text| text.parse::<usize>());
    let count = numbers.next().transpose()?.unwrap_or(1 << 22);
    let rounds = numbers.next().transpose()?.unwrap_or(5);
    let (entries, keys) = workload(count);
    let start = Instant::now();
    let mut build = Build::from_sorted(&entries);
    println!("{} prefixes built in {:.1?}: {} bytes", entries.len(), start.elapsed(), build.words().len() * 4);
    change(&mut build, &keys);
    let map = SealedMap::open(seal_copy(build.words(), Pages::PreferHuge)?)?;
    let mut best = vec![f64::MAX; Form::all().count()];
    for _ in 0..rounds {
        for (form, best) in Form::all().zip(&mut best) {
            let start = Instant::now();
            let repeat = ((1 << 20) / count).max(1);
            for _ in 0..repeat {
                all(form, map.words(), &keys);
            }
            *best = best.min(start.elapsed().as_nanos() as f64 / (repeat * keys.len()) as f64);
        }
    }
    Form::all().zip(best).for_each(|(form, best)| println!("{form:?}: {best:.2} ns a key"));
    Ok(())
}

#[inline(never)]
fn all(form: Form, table: &[u32], keys: &[u32]) {
    let mut found = [0; 32];
    for burst in keys.chunks(32) {
        find_burst_as(form, table, black_box(burst), &mut found);
        black_box(&mut found);
    }
}

/// One line more and one less, at places of the keys.
fn change(build: &mut Build, keys: &[u32]) {
    let mut times: Vec<u128> = Vec::new();
    for key in keys.iter().step_by(97).take(20_000) {
        let start = Instant::now();
        let old = build.insert(*key, 32, 77);
        times.push(start.elapsed().as_nanos());
        if old.is_none() {
            let start = Instant::now();
            build.remove(*key, 32);
            times.push(start.elapsed().as_nanos());
        }
    }
    times.sort_unstable();
    let at = |share: usize| times[(times.len() - 1) * share / 1000];
    println!("one /32 more or less: p50 {} ns, p99 {} ns, p99.9 {} ns", at(500), at(990), at(999));
}

/// 2,000 pools of /20 to /24 in 40 blocks, one in 16 addresses exempted, and keys in them.
fn workload(count: usize) -> (Vec<Entry<u32>>, Vec<u32>) {
    let mut state = 1u64;
    let mut random = move |end: u64| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        ((state >> 33) * end) >> 31
    };
    let mut entries = Vec::new();
    for pool in 0..2000u32 {
        let length = 20 + random(5) as u8 - if random(4) == 0 { 2 } else { 0 };
        let start = (0x0a00_0000 + ((pool / 50) << 19)) + (pool % 50) * 0x2000;
        entries.push(Entry {
            start: start & !(u32::MAX >> length),
            length,
            value: (1 + pool) | u32::from(length) << 16,
        });
    }
    entries.sort_unstable();
    entries.dedup_by_key(|entry| (entry.start, entry.length));
    let pools = entries.clone();
    let total: u64 = pools.iter().map(|pool| 1u64 << (32 - pool.length)).sum();
    for pool in &pools {
        for _ in 0..500_000 * (1u64 << (32 - pool.length)) / total {
            let start = pool.start | random(1 << (32 - pool.length)) as u32;
            entries.push(Entry { start, length: 32, value: (2001 + start % 20) | 32 << 16 });
        }
    }
    entries.sort_unstable();
    entries.dedup_by_key(|entry| (entry.start, entry.length));
    let spans: Vec<u32> =
        pools.iter().flat_map(|pool| (0..1u32 << (24 - pool.length.min(24))).map(|n| pool.start + (n << 8))).collect();
    let keys = (0..count).map(|_| spans[random(spans.len() as u64) as usize] | random(256) as u32).collect();
    (entries, keys)
}
