//! The desk: answers the control socket. What only needs reading it answers itself; work goes to the
//! supervisor, one commit at a time.

use std::io::Read;
use std::net::IpAddr;
use std::sync::Arc;

use crossbeam::channel::{Sender, bounded};
use ipnet::IpNet;

use super::held::policy_state;
use super::shared::Shared;
use super::stages::stages;
use super::{Commit, Job, Settings, Work, wait};
use crate::api::{
    Answer, Apply, Cause, ControlStatus, DataplaneState, FileHeader, Handler, Origin, Origins, Peer, Reply, Request,
};
use crate::config::{Location, format_time};
use crate::policy::{Effective, Owner};
use crate::state::{StateError, Store, Upload};
use crate::supervise::now;

/// Answers clients.
#[derive(Clone)]
pub struct Desk {
    settings: Settings,
    store: Arc<Store>,
    shared: Arc<Shared>,
    jobs: Sender<Job>,
}

impl Desk {
    pub(super) fn new(settings: Settings, store: Arc<Store>, shared: Arc<Shared>, jobs: Sender<Job>) -> Desk {
        Desk { settings, store, shared, jobs }
    }

    fn status(&self) -> ControlStatus {
        let view = self.shared.view();
        let dataplane = DataplaneState {
            up: view.up,
            generation: view.status.generation,
            digest: format!("{:032x}", view.status.digest),
            digest_match: view.digest_match(),
            incarnation: view.welcome.incarnation,
            started_at: view.welcome.started_at,
            confirm_left_ms: view.status.confirm_left_ms,
            error: view.unreachable,
        };
        ControlStatus {
            instance: self.settings.instance.clone(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            pid: std::process::id(),
            started_at: self.shared.started_at,
            dataplane,
            policy: view.held.as_ref().map(|held| held.state()),
            awaiting: view.awaiting.as_ref().map(|(_, held)| held.state()),
            next_change: view.held.as_ref().and_then(|held| held.next_change()),
            in_flight: self.shared.in_flight(),
            problem: view.problem,
        }
    }

    fn history(&self) -> Reply {
        let numbers = match self.store.numbers() {
            Ok(numbers) => numbers,
            Err(error) => return refused(Cause::State, error.to_string()),
        };
        let stored = numbers.iter().rev().filter_map(|number| self.store.number(*number).ok());
        let events = self.shared.view().events.events().iter().rev().cloned().collect();
        Reply::History { policies: stored.map(|stored| policy_state(&stored)).collect(), events }
    }

    fn origins(&self, source: Option<IpNet>, destination: Option<IpAddr>) -> Origins {
        let view = self.shared.view();
        let Some(held) = view.running() else { return Origins::default() };
        Origins {
            digest: format!("{:032x}", held.digest),
            ..origins(&held.policy.at(held.compiled_at), source, destination)
        }
    }

    /// A kept policy with its files, checked byte by byte before anything is sent.
    fn policy(&self, number: Option<u64>) -> Result<Answer, Box<Reply>> {
        let wrong = |error: StateError| Box::new(refused(Cause::State, error.to_string()));
        let stored = match (number, self.shared.view().running()) {
            (Some(number), _) => self.kept(number)?,
            (None, Some(held)) if held.stored.number == 0 => {
                let pending = self.store.pending().map_err(wrong)?;
                pending
                    .ok_or_else(|| refused(Cause::Busy, "the policy was just confirmed or left; ask again".into()))?
            }
            (None, Some(held)) => held.stored.clone(),
            (None, None) => {
                return Err(refused(Cause::Request, "no policy is kept yet; gate25 apply FILE".into()).into());
            }
        };
        stored.verify().map_err(wrong)?;
        let open = |(index, file): (usize, &crate::state::StoredFile)| Ok((stored.file(index)?, file.bytes));
        let files: Result<Vec<_>, _> = stored.manifest.files.iter().enumerate().map(open).collect();
        let files = files.map_err(wrong)?;
        let header = |file: &crate::state::StoredFile| FileHeader { path: file.path.clone(), bytes: file.bytes };
        let headers = stored.manifest.files.iter().map(header).collect();
        Ok(Answer { reply: Reply::Policy { policy: policy_state(&stored), files: headers }, files })
    }

    /// The policy with this number, or what numbers there are.
    fn kept(&self, number: u64) -> Result<crate::state::Stored, Box<Reply>> {
        let wrong = |error: StateError| Box::new(refused(Cause::State, error.to_string()));
        let numbers = self.store.numbers().map_err(wrong)?;
        if !numbers.contains(&number) {
            return Err(refused(Cause::Request, not_kept(number, &numbers)).into());
        }
        self.store.number(number).map_err(wrong)
    }

    /// Takes the place for a commit, receives the files, and lets the supervisor do the rest.
    fn apply(&self, mut apply: Apply, by: Peer, body: &mut dyn Read) -> Reply {
        if let Err(text) = check(&apply) {
            return refused(Cause::Request, text);
        }
        let file = apply.files.first().map_or_else(String::new, |file| file.path.display().to_string());
        let _in_flight = match self.shared.begin(format!("{file}, begun {} by {by}", format_time(now()))) {
            Ok(in_flight) => in_flight,
            Err(first) => return refused(Cause::Busy, format!("a commit is under way: {first}; try again after it")),
        };
        match self.receive(&apply, body) {
            Ok(upload) => {
                apply.files.clear();
                self.hand_over(Work::Commit(Box::new(Commit { upload, apply, by })))
            }
            Err(error) => refused(Cause::State, error.to_string()),
        }
    }

    fn receive(&self, apply: &Apply, body: &mut dyn Read) -> Result<Upload, StateError> {
        let mut upload = self.store.upload()?;
        for file in &apply.files {
            upload.add(&file.path, file.bytes, body)?;
        }
        Ok(upload)
    }

    /// Confirm and rollback: commits as well, so one at a time.
    fn short(&self, what: &str, by: Peer, work: Work) -> Reply {
        match self.shared.begin(format!("{what}, begun {} by {by}", format_time(now()))) {
            Ok(_in_flight) => self.hand_over(work),
            Err(first) => refused(Cause::Busy, format!("a commit is under way: {first}; try again after it")),
        }
    }

    fn hand_over(&self, work: Work) -> Reply {
        let (answer, answered) = bounded(1);
        let stopped = || refused(Cause::Dataplane, "gate25-control is stopping; try again when it is back".into());
        if self.jobs.send((work, answer)).is_err() {
            return stopped();
        }
        wait(&answered).unwrap_or_else(|_| stopped())
    }
}

impl Handler for Desk {
    fn handle(&self, request: Request, peer: Peer, body: &mut dyn Read) -> Answer {
        let changes = matches!(request, Request::Apply(_) | Request::Confirm | Request::Rollback { .. });
        if changes && !peer.is_known() {
            let text = "the kernel does not say who you are, so it cannot be recorded; run gate25 on this host";
            return refused(Cause::Request, text.into()).into();
        }
        match request {
            Request::Policy { number } => return self.policy(number).unwrap_or_else(|reply| (*reply).into()),
            Request::Stages { pool, at } => Reply::Stages { pools: stages(&self.shared.view(), pool.as_deref(), at) },
            Request::Status => Reply::Status(Box::new(self.status())),
            Request::Origin { source, destination } => Reply::Origin(self.origins(source, destination)),
            Request::Apply(apply) => self.apply(apply, peer, body),
            Request::Confirm => self.short("confirm", peer, Work::Confirm(peer)),
            Request::Rollback { number } => self.short("rollback", peer, Work::Rollback(number, peer)),
            Request::History => self.history(),
        }
        .into()
    }
}

/// Where in a policy a source prefix and the destination prefixes that cover an address stand.
pub fn origins(at: &Effective<'_>, source: Option<IpNet>, destination: Option<IpAddr>) -> Origins {
    let policy = at.policy;
    let source = source.and_then(|prefix| {
        let (owner, place) = at.source_origin(prefix)?;
        let name = match owner {
            Owner::Pool(index) => &policy.pools.get(index)?.name,
            Owner::Exempt(index) => &policy.exempts.get(index)?.name,
        };
        Some(origin(name, prefix, &place))
    });
    let covering = destination.into_iter().flat_map(|address| {
        let bits = if address.is_ipv4() { 32 } else { 128 };
        (0..=bits).filter_map(move |len| IpNet::new(address, len).ok()).map(|prefix| prefix.trunc())
    });
    let destinations = covering.flat_map(|prefix| {
        let found = policy.destination_origins(prefix).into_iter();
        found.filter_map(move |(group, place)| Some(origin(&policy.destinations.get(group)?.name, prefix, &place)))
    });
    Origins { digest: String::new(), source, destinations: destinations.collect() }
}

fn origin(name: &str, prefix: IpNet, place: &Location) -> Origin {
    let (file, line, column) = (place.file.to_path_buf(), place.line, place.column);
    Origin { name: name.to_owned(), prefix, file, line, column }
}

/// What can be said of an apply before its files come.
fn check(apply: &Apply) -> Result<(), String> {
    if apply.files.is_empty() {
        return Err("no file was sent; send the policy file first, then its prefix files".into());
    }
    if let Some(file) = apply.files.iter().find(|file| !file.path.is_absolute()) {
        return Err(format!("{} is not absolute; send absolute names", file.path.display()));
    }
    let bytes = apply.files.iter().fold(0u64, |sum, file| sum.saturating_add(file.bytes));
    if bytes > BYTES_MAX {
        return Err(format!("the files have {bytes} bytes, the limit is {BYTES_MAX}; use fewer or larger prefixes"));
    }
    for text in [&apply.comment, &apply.force].into_iter().flatten() {
        if text.chars().count() > TEXT_MAX || text.chars().any(char::is_control) {
            return Err(format!("comment and reason are one line of at most {TEXT_MAX} characters"));
        }
    }
    if apply.force.as_ref().is_some_and(|reason| reason.trim().is_empty()) {
        return Err("--force needs a reason; say why".into());
    }
    Ok(())
}

/// What is said to somebody who asks for a number that is not kept.
pub(super) fn not_kept(number: u64, kept: &[u64]) -> String {
    match (kept.first(), kept.last()) {
        (Some(first), Some(last)) => {
            format!("policy {number} is not kept, numbers {first} to {last} are; gate25 history lists them")
        }
        _ => format!("policy {number} is not kept, none is yet; gate25 apply FILE"),
    }
}

fn refused(cause: Cause, text: String) -> Reply {
    Reply::Refused { cause, text }
}

/// Most bytes of all files of a policy: room for 16 Mi prefixes twice, with comments.
pub const BYTES_MAX: u64 = 4 << 30;
/// Longest comment or reason, in characters.
pub const TEXT_MAX: usize = 200;
