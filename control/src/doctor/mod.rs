//! Doctor: looks at a host and says what keeps gate25 from running there, or from running well.
//!
//! Reads /sys, /proc, library folders and dataplane.toml; changes nothing, needs no right but to read, and works on a
//! host without any NIC. Every finding that is not well names the line that mends it.

mod cpu;
mod dpdk;
mod host;
mod memory;
mod plan;
mod port;
mod running;

use std::path::Path;

pub use host::Host;
pub use plan::{Plan, PlannedPort};
pub use running::{Running, RunningPort};

/// How well something is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Grade {
    /// Well.
    Ok,
    /// It works, but not as well as it could.
    Warn,
    /// It does not work like this.
    Fail,
}

/// What was found.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Finding {
    /// What was looked at.
    pub check: &'static str,
    /// How it is.
    pub grade: Grade,
    /// What is there.
    pub found: String,
    /// What to type or to write, unless it is well.
    pub mend: Option<String>,
}

impl Finding {
    fn ok(check: &'static str, found: impl Into<String>) -> Finding {
        Finding { check, grade: Grade::Ok, found: found.into(), mend: None }
    }

    fn warn(check: &'static str, found: impl Into<String>, mend: impl Into<String>) -> Finding {
        Finding { check, grade: Grade::Warn, found: found.into(), mend: Some(mend.into()) }
    }

    fn fail(check: &'static str, found: impl Into<String>, mend: impl Into<String>) -> Finding {
        Finding { check, grade: Grade::Fail, found: found.into(), mend: Some(mend.into()) }
    }
}

/// Looks at everything. `config` is dataplane.toml; `running` tells of the dataplane, if it answers.
pub fn examine(host: &Host, config: &Path, running: Result<Running, String>) -> Vec<Finding> {
    let (plan, mut findings) = Plan::read(host, config);
    let plan = plan.unwrap_or_default();
    findings.extend(dpdk::libraries(host, &plan));
    findings.extend(memory::huge_pages(host, &plan, running.is_ok()));
    findings.push(memory::locked(host, running.as_ref().ok().map(|one| one.pid)));
    findings.extend(cpu::present(host, &plan));
    findings.extend(cpu::isolated(host, &plan));
    findings.extend(cpu::governor(host, &plan));
    findings.push(cpu::clock(host));
    findings.extend(port::devices(host, &plan));
    findings.extend(port::iommu(host, &plan));
    findings.extend(port::numa(host, &plan));
    findings.extend(running::findings(running));
    findings
}

#[cfg(test)]
mod tests;
