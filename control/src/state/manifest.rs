//! The manifest of a stored policy: who applied what, when and why, and which files belong to it.
//!
//! On disk it is a line of JSON, sealed.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::error::StateError;
use super::sealed;
use crate::api::Peer;

/// Who applied what, when and why.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// Version of this format: [`FORMAT`].
    pub format: u32,
    /// Unix second of the commit.
    pub applied_at: i64,
    /// Who asked for it.
    pub by: Peer,
    /// What for, in the operator's words.
    pub comment: Option<String>,
    /// Why guard rails were overridden, in the operator's words.
    pub force: Option<String>,
    /// Digest of the image at the commit, 32 hexadecimal digits.
    pub digest: String,
    /// Generation of the commit.
    pub generation: u64,
    /// Prefixes of pools and exemptions; releases that did not note them left none.
    #[serde(default)]
    pub prefixes: Option<u64>,
    /// Seconds within which it had to be confirmed; 0 for not at all.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub confirm_seconds: u64,
    /// The policy file, then its prefix files.
    pub files: Vec<StoredFile>,
}

/// So that a release before confirmations were noted reads what needs none.
fn is_zero(seconds: &u64) -> bool {
    *seconds == 0
}

/// One file of a stored policy; the file at index *i* is stored under the name *i*.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StoredFile {
    /// The operator's name for it, absolute.
    pub path: PathBuf,
    /// Its length.
    pub bytes: u64,
    /// XXH3 of its content, 32 hexadecimal digits.
    pub xxh3: String,
}

impl Manifest {
    /// The policy file's name, as the operator gave it.
    pub fn policy_path(&self) -> &Path {
        self.files.first().map_or(Path::new("policy.toml"), |file| &file.path)
    }

    /// As it stands on disk.
    pub(super) fn to_text(&self) -> String {
        // Serialising plain fields into memory cannot fail; an empty line would be refused on reading.
        sealed::seal(&serde_json::to_string(self).unwrap_or_default())
    }

    /// From what stands on disk.
    pub(super) fn from_text(path: &Path, text: &str) -> Result<Manifest, StateError> {
        let damaged = |what: String| StateError::Damaged { path: path.to_owned(), what };
        let json = sealed::open(text).map_err(|what| damaged(what.into()))?;
        let manifest: Manifest = serde_json::from_str(json).map_err(|error| damaged(error.to_string()))?;
        match manifest.format {
            FORMAT => Ok(manifest),
            other => Err(damaged(format!("it has format {other}, this program reads {FORMAT}"))),
        }
    }
}

/// Version of the format.
pub const FORMAT: u32 = 1;

#[cfg(test)]
mod tests {
    use super::*;

    fn manifest() -> Manifest {
        Manifest {
            format: FORMAT,
            applied_at: 1_796_061_600,
            by: Peer { uid: 1000, gid: 1000, pid: 77, login: Some(1001) },
            comment: Some("first \"evening\"\n".into()),
            force: None,
            digest: format!("{:032x}", 7),
            generation: 3,
            prefixes: Some(2),
            confirm_seconds: 300,
            files: vec![StoredFile { path: "/etc/gate25/policy.toml".into(), bytes: 9, xxh3: "0".repeat(32) }],
        }
    }

    #[test]
    fn it_comes_back() {
        let text = manifest().to_text();
        assert_eq!(Manifest::from_text(Path::new("m"), &text).unwrap(), manifest());
    }

    #[test]
    fn cut_anywhere_or_changed_anywhere_it_is_refused() {
        let text = manifest().to_text();
        for end in 0..text.len() {
            assert!(Manifest::from_text(Path::new("m"), &text[..end]).is_err(), "cut at {end}");
        }
        for at in 0..text.len() {
            let mut bytes = text.clone().into_bytes();
            bytes[at] ^= 1;
            if let Ok(text) = String::from_utf8(bytes) {
                assert!(Manifest::from_text(Path::new("m"), &text).is_err(), "changed at {at}");
            }
        }
    }
}
