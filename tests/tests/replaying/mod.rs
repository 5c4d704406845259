//! The catalogue in a folder, and a replay of it.
#![allow(dead_code, reason = "not every test file needs all of it")]

use std::fs;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};

use gate25_control::replay::{Arguments, Ending, ReplayError, run};
use gate25_tests::captures::{pcap_of, policy_toml};
use gate25_tests::catalogue::{Vector, policy, vectors};
use gate25_tests::golden::Direction;
use serde_json::Value;

/// A folder of its own, gone when the test ends.
pub(crate) struct Folder(pub(crate) PathBuf);

impl Folder {
    /// With policy.toml, access.pcap and network.pcap of these vectors.
    pub(crate) fn of(vectors: &[Vector]) -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let name = format!("gate25-tests-replay-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let folder = Self(std::env::temp_dir().join(name));
        fs::create_dir_all(&folder.0).unwrap();
        folder.write("policy.toml", policy_toml(&policy(), &GROUPS));
        folder.write("access.pcap", pcap_of(vectors, Direction::Outbound));
        folder.write("network.pcap", pcap_of(vectors, Direction::Inbound));
        folder
    }

    pub(crate) fn write(&self, name: &str, bytes: impl AsRef<[u8]>) {
        fs::write(self.path(name), bytes).unwrap();
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    pub(crate) fn arguments(&self) -> Arguments {
        Arguments {
            policy: self.path("policy.toml"),
            access: Some(self.path("access.pcap")),
            network: Some(self.path("network.pcap")),
            verdicts: Some(self.path("verdicts.ndjson")),
            out: Some(self.path("out")),
            at: Some(1_800_000_000),
            against: None,
            dataplane: None,
        }
    }

    pub(crate) fn names(&self, folder: &str) -> Vec<String> {
        let entries = fs::read_dir(self.path(folder)).unwrap();
        let mut names: Vec<_> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// The names of the policy's destination groups.
pub(crate) const GROUPS: [&str; 3] = ["own-mail", "mobile", "partner"];

/// What a replay gave.
pub(crate) struct Given {
    pub(crate) ending: Ending,
    pub(crate) summary: Value,
    pub(crate) talk: String,
}

/// Replays as the command does.
pub(crate) fn replay(arguments: &Arguments) -> Result<Given, ReplayError> {
    let (mut out, mut talk) = (Vec::new(), Vec::new());
    let ending = run(arguments, true, &mut out, &mut talk)?;
    let summary = serde_json::from_slice(&out).unwrap();
    Ok(Given { ending, summary, talk: String::from_utf8(talk).unwrap() })
}

/// All vectors under a policy, access first, as the captures have them.
pub(crate) fn judged() -> Vec<Vector> {
    let (mut access, network): (Vec<_>, Vec<_>) =
        vectors().into_iter().filter(|one| !one.no_policy).partition(|one| one.direction == Direction::Outbound);
    access.extend(network);
    access
}
