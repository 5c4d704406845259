//! Publish: a policy at a time, compiled, to the dataplane that is to run it.
//!
//! Sends nothing if the dataplane runs the same already. A generation is always one above the highest
//! that this dataplane ever adopted, and a pool keeps the counter slot its name has in the running
//! image. What was sent is immutable: control can die at any step and leave nothing half done.

mod dataplane;

use gate25_include::handover::{SocketError, Status};
use gate25_include::image::{Image, ImageError};
use gate25_include::memfd::MemfdError;
use gate25_include::telemetry::TelemetryError;

use crate::compile::{CompileError, Slots, compile};
use crate::policy::Effective;
pub use dataplane::{Dataplane, Welcome};

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

/// The counter slots that one dataplane has given out since it started, to the names they belong to.
#[derive(Debug, Default)]
pub struct KnownSlots {
    incarnation: u64,
    given: Given,
}

/// Slots by name.
#[derive(Debug, Default)]
struct Given(Slots);

impl KnownSlots {
    /// Those of this incarnation; another one counts anew.
    fn of(&mut self, incarnation: u64) -> &mut Given {
        if self.incarnation != incarnation {
            *self = KnownSlots { incarnation, given: Given::default() };
        }
        &mut self.given
    }
}

impl Given {
    /// Takes over the slots of an image; where they differ from what is known, the image is right.
    fn prefer(&mut self, image: &Image) {
        let older = std::mem::replace(&mut self.0, Slots::of(image));
        self.0.learn(&older);
    }
}

/// A compiled policy and what the dataplane runs instead of it.
#[derive(Debug)]
pub struct Prepared {
    image: Image,
    running: Option<Image>,
    status: Status,
}

impl Prepared {
    /// Compiles what holds at a time, as the next generation of this dataplane. `known` holds the counter
    /// slots given out so far, and gets those of this image.
    ///
    /// # Errors
    /// Any [`PublishError`] but `Unknown`.
    pub fn new(
        at: &Effective<'_>,
        dataplane: &mut Dataplane,
        known: &mut KnownSlots,
    ) -> Result<Prepared, PublishError> {
        let status = dataplane.status()?;
        let running = dataplane.image()?;
        let slots = known.of(dataplane.welcome().incarnation);
        if let Some(running) = &running {
            slots.prefer(running);
        }
        let image = Image::from_words(compile(at, &slots.0, status.highest_generation + 1)?)?;
        slots.prefer(&image);
        Ok(Prepared { image, running, status })
    }

    /// Digest of the compiled policy.
    pub fn digest(&self) -> u128 {
        self.image.digest()
    }

    /// Generation it is in force with once it was published.
    pub fn generation(&self) -> u64 {
        if self.runs_already() { self.status.generation } else { self.image.generation() }
    }

    /// Whether the dataplane runs it already: the same policy with the same next change.
    pub fn runs_already(&self) -> bool {
        let same = |running: &Image| {
            running.digest() == self.image.digest() && running.next_change() == self.image.next_change()
        };
        self.running.as_ref().is_some_and(same)
    }

    /// Seals and sends the image, unless it runs already; returns when every worker runs it.
    /// With `confirm_seconds` above 0 the dataplane goes back by itself unless it is told to stay.
    ///
    /// # Errors
    /// [`PublishError::Socket`] with a refusal, [`PublishError::Memory`], [`PublishError::Unknown`].
    pub fn publish(&self, dataplane: &mut Dataplane, confirm_seconds: u64) -> Result<Published, PublishError> {
        if self.runs_already() {
            let generation = self.status.generation;
            return Ok(Published { generation, digest: self.digest(), already: true, nanoseconds: None });
        }
        dataplane.adopt(&self.image, confirm_seconds)
    }
}
