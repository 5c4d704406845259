//! Supervise: keeps the dataplane running the policy it should run.
//!
//! One thread, [`Supervisor`], owns the connection to the dataplane and does one thing at a time:
//! commits, publishing again after a restart of either side, and planning the moments at which a policy changes
//! by itself. Everybody else reads what it last knew from [`Shared`] and never waits for it, but for
//! the one commit that may be in flight.

mod ahead;
mod commit;
mod desk;
mod events;
mod held;
mod round;
mod shared;
mod stages;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crossbeam::channel::{Receiver, RecvTimeoutError, Sender, bounded};

pub use desk::{BYTES_MAX, Desk, TEXT_MAX, origins};
pub use held::Held;
pub use shared::{Counts, Shared, View};
pub use stages::{next_changes, stage_name};

use crate::api::{Apply, Peer, Reply};
use crate::publish::{Dataplane, Known};
use crate::state::{Store, Upload};
use ahead::Ahead;
use held::Awaiting;

/// What the supervisor works with.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Name of the dataplane.
    pub instance: String,
    /// The dataplane's socket.
    pub socket: PathBuf,
    /// How long the dataplane may take to answer a question.
    pub patience: Duration,
    /// How often the dataplane is asked what it runs.
    pub round: Duration,
}

impl Settings {
    /// For the dataplane called `instance` that listens at `socket`.
    pub fn new(instance: &str, socket: PathBuf) -> Settings {
        let (patience, round) = (Duration::from_secs(10), Duration::from_millis(250));
        Settings { instance: instance.to_owned(), socket, patience, round }
    }
}

/// What a client wants done.
pub(crate) enum Work {
    /// A policy to be run.
    Commit(Box<Commit>),
    /// Keep the policy that waits for confirmation.
    Confirm(Peer),
    /// Back to the policy before, or to the one with this number.
    Rollback(Option<u64>, Peer),
}

impl Work {
    /// Who wants it.
    fn by(&self) -> Peer {
        match self {
            Work::Commit(commit) => commit.by,
            Work::Confirm(by) | Work::Rollback(_, by) => *by,
        }
    }
}

/// A policy on its way to the workers.
pub(crate) struct Commit {
    pub(crate) upload: Upload,
    pub(crate) apply: Apply,
    pub(crate) by: Peer,
}

/// Work and where its answer goes.
pub(crate) type Job = (Work, Sender<Reply>);

/// The one that talks to the dataplane.
pub struct Supervisor {
    settings: Settings,
    store: Arc<Store>,
    shared: Arc<Shared>,
    jobs: Receiver<Job>,
    dataplane: Option<Dataplane>,
    known: Known,
    held: Option<Arc<Held>>,
    awaiting: Option<Awaiting>,
    ahead: Ahead,
    /// The generation whose times are in the history.
    noted: u64,
    /// Whether the dataplane has been brought to what it should run since it was connected.
    settled: bool,
    /// Not before this moment is a failed publishing tried again.
    retry_at: Option<Instant>,
    /// What stands in the log last, so that one trouble is one line.
    said: String,
}

impl Supervisor {
    /// A supervisor and the desk at which clients ask. Reads the stored policy; one that is not good is
    /// said to be a problem, and nothing is published.
    pub fn new(settings: Settings, store: Arc<Store>, shared: Arc<Shared>) -> (Supervisor, Desk) {
        let (to, jobs) = bounded(0);
        let desk = Desk::new(settings.clone(), Arc::clone(&store), Arc::clone(&shared), to);
        let mut supervisor = Supervisor {
            settings,
            store,
            shared,
            jobs,
            dataplane: None,
            known: Known::default(),
            held: None,
            awaiting: None,
            ahead: Ahead::default(),
            noted: 0,
            settled: false,
            retry_at: None,
            said: String::new(),
        };
        let (stages, events) = (Arc::new(supervisor.store.stages()), Arc::new(supervisor.store.events()));
        supervisor.shared.change(|view| (view.stages, view.events) = (stages, events));
        supervisor.load_stored();
        (supervisor, desk)
    }

    /// Works until `stop` says something, or all desks are gone. A commit that has begun is finished.
    pub fn run(mut self, stop: &Receiver<()>) {
        loop {
            self.round();
            self.tell_awaiting();
            crossbeam::channel::select! {
                recv(self.jobs) -> job => match job {
                    Ok((work, answer)) => {
                        // What the last round saw may be over: a dataplane that was just restarted is found here.
                        self.round();
                        if self.dataplane.is_none() {
                            self.round();
                        }
                        let reply = self.work(work);
                        self.tell_awaiting();
                        let _ = answer.send(reply);
                    }
                    Err(_) => return,
                },
                recv(stop) -> _ => return,
                default(self.settings.round) => {}
            }
        }
    }

    /// Lets others know which policy waits for confirmation.
    fn tell_awaiting(&self) {
        let generation = self.awaiting.as_ref().map(|awaiting| awaiting.generation);
        if self.shared.view().awaiting.map(|(known, _)| known) != generation {
            let awaiting = self.awaiting.as_ref().map(|one| (one.generation, Arc::new(one.held.clone())));
            self.shared.change(|view| view.awaiting = awaiting);
        }
    }

    /// Says a line on stderr, once.
    fn say(&mut self, line: String) {
        if self.said != line {
            eprintln!("gate25-control: {line}");
            self.said = line;
        }
    }
}

/// The unix second now.
pub fn now() -> i64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    since.map_or(0, |since| i64::try_from(since.as_secs()).unwrap_or(i64::MAX))
}

/// Waits for the answer to a job.
pub(crate) fn wait(answer: &Receiver<Reply>) -> Result<Reply, RecvTimeoutError> {
    answer.recv_timeout(ANSWER)
}

/// How long a client waits for its commit: compiling and adopting 16 Mi prefixes included.
const ANSWER: Duration = Duration::from_secs(590);
