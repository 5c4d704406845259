//! DPDK's drivers of PCI devices without a NIC: a guest under qemu with emulated e1000e, virtio-net and vmxnet3, bound to
//! vfio-pci behind an emulated IOMMU. Run by hand, for it takes minutes: all of it is emulated where KVM cannot help.
//!
//! `cargo build --release && GATE25_VM=1 cargo test --release -p gate25-dataplane --test vm -- --nocapture`

mod support;

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use serde_json::Value;
use support::frames::{EVERY_TYPE, assert_same, frames};
use support::vm::{Nic, Vm};
use support::{Folder, PROGRAM, skipped, text};

/// The two NICs of a link, and what they can do.
struct Pair {
    name: &'static str,
    access: Nic,
    network: Nic,
    workers: usize,
}

fn pairs() -> [Pair; 3] {
    let nic = |tap, device, queues, slot| Nic { tap, device, queues, slot };
    let virtio = "virtio-net-pci,mq=on,rss=on,vectors=6,disable-legacy=on,iommu_platform=on";
    [
        Pair { name: "e1000e", access: nic("ea", "e1000e", 1, 18), network: nic("en", "e1000e", 1, 19), workers: 1 },
        Pair { name: "vmxnet3", access: nic("xa", "vmxnet3", 1, 20), network: nic("xn", "vmxnet3", 1, 21), workers: 1 },
        Pair { name: "virtio", access: nic("va", virtio, 2, 16), network: nic("vn", virtio, 2, 17), workers: 2 },
    ]
}

/// The kernel and what runs on it first; None, and the reason said, if it cannot be had.
fn guest() -> Option<PathBuf> {
    if std::env::var_os("GATE25_VM").is_none() {
        eprintln!("skipped: boots a guest under qemu, which takes minutes; GATE25_VM=1 runs it");
        return None;
    }
    if !cli().exists() {
        eprintln!("skipped: {} is not built (cargo build --release)", cli().display());
        return None;
    }
    let folder = Path::new(PROGRAM).ancestors().nth(2)?.join("vm");
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/vm/prepare");
    let output = Command::new(script).arg(&folder).output().unwrap();
    if output.status.code() == Some(77) {
        eprint!("{}", String::from_utf8_lossy(&output.stdout));
        return None;
    }
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Some(folder)
}

/// `gate25`, built beside the program under test.
fn cli() -> PathBuf {
    Path::new(PROGRAM).with_file_name("gate25")
}

/// A dataplane in the guest.
struct Guest<'a> {
    vm: &'a mut Vm,
    pair: &'a Pair,
    folder: Folder,
    pid: String,
    /// Frames sent each way so far.
    sent: u64,
}

impl<'a> Guest<'a> {
    fn start(vm: &'a mut Vm, pair: &'a Pair) -> Self {
        let name = pair.name;
        let cores: Vec<usize> = (0..pair.workers).map(|worker| 1 - worker).collect();
        let lines = format!(
            "instance = \"{name}\"\\ncores = {cores:?}\\nmain_core = 0\\nrun_dir = \"/mnt/run\"\\n[[link]]\\nname = \"vm\"\\n\
             access = \"{}\"\\nnetwork = \"{}\"\\n",
            pair.access.address(),
            pair.network.address()
        );
        vm.run(&format!("printf '{lines}' >/mnt/{name}.toml"));
        let command = format!("{PROGRAM} --config /mnt/{name}.toml >/mnt/{name}.log 2>&1 & echo $!");
        let pid = vm.run(&command).trim().to_owned();
        let ready = format!(
            "for i in $(seq 600); do grep -q ', ready' /mnt/{name}.log && exit 0; kill -0 {pid} || break; sleep 0.1; done; \
             cat /mnt/{name}.log; exit 1"
        );
        vm.run(&ready);
        Self { vm, pair, folder: Folder::new(), pid, sent: 0 }
    }

    fn log(&mut self) -> String {
        self.vm.run(&format!("cat /mnt/{}.log", self.pair.name))
    }

    /// Rows of `gate25 show`.
    fn show(&mut self, what: &str) -> Vec<Value> {
        let command = format!("{} --json --instance {} --run-dir /mnt/run show {what}", text(&cli()), self.pair.name);
        let said = self.vm.run(&command);
        serde_json::from_str(&said).unwrap_or_else(|error| panic!("{error}: {said}"))
    }

    fn wait_ports(&mut self, up: bool, side: usize) {
        for _ in 0..60 {
            if self.show("ports")[side]["up"] == up {
                return;
            }
            std::thread::sleep(Duration::from_millis(200));
        }
        panic!("port {side} is not up={up}:\n{}", self.log());
    }

    /// Sends in at one side and compares what leaves at the other; with several workers in any order.
    fn through(&mut self, frames: &[Vec<u8>], outbound: bool) {
        let (access, network) = (self.pair.access.tap, self.pair.network.tap);
        let (from, to) = if outbound { (access, network) } else { (network, access) };
        let capture = self.vm.netns.capture(to, &self.folder.path("seen.pcap"));
        let sender = self.vm.netns.sender(from);
        for chunk in frames.chunks(16) {
            chunk.iter().for_each(|frame| sender.send(frame));
            std::thread::sleep(Duration::from_millis(20));
        }
        let (mut frames, mut seen) = (frames.to_vec(), capture.frames(frames.len(), Duration::from_secs(30)));
        if self.pair.workers > 1 {
            frames.sort();
            seen.sort();
        }
        if seen.len() != frames.len() {
            let (ports, log) = (self.show("ports"), self.log());
            panic!("{} of {} frames came, outbound {outbound}:\n{ports:#?}\n{log}", seen.len(), frames.len());
        }
        assert_same(&frames, &seen);
    }

    fn both_ways(&mut self, seed: u64) {
        let mut frames = frames(seed, FRAMES, 1514, &EVERY_TYPE);
        frames.iter_mut().for_each(|frame| end_ipv6_headers(frame));
        self.through(&frames, true);
        self.through(&frames, false);
        self.sent += FRAMES as u64;
        for row in self.show("links") {
            for counter in ["rx_frames", "forwarded_frames"] {
                assert_eq!(row[counter], self.sent, "{counter} {row}");
            }
        }
    }

    /// Frames that each worker has received.
    fn per_worker(&mut self) -> Vec<u64> {
        self.show("workers").iter().map(|row| row["rx_frames"].as_u64().unwrap()).collect()
    }

    /// Each flow, both directions of it, is one worker's, and both workers have some.
    fn flows_keep_their_worker(&mut self) {
        let mut of = Vec::new();
        for flow in 0..8_u8 {
            let frame = |from: [u8; 4], to: [u8; 4]| {
                let mut frame =
                    vec![2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 8, 0, 0x45, 0, 0, 46, 0, 0, 0x40, 0, 64, 17, 0, 0];
                frame.extend(from);
                frame.extend(to);
                frame.extend([0, 99, 0, 99, 0, 26, 0, 0]);
                frame.resize(60, flow);
                frame
            };
            let (line, far) = ([203, 0, 113, flow], [198, 51, 100, flow.wrapping_mul(37)]);
            let before = self.per_worker();
            self.through(&vec![frame(line, far); 10], true);
            self.through(&vec![frame(far, line); 10], false);
            self.sent += 10;
            let after = self.per_worker();
            let more: Vec<u64> = after.iter().zip(&before).map(|(after, before)| after - before).collect();
            assert!(more.contains(&20), "flow {flow} is spread over workers: {more:?}");
            of.push(more.iter().position(|frames| *frames == 20));
        }
        assert!(of.contains(&Some(0)) && of.contains(&Some(1)), "one worker has all flows: {of:?}");
    }

    /// Rounds a second of an idle worker: a thousand if it is woken.
    fn idle_rounds(&mut self) -> u64 {
        let polls = |guest: &mut Self| guest.show("workers")[0]["polls"].as_u64().unwrap();
        std::thread::sleep(Duration::from_secs(1));
        let (before, start) = (polls(self), std::time::Instant::now());
        std::thread::sleep(Duration::from_secs(4));
        let after = polls(self);
        ((after - before) as f64 / 2.0 / start.elapsed().as_secs_f64()) as u64
    }

    fn cable_flaps(&mut self) {
        self.vm.set_link(&self.pair.access, false);
        self.wait_ports(false, 0);
        self.vm.set_link(&self.pair.access, true);
        self.wait_ports(true, 0);
        assert!(self.show("ports")[0]["link_changes"].as_u64() >= Some(2));
    }

    fn stop(mut self) {
        let name = self.pair.name;
        let end = format!(
            "kill {pid}; for i in $(seq 100); do kill -0 {pid} 2>/dev/null || exit 0; sleep 0.1; done; exit 1",
            pid = self.pid
        );
        self.vm.run(&end);
        eprintln!("{name}: its log\n{}", self.log());
    }
}

/// qemu's e1000e and vmxnet3 do not send IPv6 whose extension headers leave the frame (net_tx_pkt_parse): no next header.
fn end_ipv6_headers(frame: &mut [u8]) {
    for at in [12, 16] {
        if frame[at..at + 2] == [0x86, 0xdd] {
            frame[at + 8] = 59;
        }
    }
}

#[test]
fn pci_drivers_forward_spread_and_follow_the_cable() {
    let Some(kernel) = guest() else { return };
    if skipped() {
        return;
    }
    let pairs = pairs();
    let only = std::env::var("GATE25_VM_ONLY").ok();
    let nics: Vec<Nic> =
        pairs.iter().flat_map(|pair| [&pair.access, &pair.network]).map(|nic| Nic { ..*nic }).collect();
    let mut vm = Vm::boot(&kernel, &nics);
    for pair in pairs.iter().filter(|pair| only.as_deref().is_none_or(|only| only == pair.name)) {
        let mut guest = Guest::start(&mut vm, pair);
        for side in [0, 1] {
            guest.wait_ports(true, side);
        }
        guest.both_ways(31);
        if pair.workers > 1 {
            guest.flows_keep_their_worker();
        }
        let rounds = guest.idle_rounds();
        eprintln!("{}: {rounds} rounds a second of an idle worker", pair.name);
        guest.cable_flaps();
        guest.both_ways(32);
        guest.stop();
        eprintln!("{}: ok", pair.name);
    }
}

/// Each way and time.
const FRAMES: usize = 300;
