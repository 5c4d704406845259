//! A double of the dataplane's socket side, made of gate25-include alone: it adopts, tells and hands out
//! as the real one does, forwards nothing, and misbehaves on demand.
#![allow(dead_code, reason = "not every test file needs all of it")]

use std::os::fd::{AsFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use gate25_include::counters::ProcessCounter;
use gate25_include::handover::{Connection, Left, Refusal, Reply, Request, SocketError, Status};
use gate25_include::image::Image;
use gate25_include::telemetry::{Identity, Telemetry};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::net::{
    AddressFamily, SocketAddrUnix, SocketFlags, SocketType, accept_with, bind, listen, socket_with, sockopt,
};

/// How the double behaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Manner {
    /// As the real one.
    Good,
    /// Adopts at once and says so 10 ms later.
    AnswersLate,
    /// Answers nothing.
    Hangs,
    /// Is of another release.
    OtherRelease,
    /// Refuses images.
    Refuses(Refusal),
    /// Adopts an image and closes the connection without an answer.
    AdoptsAndCloses,
    /// Closes the connection when an image comes, and does not adopt it.
    ClosesOnAdopt,
}

struct Inner {
    image: Option<Image>,
    previous: Option<Image>,
    planned: Vec<Image>,
    left: Left,
    highest: u64,
    confirm_until: Option<Instant>,
    adopted: Vec<u64>,
    manner: Manner,
}

pub(crate) struct Double {
    inner: Arc<Mutex<Inner>>,
    pub(crate) telemetry: Arc<Telemetry>,
    identity: Identity,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

static INCARNATION: AtomicU64 = AtomicU64::new(1);

impl Double {
    /// Listens at `socket` until dropped; the socket's file stays behind, as after a kill.
    pub(crate) fn start(socket: &Path, manner: Manner) -> Double {
        Double::start_with(socket, manner, &["east", "west"], 2)
    }

    /// As [`Double::start`], with these links and so many workers.
    pub(crate) fn start_with(socket: &Path, manner: Manner, links: &[&str], workers: usize) -> Double {
        let incarnation = INCARNATION.fetch_add(1, Ordering::Relaxed);
        let identity = Identity { incarnation, started_at: 1_700_000_000, pid: 4711, tsc_hz: 1_000_000_000 };
        let telemetry = Arc::new(Telemetry::create("bng1", links, workers, identity).unwrap());
        let (image, previous, planned, left) = (None, None, Vec::new(), Left::default());
        let (highest, confirm_until, adopted) = (0, None, Vec::new());
        let inner = Inner { image, previous, planned, left, highest, confirm_until, adopted, manner };
        let inner = Arc::new(Mutex::new(inner));
        let stop = Arc::new(AtomicBool::new(false));
        let mut double = Double { inner, telemetry, identity, stop, thread: None };
        let _ = std::fs::remove_file(socket);
        let listener = listener(socket);
        let server = double.server();
        double.thread = Some(std::thread::spawn(move || server.accept(&listener)));
        double
    }

    pub(crate) fn behave(&self, manner: Manner) {
        self.inner.lock().unwrap().manner = manner;
    }

    /// Generations adopted, in order.
    pub(crate) fn adopted(&self) -> Vec<u64> {
        self.inner.lock().unwrap().adopted.clone()
    }

    /// Asks something of the image in force.
    pub(crate) fn image<T>(&self, ask: impl FnOnce(&Image) -> T) -> Option<T> {
        self.inner.lock().unwrap().image.as_ref().map(ask)
    }

    /// Lets the confirm timer run out now.
    pub(crate) fn run_out(&self) {
        let mut inner = self.inner.lock().unwrap();
        inner.confirm_until = None;
        inner.left = Left { generation: inner.generation(), at: unix(), by_timer: true };
        inner.image = inner.previous.take();
    }

    /// The times for which images lie ready.
    pub(crate) fn planned(&self) -> Vec<i64> {
        self.inner.lock().unwrap().planned.iter().map(Image::compiled_at).collect()
    }

    fn server(&self) -> Server {
        Server {
            inner: Arc::clone(&self.inner),
            telemetry: Arc::clone(&self.telemetry),
            identity: self.identity,
            stop: Arc::clone(&self.stop),
        }
    }
}

impl Drop for Double {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        self.thread.take().unwrap().join().unwrap();
    }
}

#[derive(Clone)]
struct Server {
    inner: Arc<Mutex<Inner>>,
    telemetry: Arc<Telemetry>,
    identity: Identity,
    stop: Arc<AtomicBool>,
}

impl Server {
    fn accept(self, listener: &OwnedFd) {
        let mut clients = Vec::new();
        while !self.stop.load(Ordering::Relaxed) {
            if !readable(listener) {
                continue;
            }
            let connection = accept_with(listener, SocketFlags::CLOEXEC).unwrap();
            let server = self.clone();
            clients.push(std::thread::spawn(move || server.serve(connection)));
        }
        clients.into_iter().for_each(|client| client.join().unwrap());
    }

    fn serve(&self, fd: OwnedFd) {
        sockopt::set_socket_timeout(&fd, sockopt::Timeout::Send, Some(Duration::from_secs(1))).unwrap();
        let connection = Connection::from(fd);
        while !self.stop.load(Ordering::Relaxed) {
            if !readable(&connection) {
                continue;
            }
            let Ok(Some((message, fd))) = connection.receive() else { return };
            let request = Request::decode(&message).unwrap();
            let Some((reply, fd)) = self.reply(request, fd) else { return };
            let manner = self.inner.lock().unwrap().manner;
            if manner == Manner::Hangs {
                continue;
            }
            if manner == Manner::AnswersLate && matches!(request, Request::Adopt { .. }) {
                std::thread::sleep(Duration::from_millis(10));
            }
            let sent = connection.send(&reply.encode(message.number()), fd.as_ref().map(AsFd::as_fd));
            if matches!(sent, Err(SocketError::System { .. })) {
                return;
            }
        }
    }

    /// The answer and its descriptor; none to close the connection.
    fn reply(&self, request: Request, fd: Option<OwnedFd>) -> Option<(Reply, Option<OwnedFd>)> {
        let inner = &mut *self.inner.lock().unwrap();
        inner.on_time();
        self.telemetry.process().set(ProcessCounter::Heartbeat, boot_nanoseconds());
        let Identity { incarnation, started_at, pid, .. } = self.identity;
        Some(match request {
            Request::Hello { .. } if inner.manner == Manner::OtherRelease => (refused(Refusal::Abi), None),
            Request::Hello { .. } => (Reply::Welcome { incarnation, started_at, pid, instance: "bng1".into() }, None),
            Request::Adopt { generation, confirm_seconds } => {
                (self.adopt(inner, generation, confirm_seconds, fd.unwrap())?, None)
            }
            Request::Confirm { generation } if inner.generation() == generation && inner.confirm_until.is_some() => {
                inner.confirm_until = None;
                (Reply::Confirmed { generation }, None)
            }
            Request::Confirm { .. } => (refused(Refusal::NothingPending), None),
            Request::Rollback => match inner.previous.take() {
                Some(image) => {
                    inner.confirm_until = None;
                    inner.left = Left { generation: inner.generation(), at: unix(), by_timer: false };
                    let generation = image.generation();
                    inner.image = Some(image);
                    (Reply::Adopted { generation, nanoseconds: 1 }, None)
                }
                None => (refused(Refusal::NoPrevious), None),
            },
            Request::Forget => {
                inner.planned.clear();
                (Reply::Planned { count: 0 }, None)
            }
            Request::Plan { generation, behind } => {
                let image = Image::open(fd.unwrap()).unwrap();
                assert_eq!((image.generation(), behind), (generation, inner.generation()));
                assert!(generation > inner.highest && inner.confirm_until.is_none());
                inner.highest = generation;
                inner.planned.push(image);
                (Reply::Planned { count: inner.planned.len() as u64 }, None)
            }
            Request::Status => (Reply::Status(self.status(inner)), None),
            Request::ImagePlease => match &inner.image {
                Some(image) => {
                    let fd = image.descriptor().unwrap().try_clone_to_owned().unwrap();
                    (Reply::Image { generation: image.generation() }, Some(fd))
                }
                None => (refused(Refusal::NoImage), None),
            },
            Request::TelemetryPlease => (Reply::Telemetry, Some(self.telemetry.as_fd().try_clone_to_owned().unwrap())),
        })
    }

    fn adopt(&self, inner: &mut Inner, generation: u64, confirm_seconds: u64, fd: OwnedFd) -> Option<Reply> {
        match inner.manner {
            Manner::Refuses(refusal) => return Some(refused(refusal)),
            Manner::ClosesOnAdopt => return None,
            _ => {}
        }
        let image = Image::open(fd).unwrap();
        assert_eq!(image.generation(), generation, "header and message must agree");
        if generation <= inner.highest {
            return Some(refused(Refusal::StaleGeneration));
        }
        inner.highest = generation;
        inner.adopted.push(generation);
        inner.previous = inner.image.replace(image);
        inner.planned.clear();
        inner.confirm_until = (confirm_seconds > 0).then(|| Instant::now() + Duration::from_secs(confirm_seconds));
        self.telemetry.process().set(ProcessCounter::Generation, generation);
        self.telemetry.process().add(ProcessCounter::Adopted, 1);
        (inner.manner != Manner::AdoptsAndCloses).then_some(Reply::Adopted { generation, nanoseconds: 1_000_000 })
    }

    fn status(&self, inner: &Inner) -> Status {
        let left = inner.confirm_until.map(|until| until.saturating_duration_since(Instant::now()));
        Status {
            generation: inner.generation(),
            highest_generation: inner.highest,
            digest: inner.image.as_ref().map_or(0, Image::digest),
            previous_generation: inner.previous.as_ref().map_or(0, Image::generation),
            confirm_left_ms: left.map_or(0, |left| left.as_millis() as u64),
            workers: 2,
            links: 2,
            incarnation: self.identity.incarnation,
            started_at: self.identity.started_at,
            left: inner.left,
        }
    }
}

impl Inner {
    /// Brings into force what is due.
    fn on_time(&mut self) {
        while self.confirm_until.is_none()
            && self.planned.first().is_some_and(|next| next.compiled_at() <= unix() as i64)
        {
            let image = self.planned.remove(0);
            self.adopted.push(image.generation());
            self.image = Some(image);
        }
    }

    fn generation(&self) -> u64 {
        self.image.as_ref().map_or(0, Image::generation)
    }
}

fn refused(refusal: Refusal) -> Reply {
    Reply::Refused { refusal, text: refusal.help().into() }
}

fn listener(socket: &Path) -> OwnedFd {
    let fd = socket_with(AddressFamily::UNIX, SocketType::SEQPACKET, SocketFlags::CLOEXEC, None).unwrap();
    bind(&fd, &SocketAddrUnix::new(socket).unwrap()).unwrap();
    listen(&fd, 16).unwrap();
    fd
}

fn readable(fd: &impl AsFd) -> bool {
    let mut fds = [PollFd::new(fd, PollFlags::IN)];
    poll(&mut fds, Some(&Timespec { tv_sec: 0, tv_nsec: 20_000_000 })).unwrap() > 0
}

fn unix() -> u64 {
    std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs()
}

fn boot_nanoseconds() -> u64 {
    let now = rustix::time::clock_gettime(rustix::time::ClockId::Boottime);
    now.tv_sec as u64 * 1_000_000_000 + now.tv_nsec as u64
}

/// A folder for one test, gone when it ends.
pub(crate) struct Scratch(PathBuf);

impl Scratch {
    pub(crate) fn new() -> Scratch {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let name = format!("gate25-control-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let path = std::env::temp_dir().join(name);
        std::fs::create_dir_all(path.join("run")).unwrap();
        Scratch(path)
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    pub(crate) fn socket(&self) -> PathBuf {
        self.0.join("run/bng1.sock")
    }

    pub(crate) fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.0.join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, text).unwrap();
        path
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// Waits until `done` holds, at most ten seconds.
pub(crate) fn wait_for(what: &str, done: impl Fn() -> bool) {
    let end = Instant::now() + Duration::from_secs(10);
    while !done() {
        assert!(Instant::now() < end, "{what}: not within 10 s");
        std::thread::sleep(Duration::from_millis(10));
    }
}
