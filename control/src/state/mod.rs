//! State: the policies on disk. The last good one is published again after any restart.
//!
//! ```text
//! <state-dir>/<instance>/
//!     upload-*    while a client sends; of no meaning afterwards
//!     pending     complete on disk, sent to the dataplane, its answer not yet known
//!     00000042    a policy that was in force; the highest number is the one in force
//!     stages      since when each pool is in its stage
//!     events      confirmations, rollbacks, times that came
//! ```
//! Each is a folder with a manifest and a copy of every file, so it needs nothing else. It appears under
//! its name by one rename, after everything in it was synced: a crash leaves whole policies only.

mod error;
mod events;
mod manifest;
mod sealed;
mod stages;
mod stored;
mod upload;

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};

use rustix::fs::{FlockOperation, flock};

pub use error::StateError;
pub use events::{EventLog, KEPT_EVENTS};
pub use manifest::{FORMAT, Manifest, StoredFile};
pub use stages::{ABSENT, EXPIRED, KEPT_CHANGES, StageChange, StageLog};
pub use stored::Stored;
pub use upload::Upload;

/// The folder of one instance; nobody else uses it while this lives.
#[derive(Debug)]
pub struct Store {
    folder: PathBuf,
    /// Holds the lock.
    _lock: File,
}

impl Store {
    /// Opens the folder of `instance`, makes it if need be, and removes what an earlier process left
    /// half sent. A folder that exists is good enough if it cannot be written.
    ///
    /// # Errors
    /// [`StateError::Io`] if there is none and none can be made, [`StateError::InUse`].
    pub fn open(state_dir: &Path, instance: &str) -> Result<Store, StateError> {
        let folder = state_dir.join(instance);
        fs::create_dir_all(&folder).map_err(|error| StateError::io("make", &folder, error))?;
        let lock = File::open(&folder).map_err(|error| StateError::io("open", &folder, error))?;
        flock(&lock, FlockOperation::NonBlockingLockExclusive)
            .map_err(|_| StateError::InUse { path: folder.clone() })?;
        let store = Store { folder, _lock: lock };
        for name in store.names()?.iter().filter(|name| name.starts_with(UPLOAD)) {
            let _ = fs::remove_dir_all(store.folder.join(name));
        }
        Ok(store)
    }

    /// A place for what a client sends.
    ///
    /// # Errors
    /// [`StateError::Io`].
    pub fn upload(&self) -> Result<Upload, StateError> {
        Upload::new(&self.folder)
    }

    /// The policy in force as far as this disk knows.
    ///
    /// # Errors
    /// [`StateError`] if it is there but not good; an older one is not taken in its place.
    pub fn current(&self) -> Result<Option<Stored>, StateError> {
        self.numbers()?.last().map(|number| Stored::open(self.numbered(*number), *number)).transpose()
    }

    /// The policy whose fate is not known.
    ///
    /// # Errors
    /// As [`Store::current`].
    pub fn pending(&self) -> Result<Option<Stored>, StateError> {
        let path = self.folder.join(PENDING);
        path.exists().then(|| Stored::open(path, 0)).transpose()
    }

    /// Makes an upload the pending policy, durably.
    ///
    /// # Errors
    /// [`StateError::Io`]; nothing is pending then.
    pub fn make_pending(&self, upload: Upload, manifest: &Manifest) -> Result<(), StateError> {
        self.discard_pending()?;
        upload.finish(manifest, &self.folder.join(PENDING))?;
        self.sync()
    }

    /// Makes the pending policy the current one, durably, and forgets all but the last [`KEPT`].
    ///
    /// # Errors
    /// [`StateError::Io`]; it stays pending.
    pub fn promote(&self) -> Result<Stored, StateError> {
        let numbers = self.numbers()?;
        let number = numbers.last().map_or(1, |last| last + 1);
        let (from, to) = (self.folder.join(PENDING), self.numbered(number));
        fs::rename(&from, &to).map_err(|error| StateError::io("rename", &from, error))?;
        self.sync()?;
        for old in numbers.iter().rev().skip(KEPT - 1) {
            let _ = fs::remove_dir_all(self.numbered(*old));
        }
        Stored::open(to, number)
    }

    /// Forgets the pending policy, if there is one.
    ///
    /// # Errors
    /// [`StateError::Io`].
    pub fn discard_pending(&self) -> Result<(), StateError> {
        let path = self.folder.join(PENDING);
        match fs::remove_dir_all(&path) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(StateError::io("remove", &path, error)),
            _ => Ok(()),
        }
    }

    /// Since when each pool is in its stage, as far as this disk knows.
    pub fn stages(&self) -> StageLog {
        StageLog::from_text(&self.read(STAGES)).unwrap_or_default()
    }

    /// Keeps that, durably.
    ///
    /// # Errors
    /// [`StateError::Io`]; what was kept before stays.
    pub fn keep_stages(&self, log: &StageLog) -> Result<(), StateError> {
        self.write(STAGES, &log.to_text())
    }

    /// What happened to policies after they were applied, as far as this disk knows.
    pub fn events(&self) -> EventLog {
        EventLog::from_text(&self.read(EVENTS)).unwrap_or_default()
    }

    /// Keeps that, durably.
    ///
    /// # Errors
    /// [`StateError::Io`]; what was kept before stays.
    pub fn keep_events(&self, log: &EventLog) -> Result<(), StateError> {
        self.write(EVENTS, &log.to_text())
    }

    fn read(&self, name: &str) -> String {
        fs::read_to_string(self.folder.join(name)).unwrap_or_default()
    }

    /// Writes a file anew and renames it to its place.
    fn write(&self, name: &str, text: &str) -> Result<(), StateError> {
        let (new, place) = (self.folder.join(format!("{name}.new")), self.folder.join(name));
        let write = || {
            let mut file = File::create(&new)?;
            file.write_all(text.as_bytes())?;
            file.sync_all()?;
            fs::rename(&new, &place)
        };
        write().map_err(|error| StateError::io("write", &new, error))?;
        self.sync()
    }

    /// Numbers of the policies kept, ascending; the last is in force.
    ///
    /// # Errors
    /// [`StateError::Io`].
    pub fn numbers(&self) -> Result<Vec<u64>, StateError> {
        let is_number = |name: &&String| name.len() == DIGITS && name.bytes().all(|byte| byte.is_ascii_digit());
        let names = self.names()?;
        let mut numbers: Vec<u64> = names.iter().filter(is_number).filter_map(|name| name.parse().ok()).collect();
        numbers.sort_unstable();
        Ok(numbers)
    }

    /// The policy with this number.
    ///
    /// # Errors
    /// [`StateError::Damaged`] if there is none or it is not good.
    pub fn number(&self, number: u64) -> Result<Stored, StateError> {
        Stored::open(self.numbered(number), number)
    }

    fn numbered(&self, number: u64) -> PathBuf {
        self.folder.join(format!("{number:0DIGITS$}"))
    }

    fn names(&self) -> Result<Vec<String>, StateError> {
        let entries = fs::read_dir(&self.folder).map_err(|error| StateError::io("read", &self.folder, error))?;
        Ok(entries.flatten().filter_map(|entry| entry.file_name().into_string().ok()).collect())
    }

    fn sync(&self) -> Result<(), StateError> {
        sync_folder(&self.folder)
    }
}

/// Makes renames in a folder durable.
fn sync_folder(folder: &Path) -> Result<(), StateError> {
    File::open(folder).and_then(|folder| folder.sync_all()).map_err(|error| StateError::io("sync", folder, error))
}

/// How many policies are kept, the one in force included.
pub const KEPT: usize = 50;

const PENDING: &str = "pending";
const UPLOAD: &str = "upload-";
const STAGES: &str = "stages";
const EVENTS: &str = "events";
const DIGITS: usize = 8;

#[cfg(test)]
mod tests;
