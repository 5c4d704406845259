//! The ports of `bench path`, and what feeds and empties them.
//!
//! Owns a folder with the frames, for kernel interfaces a network namespace with two veth pairs, and where ports need
//! one a generator: a testpmd on the other CPU that repeats the frames and counts nothing. All of it goes with its owner.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::machine;
use crate::path::subject::Process;
use crate::path::testpmd::{PROGRAM, eal, in_netns, statistics};

/// Kinds of ports.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Ports {
    /// net_pcap with infinite_rx into net_null: costs least, one CPU does it all.
    PcapNull,
    /// net_memif on either side; generator and sink on the other CPU.
    Memif,
    /// net_af_packet on veth; generator and sink on the other CPU.
    AfPacket,
    /// net_af_xdp on veth; generator and sink by packet socket on the other CPU.
    AfXdp,
}

impl Ports {
    /// As option and column say it.
    pub fn name(self) -> &'static str {
        match self {
            Ports::PcapNull => "pcap-null",
            Ports::Memif => "memif",
            Ports::AfPacket => "af-packet",
            Ports::AfXdp => "af-xdp",
        }
    }
}

/// Ports, ready for one subject after the other.
pub(crate) struct Setup {
    ports: Ports,
    folder: PathBuf,
    cpus: Vec<usize>,
    netns: Option<Netns>,
}

impl Setup {
    /// Writes the frames and makes what the ports need.
    pub(crate) fn new(ports: Ports, workers: usize, frames: &[Vec<u8>]) -> Result<Setup, String> {
        if workers != 1 && ports != Ports::PcapNull {
            return Err(format!("--workers {workers}: {} has one queue here; use pcap-null", ports.name()));
        }
        let folder = std::env::temp_dir().join(format!("gate25-bench-{}", std::process::id()));
        std::fs::create_dir_all(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
        let count = machine::cpus();
        let cpus = (0..workers).map(|worker| (count - 1).saturating_sub(worker % count)).collect();
        let mut setup = Setup { ports, folder, cpus, netns: None };
        let file = setup.file("frames.pcap");
        std::fs::write(&file, pcap(frames)).map_err(|error| format!("{}: {error}", file.display()))?;
        if matches!(ports, Ports::AfPacket | Ports::AfXdp) {
            setup.netns = Some(Netns::new()?);
        }
        Ok(setup)
    }

    /// Whether several subjects can have the ports open at once.
    pub(crate) fn shared(&self) -> bool {
        self.ports == Ports::PcapNull
    }

    /// CPU of each worker.
    pub(crate) fn cpus(&self) -> &[usize] {
        &self.cpus
    }

    /// CPU of main threads and generators.
    pub(crate) fn main_cpu(&self) -> usize {
        0
    }

    /// Descriptors that make the dataplane's pool hold all frames of net_pcap, which keeps a buffer for each.
    pub(crate) fn descriptors(&self) -> usize {
        if self.shared() { 16_384 } else { 1_024 }
    }

    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    /// A file of this setup.
    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// Where processes run.
    pub(crate) fn netns(&self) -> Option<String> {
        self.netns.as_ref().map(|netns| netns.0.clone())
    }

    /// The port at which frames come in.
    pub(crate) fn access(&self) -> String {
        match self.ports {
            Ports::PcapNull => {
                let queue = format!(",rx_pcap={}", self.file("frames.pcap").display());
                format!("net_pcap0{},infinite_rx=1", queue.repeat(self.cpus.len()))
            }
            Ports::Memif => self.memif(0, "client"),
            Ports::AfPacket => "net_af_packet0,iface=access".to_owned(),
            Ports::AfXdp => "net_af_xdp0,iface=access".to_owned(),
        }
    }

    /// The port at which they leave.
    pub(crate) fn network(&self) -> String {
        match self.ports {
            Ports::PcapNull => "net_null0,no-rx=1".to_owned(),
            Ports::Memif => self.memif(1, "client"),
            Ports::AfPacket => "net_af_packet1,iface=network".to_owned(),
            Ports::AfXdp => "net_af_xdp1,iface=network".to_owned(),
        }
    }

    fn memif(&self, id: u8, role: &str) -> String {
        // A socket for each: DPDK listens with room for one, and two clients that connect at once would be refused.
        let socket = self.file(&format!("memif{id}"));
        format!("net_memif{id},role={role},id={id},socket={},socket-abstract=no,bsize=2048,rsize=11", socket.display())
    }

    /// The other ends of the access and the network port, for a DPDK process beside; None if they have none.
    pub(crate) fn far_ports(&self) -> Option<[String; 2]> {
        match self.ports {
            Ports::PcapNull => None,
            Ports::Memif => Some([self.memif(0, "server"), self.memif(1, "server")]),
            Ports::AfPacket | Ports::AfXdp => {
                Some(["net_af_packet0,iface=source".to_owned(), "net_af_packet1,iface=sink".to_owned()])
            }
        }
    }

    /// What feeds and empties the ports, if they need it; ends with the value.
    pub(crate) fn generator(&self) -> Result<Option<Process>, String> {
        let Some([to, from]) = self.far_ports() else { return Ok(None) };
        let prefix = format!("generator-{}", std::process::id());
        let _ = std::fs::remove_dir_all(format!("/var/run/dpdk/{prefix}"));
        // The sockets of a generator that was killed stay, and nobody listens on them.
        for id in [0, 1] {
            let _ = std::fs::remove_file(self.file(&format!("memif{id}")));
        }
        let main = self.main_cpu();
        let mut arguments = eal(&prefix, &format!("0@{main},1@{main}"));
        let source = format!("net_pcap9,rx_pcap={},infinite_rx=1", self.file("frames.pcap").display());
        for port in [source, to, from, "net_null9,no-rx=1".to_owned()] {
            arguments.extend(["--vdev".to_owned(), port]);
        }
        let rest = [
            "--",
            "--total-num-mbufs=131071",
            "--forward-mode=io",
            "--no-lsc-interrupt",
            "--disable-link-check",
            "--burst=64",
        ];
        arguments.extend(rest.map(str::to_owned));
        let log = self.file("generator");
        let mut process = Process::start(in_netns(self.netns().as_deref(), PROGRAM, &arguments), &log)?;
        // Its first port, which repeats the frames, counts as soon as it forwards.
        process.wait_for("the generator", || statistics(&prefix).is_ok_and(|count| count.frames > 0))?;
        Ok(Some(process))
    }
}

impl Drop for Setup {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

/// A network namespace with two veth pairs: source to access, network to sink.
struct Netns(String);

impl Netns {
    fn new() -> Result<Netns, String> {
        let netns = Netns(format!("gate25-bench-{}", std::process::id()));
        ip(&format!("netns add {}", netns.0))?;
        for [ours, theirs] in [["access", "source"], ["network", "sink"]] {
            let name = &netns.0;
            ip(&format!(
                "-n {name} link add {ours} numrxqueues 1 numtxqueues 1 type veth peer name {theirs} numrxqueues 1 \
                 numtxqueues 1"
            ))?;
            for end in [ours, theirs] {
                run("ip", &format!("netns exec {name} sysctl -qw net.ipv6.conf.{end}.disable_ipv6=1"))?;
                run("ip", &format!("netns exec {name} ethtool -K {end} tx off gso off gro off tso off"))?;
                ip(&format!("-n {name} link set {end} up arp off"))?;
            }
        }
        Ok(netns)
    }
}

impl Drop for Netns {
    fn drop(&mut self) {
        let _ = ip(&format!("netns del {}", self.0));
    }
}

fn ip(arguments: &str) -> Result<(), String> {
    run("ip", arguments)
}

fn run(program: &str, arguments: &str) -> Result<(), String> {
    let output = Command::new(program).args(arguments.split_whitespace()).output();
    let output = output.map_err(|error| format!("{program}: {error}; apt-get install iproute2 ethtool"))?;
    let said = String::from_utf8_lossy(&output.stderr).trim().to_owned();
    if output.status.success() { Ok(()) } else { Err(format!("{program} {arguments}: {said}")) }
}

/// A classic pcap file of these frames.
fn pcap(frames: &[Vec<u8>]) -> Vec<u8> {
    let words = [0xa1b2_c3d4_u32, 0x0004_0002, 0, 0, 262_144, 1];
    let mut bytes: Vec<u8> = words.into_iter().flat_map(u32::to_le_bytes).collect();
    for frame in frames {
        let length = frame.len() as u32;
        bytes.extend([0, 0, length, length].into_iter().flat_map(u32::to_le_bytes));
        bytes.extend(frame);
    }
    bytes
}
