//! Workers that do not move. A worker is frozen by a tracer that is itself stopped: the worker waits for it at its next
//! system call, as adaptive idling makes one.

mod support;

use std::os::fd::AsFd;
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use gate25_include::counters::WorkerCounter;
use gate25_include::handover::{Refusal, Reply, Request, SocketError};
use rustix::process::{Pid, Signal, kill_process};
use support::notify::Notify;
use support::{Dataplane, Plan, exists, images, skipped, wait_for};

/// A frozen worker; it goes on when this is dropped.
struct Frozen {
    tracer: Child,
}

impl Frozen {
    fn new(dataplane: &Dataplane, worker: usize) -> Self {
        let telemetry = dataplane.telemetry();
        let mut threads: Vec<u32> = std::fs::read_dir(format!("/proc/{}/task", dataplane.pid()))
            .unwrap()
            .flatten()
            .filter(|task| std::fs::read_to_string(task.path().join("comm")).unwrap().contains("worker"))
            .map(|task| task.file_name().to_string_lossy().parse().unwrap())
            .collect();
        threads.sort_unstable();
        let log = dataplane.plan.folder.path(&format!("trace{worker}"));
        let tracer = Command::new("strace")
            .args(["-o", &support::text(&log), "-p", &threads[worker].to_string()])
            .stdin(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        assert!(wait_for(Duration::from_secs(5), || std::fs::metadata(&log).is_ok_and(|file| file.len() > 0)));
        kill_process(Pid::from_child(&tracer), Signal::STOP).unwrap();
        let beat = || telemetry.worker(worker, WorkerCounter::Heartbeat);
        let still = || {
            let before = beat();
            std::thread::sleep(Duration::from_millis(50));
            beat() == before
        };
        assert!(wait_for(Duration::from_secs(5), still), "worker {worker} still moves");
        Self { tracer }
    }
}

impl Drop for Frozen {
    fn drop(&mut self) {
        // A killed tracer lets its tracee go.
        let _ = self.tracer.kill();
        let _ = self.tracer.wait();
    }
}

fn idle(cores: &str) -> Dataplane {
    let mut plan = Plan::new();
    plan.top = plan.top.replace("[0]", cores) + "idle = \"adaptive\"\n";
    plan.link("net_null0,no-rx=1", "net_null1,no-rx=1", "").start()
}

fn absent() -> bool {
    let missing = !exists("strace");
    if missing {
        eprintln!("skipped: needs strace (apt-get install strace)");
    }
    missing || skipped()
}

#[test]
fn a_stuck_worker_refuses_the_policy_and_is_named_until_it_moves() {
    if absent() {
        return;
    }
    let dataplane = idle("[0, 0]");
    let telemetry = dataplane.telemetry();
    let generation = |worker| telemetry.worker(worker, WorkerCounter::Generation);
    let mut client = dataplane.connect();
    let mut adopt = |number| {
        let request = Request::Adopt { generation: number, confirm_seconds: 0 };
        client.ask(request, Some(images::good(number).as_fd())).map(|(reply, _)| reply)
    };
    adopt(1).unwrap();
    let frozen = Frozen::new(&dataplane, 1);
    let refused = adopt(2).unwrap_err();
    assert!(matches!(refused, SocketError::Refused { refusal: Refusal::WorkerStuck, .. }), "{refused}");
    assert!(wait_for(Duration::from_secs(2), || generation(0) == 1), "the worker that moved went back");
    assert!(matches!(adopt(2), Err(SocketError::Refused { refusal: Refusal::Busy, .. })));
    assert!(wait_for(Duration::from_secs(5), || dataplane.log().contains("worker 1 does not move")));
    drop(frozen);
    assert!(wait_for(Duration::from_secs(5), || matches!(adopt(2), Ok(Reply::Adopted { generation: 2, .. }))));
    assert_eq!((generation(0), generation(1)), (2, 2));
}

#[test]
fn the_watchdog_is_fed_only_while_every_worker_moves() {
    if absent() {
        return;
    }
    let mut plan = Plan::new();
    let notify = Notify::new(&plan.folder);
    plan.top = plan.top.replace("[0]", "[0, 0]") + "idle = \"adaptive\"\n";
    plan.environment = notify.environment(Duration::from_secs(1));
    let dataplane = plan.link("net_null0,no-rx=1", "net_null1,no-rx=1", "").start();
    notify.hear("WATCHDOG=1");
    let frozen = Frozen::new(&dataplane, 1);
    assert!(wait_for(Duration::from_secs(10), || dataplane.log().contains("worker 1 does not move")));
    notify.drain();
    assert_eq!(notify.count("WATCHDOG=1", Duration::from_secs(3)), 0, "systemd would never know");
    drop(frozen);
    notify.hear("WATCHDOG=1");
}

#[test]
fn no_worker_moving_ends_the_process() {
    if absent() {
        return;
    }
    let mut dataplane = idle("[0]");
    let frozen = Frozen::new(&dataplane, 0);
    assert!(wait_for(Duration::from_secs(10), || dataplane.log().contains("no worker moves: aborting")));
    // A dead thread is kept by its tracer until that looks.
    drop(frozen);
    let status = dataplane.wait_status(Duration::from_secs(10)).expect("still runs");
    assert_eq!(status.signal(), Some(6), "{status}");
}
