//! Frames through ports that are all ours: net_pcap, net_null, net_ring, net_memif. What comes out is compared with
//! what went in, byte for byte and in order; counters are compared exactly.

mod support;

use std::time::Duration;

use gate25_include::counters::{LinkCounter, PortCounter, Reason, WorkerCounter};
use gate25_include::telemetry::Direction::{Inbound, Outbound};
use support::{Plan, Random, all_buffers_return, conserved, pcap, skipped, text, wait_for, wait_received};

/// Frames of random lengths and content, a share of them with headers that the path looks into.
fn frames(seed: u64, count: usize, longest: usize) -> Vec<Vec<u8>> {
    let mut random = Random(seed);
    let types = [0x0800_u16, 0x86dd, 0x8100, 0x88a8, 0x9100, 0x8864, 0x8847, 0x0806, 0x8809, 0x88cc];
    let frame = |_| {
        let len = 1 + random.below(longest as u64) as usize;
        let mut frame = random.bytes(len);
        if let (Some(place), true) = (frame.get_mut(12..14), random.below(4) > 0) {
            place.copy_from_slice(&types[random.below(types.len() as u64) as usize].to_be_bytes());
        }
        frame
    };
    (0..count).map(frame).collect()
}

#[test]
fn pcap_to_pcap_is_bit_identical_both_ways() {
    if skipped() {
        return;
    }
    let plan = Plan::new();
    let file = |name| text(&plan.folder.path(name));
    let (outbound, inbound) = (frames(1, 3000, 1514), frames(2, 2000, 1514));
    pcap::write(&plan.folder.path("a-in"), &outbound);
    pcap::write(&plan.folder.path("n-in"), &inbound);
    let access = format!("net_pcap0,rx_pcap={},tx_pcap={}", file("a-in"), file("a-out"));
    let network = format!("net_pcap1,rx_pcap={},tx_pcap={}", file("n-in"), file("n-out"));
    let mut dataplane = plan.link(&access, &network, "").start();
    let telemetry = dataplane.telemetry();
    wait_received(&telemetry, 0, Outbound, 3000);
    wait_received(&telemetry, 0, Inbound, 2000);
    let bytes = |frames: &[Vec<u8>]| frames.iter().map(|frame| frame.len() as u64).sum::<u64>();
    assert_eq!(telemetry.link(0, Outbound, LinkCounter::ForwardedBytes), bytes(&outbound));
    assert_eq!(telemetry.link(0, Inbound, LinkCounter::ForwardedBytes), bytes(&inbound));
    assert_eq!(telemetry.reason(0, Outbound, Reason::NoPolicy), 3000);
    assert_eq!(telemetry.link(0, Outbound, LinkCounter::RxFrames), 3000);
    let port = |port, counter| telemetry.port(port, counter);
    assert!(wait_for(Duration::from_secs(5), || port(1, PortCounter::TxFrames) == 3000));
    assert!(wait_for(Duration::from_secs(5), || port(0, PortCounter::TxFrames) == 2000));
    assert_eq!(port(0, PortCounter::RxFrames), 3000);
    assert_eq!(dataplane.stop(Duration::from_secs(2)), Some(0));
    assert!(pcap::read(&dataplane.plan.folder.path("n-out")) == outbound);
    assert!(pcap::read(&dataplane.plan.folder.path("a-out")) == inbound);
}

#[test]
fn jumbo_and_many_segments_are_bit_identical() {
    if skipped() {
        return;
    }
    // Buffers for an MTU of 1500: a frame of 9,234 bytes lies in five of them.
    for (seed, more) in [(3, ""), (4, "mtu = 9216")] {
        let plan = Plan::new();
        let file = |name| text(&plan.folder.path(name));
        let sent = frames(seed, 2000, 9234);
        pcap::write(&plan.folder.path("a-in"), &sent);
        pcap::write(&plan.folder.path("n-in"), &[]);
        let access = format!("net_pcap0,rx_pcap={},tx_pcap={}", file("a-in"), file("a-out"));
        let network = format!("net_pcap1,rx_pcap={},tx_pcap={}", file("n-in"), file("n-out"));
        let mut dataplane = plan.link(&access, &network, more).start();
        let telemetry = dataplane.telemetry();
        wait_received(&telemetry, 0, Outbound, 2000);
        assert_eq!(telemetry.link(0, Outbound, LinkCounter::UnsentFrames), 0);
        assert_eq!(dataplane.stop(Duration::from_secs(2)), Some(0));
        assert!(pcap::read(&dataplane.plan.folder.path("n-out")) == sent);
    }
}

#[test]
fn a_ring_brings_every_frame_back_in_order() {
    if skipped() {
        return;
    }
    let plan = Plan::new();
    let file = |name| text(&plan.folder.path(name));
    let sent = frames(5, 5000, 1514);
    pcap::write(&plan.folder.path("in"), &sent);
    let access = format!("net_pcap0,rx_pcap={},tx_pcap={}", file("in"), file("out"));
    let mut dataplane = plan.link(&access, "net_ring0", "").start();
    let telemetry = dataplane.telemetry();
    wait_received(&telemetry, 0, Outbound, 5000);
    wait_received(&telemetry, 0, Inbound, 5000);
    all_buffers_return(&telemetry);
    assert_eq!(dataplane.stop(Duration::from_secs(2)), Some(0));
    assert!(pcap::read(&dataplane.plan.folder.path("out")) == sent);
}

#[test]
fn null_ports_conserve_frames_and_buffers() {
    if skipped() {
        return;
    }
    let mut plan = Plan::new();
    plan.top = plan.top.replace("[0]", "[0, 0]") + "idle = \"poll\"\n";
    let mut dataplane = plan
        .link("net_null0,size=64", "net_null1,size=1500", "")
        .link("net_null2,size=9000", "net_null3", "mtu = 9216")
        .start();
    let telemetry = dataplane.telemetry();
    for (link, direction) in [(0, Outbound), (0, Inbound), (1, Outbound), (1, Inbound)] {
        let received = || telemetry.link(link, direction, LinkCounter::RxFrames);
        assert!(wait_for(Duration::from_secs(10), || received() > 10_000), "link {link} {direction:?}");
    }
    let polls = |worker| telemetry.worker(worker, WorkerCounter::Polls);
    assert!(wait_for(Duration::from_secs(10), || polls(0) > 0 && polls(1) > 0), "two workers on one CPU");
    assert_eq!(dataplane.stop(Duration::from_secs(2)), Some(0));
    for (link, direction) in [(0, Outbound), (0, Inbound), (1, Outbound), (1, Inbound)] {
        assert!(conserved(&telemetry, link, direction));
        let count = |counter| telemetry.link(link, direction, counter);
        assert_eq!(count(LinkCounter::RxFrames), telemetry.reason(link, direction, Reason::NoPolicy));
    }
    assert_eq!(telemetry.link(1, Outbound, LinkCounter::RxBytes) % 9000, 0);
}

/// Nothing wakes a worker at a ring: it sleeps in steps, which is said, and the delay is the operator's choice.
#[test]
fn an_idle_worker_at_ports_that_wake_nobody_sleeps_in_steps() {
    if skipped() {
        return;
    }
    let mut looks = Vec::new();
    for delay in [50, 500] {
        let mut plan = Plan::new();
        plan.top += &format!("idle_delay = {delay}\n");
        let dataplane = plan.link("net_ring0", "net_ring1", "").start();
        let log = dataplane.log();
        assert!(log.contains(&format!("cannot wake a worker when a frame comes: idle workers look every {delay} us")));
        let telemetry = dataplane.telemetry();
        let rounds = || telemetry.worker(0, WorkerCounter::Polls) / 2;
        std::thread::sleep(Duration::from_millis(500));
        let before = (rounds(), dataplane.workers_cpu());
        std::thread::sleep(Duration::from_secs(2));
        let cpu = (dataplane.workers_cpu() - before.1).as_secs_f64() * 50.0;
        looks.push((rounds() - before.0) / 2);
        eprintln!("idle_delay {delay}: {} rounds a second, {cpu:.2} % of a CPU", looks.last().unwrap());
    }
    // At most once in half the delay.
    assert!(looks[0] <= 1_000_000 / 25 && looks[1] <= 1_000_000 / 250 && looks[1] > 0, "{looks:?}");
}

#[test]
fn a_port_with_one_queue_is_received_by_one_worker_and_said() {
    if skipped() {
        return;
    }
    let mut plan = Plan::new();
    plan.top = plan.top.replace("[0]", "[0, 0]");
    let file = |name| text(&plan.folder.path(name));
    let sent = frames(7, 1000, 1514);
    pcap::write(&plan.folder.path("in"), &sent);
    let access = format!("net_pcap0,rx_pcap={},tx_pcap={}", file("in"), file("out"));
    let mut dataplane = plan.link(&access, "net_null0,no-rx=1", "").start();
    let telemetry = dataplane.telemetry();
    wait_received(&telemetry, 0, Outbound, 1000);
    assert_eq!(telemetry.worker(1, WorkerCounter::Polls), 0);
    assert_eq!(telemetry.port(0, PortCounter::Queues), 1);
    let log = dataplane.log();
    assert!(log.contains("over 1 queues and there are 2 workers: one worker receives this link"), "{log}");
    assert_eq!(dataplane.stop(Duration::from_secs(2)), Some(0));
}

#[test]
fn two_dataplanes_in_a_row_over_memif() {
    if skipped() {
        return;
    }
    let (first, second) = (Plan::new(), Plan::new());
    let socket = text(&first.folder.path("memif"));
    let sent = frames(6, 20_000, 1514);
    pcap::write(&first.folder.path("in"), &sent);
    pcap::write(&second.folder.path("none"), &[]);
    let out = second.folder.path("out");
    let access =
        format!("net_pcap0,rx_pcap={},tx_pcap={}", text(&first.folder.path("in")), text(&first.folder.path("back")));
    let memif = |role| format!("net_memif0,role={role},id=7,socket={socket},socket-abstract=no,bsize=2048,rsize=11");
    let far = format!("net_pcap0,rx_pcap={},tx_pcap={}", text(&second.folder.path("none")), text(&out));
    let mut second = second.link(&memif("server"), &far, "");
    second.top += "idle = \"poll\"\n";
    let mut second = second.start();
    let mut first = first.link(&access, &memif("client"), "").start();
    let telemetry = first.telemetry();
    wait_received(&telemetry, 0, Outbound, 20_000);
    let unsent = telemetry.link(0, Outbound, LinkCounter::UnsentFrames);
    let arrived = second.telemetry();
    wait_received(&arrived, 0, Outbound, 20_000 - unsent);
    assert_eq!(first.stop(Duration::from_secs(2)), Some(0));
    assert_eq!(second.stop(Duration::from_secs(2)), Some(0));
    let received = pcap::read(&out);
    assert_eq!(received.len() as u64, 20_000 - unsent);
    // What was unsent is missing; everything else is as it was, in order.
    let mut rest = sent.iter();
    assert!(received.iter().all(|frame| rest.any(|sent| sent == frame)));
}
