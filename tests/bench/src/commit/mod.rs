//! `bench commit`: what a change of the policy costs, from control's private build to the last worker.
//!
//! One gate25-dataplane runs all the time. For each number of prefixes and changes the same lines go and come back, a
//! generation each time; every stage of the way is timed by itself.

mod dataplane;
mod kept;

use std::os::fd::AsFd;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use clap::Args;
use gate25_include::image::Image;
use gate25_include::memfd::Pages;
use serde::Serialize;

use crate::machine;
use crate::report;
use crate::rounds::{Spread, percentile};
use dataplane::Dataplane;
use kept::Kept;

/// Options of `bench commit`.
#[derive(Args, Clone, Debug)]
pub struct Options {
    /// Prefixes of the policy
    #[arg(long, value_delimiter = ',', default_value = "1000,10000,100000,500000,1000000,10000000")]
    pub prefixes: Vec<usize>,
    /// Prefixes that a commit changes
    #[arg(long, value_delimiter = ',', default_value = "1,100,10000")]
    pub changes: Vec<usize>,
    /// Commits of each kind
    #[arg(long, default_value_t = 101)]
    pub rounds: usize,
    /// CPU for this program and the dataplane, whose workers are idle; the highest one unless given
    #[arg(long)]
    pub cpu: Option<usize>,
    /// Workers that have to adopt
    #[arg(long, default_value_t = 2)]
    pub workers: usize,
    /// The dataplane's program; beside this one unless given
    #[arg(long)]
    pub dataplane: Option<PathBuf>,
    /// Write one line of JSON per row to this file
    #[arg(long)]
    pub json: Option<PathBuf>,
}

/// One number of prefixes and changes.
#[derive(Clone, Debug, Serialize)]
struct Row {
    bench: &'static str,
    prefixes: usize,
    changes: usize,
    /// Commits measured.
    commits: usize,
    /// Seconds of the first build, from sorted prefixes.
    build_s: f64,
    /// Microseconds to change all of `changes` in the private build, median and 99th percentile.
    change_us: f64,
    change_us_p99: f64,
    /// Milliseconds to compare all prefixes with the generation before, and to change what differs.
    update_ms: f64,
    /// Milliseconds for pools, names and the digest.
    assemble_ms: f64,
    /// Milliseconds to copy all of it into a fresh memfd, to sum it up, and to seal it.
    copy_and_seal_ms: f64,
    /// Milliseconds to map and check an image, in this process.
    validate_ms: f64,
    /// Milliseconds from its arrival until the last worker ran it, as the dataplane says.
    adopted_ms_p50: f64,
    adopted_ms_p99: f64,
    /// Milliseconds from the change to the answer that every worker runs it.
    commit_ms_p50: f64,
    commit_ms_p99: f64,
    image_bytes: u64,
    /// Resident bytes of this process, which holds two private builds, and of the dataplane, which holds two images.
    bench_bytes: u64,
    dataplane_bytes: u64,
}

/// Measures, prints a table, writes JSON.
///
/// # Errors
/// What is wrong and what to do, in one line.
pub fn run(options: &Options) -> Result<(), String> {
    let beside = || std::env::current_exe().map(|program| program.with_file_name("gate25-dataplane"));
    let program = options.dataplane.clone().map_or_else(beside, Ok).map_err(|error| error.to_string())?;
    let cpu = machine::pin(options.cpu)?;
    let mut dataplane = Dataplane::start(&program, options.workers.max(1), cpu)?;
    let mut generation = 0;
    let mut rows = Vec::new();
    for prefixes in &options.prefixes {
        for changes in options.changes.iter().filter(|changes| *changes * 2 <= *prefixes) {
            rows.push(measure(options, *prefixes, *changes, &mut dataplane, &mut generation)?);
            eprintln!("{prefixes} prefixes, {changes} changes: done");
        }
    }
    println!("{}", table(&rows));
    match &options.json {
        Some(file) => report::write_json(file, &rows).map_err(|error| format!("{}: {error}", file.display())),
        None => Ok(()),
    }
}

/// What each commit took.
#[derive(Default)]
struct Times {
    change: Vec<f64>,
    update: Vec<f64>,
    assemble: Vec<f64>,
    seal: Vec<f64>,
    validate: Vec<f64>,
    adopted: Vec<f64>,
    commit: Vec<f64>,
}

fn measure(
    options: &Options,
    prefixes: usize,
    changes: usize,
    dataplane: &mut Dataplane,
    generation: &mut u64,
) -> Result<Row, String> {
    let (mut kept, built) = Kept::new(prefixes, changes)?;
    // Half a minute for each row at most: 10 M prefixes take most of a second each.
    let (start, limit) = (Instant::now(), Duration::from_secs(30));
    let mut times = Times::default();
    let mut image_bytes = 0;
    // The first commit sends everything for the first time: it warms up and is not counted.
    commit(&mut kept, dataplane, generation, &mut Times::default())?;
    while times.commit.len() < options.rounds.max(1) && (start.elapsed() < limit || times.commit.len() < 5) {
        image_bytes = commit(&mut kept, dataplane, generation, &mut times)?;
    }
    let commits = times.commit.len();
    let p99 = |mut figures: Vec<f64>| percentile(&mut figures, 99.0);
    let p50 = |figures: &Vec<f64>| Spread::of(figures.clone()).median;
    Ok(Row {
        bench: "commit",
        prefixes,
        changes: kept.changes(),
        commits,
        build_s: built.as_secs_f64(),
        change_us: p50(&times.change) * 1e3,
        change_us_p99: p99(times.change) * 1e3,
        update_ms: p50(&times.update),
        assemble_ms: p50(&times.assemble),
        copy_and_seal_ms: p50(&times.seal),
        validate_ms: p50(&times.validate),
        adopted_ms_p50: p50(&times.adopted),
        adopted_ms_p99: p99(times.adopted),
        commit_ms_p50: p50(&times.commit),
        commit_ms_p99: p99(times.commit),
        image_bytes,
        bench_bytes: resident("self"),
        dataplane_bytes: dataplane.resident(),
    })
}

/// One commit from the change to the last worker; gives the image's bytes.
fn commit(kept: &mut Kept, dataplane: &mut Dataplane, generation: &mut u64, times: &mut Times) -> Result<u64, String> {
    *generation += 1;
    let milliseconds = |duration: Duration| duration.as_secs_f64() * 1e3;
    let (change, update) = kept.change()?;
    let start = Instant::now();
    let assembly = kept.assembly(*generation)?;
    let assembled = start.elapsed();
    let image = assembly.seal(Pages::PreferHuge).map_err(|error| error.to_string())?;
    let sealed = start.elapsed();
    let adopted = dataplane.adopt(image.as_fd(), *generation)?;
    let answered = start.elapsed();
    let checking = Instant::now();
    let bytes = Image::open(image).map_err(|error| error.to_string())?.words().len() as u64 * 4;
    times.validate.push(milliseconds(checking.elapsed()));
    times.change.push(milliseconds(change));
    times.update.push(milliseconds(update));
    times.assemble.push(milliseconds(assembled));
    times.seal.push(milliseconds(sealed - assembled));
    times.adopted.push(milliseconds(adopted));
    times.commit.push(milliseconds(update + answered));
    Ok(bytes)
}

fn table(rows: &[Row]) -> String {
    let heads = [
        "prefixes",
        "changes",
        "build s",
        "change µs",
        "p99",
        "update ms",
        "assemble",
        "copy+seal",
        "validate",
        "adopted p50",
        "p99",
        "commit p50",
        "p99",
        "image",
        "dataplane",
        "commits",
    ];
    let cells = |row: &Row| {
        let times = [row.build_s, row.change_us, row.change_us_p99, row.update_ms, row.assemble_ms];
        let more = [row.copy_and_seal_ms, row.validate_ms, row.adopted_ms_p50, row.adopted_ms_p99];
        let all = times.into_iter().chain(more).chain([row.commit_ms_p50, row.commit_ms_p99]);
        let mut cells = vec![row.prefixes.to_string(), row.changes.to_string()];
        cells.extend(all.map(|figure| report::figure(Some(figure))));
        cells.extend([row.image_bytes, row.dataplane_bytes].map(|bytes| report::bytes(Some(bytes))));
        cells.push(row.commits.to_string());
        cells
    };
    report::table(&heads, &rows.iter().map(cells).collect::<Vec<_>>())
}

/// Resident bytes of a process, shared ones included; 0 if it is gone.
fn resident(process: &str) -> u64 {
    let text = std::fs::read_to_string(format!("/proc/{process}/statm")).unwrap_or_default();
    text.split(' ').nth(1).and_then(|pages| pages.parse::<u64>().ok()).map_or(0, |pages| pages * 4096)
}
