//! CPUs: there, alone, at full speed, with a steady clock.

use super::host::{as_list, cpu_list};
use super::{Finding, Host, Plan};

/// Are the CPUs there, and has each worker one of its own?
pub(super) fn present(host: &Host, plan: &Plan) -> Vec<Finding> {
    const CHECK: &str = "cpus";
    if plan.cores.is_empty() {
        return vec![Finding::ok(CHECK, "no workers are planned yet")];
    }
    let online = host.read("sys/devices/system/cpu/online").map(|text| cpu_list(&text)).unwrap_or_default();
    let wanted = plan.cores.iter().chain(&plan.main_core);
    let missing: Vec<u32> = wanted.filter(|cpu| !online.contains(cpu)).copied().collect();
    if !missing.is_empty() {
        let found = format!("CPU {} is not online; there are {}", as_list(&missing), as_list(&online));
        return vec![Finding::fail(
            CHECK,
            found,
            "name CPUs that lscpu shows in cores and main_core of dataplane.toml",
        )];
    }
    let mut findings = Vec::new();
    let mut sorted = plan.cores.clone();
    sorted.sort_unstable();
    sorted.dedup();
    if sorted.len() < plan.cores.len() || plan.main_core.is_some_and(|main| plan.cores.contains(&main)) {
        let found = format!("workers on {} and main thread share a CPU", as_list(&plan.cores));
        findings.push(Finding::warn(CHECK, found, "give each worker and main_core a CPU of its own in dataplane.toml"));
    }
    for &cpu in &sorted {
        let path = format!("sys/devices/system/cpu/cpu{cpu}/topology/thread_siblings_list");
        let siblings = host.read(&path).map(|text| cpu_list(&text)).unwrap_or_default();
        let shared = siblings.iter().find(|other| **other > cpu && sorted.contains(other));
        findings.extend(shared.map(|other| {
            let found = format!("workers on CPU {cpu} and {other} are two threads of one core");
            Finding::warn(CHECK, found, "take one thread of each core: lscpu --extended shows which")
        }));
    }
    if findings.is_empty() {
        findings.push(Finding::ok(CHECK, format!("workers on {}", as_list(&plan.cores))));
    }
    findings
}

/// Does the kernel keep other work off the workers' CPUs?
pub(super) fn isolated(host: &Host, plan: &Plan) -> Vec<Finding> {
    const CHECK: &str = "isolcpus";
    if plan.cores.is_empty() {
        return Vec::new();
    }
    let isolated = host.read("sys/devices/system/cpu/isolated").map(|text| cpu_list(&text)).unwrap_or_default();
    let others: Vec<u32> = plan.cores.iter().filter(|cpu| !isolated.contains(cpu)).copied().collect();
    if others.is_empty() {
        return vec![Finding::ok(CHECK, format!("{} are isolated", as_list(&plan.cores)))];
    }
    let list = as_list(&plan.cores);
    let mend = format!(
        "kernel command line: isolcpus=managed_irq,domain,{list} nohz_full={list} rcu_nocbs={list} (then update-grub, reboot)"
    );
    vec![Finding::warn(CHECK, format!("the kernel may run other work on CPU {}", as_list(&others)), mend)]
}

/// Do the workers' CPUs run at full speed?
pub(super) fn governor(host: &Host, plan: &Plan) -> Vec<Finding> {
    const CHECK: &str = "governor";
    let of = |cpu: &u32| host.read(&format!("sys/devices/system/cpu/cpu{cpu}/cpufreq/scaling_governor"));
    let slow: Vec<u32> =
        plan.cores.iter().filter(|cpu| of(cpu).is_some_and(|word| word != "performance")).copied().collect();
    let cores = if plan.cores.is_empty() { vec![0] } else { plan.cores.clone() };
    if slow.is_empty() {
        let scaled = cores.iter().any(|cpu| of(cpu).is_some());
        return vec![Finding::ok(CHECK, if scaled { "performance" } else { "no frequency scaling here" })];
    }
    let found = format!("CPU {} is governed by {}", as_list(&slow), of(&slow[0]).unwrap_or_default());
    let mend = format!("cpupower --cpu {} frequency-set --governor performance", as_list(&slow));
    vec![Finding::warn(CHECK, found, mend)]
}

/// Is the time stamp counter good for telling time?
pub(super) fn clock(host: &Host) -> Finding {
    const CHECK: &str = "clock";
    match host.read("sys/devices/system/clocksource/clocksource0/current_clocksource") {
        None => Finding::ok(CHECK, "the kernel does not say which clock it uses"),
        Some(name)
            if ["tsc", "kvm-clock", "hyperv_clocksource_tsc_page", "arch_sys_counter"].contains(&name.as_str()) =>
        {
            Finding::ok(CHECK, name)
        }
        Some(name) => Finding::warn(
            CHECK,
            format!("the kernel uses {name}: the time stamp counter is not steady"),
            "kernel command line: tsc=reliable, if the machine's maker says that it is",
        ),
    }
}
