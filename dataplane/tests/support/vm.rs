//! A small Linux under qemu with emulated NICs, each on a tap of a namespace of ours; see tests/vm/prepare. Its root is
//! this machine's, read-only, so that the programs under test are the ones that were built here.

use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use super::netns::Netns;
use super::{Folder, run, text, wait_for};

/// A NIC of the guest: the tap's name, the device for qemu with its options, and its slot on PCI bus 0.
pub struct Nic {
    pub tap: &'static str,
    pub device: &'static str,
    pub queues: usize,
    pub slot: u8,
}

impl Nic {
    /// Its address in the guest.
    pub fn address(&self) -> String {
        format!("0000:00:{:02x}.0", self.slot)
    }
}

/// A running guest; it ends with its owner.
pub struct Vm {
    qemu: Child,
    pub netns: Netns,
    folder: Folder,
    control: BufReader<UnixStream>,
    monitor: BufReader<UnixStream>,
}

impl Vm {
    /// Boots the kernel in `kernel`, binds the NICs to vfio-pci.
    pub fn boot(kernel: &Path, nics: &[Nic]) -> Self {
        let (netns, folder) = (Netns::new(), Folder::new());
        let accelerator = std::env::var("GATE25_VM_ACCEL").unwrap_or_else(|_| "tcg,thread=multi".to_owned());
        let socket = |name: &str| text(&folder.path(name));
        let mut command = Command::new("ip");
        command.args(["netns", "exec", &netns.name, "qemu-system-x86_64", "-accel", &accelerator, "-cpu", "max"]);
        command.args(["-M", "q35,kernel-irqchip=split", "-m", "1800", "-smp", "2", "-display", "none", "-no-reboot"]);
        command.args(["-device", "intel-iommu,caching-mode=on,intremap=off", "-append"]);
        command.args(["console=ttyS0 panic=-1 intel_iommu=on quiet"]);
        command.args(["-kernel", &text(&kernel.join("vmlinuz")), "-initrd", &text(&kernel.join("initrd"))]);
        let root = "local,path=/,mount_tag=root,security_model=none,readonly=on,multidevs=remap";
        command.args(["-virtfs", root, "-serial", &format!("file:{}", socket("console"))]);
        command.args(["-chardev", &format!("socket,id=c,path={},server=on,wait=off", socket("control"))]);
        command.args(["-serial", "chardev:c", "-qmp", &format!("unix:{},server=on,wait=off", socket("monitor"))]);
        for Nic { tap, device, queues, slot } in nics {
            let several = if *queues > 1 { "multi_queue" } else { "" };
            let ip = |line: &str| run("ip", &line.split_whitespace().collect::<Vec<_>>());
            ip(&format!("-n {} tuntap add dev {tap} mode tap {several}", netns.name));
            ip(&format!("-n {} link set {tap} up arp off", netns.name));
            let backend = format!("tap,id={tap},ifname={tap},script=no,downscript=no,vhost=off,queues={queues}");
            command.args(["-netdev", &backend]);
            command.args(["-device", &format!("{device},netdev={tap},id=nic-{tap},addr={slot:#x}")]);
        }
        let log = std::fs::File::create(folder.path("qemu")).unwrap();
        let qemu = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log).spawn().unwrap();
        let open = |name: &str| {
            let mut found = None;
            wait_for(Duration::from_secs(20), || {
                found = UnixStream::connect(folder.path(name)).ok();
                found.is_some()
            });
            let stream = found.unwrap_or_else(|| panic!("{}", std::fs::read_to_string(folder.path("qemu")).unwrap()));
            stream.set_read_timeout(Some(PATIENCE)).unwrap();
            BufReader::new(stream)
        };
        let (control, monitor) = (open("control"), open("monitor"));
        let mut vm = Self { qemu, netns, folder, control, monitor };
        vm.wait_for_boot();
        vm.monitor(r#"{"execute":"qmp_capabilities"}"#);
        for nic in nics {
            vm.bind(&nic.address());
        }
        vm
    }

    fn wait_for_boot(&mut self) {
        let mut line = String::new();
        while !line.ends_with("ready\n") {
            line.clear();
            let read = self.control.read_line(&mut line);
            let console = || std::fs::read_to_string(self.folder.path("console")).unwrap_or_default();
            assert!(read.is_ok_and(|bytes| bytes > 0), "the guest does not come up:\n{}", console());
        }
    }

    fn bind(&mut self, address: &str) {
        let device = format!("/sys/bus/pci/devices/{address}");
        self.run(&format!(
            "echo vfio-pci >{device}/driver_override; test ! -e {device}/driver || echo {address} >{device}/driver/unbind; \
             echo {address} >/sys/bus/pci/drivers_probe; readlink {device}/driver | grep -q vfio-pci"
        ));
    }

    /// A command in the guest: what it says and its exit code.
    pub fn try_run(&mut self, command: &str) -> (String, i32) {
        assert!(!command.contains('\n'), "one line");
        self.control.get_mut().write_all(format!("{command}\n").as_bytes()).unwrap();
        let mut said = String::new();
        loop {
            let mut line = String::new();
            let read = self.control.read_line(&mut line);
            assert!(read.is_ok_and(|bytes| bytes > 0), "no answer to: {command}\n{said}");
            if let Some((before, code)) = line.trim_end().split_once("end-of-command ") {
                said.push_str(before);
                return (said, code.parse().unwrap());
            }
            said.push_str(&line);
        }
    }

    /// The same, which must succeed.
    pub fn run(&mut self, command: &str) -> String {
        let (said, code) = self.try_run(command);
        assert_eq!(code, 0, "in the guest: {command}\n{said}");
        said
    }

    /// Plugs or unplugs the cable of a NIC.
    pub fn set_link(&mut self, nic: &Nic, up: bool) {
        let name = format!("nic-{}", nic.tap);
        self.monitor(&format!(r#"{{"execute":"set_link","arguments":{{"name":"{name}","up":{up}}}}}"#));
    }

    fn monitor(&mut self, command: &str) {
        self.monitor.get_mut().write_all(command.as_bytes()).unwrap();
        let mut line = String::new();
        while !line.starts_with(r#"{"return""#) {
            line.clear();
            self.monitor.read_line(&mut line).unwrap();
            assert!(!line.contains(r#""error""#), "{command}: {line}");
        }
    }
}

impl Drop for Vm {
    fn drop(&mut self) {
        let _ = self.qemu.kill();
        let _ = self.qemu.wait();
    }
}

/// How long the guest may take for one command; it is emulated, also in its CPUs.
const PATIENCE: Duration = Duration::from_secs(120);
