//! What an IPv6 look-up costs in each form, on pools with scattered exemptions: `lookup6 [KEYS [ROUNDS]]`, keys in all
//! and rounds; nanoseconds a key, the best round, and what one prefix more or less costs the build. With few keys
//! everything is in the nearest cache, which shows the instructions; the scalar form's are counted by
//! `valgrind --tool=callgrind --toggle-collect='*all_scalar*'`. (gate25-bench compares with others.)

use std::hint::black_box;
use std::time::Instant;

use gate25_include::memfd::{Pages, SealedMap, seal_copy};
use gate25_include::table::Entry;
use gate25_include::table::six::{Build, Form, find_burst_as};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut numbers = std::env::args().skip(1).map(|text| text.parse::<usize>());
    let count = numbers.next().transpose()?.unwrap_or(1 << 21);
    let rounds = numbers.next().transpose()?.unwrap_or(5);
    let (entries, keys) = workload(count.next_multiple_of(64));
    let start = Instant::now();
    let mut build = Build::from_sorted(&entries);
    println!("{} prefixes built in {:.1?}: {} bytes", entries.len(), start.elapsed(), build.words().len() * 4);
    change(&mut build, &entries);
    let map = SealedMap::open(seal_copy(build.words(), Pages::PreferHuge)?)?;
    let repeat = ((1 << 20) / keys.len()).max(1);
    for form in Form::all() {
        let mut best = f64::MAX;
        for _ in 0..rounds {
            let start = Instant::now();
            for _ in 0..repeat {
                match form {
                    Form::Scalar => all_scalar(map.words(), &keys),
                    _ => all(*form, map.words(), &keys),
                }
            }
            best = best.min(start.elapsed().as_nanos() as f64 / (repeat * keys.len()) as f64);
        }
        println!("{form:?}: {best:.2} ns a key, {} keys", keys.len());
    }
    Ok(())
}

#[inline(never)]
fn all_scalar(table: &[u32], keys: &[u128]) {
    all(Form::Scalar, table, keys);
}

#[inline]
fn all(form: Form, table: &[u32], keys: &[u128]) {
    let mut found = [0; 64];
    for burst in keys.chunks(64) {
        find_burst_as(form, table, black_box(burst), &mut found);
        black_box(&mut found);
    }
}

/// One prefix less and more, all over the table (cold) and the same few again and again (warm).
fn change(build: &mut Build, entries: &[Entry<u128>]) {
    for (what, different, times) in [("cold", 20_000, 1), ("warm", 200, 50)] {
        let mut taken: Vec<u128> = Vec::new();
        for entry in entries.iter().cycle().step_by(7_919).take(different) {
            for _ in 0..times {
                let start = Instant::now();
                build.remove(entry.start, entry.length);
                taken.push(start.elapsed().as_nanos());
                let start = Instant::now();
                build.insert(entry.start, entry.length, entry.value);
                taken.push(start.elapsed().as_nanos());
            }
        }
        taken.sort_unstable();
        let at = |share: usize| taken[(taken.len() - 1) * share / 100];
        println!("one prefix more or less, {what}: p50 {} ns, p99 {} ns", at(50), at(99));
    }
}

/// 500 pools of /32 to /40, 1,000 exempted /56 and /64 in each, and keys uniform in the pools.
fn workload(count: usize) -> (Vec<Entry<u128>>, Vec<u128>) {
    let mut state = 1u64;
    let mut random = move || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        u128::from(state >> 32)
    };
    let mut wide = move || random() << 96 | random() << 64 | random() << 32 | random();
    let mask = |length: u8| !(u128::MAX >> length);
    let pool = |n: u32| (u128::from(0x2a00_0000 + n * 0x51_0007 % 0x100_0000) << 96, 32 + (n % 9) as u8);
    let mut entries = Vec::new();
    for number in 0..500 {
        let (start, length) = pool(number);
        entries.push(Entry { start, length, value: 1 + number });
        for n in 0..1_000 {
            let longer = if n % 2 == 0 { 56 } else { 64 };
            entries.push(Entry {
                start: (start | wide() >> length) & mask(longer),
                length: longer,
                value: 501 + n % 20,
            });
        }
    }
    entries.sort_unstable();
    entries.dedup_by_key(|entry| (entry.start, entry.length));
    // A pool is met as often as it is large.
    let room: Vec<u32> = (0..500).flat_map(|n| std::iter::repeat_n(n, 1 << (40 - pool(n).1))).collect();
    let key = |at: u128| {
        let (start, length) = pool(room[(at >> 100) as usize % room.len()]);
        start | at << 32 >> length
    };
    (entries, (0..count).map(|_| key(wide())).collect())
}
