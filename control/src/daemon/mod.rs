//! The program `gate25-control`: its options, and the threads it is made of.
//!
//! Refuses to start beside another control of the same instance. Needs no privilege but to open the
//! dataplane's socket and to write its state directory. Stops on SIGTERM and SIGINT once the commit in
//! flight is done; the dataplane does not notice.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use clap::Parser;
use crossbeam::channel::{Sender, bounded};

use crate::state::{StateError, Store};
use crate::supervise::{Settings, Shared, Supervisor, now};
use crate::{api, export};

/// Compiles policies, publishes them to one dataplane, keeps the last good one on disk, serves metrics.
///
/// Exit codes: 0 stopped by a signal, 1 could not start, 2 wrong usage.
#[derive(Debug, Clone, Parser)]
#[command(name = "gate25-control", version)]
pub struct Options {
    /// Which dataplane: `instance` in its dataplane.toml
    #[arg(long, value_name = "NAME", default_value = "gate25", env = "GATE25_INSTANCE", value_parser = instance)]
    pub instance: String,
    /// Folder of the sockets: `run_dir` in dataplane.toml
    #[arg(long, value_name = "DIR", default_value = "/run/gate25", env = "GATE25_RUN_DIR")]
    pub run_dir: PathBuf,
    /// Folder in which the last policies are kept, in a folder per instance
    #[arg(long, value_name = "DIR", default_value = "/var/lib/gate25")]
    pub state_dir: PathBuf,
    /// Where /metrics, /healthz and /readyz are served; port 0 takes a free one and says which
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:9025")]
    pub metrics: SocketAddr,
}

/// Why control does not start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// The state directory.
    #[error(transparent)]
    State(#[from] StateError),
    /// The control socket.
    #[error("cannot listen at {}: {error}; {remedy}", path.display())]
    Socket {
        /// Where.
        path: PathBuf,
        /// The answer of the operating system.
        error: std::io::Error,
        /// What to do.
        remedy: &'static str,
    },
    /// The metrics' address.
    #[error("cannot serve metrics at {address}: {error}; give another --metrics")]
    Metrics {
        /// Where.
        address: SocketAddr,
        /// The answer of the operating system.
        error: std::io::Error,
    },
    /// Threads or signal handlers.
    #[error("cannot start: {0}; raise the limits of this user")]
    System(#[from] std::io::Error),
}

/// Runs until a signal says stop.
///
/// # Errors
/// [`StartError`]; nothing was published.
pub fn run(options: &Options) -> Result<(), StartError> {
    // First, so that a signal during the start stops it in order, too.
    let (stop, stopped) = bounded(1);
    stop_on_signals(stop)?;
    let store = Arc::new(Store::open(&options.state_dir, &options.instance)?);
    let shared = Arc::new(Shared::new(now()));
    let settings = Settings::new(&options.instance, api::dataplane_socket(&options.run_dir, &options.instance));
    let (supervisor, desk) = Supervisor::new(settings, store, Arc::clone(&shared));
    let path = api::control_socket(&options.run_dir, &options.instance);
    let _server = api::serve(&path, api::Limits::default(), Arc::new(desk)).map_err(|error| {
        let remedy = match error.kind() {
            std::io::ErrorKind::AddrInUse => "another gate25-control serves this instance; stop it",
            std::io::ErrorKind::NotFound => "make the folder given as --run-dir",
            _ => "let gate25-control's user write the folder given as --run-dir",
        };
        StartError::Socket { path: path.clone(), error, remedy }
    })?;
    let address = export::serve(options.metrics, export::Limits::default(), shared)
        .map_err(|error| StartError::Metrics { address: options.metrics, error })?;
    eprintln!("gate25-control: serves {} and http://{address}/metrics", path.display());
    supervisor.run(&stopped);
    Ok(())
}

fn stop_on_signals(stop: Sender<()>) -> std::io::Result<()> {
    let mut signals = signal_hook::iterator::Signals::new([signal_hook::consts::SIGTERM, signal_hook::consts::SIGINT])?;
    let wait = move || {
        for signal in signals.forever() {
            eprintln!("gate25-control: stopping on signal {signal}");
            let _ = stop.try_send(());
        }
    };
    std::thread::Builder::new().name("signals".into()).spawn(wait).map(drop)
}

/// The name of an instance, as the dataplane takes it: 1 to 32 of a-z, 0-9 and -.
///
/// # Errors
/// What is allowed.
pub fn instance(text: &str) -> Result<String, String> {
    let allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    if (1..=32).contains(&text.len()) && text.bytes().all(allowed) {
        return Ok(text.to_owned());
    }
    Err("write 1 to 32 characters out of a-z, 0-9 and -, as in dataplane.toml".into())
}
