//! The programs under test, found beside the test that runs; built by cargo first if one is missing or older than its
//! sources.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::SystemTime;

/// gate25-dataplane; none, and why on stderr, where DPDK is not installed.
pub fn dataplane() -> Option<PathBuf> {
    let dpdk = Command::new("pkg-config").args(["--exists", "libdpdk"]).status();
    if !dpdk.is_ok_and(|status| status.success()) {
        eprintln!("skipped: pkg-config finds no libdpdk, so there is no dataplane");
        return None;
    }
    Some(program("gate25-dataplane", &["dataplane", "include"]))
}

/// A program of this workspace, whose sources are below these folders.
///
/// # Panics
/// If it does not build.
pub fn program(name: &str, folders: &[&str]) -> PathBuf {
    let here = std::env::current_exe().unwrap_or_default();
    let program = here.ancestors().nth(2).unwrap_or(Path::new("")).join(name);
    let built = fs::metadata(&program).and_then(|found| found.modified()).ok();
    let top = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap_or(Path::new("/"));
    let sources = folders.iter().map(|folder| newest(&top.join(folder))).max().flatten();
    if built.is_none() || built < sources {
        let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        let arguments = ["build", "--quiet", "--workspace", "--bin", name];
        let status = Command::new(cargo).args(arguments).current_dir(top).status();
        assert!(status.is_ok_and(|status| status.success()), "{name} does not build");
    }
    program
}

/// When the youngest source below a folder was written.
fn newest(folder: &Path) -> Option<SystemTime> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path());
    let times = entries.map(|path| match path.extension().and_then(OsStr::to_str) {
        _ if path.is_dir() => newest(&path),
        Some("rs" | "c" | "h") => fs::metadata(&path).and_then(|found| found.modified()).ok(),
        _ => None,
    });
    times.max().flatten()
}
