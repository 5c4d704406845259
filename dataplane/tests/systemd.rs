//! What systemd is told, and what it is given to keep: READY, WATCHDOG, STOPPING, the policy in its descriptor store.
//! The same with a real systemd is in scripts/package/try; a stuck worker is in stuck_worker.rs.

mod support;

use std::os::fd::{AsFd, OwnedFd};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use gate25_include::counters::{ProcessCounter, Reason};
use gate25_include::handover::{Connection, Reply, Request};
use gate25_include::image::Image;
use gate25_include::telemetry::Direction::Outbound;
use support::notify::Notify;
use support::{Dataplane, Plan, images, skipped, wait_for};

/// A dataplane under a supervisor that wants to hear of it every two seconds.
fn supervised() -> (Dataplane, Notify) {
    let mut plan = Plan::new();
    let notify = Notify::new(&plan.folder);
    plan.environment = notify.environment(Duration::from_secs(2));
    (plan.link("net_null0,size=64", "net_null1,size=64", "").start(), notify)
}

fn adopt(client: &mut Connection, generation: u64, confirm_seconds: u64) {
    let request = Request::Adopt { generation, confirm_seconds };
    let (reply, _) = client.ask(request, Some(images::good(generation).as_fd())).unwrap();
    assert!(matches!(reply, Reply::Adopted { .. }), "{reply:?}");
}

/// The policy that systemd is given next, and its generation.
fn stored(notify: &Notify) -> (OwnedFd, u64) {
    notify.hear("FDSTOREREMOVE=1\nFDNAME=gate25-image");
    let fd = notify.hear("FDSTORE=1\nFDNAME=gate25-image").fd.expect("no descriptor came along");
    let generation = Image::open(fd.try_clone().unwrap()).unwrap().generation();
    (fd, generation)
}

#[test]
fn systemd_hears_ready_watchdog_and_stopping() {
    if skipped() {
        return;
    }
    let (mut dataplane, notify) = supervised();
    notify.hear("READY=1");
    for _ in 0..3 {
        notify.hear("WATCHDOG=1");
    }
    assert_eq!(dataplane.stop(Duration::from_secs(2)), Some(0));
    notify.hear("STOPPING=1");
}

#[test]
fn a_successor_starts_with_what_systemd_kept() {
    if skipped() {
        return;
    }
    let (dataplane, notify) = supervised();
    adopt(&mut dataplane.connect(), 7, 0);
    let (kept, generation) = stored(&notify);
    assert_eq!(generation, 7);
    dataplane.signal(rustix::process::Signal::KILL);
    drop(dataplane);
    let mut plan = Plan::new();
    plan.stored = Some(kept);
    let successor = plan.link("net_null0,size=64", "net_null1,size=64", "").start();
    let telemetry = successor.telemetry();
    assert!(wait_for(Duration::from_secs(5), || telemetry.reason(0, Outbound, Reason::NotIp) > 1000));
    assert_eq!(telemetry.reason(0, Outbound, Reason::NoPolicy), 0, "frames that no policy judged");
}

#[test]
fn an_unconfirmed_policy_is_kept_once_it_is_confirmed() {
    if skipped() {
        return;
    }
    let (dataplane, notify) = supervised();
    let mut client = dataplane.connect();
    adopt(&mut client, 1, 0);
    assert_eq!(stored(&notify).1, 1);
    notify.hear("FDSTOREREMOVE=1\nFDNAME=gate25-planned");
    adopt(&mut client, 2, 600);
    assert_eq!(notify.count("FDSTORE", Duration::from_secs(1)), 0, "a successor would never roll it back");
    client.ask(Request::Confirm { generation: 2 }, None).unwrap();
    assert_eq!(stored(&notify).1, 2);
    adopt(&mut client, 3, 1);
    // The timer's rollback gives what it went back to.
    assert_eq!(stored(&notify).1, 2);
}

#[test]
fn a_successor_goes_on_with_what_was_planned() {
    if skipped() {
        return;
    }
    let (dataplane, notify) = supervised();
    let mut client = dataplane.connect();
    adopt(&mut client, 1, 0);
    let (kept, _) = stored(&notify);
    notify.hear("FDSTOREREMOVE=1\nFDNAME=gate25-planned");
    let unix = || SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs() as i64;
    let at = unix() + 3;
    let plan = |client: &mut Connection, generation, at| {
        let request = Request::Plan { generation, behind: 1 };
        client.ask(request, Some(images::good_at(generation, at).as_fd())).unwrap();
    };
    plan(&mut client, 2, at);
    notify.hear("FDSTORE=1\nFDNAME=gate25-planned");
    plan(&mut client, 3, at + 9999);
    // In place of the first alone: both.
    notify.hear("FDSTOREREMOVE=1\nFDNAME=gate25-planned");
    let planned =
        [(); 2].map(|()| notify.hear("FDSTORE=1\nFDNAME=gate25-planned").fd.expect("no descriptor came along"));
    dataplane.signal(rustix::process::Signal::KILL);
    drop(dataplane);
    let mut next = Plan::new();
    (next.stored, next.planned) = (Some(kept), planned.into());
    let successor = next.link("net_null0,size=64", "net_null1,size=64", "").start();
    let telemetry = successor.telemetry();
    let in_force = || telemetry.process(ProcessCounter::Generation);
    assert!(wait_for(Duration::from_secs(10), || in_force() == 2 && unix() >= at));
    assert_eq!(telemetry.process(ProcessCounter::Planned), 1);
    assert_eq!(telemetry.reason(0, Outbound, Reason::NoPolicy), 0, "frames that no policy judged");
}
