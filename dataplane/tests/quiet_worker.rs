//! A worker under load, with drops and answers, allocates nothing and makes no system call of its own.

mod support;

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::os::fd::AsFd;
use std::process::Command;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use gate25_dataplane::config::Config;
use gate25_include::counters::LinkCounter;
use gate25_include::handover::{Connection, Request};
use gate25_include::memfd::{Pages, seal_copy};
use gate25_include::telemetry::Direction::Outbound;
use gate25_include::telemetry::TelemetryReader;
use support::{Plan, exists, images, pcap, skipped, text, wait_for};

/// Counts what is allocated while armed, on threads that are not the test's own.
struct Counting;

static ARMED: AtomicBool = AtomicBool::new(false);
static ALLOCATIONS: AtomicU64 = AtomicU64::new(0);
thread_local! { static OURS: Cell<bool> = const { Cell::new(false) } }

fn count() {
    if ARMED.load(Ordering::Relaxed) && !OURS.get() {
        ALLOCATIONS.fetch_add(1, Ordering::Relaxed);
    }
}

// SAFETY: everything is the system allocator's; counting touches an atomic and a const thread-local only.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count();
        // SAFETY: the caller's promise is handed on.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        count();
        // SAFETY: the caller's promise is handed on.
        unsafe { System.dealloc(at, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// An endless stream of SYNs to port 25, ARP and web traffic into net_null; every SYN is dropped and answered.
fn plan() -> Plan {
    let mut syn = vec![2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 8, 0, 0x45, 0, 0, 40, 0, 1, 0x40, 0, 64, 6, 0, 0];
    syn.extend([203, 0, 113, 7, 198, 51, 100, 25, 0x10, 0, 0, 25, 0, 0, 0, 9, 0, 0, 0, 0, 0x50, 2, 0, 0, 0, 0, 0, 0]);
    let mut web = syn.clone();
    web[36..38].copy_from_slice(&443_u16.to_be_bytes());
    let mut arp = syn.clone();
    arp[12..14].copy_from_slice(&[8, 6]);
    let mut plan = Plan::new();
    pcap::write(&plan.folder.path("in"), &[syn, web, arp]);
    plan.top += "idle = \"adaptive\"\n";
    let access = format!("net_pcap0,rx_pcap={},infinite_rx=1", text(&plan.folder.path("in")));
    plan.link(&access, "net_null0,no-rx=1", "")
}

fn adopt(socket: &std::path::Path) -> TelemetryReader {
    let mut client = Connection::open(socket, Duration::from_secs(5)).unwrap().0;
    let words = images::builder(true, 0).finish(1).unwrap();
    let fd = seal_copy(&words, Pages::Ordinary).unwrap();
    client.ask(Request::Adopt { generation: 1, confirm_seconds: 0 }, Some(fd.as_fd())).unwrap();
    TelemetryReader::open(client.ask(Request::TelemetryPlease, None).unwrap().1.unwrap()).unwrap()
}

/// Frames dropped and answers sent while `during` runs.
fn moved(telemetry: &TelemetryReader, during: impl FnOnce()) -> (u64, u64) {
    let get = |counter| telemetry.link(0, Outbound, counter);
    let before = (get(LinkCounter::DroppedFrames), get(LinkCounter::Rejects) + get(LinkCounter::RejectUnsent));
    during();
    let after = (get(LinkCounter::DroppedFrames), get(LinkCounter::Rejects) + get(LinkCounter::RejectUnsent));
    (after.0 - before.0, after.1 - before.1)
}

/// One test at a time: the other one's thread allocates.
static TURN: Mutex<()> = Mutex::new(());

#[test]
fn no_allocation() {
    OURS.set(true);
    let _turn = TURN.lock();
    if skipped() {
        return;
    }
    let plan = plan();
    let config = Config::load(&plan.config()).unwrap();
    let socket = plan.folder.path("run").join(format!("{}.sock", plan.instance));
    let dataplane = std::thread::spawn(move || {
        OURS.set(true);
        gate25_dataplane::run::run(&config)
    });
    assert!(wait_for(Duration::from_secs(30), || Connection::open(&socket, Duration::from_secs(1)).is_ok()));
    let telemetry = adopt(&socket);
    let (dropped, answered) = moved(&telemetry, || {
        ARMED.store(true, Ordering::Relaxed);
        std::thread::sleep(Duration::from_secs(1));
        ARMED.store(false, Ordering::Relaxed);
    });
    assert!(dropped > 1000 && answered > 1000, "{dropped} dropped, {answered} answered");
    assert_eq!(ALLOCATIONS.load(Ordering::Relaxed), 0);
    rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::TERM).unwrap();
    dataplane.join().unwrap().unwrap();
}

#[test]
fn no_system_call() {
    // What this thread allocates before its turn is not a worker's.
    OURS.set(true);
    let _turn = TURN.lock();
    if !exists("strace") {
        eprintln!("skipped: needs strace (apt-get install strace)");
        return;
    }
    if skipped() {
        return;
    }
    let dataplane = plan().start();
    let telemetry = adopt(&dataplane.socket());
    let tasks = std::fs::read_dir(format!("/proc/{}/task", dataplane.pid())).unwrap();
    let name = |task: &std::path::Path| std::fs::read_to_string(task.join("comm")).unwrap_or_default();
    let worker = tasks.flatten().map(|task| task.path()).find(|task| name(task).contains("worker")).unwrap();
    let thread = worker.file_name().unwrap().to_string_lossy().into_owned();
    let file = dataplane.plan.folder.path("calls");
    let (dropped, _) = moved(&telemetry, || {
        Command::new("timeout").args(["-s", "INT", "1", "strace", "-o", &text(&file), "-p", &thread]).output().unwrap();
    });
    assert!(dropped > 1000, "{dropped}");
    let calls = std::fs::read_to_string(&file).unwrap();
    assert!(calls.lines().all(|line| line.contains("detached")), "{calls}");
}
