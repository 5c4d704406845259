//! A real gate25-dataplane under test: its folder, its process, its socket and its telemetry; packet captures and
//! network namespaces around it. Everything is named after this process and ends with its owner, also on panic.

// Each test file uses its part.
#![allow(dead_code, unreachable_pub)]

pub mod frames;
pub mod images;
pub mod netns;
pub mod notify;
pub mod pcap;
pub mod vm;

use std::fs::File;
use std::os::fd::{AsRawFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use gate25_include::counters::{LinkCounter, ProcessCounter, Reason};
use gate25_include::handover::{Connection, Reply, Request};
use gate25_include::telemetry::{Direction, TelemetryReader};

/// Says why a test does nothing and gives true if it must not run here.
pub fn skipped() -> bool {
    let root = rustix::process::geteuid().is_root();
    if !root {
        eprintln!("skipped: needs root (ports, namespaces, locked memory)");
    }
    !root
}

/// A name that no other test uses.
pub fn unique(what: &str) -> String {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    format!("{what}{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed))
}

/// A folder that is removed with its owner.
pub struct Folder(PathBuf);

impl Folder {
    pub fn new() -> Self {
        let path = std::env::temp_dir().join(unique("gate25-test-"));
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// What a dataplane is to be started with.
pub struct Plan {
    pub folder: Folder,
    pub instance: String,
    /// Top-level lines besides instance, run_dir and main_core.
    pub top: String,
    /// The [[link]] tables.
    pub links: String,
    /// The namespace to run in.
    pub netns: Option<String>,
    /// Environment variables besides ours.
    pub environment: Vec<(String, String)>,
    /// A policy passed as systemd passes one from its descriptor store.
    pub stored: Option<OwnedFd>,
    /// What was planned behind it, passed in the same way.
    pub planned: Vec<OwnedFd>,
}

impl Plan {
    /// One worker, ordinary pages, no links yet.
    pub fn new() -> Self {
        let top = "cores = [0]\nhuge_pages = false\n".to_owned();
        Self {
            folder: Folder::new(),
            instance: unique("t"),
            top,
            links: String::new(),
            netns: None,
            environment: Vec::new(),
            stored: None,
            planned: Vec::new(),
        }
    }

    pub fn link(mut self, access: &str, network: &str, more: &str) -> Self {
        let number = self.links.matches("[[link]]").count();
        self.links +=
            &format!("[[link]]\nname = \"link{number}\"\naccess = \"{access}\"\nnetwork = \"{network}\"\n{more}\n");
        self
    }

    pub fn config(&self) -> PathBuf {
        let file = self.folder.path("dataplane.toml");
        let run_dir = self.folder.path("run");
        let main_core = usize::from(std::thread::available_parallelism().unwrap().get() > 1);
        let instance = &self.instance;
        let head = format!("instance = \"{instance}\"\nmain_core = {main_core}\nrun_dir = \"{}\"\n", run_dir.display());
        std::fs::write(&file, head + &self.top + &self.links).unwrap();
        file
    }

    /// Starts the process and does not wait for anything.
    pub fn spawn(self) -> Dataplane {
        let config = self.config();
        let log = self.folder.path("log");
        let mut command = match (&self.netns, &self.stored) {
            (None, None) => Command::new(PROGRAM),
            (None, Some(stored)) => {
                let all: Vec<&OwnedFd> = std::iter::once(stored).chain(&self.planned).collect();
                let file = |fd: &OwnedFd| format!("/proc/{}/fd/{}", std::process::id(), fd.as_raw_fd());
                let files: String = (3..).zip(&all).map(|(number, fd)| format!(" {number}<{}", file(fd))).collect();
                let names = "gate25-image".to_owned() + &":gate25-planned".repeat(self.planned.len());
                let names = format!("LISTEN_FDS={} LISTEN_FDNAMES={names} LISTEN_PID=$$", all.len());
                let mut command = Command::new("sh");
                command.args(["-c", &format!("{names} exec {PROGRAM} \"$@\"{files}"), "sh"]);
                command
            }
            (Some(name), _) => {
                let mut command = Command::new("ip");
                command.args(["netns", "exec", name, PROGRAM]);
                command
            }
        };
        command.arg("--config").arg(config).envs(self.environment.clone());
        let log_file = File::create(&log).unwrap();
        let child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log_file).spawn().unwrap();
        Dataplane { child, plan: self, log }
    }

    /// Starts the process and waits until it says ready.
    pub fn start(self) -> Dataplane {
        let mut dataplane = self.spawn();
        let ready = wait_for(Duration::from_secs(30), || {
            dataplane.log().contains(", ready") || dataplane.child.try_wait().unwrap().is_some()
        });
        assert!(ready && dataplane.child.try_wait().unwrap().is_none(), "no start:\n{}", dataplane.log());
        dataplane
    }

    /// Starts the process, which is to refuse, and gives exit code and talk.
    pub fn refused(self) -> (Option<i32>, String) {
        let mut dataplane = self.spawn();
        let code = dataplane.wait(Duration::from_secs(30));
        (code, dataplane.log())
    }
}

/// A running dataplane.
pub struct Dataplane {
    child: Child,
    pub plan: Plan,
    log: PathBuf,
}

impl Dataplane {
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    pub fn log(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap_or_default()
    }

    pub fn socket(&self) -> PathBuf {
        self.plan.folder.path("run").join(format!("{}.sock", self.plan.instance))
    }

    pub fn connect(&self) -> Connection {
        Connection::open(&self.socket(), Duration::from_secs(5)).unwrap().0
    }

    pub fn telemetry(&self) -> TelemetryReader {
        let (reply, fd) = self.connect().ask(Request::TelemetryPlease, None).unwrap();
        assert_eq!(reply, Reply::Telemetry);
        TelemetryReader::open(fd.unwrap()).unwrap()
    }

    /// CPU time that the worker threads have used.
    pub fn workers_cpu(&self) -> Duration {
        let tasks = std::fs::read_dir(format!("/proc/{}/task", self.pid())).unwrap().flatten();
        let read = |task: &std::fs::DirEntry, file: &str| std::fs::read_to_string(task.path().join(file)).unwrap();
        let nanoseconds =
            |task: &std::fs::DirEntry| -> u64 { read(task, "schedstat").split(' ').next().unwrap().parse().unwrap() };
        let workers = tasks.filter(|task| read(task, "comm").contains("worker"));
        Duration::from_nanos(workers.map(|task| nanoseconds(&task)).sum())
    }

    pub fn signal(&self, signal: rustix::process::Signal) {
        let pid = rustix::process::Pid::from_child(&self.child);
        rustix::process::kill_process(pid, signal).unwrap();
    }

    /// SIGTERM, then the exit code; None if it does not end in `time`. When it ends well every buffer must have come
    /// back, except those that net_af_xdp keeps for the kernel and never gives back.
    pub fn stop(&mut self, time: Duration) -> Option<i32> {
        let telemetry = self.telemetry();
        self.signal(rustix::process::Signal::TERM);
        let code = self.wait(time);
        if code == Some(0) && !self.plan.links.contains("net_af_xdp") {
            let count = |counter| telemetry.process(counter);
            assert!(count(ProcessCounter::Mbufs) > 0);
            assert_eq!(count(ProcessCounter::MbufsAvailable), count(ProcessCounter::Mbufs), "buffers are missing");
        }
        code
    }

    /// The exit code; None if it does not end in `time` or ends by a signal.
    pub fn wait(&mut self, time: Duration) -> Option<i32> {
        self.wait_status(time).and_then(|status| status.code())
    }

    /// How it ended; None if it does not end in `time`.
    pub fn wait_status(&mut self, time: Duration) -> Option<ExitStatus> {
        let child = &mut self.child;
        wait_for(time, || child.try_wait().unwrap().is_some());
        self.child.try_wait().unwrap()
    }
}

impl Drop for Dataplane {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("--- log of {}\n{}", self.plan.instance, self.log());
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Waits until `is_true`, at most `time`. Returns whether it became true.
pub fn wait_for(time: Duration, mut is_true: impl FnMut() -> bool) -> bool {
    let end = Instant::now() + time;
    loop {
        if is_true() {
            return true;
        }
        if Instant::now() >= end {
            return false;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// Waits until a direction of a link has received `frames`, then until its counters agree.
pub fn wait_received(telemetry: &TelemetryReader, link: usize, direction: Direction, frames: u64) {
    let received = || telemetry.link(link, direction, LinkCounter::RxFrames);
    let came = wait_for(Duration::from_secs(30), || received() >= frames);
    assert!(came, "{} of {frames} frames received {}", received(), direction.name());
    assert!(wait_for(Duration::from_secs(5), || conserved(telemetry, link, direction)));
}

/// rx = forwarded + dropped + unsent in frames and bytes, and one reason for each frame.
pub fn conserved(telemetry: &TelemetryReader, link: usize, direction: Direction) -> bool {
    use LinkCounter::*;
    let get = |counter| telemetry.link(link, direction, counter);
    let reasons: u64 = Reason::ALL.iter().map(|reason| telemetry.reason(link, direction, *reason)).sum();
    get(RxFrames) == get(ForwardedFrames) + get(DroppedFrames) + get(UnsentFrames)
        && get(RxBytes) == get(ForwardedBytes) + get(DroppedBytes) + get(UnsentBytes)
        && get(RxFrames) == reasons
}

/// Waits until every packet buffer is free again. For ports that keep none of their own.
pub fn all_buffers_return(telemetry: &TelemetryReader) {
    let count = |counter| telemetry.process(counter);
    let back = wait_for(Duration::from_secs(5), || {
        let all = count(ProcessCounter::Mbufs);
        all > 0 && count(ProcessCounter::MbufsAvailable) == all
    });
    assert!(back, "{} of {} free", count(ProcessCounter::MbufsAvailable), count(ProcessCounter::Mbufs));
}

/// Random numbers that a seed repeats (xorshift64*).
pub struct Random(pub u64);

impl Random {
    pub fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    pub fn below(&mut self, limit: u64) -> u64 {
        self.next() % limit
    }

    pub fn bytes(&mut self, len: usize) -> Vec<u8> {
        (0..len).map(|_| self.next() as u8).collect()
    }
}

/// A client of the socket that says nothing by itself.
pub fn seqpacket(path: &Path) -> OwnedFd {
    use rustix::net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType, connect, socket_with};
    let fd = socket_with(AddressFamily::UNIX, SocketType::SEQPACKET, SocketFlags::CLOEXEC, None).unwrap();
    connect(&fd, &SocketAddrUnix::new(path).unwrap()).unwrap();
    fd
}

pub fn exists(program: &str) -> bool {
    Command::new("sh").args(["-c", &format!("command -v {program}")]).output().is_ok_and(|out| out.status.success())
}

pub fn run(program: &str, args: &[&str]) -> String {
    let output = Command::new(program).args(args).output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{program} {args:?}: {text}");
    text
}

pub fn text(path: &Path) -> String {
    path.display().to_string()
}

pub const PROGRAM: &str = env!("CARGO_BIN_EXE_gate25-dataplane");
