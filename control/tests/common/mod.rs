//! A folder with a policy file, gone when the test ends.
#![allow(dead_code, reason = "not every test file needs all of it")]

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use gate25_control::config::PolicyErrors;
use gate25_control::policy::{self, Limits, Policy};

pub(crate) struct Folder(PathBuf);

impl Folder {
    /// A fresh folder without a file.
    pub(crate) fn empty() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let name = format!("gate25-policy-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let path = std::env::temp_dir().join(name);
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    /// A fresh folder with this text as policy.toml.
    pub(crate) fn new(policy: &str) -> Self {
        let folder = Self::empty();
        folder.write("policy.toml", policy.as_bytes());
        folder
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    pub(crate) fn write(&self, name: &str, bytes: &[u8]) {
        let path = self.0.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }

    pub(crate) fn load(&self) -> Result<Policy, PolicyErrors> {
        policy::load(&self.0.join("policy.toml"))
    }

    pub(crate) fn load_at(&self, now: i64, limits: &Limits) -> Result<Policy, PolicyErrors> {
        policy::load_at(&self.0.join("policy.toml"), now, limits)
    }

    /// A text without the folder's name.
    pub(crate) fn relative(&self, text: &str) -> String {
        text.replace(&format!("{}/", self.0.display()), "")
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}
