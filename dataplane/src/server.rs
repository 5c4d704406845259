//! The UNIX SEQPACKET socket: listens, reads requests, writes replies. Never waits for a client.
//!
//! Every descriptor is non-blocking. A client that sends something else than a message, speaks before hello, says no
//! hello, or does not read its replies is closed, with a reason for the log. Promise: whatever clients do, the main
//! thread goes on and the policy in force stays.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::time::Duration;

use gate25_include::handover::{Connection, Message, Refusal, Reply, Request, SocketError};
use gate25_include::{image, telemetry};
use rustix::io::Errno;
use rustix::net::{
    AddressFamily, SocketAddrUnix, SocketFlags, SocketType, accept_with, bind, listen, socket_with, sockopt,
};

use crate::failure::Failure;
use crate::generations::Asker;

/// The listening socket and its clients.
pub struct Server {
    path: PathBuf,
    listener: OwnedFd,
    clients: Vec<Client>,
    next_id: u64,
    /// Connections closed for what they sent or failed to read.
    pub errors: u64,
}

/// A request of a client that has said hello.
#[derive(Debug)]
pub struct Asked {
    /// Who, and the number of the request.
    pub asker: Asker,
    /// What.
    pub request: Request,
    /// The descriptor that came with it.
    pub fd: Option<OwnedFd>,
    /// Whether the peer may change the policy: root, our user or our group.
    pub may_change: bool,
}

struct Client {
    id: u64,
    pid: i32,
    connection: Connection,
    greeted: bool,
    may_change: bool,
    /// When it last said something.
    heard: Duration,
}

/// What reading a client gave.
enum Heard {
    Nothing,
    Asked(Asked),
    Gone(Option<String>),
}

impl Server {
    /// Listens on `path`, mode 0660. A socket file left behind is replaced: the instance's lock says that nobody
    /// listens on it.
    pub fn listen(path: &Path) -> Result<Self, Failure> {
        let failed = |cause: std::io::Error| {
            Failure::system(path.display().to_string(), cause, "make run_dir writable for gate25-dataplane")
        };
        let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
        let listener = socket_with(AddressFamily::UNIX, SocketType::SEQPACKET, flags, None);
        let listener = listener.map_err(|errno| failed(errno.into()))?;
        match std::fs::remove_file(path) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(failed(error)),
            _ => {}
        }
        let address = SocketAddrUnix::new(path).map_err(|errno| failed(errno.into()))?;
        bind(&listener, &address).map_err(|errno| failed(errno.into()))?;
        // Nobody can connect before listen(): the mode is right when it matters.
        std::fs::set_permissions(path, std::os::unix::fs::PermissionsExt::from_mode(0o660)).map_err(failed)?;
        listen(&listener, BACKLOG).map_err(|errno| failed(errno.into()))?;
        Ok(Self { path: path.to_owned(), listener, clients: Vec::new(), next_id: 1, errors: 0 })
    }

    /// What to poll for reading.
    pub fn descriptors(&self) -> impl Iterator<Item = BorrowedFd<'_>> {
        std::iter::once(self.listener.as_fd()).chain(self.clients.iter().map(|client| client.connection.as_fd()))
    }

    /// Connections.
    pub fn clients(&self) -> usize {
        self.clients.len()
    }

    /// Accepts, reads at most one request of each client, closes those who are silent or wrong. `say` gets a line
    /// for each client closed for a reason.
    pub fn serve(&mut self, now: Duration, say: &mut dyn FnMut(String)) -> Vec<Asked> {
        self.accept(now);
        let mut asked = Vec::new();
        let mut gone = Vec::new();
        for client in &mut self.clients {
            match client.hear(now) {
                Heard::Asked(request) => asked.push(request),
                Heard::Nothing if !client.greeted && now.saturating_sub(client.heard) > HELLO_TIME => {
                    gone.push((client.id, Some("it said no hello".to_owned())));
                }
                Heard::Nothing => {}
                Heard::Gone(cause) => gone.push((client.id, cause)),
            }
        }
        for (id, cause) in gone {
            self.close(id, cause, say);
        }
        asked
    }

    /// Sends a reply, with a descriptor if the reply bears one. A client that does not take it is closed.
    pub fn reply(&mut self, asker: Asker, reply: &Reply, fd: Option<BorrowedFd<'_>>, say: &mut dyn FnMut(String)) {
        let Some(client) = self.clients.iter().find(|client| client.id == asker.client) else { return };
        if let Err(error) = client.connection.send(&reply.encode(asker.number), fd) {
            self.close(asker.client, Some(format!("it does not read its replies ({error})")), say);
        }
    }

    fn accept(&mut self, now: Duration) {
        while let Ok(fd) = accept_with(&self.listener, SocketFlags::CLOEXEC | SocketFlags::NONBLOCK) {
            if self.clients.len() >= MAX_CLIENTS {
                // The one silent for longest makes room: nobody can lock control out by connecting.
                let silent = self.clients.iter().enumerate().min_by_key(|(_, client)| client.heard);
                if let Some(index) = silent.map(|(index, _)| index) {
                    self.clients.swap_remove(index);
                    self.errors += 1;
                }
            }
            let (pid, may_change) = peer(&fd);
            let client =
                Client { id: self.next_id, pid, connection: fd.into(), greeted: false, may_change, heard: now };
            self.next_id += 1;
            self.clients.push(client);
        }
    }

    fn close(&mut self, id: u64, cause: Option<String>, say: &mut dyn FnMut(String)) {
        let Some(index) = self.clients.iter().position(|client| client.id == id) else { return };
        let client = self.clients.swap_remove(index);
        if let Some(cause) = cause {
            self.errors += 1;
            say(format!("client pid {} closed: {cause}", client.pid));
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Nobody else made it: the instance's lock is still held.
        let _ = std::fs::remove_file(&self.path);
    }
}

impl Client {
    fn hear(&mut self, now: Duration) -> Heard {
        let (message, fd) = match self.connection.receive() {
            Ok(Some(received)) => received,
            Ok(None) => return Heard::Gone(None),
            Err(SocketError::System { errno: Errno::AGAIN | Errno::INTR, .. }) => return Heard::Nothing,
            Err(SocketError::System { errno: Errno::CONNRESET, .. }) => return Heard::Gone(None),
            Err(error) => return Heard::Gone(Some(error.to_string())),
        };
        self.heard = now;
        let request = match Request::decode(&message) {
            Ok(request) => request,
            Err(error) => return Heard::Gone(Some(error.to_string())),
        };
        if self.greeted || matches!(request, Request::Hello { .. }) {
            return self.greet(&message, request, fd);
        }
        self.refuse(&message, Refusal::NoHello, "say hello first".into())
    }

    /// Lets a request through; a hello must be of our release.
    fn greet(&mut self, message: &Message, request: Request, fd: Option<OwnedFd>) -> Heard {
        if let Request::Hello { image_layout, telemetry_layout } = request {
            let ours = (image::format::layout_hash(), telemetry::layout_hash());
            if (image_layout, telemetry_layout) != ours {
                let text = "image or telemetry layout differs; run control and dataplane of one release";
                return self.refuse(message, Refusal::Abi, text.into());
            }
            self.greeted = true;
        }
        let asker = Asker { client: self.id, number: message.number() };
        Heard::Asked(Asked { asker, request, fd, may_change: self.may_change })
    }

    fn refuse(&self, message: &Message, refusal: Refusal, text: String) -> Heard {
        let reply = Reply::Refused { refusal, text: text.clone() };
        // It is closed either way.
        let _ = self.connection.send(&reply.encode(message.number()), None);
        Heard::Gone(Some(text))
    }
}

/// The peer's pid, and whether it may change the policy.
fn peer(fd: &OwnedFd) -> (i32, bool) {
    let Ok(peer) = sockopt::socket_peercred(fd) else { return (0, false) };
    let ours = peer.uid.is_root() || peer.uid == rustix::process::geteuid() || peer.gid == rustix::process::getegid();
    (peer.pid.as_raw_nonzero().get(), ours)
}

/// Connections at once; control, an exporter and some people.
const MAX_CLIENTS: usize = 16;
const BACKLOG: i32 = 16;
/// How long a client may be connected without a hello.
const HELLO_TIME: Duration = Duration::from_secs(5);

#[cfg(test)]
mod tests {
    use super::*;
    use rustix::net::{SendFlags, connect, send};

    struct Bench {
        server: Server,
        path: PathBuf,
        said: Vec<String>,
    }

    impl Bench {
        fn new(name: &str) -> Self {
            let path = std::env::temp_dir().join(format!("gate25-server-{name}-{}.sock", std::process::id()));
            Self { server: Server::listen(&path).unwrap(), path, said: Vec::new() }
        }

        fn client(&self) -> Connection {
            let fd = socket_with(AddressFamily::UNIX, SocketType::SEQPACKET, SocketFlags::NONBLOCK, None).unwrap();
            connect(&fd, &SocketAddrUnix::new(&self.path).unwrap()).unwrap();
            fd.into()
        }

        fn serve(&mut self, seconds: u64) -> Vec<Asked> {
            self.server.serve(Duration::from_secs(seconds), &mut |line| self.said.push(line))
        }
    }

    #[test]
    fn hello_first_then_requests_with_their_descriptors() {
        let mut bench = Bench::new("hello");
        let client = bench.client();
        client.send(&Request::hello().encode(1), None).unwrap();
        assert!(matches!(bench.serve(0)[..], [Asked { request: Request::Hello { .. }, may_change: true, .. }]));
        let file = std::fs::File::open("/dev/null").unwrap();
        let adopt = Request::Adopt { generation: 1, confirm_seconds: 0 };
        client.send(&adopt.encode(2), Some(file.as_fd())).unwrap();
        let asked = bench.serve(0);
        assert!(asked[0].request == adopt && asked[0].fd.is_some() && asked[0].asker.number == 2);
        let asker = asked[0].asker;
        bench.server.reply(asker, &Reply::Telemetry, Some(file.as_fd()), &mut |_| {});
        assert!(client.receive().unwrap().unwrap().1.is_some());
        drop(client);
        bench.serve(0);
        assert_eq!((bench.server.clients(), bench.server.errors, bench.said.len()), (0, 0, 0));
    }

    #[test]
    fn garbage_and_strangers_are_closed_with_a_reason() {
        let mut bench = Bench::new("garbage");
        let garbage = bench.client();
        send(&garbage, &[7; 300], SendFlags::empty()).unwrap();
        let unknown = bench.client();
        let mut bytes = Request::hello().encode(1).to_bytes();
        bytes[8] = 77;
        send(&unknown, &bytes, SendFlags::empty()).unwrap();
        let early = bench.client();
        early.send(&Request::Status.encode(1), None).unwrap();
        let other = bench.client();
        other.send(&Request::Hello { image_layout: 1, telemetry_layout: 2 }.encode(1), None).unwrap();
        assert!(bench.serve(0).is_empty());
        assert_eq!((bench.server.clients(), bench.server.errors), (0, 4));
        for reason in ["message has 300 bytes", "kind 77", "hello first", "one release"] {
            assert!(bench.said.iter().any(|line| line.contains(reason)), "{:?}", bench.said);
        }
        let (message, _) = other.receive().unwrap().unwrap();
        assert!(matches!(Reply::decode(&message), Ok(Reply::Refused { refusal: Refusal::Abi, .. })));
    }

    #[test]
    fn a_silent_client_is_closed_and_a_deaf_one_too() {
        let mut bench = Bench::new("silent");
        let _silent = bench.client();
        bench.serve(0);
        bench.serve(HELLO_TIME.as_secs());
        assert_eq!(bench.server.clients(), 1);
        bench.serve(HELLO_TIME.as_secs() + 1);
        assert_eq!(bench.server.clients(), 0);
        let deaf = bench.client();
        deaf.send(&Request::hello().encode(1), None).unwrap();
        let asker = bench.serve(0)[0].asker;
        let mut said = Vec::new();
        for _ in 0..10_000 {
            bench.server.reply(asker, &Reply::Telemetry, None, &mut |line| said.push(line));
        }
        assert_eq!(bench.server.clients(), 0);
        assert!(said.len() == 1 && said[0].contains("does not read"), "{said:?}");
    }

    #[test]
    fn more_clients_than_fit_push_out_the_most_silent() {
        let mut bench = Bench::new("many");
        let clients: Vec<_> = (0..MAX_CLIENTS).map(|_| bench.client()).collect();
        clients.iter().for_each(|client| client.send(&Request::hello().encode(1), None).unwrap());
        bench.serve(1);
        clients.iter().skip(1).for_each(|client| client.send(&Request::Status.encode(2), None).unwrap());
        bench.serve(2);
        let late = bench.client();
        late.send(&Request::hello().encode(1), None).unwrap();
        assert_eq!(bench.serve(3).len(), 1);
        assert_eq!(bench.server.clients(), MAX_CLIENTS);
        assert!(clients[0].receive().unwrap().is_none(), "the most silent one is closed");
    }
}
