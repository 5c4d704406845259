//! The other end of both ports: sends stamped frames into the access side at a given pace, sends back what comes out at
//! the network side, and takes the time of what returns.
//!
//! A DPDK process's thread of its own, on the CPU that the box does not have; it owns EAL. All of it is one clock, the
//! time-stamp counter: nothing is to be synchronised. Between trials it sends a frame a millisecond, so that a subject
//! that starts has something to forward.

use std::os::fd::AsFd;
use std::path::Path;
use std::thread::JoinHandle;
use std::time::Duration;

use crossbeam::channel::{Receiver, RecvTimeoutError, Sender, bounded};
use gate25_dataplane::config::Config;
use gate25_dataplane::device::Device;
use gate25_dataplane::eal::{Eal, cycles};
use gate25_dataplane::mbuf::{Burst, Pool, Scratch};
use gate25_dataplane::port::{Plan, Port, RxQueue, TxQueue};
use rustix::thread::{LinkNameSpaceType, gettid, move_into_link_name_space};

use crate::path::Setup;
use crate::random::Random;

/// A generator on its thread; ends with its owner.
pub(super) struct Generator {
    asks: Option<Sender<Trial>>,
    answers: Receiver<Outcome>,
    thread: Option<JoinHandle<Result<(), String>>>,
    tid: i32,
}

/// So many frames a second, for so long.
#[derive(Clone, Copy, Debug)]
pub(super) struct Trial {
    pub(super) rate: f64,
    pub(super) time: Duration,
}

/// What became of a trial.
#[derive(Clone, Debug)]
pub(super) struct Outcome {
    /// Frames a second that were really offered: the generator has a limit too.
    pub(super) rate: f64,
    pub(super) sent: u64,
    /// Sent, or not taken by the port, and not come back.
    pub(super) lost: u64,
    /// Round trips in microseconds.
    pub(super) trips: Vec<f64>,
}

impl Generator {
    /// Opens the far ends of `setup`'s ports.
    pub(super) fn start(setup: &Setup, frames: Vec<Vec<u8>>) -> Result<Generator, String> {
        let (asks, trials) = bounded(1);
        let (outcomes, answers) = bounded(1);
        let (opened, ready) = bounded(1);
        let (ports, netns, folder, cpu) =
            (setup.far_ports(), setup.netns(), setup.folder().to_owned(), setup.main_cpu());
        let ports = ports.ok_or("these ports have no other end; use memif, af-packet or af-xdp")?;
        let work = move || {
            if let Some(netns) = netns {
                enter(&netns)?;
            }
            let (eal, mut ends) = Ends::open(&ports, &folder, cpu, frames)?;
            // Whoever waits for it has gone if this fails.
            let _ = opened.send(gettid().as_raw_nonzero().get());
            ends.serve(&trials, &outcomes);
            ends.close(eal);
            Ok(())
        };
        let thread = std::thread::Builder::new().spawn(work).map_err(|error| error.to_string())?;
        let mut generator = Generator { asks: Some(asks), answers, thread: Some(thread), tid: 0 };
        match ready.recv() {
            Ok(tid) => {
                generator.tid = tid;
                Ok(generator)
            }
            Err(_) => Err(generator.end()),
        }
    }

    /// Runs a trial.
    pub(super) fn trial(&mut self, trial: Trial) -> Result<Outcome, String> {
        let asked = self.asks.as_ref().is_some_and(|asks| asks.send(trial).is_ok());
        match self.answers.recv() {
            Ok(outcome) if asked => Ok(outcome),
            _ => Err(self.end()),
        }
    }

    /// The thread's number.
    pub(super) fn tid(&self) -> i32 {
        self.tid
    }

    /// Ends the thread; gives why it had ended already.
    fn end(&mut self) -> String {
        self.asks = None;
        let ended = self.thread.take().map(JoinHandle::join);
        match ended {
            Some(Ok(Err(error))) => format!("the generator: {error}"),
            _ => "the generator has ended".to_owned(),
        }
    }
}

impl Drop for Generator {
    fn drop(&mut self) {
        self.end();
    }
}

/// The two far ends.
struct Ends {
    near: (Port, RxQueue, TxQueue),
    far: (Port, RxQueue, TxQueue),
    pool: Pool,
    hz: f64,
    frames: Vec<Vec<u8>>,
    next: usize,
    random: Random,
    out: Burst,
    turned: Burst,
    came: Burst,
    scratch: Scratch,
}

impl Ends {
    fn open(ports: &[String; 2], folder: &Path, cpu: usize, frames: Vec<Vec<u8>>) -> Result<(Eal, Ends), String> {
        let text = format!(
            "instance = \"generator-{}\"\ncores = [{cpu}]\nmain_core = {cpu}\nidle = \"poll\"\nrun_dir = \"{}\"\n\
             [[link]]\nname = \"generator\"\naccess = \"{}\"\nnetwork = \"{}\"\n",
            std::process::id(),
            folder.display(),
            ports[0],
            ports[1]
        );
        let config = Config::parse(&folder.join("generator.toml"), &text).map_err(|error| error.to_string())?;
        let mut eal = Eal::start(&config, 0).map_err(|error| error.to_string())?;
        let pool = Pool::new("generator", BUFFERS, 2048, -1)?;
        let mut open = |text: &str| {
            let device = Device::parse(text).map_err(|error| error.to_string())?;
            let fitted = device.fitted(MTU, 1).map_err(|error| error.to_string())?;
            let mut port = Port::plug(&mut eal, "generator", &device, &fitted).map_err(|error| error.to_string())?;
            let plan = Plan { queues: 1, mtu: MTU, descriptors: 1024, scatter: false, wakes: false };
            port.start(&mut eal, plan, &pool).map_err(|error| error.to_string())?;
            let (rx, tx) = port.queues(0);
            Ok::<_, String>((port, rx, tx))
        };
        let (near, far) = (open(&ports[0])?, open(&ports[1])?);
        let hz = eal.tsc_hz() as f64;
        let (random, out) = (Random::new(25), Burst::new());
        let (turned, came, scratch) = (Burst::new(), Burst::new(), Scratch::new());
        Ok((eal, Ends { near, far, pool, hz, frames, next: 0, random, out, turned, came, scratch }))
    }

    fn serve(&mut self, trials: &Receiver<Trial>, outcomes: &Sender<Outcome>) {
        loop {
            match trials.recv_timeout(Duration::from_millis(1)) {
                Ok(trial) => {
                    let outcome = self.trial(trial);
                    if outcomes.send(outcome).is_err() {
                        return;
                    }
                }
                Err(RecvTimeoutError::Disconnected) => return,
                Err(RecvTimeoutError::Timeout) => {
                    self.turn_round();
                    self.came.receive(&mut self.near.1);
                    self.offer(1);
                }
            }
        }
    }

    /// EAL goes after its ports and bursts.
    fn close(self, eal: Eal) {
        drop(self);
        drop(eal);
    }

    fn trial(&mut self, trial: Trial) -> Outcome {
        let start = cycles();
        let time = (trial.time.as_secs_f64() * self.hz) as u64;
        let gap = self.hz / trial.rate;
        let mut trips = Vec::with_capacity((trial.time.as_secs_f64() * trial.rate.min(MOST)) as usize);
        let (mut offered, mut quiet, mut jitter) = (0_u64, 0, 0.5);
        loop {
            let past = cycles() - start;
            let due = ((past as f64 / gap - jitter).ceil().max(0.0) as u64).saturating_sub(offered);
            if past < time && due > 0 {
                offered += self.offer(due.min(PACE)) as u64;
                // Frames come at random within their gap: not in step with what a sleeping worker does.
                jitter = self.random.below(1024) as f64 / 1024.0;
            }
            self.turn_round();
            let now = cycles();
            if self.collect(start, now, &mut trips) > 0 {
                quiet = now - start;
            }
            let all = trips.len() as u64 >= offered;
            if past >= time && (all || past > time.max(quiet) + (QUIET * self.hz) as u64) {
                break;
            }
        }
        let rate = offered as f64 / trial.time.as_secs_f64();
        let trips: Vec<f64> = trips.iter().map(|trip| *trip as f64 / self.hz * 1e6).collect();
        Outcome { rate, sent: offered, lost: offered.saturating_sub(trips.len() as u64), trips }
    }

    /// Stamps and sends so many frames; what the port does not take is lost. Gives how many were offered.
    fn offer(&mut self, count: u64) -> usize {
        for _ in 0..count {
            let Some(frame) = self.frames.get_mut(self.next) else { break };
            if let Some(stamp) = frame.get_mut(STAMP) {
                stamp.copy_from_slice(&cycles().to_be_bytes());
            }
            if !self.out.push_copy(&self.pool, frame) {
                break;
            }
            self.next = (self.next + 1) % self.frames.len();
        }
        let offered = self.out.len();
        self.out.send(&mut self.near.2);
        self.out.free();
        offered
    }

    /// Sends back what the box brought to its network side.
    fn turn_round(&mut self) {
        self.turned.receive(&mut self.far.1);
        for _ in 0..TRIES {
            if self.turned.is_empty() {
                return;
            }
            self.turned.send(&mut self.far.2);
        }
        self.turned.free();
    }

    /// Takes the times of what came back and was sent since `start`. Gives how many.
    fn collect(&mut self, start: u64, now: u64, trips: &mut Vec<u64>) -> usize {
        self.came.receive(&mut self.near.1);
        let (frames, _) = self.came.frames(&mut self.scratch);
        let before = trips.len();
        for index in 0..frames.len() {
            let stamp = frames.get(index).get(STAMP).and_then(|bytes| bytes.try_into().ok()).map(u64::from_be_bytes);
            if let Some(sent) = stamp.filter(|sent| (start..=now).contains(sent)) {
                trips.push(now - sent);
            }
        }
        trips.len() - before
    }
}

/// Moves the calling thread, and what it will start, into a network namespace.
fn enter(netns: &str) -> Result<(), String> {
    let path = format!("/run/netns/{netns}");
    let file = std::fs::File::open(&path).map_err(|error| format!("{path}: {error}"))?;
    move_into_link_name_space(file.as_fd(), Some(LinkNameSpaceType::Network))
        .map_err(|errno| format!("{path}: {errno}"))
}

/// Where the stamp lies: sequence and acknowledgment number of TCP over IPv4 in an untagged frame.
const STAMP: std::ops::Range<usize> = 38..46;
const MTU: u16 = 1500;
/// As many as all rings can hold.
const BUFFERS: u32 = 32_767;
/// Frames that are sent at once at most.
const PACE: u64 = 32;
/// How often a frame that is sent back is offered to the port.
const TRIES: usize = 1000;
/// A trial is over when nothing has come back for so long, seconds.
const QUIET: f64 = 0.05;
/// More frames a second than there will be.
const MOST: f64 = 10e6;
