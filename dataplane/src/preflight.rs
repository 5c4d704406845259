//! What is looked at before EAL starts, because EAL would say nothing useful about it.
//!
//! Reads /sys and /proc only. Refuses a start that cannot work (no huge pages, a CPU that is not there, an AF_XDP
//! interface with more queues than gate25 would read); warns of one that works badly.

use std::path::Path;

use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

use crate::config::Config;
use crate::device::{Device, ETHERNET_AND_TAGS};
use crate::failure::Failure;

/// Free huge pages of all sizes, MB.
pub fn free_huge_mb(sys: &Path) -> u64 {
    let Ok(sizes) = std::fs::read_dir(sys.join("kernel/mm/hugepages")) else { return 0 };
    let free_kb = |entry: std::fs::DirEntry| {
        let name = entry.file_name().into_string().ok()?;
        let kb: u64 = name.strip_prefix("hugepages-")?.strip_suffix("kB")?.parse().ok()?;
        let free: u64 = std::fs::read_to_string(entry.path().join("free_hugepages")).ok()?.trim().parse().ok()?;
        kb.checked_mul(free)
    };
    sizes.flatten().filter_map(free_kb).sum::<u64>() / 1024
}

/// Memory that the packet buffers and EAL need at most, MB.
pub fn memory_mb(config: &Config) -> u32 {
    let bytes = config.links.iter().map(|link| u64::from(link_buffers(config)) * buffer_bytes(link.mtu)).sum::<u64>();
    u32::try_from(bytes >> 20).unwrap_or(u32::MAX).saturating_add(EAL_MB)
}

/// Packet buffers of a link: every descriptor of both ports, the ring slots of drivers that copy, what workers
/// hold and cache.
pub fn link_buffers(config: &Config) -> u32 {
    let workers = u32::from(config.workers());
    let rings = 4 * u32::from(config.descriptors) * workers;
    let hands = workers * (2 * 256 + 8 * crate::mbuf::BURST as u32);
    // mempools are most compact at 2^n − 1.
    (rings + hands + RESERVE).next_power_of_two() - 1
}

/// Refuses what cannot work.
pub fn check(config: &Config) -> Result<(), Failure> {
    check_cpus(config)?;
    if config.huge_pages {
        let (free_mb, needed_mb) = (free_huge_mb(Path::new("/sys")), u64::from(memory_mb(config)));
        if free_mb < needed_mb {
            return Err(Failure::HugePages { free_mb, needed_mb, pages: needed_mb.div_ceil(2) });
        }
    }
    Ok(())
}

/// Tries each CPU: EAL ends the process without a word if it cannot pin a thread.
fn check_cpus(config: &Config) -> Result<(), Failure> {
    let before = sched_getaffinity(None).unwrap_or_else(|_| CpuSet::new());
    let workers = config.cores.iter().enumerate().map(|(worker, &core)| (format!("worker {worker}"), core));
    let mut result = Ok(());
    for (thread, core) in workers.chain([("main thread".to_owned(), config.main_core)]) {
        let mut cpus = CpuSet::new();
        if usize::from(core) < CpuSet::MAX_CPU {
            cpus.set(core.into());
        }
        if sched_setaffinity(None, &cpus).is_err() {
            let cause = "this host has no such CPU, or it is outside this process's cpuset; see lscpu".to_owned();
            result = Err(Failure::Cpu { thread, core, cause });
            break;
        }
    }
    // The mask that was there can be set again.
    let _ = sched_setaffinity(None, &before);
    result
}

/// Refuses a kernel interface that cannot carry the link, before its driver is asked.
///
/// `text` is the port as written, `device` the same with what its driver is told besides.
pub fn check_interface(link: &str, text: &Device, device: &Device, mtu: u16) -> Result<(), Failure> {
    let Some(name) = device.interface() else { return Ok(()) };
    let sys = Path::new("/sys/class/net").join(name);
    let refuse = |cause: String| Failure::Port { link: link.to_owned(), port: text.to_string(), cause };
    if device.driver() != "net_tap" && !sys.exists() {
        let cause = format!("there is no interface {name} in this network namespace; look with ip link");
        return Err(refuse(cause));
    }
    let kernel: Option<u32> = std::fs::read_to_string(sys.join("mtu")).ok().and_then(|text| text.trim().parse().ok());
    if let Some(kernel) = kernel.filter(|&kernel| kernel < u32::from(mtu)) {
        let cause = format!("its MTU is {kernel} and the link's is {mtu}; ip link set {name} mtu {mtu}");
        return Err(refuse(cause));
    }
    if device.driver() == "net_af_xdp" && mtu > AF_XDP_MTU {
        let cause =
            format!("AF_XDP holds a frame in one page and the link's mtu is {mtu}; use mtu = {AF_XDP_MTU} or less");
        return Err(refuse(cause));
    }
    if let Some(queues) = interface_queues(device) {
        let bound: u16 = device.arg("queue_count").and_then(|text| text.parse().ok()).unwrap_or(1);
        if queues > bound {
            let cause = format!(
                "it has {queues} receive queues and gate25 reads {bound}, the rest would go to the kernel; \
                 ethtool -L {name} combined {bound} (veth: rx {bound} tx {bound})"
            );
            return Err(refuse(cause));
        }
    }
    Ok(())
}

/// Receive queues of the interface behind an AF_XDP port: each needs a socket of ours. None for other ports, and if
/// sysfs does not show them.
pub fn interface_queues(device: &Device) -> Option<u16> {
    let name = device.interface().filter(|_| device.driver() == "net_af_xdp")?;
    let entries = std::fs::read_dir(Path::new("/sys/class/net").join(name).join("queues")).ok()?;
    let receive = entries.flatten().filter(|entry| entry.file_name().to_string_lossy().starts_with("rx-"));
    u16::try_from(receive.count()).ok().filter(|&queues| queues > 0)
}

/// Bytes of a buffer for frames of `mtu` in one piece: mbuf, headroom, frame, rounded as af_packet's slots are.
fn buffer_bytes(mtu: u16) -> u64 {
    128 + u64::from(crate::mbuf::HEADROOM) + (u64::from(mtu) + u64::from(ETHERNET_AND_TAGS) + 96).div_ceil(2048) * 2048
}

/// What is left of a page of 4,096 bytes for a frame with eight tags: less mempool header 64, mbuf 128, its headroom
/// 128, XDP_PACKET_HEADROOM 256, Ethernet 14, tags 32, and 64 for a mempool's odd number of cache lines.
const AF_XDP_MTU: u16 = 3410;
/// What EAL, ethdev and drivers take besides buffers, MB.
const EAL_MB: u32 = 48;
/// Buffers for drivers that keep some of their own.
const RESERVE: u32 = 1024;

#[cfg(test)]
mod tests {
    use super::*;

    fn config(cores: &str, mtu: u16) -> Config {
        let text = format!(
            "instance = \"a\"\ncores = {cores}\nmain_core = 0\n[[link]]\nname = \"l\"\nmtu = {mtu}\n\
             access = \"net_null0\"\nnetwork = \"net_null1\"\n"
        );
        Config::parse(Path::new("d.toml"), &text).unwrap()
    }

    #[test]
    fn buffers_cover_rings_and_hands() {
        assert_eq!(link_buffers(&config("[0]", 1500)), 8191);
        assert!(link_buffers(&config("[0, 0]", 1500)) >= 2 * 4 * 1024 + 2 * 512);
        assert!(memory_mb(&config("[0]", 9216)) > memory_mb(&config("[0]", 1500)));
    }

    #[test]
    fn a_cpu_that_is_not_there() {
        let error = check(&config("[0, 1023]", 1500)).unwrap_err();
        assert_eq!(error.exit_code(), 8);
        assert!(error.to_string().contains("worker 1 on CPU 1023"), "{error}");
        let mut main = config("[0]", 1500);
        main.main_core = 1022;
        assert!(check(&main).unwrap_err().to_string().contains("main thread on CPU 1022"));
    }

    #[test]
    fn free_pages_are_summed_over_sizes() {
        let sys = std::env::temp_dir().join(format!("gate25-huge-{}", std::process::id()));
        for (size, free) in [("2048kB", "10"), ("1048576kB", "2")] {
            let folder = sys.join("kernel/mm/hugepages").join(format!("hugepages-{size}"));
            std::fs::create_dir_all(&folder).unwrap();
            std::fs::write(folder.join("free_hugepages"), format!("{free}\n")).unwrap();
        }
        assert_eq!(free_huge_mb(&sys), 20 + 2048);
        std::fs::remove_dir_all(&sys).unwrap();
        assert_eq!(free_huge_mb(&sys), 0);
    }
}
