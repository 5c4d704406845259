//! The ports: PCI devices and kernel interfaces, the driver each is bound to, IOMMU, NUMA node.

use super::host::as_list;
use super::{Finding, Host, Plan, PlannedPort};

/// Is every port there, and bound to a driver that DPDK can use?
pub(super) fn devices(host: &Host, plan: &Plan) -> Vec<Finding> {
    let ports = plan.ports();
    if ports.is_empty() {
        return vec![unplanned(host)];
    }
    ports
        .iter()
        .filter_map(|port| match (port.pci(), &port.interface) {
            (Some(address), _) => Some(pci(host, port, &address)),
            (None, Some(name)) => Some(interface(host, port, name, plan.cores.len())),
            (None, None) => None,
        })
        .collect()
}

/// No ports are planned: which NICs are there at all?
fn unplanned(host: &Host) -> Finding {
    let folder = "sys/bus/pci/devices";
    let is_nic = |address: &String| {
        host.read(&format!("{folder}/{address}/class")).is_some_and(|class| class.starts_with("0x0200"))
    };
    let nics: Vec<String> = host.list(folder).into_iter().filter(is_nic).collect();
    let named = nics.iter().map(|address| {
        let driver = host.link(&format!("{folder}/{address}/driver")).unwrap_or_else(|| "no driver".into());
        format!("{address} ({driver})")
    });
    match nics.len() {
        0 => Finding::ok(PORTS, "no PCI network device; virtual devices work (net_af_packet, net_af_xdp)"),
        _ => Finding::ok(PORTS, format!("PCI network devices: {}", named.collect::<Vec<_>>().join(", "))),
    }
}

fn pci(host: &Host, port: &PlannedPort, address: &str) -> Finding {
    let device = format!("sys/bus/pci/devices/{address}");
    let place = &port.place;
    if !host.has(&device) {
        let mend = "dpdk-devbind.py --status-dev net lists the devices of this host";
        return Finding::fail(PORTS, format!("{place}: there is no PCI device {address}"), mend);
    }
    let id = |file: &str| host.read(&format!("{device}/{file}")).map(|id| id.trim_start_matches("0x").to_owned());
    let address_and_id = match (id("vendor"), id("device")) {
        (Some(vendor), Some(device)) => format!("{address} ({vendor}:{device})"),
        _ => address.to_owned(),
    };
    let vfio = format!("modprobe vfio-pci && dpdk-devbind.py --bind vfio-pci {address}");
    match host.link(&format!("{device}/driver")).as_deref() {
        Some(driver) if DPDK.contains(&driver) => {
            Finding::ok(PORTS, format!("{place}: {address_and_id} is bound to {driver}"))
        }
        Some(driver) if BIFURCATED.contains(&driver) => {
            Finding::ok(PORTS, format!("{place}: {address_and_id} stays with {driver}, beside which DPDK works"))
        }
        Some(driver) => {
            Finding::fail(PORTS, format!("{place}: {address_and_id} is bound to {driver}, which is the kernel's"), vfio)
        }
        None => Finding::fail(PORTS, format!("{place}: {address_and_id} is bound to no driver"), vfio),
    }
}

fn interface(host: &Host, port: &PlannedPort, name: &str, workers: usize) -> Finding {
    let (folder, place) = (format!("sys/class/net/{name}"), &port.place);
    if !host.has(&folder) {
        let found = format!("{place}: there is no interface {name} in this network namespace");
        return Finding::fail(PORTS, found, "ip link shows the interfaces; name one in dataplane.toml");
    }
    let mtu = host.number(&format!("{folder}/mtu")).unwrap_or(0);
    if let Some(wanted) = port.mtu.filter(|wanted| mtu < *wanted) {
        let found = format!("{place}: the MTU of {name} is {mtu}, the link's is {wanted}");
        return Finding::fail(PORTS, found, format!("ip link set {name} mtu {wanted}"));
    }
    let queues = host.list(&format!("{folder}/queues")).iter().filter(|queue| queue.starts_with("rx-")).count();
    let read = port.queues.unwrap_or(workers.max(1));
    if port.driver() == Some("net_af_xdp") && queues > read {
        let found = format!("{place}: {name} has {queues} receive queues and gate25 would read {read}");
        return Finding::fail(PORTS, found, format!("ethtool -L {name} combined {read} (veth: rx {read} tx {read})"));
    }
    match host.read(&format!("{folder}/operstate")).as_deref() {
        Some("down") => Finding::warn(PORTS, format!("{place}: {name} is down"), format!("ip link set {name} up")),
        _ => {
            let driver =
                host.link(&format!("{folder}/device/driver")).map_or_else(String::new, |one| format!(", {one}"));
            let speed = host.number(&format!("{folder}/speed")).filter(|speed| *speed > 0);
            let speed = speed.map_or_else(String::new, |speed| format!(", {speed} Mbit/s"));
            Finding::ok(PORTS, format!("{place}: {name} is there, MTU {mtu}, receive queues: {queues}{speed}{driver}"))
        }
    }
}

/// Is there an IOMMU for vfio? Asked only if a PCI device is to be used.
pub(super) fn iommu(host: &Host, plan: &Plan) -> Option<Finding> {
    const CHECK: &str = "iommu";
    let planned = plan.ports().iter().any(|port| port.pci().is_some());
    if !planned {
        return plan.ports().is_empty().then(|| Finding::ok(CHECK, "no PCI port is planned: not needed yet"));
    }
    let unsafe_mode = host.read("sys/module/vfio/parameters/enable_unsafe_noiommu_mode");
    let groups = host.list("sys/kernel/iommu_groups").len();
    Some(match (groups, unsafe_mode.as_deref()) {
        (0, Some("Y")) => Finding::warn(
            CHECK,
            "vfio runs without an IOMMU: a fault in a NIC can reach all memory",
            "kernel command line: intel_iommu=on iommu=pt (AMD: iommu=pt), and switch it on in the firmware",
        ),
        (0, _) => Finding::fail(
            CHECK,
            "no IOMMU is active, vfio-pci cannot work",
            "kernel command line: intel_iommu=on iommu=pt (AMD: iommu=pt), and switch it on in the firmware",
        ),
        (groups, _) if !host.has("sys/module/vfio_pci") => {
            Finding::warn(CHECK, format!("{groups} groups, but vfio-pci is not loaded"), "modprobe vfio-pci")
        }
        (groups, _) => Finding::ok(CHECK, format!("{groups} groups, vfio-pci is loaded")),
    })
}

/// Are NICs and workers on the same NUMA node?
pub(super) fn numa(host: &Host, plan: &Plan) -> Vec<Finding> {
    const CHECK: &str = "numa";
    let mut findings = Vec::new();
    for port in plan.ports() {
        let device = match (port.pci(), &port.interface) {
            (Some(address), _) => format!("sys/bus/pci/devices/{address}/numa_node"),
            (None, Some(name)) => format!("sys/class/net/{name}/device/numa_node"),
            (None, None) => continue,
        };
        let Some(node) = host.number(&device).filter(|node| *node >= 0) else { continue };
        let far = |cpu: &&u32| host.node_of_cpu(**cpu).is_some_and(|other| other != node);
        let far: Vec<u32> = plan.cores.iter().filter(far).copied().collect();
        if !far.is_empty() {
            let found = format!("{} is on node {node}, workers on CPU {} are not", port.place, as_list(&far));
            let mend = format!("take cores of /sys/devices/system/node/node{node}/cpulist in dataplane.toml");
            findings.push(Finding::warn(CHECK, found, mend));
        }
    }
    if findings.is_empty() && !plan.cores.is_empty() {
        findings.push(Finding::ok(CHECK, "ports and workers are on the same node, or there is one only"));
    }
    findings
}

const PORTS: &str = "ports";
/// Drivers that hand a device to user space.
const DPDK: [&str; 4] = ["vfio-pci", "igb_uio", "uio_pci_generic", "uio_hv_generic"];
/// Kernel drivers beside which DPDK's own works.
const BIFURCATED: [&str; 3] = ["mlx5_core", "mlx4_core", "mana"];
