//! dpdk-testpmd in io mode: it receives a burst and sends it, and looks at nothing.

use std::os::fd::OwnedFd;
use std::path::PathBuf;
use std::process::Command;

use rustix::net::{AddressFamily, SendFlags, SocketAddrUnix, SocketFlags, SocketType};

use crate::path::ports::Setup;
use crate::path::subject::{Count, Process, Subject};

/// A testpmd between the two ports of a setup.
pub(crate) struct Testpmd {
    name: &'static str,
    prefix: String,
    arguments: Vec<String>,
    log: PathBuf,
    netns: Option<String>,
    process: Option<Process>,
}

impl Testpmd {
    pub(crate) fn new(setup: &Setup, name: &'static str, burst: usize) -> Testpmd {
        let prefix = format!("{name}-{}", std::process::id());
        let cpus: Vec<String> = setup.cpus().iter().enumerate().map(|(i, cpu)| format!("{}@{cpu}", i + 1)).collect();
        let workers = cpus.len().to_string();
        let mut arguments = eal(&prefix, &format!("0@{},{}", setup.main_cpu(), cpus.join(",")));
        for port in [setup.access(), setup.network()] {
            arguments.extend(["--vdev".to_owned(), port]);
        }
        arguments.push("--".to_owned());
        // net_pcap keeps a buffer for each frame of each queue.
        let buffers = format!("--total-num-mbufs={}", (1_usize << 17) * cpus.len().next_power_of_two() - 1);
        arguments.extend([buffers, format!("--burst={burst}")]);
        arguments.extend(["rxq", "txq", "nb-cores"].map(|key| format!("--{key}={workers}")));
        arguments.extend(["--forward-mode=io", "--no-lsc-interrupt"].map(str::to_owned));
        let (log, netns) = (setup.file(name), setup.netns());
        Testpmd { name, prefix, arguments, log, netns, process: None }
    }
}

impl Subject for Testpmd {
    fn name(&self) -> &str {
        self.name
    }

    fn start(&mut self) -> Result<(), String> {
        let mut process = Process::start(in_netns(self.netns.as_deref(), PROGRAM, &self.arguments), &self.log)?;
        process.wait_for("frames through testpmd", || statistics(&self.prefix).is_ok_and(|count| count.frames > 0))?;
        self.process = Some(process);
        Ok(())
    }

    fn count(&mut self) -> Result<Count, String> {
        statistics(&self.prefix)
    }

    fn process(&mut self) -> Option<&mut Process> {
        self.process.as_mut()
    }

    fn stop(&mut self) {
        self.process = None;
        let _ = std::fs::remove_dir_all(format!("/var/run/dpdk/{}", self.prefix));
    }
}

/// What the first port of the testpmd with this file prefix has counted.
pub(crate) fn statistics(prefix: &str) -> Result<Count, String> {
    let path = socket(prefix).ok_or("testpmd has no telemetry socket")?;
    let answer = ask(&path, "/ethdev/stats,0").map_err(|error| format!("{}: {error}", path.display()))?;
    let json: serde_json::Value = serde_json::from_str(&answer).map_err(|error| format!("{answer}: {error}"))?;
    let get = |key: &str| json["/ethdev/stats"][key].as_u64().unwrap_or(0);
    Ok(Count { frames: get("ipackets"), lost: get("imissed"), commits: 0 })
}

/// A testpmd's telemetry socket; EAL numbers those of processes in memory.
fn socket(prefix: &str) -> Option<PathBuf> {
    let folder = std::fs::read_dir(format!("/var/run/dpdk/{prefix}")).ok()?;
    let mut files = folder.flatten().map(|entry| entry.path());
    files.find(|path| path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("dpdk_telemetry.v2")))
}

/// Arguments of EAL: memory of its own, no devices but those named.
pub(crate) fn eal(prefix: &str, lcores: &str) -> Vec<String> {
    let fixed = ["--in-memory", "--no-pci", "--main-lcore", "0", "--file-prefix", prefix, "--lcores", lcores];
    fixed.map(str::to_owned).to_vec()
}

/// A command, inside a network namespace if there is one.
pub(crate) fn in_netns(netns: Option<&str>, program: &str, arguments: &[String]) -> Command {
    let mut command = match netns {
        None => Command::new(program),
        Some(name) => {
            let mut command = Command::new("ip");
            command.args(["netns", "exec", name, program]);
            command
        }
    };
    command.args(arguments);
    command
}

/// One question to DPDK's telemetry socket.
fn ask(path: &std::path::Path, question: &str) -> rustix::io::Result<String> {
    let fd: OwnedFd = rustix::net::socket_with(AddressFamily::UNIX, SocketType::SEQPACKET, SocketFlags::CLOEXEC, None)?;
    rustix::net::connect(&fd, &SocketAddrUnix::new(path)?)?;
    let mut buffer = [0; 16_384];
    // It greets first.
    rustix::io::read(&fd, &mut buffer)?;
    rustix::net::send(&fd, question.as_bytes(), SendFlags::empty())?;
    let read = rustix::io::read(&fd, &mut buffer)?;
    Ok(String::from_utf8_lossy(buffer.get(..read).unwrap_or_default()).into_owned())
}

/// The package dpdk has it.
pub(crate) const PROGRAM: &str = "dpdk-testpmd";
