//! `bench latency`: how long a frame takes through the box and back, gate25-dataplane beside dpdk-testpmd's io
//! forwarding over the same ports.
//!
//! First each subject's loss-free rate is found by bisection. Then, in each round, each is started afresh and gets a
//! window of each load; loads are shares of gate25's loss-free rate, the same for all, and a thousand frames a second,
//! which an idle worker meets asleep. What counts is the median over the windows.

mod exclusive;
mod generator;
mod row;

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;

use crate::path::{Gate, Policy, Ports, Setup, Subject, Testpmd, Traffic};
use crate::report;
use crate::rounds::percentile;
use exclusive::Exclusive;
use generator::{Generator, Outcome, Trial};
pub use row::Row;

/// Options of `bench latency`.
#[derive(Args, Clone, Debug)]
pub struct Options {
    /// Ports; pcap-null has no way back
    #[arg(long, default_value = "memif")]
    pub ports: Ports,
    /// Loads in percent of gate25's loss-free rate
    #[arg(long, value_delimiter = ',', default_value = "10,50,90", value_parser = clap::value_parser!(u32).range(1..=200))]
    pub loads: Vec<u32>,
    /// Rounds
    #[arg(long, default_value_t = 5)]
    pub rounds: usize,
    /// Milliseconds of each load in each round
    #[arg(long, default_value_t = 500)]
    pub window: u64,
    /// Real-time priority for generator and worker during trials: nothing else runs on their two CPUs then
    #[arg(long)]
    pub exclusive: bool,
    /// The dataplane's program
    #[arg(long, env = "GATE25_DATAPLANE", default_value = "target/release/gate25-dataplane")]
    pub dataplane: PathBuf,
    /// Write one line of JSON per row to this file
    #[arg(long)]
    pub json: Option<PathBuf>,
}

/// A window: what was asked of a subject, and what came of it.
struct Window {
    rate: f64,
    lost: u64,
    sent: u64,
    /// Microseconds that 50, 99 and 99.9 percent of the frames stayed below.
    percentiles: [f64; 3],
}

/// The highest rate without a loss, as far as it was found.
#[derive(Clone, Copy, Debug)]
struct LossFree {
    rate: f64,
    /// The generator could not offer more, and that was not lost either.
    bound_by_generator: bool,
}

/// Measures, prints a table, writes JSON.
///
/// # Errors
/// What is wrong and what to do, in one line.
pub fn run(options: &Options) -> Result<(), String> {
    let rows = measure(options)?;
    println!("{}", row::table(options.ports, &rows));
    match &options.json {
        Some(file) => report::write_json(file, &rows).map_err(|error| format!("{}: {error}", file.display())),
        None => Ok(()),
    }
}

fn measure(options: &Options) -> Result<Vec<Row>, String> {
    let policy = Policy::a();
    let frames = Traffic::Benign4.frames(&policy, FRAMES);
    let setup = Setup::new(options.ports, 1, &frames)?;
    let mut generator = Generator::start(&setup, frames)?;
    let gate = |name, idle| Gate::new((name, idle), &setup, &options.dataplane, &policy, 0);
    let mut subjects: Vec<Box<dyn Subject>> = vec![
        Box::new(gate("gate25", "poll")?),
        Box::new(Testpmd::new(&setup, "testpmd-io", 32)),
        Box::new(gate("gate25-adaptive", "adaptive")?),
    ];
    let mut found = Vec::new();
    for subject in &mut subjects {
        eprintln!("loss-free rate of {}", subject.name());
        found.push(running(options, subject, &mut generator, loss_free)?);
    }
    let own = found.first().map_or(1.0, |own| own.rate);
    let loads: Vec<(String, f64)> = std::iter::once(("1000/s".to_owned(), 1000.0))
        .chain(options.loads.iter().map(|percent| (format!("{percent} %"), own * f64::from(*percent) / 100.0)))
        .collect();
    let mut windows: Vec<Vec<Vec<Window>>> =
        subjects.iter().map(|_| loads.iter().map(|_| Vec::new()).collect()).collect();
    for round in 1..=options.rounds {
        eprintln!("round {round} of {}", options.rounds);
        for (subject, windows) in subjects.iter_mut().zip(&mut windows) {
            running(options, subject, &mut generator, |trial| {
                for ((_, rate), windows) in loads.iter().zip(windows) {
                    let time = Duration::from_millis(options.window);
                    windows.push(window(*rate, trial(Trial { rate: *rate, time })?));
                }
                Ok(())
            })?;
        }
    }
    let rows = subjects.iter().zip(&windows).zip(&found).flat_map(|((subject, windows), found)| {
        let row = |((load, _), windows): (&(String, f64), &Vec<Window>)| {
            Row::of(options.ports, load, subject.name(), windows, *found)
        };
        loads.iter().zip(windows).map(row).collect::<Vec<_>>()
    });
    Ok(rows.collect())
}

/// Runs trials.
type Try<'a> = dyn FnMut(Trial) -> Result<Outcome, String> + 'a;

/// Does something while `subject` forwards.
fn running<T>(
    options: &Options,
    subject: &mut Box<dyn Subject>,
    generator: &mut Generator,
    what: impl FnOnce(&mut Try<'_>) -> Result<T, String>,
) -> Result<T, String> {
    subject.start()?;
    let mut threads = subject.process().map(|process| process.workers()).unwrap_or_default();
    threads.push(generator.tid());
    let mut trial = |trial: Trial| {
        let exclusive = options.exclusive.then(|| Exclusive::give(&threads)).transpose()?;
        let outcome = generator.trial(trial);
        if exclusive.is_some() {
            drop(exclusive);
            // The others' share of a second, before the kernel takes it in the middle of a trial.
            std::thread::sleep(trial.time / 3);
        }
        outcome
    };
    let result = round_trips(&mut trial).and_then(|()| what(&mut trial));
    subject.stop();
    result
}

/// Waits until frames come all the way back: a subject forwards one way before the other.
fn round_trips(trial: &mut Try<'_>) -> Result<(), String> {
    for _ in 0..100 {
        if trial(Trial { rate: 1000.0, time: Duration::from_millis(20) })?.lost == 0 {
            // Its memory and caches have seen frames when it is measured.
            return trial(Trial { rate: 100_000.0, time: Duration::from_millis(200) }).map(|_| ());
        }
    }
    Err("frames go out and do not come back; look whether something else uses these ports".to_owned())
}

fn window(rate: f64, outcome: Outcome) -> Window {
    let Outcome { lost, sent, mut trips, .. } = outcome;
    let percentiles = [50.0, 99.0, 99.9].map(|percent| percentile(&mut trips, percent));
    Window { rate, lost, sent, percentiles }
}

/// Bisection between nothing and what the generator can offer. A rate is loss-free if one of three trials is: others
/// use this machine too, and a pause of theirs is no property of the box.
fn loss_free(trial: &mut Try<'_>) -> Result<LossFree, String> {
    let mut passes = |rate: f64| -> Result<Option<f64>, String> {
        for _ in 0..3 {
            let outcome = trial(Trial { rate, time: TRIAL })?;
            if outcome.lost == 0 {
                return Ok(Some(outcome.rate));
            }
        }
        Ok(None)
    };
    let (mut low, mut high) = (0.0, MOST);
    while high - low > (high / 64.0).max(1000.0) {
        let middle = f64::midpoint(low, high);
        match passes(middle)? {
            // It was asked for more than it can.
            Some(rate) if rate < 0.97 * middle => return Ok(LossFree { rate, bound_by_generator: true }),
            Some(rate) => low = rate,
            None => high = middle,
        }
    }
    if low == 0.0 {
        return Err(format!("no rate down to {high:.0} frames a second was loss-free: too much else runs here"));
    }
    Ok(LossFree { rate: low, bound_by_generator: false })
}

/// Distinct frames.
const FRAMES: usize = 4096;
/// A trial of the bisection.
const TRIAL: Duration = Duration::from_millis(300);
/// More frames a second than anybody takes there and back on one CPU.
const MOST: f64 = 8e6;
