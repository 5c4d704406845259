//! gate25-dataplane under a policy, and how new images are put in force while it is measured.

use std::os::fd::AsFd;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use gate25_include::counters::{LinkCounter, PortCounter};
use gate25_include::handover::{Connection, Request};
use gate25_include::memfd::{Pages, seal_copy};
use gate25_include::telemetry::{Direction, TelemetryReader};

use crate::path::policy::Policy;
use crate::path::ports::Setup;
use crate::path::subject::{Count, Process, Subject};
use crate::path::testpmd::in_netns;

/// A dataplane between the two ports of a setup.
pub(crate) struct Gate {
    name: &'static str,
    program: PathBuf,
    config: PathBuf,
    socket: PathBuf,
    log: PathBuf,
    netns: Option<String>,
    image: Arc<Vec<u32>>,
    rate: u32,
    hz: f64,
    running: Option<Running>,
}

struct Running {
    // Ends before the process does.
    commits: Committer,
    telemetry: TelemetryReader,
    process: Process,
}

impl Gate {
    /// `name` is `gate25`, or says how it differs; `idle` is the key of dataplane.toml.
    pub(crate) fn new(
        (name, idle): (&'static str, &str),
        setup: &Setup,
        program: &Path,
        policy: &Policy,
        rate: u32,
    ) -> Result<Gate, String> {
        let image = policy.image(1).map_err(|error| format!("policy {}: {error}", policy.name))?;
        let instance = format!("bench-{}", std::process::id());
        let config = setup.file(&format!("{name}.toml"));
        let cpus: Vec<String> = setup.cpus().iter().map(ToString::to_string).collect();
        let text = format!(
            "instance = \"{instance}\"\ncores = [{}]\nmain_core = {}\nidle = \"{idle}\"\nrun_dir = \"{}\"\n\
             descriptors = {}\n[[link]]\nname = \"bench\"\naccess = \"{}\"\nnetwork = \"{}\"\n",
            cpus.join(", "),
            setup.main_cpu(),
            setup.folder().display(),
            setup.descriptors(),
            setup.access(),
            setup.network()
        );
        std::fs::write(&config, text).map_err(|error| format!("{}: {error}", config.display()))?;
        let socket = setup.folder().join(format!("{instance}.sock"));
        let (log, netns) = (setup.file(name), setup.netns());
        Ok(Gate {
            name,
            program: program.to_owned(),
            config,
            socket,
            log,
            netns,
            image: Arc::new(image),
            rate,
            hz: 0.0,
            running: None,
        })
    }
}

impl Subject for Gate {
    fn name(&self) -> &str {
        self.name
    }

    fn start(&mut self) -> Result<(), String> {
        let arguments = ["--config".to_owned(), self.config.display().to_string()];
        let command = in_netns(self.netns.as_deref(), &self.program.display().to_string(), &arguments);
        let mut process = Process::start(command, &self.log)?;
        let open = || Connection::open(&self.socket, Duration::from_secs(1));
        process.wait_for("gate25-dataplane's socket", || open().is_ok())?;
        let mut client = open().map_err(|error| error.to_string())?.0;
        adopt(&mut client, &self.image)?;
        let (_, fd) = client.ask(Request::TelemetryPlease, None).map_err(|error| error.to_string())?;
        let fd = fd.ok_or("gate25-dataplane hands out no telemetry")?;
        let telemetry = TelemetryReader::open(fd).map_err(|error| error.to_string())?;
        process.wait_for("frames through gate25", || count(&telemetry).frames > 0)?;
        self.hz = telemetry.identity().tsc_hz as f64;
        let commits = Committer::start(client, Arc::clone(&self.image), self.rate);
        self.running = Some(Running { commits, telemetry, process });
        Ok(())
    }

    fn count(&mut self) -> Result<Count, String> {
        let running = self.running.as_ref().ok_or("gate25 does not run")?;
        Ok(Count { commits: running.commits.done.load(Ordering::Relaxed), ..count(&running.telemetry) })
    }

    fn hz(&self) -> Option<f64> {
        Some(self.hz)
    }

    fn process(&mut self) -> Option<&mut Process> {
        self.running.as_mut().map(|running| &mut running.process)
    }

    fn stop(&mut self) {
        self.running = None;
    }
}

fn count(telemetry: &TelemetryReader) -> Count {
    let get = |counter| telemetry.link(0, Direction::Outbound, counter);
    let lost = get(LinkCounter::UnsentFrames) + telemetry.port(0, PortCounter::Missed);
    Count { frames: get(LinkCounter::RxFrames), lost, commits: 0 }
}

fn adopt(client: &mut Connection, words: &[u32]) -> Result<(), String> {
    let fd = seal_copy(words, Pages::Ordinary).map_err(|error| error.to_string())?;
    let generation = u64::from(words.get(GENERATION).copied().unwrap_or(1));
    let request = Request::Adopt { generation, confirm_seconds: 0 };
    client.ask(request, Some(fd.as_fd())).map(|_| ()).map_err(|error| error.to_string())
}

/// Puts the same policy in force again and again, as new generations.
struct Committer {
    stop: Arc<AtomicBool>,
    done: Arc<AtomicU64>,
    thread: Option<JoinHandle<()>>,
}

impl Committer {
    fn start(mut client: Connection, image: Arc<Vec<u32>>, rate: u32) -> Committer {
        let (stop, done) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
        let (ends, counts) = (Arc::clone(&stop), Arc::clone(&done));
        let work = move || {
            let mut words = image.to_vec();
            let mut next = Instant::now();
            while !ends.load(Ordering::Relaxed) {
                if let Some(generation) = words.get_mut(GENERATION) {
                    *generation += 1;
                }
                gate25_include::image::format::sign(&mut words);
                if adopt(&mut client, &words).is_ok() {
                    counts.fetch_add(1, Ordering::Relaxed);
                }
                // While the dataplane stands still nothing is owed.
                next = (next + Duration::from_secs(1) / rate).max(Instant::now());
                std::thread::sleep(next.saturating_duration_since(Instant::now()));
            }
        };
        let thread = (rate > 0).then(|| std::thread::spawn(work));
        Committer { stop, done, thread }
    }
}

impl Drop for Committer {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// The generation's low word.
const GENERATION: usize = gate25_include::image::format::header::GENERATION;
