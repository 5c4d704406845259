//! What the stages of a commit cost in one process, on the IPv4 policy of `bench commit`: `commit4 [PREFIXES [CHANGES [ROUNDS]]]`.
//! The same lines go and come back; milliseconds of each stage, the best round and the median.
//! `valgrind --tool=callgrind --toggle-collect='commit4::update'` (`assemble`, `seal`, `open`, `single`) counts one stage's instructions.

use std::hint::black_box;
use std::os::fd::OwnedFd;
use std::time::Instant;

use gate25_include::image::{Action, Kind, Match, Pool, Stage, Undetermined};
use gate25_include::image::{Assembly, Image, ImageBuilder, OwnerHash, SourceTables, Sources, source_value};
use gate25_include::memfd::Pages;
use gate25_include::table::Entry;
use gate25_include::table::four::Build;

#[path = "../../tests/bench/src/random.rs"]
#[allow(dead_code, unreachable_pub)]
mod random;
#[path = "../../tests/bench/src/workload/mod.rs"]
#[allow(dead_code, unreachable_pub)]
mod workload;

/// A stage's name and what it took, in milliseconds.
type Times = Vec<(&'static str, Vec<f64>)>;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut numbers = std::env::args().skip(1).map(|text| text.parse::<usize>());
    let mut next = |default| numbers.next().transpose().map(|number| number.unwrap_or(default));
    let (prefixes, changes, rounds) = (next(500_000)?, next(1)?, next(31)?);
    let (prefixes, owners) = workload::four::policy(prefixes, 4);
    let names: Vec<String> = (0..owners).map(|owner| format!("pool-{owner:05}")).collect();
    let value = |prefix: &workload::Prefix<u32>| source_value(prefix.owner, prefix.length);
    let all: Vec<Entry<u32>> =
        prefixes.iter().map(|one| Entry { start: one.start, length: one.length, value: value(one) }).collect();
    let lines: Vec<Entry<u32>> = all.iter().copied().filter(|entry| entry.length == 32).collect();
    let moved: Vec<Entry<u32>> = lines.iter().copied().step_by(lines.len() / changes).take(changes).collect();
    let rest: Vec<Entry<u32>> = all.iter().copied().filter(|entry| !moved.contains(entry)).collect();
    let hashes: Vec<OwnerHash> = names.iter().map(|name| OwnerHash::of(name)).collect();
    let (mut build, mut tables, mut times) = (Build::from_sorted(&all), SourceTables::default(), Times::new());
    update(&mut tables, Sources { four: all.clone(), six: Vec::new(), owners: hashes.clone() })?;
    for round in 0..rounds as u64 {
        let present = round % 2 == 1;
        let four = if present { &all } else { &rest }.clone();
        let sources = Sources { four, six: Vec::new(), owners: hashes.clone() };
        timed(&mut times, "single changes", || single(&mut build, &moved, present));
        timed(&mut times, "update", || update(&mut tables, sources))?;
        let assembly = timed(&mut times, "assemble", || assemble(&tables, &names, round + 1))?;
        let fd = timed(&mut times, "copy and seal", || seal(&assembly))?;
        let image = timed(&mut times, "open", || open(fd))?;
        timed(&mut times, "close", || drop(black_box(image)));
    }
    for (stage, mut times) in times {
        times.sort_unstable_by(f64::total_cmp);
        println!("{stage}: best {:.4} ms, median {:.4} ms", times[0], times[times.len() / 2]);
    }
    Ok(())
}

fn timed<T>(times: &mut Times, stage: &'static str, run: impl FnOnce() -> T) -> T {
    let start = Instant::now();
    let result = run();
    let taken = start.elapsed().as_secs_f64() * 1e3;
    match times.iter_mut().find(|(name, _)| *name == stage) {
        Some((_, times)) => times.push(taken),
        None => times.push((stage, vec![taken])),
    }
    result
}

#[inline(never)]
fn single(build: &mut Build, moved: &[Entry<u32>], present: bool) {
    for entry in moved {
        let _ = match present {
            true => build.insert(entry.start, entry.length, entry.value),
            false => build.remove(entry.start, entry.length),
        };
    }
}

#[inline(never)]
fn update(tables: &mut SourceTables, sources: Sources) -> Result<usize, String> {
    tables.update(sources).map_err(|error| error.to_string())
}

#[inline(never)]
fn assemble<'a>(tables: &'a SourceTables, names: &[String], generation: u64) -> Result<Assembly<'a>, String> {
    let mut builder = ImageBuilder::new();
    for (slot, name) in names.iter().enumerate() {
        builder.pool(&pool(name, slot as u32)).map_err(|error| error.to_string())?;
    }
    builder.finish_with(tables, generation).map_err(|error| error.to_string())
}

#[inline(never)]
fn seal(assembly: &Assembly<'_>) -> Result<OwnedFd, String> {
    assembly.seal(Pages::PreferHuge).map_err(|error| error.to_string())
}

#[inline(never)]
fn open(fd: OwnedFd) -> Result<Image, String> {
    Image::open(fd).map_err(|error| error.to_string())
}

fn pool(name: &str, counter_slot: u32) -> Pool<'_> {
    Pool {
        kind: Kind::Pool,
        stage: Stage::Enforce,
        action: Action::Drop,
        matching: Match::Syn,
        return_traffic: false,
        undetermined: Undetermined::Pass,
        share: 100,
        line_prefix: 64,
        allow: 0,
        only: None,
        counter_slot,
        name,
    }
}
