//! What systemd does with its notify socket: hears states, takes descriptors.

use std::io::IoSliceMut;
use std::mem::MaybeUninit;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixDatagram;
use std::time::{Duration, Instant};

use rustix::net::{RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, recvmsg};

use super::{Folder, text};

/// A notify socket.
pub struct Notify {
    socket: UnixDatagram,
    path: String,
}

/// A message: its lines, and the descriptor that came with it.
#[derive(Debug)]
pub struct Heard {
    pub text: String,
    pub fd: Option<OwnedFd>,
}

impl Notify {
    pub fn new(folder: &Folder) -> Self {
        let path = folder.path("notify");
        let socket = UnixDatagram::bind(&path).unwrap();
        socket.set_read_timeout(Some(Duration::from_millis(50))).unwrap();
        Self { socket, path: text(&path) }
    }

    /// The variables that systemd sets.
    pub fn environment(&self, watchdog: Duration) -> Vec<(String, String)> {
        let micros = watchdog.as_micros().to_string();
        vec![("NOTIFY_SOCKET".into(), self.path.clone()), ("WATCHDOG_USEC".into(), micros)]
    }

    /// The next message that contains `what`, within 20 seconds.
    pub fn hear(&self, what: &str) -> Heard {
        let end = Instant::now() + Duration::from_secs(20);
        while Instant::now() < end {
            if let Some(heard) = self.next().filter(|heard| heard.text.contains(what)) {
                return heard;
            }
        }
        panic!("{what} was not heard");
    }

    /// How many messages come in `time` that contain `what`.
    pub fn count(&self, what: &str, time: Duration) -> usize {
        let end = Instant::now() + time;
        let mut count = 0;
        while Instant::now() < end {
            count += usize::from(self.next().is_some_and(|heard| heard.text.contains(what)));
        }
        count
    }

    /// What waits to be read, thrown away.
    pub fn drain(&self) {
        while self.next().is_some() {}
    }

    fn next(&self) -> Option<Heard> {
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
        let mut ancillary = RecvAncillaryBuffer::new(&mut space);
        let mut bytes = [0; 256];
        let flags = RecvFlags::CMSG_CLOEXEC;
        let message = recvmsg(&self.socket, &mut [IoSliceMut::new(&mut bytes)], &mut ancillary, flags).ok()?;
        let rights = ancillary.drain().find_map(|message| match message {
            RecvAncillaryMessage::ScmRights(mut fds) => fds.next(),
            _ => None,
        });
        Some(Heard { text: String::from_utf8_lossy(&bytes[..message.bytes]).into_owned(), fd: rights })
    }
}
