//! The host as files: /sys and /proc below a root, so that a test can make up a host.

use std::path::{Path, PathBuf};

/// A host; paths are given without the leading slash.
#[derive(Clone, Debug)]
pub struct Host {
    root: PathBuf,
}

impl Default for Host {
    fn default() -> Host {
        Host::at(Path::new("/"))
    }
}

impl Host {
    /// A host whose root is this folder.
    pub fn at(root: &Path) -> Host {
        Host { root: root.to_owned() }
    }

    /// The text of a file without blanks around it.
    pub(super) fn read(&self, path: &str) -> Option<String> {
        std::fs::read_to_string(self.root.join(path)).ok().map(|text| text.trim().to_owned())
    }

    /// The number in a file.
    pub(super) fn number(&self, path: &str) -> Option<i64> {
        self.read(path)?.parse().ok()
    }

    /// The names in a folder, sorted; none if there is no such folder.
    pub(super) fn list(&self, path: &str) -> Vec<String> {
        let entries = std::fs::read_dir(self.root.join(path)).into_iter().flatten().flatten();
        let mut names: Vec<String> = entries.filter_map(|entry| entry.file_name().into_string().ok()).collect();
        names.sort();
        names
    }

    /// The last name of what a link points to.
    pub(super) fn link(&self, path: &str) -> Option<String> {
        let target = std::fs::read_link(self.root.join(path)).ok()?;
        Some(target.file_name()?.to_string_lossy().into_owned())
    }

    /// Whether there is something.
    pub(super) fn has(&self, path: &str) -> bool {
        self.root.join(path).exists()
    }

    /// The NUMA node of a CPU; none on a host without nodes.
    pub(super) fn node_of_cpu(&self, cpu: u32) -> Option<i64> {
        let names = self.list(&format!("sys/devices/system/cpu/cpu{cpu}"));
        names.iter().find_map(|name| name.strip_prefix("node")?.parse().ok())
    }
}

/// CPUs of a list as the kernel writes it: `2-5,8`.
pub(super) fn cpu_list(text: &str) -> Vec<u32> {
    let range = |part: &str| -> Option<std::ops::RangeInclusive<u32>> {
        let (from, to) = part.split_once('-').unwrap_or((part, part));
        Some(from.trim().parse().ok()?..=to.trim().parse().ok()?)
    };
    text.split(',').filter_map(range).flatten().collect()
}

/// A list as the kernel takes it.
pub(super) fn as_list(cpus: &[u32]) -> String {
    cpus.iter().map(u32::to_string).collect::<Vec<_>>().join(",")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_of_cpus() {
        assert_eq!(cpu_list("2-5,8"), [2, 3, 4, 5, 8]);
        assert_eq!((cpu_list(""), cpu_list("3"), cpu_list("x-2")), (vec![], vec![3], vec![]));
        assert_eq!(as_list(&[2, 3]), "2,3");
    }
}
