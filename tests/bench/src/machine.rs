//! The machine that is measured: one core for the measuring thread, and 2 MB pages if there are any.

use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

/// The size of a table's pages.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum, serde::Serialize, serde::Deserialize)]
pub enum Pages {
    /// 2 MB pages, for both sides.
    #[value(name = "2M")]
    #[serde(rename = "2M")]
    Huge,
    /// Ordinary pages of 4 KB.
    #[value(name = "4K")]
    #[serde(rename = "4K")]
    Ordinary,
}

impl Pages {
    /// As option and column say it.
    pub fn name(self) -> &'static str {
        match self {
            Pages::Huge => "2M",
            Pages::Ordinary => "4K",
        }
    }
}

/// Pins the calling thread to the highest CPU that it may use, or to `cpu`; gives which.
///
/// # Errors
/// What is wrong and what to do, in one line.
pub fn pin(cpu: Option<usize>) -> Result<usize, String> {
    let allowed = sched_getaffinity(None).map_err(|errno| format!("sched_getaffinity failed: {errno}"))?;
    let highest = || (0..CpuSet::MAX_CPU).rev().find(|cpu| allowed.is_set(*cpu));
    let cpu = cpu.or_else(highest).unwrap_or(0);
    let mut one = CpuSet::new();
    if cpu >= CpuSet::MAX_CPU {
        return Err(format!("--cpu {cpu}: there are at most {} CPUs", CpuSet::MAX_CPU));
    }
    one.set(cpu);
    sched_setaffinity(None, &one)
        .map_err(|errno| format!("--cpu {cpu}: the thread cannot be pinned ({errno}); give one of `nproc`"))?;
    Ok(cpu)
}

/// Lets the calling thread run on every CPU it may use but `measuring`, if there is another.
pub fn keep_off(measuring: usize) {
    let mut others = CpuSet::new();
    (0..cpus()).filter(|cpu| *cpu != measuring).for_each(|cpu| others.set(cpu));
    // With one CPU alone there is nowhere else to go.
    let _ = sched_setaffinity(None, &others);
}

/// How many 2 MB pages are free; 0 if there are none or nobody can tell.
pub fn free_huge_pages() -> usize {
    let file = "/sys/kernel/mm/hugepages/hugepages-2048kB/free_hugepages";
    std::fs::read_to_string(file).ok().and_then(|text| text.trim().parse().ok()).unwrap_or(0)
}

/// CPUs of the machine, whether or not this process may use them now.
pub fn cpus() -> usize {
    let online = std::fs::read_to_string("/sys/devices/system/cpu/online").unwrap_or_default();
    let last = online.trim().rsplit(['-', ',']).next().and_then(|last| last.parse::<usize>().ok());
    last.map_or(1, |last| last + 1).min(CpuSet::MAX_CPU)
}
