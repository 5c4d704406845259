//! Images of times to come, sent before their time.

use std::os::fd::AsFd;

use super::{Dataplane, Known, PublishError};
use crate::policy::Policy;

/// An image that lies ready in the dataplane.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Planned {
    /// The unix second in which it comes into force.
    pub at: i64,
    /// Its generation.
    pub generation: u64,
    /// Its digest.
    pub digest: u128,
}

/// Sends what `policy` is at these times, ascending and to come, in place of what was planned before; the policy must be
/// in force. Gives what was planned: fewer if all would need more than [`BYTES_MAX`], but one at least.
///
/// # Errors
/// Any [`PublishError`] but `Unknown`; what was planned by then may stay.
pub fn plan(
    policy: &Policy,
    times: &[i64],
    dataplane: &mut Dataplane,
    known: &mut Known,
) -> Result<Vec<Planned>, PublishError> {
    dataplane.forget()?;
    let status = dataplane.status()?;
    known.see(dataplane, &status)?;
    let (mut planned, mut bytes) = (Vec::new(), 0);
    for (&at, generation) in times.iter().zip(status.highest_generation + 1..) {
        let effective = policy.at(at);
        let compiled = known.build.compile(&effective, &mut known.slots, generation)?;
        bytes += compiled.words() * 4;
        if bytes > BYTES_MAX && !planned.is_empty() {
            break;
        }
        dataplane.plan(compiled.seal()?.as_fd(), generation, status.generation)?;
        planned.push(Planned { at, generation, digest: compiled.digest() });
    }
    Ok(planned)
}

/// Most bytes of images that lie ready together.
pub const BYTES_MAX: usize = 512 << 20;
