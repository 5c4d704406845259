//! Capture files: frames out of pcap and pcapng, frames into pcap.
//!
//! Owns reading in bounded memory, whatever a file claims, and saying where a file goes wrong: which packet,
//! which byte. Refuses link types other than Ethernet. Promises the frames in file order, each with the length
//! it had on the wire; no frame is skipped in silence. The formats' fields are read by the crate `pcap-parser`.

mod error;
mod input;
mod pcap;
mod pcapng;
mod writer;

use std::fs::File;
use std::io::Read;
use std::path::Path;

pub use error::{CaptureError, Problem};
use input::Input;
pub use writer::PcapWriter;

/// A capture file being read, from front to back.
#[derive(Debug)]
pub struct Capture<R> {
    file: String,
    input: Input<R>,
    format: Format,
    resolution: Resolution,
    packets: u64,
    /// After an error nothing more is read: what follows has lost its footing.
    over: bool,
}

/// One frame of a capture file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CapturedFrame<'a> {
    /// Its number in the file, from 1.
    pub number: u64,
    /// When it was captured, in nanoseconds since 1970-01-01T00:00:00Z; 0 if the file does not say.
    pub time: u64,
    /// The bytes that were captured, from the destination address on.
    pub bytes: &'a [u8],
    /// Its length on the wire in bytes as the file gives it; above `bytes.len()` if it was captured short.
    pub wire_len: u32,
}

/// How fine a file's time stamps are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Resolution {
    /// Microseconds or coarser.
    Micro,
    /// Finer than microseconds.
    Nano,
}

#[derive(Debug)]
enum Format {
    Pcap(pcap::Pcap),
    Pcapng(pcapng::Pcapng),
}

/// Where a frame stands in what was just read.
struct Found {
    time: u64,
    wire_len: u32,
    /// Bytes of the record before the frame, and of the frame.
    before: usize,
    captured: usize,
}

impl Capture<File> {
    /// Opens the file at `path` and reads its header.
    ///
    /// # Errors
    /// A file that cannot be opened, or whose first bytes are not those of pcap or pcapng.
    pub fn open(path: &Path) -> Result<Self, CaptureError> {
        let name = path.display().to_string();
        match File::open(path) {
            Ok(file) => Self::new(name, file),
            Err(error) => {
                Err(CaptureError { file: name, packet: 1, offset: 0, problem: Problem::Open(error.to_string()) })
            }
        }
    }
}

impl<R: Read> Capture<R> {
    /// Reads the header of a capture from `reader`; `file` is its name in errors.
    ///
    /// # Errors
    /// First bytes that are not those of pcap or pcapng.
    pub fn new(file: String, reader: R) -> Result<Self, CaptureError> {
        let mut input = Input::new(reader);
        let format = match begin(&mut input) {
            Ok(format) => format,
            Err(problem) => return Err(CaptureError { file, packet: 1, offset: input.offset(), problem }),
        };
        let resolution = match &format {
            Format::Pcap(pcap) => pcap.resolution(),
            Format::Pcapng(pcapng) => pcapng.resolution(),
        };
        Ok(Self { file, input, format, resolution, packets: 0, over: false })
    }

    /// The next frame; none behind the last one, and none behind an error.
    ///
    /// # Errors
    /// Where the file cannot be read on: packet, byte and what is wrong.
    pub fn read(&mut self) -> Result<Option<CapturedFrame<'_>>, CaptureError> {
        if self.over {
            return Ok(None);
        }
        let found = match &mut self.format {
            Format::Pcap(pcap) => pcap.read(&mut self.input),
            Format::Pcapng(pcapng) => pcapng.read(&mut self.input),
        };
        match found {
            Ok(Some((record, found))) => {
                self.packets += 1;
                let record = self.input.pass(record);
                let bytes = record.get(found.before..found.before + found.captured).unwrap_or_default();
                let Found { time, wire_len, .. } = found;
                Ok(Some(CapturedFrame { number: self.packets, time, bytes, wire_len }))
            }
            Ok(None) => {
                self.over = true;
                Ok(None)
            }
            Err(problem) => {
                self.over = true;
                let (packet, offset) = (self.packets + 1, self.input.offset());
                Err(CaptureError { file: self.file.clone(), packet, offset, problem })
            }
        }
    }

    /// How fine its time stamps are, as far as it says so before the first frame.
    pub fn resolution(&self) -> Resolution {
        self.resolution
    }

    /// Bytes of the file read so far.
    pub fn offset(&self) -> u64 {
        self.input.offset()
    }
}

/// Tells the format by the first bytes and reads all that stands before the first frame.
fn begin<R: Read>(input: &mut Input<R>) -> Result<Format, Problem> {
    input.reach(4)?;
    let magic = input.ahead().first_chunk::<4>().copied();
    match magic {
        None if input.ahead().is_empty() => Err(Problem::Empty),
        None => Err(Problem::Short { what: "the file header", have: input.ahead().len() as u64, need: 24 }),
        Some(magic) if pcapng::is_magic(magic) => pcapng::Pcapng::begin(input).map(Format::Pcapng),
        Some(magic) if pcap::is_magic(magic) => pcap::Pcap::begin(input).map(Format::Pcap),
        Some(magic) => Err(Problem::NotACapture { magic }),
    }
}

/// The longest frame a file may hold, in bytes: libpcap's own limit for Ethernet.
pub const MAX_CAPTURED: usize = 262_144;
/// LINKTYPE_ETHERNET.
const ETHERNET: u32 = 1;
const SECOND: u64 = 1_000_000_000;
