//! Locks that keep two dataplanes off one instance name and off one port.
//!
//! DPDK starts two processes on one interface without complaint; these files under `run_dir` prevent it. A lock
//! is an flock(2) held by an open descriptor, so it ends with its holder however that dies; the file holds the
//! holder's pid for the error. Promise: nobody's lock file is ever removed, so there is no race on its name.

use std::fs::{File, OpenOptions};
use std::io::{Read, Seek, SeekFrom, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use rustix::fs::{FlockOperation, flock};

/// A lock that this process holds until it is dropped.
#[derive(Debug)]
pub struct Lock {
    _file: File,
}

/// Why a lock is not ours.
#[derive(Debug)]
pub enum LockError {
    /// Somebody else holds it.
    Held {
        /// The holder's pid as it wrote it.
        pid: String,
        /// The lock's file.
        file: PathBuf,
    },
    /// The file cannot be used.
    System {
        /// The lock's file.
        file: PathBuf,
        /// What the system says.
        cause: std::io::Error,
    },
}

impl Lock {
    /// Takes `run_dir`/`name`.lock and writes our pid into it. Does not wait.
    pub fn take(run_dir: &Path, name: &str) -> Result<Self, LockError> {
        let path = run_dir.join(format!("{name}.lock"));
        let system = |cause: std::io::Error| LockError::System { file: path.clone(), cause };
        let mut file =
            OpenOptions::new().read(true).write(true).create(true).truncate(false).open(&path).map_err(system)?;
        match flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => {}
            Err(rustix::io::Errno::WOULDBLOCK) => {
                return Err(LockError::Held { pid: holder(&mut file), file: path });
            }
            Err(error) => return Err(system(error.into())),
        }
        let write = |file: &mut File| {
            file.set_len(0)?;
            file.seek(SeekFrom::Start(0))?;
            writeln!(file, "{}", std::process::id())
        };
        write(&mut file).map_err(system)?;
        Ok(Self { _file: file })
    }
}

/// Inode of this process's network namespace; an interface name means nothing without it.
pub fn network_namespace() -> std::io::Result<u64> {
    Ok(std::fs::metadata("/proc/self/ns/net")?.ino())
}

fn holder(file: &mut File) -> String {
    let mut text = String::new();
    let read = file.seek(SeekFrom::Start(0)).and_then(|_| file.take(20).read_to_string(&mut text));
    match (read, text.trim()) {
        (Ok(_), pid) if !pid.is_empty() => pid.to_owned(),
        _ => "unknown".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn second_taker_learns_the_holder() {
        let dir = std::env::temp_dir().join(format!("gate25-lock-{}", std::process::id()));
        std::fs::create_dir_all(&dir).unwrap();
        let held = Lock::take(&dir, "if-e-1").unwrap();
        match Lock::take(&dir, "if-e-1") {
            Err(LockError::Held { pid, file }) => {
                assert_eq!(pid, std::process::id().to_string());
                assert_eq!(file, dir.join("if-e-1.lock"));
            }
            other => panic!("{other:?}"),
        }
        assert!(Lock::take(&dir, "if-e-2").is_ok());
        drop(held);
        assert!(Lock::take(&dir, "if-e-1").is_ok());
        std::fs::remove_dir_all(&dir).unwrap();
        assert!(matches!(Lock::take(&dir, "x"), Err(LockError::System { .. })));
    }
}
