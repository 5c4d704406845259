//! Publish: a policy at a time, compiled, to the dataplane that is to run it.
//!
//! Sends nothing if the dataplane runs the same already. A generation is always one above the highest
//! that this dataplane ever adopted, and a pool keeps the counter slot its name has in the running
//! image. What was sent is immutable: control can die at any step and leave nothing half done.

mod dataplane;
mod plan;

use std::os::fd::{AsFd, OwnedFd};

use gate25_include::handover::{SocketError, Status};
use gate25_include::image::ImageError;
use gate25_include::memfd::MemfdError;
use gate25_include::telemetry::TelemetryError;

use crate::compile::{CompileError, PrivateBuild, Slots};
use crate::policy::Effective;
pub use dataplane::{Dataplane, Welcome};
pub use plan::{BYTES_MAX, Planned, plan};

/// How long a person waits for a dataplane that does not answer.
pub const PATIENCE: std::time::Duration = std::time::Duration::from_secs(5);

/// Why a policy is not in force. The image before stays in force, but for [`PublishError::Unknown`].
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PublishError {
    /// The dataplane cannot be reached, does not answer, or said no.
    #[error(transparent)]
    Socket(#[from] SocketError),
    /// The policy does not compile.
    #[error(transparent)]
    Compile(#[from] CompileError),
    /// Control's own image, or the one the dataplane sent, fails its checks.
    #[error(transparent)]
    Image(#[from] ImageError),
    /// No memory for the image.
    #[error(transparent)]
    Memory(#[from] MemfdError),
    /// The dataplane's telemetry cannot be read.
    #[error(transparent)]
    Telemetry(#[from] TelemetryError),
    /// The connection broke after the image was sent, and the dataplane cannot be asked what it runs.
    #[error("generation {generation} was sent, then {cause}; see `gate25 show status` for what runs")]
    Unknown {
        /// The generation that was sent.
        generation: u64,
        /// What broke.
        cause: SocketError,
    },
}

/// A policy that every worker runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Published {
    /// Its generation.
    pub generation: u64,
    /// Its digest.
    pub digest: u128,
    /// Whether it ran before, so that nothing was sent.
    pub already: bool,
    /// From the image's arrival until the last worker ran it; none if nothing was sent or the answer was lost.
    pub nanoseconds: Option<u64>,
}

/// What publishing to one dataplane remembers from one generation to the next: the counter slots it has given out since it
/// started, to the names they belong to; what it ran when it was last seen, what was compiled last; and the private build.
#[derive(Debug, Default)]
pub struct Known {
    incarnation: u64,
    slots: Slots,
    running: Running,
    compiled: Running,
    build: PrivateBuild,
}

/// What tells an image that runs from one that might.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Running {
    /// 0 for none.
    generation: u64,
    digest: u128,
    next_change: Option<i64>,
}

impl Known {
    /// Finds out what this dataplane runs, and takes over its slots: where they differ from what is known, the image is
    /// right. An incarnation that was not seen before counts anew; an image is fetched once.
    fn see(&mut self, dataplane: &mut Dataplane, status: &Status) -> Result<(), PublishError> {
        let incarnation = dataplane.welcome().incarnation;
        if self.incarnation != incarnation {
            let build = std::mem::take(&mut self.build);
            *self = Known { incarnation, build, ..Known::default() };
        }
        let runs = |known: &Running| known.generation == status.generation && known.digest == status.digest;
        if runs(&self.compiled) {
            self.running = self.compiled;
        }
        if runs(&self.running) {
            return Ok(());
        }
        self.running = Running::default();
        if let Some(image) = dataplane.image()? {
            let older = std::mem::replace(&mut self.slots, Slots::of(&image));
            self.slots.learn(&older);
            let (generation, digest) = (image.generation(), image.digest());
            self.running = Running { generation, digest, next_change: image.next_change() };
        }
        Ok(())
    }
}

/// A compiled policy, sealed unless the dataplane runs it already.
#[derive(Debug)]
pub struct Prepared {
    compiled: Running,
    sealed: Option<OwnedFd>,
    status: Status,
}

impl Prepared {
    /// Compiles what holds at a time, as the next generation of this dataplane. `known` gets the counter slots of new
    /// names, and keeps the private build for the next time.
    ///
    /// # Errors
    /// Any [`PublishError`] but `Unknown`.
    pub fn new(at: &Effective<'_>, dataplane: &mut Dataplane, known: &mut Known) -> Result<Prepared, PublishError> {
        let status = dataplane.status()?;
        known.see(dataplane, &status)?;
        let generation = status.highest_generation + 1;
        let compiled = known.build.compile(at, &mut known.slots, generation)?;
        let (digest, next_change) = (compiled.digest(), compiled.next_change);
        let running = known.running;
        let runs = running.generation != 0 && (running.digest, running.next_change) == (digest, next_change);
        let sealed = if runs { None } else { Some(compiled.seal()?) };
        known.compiled = Running { generation, digest, next_change };
        Ok(Prepared { compiled: known.compiled, sealed, status })
    }

    /// Digest of the compiled policy.
    pub fn digest(&self) -> u128 {
        self.compiled.digest
    }

    /// Generation it is in force with once it was published.
    pub fn generation(&self) -> u64 {
        if self.runs_already() { self.status.generation } else { self.compiled.generation }
    }

    /// Whether the dataplane runs it already: the same policy with the same next change.
    pub fn runs_already(&self) -> bool {
        self.sealed.is_none()
    }

    /// Sends the image, unless it runs already; returns when every worker runs it.
    /// With `confirm_seconds` above 0 the dataplane goes back by itself unless it is told to stay.
    ///
    /// # Errors
    /// [`PublishError::Socket`] with a refusal, [`PublishError::Unknown`].
    pub fn publish(&self, dataplane: &mut Dataplane, confirm_seconds: u64) -> Result<Published, PublishError> {
        match &self.sealed {
            Some(image) => dataplane.adopt(image.as_fd(), self.compiled.generation, self.digest(), confirm_seconds),
            None => {
                let generation = self.status.generation;
                Ok(Published { generation, digest: self.digest(), already: true, nanoseconds: None })
            }
        }
    }
}
