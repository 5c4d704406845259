//! The control socket of a running dataplane: adoption, refusals, confirmation, rollback, hostile clients, a policy
//! passed on by systemd. Frames flow all the time, and none may be lost or judged by a policy that was refused.

mod support;

use std::os::fd::AsFd;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use gate25_include::counters::{LinkCounter, ProcessCounter, Reason, WorkerCounter};
use gate25_include::handover::{Connection, Left, Refusal, Reply, Request, SocketError, Status};
use gate25_include::image::Image;
use gate25_include::telemetry::Direction::{Inbound, Outbound};
use support::{Dataplane, Plan, conserved, images, skipped, wait_for};

/// Two workers that forward what net_null makes up.
fn flowing() -> Dataplane {
    let mut plan = Plan::new();
    plan.top = plan.top.replace("[0]", "[0, 0]");
    plan.link("net_null0,size=64", "net_null1,size=64", "").start()
}

fn adopt(client: &mut Connection, generation: u64, confirm_seconds: u64) -> Result<Reply, SocketError> {
    let request = Request::Adopt { generation, confirm_seconds };
    client.ask(request, Some(images::good(generation).as_fd())).map(|(reply, _)| reply)
}

fn status(client: &mut Connection) -> Status {
    match client.ask(Request::Status, None).unwrap().0 {
        Reply::Status(status) => status,
        other => panic!("{other:?}"),
    }
}

fn refusal(result: Result<Reply, SocketError>) -> (Refusal, String) {
    match result {
        Err(SocketError::Refused { refusal, text }) => (refusal, text),
        other => panic!("{other:?}"),
    }
}

#[test]
fn adopted_means_that_every_worker_judges_by_it() {
    if skipped() {
        return;
    }
    let mut dataplane = flowing();
    let telemetry = dataplane.telemetry();
    let mut client = dataplane.connect();
    let before = status(&mut client);
    assert_eq!((before.generation, before.workers, before.links), (0, 2, 1));
    let (reply, _) =
        client.ask(Request::Adopt { generation: 7, confirm_seconds: 0 }, Some(images::good(7).as_fd())).unwrap();
    assert!(matches!(reply, Reply::Adopted { generation: 7, nanoseconds: 1.. }), "{reply:?}");
    for worker in 0..2 {
        assert_eq!(telemetry.worker(worker, WorkerCounter::Generation), 7);
    }
    let without = telemetry.reason(0, Outbound, Reason::NoPolicy);
    let judged = || telemetry.reason(0, Outbound, Reason::NotIp);
    let start = judged();
    assert!(wait_for(Duration::from_secs(5), || judged() > start + 10_000));
    // The bursts in which the workers took it up were counted after the answer at most.
    assert!(telemetry.reason(0, Outbound, Reason::NoPolicy) <= without + 2 * 64);
    let (reply, fd) = client.ask(Request::ImagePlease, None).unwrap();
    assert_eq!(reply, Reply::Image { generation: 7 });
    let image = Image::open(fd.unwrap()).unwrap();
    assert_eq!((image.digest(), status(&mut client).digest), (status(&mut client).digest, image.digest()));
    assert_eq!(dataplane.stop(Duration::from_secs(2)), Some(0));
    assert!(conserved(&telemetry, 0, Outbound) && conserved(&telemetry, 0, Inbound));
}

#[test]
fn every_bad_image_is_refused_and_changes_nothing() {
    if skipped() {
        return;
    }
    let dataplane = flowing();
    let mut client = dataplane.connect();
    adopt(&mut client, 5, 0).unwrap();
    let good = status(&mut client);
    let bad = images::bad(6);
    let count = bad.len() as u64;
    for (name, fd, says) in bad {
        let request = Request::Adopt { generation: 6, confirm_seconds: 0 };
        let (refusal, text) = refusal(client.ask(request, Some(fd.as_fd())).map(|(reply, _)| reply));
        assert_eq!(refusal, Refusal::BadImage, "{name}");
        assert!(text.contains(says), "{name}: {text}");
        assert_eq!(status(&mut client), good, "{name}");
    }
    let announced = client.ask(Request::Adopt { generation: 9, confirm_seconds: 0 }, Some(images::good(6).as_fd()));
    assert_eq!(refusal(announced.map(|(reply, _)| reply)).0, Refusal::BadImage);
    let alone = client.ask(Request::Adopt { generation: 6, confirm_seconds: 0 }, None);
    assert_eq!(refusal(alone.map(|(reply, _)| reply)).0, Refusal::NoDescriptor);
    for stale in [5, 4, 1] {
        assert_eq!(refusal(adopt(&mut client, stale, 0)).0, Refusal::StaleGeneration);
    }
    let telemetry = dataplane.telemetry();
    assert!(wait_for(Duration::from_secs(1), || telemetry.process(ProcessCounter::Refused) == count + 4));
    assert_eq!(telemetry.process(ProcessCounter::Generation), 5);
    assert!(matches!(adopt(&mut client, 6, 0), Ok(Reply::Adopted { generation: 6, .. })));
}

#[test]
fn an_unconfirmed_policy_is_rolled_back_without_any_client() {
    if skipped() {
        return;
    }
    let dataplane = flowing();
    let mut client = dataplane.connect();
    adopt(&mut client, 1, 0).unwrap();
    adopt(&mut client, 2, 1).unwrap();
    let begun = Instant::now();
    assert!((1..=1000).contains(&status(&mut client).confirm_left_ms));
    drop(client);
    let telemetry = dataplane.telemetry();
    let generation = || telemetry.worker(1, WorkerCounter::Generation);
    assert_eq!(generation(), 2);
    let in_force = || telemetry.process(ProcessCounter::Generation);
    assert!(wait_for(Duration::from_secs(5), || generation() == 1 && in_force() == 1));
    assert!(begun.elapsed() >= Duration::from_millis(900), "not before its time");
    let mut client = dataplane.connect();
    assert_eq!(status(&mut client).highest_generation, 2);
    adopt(&mut client, 3, 1).unwrap();
    assert_eq!(client.ask(Request::Confirm { generation: 3 }, None).unwrap().0, Reply::Confirmed { generation: 3 });
    std::thread::sleep(Duration::from_millis(1500));
    assert_eq!(status(&mut client).generation, 3);
    let (reply, _) = client.ask(Request::Rollback, None).unwrap();
    assert!(matches!(reply, Reply::Adopted { generation: 1, .. }));
    let again = client.ask(Request::Rollback, None).map(|(reply, _)| reply);
    assert_eq!(refusal(again).0, Refusal::NoPrevious);
}

/// Time since the epoch.
fn unix() -> Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap()
}

#[test]
fn a_planned_policy_comes_into_force_in_its_second_without_any_client() {
    if skipped() {
        return;
    }
    let mut dataplane = flowing();
    let mut client = dataplane.connect();
    let at = unix().as_secs() as i64 + 2;
    let plan = |client: &mut Connection, generation, at| {
        let request = Request::Plan { generation, behind: 1 };
        client.ask(request, Some(images::good_at(generation, at).as_fd())).map(|(reply, _)| reply)
    };
    assert_eq!(refusal(plan(&mut client, 1, at)).0, Refusal::NotPlanned, "there is no policy yet");
    adopt(&mut client, 1, 0).unwrap();
    assert_eq!(plan(&mut client, 2, at).unwrap(), Reply::Planned { count: 1 });
    assert_eq!(plan(&mut client, 3, at + 9999).unwrap(), Reply::Planned { count: 2 });
    let without = client.ask(Request::Plan { generation: 4, behind: 1 }, None).map(|(reply, _)| reply);
    assert_eq!(refusal(without).0, Refusal::NoDescriptor);
    drop(client);
    let telemetry = dataplane.telemetry();
    let in_force = || telemetry.process(ProcessCounter::Generation);
    let runs = |generation| (0..2).all(|worker| telemetry.worker(worker, WorkerCounter::Generation) == generation);
    assert!(runs(1));
    assert!(wait_for(Duration::from_secs(10), || runs(2) && in_force() == 2));
    let late = unix().saturating_sub(Duration::from_secs(at as u64));
    assert!(unix().as_secs() as i64 >= at, "not before its time");
    println!("seen {late:?} after its second began");
    let mut client = dataplane.connect();
    assert_eq!((status(&mut client).highest_generation, status(&mut client).previous_generation), (3, 0));
    let count = |counter| telemetry.process(counter);
    assert_eq!((count(ProcessCounter::OnTime), count(ProcessCounter::Planned)), (1, 1));
    assert_eq!(client.ask(Request::Forget, None).unwrap().0, Reply::Planned { count: 0 });
    assert_eq!(dataplane.stop(Duration::from_secs(2)), Some(0));
    assert!(conserved(&telemetry, 0, Outbound) && conserved(&telemetry, 0, Inbound));
}

#[test]
fn what_a_rollback_left_is_told() {
    if skipped() {
        return;
    }
    let dataplane = flowing();
    let mut client = dataplane.connect();
    adopt(&mut client, 1, 0).unwrap();
    assert_eq!(status(&mut client).left, Left::default());
    adopt(&mut client, 2, 1).unwrap();
    let begun = unix().as_secs();
    assert!(wait_for(Duration::from_secs(5), || status(&mut client).generation == 1));
    let left = status(&mut client).left;
    assert_eq!((left.generation, left.by_timer), (2, true));
    assert!((begun..=unix().as_secs()).contains(&left.at), "{left:?}");
    adopt(&mut client, 3, 600).unwrap();
    client.ask(Request::Rollback, None).unwrap();
    let left = status(&mut client).left;
    assert_eq!((left.generation, left.by_timer), (3, false));
}

#[test]
fn hundreds_of_adoptions_lose_no_frame() {
    if skipped() {
        return;
    }
    let mut dataplane = flowing();
    let mut client = dataplane.connect();
    let telemetry = dataplane.telemetry();
    for generation in 1..=300 {
        adopt(&mut client, generation, 0).unwrap();
    }
    assert_eq!(dataplane.stop(Duration::from_secs(2)), Some(0));
    for direction in [Outbound, Inbound] {
        assert!(conserved(&telemetry, 0, direction));
        let count = |counter| telemetry.link(0, direction, counter);
        assert!(count(LinkCounter::RxFrames) > 0);
        assert_eq!(count(LinkCounter::RxFrames), count(LinkCounter::ForwardedFrames));
    }
    assert_eq!(telemetry.process(ProcessCounter::Adopted), 300);
}

#[test]
fn clients_that_hang_or_send_garbage_harm_nobody() {
    if skipped() {
        return;
    }
    let mut dataplane = flowing();
    let telemetry = dataplane.telemetry();
    let mut good = dataplane.connect();
    adopt(&mut good, 1, 0).unwrap();
    let deaf = dataplane.connect();
    for number in 0..5000 {
        if deaf.send(&Request::Status.encode(number), None).is_err() {
            break;
        }
    }
    let mut random = support::Random(3);
    for round in 0..200 {
        let stranger = support::seqpacket(&dataplane.socket());
        let garbage = random.bytes(1 + round * 3);
        let _ = rustix::net::send(&stranger, &garbage, rustix::net::SendFlags::NOSIGNAL);
    }
    let silent = support::seqpacket(&dataplane.socket());
    let frames = || telemetry.link(0, Outbound, LinkCounter::ForwardedFrames);
    let start = frames();
    let mut late = dataplane.connect();
    assert!(matches!(adopt(&mut late, 2, 0), Ok(Reply::Adopted { generation: 2, .. })));
    assert!(wait_for(Duration::from_secs(5), || frames() > start + 10_000));
    let closed = |end: &std::os::fd::OwnedFd| {
        let mut byte = [0; 1];
        matches!(rustix::net::recv(end, &mut byte[..], rustix::net::RecvFlags::DONTWAIT), Ok((0, _)))
    };
    assert!(wait_for(Duration::from_secs(10), || closed(&silent)), "silent client is closed");
    let log = dataplane.log();
    assert!(log.contains("message has") && log.contains("said no hello") && log.contains("does not read"), "{log}");
    assert!(telemetry.process(ProcessCounter::ClientErrors) > 100);
    assert_eq!(dataplane.stop(Duration::from_secs(2)), Some(0));
}

#[test]
fn a_stored_policy_judges_the_first_frame() {
    if skipped() {
        return;
    }
    let mut plan = Plan::new();
    plan.stored = Some(images::good(42));
    let dataplane = plan.link("net_null0,size=64", "net_null1,size=64", "").start();
    let telemetry = dataplane.telemetry();
    let judged = || telemetry.reason(0, Outbound, Reason::NotIp);
    assert!(wait_for(Duration::from_secs(5), || judged() > 1000));
    assert_eq!(telemetry.reason(0, Outbound, Reason::NoPolicy), 0);
    let mut client = dataplane.connect();
    assert_eq!(status(&mut client).generation, 42);
    assert_eq!(refusal(adopt(&mut client, 42, 0)).0, Refusal::StaleGeneration);
    assert!(adopt(&mut client, 43, 0).is_ok());
}
