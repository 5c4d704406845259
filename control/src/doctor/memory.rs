//! Memory: huge pages, also on the workers' NUMA nodes, and how much may be locked.

use super::{Finding, Host, Plan};

/// Are there huge pages, and where the workers are?
pub(super) fn huge_pages(host: &Host, plan: &Plan, running: bool) -> Vec<Finding> {
    const CHECK: &str = "huge pages";
    let mend = "sysctl -w vm.nr_hugepages=512 (and in /etc/sysctl.d/), or hugepages=512 on the kernel command line";
    if !plan.huge_pages && !plan.cores.is_empty() {
        let mend = "huge_pages = true in dataplane.toml";
        return vec![Finding::warn(CHECK, "switched off in dataplane.toml: slower, for tests only", mend)];
    }
    let (total, free) = pages(host, "sys/kernel/mm/hugepages");
    if total == 0 {
        return vec![Finding::fail(CHECK, "none are reserved", mend)];
    }
    let mut findings = Vec::new();
    if free == 0 && !running {
        findings.push(Finding::warn(CHECK, format!("{} MB, none of it free", total / 1024), mend));
    }
    let mut nodes: Vec<i64> = plan.cores.iter().filter_map(|cpu| host.node_of_cpu(*cpu)).collect();
    nodes.sort_unstable();
    nodes.dedup();
    for node in nodes {
        let path = format!("sys/devices/system/node/node{node}/hugepages");
        if host.has(&path) && pages(host, &path).0 == 0 {
            let mend = format!("echo 512 > /{path}/hugepages-2048kB/nr_hugepages");
            findings.push(Finding::warn(CHECK, format!("none on NUMA node {node}, where workers are"), mend));
        }
    }
    if findings.is_empty() {
        findings.push(Finding::ok(CHECK, format!("{} MB, {} MB free", total / 1024, free / 1024)));
    }
    findings
}

/// Kilobytes in huge pages of all sizes: reserved, and free.
fn pages(host: &Host, folder: &str) -> (i64, i64) {
    let sizes = host.list(folder).into_iter().filter_map(|name| {
        let kb: i64 = name.strip_prefix("hugepages-")?.strip_suffix("kB")?.parse().ok()?;
        let count = |file: &str| host.number(&format!("{folder}/{name}/{file}")).unwrap_or(0);
        Some((kb * count("nr_hugepages"), kb * count("free_hugepages")))
    });
    sizes.fold((0, 0), |(total, free), (more, of_it)| (total + more, free + of_it))
}

/// May the dataplane lock its memory? Asked of its process, or of this one.
pub(super) fn locked(host: &Host, pid: Option<u64>) -> Finding {
    const CHECK: &str = "memlock";
    let process = pid.map_or_else(|| "self".to_owned(), |pid| pid.to_string());
    let whose = if pid.is_some() { "the dataplane" } else { "this shell" };
    let limits = host.read(&format!("proc/{process}/limits")).unwrap_or_default();
    let line = limits.lines().find_map(|line| line.strip_prefix("Max locked memory"));
    let soft = line.and_then(|line| line.split_whitespace().next());
    if may_lock(host, &process) {
        return Finding::ok(CHECK, format!("{whose} may lock what it likes (CAP_IPC_LOCK)"));
    }
    let mend = "LimitMEMLOCK=infinity in the unit, or ulimit -l unlimited before a start by hand";
    match soft {
        None => Finding::warn(CHECK, format!("the limit of {whose} cannot be read"), mend),
        Some("unlimited") => Finding::ok(CHECK, format!("unlimited for {whose}")),
        Some(bytes) => match bytes.parse::<u64>() {
            Ok(bytes) if bytes >= ENOUGH => Finding::ok(CHECK, format!("{} MB for {whose}", bytes >> 20)),
            _ => Finding::warn(CHECK, format!("{bytes} bytes for {whose}: pages may be swapped out"), mend),
        },
    }
}

/// Whether a process has CAP_IPC_LOCK, for which the limit does not count (capabilities(7)).
fn may_lock(host: &Host, process: &str) -> bool {
    let status = host.read(&format!("proc/{process}/status")).unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("CapEff:"));
    mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).is_some_and(|mask| mask >> 14 & 1 == 1)
}

/// Bytes that are enough: packet buffers of a link, with much to spare.
const ENOUGH: u64 = 1 << 30;
