//! Control in this process: supervisor, desk and socket, as the daemon puts them together.
#![allow(dead_code, reason = "not every test file needs all of it")]

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use crossbeam::channel::{Sender, bounded};
use gate25_control::api::{self, Applied, Apply, Cause, ControlStatus, Reply, Request};
use gate25_control::state::Store;
use gate25_control::supervise::{Settings, Shared, Supervisor, now};

use super::Scratch;

pub(crate) struct Control {
    pub(crate) shared: Arc<Shared>,
    socket: PathBuf,
    stop: Sender<()>,
    server: Option<api::Server>,
    thread: Option<JoinHandle<()>>,
}

impl Control {
    /// Starts on the scratch folder; whatever is in its state folder counts.
    pub(crate) fn start(scratch: &Scratch) -> Control {
        Control::start_with(scratch, api::Limits::default())
    }

    pub(crate) fn start_with(scratch: &Scratch, limits: api::Limits) -> Control {
        let store = Arc::new(Store::open(&scratch.path("state"), "bng1").unwrap());
        let shared = Arc::new(Shared::new(now()));
        let settings = Settings {
            patience: Duration::from_secs(1),
            round: Duration::from_millis(20),
            ..Settings::new("bng1", scratch.socket())
        };
        let (supervisor, desk) = Supervisor::new(settings, store, Arc::clone(&shared));
        let socket = api::control_socket(&scratch.path("run"), "bng1");
        let server = api::serve(&socket, limits, Arc::new(desk)).unwrap();
        let (stop, stopped) = bounded(1);
        let thread = std::thread::spawn(move || supervisor.run(&stopped));
        Control { shared, socket, stop, server: Some(server), thread: Some(thread) }
    }

    pub(crate) fn socket(&self) -> &Path {
        &self.socket
    }

    pub(crate) fn try_apply(&self, apply: Apply, policy: &Path) -> Reply {
        let files: Vec<PathBuf> = gate25_control::policy::load(policy)
            .map_or_else(|_| vec![policy.to_owned()], |policy| policy.files.iter().map(Into::into).collect());
        api::send_policy(&self.socket, apply, &files).unwrap()
    }

    /// Applies a policy that must come into force.
    pub(crate) fn apply(&self, policy: &Path) -> Applied {
        match self.try_apply(Apply::default(), policy) {
            Reply::Applied(applied) => applied,
            other => panic!("{other:?}"),
        }
    }

    /// Applies a policy that must be refused.
    pub(crate) fn refused(&self, policy: &Path) -> (Cause, String) {
        match self.try_apply(Apply::default(), policy) {
            Reply::Refused { cause, text } => (cause, text),
            other => panic!("{other:?}"),
        }
    }

    pub(crate) fn status(&self) -> ControlStatus {
        match api::ask(&self.socket, &Request::Status).unwrap() {
            Reply::Status(status) => *status,
            other => panic!("{other:?}"),
        }
    }

    /// Stops as the daemon does.
    pub(crate) fn stop(mut self) {
        self.end();
    }

    fn end(&mut self) {
        let _ = self.stop.try_send(());
        if let Some(thread) = self.thread.take() {
            thread.join().unwrap();
        }
        self.server = None;
    }
}

impl Drop for Control {
    fn drop(&mut self) {
        self.end();
    }
}
