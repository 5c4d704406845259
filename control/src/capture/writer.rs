//! Writes pcap: little-endian, Ethernet, microseconds or nanoseconds.

use std::io::{self, Write};

use super::{CapturedFrame, ETHERNET, MAX_CAPTURED, Resolution, SECOND};

/// Writes frames to `out` as they come.
#[derive(Debug)]
pub struct PcapWriter<W> {
    out: W,
    resolution: Resolution,
}

impl<W: Write> PcapWriter<W> {
    /// Begins a file.
    ///
    /// # Errors
    /// What `out` refuses.
    pub fn new(mut out: W, resolution: Resolution) -> io::Result<Self> {
        let magic: u32 = match resolution {
            Resolution::Micro => 0xa1b2_c3d4,
            Resolution::Nano => 0xa1b2_3c4d,
        };
        out.write_all(&magic.to_le_bytes())?;
        out.write_all(&[2, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0])?;
        out.write_all(&(MAX_CAPTURED as u32).to_le_bytes())?;
        out.write_all(&ETHERNET.to_le_bytes())?;
        Ok(Self { out, resolution })
    }

    /// Appends a frame; captured bytes, length on the wire and time stamp are kept, the number is not. Seconds
    /// wrap after 2106 (the field has 32 bits).
    ///
    /// # Errors
    /// What `out` refuses.
    pub fn write(&mut self, frame: &CapturedFrame<'_>) -> io::Result<()> {
        let fraction = match self.resolution {
            Resolution::Micro => frame.time % SECOND / 1000,
            Resolution::Nano => frame.time % SECOND,
        };
        let captured = frame.bytes.len() as u32;
        for word in [(frame.time / SECOND) as u32, fraction as u32, captured, frame.wire_len] {
            self.out.write_all(&word.to_le_bytes())?;
        }
        self.out.write_all(frame.bytes)
    }

    /// Ends the file and gives back `out`, flushed.
    ///
    /// # Errors
    /// What `out` refuses.
    pub fn finish(mut self) -> io::Result<W> {
        self.out.flush()?;
        Ok(self.out)
    }
}
