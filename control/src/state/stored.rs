//! A stored policy: verified against its manifest, then read like any other.

use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};

use hashbrown::HashMap;
use xxhash_rust::xxh3::Xxh3;

use super::error::StateError;
use super::manifest::{Manifest, StoredFile};
use crate::policy::{self, Policy};

/// A policy on disk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stored {
    folder: PathBuf,
    /// Its number; 0 while it is pending.
    pub number: u64,
    /// Who, when, why, and its files.
    pub manifest: Manifest,
}

impl Stored {
    pub(super) fn open(folder: PathBuf, number: u64) -> Result<Stored, StateError> {
        let path = folder.join(MANIFEST);
        let text = fs::read_to_string(&path);
        let damaged = |error: std::io::Error| StateError::Damaged { path: path.clone(), what: error.to_string() };
        let manifest = Manifest::from_text(&path, &text.map_err(damaged)?)?;
        Ok(Stored { folder, number, manifest })
    }

    /// Checks every byte against the manifest and reads the policy. Exemptions that had expired when it
    /// was applied count as expired, whatever the clock says now.
    ///
    /// # Errors
    /// [`StateError::Damaged`], [`StateError::Policy`].
    pub fn policy(&self, now: i64) -> Result<Policy, StateError> {
        self.verify()?;
        Stored::load(&self.folder, &self.manifest.files, now.max(self.manifest.applied_at))
    }

    /// Checks every byte against the manifest.
    ///
    /// # Errors
    /// [`StateError::Damaged`].
    pub fn verify(&self) -> Result<(), StateError> {
        for (index, file) in self.manifest.files.iter().enumerate() {
            verify(&self.folder.join(index.to_string()), file)?;
        }
        Ok(())
    }

    /// The copy of the file at `index`.
    ///
    /// # Errors
    /// [`StateError::Damaged`] if it is not there.
    pub fn file(&self, index: usize) -> Result<File, StateError> {
        let path = self.folder.join(index.to_string());
        File::open(&path).map_err(|error| StateError::Damaged { path, what: error.to_string() })
    }

    /// Reads the policy from copies in `folder`; whatever it names that is not among `files` is not read.
    pub(super) fn load(folder: &Path, files: &[StoredFile], now: i64) -> Result<Policy, StateError> {
        let place = |index: usize| folder.join(index.to_string());
        let copies: HashMap<&Path, PathBuf> =
            files.iter().enumerate().map(|(index, file)| (file.path.as_path(), place(index))).collect();
        let copy_of = |path: &Path| copies.get(path).cloned().unwrap_or_else(|| folder.join(NOT_STORED));
        let path = files.first().map_or(Path::new("policy.toml"), |file| &file.path);
        policy::load_copy(path, now, &copy_of).map_err(|errors| StateError::Policy { path: folder.to_owned(), errors })
    }
}

fn verify(path: &Path, file: &StoredFile) -> Result<(), StateError> {
    let damaged = |what: String| StateError::Damaged { path: path.to_owned(), what };
    let mut from = File::open(path).map_err(|error| damaged(error.to_string()))?;
    let (mut hash, mut bytes, mut buffer) = (Xxh3::new(), 0, vec![0; 1 << 16]);
    loop {
        let got = from.read(&mut buffer).map_err(|error| damaged(error.to_string()))?;
        hash.update(buffer.get(..got).unwrap_or_default());
        bytes += got as u64;
        if got == 0 {
            break;
        }
    }
    let name = file.path.display();
    if bytes != file.bytes {
        return Err(damaged(format!("{name} has {bytes} bytes, {} were stored", file.bytes)));
    }
    if format!("{:032x}", hash.digest128()) != file.xxh3 {
        return Err(damaged(format!("{name} was changed since it was stored")));
    }
    Ok(())
}

/// The manifest's name in the folder of a policy.
pub(super) const MANIFEST: &str = "manifest";
/// A name that never is in such a folder.
const NOT_STORED: &str = "not-stored";
