//! Frames through the kernel's interfaces, a veth pair on either side in a namespace of our own: net_af_packet,
//! net_af_xdp and, for what neither can do, net_pcap on an interface.

mod support;

use std::time::Duration;

use gate25_include::counters::{LinkCounter, PortCounter, WorkerCounter};
use gate25_include::telemetry::Direction::{Inbound, Outbound};
use support::frames::{EVERY_TYPE, assert_same, frames};
use support::netns::Netns;
use support::{Dataplane, Plan, Random, all_buffers_return, conserved, exists, skipped, wait_for};

/// A link between two veth pairs x and y.
struct Bench {
    netns: Netns,
    dataplane: Dataplane,
}

impl Bench {
    /// `access` and `network` are port texts with X and Y for the interfaces.
    fn new(access: &str, network: &str, mtu: u16, top: &str) -> Self {
        let netns = Netns::new();
        netns.veth("x", mtu);
        netns.veth("y", mtu);
        let mut plan = Plan::new();
        plan.netns = Some(netns.name.clone());
        if !top.is_empty() {
            plan.top = top.to_owned();
        }
        let (access, network) = (access.replace('X', "xa"), network.replace('Y', "ya"));
        let dataplane = plan.link(&access, &network, &format!("mtu = {mtu}")).start();
        Self { netns, dataplane }
    }

    /// Sends frames in at one side and gives what comes out at the other, outbound or inbound.
    fn through(&self, frames: &[Vec<u8>], outbound: bool) -> Vec<Vec<u8>> {
        let (from, to) = if outbound { ("xb", "yb") } else { ("yb", "xb") };
        let capture = self.netns.capture(to, &self.dataplane.plan.folder.path("seen.pcap"));
        let sender = self.netns.sender(from);
        for chunk in frames.chunks(64) {
            chunk.iter().for_each(|frame| sender.send(frame));
            // Within the receive ring: what the kernel drops is not the dataplane's.
            std::thread::sleep(Duration::from_millis(4));
        }
        capture.frames(frames.len(), Duration::from_secs(10))
    }

    /// Both ways, bit-identical and in order; counters exact; buffers back; a clean end.
    fn check_transparent(mut self, frames: &[Vec<u8>]) {
        let telemetry = self.dataplane.telemetry();
        for (direction, outbound) in [(Outbound, true), (Inbound, false)] {
            let seen = self.through(frames, outbound);
            assert_same(frames, &seen);
            let count = |counter| telemetry.link(0, direction, counter);
            assert!(wait_for(Duration::from_secs(2), || conserved(&telemetry, 0, direction)));
            assert_eq!(count(LinkCounter::RxFrames), frames.len() as u64);
            assert_eq!(count(LinkCounter::ForwardedFrames), frames.len() as u64);
        }
        if !self.dataplane.plan.links.contains("af_xdp") {
            // AF_XDP keeps sent buffers until the next burst asks the kernel for them.
            all_buffers_return(&telemetry);
        }
        assert_eq!(self.dataplane.stop(Duration::from_secs(2)), Some(0));
    }
}

/// Without what the kernel's packet socket alters; see dataplane/README.md.
const AF_PACKET_TYPES: [u16; 9] = [0x0800, 0x86dd, 0x0806, 0x8100, 0x9100, 0x8863, 0x8864, 0x8847, 0x8809];

fn absent() -> bool {
    let missing = ["ip", "tcpdump", "ethtool"].into_iter().find(|program| !exists(program));
    if let Some(program) = missing {
        eprintln!("skipped: {program} is not installed (apt-get install iproute2 tcpdump ethtool)");
    }
    skipped() || missing.is_some()
}

#[test]
fn af_packet_is_transparent() {
    if absent() {
        return;
    }
    Bench::new("net_af_packet0,iface=X", "net_af_packet1,iface=Y", 1500, "").check_transparent(&frames(
        11,
        2000,
        1514,
        &AF_PACKET_TYPES,
    ));
}

#[test]
fn af_packet_takes_jumbo_frames() {
    if absent() {
        return;
    }
    Bench::new("net_af_packet0,iface=X", "net_af_packet1,iface=Y", 9216, "").check_transparent(&frames(
        12,
        500,
        9230,
        &AF_PACKET_TYPES,
    ));
}

#[test]
fn af_xdp_is_transparent() {
    if absent() {
        return;
    }
    Bench::new("net_af_xdp0,iface=X", "net_af_xdp1,iface=Y", 1500, "").check_transparent(&frames(
        13,
        2000,
        1514,
        &EVERY_TYPE,
    ));
}

#[test]
fn af_xdp_takes_the_longest_frames_of_a_page() {
    if absent() {
        return;
    }
    for mtu in [2000, 3410] {
        Bench::new("net_af_xdp0,iface=X", "net_af_xdp1,iface=Y", mtu, "").check_transparent(&frames(
            16,
            500,
            u64::from(mtu) + 14,
            &EVERY_TYPE,
        ));
    }
}

#[test]
fn pcap_on_interfaces_is_transparent() {
    if absent() {
        return;
    }
    let mut sent = frames(14, 1000, 1514, &EVERY_TYPE);
    sent.extend(altered_by_packet_sockets());
    Bench::new("net_pcap0,rx_iface_in=X,tx_iface=X", "net_pcap1,rx_iface_in=Y,tx_iface=Y", 1500, "")
        .check_transparent(&sent);
}

#[test]
fn two_workers_share_a_cpu_and_a_link() {
    if absent() {
        return;
    }
    let bench = Bench::new(
        "net_af_packet0,iface=X",
        "net_af_packet1,iface=Y",
        1500,
        "cores = [0, 0]\nhuge_pages = false\nidle = \"adaptive\"\n",
    );
    let telemetry = bench.dataplane.telemetry();
    let mut sent = frames(15, 2000, 1514, &[0x0800]);
    let mut seen = bench.through(&sent, true);
    assert!(wait_for(Duration::from_secs(2), || conserved(&telemetry, 0, Outbound)));
    assert_eq!(telemetry.link(0, Outbound, LinkCounter::ForwardedFrames), 2000);
    assert_eq!(telemetry.port(0, PortCounter::Queues), 2);
    // The kernel spreads flows over the two; every frame here is a flow of its own.
    let bursts = |worker| telemetry.worker(worker, WorkerCounter::BusyCycles);
    assert!(bursts(0) > 0 && bursts(1) > 0);
    sent.sort();
    seen.sort();
    assert_same(&sent, &seen);
}

/// It waits for the sockets of its queues, a millisecond at most. A worker that slept in steps of 50 µs would look
/// twenty times as often.
#[test]
fn an_idle_worker_waits_for_the_kernels_interfaces() {
    if absent() {
        return;
    }
    for (driver, workers) in [("net_af_packet", 1), ("net_af_packet", 2), ("net_af_xdp", 1)] {
        let (access, network) = (format!("{driver}0,iface=X"), format!("{driver}1,iface=Y"));
        let top = format!("cores = {:?}\nhuge_pages = false\nidle = \"adaptive\"\n", vec![0; workers]);
        let bench = Bench::new(&access, &network, 1500, &top);
        assert!(!bench.dataplane.log().contains("cannot wake"), "{}", bench.dataplane.log());
        let telemetry = bench.dataplane.telemetry();
        let rounds = || (0..workers).map(|worker| telemetry.worker(worker, WorkerCounter::Polls) / 2).sum::<u64>();
        std::thread::sleep(Duration::from_millis(500));
        let before = (rounds(), bench.dataplane.workers_cpu());
        std::thread::sleep(Duration::from_secs(2));
        let cpu = (bench.dataplane.workers_cpu() - before.1).as_secs_f64() * 50.0 / workers as f64;
        let rounds = (rounds() - before.0) / (2 * workers as u64);
        eprintln!("{driver}, {workers} workers: {rounds} rounds a second, {cpu:.2} % of a CPU, each");
        assert!(cpu > 0.0);
        assert!((1..=2000).contains(&rounds), "{driver}, {workers} workers: {rounds} rounds a second");
        let sent = frames(18, 500, 1514, &[0x0800]);
        let (mut sent, mut seen) = (sent.clone(), bench.through(&sent, true));
        sent.sort();
        seen.sort();
        assert_same(&sent, &seen);
    }
}

/// What DPDK's af_packet does not bring through bit-identical: an outer tag 0x88a8, IPv4 fragments.
fn altered_by_packet_sockets() -> Vec<Vec<u8>> {
    let mut random = Random(9);
    let mut frame = |head: &[u8]| {
        let mut frame = random.bytes(114);
        frame[0] &= 0xfe;
        frame[6] &= 0xfe;
        frame[12..12 + head.len()].copy_from_slice(head);
        frame
    };
    let tagged = frame(&[0x88, 0xa8, 0, 5, 0x81, 0, 0, 6, 0x08, 0]);
    // Headers with their checksums; the first datagram's second half never comes.
    let lone = frame(&[8, 0, 0x45, 0, 0, 100, 0, 9, 0x20, 0, 64, 17, 0x4a, 0x6d, 1, 2, 3, 4, 5, 6, 7, 8]);
    let first = frame(&[8, 0, 0x45, 0, 0, 100, 0, 10, 0x20, 0, 64, 17, 0x4a, 0x6c, 1, 2, 3, 4, 5, 6, 7, 8]);
    let last = frame(&[8, 0, 0x45, 0, 0, 60, 0, 10, 0, 10, 64, 17, 0x6a, 0x8a, 1, 2, 3, 4, 5, 6, 7, 8]);
    vec![tagged, lone, first, last]
}

/// What dataplane/README.md says of af_packet. Should a kernel or a DPDK do better, this fails and the README is wrong.
#[test]
fn af_packet_alters_what_the_readme_says_and_start_warns_of_it() {
    if absent() {
        return;
    }
    let bench = Bench::new("net_af_packet0,iface=X", "net_af_packet1,iface=Y", 1500, "");
    let sent = altered_by_packet_sockets();
    let seen = bench.through(&sent, true);
    let [tagged, _, first, _] = &sent[..] else { panic!() };
    assert_eq!(seen.len(), 2, "a tagged frame and one datagram: the lone fragment stays in the kernel");
    assert_eq!((&seen[0][12..14], &seen[0][14..]), (&[0x81, 0x00][..], &tagged[14..]));
    assert_eq!(seen[1].len(), 14 + 20 + 80 + 40);
    assert_eq!(seen[1][34..114], first[34..114]);
    let log = bench.dataplane.log();
    assert!(log.contains("reassembles IPv4 fragments") && log.contains("net_af_xdp"), "{log}");
}

#[test]
fn one_side_down_takes_the_other_down_and_both_come_back() {
    if absent() {
        return;
    }
    let netns = Netns::new();
    netns.veth("x", 1500);
    netns.veth("y", 1500);
    let mut plan = Plan::new();
    plan.netns = Some(netns.name.clone());
    let mut dataplane =
        plan.link("net_af_packet0,iface=xa", "net_af_packet1,iface=ya", "propagate_link = true").start();
    let telemetry = dataplane.telemetry();
    let neighbour_up = |name: &str| netns.run("ip", &["link", "show", name]).contains("LOWER_UP");
    let both_up = || neighbour_up("xb") && neighbour_up("yb");
    assert!(wait_for(Duration::from_secs(10), both_up));
    for (cause, other) in [("xb", "yb"), ("yb", "xb")] {
        netns.run("ip", &["link", "set", cause, "down"]);
        assert!(wait_for(Duration::from_secs(2), || !neighbour_up(other)), "{other} stays up");
        netns.run("ip", &["link", "set", cause, "up"]);
        assert!(wait_for(Duration::from_secs(10), both_up), "after {cause}");
        // The dataplane must have seen both up, or it waits for the released side as for a slow negotiation.
        std::thread::sleep(Duration::from_millis(500));
    }
    // A side that is held down when the process ends comes up again.
    netns.run("ip", &["link", "set", "xb", "down"]);
    assert!(wait_for(Duration::from_secs(2), || !neighbour_up("yb")));
    assert!(telemetry.port(0, PortCounter::LinkChanges) >= 3);
    assert_eq!(telemetry.port(0, PortCounter::LinkUp), 0);
    assert_eq!(dataplane.stop(Duration::from_secs(2)), Some(0));
    assert!(wait_for(Duration::from_secs(2), || neighbour_up("yb")));
}

#[test]
fn an_interface_is_taken_again_after_a_kill() {
    if absent() {
        return;
    }
    for driver in ["net_af_xdp", "net_af_packet"] {
        let (access, network) = (format!("{driver}0,iface=X"), format!("{driver}1,iface=Y"));
        let Bench { netns, mut dataplane } = Bench::new(&access, &network, 1500, "");
        dataplane.signal(rustix::process::Signal::KILL);
        assert!(dataplane.wait_status(Duration::from_secs(5)).is_some());
        let mut plan = Plan::new();
        plan.netns = Some(netns.name.clone());
        let again = plan.link(&access.replace('X', "xa"), &network.replace('Y', "ya"), "").start();
        let bench = Bench { netns, dataplane: again };
        let sent = frames(17, 200, 1514, &AF_PACKET_TYPES);
        assert_same(&sent, &bench.through(&sent, true));
        assert_same(&sent, &bench.through(&sent, false));
    }
}
