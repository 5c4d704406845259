//! The server's side of the control socket: a thread per client, few clients, a deadline for each.

use std::io::{self, BufReader, Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use super::answer::Answer;
use super::message::{Cause, Peer, Reply, Request};
use super::wire::{Deadline, LINE_MAX, read_line};

/// Limits of the control socket.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Clients at once; one more is refused.
    pub clients: usize,
    /// How long a client may take to say its line, and again to hear the answer.
    pub line: Duration,
    /// How long the files of a policy may take altogether.
    pub upload: Duration,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits { clients: 16, line: Duration::from_secs(10), upload: Duration::from_secs(120) }
    }
}

/// What answers requests; the reader gives what follows the request's line.
pub trait Handler: Send + Sync + 'static {
    /// Answers one request.
    fn handle(&self, request: Request, peer: Peer, body: &mut dyn Read) -> Answer;
}

/// The control socket in service; dropped, it serves no more and its file goes.
#[derive(Debug)]
pub struct Server {
    path: PathBuf,
    listener: UnixListener,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

/// Binds the control socket, mode 0660, and serves it from a thread of its own.
///
/// A socket that a dead process left is replaced; one that somebody serves is not.
///
/// # Errors
/// `AddrInUse` if another control serves it; any error of binding.
pub fn serve(path: &Path, limits: Limits, handler: Arc<dyn Handler>) -> io::Result<Server> {
    let listener = bind(path)?;
    let accepting = listener.try_clone()?;
    let stop = Arc::new(AtomicBool::new(false));
    let stopped = Arc::clone(&stop);
    let thread = std::thread::Builder::new()
        .name("control-socket".into())
        .spawn(move || accept(&accepting, limits, &handler, &stopped))?;
    Ok(Server { path: path.to_owned(), listener, stop, thread: Some(thread) })
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        // Wakes up whoever accepts, even if the socket's file is gone. If it could not, it is left behind.
        let woken = rustix::net::shutdown(&self.listener, rustix::net::Shutdown::Both).is_ok();
        if let Some(thread) = self.thread.take().filter(|_| woken) {
            let _ = thread.join();
        }
        let _ = std::fs::remove_file(&self.path);
    }
}

fn accept(listener: &UnixListener, limits: Limits, handler: &Arc<dyn Handler>, stop: &AtomicBool) {
    let clients = Arc::new(AtomicUsize::new(0));
    for stream in listener.incoming() {
        if stop.load(Ordering::Relaxed) {
            return;
        }
        // Out of descriptors, say: what others hold comes free in time.
        let Ok(stream) = stream else {
            std::thread::sleep(Duration::from_millis(100));
            continue;
        };
        let (place, handler) = (Place::take(&clients), Arc::clone(handler));
        let client = move || {
            let reply = if place.number > limits.clients {
                refused(format!("{} clients are connected already; try again", limits.clients)).into()
            } else {
                converse(&stream, limits, &*handler)
            };
            drop(handler);
            answer(&stream, limits, reply);
            drop(place);
        };
        // Without a thread the client is closed, which it sees.
        let _ = std::thread::Builder::new().name("client".into()).spawn(client);
    }
}

fn bind(path: &Path) -> io::Result<UnixListener> {
    if UnixStream::connect(path).is_ok() {
        return Err(io::ErrorKind::AddrInUse.into());
    }
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    // Never open to others, not even between bind and chmod.
    let before = rustix::process::umask(rustix::fs::Mode::from_raw_mode(0o117));
    let listener = UnixListener::bind(path);
    rustix::process::umask(before);
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o660))?;
    listener
}

fn converse(stream: &UnixStream, limits: Limits, handler: &dyn Handler) -> Answer {
    let mut from = BufReader::new(Deadline::new(stream, limits.line));
    let line = match read_line(&mut from, LINE_MAX) {
        Ok(line) => line,
        Err(error) if error.kind() == io::ErrorKind::TimedOut => {
            let text = format!("no whole line came within {} s; send the request at once", limits.line.as_secs());
            return refused(text).into();
        }
        Err(error) => return refused(format!("cannot read the request: {error}; send one line of JSON")).into(),
    };
    let request = match serde_json::from_str(&line) {
        Ok(request) => request,
        Err(error) => return refused(format!("not a request: {error}; use a gate25 of the same release")).into(),
    };
    from.get_mut().extend(limits.upload);
    handler.handle(request, peer(stream), &mut from)
}

fn answer(stream: &UnixStream, limits: Limits, answer: Answer) {
    let Ok(mut line) = serde_json::to_string(&answer.reply) else { return };
    line.push('\n');
    let mut to = Deadline::new(stream, limits.line);
    // A client that does not listen any more misses its answer, nothing else.
    let mut said = to.write_all(line.as_bytes());
    to.extend(limits.upload);
    for (file, bytes) in answer.files {
        said = said.and_then(|()| io::copy(&mut file.take(bytes), &mut to).map(drop));
    }
    let _ = said;
}

fn peer(stream: &UnixStream) -> Peer {
    let found = rustix::net::sockopt::socket_peercred(stream);
    found.map_or_else(
        |_| Peer { uid: u32::MAX, gid: u32::MAX, pid: 0, login: None },
        |one| {
            let pid = one.pid.as_raw_nonzero().get();
            Peer { uid: one.uid.as_raw(), gid: one.gid.as_raw(), pid, login: login(pid) }
        },
    )
}

/// Who logged in, as the kernel keeps it for a process; it waits for our answer, so it is there.
fn login(pid: i32) -> Option<u32> {
    let text = std::fs::read_to_string(format!("/proc/{pid}/loginuid")).ok()?;
    text.trim().parse().ok().filter(|uid| *uid != u32::MAX)
}

fn refused(text: String) -> Reply {
    Reply::Refused { cause: Cause::Request, text }
}

/// One of the clients connected; gives its place back when dropped.
struct Place {
    number: usize,
    clients: Arc<AtomicUsize>,
}

impl Place {
    fn take(clients: &Arc<AtomicUsize>) -> Place {
        let number = clients.fetch_add(1, Ordering::Relaxed) + 1;
        Place { number, clients: Arc::clone(clients) }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.clients.fetch_sub(1, Ordering::Relaxed);
    }
}
