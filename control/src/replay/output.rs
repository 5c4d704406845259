//! Output files: written beside their place and put there when they are whole, so that nobody reads half of one.
//!
//! Refuses to write over a capture that is being read. What is no regular file (a pipe, /dev/stdout) is written to
//! directly.

use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use super::error::ReplayError;
use crate::capture::{CapturedFrame, PcapWriter, Resolution};

/// A file that is not in its place yet.
#[derive(Debug)]
pub(super) struct NewFile {
    place: PathBuf,
    /// Where it is until it is whole; none if it is written to directly.
    beside: Option<PathBuf>,
    out: BufWriter<File>,
}

impl NewFile {
    /// Begins a file for `place`, which must be none of `inputs`.
    pub(super) fn create(place: &Path, inputs: &[&Path]) -> Result<Self, ReplayError> {
        // What a symbolic link leads to is replaced, not the link.
        let place = fs::canonicalize(place).unwrap_or_else(|_| place.to_owned());
        if inputs.iter().any(|input| is_same(input, &place)) {
            return Err(ReplayError::OverInput { file: place });
        }
        if place.is_dir() {
            return Err(ReplayError::Write { file: place, error: io::ErrorKind::IsADirectory.into() });
        }
        let direct = fs::metadata(&place).is_ok_and(|found| !found.is_file());
        let (file, beside) = if direct {
            (File::options().write(true).open(&place), None)
        } else {
            let mut name = place.file_name().unwrap_or_default().to_owned();
            name.push(format!(".new-{}", std::process::id()));
            let beside = place.with_file_name(name);
            (File::create(&beside), Some(beside))
        };
        match file {
            Ok(file) => Ok(Self { place, beside, out: BufWriter::with_capacity(BUFFER, file) }),
            Err(error) => Err(ReplayError::Write { file: place, error }),
        }
    }

    /// Puts the file in its place.
    pub(super) fn finish(mut self) -> Result<(), ReplayError> {
        let done = self.out.flush().and_then(|()| match &self.beside {
            Some(beside) => fs::rename(beside, &self.place),
            None => Ok(()),
        });
        done.map_err(ReplayError::write(&self.place))?;
        self.beside = None;
        Ok(())
    }

    /// Names the file in an error.
    pub(super) fn wrote(&self, result: io::Result<()>) -> Result<(), ReplayError> {
        result.map_err(ReplayError::write(&self.place))
    }
}

impl Write for NewFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.out.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

impl Drop for NewFile {
    /// A file that was not finished leaves nothing behind.
    fn drop(&mut self) {
        if let Some(beside) = &self.beside {
            let _ = fs::remove_file(beside);
        }
    }
}

/// `--out DIR`: what would leave each port.
#[derive(Debug)]
pub(super) struct Ports {
    access: (PathBuf, PcapWriter<NewFile>),
    network: (PathBuf, PcapWriter<NewFile>),
}

impl Ports {
    /// Begins access.pcap and network.pcap in `folder`, which is made if it is not there.
    pub(super) fn create(folder: &Path, resolution: Resolution, inputs: &[&Path]) -> Result<Self, ReplayError> {
        fs::create_dir_all(folder).map_err(ReplayError::write(folder))?;
        let begin = |name: &str| -> Result<_, ReplayError> {
            let place = folder.join(name);
            let file = NewFile::create(&place, inputs)?;
            let writer = PcapWriter::new(file, resolution).map_err(ReplayError::write(&place))?;
            Ok((place, writer))
        };
        Ok(Self { access: begin("access.pcap")?, network: begin("network.pcap")? })
    }

    /// A frame that leaves the access port.
    pub(super) fn send_access(&mut self, frame: &CapturedFrame<'_>) -> Result<(), ReplayError> {
        let (place, writer) = &mut self.access;
        writer.write(frame).map_err(ReplayError::write(place))
    }

    /// A frame that leaves the network port.
    pub(super) fn send_network(&mut self, frame: &CapturedFrame<'_>) -> Result<(), ReplayError> {
        let (place, writer) = &mut self.network;
        writer.write(frame).map_err(ReplayError::write(place))
    }

    /// Puts both files in their places.
    pub(super) fn finish(self) -> Result<(), ReplayError> {
        for (place, writer) in [self.access, self.network] {
            writer.finish().map_err(ReplayError::write(&place))?.finish()?;
        }
        Ok(())
    }
}

/// Whether two paths lead to one file.
fn is_same(a: &Path, b: &Path) -> bool {
    match (fs::metadata(a), fs::metadata(b)) {
        (Ok(a), Ok(b)) => a.is_file() && (a.dev(), a.ino()) == (b.dev(), b.ino()),
        _ => false,
    }
}

/// Bytes written at once.
const BUFFER: usize = 256 * 1024;
