//! The UNIX SEQPACKET socket: a packet is a message, a descriptor may come with it.

use std::io::{IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::io::Errno;
use rustix::net::{
    AddressFamily, RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, ReturnFlags, SendAncillaryBuffer,
    SendAncillaryMessage, SendFlags, SocketAddrUnix, SocketFlags, SocketType, connect, recvmsg, sendmsg, socket_with,
    sockopt,
};

use super::message::{Message, MessageError, Reply, Request, SIZE};
use super::refusal::Refusal;

/// What goes wrong between client and dataplane.
#[derive(Debug, thiserror::Error)]
pub enum SocketError {
    /// Nobody listens there.
    #[error("cannot reach the dataplane at {path}: {errno}; is gate25-dataplane running, and may you open its socket?")]
    Connect {
        /// Where.
        path: PathBuf,
        /// The kernel's answer.
        errno: Errno,
    },
    /// A call failed, or took longer than the time-out (`EAGAIN`).
    #[error("{call} on the dataplane's socket failed: {errno}")]
    System {
        /// The call.
        call: &'static str,
        /// The kernel's answer.
        errno: Errno,
    },
    /// The other side closed.
    #[error("the dataplane closed the connection")]
    Closed,
    /// The other side sent something else than a message.
    #[error(transparent)]
    Message(#[from] MessageError),
    /// The dataplane said no.
    #[error("refused ({}): {text}", refusal.name())]
    Refused {
        /// Why.
        refusal: Refusal,
        /// In words.
        text: String,
    },
    /// An answer that does not fit the question.
    #[error("the dataplane answered {found} to {asked}")]
    Unexpected {
        /// What was asked.
        asked: String,
        /// What came.
        found: String,
    },
}

/// One end of a connection.
#[derive(Debug)]
pub struct Connection {
    fd: OwnedFd,
    next_number: u64,
}

impl Connection {
    /// Connects and says hello. Every later call gives up after `patience`.
    ///
    /// # Errors
    /// [`SocketError::Connect`]; [`SocketError::Refused`] by a dataplane of another release.
    pub fn open(path: &Path, patience: Duration) -> Result<(Connection, Reply), SocketError> {
        let failed = |errno| SocketError::Connect { path: path.to_owned(), errno };
        let fd = socket_with(AddressFamily::UNIX, SocketType::SEQPACKET, SocketFlags::CLOEXEC, None).map_err(failed)?;
        for timeout in [sockopt::Timeout::Recv, sockopt::Timeout::Send] {
            sockopt::set_socket_timeout(&fd, timeout, Some(patience)).map_err(failed)?;
        }
        connect(&fd, &SocketAddrUnix::new(path).map_err(failed)?).map_err(failed)?;
        let mut connection = Connection::from(fd);
        let (welcome, _) = connection.ask(Request::hello(), None)?;
        Ok((connection, welcome))
    }

    /// Sends a request and waits for its reply. A refusal is an error.
    ///
    /// # Errors
    /// Any [`SocketError`] but `Connect`.
    pub fn ask(
        &mut self,
        request: Request,
        fd: Option<BorrowedFd<'_>>,
    ) -> Result<(Reply, Option<OwnedFd>), SocketError> {
        let number = self.next_number;
        self.next_number += 1;
        self.send(&request.encode(number), fd)?;
        loop {
            let (message, fd) = self.receive()?.ok_or(SocketError::Closed)?;
            // A reply to an earlier request that was given up on.
            if message.number() < number {
                continue;
            }
            return match Reply::decode(&message)? {
                Reply::Refused { refusal, text } => Err(SocketError::Refused { refusal, text }),
                reply => Ok((reply, fd)),
            };
        }
    }

    /// Sends one message, whole or not at all.
    ///
    /// # Errors
    /// [`SocketError::System`], `EAGAIN` if the other side does not read.
    pub fn send(&self, message: &Message, fd: Option<BorrowedFd<'_>>) -> Result<(), SocketError> {
        let bytes = message.to_bytes();
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
        let mut ancillary = SendAncillaryBuffer::new(&mut space);
        let fds = fd.as_slice();
        if !fds.is_empty() {
            ancillary.push(SendAncillaryMessage::ScmRights(fds));
        }
        let sent = sendmsg(&self.fd, &[IoSlice::new(&bytes)], &mut ancillary, SendFlags::NOSIGNAL);
        sent.map(drop).map_err(|errno| SocketError::System { call: "sendmsg", errno })
    }

    /// Receives one message and the descriptor that came with it; none at the end. Descriptors beyond
    /// the first are closed.
    ///
    /// # Errors
    /// [`SocketError::System`], `EAGAIN` if nothing came; [`SocketError::Message`] for anything that
    /// is no message.
    pub fn receive(&self) -> Result<Option<(Message, Option<OwnedFd>)>, SocketError> {
        let mut bytes = [0; SIZE + 1];
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(4), ScmCredentials(1))];
        let mut ancillary = RecvAncillaryBuffer::new(&mut space);
        // TRUNC: the length that was sent, so that the error tells it.
        let flags = RecvFlags::CMSG_CLOEXEC | RecvFlags::TRUNC;
        let got = recvmsg(&self.fd, &mut [IoSliceMut::new(&mut bytes)], &mut ancillary, flags)
            .map_err(|errno| SocketError::System { call: "recvmsg", errno })?;
        let mut first = None;
        for message in ancillary.drain() {
            if let RecvAncillaryMessage::ScmRights(fds) = message {
                fds.for_each(|fd| first = first.take().or(Some(fd)));
            }
        }
        if got.bytes == 0 {
            return Ok(None);
        }
        if got.flags.contains(ReturnFlags::TRUNC) {
            return Err(MessageError::Size { found: got.bytes }.into());
        }
        let message = Message::from_bytes(bytes.get(..got.bytes).unwrap_or_default())?;
        Ok(Some((message, first)))
    }
}

impl From<OwnedFd> for Connection {
    fn from(fd: OwnedFd) -> Connection {
        Connection { fd, next_number: 1 }
    }
}

impl AsFd for Connection {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::memfd::{Pages, SealedMap, seal_copy};
    use rustix::net::socketpair;

    fn pair() -> (Connection, Connection) {
        let (a, b) = socketpair(AddressFamily::UNIX, SocketType::SEQPACKET, SocketFlags::CLOEXEC, None).unwrap();
        (a.into(), b.into())
    }

    #[test]
    fn a_message_passes_with_its_descriptor() {
        let (ours, theirs) = pair();
        let fd = seal_copy(&[1, 2, 3], Pages::Ordinary).unwrap();
        ours.send(&Request::Status.encode(4), Some(fd.as_fd())).unwrap();
        let (message, fd) = theirs.receive().unwrap().unwrap();
        assert_eq!(Request::decode(&message), Ok(Request::Status));
        assert_eq!(SealedMap::open(fd.unwrap()).unwrap().words()[..3], [1, 2, 3]);
        drop(ours);
        assert!(theirs.receive().unwrap().is_none());
    }

    #[test]
    fn what_is_no_message_is_an_error_and_not_the_end() {
        let (ours, theirs) = pair();
        for size in [1, 255, 257, 4000] {
            rustix::net::send(&ours, &vec![7; size], SendFlags::empty()).unwrap();
            assert!(matches!(theirs.receive(), Err(SocketError::Message(_))), "{size}");
        }
        ours.send(&Request::Rollback.encode(1), None).unwrap();
        assert!(theirs.receive().unwrap().is_some());
    }

    #[test]
    fn a_late_reply_to_an_older_question_is_passed_over() {
        let (mut ours, theirs) = pair();
        ours.next_number = 5;
        theirs.send(&Reply::Telemetry.encode(4), None).unwrap();
        theirs.send(&Reply::Confirmed { generation: 1 }.encode(5), None).unwrap();
        let (reply, _) = ours.ask(Request::Confirm { generation: 1 }, None).unwrap();
        assert_eq!(reply, Reply::Confirmed { generation: 1 });
    }
}
