//! What is measured: a process that forwards, and the turns it takes with others.

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use crate::path::ports::Setup;

/// What was counted since a start.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Count {
    /// Frames received.
    pub(crate) frames: u64,
    /// Frames that were not sent or found no descriptor.
    pub(crate) lost: u64,
    /// Images taken.
    pub(crate) commits: u64,
}

/// One window.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Turn {
    /// Frames received per second.
    pub(crate) rate: f64,
    pub(crate) frames: u64,
    pub(crate) lost: u64,
    pub(crate) commits: u64,
}

/// A forwarder that can be started and asked.
pub(crate) trait Subject {
    fn name(&self) -> &str;
    /// Starts it; it forwards when this returns.
    fn start(&mut self) -> Result<(), String>;
    fn count(&mut self) -> Result<Count, String>;
    /// Steps of the time-stamp counter per second, if it says so.
    fn hz(&self) -> Option<f64> {
        None
    }
    fn process(&mut self) -> Option<&mut Process>;
    fn stop(&mut self);
}

/// Lets each subject take its turn in each round; gives each one's turns.
pub(crate) fn turns(
    setup: &Setup,
    subjects: &mut [Box<dyn Subject>],
    rounds: usize,
    window: u64,
) -> Result<Vec<Vec<Turn>>, String> {
    let mut turns = vec![Vec::with_capacity(rounds); subjects.len()];
    if setup.shared() {
        for subject in subjects.iter_mut() {
            subject.start()?;
            signal(subject, Signal::STOP)?;
        }
    }
    // The first round warms up.
    for round in 0..=rounds {
        for (subject, turns) in subjects.iter_mut().zip(&mut turns) {
            let turn = if setup.shared() { resumed(subject, window)? } else { afresh(setup, subject, window)? };
            if round > 0 {
                turns.push(turn);
            }
        }
    }
    for subject in subjects.iter_mut().filter(|_| setup.shared()) {
        signal(subject, Signal::CONT)?;
        subject.stop();
    }
    Ok(turns)
}

fn resumed(subject: &mut Box<dyn Subject>, window: u64) -> Result<Turn, String> {
    signal(subject, Signal::CONT)?;
    let turn = one(subject, window);
    signal(subject, Signal::STOP)?;
    turn
}

fn afresh(setup: &Setup, subject: &mut Box<dyn Subject>, window: u64) -> Result<Turn, String> {
    let _generator = setup.generator()?;
    subject.start()?;
    let turn = one(subject, window);
    subject.stop();
    turn
}

fn one(subject: &mut Box<dyn Subject>, window: u64) -> Result<Turn, String> {
    std::thread::sleep(Duration::from_millis(window / 4));
    let (before, start) = (subject.count()?, Instant::now());
    std::thread::sleep(Duration::from_millis(window));
    let (after, seconds) = (subject.count()?, start.elapsed().as_secs_f64());
    let frames = after.frames - before.frames;
    let (lost, commits) = (after.lost - before.lost, after.commits - before.commits);
    Ok(Turn { rate: frames as f64 / seconds, frames, lost, commits })
}

fn signal(subject: &mut Box<dyn Subject>, signal: Signal) -> Result<(), String> {
    let name = subject.name().to_owned();
    match subject.process() {
        Some(process) => process.signal(signal).map_err(|error| format!("{name}: {error}")),
        None => Err(format!("{name} does not run")),
    }
}

/// A child that ends with its owner; what it says is in a file.
pub(crate) struct Process {
    child: Child,
    log: std::path::PathBuf,
}

impl Process {
    /// Starts `command` with its talk in `log` and its standard input open.
    pub(crate) fn start(mut command: Command, log: &Path) -> Result<Process, String> {
        let file = std::fs::File::create(log).map_err(|error| format!("{}: {error}", log.display()))?;
        let copy = file.try_clone().map_err(|error| error.to_string())?;
        let child = command.stdin(Stdio::piped()).stdout(copy).stderr(file).spawn();
        let program = command.get_program().to_string_lossy().into_owned();
        let child = child.map_err(|error| format!("{program}: {error}; is it installed or built?"))?;
        Ok(Process { child, log: log.to_owned() })
    }

    /// Waits until `is_true`; the error has the last lines of the child's talk.
    pub(crate) fn wait_for(&mut self, what: &str, mut is_true: impl FnMut() -> bool) -> Result<(), String> {
        let end = Instant::now() + START;
        while Instant::now() < end {
            if is_true() {
                return Ok(());
            }
            if self.child.try_wait().is_ok_and(|status| status.is_some()) {
                break;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        let log = std::fs::read_to_string(&self.log).unwrap_or_default();
        let last: Vec<&str> = log.lines().rev().take(5).collect();
        Err(format!("{what} did not come about; {}", last.into_iter().rev().collect::<Vec<_>>().join(" | ")))
    }

    /// Its threads that forward: DPDK names them so.
    pub(crate) fn workers(&self) -> Vec<i32> {
        let tasks = std::fs::read_dir(format!("/proc/{}/task", self.child.id()));
        let works = |task: &std::fs::DirEntry| {
            std::fs::read_to_string(task.path().join("comm")).is_ok_and(|name| name.contains("worker"))
        };
        let tasks = tasks.into_iter().flatten().flatten().filter(works);
        tasks.filter_map(|task| task.file_name().to_str()?.parse().ok()).collect()
    }

    pub(crate) fn signal(&self, signal: Signal) -> rustix::io::Result<()> {
        kill_process(Pid::from_child(&self.child), signal)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.signal(Signal::CONT);
        let _ = self.signal(Signal::TERM);
        let end = Instant::now() + Duration::from_secs(3);
        while Instant::now() < end && self.child.try_wait().is_ok_and(|status| status.is_none()) {
            std::thread::sleep(Duration::from_millis(10));
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// How long a start may take.
const START: Duration = Duration::from_secs(30);
