//! DPDK's libraries and poll-mode drivers, which are opened at run time: a driver that is not installed is found out
//! only when its port is missing.

use super::{Finding, Host, Plan};

/// Is DPDK there, in which ABI, and with the drivers that the ports need?
pub(super) fn libraries(host: &Host, plan: &Plan) -> Vec<Finding> {
    const CHECK: &str = "dpdk";
    let mut abis: Vec<(String, String)> = Vec::new();
    for folder in FOLDERS {
        let names = host.list(folder);
        let eal = names.iter().filter_map(|name| name.strip_prefix("librte_eal.so."));
        abis.extend(eal.filter(|abi| !abi.contains('.')).map(|abi| ((*folder).to_owned(), abi.to_owned())));
    }
    let Some((folder, abi)) = abis.first() else {
        let mend = "apt install dpdk (22.11 or newer), or add its folder to /etc/ld.so.conf.d and run ldconfig";
        return vec![Finding::fail(CHECK, "no librte_eal.so.* in the library folders", mend)];
    };
    let mut findings = Vec::new();
    if abi.parse::<u32>().is_ok_and(|abi| abi < OLDEST_ABI) {
        let found = format!("ABI {abi} in /{folder} is older than DPDK 22.11");
        findings.push(Finding::fail(CHECK, found, "install DPDK 22.11 or newer"));
    }
    let drivers = drivers(host, folder, abi);
    for port in plan.ports() {
        let wanted = port.driver().map(str::to_owned).or_else(|| of_pci(host, &port.pci()?));
        let missing = wanted.filter(|driver| !drivers.contains(driver));
        findings.extend(missing.map(|driver| {
            let package = format!("librte-{}{abi}", driver.replace('_', "-"));
            let found = format!("{} needs the driver {driver}, which is not installed", port.place);
            Finding::fail(CHECK, found, format!("apt install {package}"))
        }));
    }
    if findings.is_empty() {
        let several = if abis.len() > 1 { ", and others: the program takes the one it was built for" } else { "" };
        let found = format!("ABI {abi} in /{folder} with {} drivers{several}", drivers.len());
        findings.push(match drivers.len() {
            0 => Finding::fail(CHECK, found, "apt install dpdk, which brings the drivers"),
            _ => Finding::ok(CHECK, found),
        });
    }
    findings
}

/// Names of the drivers that EAL would open: those in its versioned folder, net and bus alike.
fn drivers(host: &Host, folder: &str, abi: &str) -> Vec<String> {
    let versions = host.list(&format!("{folder}/dpdk"));
    let own = versions
        .iter()
        .filter(|name| name.strip_prefix("pmds-").is_some_and(|version| version.split('.').next() == Some(abi)));
    let files = own.flat_map(|name| host.list(&format!("{folder}/dpdk/{name}")));
    let mut names: Vec<String> =
        files.filter_map(|name| Some(name.strip_prefix("librte_")?.split(".so").next()?.to_owned())).collect();
    names.sort();
    names.dedup();
    names
}

/// The driver for a PCI device of a maker that has one driver for all of them.
fn of_pci(host: &Host, address: &str) -> Option<String> {
    let vendor = host.read(&format!("sys/bus/pci/devices/{address}/vendor"))?;
    DRIVERS.iter().find(|(id, _)| *id == vendor).map(|(_, driver)| (*driver).to_owned())
}

/// Makers with one driver: Mellanox, virtio, Amazon, Broadcom.
const DRIVERS: [(&str, &str); 4] =
    [("0x15b3", "net_mlx5"), ("0x1af4", "net_virtio"), ("0x1d0f", "net_ena"), ("0x14e4", "net_bnxt")];

/// Where distributions and `ninja install` put shared libraries.
const FOLDERS: &[&str] = &[
    "usr/lib/x86_64-linux-gnu",
    "usr/lib/aarch64-linux-gnu",
    "usr/lib64",
    "usr/lib",
    "usr/local/lib/x86_64-linux-gnu",
    "usr/local/lib/aarch64-linux-gnu",
    "usr/local/lib64",
    "usr/local/lib",
];
/// ABI of DPDK 22.11.
const OLDEST_ABI: u32 = 23;
