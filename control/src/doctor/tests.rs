//! Made-up hosts: each finding with the line that mends it.

use std::fs;
use std::path::PathBuf;

use super::running::RunningPort;
use super::*;

struct Root(PathBuf);

impl Root {
    /// A host on which all is well: two CPUs on one node, a NIC on vfio-pci, huge pages, DPDK.
    fn well(name: &str) -> Root {
        let root = std::env::temp_dir().join(format!("gate25-doctor-{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&root);
        let root = Root(root);
        let cpu = "sys/devices/system/cpu";
        root.write(&format!("{cpu}/online"), "0-3\n");
        root.write(&format!("{cpu}/isolated"), "2-3\n");
        for n in 0..4 {
            root.write(&format!("{cpu}/cpu{n}/topology/thread_siblings_list"), &format!("{n}\n"));
            root.write(&format!("{cpu}/cpu{n}/cpufreq/scaling_governor"), "performance\n");
            root.write(&format!("{cpu}/cpu{n}/node0/x"), "");
        }
        root.write("sys/devices/system/clocksource/clocksource0/current_clocksource", "tsc\n");
        for folder in ["sys/kernel/mm/hugepages", "sys/devices/system/node/node0/hugepages"] {
            root.write(&format!("{folder}/hugepages-2048kB/nr_hugepages"), "512\n");
            root.write(&format!("{folder}/hugepages-2048kB/free_hugepages"), "256\n");
        }
        root.write(
            "proc/self/limits",
            "Limit  Soft Limit  Hard Limit  Units\nMax locked memory  unlimited unlimited bytes\n",
        );
        for port in ["0000:3b:00.0", "0000:3b:00.1"] {
            let device = format!("sys/bus/pci/devices/{port}");
            root.write(&format!("{device}/class"), "0x020000\n");
            root.write(&format!("{device}/vendor"), "0x8086\n");
            root.write(&format!("{device}/device"), "0x159b\n");
            root.write(&format!("{device}/numa_node"), "0\n");
            std::os::unix::fs::symlink("/sys/bus/pci/drivers/vfio-pci", root.0.join(device).join("driver")).unwrap();
        }
        root.write("sys/kernel/iommu_groups/1/x", "");
        root.write("sys/module/vfio_pci/x", "");
        root.write("usr/lib/x86_64-linux-gnu/librte_eal.so.23", "");
        root.write("usr/lib/x86_64-linux-gnu/dpdk/pmds-23.0/librte_net_ice.so.23", "");
        root.config("cores = [2, 3]\nmain_core = 1\n", ["0000:3b:00.0", "3b:00.1"]);
        root
    }

    fn write(&self, path: &str, text: &str) {
        let path = self.0.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    fn config(&self, head: &str, ports: [&str; 2]) {
        let [access, network] = ports;
        let link = format!("[[link]]\nname = \"l\"\naccess = \"{access}\"\nnetwork = \"{network}\"\nmtu = 1500\n");
        self.write("etc/gate25/dataplane.toml", &format!("instance = \"a\"\n{head}{link}"));
    }

    fn remove(&self, path: &str) {
        let path = self.0.join(path);
        fs::remove_file(&path).or_else(|_| fs::remove_dir_all(&path)).unwrap();
    }

    fn examine(&self, running: Result<Running, String>) -> Vec<Finding> {
        examine(&Host::at(&self.0), Path::new("/etc/gate25/dataplane.toml"), running)
    }

    /// What is not well, but for the dataplane that does not run.
    fn ills(&self) -> Vec<Finding> {
        let mut found = self.examine(Err("does not run".into()));
        found.retain(|one| one.grade != Grade::Ok && one.check != "dataplane");
        found
    }

    /// The one thing that is not well: its check, its grade, and whether finding and remedy say this.
    fn one(&self, check: &str, grade: Grade, found: &str, mend: &str) {
        let ills = self.ills();
        let [one] = ills.as_slice() else { panic!("{ills:?}") };
        assert_eq!((one.check, one.grade), (check, grade), "{one:?}");
        assert!(one.found.contains(found) && one.mend.as_ref().unwrap().contains(mend), "{one:?}");
    }
}

impl Drop for Root {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn running() -> Running {
    let port = RunningPort { place: "l access".into(), up: true, speed_mbps: 100_000, mtu: 1500, queues: 2, missed: 0 };
    Running { pid: 7, workers: 2, ports: vec![port], control: None }
}

#[test]
fn a_host_on_which_all_is_well() {
    let root = Root::well("well");
    assert_eq!(root.ills(), []);
    root.write("proc/7/limits", "Max locked memory  unlimited unlimited bytes\n");
    let found = root.examine(Ok(running()));
    assert!(found.iter().all(|one| one.grade == Grade::Ok && one.mend.is_none()), "{found:?}");
    for check in [
        "dataplane.toml",
        "dpdk",
        "huge pages",
        "memlock",
        "cpus",
        "isolcpus",
        "governor",
        "clock",
        "ports",
        "iommu",
        "numa",
        "dataplane",
        "capabilities",
        "control",
    ] {
        assert!(found.iter().any(|one| one.check == check), "{check} was not looked at");
    }
}

#[test]
fn a_host_without_anything_is_looked_at_all_the_same() {
    let root = Root::well("bare");
    root.remove("etc");
    root.remove("sys/bus");
    root.one("dataplane.toml", Grade::Warn, "looked at in general only", "--config FILE");
    root.write("etc/gate25/dataplane.toml", "cores = \"two\"\n");
    root.one("dataplane.toml", Grade::Fail, "dataplane.toml", "gate25-dataplane --check");
}

#[test]
fn cpus() {
    use Grade::{Fail, Warn};
    let root = Root::well("cpus");
    let ports = ["0000:3b:00.0", "0000:3b:00.1"];
    root.write("sys/devices/system/cpu/isolated", "2\n");
    root.one("isolcpus", Warn, "CPU 3", "isolcpus=managed_irq,domain,2,3 nohz_full=2,3");
    root.write("sys/devices/system/cpu/isolated", "0-9\n");
    root.write("sys/devices/system/cpu/cpu3/cpufreq/scaling_governor", "powersave\n");
    root.one("governor", Warn, "CPU 3 is governed by powersave", "cpupower --cpu 3");
    root.remove("sys/devices/system/cpu/cpu3/cpufreq");
    root.write("sys/devices/system/cpu/cpu2/topology/thread_siblings_list", "2-3\n");
    root.one("cpus", Warn, "CPU 2 and 3 are two threads", "lscpu");
    root.write("sys/devices/system/cpu/cpu2/topology/thread_siblings_list", "2\n");
    root.config("cores = [2, 2]\nmain_core = 1\n", ports);
    root.one("cpus", Warn, "share a CPU", "CPU of its own");
    root.config("cores = [2, 9]\nmain_core = 1\n", ports);
    root.one("cpus", Fail, "CPU 9 is not online", "lscpu");
    root.config("cores = [2, 3]\nmain_core = 1\n", ports);
    root.write("sys/devices/system/clocksource/clocksource0/current_clocksource", "hpet\n");
    root.one("clock", Warn, "hpet", "tsc=reliable");
}

#[test]
fn memory() {
    use Grade::{Fail, Warn};
    let root = Root::well("memory");
    root.write("sys/devices/system/node/node0/hugepages/hugepages-2048kB/nr_hugepages", "0\n");
    root.one("huge pages", Warn, "NUMA node 0", "echo 512 > /sys/devices/system/node/node0");
    root.remove("sys/devices/system/node");
    root.write("sys/kernel/mm/hugepages/hugepages-2048kB/free_hugepages", "0\n");
    root.one("huge pages", Warn, "none of it free", "vm.nr_hugepages");
    root.write("sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages", "0\n");
    root.one("huge pages", Fail, "none are reserved", "vm.nr_hugepages");
    root.config("cores = [2, 3]\nmain_core = 1\nhuge_pages = false\n", ["0000:3b:00.0", "0000:3b:00.1"]);
    root.one("huge pages", Warn, "switched off", "huge_pages = true");
    root.config("cores = [2, 3]\nmain_core = 1\n", ["0000:3b:00.0", "0000:3b:00.1"]);
    root.write("sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages", "9\n");
    root.write("sys/kernel/mm/hugepages/hugepages-2048kB/free_hugepages", "9\n");
    root.write("proc/self/limits", "Max locked memory  65536  65536  bytes\n");
    root.one("memlock", Warn, "65536 bytes", "LimitMEMLOCK=infinity");
    root.write("proc/self/status", "CapEff:\t0000000000004000\n");
    assert_eq!(root.ills(), []);
    root.remove("proc/self/status");
    root.write("proc/self/limits", "Max locked memory  2147483648  unlimited  bytes\n");
    assert_eq!(root.ills(), []);
}

#[test]
fn ports_and_drivers() {
    use Grade::{Fail, Warn};
    let root = Root::well("ports");
    let driver = "sys/bus/pci/devices/0000:3b:00.1/driver";
    root.remove(driver);
    root.one(
        "ports",
        Fail,
        "l network: 0000:3b:00.1 (8086:159b) is bound to no driver",
        "--bind vfio-pci 0000:3b:00.1",
    );
    std::os::unix::fs::symlink("/sys/bus/pci/drivers/ice", root.0.join(driver)).unwrap();
    root.one("ports", Fail, "bound to ice, which is the kernel's", "--bind vfio-pci 0000:3b:00.1");
    root.remove(driver);
    std::os::unix::fs::symlink("/sys/bus/pci/drivers/mlx5_core", root.0.join(driver)).unwrap();
    assert_eq!(root.ills(), []);
    root.write("sys/bus/pci/devices/0000:3b:00.1/vendor", "0x15b3\n");
    root.one("dpdk", Fail, "needs the driver net_mlx5", "apt install librte-net-mlx523");
    root.write("usr/lib/x86_64-linux-gnu/dpdk/pmds-23.0/librte_net_mlx5.so.23", "");
    root.write("sys/bus/pci/devices/0000:3b:00.1/numa_node", "1\n");
    root.one("numa", Warn, "l network is on node 1, workers on CPU 2,3 are not", "node1/cpulist");
    root.write("sys/bus/pci/devices/0000:3b:00.1/numa_node", "-1\n");
    root.remove("sys/module/vfio_pci");
    root.one("iommu", Warn, "not loaded", "modprobe vfio-pci");
    root.remove("sys/kernel/iommu_groups");
    root.one("iommu", Fail, "no IOMMU is active", "intel_iommu=on");
    root.write("sys/module/vfio/parameters/enable_unsafe_noiommu_mode", "Y\n");
    root.one("iommu", Warn, "without an IOMMU", "intel_iommu=on");
    root.config("cores = [2, 3]\nmain_core = 1\n", ["0000:3b:00.0", "0000:99:00.1"]);
    assert!(root.ills().iter().any(|one| one.found.contains("there is no PCI device 0000:99:00.1")));
}

#[test]
fn virtual_ports_need_an_interface_and_a_driver_and_no_iommu() {
    let root = Root::well("virtual");
    root.remove("sys/kernel/iommu_groups");
    root.config("cores = [2, 3]\nmain_core = 1\n", ["net_null0", "net_af_packet1,iface=eth1"]);
    for driver in ["net_null", "net_af_packet"] {
        let said = root
            .ills()
            .iter()
            .any(|one| one.mend.as_ref().unwrap().contains(&format!("librte-{}23", driver.replace('_', "-"))));
        assert!(said, "{driver}");
        root.write(&format!("usr/lib/x86_64-linux-gnu/dpdk/pmds-23.0/librte_{driver}.so.23"), "");
    }
    root.one("ports", Grade::Fail, "there is no interface eth1", "ip link");
    root.write("sys/class/net/eth1/mtu", "1400\n");
    root.one("ports", Grade::Fail, "the MTU of eth1 is 1400", "ip link set eth1 mtu 1500");
    root.write("sys/class/net/eth1/mtu", "1500\n");
    root.write("sys/class/net/eth1/operstate", "down\n");
    root.one("ports", Grade::Warn, "eth1 is down", "ip link set eth1 up");
    root.write("sys/class/net/eth1/operstate", "up\n");
    assert_eq!(root.ills(), []);
    root.write("sys/class/net/eth1/speed", "10000\n");
    (0..3).for_each(|queue| root.write(&format!("sys/class/net/eth1/queues/rx-{queue}/x"), ""));
    root.write("sys/class/net/eth1/queues/tx-0/x", "");
    let known = root.examine(Err("does not run".into()));
    assert!(known.iter().any(|one| one.found.ends_with("eth1 is there, MTU 1500, receive queues: 3, 10000 Mbit/s")));
    root.write("usr/lib/x86_64-linux-gnu/dpdk/pmds-23.0/librte_net_af_xdp.so.23", "");
    root.config("cores = [2, 3]\nmain_core = 1\n", ["net_null0", "net_af_xdp1,iface=eth1"]);
    root.one("ports", Grade::Fail, "eth1 has 3 receive queues and gate25 would read 2", "ethtool -L eth1 combined 2");
    root.config("cores = [2, 3]\nmain_core = 1\n", ["net_null0", "net_af_xdp1,iface=eth1,queue_count=3"]);
    assert_eq!(root.ills(), []);
    root.config("cores = [2, 3]\nmain_core = 1\n", ["net_null0", "net_af_xdp1,iface=eth1"]);
    root.remove("sys/class/net/eth1/queues/rx-2");
    assert_eq!(root.ills(), []);
    root.remove("usr");
    root.one("dpdk", Grade::Fail, "no librte_eal.so", "apt install dpdk");
    root.write("usr/lib64/librte_eal.so.22", "");
    assert!(root.ills().iter().any(|one| one.found.contains("older than DPDK 22.11")));
}

#[test]
fn what_runs_is_looked_at_too() {
    let root = Root::well("running");
    root.write("proc/7/limits", "Max locked memory  unlimited unlimited bytes\n");
    let ill = |change: &dyn Fn(&mut Running)| {
        let mut one = running();
        change(&mut one);
        let mut found = root.examine(Ok(one));
        found.retain(|one| one.grade != Grade::Ok);
        assert_eq!(found.len(), 1, "{found:?}");
        found.remove(0).found
    };
    assert!(ill(&|one| one.ports[0].up = false).contains("no link"));
    assert!(ill(&|one| one.ports[0].queues = 1).contains("only 1 of the workers receive"));
    assert!(ill(&|one| one.ports[0].missed = 5).contains("5 frames were lost"));
    assert!(ill(&|one| one.control = Some("no answer".into())).contains("no answer"));
    assert!(
        root.examine(Err("down".into()))
            .iter()
            .any(|one| one.grade == Grade::Warn && one.found.starts_with("down; what its ports can do"))
    );
}
