//! Why a replay cannot be done: place, value and remedy in one line.

use std::path::{Path, PathBuf};

use gate25_include::image::ImageError;

use super::dataplane::DataplaneError;
use crate::capture::CaptureError;
use crate::compile::CompileError;
use crate::config::PolicyErrors;

/// Why a replay cannot be done or went wrong.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReplayError {
    /// The policy is wrong; one line for each error.
    #[error(transparent)]
    Policy(#[from] PolicyErrors),
    /// The policy does not become an image.
    #[error(transparent)]
    Compile(#[from] CompileError),
    /// The image is refused by its own reader.
    #[error(transparent)]
    Image(#[from] ImageError),
    /// A capture file cannot be read.
    #[error(transparent)]
    Capture(#[from] CaptureError),
    /// An output file is one of the captures that are read.
    #[error("{} is a capture that is read here; write to another file", file.display())]
    OverInput {
        /// The output file.
        file: PathBuf,
    },
    /// An output cannot be written.
    #[error("cannot write {}: {error}; check the path, its permissions and the free space", file.display())]
    Write {
        /// The output.
        file: PathBuf,
        /// What the system says.
        error: std::io::Error,
    },
    /// A packet that cannot be handed to a dataplane.
    #[error(
        "{}: packet {packet} was captured short ({captured} of {wire_len} bytes); a dataplane needs whole frames, \
         capture with `tcpdump -s 0`", file.display()
    )]
    CapturedShort {
        /// The capture.
        file: PathBuf,
        /// Its number in the file.
        packet: u64,
        /// Bytes captured.
        captured: usize,
        /// Bytes on the wire.
        wire_len: u32,
    },
    /// The dataplane did not do its part.
    #[error(transparent)]
    Dataplane(#[from] DataplaneError),
    /// Standard output is gone.
    #[error("cannot write the summary: {0}")]
    Summary(std::io::Error),
    /// A packet that explain asks for is not in the file.
    #[error("{} has {packets} packets, there is no packet {asked}; ask for 1 to {packets}", file.display())]
    NoPacket {
        /// The capture.
        file: PathBuf,
        /// How many it has.
        packets: u64,
        /// Which was asked for.
        asked: u64,
    },
    /// A frame that is no hexadecimal.
    #[error("{found:?} at position {position} of the frame is no hexadecimal digit; write pairs of 0-9 and a-f")]
    NotHex {
        /// The character.
        found: char,
        /// Its position, from 1.
        position: usize,
    },
    /// A frame with half a byte.
    #[error("the frame has {digits} hexadecimal digits, half a byte too many or too few; write pairs")]
    HalfByte {
        /// How many digits.
        digits: usize,
    },
}

impl ReplayError {
    /// For `map_err` on what writes to `file`.
    pub(super) fn write(file: &Path) -> impl Fn(std::io::Error) -> Self + '_ {
        move |error| Self::Write { file: file.to_owned(), error }
    }
}
