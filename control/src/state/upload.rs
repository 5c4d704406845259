//! An upload: files on their way from a client to the disk. Gone when dropped, unless it was finished.

use std::fs::{self, File};
use std::io::{Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use xxhash_rust::xxh3::Xxh3;

use super::error::StateError;
use super::manifest::{Manifest, StoredFile};
use super::stored::{MANIFEST, Stored};
use super::{UPLOAD, sync_folder};

/// Files on their way to the disk.
#[derive(Debug)]
pub struct Upload {
    folder: PathBuf,
    files: Vec<StoredFile>,
}

impl Upload {
    pub(super) fn new(store: &Path) -> Result<Upload, StateError> {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let folder = store.join(format!("{UPLOAD}{}", NEXT.fetch_add(1, Ordering::Relaxed)));
        fs::create_dir(&folder).map_err(|error| StateError::io("make", &folder, error))?;
        Ok(Upload { folder, files: Vec::new() })
    }

    /// Copies `bytes` bytes to disk as the next file, which the operator calls `path`.
    ///
    /// # Errors
    /// [`StateError::Cut`] if `from` ends before, [`StateError::Io`].
    pub fn add(&mut self, path: &Path, bytes: u64, from: &mut dyn Read) -> Result<(), StateError> {
        let stored = self.folder.join(self.files.len().to_string());
        let mut to = create(&stored)?;
        let mut hash = Xxh3::new();
        let mut buffer = vec![0; BUFFER];
        let mut left = bytes;
        while left > 0 {
            let wanted = buffer.len().min(usize::try_from(left).unwrap_or(usize::MAX));
            let space = buffer.get_mut(..wanted).unwrap_or_default();
            let got = match from.read(space) {
                Ok(0) => return Err(StateError::Cut { path: path.to_owned(), bytes, got: bytes - left }),
                Ok(got) => got,
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(StateError::io("receive", path, error)),
            };
            let part = space.get(..got).unwrap_or_default();
            hash.update(part);
            to.write_all(part).map_err(|error| StateError::io("write", &stored, error))?;
            left -= got as u64;
        }
        to.sync_all().map_err(|error| StateError::io("sync", &stored, error))?;
        self.files.push(StoredFile { path: path.to_owned(), bytes, xxh3: format!("{:032x}", hash.digest128()) });
        Ok(())
    }

    /// What has come.
    pub fn files(&self) -> &[StoredFile] {
        &self.files
    }

    /// The policy it holds.
    ///
    /// # Errors
    /// [`StateError::Policy`] with all that is wrong with it.
    pub fn policy(&self, now: i64) -> Result<crate::policy::Policy, StateError> {
        Stored::load(&self.folder, &self.files, now)
    }

    /// Writes the manifest and moves everything to `place`, durably but for the rename itself.
    pub(super) fn finish(self, manifest: &Manifest, place: &Path) -> Result<(), StateError> {
        let path = self.folder.join(MANIFEST);
        let mut file = create(&path)?;
        let written = file.write_all(manifest.to_text().as_bytes()).and_then(|()| file.sync_all());
        written.map_err(|error| StateError::io("write", &path, error))?;
        sync_folder(&self.folder)?;
        fs::rename(&self.folder, place).map_err(|error| StateError::io("rename", &self.folder, error))
    }
}

impl Drop for Upload {
    fn drop(&mut self) {
        // After `finish` there is nothing under this name.
        let _ = fs::remove_dir_all(&self.folder);
    }
}

fn create(path: &Path) -> Result<File, StateError> {
    let opened = fs::OpenOptions::new().write(true).create_new(true).mode(0o640).open(path);
    opened.map_err(|error| StateError::io("create", path, error))
}

const BUFFER: usize = 1 << 16;
