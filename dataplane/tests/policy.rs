//! A policy at work in a real dataplane: what is dropped, what is answered, what each counter and record says. The
//! expectation stands beside each frame, by hand; gate25-path is not asked.

mod support;

use std::time::Duration;

use gate25_include::counters::{LinkCounter, PoolCounter, Reason};
use gate25_include::memfd::{Pages, seal_copy};
use gate25_include::telemetry::Direction::{self, Inbound, Outbound};
use gate25_include::telemetry::TelemetryReader;
use support::{Dataplane, Plan, all_buffers_return, images, pcap, skipped, text, wait_received};

const SYN: u8 = 0x02;
const SYN_ACK: u8 = 0x12;

/// An Ethernet frame with a TCP segment; `vlan` in front if it is not 0.
fn segment4(vlan: u16, source: [u8; 4], destination: [u8; 4], ports: [u16; 2], flags: u8) -> Vec<u8> {
    let mut frame = vec![2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2];
    if vlan != 0 {
        frame.extend([0x88, 0xa8]);
        frame.extend(vlan.to_be_bytes());
    }
    frame.extend([0x08, 0x00, 0x45, 0, 0, 40, 0, 1, 0x40, 0, 64, 6, 0, 0]);
    frame.extend(source);
    frame.extend(destination);
    tcp(&mut frame, ports, flags);
    frame.resize(frame.len().max(60), 0);
    frame
}

fn segment6(source: [u16; 8], destination: [u16; 8], ports: [u16; 2], flags: u8) -> Vec<u8> {
    let mut frame = vec![2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 0x86, 0xdd, 0x60, 0, 0, 0, 0, 20, 6, 64];
    for group in source.into_iter().chain(destination) {
        frame.extend(group.to_be_bytes());
    }
    tcp(&mut frame, ports, flags);
    frame
}

fn tcp(frame: &mut Vec<u8>, ports: [u16; 2], flags: u8) {
    ports.into_iter().for_each(|port| frame.extend(port.to_be_bytes()));
    frame.extend([0, 0, 0, 9, 0, 0, 0, 0, 0x50, flags, 0xff, 0xff, 0, 0, 0, 0]);
}

const DYNAMIC: [u8; 4] = [203, 0, 113, 7];
const STATIC: [u8; 4] = [203, 0, 113, 9];
const FOREIGN: [u8; 4] = [198, 51, 100, 25];
const OWN_MAIL: [u8; 4] = [192, 0, 2, 25];
const DYNAMIC6: [u16; 8] = [0x2001, 0xdb8, 1, 2, 3, 4, 5, 6];
const FOREIGN6: [u16; 8] = [0x2001, 0xdb8, 0xf, 0, 0, 0, 0, 1];

fn outbound() -> Vec<(Vec<u8>, Reason)> {
    let mut arp = vec![0xff; 12];
    arp.extend([0x08, 0x06]);
    arp.resize(60, 1);
    vec![
        (segment4(0, DYNAMIC, FOREIGN, [4000, 25], SYN), Reason::Blocked),
        (segment4(5, DYNAMIC, FOREIGN, [4001, 25], SYN), Reason::Blocked),
        (segment6(DYNAMIC6, FOREIGN6, [4002, 25], SYN), Reason::Blocked),
        (segment4(0, DYNAMIC, OWN_MAIL, [4003, 25], SYN), Reason::AllowedDestination),
        (segment4(0, STATIC, FOREIGN, [4004, 25], SYN), Reason::Exempt),
        (segment4(0, DYNAMIC, FOREIGN, [4005, 587], SYN), Reason::OtherPort),
        (segment4(0, DYNAMIC, FOREIGN, [25, 4006], SYN_ACK), Reason::OtherPort),
        (segment4(0, DYNAMIC, FOREIGN, [4007, 25], SYN_ACK), Reason::NotSyn),
        (segment4(0, [198, 51, 100, 1], FOREIGN, [4008, 25], SYN), Reason::UnknownSource),
        (arp, Reason::NotIp),
    ]
}

fn inbound() -> Vec<(Vec<u8>, Reason)> {
    let mut short = segment4(0, FOREIGN, DYNAMIC, [25, 5002], SYN_ACK);
    short[17] = 200;
    vec![
        (segment4(0, FOREIGN, DYNAMIC, [25, 5000], SYN_ACK), Reason::ReturnBlocked),
        (segment4(0, FOREIGN, DYNAMIC, [443, 5001], SYN_ACK), Reason::Inbound),
        (segment4(0, OWN_MAIL, DYNAMIC, [25, 5003], SYN_ACK), Reason::Inbound),
        (segment4(0, FOREIGN, DYNAMIC, [5004, 25], SYN), Reason::Inbound),
        (short, Reason::Inbound),
    ]
}

/// A finished run over pcap files with a stored policy, so that the first frame is judged by it.
struct Run {
    dataplane: Dataplane,
    telemetry: TelemetryReader,
    to_network: Vec<Vec<u8>>,
    to_access: Vec<Vec<u8>>,
}

fn run(reject: bool, rate: u32, outbound: &[Vec<u8>], inbound: &[Vec<u8>]) -> Run {
    let mut plan = Plan::new();
    let words = images::builder(reject, rate).finish(1).unwrap();
    plan.stored = Some(seal_copy(&words, Pages::Ordinary).unwrap());
    pcap::write(&plan.folder.path("a-in"), outbound);
    pcap::write(&plan.folder.path("n-in"), inbound);
    let file = |name| text(&plan.folder.path(name));
    let access = format!("net_pcap0,rx_pcap={},tx_pcap={}", file("a-in"), file("a-out"));
    let network = format!("net_pcap1,rx_pcap={},tx_pcap={}", file("n-in"), file("n-out"));
    let mut dataplane = plan.link(&access, &network, "").start();
    let telemetry = dataplane.telemetry();
    wait_received(&telemetry, 0, Outbound, outbound.len() as u64);
    wait_received(&telemetry, 0, Inbound, inbound.len() as u64);
    all_buffers_return(&telemetry);
    assert_eq!(dataplane.stop(Duration::from_secs(2)), Some(0));
    let out = |name| pcap::read(&dataplane.plan.folder.path(name));
    let (to_network, to_access) = (out("n-out"), out("a-out"));
    Run { dataplane, telemetry, to_network, to_access }
}

fn split(cases: &[(Vec<u8>, Reason)]) -> (Vec<Vec<u8>>, Vec<Vec<u8>>) {
    let stopped = |reason: &Reason| matches!(reason, Reason::Blocked | Reason::ReturnBlocked);
    let all = cases.iter().map(|(frame, _)| frame.clone()).collect();
    let passing = cases.iter().filter(|(_, reason)| !stopped(reason)).map(|(frame, _)| frame.clone()).collect();
    (all, passing)
}

fn check_reasons(telemetry: &TelemetryReader, direction: Direction, cases: &[(Vec<u8>, Reason)], times: u64) {
    for reason in Reason::ALL {
        let expected = cases.iter().filter(|(_, expected)| expected == reason).count() as u64 * times;
        assert_eq!(telemetry.reason(0, direction, *reason), expected, "{} {}", direction.name(), reason.name());
    }
}

#[test]
fn drops_and_only_drops_what_the_policy_says() {
    if skipped() {
        return;
    }
    let ((out_all, out_pass), (in_all, in_pass)) = (split(&outbound()), split(&inbound()));
    let run = run(false, 0, &out_all, &in_all);
    assert!(run.to_network == out_pass && run.to_access == in_pass);
    check_reasons(&run.telemetry, Outbound, &outbound(), 1);
    check_reasons(&run.telemetry, Inbound, &inbound(), 1);
    let pool = |slot, counter| run.telemetry.pool(slot, counter);
    assert_eq!(pool(3, PoolCounter::Blocked), 3);
    assert_eq!(pool(3, PoolCounter::AllowedDestination), 1);
    assert_eq!(pool(3, PoolCounter::ReturnBlocked), 1);
    assert_eq!(pool(4, PoolCounter::Exempt), 1);
    assert_eq!(run.telemetry.link(0, Inbound, LinkCounter::InboundMalformed), 1);
    assert_eq!(run.telemetry.link(0, Outbound, LinkCounter::DroppedFrames), 3);
    assert_eq!(run.telemetry.link(0, Outbound, LinkCounter::Rejects), 0);
    let (records, ..) = run.telemetry.records(0, 0);
    let mapped = |octets: [u8; 4]| 0xffff_0000_0000 | u128::from(u32::from_be_bytes(octets));
    assert_eq!(records.len(), 4);
    let first = records.iter().find(|record| record.direction == Outbound).unwrap();
    assert_eq!((first.line, first.line_length, first.far), (mapped(DYNAMIC), 32, mapped(FOREIGN)));
    assert_eq!((first.reason, first.slot, first.link), (Reason::Blocked, 3, 0));
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_nanos() as u64;
    assert!(now - first.time_ns < 60_000_000_000, "{} against {now}", first.time_ns);
    let inbound = records.iter().find(|record| record.direction == Inbound).unwrap();
    assert_eq!((inbound.line, inbound.far), (mapped(DYNAMIC), mapped(FOREIGN)));
    let six = records.iter().find(|record| record.line_length == 64).unwrap();
    assert_eq!((six.line >> 64, six.line as u64), (0x2001_0db8_0001_0002, 0));
    drop(run.dataplane);
}

#[test]
fn answers_go_back_under_the_same_tag_and_are_counted() {
    if skipped() {
        return;
    }
    let ((out_all, out_pass), (in_all, in_pass)) = (split(&outbound()), split(&inbound()));
    let run = run(true, 0, &out_all, &in_all);
    assert!(run.to_network == out_pass);
    let (answers, passed): (Vec<_>, Vec<_>) =
        run.to_access.into_iter().partition(|frame| frame.windows(2).any(|pair| pair == [0x50, 0x14]));
    assert!(passed == in_pass);
    assert_eq!(answers.len(), 3);
    for answer in &answers {
        assert_eq!(answer[..12], [2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1], "addresses swapped");
        assert!(answer.len() >= 60);
    }
    assert_eq!(answers[1][12..18], [0x88, 0xa8, 0, 5, 0x08, 0]);
    assert_eq!(answers[0][34..38], [0, 25, 0x0f, 0xa0], "ports swapped");
    assert_eq!(run.telemetry.link(0, Outbound, LinkCounter::Rejects), 3);
    assert_eq!(run.telemetry.link(0, Outbound, LinkCounter::DroppedFrames), 3);
    check_reasons(&run.telemetry, Outbound, &outbound(), 1);
}

#[test]
fn more_answers_than_the_rate_allows_are_suppressed_and_counted() {
    if skipped() {
        return;
    }
    let syn = segment4(0, DYNAMIC, FOREIGN, [4000, 25], SYN);
    let run = run(true, 10, &vec![syn; 500], &[]);
    let count = |counter| run.telemetry.link(0, Outbound, counter);
    let (sent, suppressed) = (count(LinkCounter::Rejects), count(LinkCounter::RejectSuppressed));
    assert_eq!((sent + suppressed, count(LinkCounter::RejectUnsent)), (500, 0));
    // Ten a second; reading 500 frames takes less than three seconds.
    assert!(sent % 10 == 0 && (10..=40).contains(&sent), "{sent} sent");
    assert_eq!(run.to_access.len() as u64, sent);
    assert_eq!((run.to_network.len(), count(LinkCounter::DroppedFrames)), (0, 500));
    let (records, next, missed) = run.telemetry.records(0, 0);
    assert_eq!((records.len(), next, missed), (500, 500, 0));
}
