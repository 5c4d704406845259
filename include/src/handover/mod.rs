//! The hand-over: what is said over the dataplane's UNIX socket, and how descriptors pass.
//!
//! `SOCK_SEQPACKET`, one [`Message`] of [`SIZE`] bytes a packet, at most one descriptor with it. The
//! dataplane listens on `<run_dir>/<instance>.sock` (mode 0660); clients are control and the CLI. A
//! client sends a [`Request`]; the dataplane answers each with exactly one [`Reply`] that bears the
//! request's number, in order, except that `Adopt` and `Rollback` are answered when every worker has
//! moved. Nothing is sent unasked.
//!
//! 1. The first request must be `Hello`; a client of another ABI is refused and closed.
//! 2. `Adopt` bears a sealed memfd. It is answered `Adopted` when every worker runs it, or `Refused`;
//!    after `Refused` nothing has changed.
//! 3. Generations only rise: `Adopt` with one not above the highest ever adopted is refused.
//! 4. `Adopt` with a confirm time is rolled back unless `Confirm` comes in time; the timer runs in the
//!    dataplane, on CLOCK_BOOTTIME, whether control lives or not.
//! 5. `Plan` bears an image whose `compiled_at` lies ahead; in that second the dataplane brings it into force, whether
//!    control lives or not. Images are planned in the order of their times, at most [`MAX_PLANNED`], behind the one in force;
//!    `Adopt` and `Forget` forget them, and while an image waits for confirmation none is taken and none comes into force.
//! 6. `ImagePlease` and `TelemetryPlease` are answered with a descriptor of what runs now.

mod message;
mod refusal;
mod socket;

pub(crate) use message::first_word;
pub use message::{Left, MAX_PLANNED, Message, MessageError, Reply, Request, SIZE, Status, VERSION};
pub use refusal::Refusal;
pub use socket::{Connection, SocketError};
