//! From a checked configuration to a running dataplane and back to nothing.
//!
//! Owns the order: locks, preflight, EAL, ports, telemetry, socket, workers, READY; and in reverse at the end.
//! Promise: whatever fails, what was begun is ended, and nothing of a running dataplane was touched before the
//! locks were held.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use gate25_include::counters::{ProcessCounter, WorkerCounter};
use gate25_include::image::Image;
use gate25_include::telemetry::{Identity, Telemetry};

use crate::adoption::{Publisher, Subscriber};
use crate::clock::{WallClock, boottime, unix};
use crate::config::Config;
use crate::eal::{self, Eal};
use crate::failure::Failure;
use crate::generations::Generations;
use crate::housekeeping::{Housekeeping, say};
use crate::idle::limit_wake_up;
use crate::links::{self, Link};
use crate::lock::{Lock, LockError};
use crate::preflight;
use crate::server::Server;
use crate::supervision::{Signals, Supervisor, harden, stored_images};
use crate::worker::{Orders, Worker};

/// Runs a dataplane until SIGTERM or SIGINT.
pub fn run(config: &Config) -> Result<(), Failure> {
    let signals = Signals::take()?;
    let _instance = lock_instance(config)?;
    let locks = config.links.iter().map(|link| links::lock_ports(config, link)).collect::<Result<Vec<_>, _>>()?;
    preflight::check(config)?;
    let mut eal = Eal::start(config, preflight::memory_mb(config))?;
    let mut links = Vec::new();
    for (link, locks) in config.links.iter().zip(locks) {
        links.push(Link::start(&mut eal, config, link, locks, &mut say)?);
    }
    let result =
        links::check_distant(&eal, config, &links, &mut say).and_then(|()| serve(config, &eal, &links, &signals));
    links.iter_mut().for_each(Link::stop);
    result.map(|telemetry| publish_buffers(telemetry, &links))
}

/// Everything while ports run: telemetry, socket, workers, the main thread's loop; and the workers' end.
fn serve(config: &Config, eal: &Eal, links: &[Link], signals: &Signals) -> Result<&'static Telemetry, Failure> {
    let identity = identity(eal);
    let telemetry = telemetry(config, identity)?;
    let server = Server::listen(&config.run_dir.join(format!("{}.sock", config.instance)))?;
    harden(&mut say);
    let _latency = limit_wake_up(config.idle, &mut say);
    let mut publisher = Publisher::default();
    let subscribers: Vec<Subscriber> = config.cores.iter().map(|_| publisher.subscribe()).collect();
    let mut generations = Generations::new(publisher);
    restore(&mut generations);
    let clock = Arc::new(WallClock::new(eal.tsc_hz()));
    let supervisor = Supervisor::from_environment();
    let workers = config.cores.len();
    let instance = config.instance.as_str();
    let mut housekeeping = Housekeeping {
        instance,
        links,
        telemetry,
        identity,
        server,
        generations,
        supervisor,
        signals,
        clock: Arc::clone(&clock),
        workers,
    };
    eal.log_to_stderr();
    let stop = Arc::new(AtomicBool::new(false));
    let launched = launch(config, eal, links, subscribers, telemetry, &clock, &stop);
    if launched.is_ok() {
        say(format!("{instance}: {workers} workers, {} links, {}, ready", links.len(), eal::version()));
        housekeeping.run();
    }
    stop.store(true, Ordering::Relaxed);
    (1..=u32::from(config.workers())).for_each(|lcore| eal.wait(lcore));
    // What NICs have in their transmit rings leaves them: a full ring of 10 Gbit/s takes 5 ms.
    std::thread::sleep(TRANSMIT);
    launched.map(|()| telemetry)
}

/// The buffers as they are when every port has given its own back: all of them, or a frame was lost track of.
fn publish_buffers(telemetry: &Telemetry, links: &[Link]) {
    let sum = |of: fn(&Link) -> u32| links.iter().map(|link| u64::from(of(link))).sum();
    telemetry.process().set(ProcessCounter::Mbufs, sum(|link| link.pool.size()));
    telemetry.process().set(ProcessCounter::MbufsAvailable, sum(|link| link.pool.available()));
}

fn lock_instance(config: &Config) -> Result<Lock, Failure> {
    std::fs::create_dir_all(&config.run_dir).map_err(|cause| {
        Failure::system(config.run_dir.display().to_string(), cause, "name a folder in run_dir that can be made")
    })?;
    let name = format!("instance-{}", config.instance);
    Lock::take(&config.run_dir, &name).map_err(|error| match error {
        LockError::Held { pid, file } => Failure::Running { instance: config.instance.clone(), pid, lock: file },
        LockError::System { file, cause } => {
            Failure::system(file.display().to_string(), cause, "make run_dir writable for gate25-dataplane")
        }
    })
}

fn identity(eal: &Eal) -> Identity {
    let unix = unix();
    Identity {
        incarnation: u64::try_from(unix.as_nanos()).unwrap_or(u64::MAX),
        started_at: unix.as_secs(),
        pid: std::process::id().into(),
        tsc_hz: eal.tsc_hz(),
    }
}

fn telemetry(config: &Config, identity: Identity) -> Result<&'static Telemetry, Failure> {
    let names: Vec<&str> = config.links.iter().map(|link| link.name.as_str()).collect();
    let telemetry = Telemetry::create(&config.instance, &names, config.cores.len(), identity).map_err(|error| {
        let cause = std::io::Error::other(error.to_string());
        Failure::system("telemetry", cause, "free memory, or use fewer workers")
    })?;
    // Workers and readers use it until the process ends.
    Ok(Box::leak(Box::new(telemetry)))
}

/// Puts the policy of a predecessor in force, so that the first frame is judged by it, and plans what was planned.
fn restore(generations: &mut Generations) {
    let (Some(fd), planned) = stored_images() else { return };
    let open = |fd| match Image::open(fd) {
        Ok(image) => Some(image),
        Err(error) => {
            say(format!("the predecessor's policy is refused: {error}; all passes until control sends one"));
            None
        }
    };
    let Some(image) = open(fd) else { return };
    say(format!("policy generation {} taken over from the predecessor", image.generation()));
    generations.restore(image, planned.into_iter().filter_map(|fd| Image::open(fd).ok()).collect());
    // What came due while no dataplane ran judges the first frame.
    let wall = i64::try_from(unix().as_secs()).unwrap_or(i64::MAX);
    generations.on_time(wall, boottime());
}

fn launch(
    config: &Config,
    eal: &Eal,
    links: &[Link],
    subscribers: Vec<Subscriber>,
    telemetry: &'static Telemetry,
    clock: &Arc<WallClock>,
    stop: &Arc<AtomicBool>,
) -> Result<(), Failure> {
    for (index, (subscriber, &core)) in (0u16..).zip(subscribers.into_iter().zip(&config.cores)) {
        let queues = links.iter().enumerate().filter_map(|(number, link)| link.queues_of(index, number)).collect();
        let telemetry = telemetry.worker(index.into());
        telemetry.own.set(WorkerCounter::Core, core.into());
        let orders = Orders {
            links: queues,
            subscriber,
            telemetry,
            clock: Arc::clone(clock),
            stop: Arc::clone(stop),
            idle: config.idle,
        };
        eal.launch(u32::from(index) + 1, move || Worker::new(orders).run()).map_err(|cause| Failure::Cpu {
            thread: format!("worker {index}"),
            core,
            cause,
        })?;
    }
    Ok(())
}

/// Between the last burst handed to a port and its stop.
const TRANSMIT: Duration = Duration::from_millis(20);
