//! `bench path`: the whole way of a frame, gate25-dataplane beside dpdk-testpmd's io forwarding, which is the bound.
//!
//! Both run as processes of their own on the same CPU over ports of the same kind. Where the ports can be opened twice
//! (net_pcap to net_null) both are started once and take turns by SIGSTOP and SIGCONT; else each starts afresh in each
//! round. What counts is frames received per second, whether they are then sent or dropped.

mod gate;
pub mod policy;
mod ports;
mod row;
mod subject;
mod testpmd;
pub mod traffic;

use std::path::PathBuf;

use clap::Args;

pub use policy::Policy;
pub use ports::Ports;
pub use row::Row;
pub use traffic::Traffic;

use crate::report;
use crate::rounds::Spread;
pub(crate) use gate::Gate;
pub(crate) use ports::Setup;
pub(crate) use subject::Subject;
pub(crate) use testpmd::Testpmd;

/// Options of `bench path`.
#[derive(Args, Clone, Debug)]
pub struct Options {
    /// Ports
    #[arg(long, value_delimiter = ',', default_value = "pcap-null")]
    pub ports: Vec<Ports>,
    /// Traffic
    #[arg(long, value_delimiter = ',', default_value = "benign4,min1,imix1,syn25,syn25ex")]
    pub traffic: Vec<Traffic>,
    /// Workers, each on a CPU of its own as far as there are any
    #[arg(long, value_delimiter = ',', default_value = "1")]
    pub workers: Vec<usize>,
    /// Policies of this many prefixes instead of A and B
    #[arg(long, value_delimiter = ',', value_parser = prefixes)]
    pub prefixes: Vec<usize>,
    /// New images a second while gate25 is measured
    #[arg(long, default_value_t = 0)]
    pub commit_rate: u32,
    /// Rounds
    #[arg(long, default_value_t = 9)]
    pub rounds: usize,
    /// Milliseconds that each is measured in each round
    #[arg(long, default_value_t = 500)]
    pub window: u64,
    /// Distinct frames
    #[arg(long, default_value_t = 65_536)]
    pub frames: usize,
    /// The dataplane's program
    #[arg(long, env = "GATE25_DATAPLANE", default_value = "target/release/gate25-dataplane")]
    pub dataplane: PathBuf,
    /// Write one line of JSON per row to this file
    #[arg(long)]
    pub json: Option<PathBuf>,
}

/// A number of prefixes, `k` for thousands and `M` for millions.
fn prefixes(text: &str) -> Result<usize, String> {
    let (digits, unit) = match text.strip_suffix(['k', 'M']) {
        Some(digits) if text.ends_with('k') => (digits, 1_000),
        Some(digits) => (digits, 1_000_000),
        None => (text, 1),
    };
    let number = digits.parse::<usize>().ok().and_then(|number| number.checked_mul(unit));
    number
        .filter(|number| (8..=10_000_000).contains(number))
        .ok_or_else(|| "use 8 to 10M, such as 1k or 10M".to_owned())
}

/// What is measured beside each other.
struct Case<'a> {
    ports: Ports,
    traffic: Traffic,
    policy: &'a Policy,
    workers: usize,
}

/// Measures, prints tables, writes JSON.
///
/// # Errors
/// What is wrong and what to do, in one line.
pub fn run(options: &Options) -> Result<(), String> {
    let policies: Vec<Policy> = match options.prefixes.as_slice() {
        [] => vec![Policy::a(), Policy::b()],
        sizes => sizes.iter().map(|size| Policy::sized(*size)).collect(),
    };
    let mut all = Vec::new();
    for (ports, workers) in options.ports.iter().flat_map(|ports| options.workers.iter().map(move |n| (*ports, *n))) {
        let mut rows = Vec::new();
        for (traffic, policy) in
            options.traffic.iter().flat_map(|one| policies.iter().map(move |policy| (*one, policy)))
        {
            // Exemptions matter to SYNs, and syn25ex is defined with them.
            if traffic == Traffic::Syn25ex && policy.exempt.is_empty() {
                continue;
            }
            eprintln!("{} {} policy {} workers {workers}", ports.name(), traffic.name(), policy.name);
            rows.extend(measure(options, &Case { ports, traffic, policy, workers })?);
        }
        println!("{}", row::table(ports, workers, &rows));
        all.extend(rows);
    }
    match &options.json {
        Some(file) => report::write_json(file, &all).map_err(|error| format!("{}: {error}", file.display())),
        None => Ok(()),
    }
}

/// One case, all subjects.
fn measure(options: &Options, case: &Case<'_>) -> Result<Vec<Row>, String> {
    let setup = Setup::new(case.ports, case.workers, &case.traffic.frames(case.policy, options.frames))?;
    let mut subjects: Vec<Box<dyn Subject>> = vec![
        Box::new(Testpmd::new(&setup, "testpmd-io", 32)),
        Box::new(Testpmd::new(&setup, "testpmd-io-64", 64)),
        Box::new(Gate::new(("gate25", "poll"), &setup, &options.dataplane, case.policy, options.commit_rate)?),
    ];
    let turns = subject::turns(&setup, &mut subjects, options.rounds, options.window)?;
    let hz = subjects.iter().find_map(|subject| subject.hz()).unwrap_or(0.0);
    let bound = turns.first().map_or(0.0, |turns| Spread::of(turns.iter().map(|turn| turn.rate).collect()).median);
    let rows = subjects.iter().zip(&turns).map(|(subject, turns)| Row::of(case, subject.name(), turns, bound, hz));
    Ok(rows.collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_of_prefixes_have_units_and_limits() {
        assert_eq!(["1k", "10M", "8", "250"].map(prefixes), [Ok(1_000), Ok(10_000_000), Ok(8), Ok(250)]);
        assert!(["7", "11M", "", "k", "1G", "-1"].iter().all(|text| prefixes(text).is_err()));
    }
}
