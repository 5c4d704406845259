//! `bench lookup`: longest prefix match on W1, W2, W3, W6 and W7, gate25 beside DPDK's own tables.
//!
//! Each workload and page size has a process of its own, because EAL starts once in a process. Within it all
//! subjects give the same answers over all keys before the first round, or nothing is timed.

mod gate;
mod one;
#[cfg(feature = "peers")]
mod peers;
mod row;
mod swap;

use std::path::PathBuf;
use std::process::{Command, Stdio};

use clap::Args;

pub use gate::{Family, image_words, pool_named};
pub use row::Row;

use crate::machine::Pages;
use crate::report;
use crate::workload::Size;

/// Options of `bench lookup`.
#[derive(Args, Clone, Debug)]
pub struct Options {
    /// Workloads, of W1, W2, W3, W6, W7
    #[arg(long, value_delimiter = ',', default_value = "W1,W2,W3,W6,W7")]
    pub workload: Vec<String>,
    /// Page sizes of both sides' tables
    #[arg(long, value_delimiter = ',', default_value = "2M,4K")]
    pub pages: Vec<Pages>,
    /// Rounds, in each of which every subject looks up every key once
    #[arg(long, default_value_t = 7)]
    pub rounds: usize,
    /// Subjects whose name contains one of these
    #[arg(long, value_delimiter = ',')]
    pub only: Vec<String>,
    /// Seconds a peer's table may take to build
    #[arg(long, default_value_t = 120)]
    pub build_limit: u64,
    /// A sixteenth of prefixes and keys, 3 rounds, 1 second of swapping: shows that it works, not how fast
    #[arg(long)]
    pub quick: bool,
    /// No measurement of images that swap under the reader
    #[arg(long)]
    pub no_swap: bool,
    /// CPU to measure on; the highest one unless given
    #[arg(long)]
    pub cpu: Option<usize>,
    /// Write one line of JSON per row to this file
    #[arg(long)]
    pub json: Option<PathBuf>,
    /// Print rows as JSON and nothing else: how the program calls itself
    #[arg(long, hide = true)]
    pub rows: bool,
}

impl Options {
    fn size(&self) -> Size {
        if self.quick { Size::Quick } else { Size::Full }
    }

    fn rounds(&self) -> usize {
        if self.quick { self.rounds.min(3) } else { self.rounds.max(1) }
    }

    /// Whether a subject of this name is wanted.
    fn wants(&self, name: &str) -> bool {
        self.only.is_empty() || self.only.iter().any(|part| name.contains(part.as_str()))
    }
}

/// Measures, prints tables, writes JSON.
///
/// # Errors
/// What is wrong and what to do, in one line.
pub fn run(options: &Options) -> Result<(), String> {
    for name in &options.workload {
        if !WORKLOADS.contains(&name.as_str()) {
            return Err(format!("--workload {name}: there are {}", WORKLOADS.join(", ")));
        }
    }
    if options.rows {
        let (Some(name), Some(pages)) = (options.workload.first(), options.pages.first()) else { return Ok(()) };
        for row in one::measure(options, name, *pages)? {
            println!("{}", serde_json::to_string(&row).map_err(|error| error.to_string())?);
        }
        return Ok(());
    }
    let mut all = Vec::new();
    for name in &options.workload {
        for pages in &options.pages {
            let rows = in_process(options, name, *pages)?;
            println!("{}", row::table(name, *pages, &rows));
            all.extend(rows);
        }
    }
    match &options.json {
        Some(file) => report::write_json(file, &all).map_err(|error| format!("{}: {error}", file.display())),
        None => Ok(()),
    }
}

/// One workload on one size of pages, in a process of its own.
fn in_process(options: &Options, name: &str, pages: Pages) -> Result<Vec<Row>, String> {
    let program = std::env::current_exe().map_err(|error| format!("this program's file: {error}"))?;
    let mut command = Command::new(program);
    command.args(["lookup", "--rows", "--workload", name, "--pages", pages.name()]);
    command.args(["--rounds", &options.rounds.to_string(), "--build-limit", &options.build_limit.to_string()]);
    if !options.only.is_empty() {
        command.args(["--only", &options.only.join(",")]);
    }
    if let Some(cpu) = options.cpu {
        command.args(["--cpu", &cpu.to_string()]);
    }
    let flags = [("--quick", options.quick), ("--no-swap", options.no_swap)];
    command.args(flags.iter().filter(|(_, set)| *set).map(|(flag, _)| flag));
    let output = command.stderr(Stdio::inherit()).output().map_err(|error| format!("{name}: {error}"))?;
    if !output.status.success() {
        return Err(format!("{name} on {} pages: not measured, see above ({})", pages.name(), output.status));
    }
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    // EAL may print to stdout: rows are the lines that are objects.
    let rows = text.lines().filter(|line| line.starts_with('{')).map(serde_json::from_str);
    rows.collect::<Result<_, _>>().map_err(|error| format!("{name}: a row does not parse: {error}"))
}

/// All there are.
pub const WORKLOADS: [&str; 5] = ["W1", "W2", "W3", "W6", "W7"];
