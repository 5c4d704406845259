//! Random and structured frames of 1 to 9,234 bytes through a dataplane over shared memory, both ways: what comes back
//! is compared by hash and in order; what is missing must be counted as dropped. This process is a DPDK process too.
//!
//! Frames: `GATE25_FRAMES`, or what is possible in 15 seconds. By hand, a hundred million:
//! `GATE25_FRAMES=100000000 cargo test --release -p gate25-dataplane --test transparency -- --nocapture`

mod support;

use std::collections::VecDeque;
use std::os::fd::AsFd;
use std::time::{Duration, Instant};

use gate25_dataplane::config::Config;
use gate25_dataplane::eal::Eal;
use gate25_dataplane::links::{Link, LinkQueues};
use gate25_dataplane::mbuf::{Burst, Pool, Scratch};
use gate25_dataplane::port::{RxQueue, TxQueue};
use gate25_include::counters::LinkCounter;
use gate25_include::handover::Request;
use gate25_include::memfd::{Pages, seal_copy};
use gate25_include::telemetry::Direction::{Inbound, Outbound};
use support::{Plan, Random, conserved, images, skipped, text, wait_for};
use xxhash_rust::xxh3::xxh3_64;

/// One direction: what was sent and has not come back.
struct Way {
    expected: VecDeque<u64>,
    sent: u64,
    received: u64,
    /// Sent, and to be dropped for all we know.
    blocked: u64,
    /// Overtaken by a later one, so lost on the way.
    missing: u64,
}

impl Way {
    fn new() -> Self {
        Self { expected: VecDeque::new(), sent: 0, received: 0, blocked: 0, missing: 0 }
    }

    /// Sends a burst of new frames while few are under way.
    fn send(&mut self, queue: &mut TxQueue, burst: &mut Burst, pool: &Pool, source: &mut Source, outbound: bool) {
        if burst.is_empty() && self.expected.len() < UNDER_WAY {
            for _ in 0..32 {
                let (frame, blocked) = source.frame(outbound);
                if !burst.push_copy(pool, frame) {
                    break;
                }
                self.sent += 1;
                if blocked {
                    self.blocked += 1;
                } else {
                    self.expected.push_back(xxh3_64(frame));
                }
            }
        }
        burst.send(queue);
    }

    /// Takes what came and finds it among what is expected, in order.
    fn receive(&mut self, queue: &mut RxQueue, burst: &mut Burst, scratch: &mut Scratch) {
        burst.receive(queue);
        let (frames, _) = burst.frames(scratch);
        for index in 0..frames.len() {
            let hash = xxh3_64(frames.get(index));
            self.received += 1;
            while let Some(expected) = self.expected.pop_front() {
                if expected == hash {
                    break;
                }
                self.missing += 1;
            }
        }
    }
}

/// Frames out of a buffer of random bytes.
struct Source {
    random: Random,
    noise: Vec<u8>,
    frame: Vec<u8>,
}

impl Source {
    fn new(seed: u64) -> Self {
        let mut random = Random(seed);
        let noise = random.bytes(1 << 17);
        Self { random, noise, frame: Vec::with_capacity(LONGEST) }
    }

    /// A frame, and whether it is an outbound SYN to port 25 out of the pool.
    fn frame(&mut self, outbound: bool) -> (&[u8], bool) {
        let longest = match self.random.below(100) {
            0..90 => 128,
            90..99 => 1514,
            _ => LONGEST,
        };
        let len = 1 + self.random.below(longest as u64) as usize;
        let at = self.random.below((self.noise.len() - LONGEST) as u64) as usize;
        self.frame.clear();
        self.frame.extend_from_slice(&self.noise[at..at + len]);
        // Each frame has a number of its own where there is room, so that no two are alike.
        let number = self.random.next().to_le_bytes();
        let count = len.min(8);
        self.frame[..count].copy_from_slice(&number[..count]);
        let kind = self.random.below(16) as usize;
        if let (Some(place), Some(kind)) = (self.frame.get_mut(12..14), TYPES.get(kind)) {
            place.copy_from_slice(&kind.to_be_bytes());
        }
        if (2..6).contains(&kind) {
            self.tags();
        }
        let syn = kind == TYPES.len() && len >= 60;
        if syn {
            self.frame[12..14].copy_from_slice(&[8, 0]);
            self.frame[14..54].copy_from_slice(&SYN);
        }
        (&self.frame, syn && outbound)
    }
}

impl Source {
    /// Puts more tags behind an outer one: often a few, sometimes as many as the frame has room for.
    fn tags(&mut self) {
        let most = if self.random.below(16) == 0 { u64::MAX } else { 1 + self.random.below(12) };
        for (tag, _) in self.frame.get_mut(16..).unwrap_or_default().chunks_exact_mut(4).zip(0..most) {
            let kind = usize::from(tag[3]) % 3;
            tag[..2].copy_from_slice(&[[0x81, 0], [0x88, 0xa8], [0x91, 0]][kind]);
        }
    }
}

/// Our two ends of the shared memory, and what holds them.
fn peer(plan: &Plan, socket: &str) -> (Eal, Link, LinkQueues) {
    let memif = |id| format!("net_memif{id},role=server,id={id},{}", memif_arguments(socket));
    let file = plan.folder.path("peer.toml");
    let text = format!(
        "instance = \"{}-peer\"\ncores = [0]\nmain_core = {}\nhuge_pages = false\nrun_dir = \"{}\"\n[[link]]\n\
         name = \"peer\"\naccess = \"{}\"\nnetwork = \"{}\"\nmtu = 9216\n",
        plan.instance,
        // Beside the worker, if there are two CPUs.
        usize::from(std::thread::available_parallelism().unwrap().get() > 1),
        plan.folder.path("run").display(),
        memif(0),
        memif(1)
    );
    std::fs::write(&file, text).unwrap();
    let config = Config::load(&file).unwrap();
    let mut eal = Eal::start(&config, gate25_dataplane::preflight::memory_mb(&config)).unwrap();
    let link = Link::start(&mut eal, &config, &config.links[0], Vec::new(), &mut |line| eprintln!("{line}")).unwrap();
    let queues = link.queues_of(0, 0).unwrap();
    (eal, link, queues)
}

/// A memif buffer must hold the longest frame: DPDK 22.11 takes each part of a longer one for a frame.
fn memif_arguments(socket: &str) -> String {
    format!("socket={socket},socket-abstract=no,bsize=10240,rsize=10")
}

#[test]
fn what_comes_out_is_what_went_in_and_in_order() {
    if skipped() {
        return;
    }
    let wanted: Option<u64> = std::env::var("GATE25_FRAMES").ok().map(|text| text.parse().unwrap());
    let plan = Plan::new();
    let socket = text(&plan.folder.path("memif"));
    let (_eal, mut link, mut queues) = peer(&plan, &socket);
    let memif = |id| format!("net_memif{id},role=client,id={id},{}", memif_arguments(&socket));
    // Buffers for an MTU of 1500: the longest frames lie in five of them.
    let mut plan = plan.link(&memif(0), &memif(1), "");
    plan.top += "idle = \"poll\"\n";
    let mut dataplane = plan.start();
    let telemetry = dataplane.telemetry();
    let policy = seal_copy(&images::builder(false, 0).finish(1).unwrap(), Pages::Ordinary).unwrap();
    dataplane.connect().ask(Request::Adopt { generation: 1, confirm_seconds: 0 }, Some(policy.as_fd())).unwrap();

    let (mut out, mut back) = (Way::new(), Way::new());
    let (mut source, mut scratch) = (Source::new(25), Scratch::new());
    let (mut to_core, mut to_lines, mut came) = (Burst::new(), Burst::new(), Burst::new());
    let (start, mut last, mut quiet) = (Instant::now(), 0, Instant::now());
    loop {
        let sent = out.sent + back.sent;
        let more = wanted.map_or(start.elapsed() < BOUNDED, |wanted| sent < wanted);
        if more || !to_core.is_empty() {
            out.send(&mut queues.access_tx, &mut to_core, &queues.pool, &mut source, true);
        }
        if more || !to_lines.is_empty() {
            back.send(&mut queues.network_tx, &mut to_lines, &queues.pool, &mut source, false);
        }
        out.receive(&mut queues.network_rx, &mut came, &mut scratch);
        back.receive(&mut queues.access_rx, &mut came, &mut scratch);
        let received = out.received + back.received;
        if received != last {
            (last, quiet) = (received, Instant::now());
        }
        let all = !more && to_core.is_empty() && to_lines.is_empty();
        if (all && out.expected.is_empty() && back.expected.is_empty()) || quiet.elapsed() > Duration::from_secs(10) {
            break;
        }
    }
    assert!(
        wait_for(Duration::from_secs(5), || conserved(&telemetry, 0, Outbound) && conserved(&telemetry, 0, Inbound))
    );
    for (way, direction) in [(&out, Outbound), (&back, Inbound)] {
        let get = |counter| telemetry.link(0, direction, counter);
        let (dropped, unsent) = (get(LinkCounter::DroppedFrames), get(LinkCounter::UnsentFrames));
        eprintln!(
            "{}: {} frames sent, {} came back the same and in order, {dropped} dropped, {unsent} unsent",
            direction.name(),
            way.sent,
            way.received
        );
        assert_eq!(way.expected.len(), 0, "differ, or did not come back");
        assert_eq!(way.sent, get(LinkCounter::RxFrames));
        assert_eq!(way.blocked + way.missing, dropped + unsent, "{} overtaken or changed", way.missing);
        assert_eq!(way.received, get(LinkCounter::ForwardedFrames));
        assert!(way.sent > 10_000, "{} frames are too few to show anything", way.sent);
    }
    assert!(out.blocked > 100);
    assert_eq!(dataplane.stop(Duration::from_secs(2)), Some(0));
    drop((to_core, to_lines, came));
    link.stop();
}

/// An IPv4 SYN from 203.0.113.7 to port 25, options and checksums apart.
const SYN: [u8; 40] = [
    0x45, 0, 0, 40, 0, 1, 0x40, 0, 64, 6, 0, 0, 203, 0, 113, 7, 198, 51, 100, 25, 0x10, 0, 0, 25, 0, 0, 0, 9, 0, 0, 0,
    0, 0x50, 2, 0, 0, 0, 0, 0, 0,
];
const TYPES: [u16; 12] =
    [0x0800, 0x86dd, 0x8100, 0x88a8, 0x9100, 0x9200, 0x8864, 0x8847, 0x0806, 0x8809, 0x88cc, 0x0800];
/// Ethernet, a VLAN tag and 9,216 bytes.
const LONGEST: usize = 9234;
/// Frames under way at most in a ring of 1,024: none is ever full.
const UNDER_WAY: usize = 900;
/// How long it sends unless told how much.
const BOUNDED: Duration = Duration::from_secs(15);
