//! A folder of one run, gone when the run is over.

use std::fs;
use std::io::ErrorKind;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use crate::replay::error::ReplayError;

/// A fresh folder among the temporary files; only its owner may look in.
#[derive(Debug)]
pub(super) struct Folder(PathBuf);

impl Folder {
    pub(super) fn create() -> Result<Self, ReplayError> {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        loop {
            let name = format!("gate25-replay-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
            let path = std::env::temp_dir().join(name);
            match fs::DirBuilder::new().mode(0o700).create(&path) {
                // Left behind by a process of this number that was killed.
                Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
                Err(error) => return Err(ReplayError::Write { file: path, error }),
                Ok(()) => return Ok(Self(path)),
            }
        }
    }

    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    pub(super) fn root(&self) -> &Path {
        &self.0
    }

    pub(super) fn write(&self, name: &str, bytes: &[u8]) -> Result<(), ReplayError> {
        let path = self.path(name);
        fs::write(&path, bytes).map_err(ReplayError::write(&path))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}
