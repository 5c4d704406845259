//! One dataplane, seen from control and the CLI: typed questions over its socket.
//!
//! Every question gives up after the patience the connection was opened with, so a dataplane that
//! hangs delays its caller and nothing else.

use std::os::fd::BorrowedFd;
use std::path::{Path, PathBuf};
use std::time::Duration;

use gate25_include::handover::{Connection, Refusal, Reply, Request, SocketError, Status};
use gate25_include::image::Image;
use gate25_include::telemetry::TelemetryReader;

use super::{PublishError, Published};

/// What the dataplane says when one connects.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Welcome {
    /// Changes with each start of the dataplane.
    pub incarnation: u64,
    /// Unix second of its start.
    pub started_at: u64,
    /// Its process id.
    pub pid: u64,
    /// Its name.
    pub instance: String,
}

/// A connection to a dataplane.
#[derive(Debug)]
pub struct Dataplane {
    connection: Connection,
    welcome: Welcome,
    socket: PathBuf,
    patience: Duration,
}

impl Dataplane {
    /// Connects and says hello.
    ///
    /// # Errors
    /// [`SocketError::Connect`] if nobody listens, [`SocketError::Refused`] by another release.
    pub fn connect(socket: &Path, patience: Duration) -> Result<Dataplane, SocketError> {
        let (connection, reply) = Connection::open(socket, patience)?;
        let Reply::Welcome { incarnation, started_at, pid, instance } = reply else {
            return Err(unexpected("hello", &reply));
        };
        let welcome = Welcome { incarnation, started_at, pid, instance };
        Ok(Dataplane { connection, welcome, socket: socket.to_owned(), patience })
    }

    /// Who answers.
    pub fn welcome(&self) -> &Welcome {
        &self.welcome
    }

    /// What runs.
    ///
    /// # Errors
    /// Any [`SocketError`] but `Connect`.
    pub fn status(&mut self) -> Result<Status, SocketError> {
        match self.connection.ask(Request::Status, None)?.0 {
            Reply::Status(status) => Ok(status),
            other => Err(unexpected("status", &other)),
        }
    }

    /// The image the workers read; none before the first.
    ///
    /// # Errors
    /// [`PublishError::Socket`]; [`PublishError::Image`] for one that fails its checks.
    pub fn image(&mut self) -> Result<Option<Image>, PublishError> {
        match self.connection.ask(Request::ImagePlease, None) {
            Ok((Reply::Image { .. }, Some(fd))) => Ok(Some(Image::open(fd)?)),
            Ok((other, _)) => Err(unexpected("image-please", &other).into()),
            Err(SocketError::Refused { refusal: Refusal::NoImage, .. }) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// The telemetry; it stays readable when the dataplane is gone.
    ///
    /// # Errors
    /// [`PublishError::Socket`], [`PublishError::Telemetry`].
    pub fn telemetry(&mut self) -> Result<TelemetryReader, PublishError> {
        match self.connection.ask(Request::TelemetryPlease, None)? {
            (Reply::Telemetry, Some(fd)) => Ok(TelemetryReader::open(fd)?),
            (other, _) => Err(unexpected("telemetry-please", &other).into()),
        }
    }

    /// Keeps the image that waits for confirmation.
    ///
    /// # Errors
    /// [`SocketError::Refused`] if none waits or another does.
    pub fn confirm(&mut self, generation: u64) -> Result<(), SocketError> {
        match self.connection.ask(Request::Confirm { generation }, None)?.0 {
            Reply::Confirmed { .. } => Ok(()),
            other => Err(unexpected("confirm", &other)),
        }
    }

    /// Goes back to the image before; gives the generation in force then.
    ///
    /// # Errors
    /// [`SocketError::Refused`] if there is none.
    pub fn rollback(&mut self) -> Result<u64, SocketError> {
        match self.connection.ask(Request::Rollback, None)?.0 {
            Reply::Adopted { generation, .. } => Ok(generation),
            other => Err(unexpected("rollback", &other)),
        }
    }

    /// Leaves a sealed image of this generation there until its time, behind the one in force.
    pub(super) fn plan(&mut self, image: BorrowedFd<'_>, generation: u64, behind: u64) -> Result<(), SocketError> {
        match self.connection.ask(Request::Plan { generation, behind }, Some(image))?.0 {
            Reply::Planned { .. } => Ok(()),
            other => Err(unexpected("plan", &other)),
        }
    }

    /// Lets it forget every image that waits for its time.
    pub(super) fn forget(&mut self) -> Result<(), SocketError> {
        match self.connection.ask(Request::Forget, None)?.0 {
            Reply::Planned { .. } => Ok(()),
            other => Err(unexpected("forget", &other)),
        }
    }

    /// Sends a sealed image of this generation and digest; returns when every worker runs it.
    pub(super) fn adopt(
        &mut self,
        image: BorrowedFd<'_>,
        generation: u64,
        digest: u128,
        confirm_seconds: u64,
    ) -> Result<Published, PublishError> {
        let adopt = Request::Adopt { generation, confirm_seconds };
        match self.connection.ask(adopt, Some(image)) {
            Ok((Reply::Adopted { generation, nanoseconds }, _)) => {
                Ok(Published { generation, digest, already: false, nanoseconds: Some(nanoseconds) })
            }
            Ok((other, _)) => Err(unexpected("adopt", &other).into()),
            Err(refused @ SocketError::Refused { .. }) => Err(refused.into()),
            Err(cause) => self.outcome(generation, digest, cause),
        }
    }

    /// What became of an image whose answer was lost: asks again over a new connection.
    fn outcome(&mut self, generation: u64, digest: u128, cause: SocketError) -> Result<Published, PublishError> {
        let again = Dataplane::connect(&self.socket, self.patience).and_then(|mut dataplane| {
            let status = dataplane.status()?;
            Ok((dataplane, status))
        });
        let Ok((dataplane, status)) = again else { return Err(PublishError::Unknown { generation, cause }) };
        let same = dataplane.welcome.incarnation == self.welcome.incarnation;
        *self = dataplane;
        if same && status.generation == generation && status.digest == digest {
            return Ok(Published { generation, digest, already: false, nanoseconds: None });
        }
        Err(cause.into())
    }
}

fn unexpected(asked: &str, found: &Reply) -> SocketError {
    let found = match found {
        Reply::Welcome { .. } => "welcome",
        Reply::Adopted { .. } => "adopted",
        Reply::Refused { .. } => "refused",
        Reply::Confirmed { .. } => "confirmed",
        Reply::Status(_) => "status",
        Reply::Image { .. } => "image without descriptor",
        Reply::Telemetry => "telemetry without descriptor",
        Reply::Planned { .. } => "planned",
    };
    SocketError::Unexpected { asked: asked.to_owned(), found: found.to_owned() }
}
