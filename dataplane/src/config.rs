//! dataplane.toml: text in, checked values out.
//!
//! Refuses unknown keys, wrong types and values out of range, each with file, line, column, the value and what
//! would do. Promise: a `Config` needs no further check of its values; whether a device exists is the port's
//! business.

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::Deserialize;
use thiserror::Error;
use toml::Spanned;

use crate::device::Device;

/// A dataplane, as its operator wants it.
#[derive(Clone, Debug)]
pub struct Config {
    /// Name of this dataplane on this host: `[a-z0-9-]{1,32}`.
    pub instance: String,
    /// CPU of each worker, in order; a CPU may be named twice (workers then share it).
    pub cores: Vec<u16>,
    /// CPU of the main thread.
    pub main_core: u16,
    /// What a worker does when all its queues are empty.
    pub idle: Idle,
    /// Extra arguments for EAL, passed on as they are.
    pub eal: Vec<String>,
    /// Memory from huge pages, or from ordinary pages (for tests).
    pub huge_pages: bool,
    /// Workers may be on another NUMA node than a port.
    pub distant_cores: bool,
    /// Folder of the socket and the locks.
    pub run_dir: PathBuf,
    /// Receive and transmit descriptors per queue that are asked of a port.
    pub descriptors: u16,
    /// The links, at least one.
    pub links: Vec<Link>,
}

/// A pair of ports between which gate25 sits.
#[derive(Clone, Debug)]
pub struct Link {
    /// Name, unique in the file: `[a-z0-9-]{1,63}`.
    pub name: String,
    /// The port towards the subscribers.
    pub access: Device,
    /// The port towards the core.
    pub network: Device,
    /// Largest IP packet, bytes: 68 to 9216.
    pub mtu: u16,
    /// One side down makes the other side go down.
    pub propagate_link: bool,
}

/// What a worker does when all its queues are empty.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Idle {
    /// Spins: least delay, a whole CPU.
    Poll,
    /// Backs off.
    Adaptive {
        /// How long a frame may wait for a worker that cannot be woken by it: 10 µs to 1 ms.
        delay: Duration,
    },
}

/// The key `idle`.
#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
enum IdleName {
    Poll,
    Adaptive,
}

/// Why a dataplane.toml is refused; reads `FILE:LINE:COLUMN: cause; remedy`.
#[derive(Debug, Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("{}: {cause}; give the path of a dataplane.toml with --config", file.display())]
    Unreadable {
        /// The path.
        file: PathBuf,
        /// What the system says.
        cause: std::io::Error,
    },
    /// A place in the file is wrong.
    #[error("{}:{line}:{column}: {cause}", file.display())]
    Place {
        /// The path.
        file: PathBuf,
        /// Line, from 1.
        line: usize,
        /// Column in characters, from 1.
        column: usize,
        /// What is wrong there, and what would do.
        cause: String,
    },
}

impl Config {
    /// Reads and checks a file.
    pub fn load(file: &Path) -> Result<Self, ConfigError> {
        let text =
            std::fs::read_to_string(file).map_err(|cause| ConfigError::Unreadable { file: file.to_owned(), cause })?;
        Self::parse(file, &text)
    }

    /// Checks `text`; `file` is named in errors only.
    pub fn parse(file: &Path, text: &str) -> Result<Self, ConfigError> {
        let place = |wrong: Wrong| {
            let (line, column) = line_and_column(text, wrong.at);
            ConfigError::Place { file: file.to_owned(), line, column, cause: wrong.cause }
        };
        let raw: Raw = toml::from_str(text).map_err(|error| {
            let at = error.span().map_or(0, |span| span.start);
            place(Wrong { at, cause: format!("{}; see dataplane/README.md for the keys", error.message().trim()) })
        })?;
        check(raw).map_err(place)
    }

    /// Number of workers.
    pub fn workers(&self) -> u16 {
        // check() bounds the list.
        u16::try_from(self.cores.len()).unwrap_or(u16::MAX)
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Raw {
    instance: Spanned<String>,
    cores: Spanned<Vec<Spanned<i64>>>,
    main_core: Spanned<i64>,
    #[serde(default = "default_idle")]
    idle: IdleName,
    #[serde(default)]
    idle_delay: Option<Spanned<i64>>,
    #[serde(default)]
    eal: Vec<Spanned<String>>,
    #[serde(default = "default_true")]
    huge_pages: bool,
    #[serde(default)]
    distant_cores: bool,
    #[serde(default)]
    run_dir: Option<Spanned<PathBuf>>,
    #[serde(default)]
    descriptors: Option<Spanned<i64>>,
    link: Spanned<Vec<RawLink>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawLink {
    name: Spanned<String>,
    access: Spanned<String>,
    network: Spanned<String>,
    #[serde(default)]
    mtu: Option<Spanned<i64>>,
    #[serde(default)]
    propagate_link: bool,
}

/// A mistake and the byte of the text where it stands.
struct Wrong {
    at: usize,
    cause: String,
}

fn check(raw: Raw) -> Result<Config, Wrong> {
    check_name(&raw.instance, "instance", MAX_INSTANCE)?;
    let count = raw.cores.get_ref().len();
    if !(1..=MAX_WORKERS).contains(&count) {
        return Err(wrong(&raw.cores, format!("cores names {count} workers; 1 to {MAX_WORKERS} are possible")));
    }
    let cores = raw.cores.get_ref().iter().map(|core| number(core, "cores", 0, MAX_CPU)).collect::<Result<_, _>>()?;
    for argument in &raw.eal {
        check_eal(argument)?;
    }
    let run_dir = match raw.run_dir {
        Some(dir) if !dir.get_ref().is_absolute() => {
            let cause = format!("run_dir = \"{}\" is relative; give an absolute path", dir.get_ref().display());
            return Err(wrong(&dir, cause));
        }
        Some(dir) => dir.into_inner(),
        None => PathBuf::from(RUN_DIR),
    };
    let descriptors = match &raw.descriptors {
        Some(value) => number(value, "descriptors", 64, 16_384)?,
        None => DESCRIPTORS,
    };
    Ok(Config {
        main_core: number(&raw.main_core, "main_core", 0, MAX_CPU)?,
        instance: raw.instance.into_inner(),
        cores,
        idle: check_idle(raw.idle, raw.idle_delay.as_ref())?,
        eal: raw.eal.into_iter().map(Spanned::into_inner).collect(),
        huge_pages: raw.huge_pages,
        distant_cores: raw.distant_cores,
        run_dir,
        descriptors,
        links: check_links(raw.link)?,
    })
}

fn check_idle(name: IdleName, delay: Option<&Spanned<i64>>) -> Result<Idle, Wrong> {
    let delay = delay.map(|value| number::<u16>(value, "idle_delay", 10, 1000)).transpose()?;
    Ok(match name {
        IdleName::Poll => Idle::Poll,
        IdleName::Adaptive => Idle::Adaptive { delay: Duration::from_micros(delay.unwrap_or(IDLE_DELAY).into()) },
    })
}

fn check_links(raw: Spanned<Vec<RawLink>>) -> Result<Vec<Link>, Wrong> {
    let count = raw.get_ref().len();
    if !(1..=MAX_LINKS).contains(&count) {
        return Err(wrong(&raw, format!("{count} links; 1 to {MAX_LINKS} [[link]] tables are possible")));
    }
    let mut names = HashSet::new();
    let mut used = HashSet::new();
    let mut links = Vec::new();
    for link in raw.into_inner() {
        check_name(&link.name, "name", MAX_LINK_NAME)?;
        if !names.insert(link.name.get_ref().clone()) {
            let cause = format!("name = \"{}\" stands twice; give each link its own", link.name.get_ref());
            return Err(wrong(&link.name, cause));
        }
        let mtu = match &link.mtu {
            Some(mtu) => number(mtu, "mtu", 68, i64::from(MAX_MTU))?,
            None => DEFAULT_MTU,
        };
        let access = check_device(&link.access, mtu, &mut used)?;
        let network = check_device(&link.network, mtu, &mut used)?;
        links.push(Link { name: link.name.into_inner(), access, network, mtu, propagate_link: link.propagate_link });
    }
    Ok(links)
}

/// Parses a port and makes sure that nothing earlier in the file reaches the same device.
fn check_device(text: &Spanned<String>, mtu: u16, used: &mut HashSet<String>) -> Result<Device, Wrong> {
    let device = Device::parse(text.get_ref()).map_err(|error| wrong(text, error.to_string()))?;
    device.fitted(mtu, 1).map_err(|error| wrong(text, error.to_string()))?;
    for key in [Some(device.name().to_owned()), device.lock_key(0)].into_iter().flatten() {
        if !used.insert(key) {
            let cause =
                format!("\"{}\" is another port already; a port belongs to one side of one link", text.get_ref());
            return Err(wrong(text, cause));
        }
    }
    Ok(device)
}

fn check_name(name: &Spanned<String>, key: &str, longest: usize) -> Result<(), Wrong> {
    let text = name.get_ref();
    let fits = text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
    if fits && (1..=longest).contains(&text.len()) {
        return Ok(());
    }
    Err(wrong(name, format!("{key} = \"{text}\"; use 1 to {longest} of a-z, 0-9 and -")))
}

/// gate25 composes EAL's cores, memory and devices itself; a second opinion would win silently.
fn check_eal(argument: &Spanned<String>) -> Result<(), Wrong> {
    let name = argument.get_ref().split('=').next().unwrap_or_default();
    match OWN_EAL.iter().find(|(own, _)| *own == name) {
        None => Ok(()),
        Some((_, key)) => Err(wrong(argument, format!("\"{name}\" is gate25's own; use {key}"))),
    }
}

fn number<T: TryFrom<i64>>(value: &Spanned<i64>, key: &str, least: i64, most: i64) -> Result<T, Wrong> {
    let number = *value.get_ref();
    let fitting = (least..=most).contains(&number).then(|| T::try_from(number).ok()).flatten();
    fitting.ok_or_else(|| wrong(value, format!("{key} = {number}; use {least} to {most}")))
}

fn wrong<T>(place: &Spanned<T>, cause: String) -> Wrong {
    Wrong { at: place.span().start, cause }
}

fn line_and_column(text: &str, at: usize) -> (usize, usize) {
    let before = text.get(..at).unwrap_or(text);
    let line_start = before.rfind('\n').map_or(0, |index| index + 1);
    let column = before.get(line_start..).unwrap_or_default().chars().count();
    (before.matches('\n').count() + 1, column + 1)
}

fn default_idle() -> IdleName {
    IdleName::Adaptive
}

fn default_true() -> bool {
    true
}

/// Longest IP packet that can be asked for, bytes.
pub const MAX_MTU: u16 = 9216;
/// Most workers of one dataplane.
pub const MAX_WORKERS: usize = 64;
/// Most links of one dataplane.
pub const MAX_LINKS: usize = 16;
const DEFAULT_MTU: u16 = 1500;
const DESCRIPTORS: u16 = 1024;
/// Microseconds.
const IDLE_DELAY: u16 = 50;
/// EAL's own bound (RTE_MAX_LCORE is 128 to 256) does not matter: `--lcores` maps any CPU.
const MAX_CPU: i64 = 1023;
const MAX_INSTANCE: usize = 32;
const MAX_LINK_NAME: usize = 63;
const RUN_DIR: &str = "/run/gate25";
/// EAL arguments that follow from other keys.
const OWN_EAL: &[(&str, &str)] = &[
    ("-l", "cores and main_core"),
    ("-c", "cores and main_core"),
    ("--lcores", "cores and main_core"),
    ("--main-lcore", "main_core"),
    ("--file-prefix", "instance"),
    ("--no-huge", "huge_pages = false"),
    ("--vdev", "[[link]] access and network"),
    ("-a", "[[link]] access and network"),
    ("--allow", "[[link]] access and network"),
    ("-b", "[[link]] access and network"),
    ("--block", "[[link]] access and network"),
];

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = r#"instance = "bng1"
cores = [2, 3]
main_core = 1
idle = "poll"
[[link]]
name = "bng1-core1"
access = "0000:3b:00.0"
network = "0000:3b:00.1"
mtu = 9216
propagate_link = true
"#;

    fn parse(text: &str) -> Result<Config, ConfigError> {
        Config::parse(Path::new("d.toml"), text)
    }

    /// The error's text after `from` is replaced by `to` in the good file.
    fn refused(from: &str, to: &str) -> String {
        assert!(GOOD.contains(from), "{from}");
        parse(&GOOD.replacen(from, to, 1)).unwrap_err().to_string()
    }

    #[test]
    fn good_file_and_defaults() {
        let config = parse(GOOD).unwrap();
        assert_eq!((config.instance.as_str(), config.workers(), config.idle), ("bng1", 2, Idle::Poll));
        assert_eq!((config.huge_pages, config.run_dir.to_str()), (true, Some("/run/gate25")));
        assert!(!config.distant_cores && parse(&format!("distant_cores = true\n{GOOD}")).unwrap().distant_cores);
        let config = parse(&GOOD.replace("mtu = 9216\n", "").replace("idle = \"poll\"\n", "")).unwrap();
        let adaptive = |us| Idle::Adaptive { delay: Duration::from_micros(us) };
        assert_eq!((config.links[0].mtu, config.idle), (1500, adaptive(50)));
        for delay in [10, 1000] {
            let text = GOOD.replace("idle = \"poll\"", &format!("idle = \"adaptive\"\nidle_delay = {delay}"));
            assert_eq!(parse(&text).unwrap().idle, adaptive(delay));
        }
    }

    #[test]
    fn errors_name_place_value_and_remedy() {
        let cases = [
            ("instance = \"bng1\"", "instance = \"BNG\"", "d.toml:1:12: instance = \"BNG\"; use 1 to 32 of a-z"),
            ("cores = [2, 3]", "cores = []", "d.toml:2:9: cores names 0 workers; 1 to 64"),
            ("cores = [2, 3]", "cores = [2, -3]", "d.toml:2:13: cores = -3; use 0 to 1023"),
            ("cores = [2, 3]", "cores = [1024]", "cores = 1024; use 0 to 1023"),
            ("main_core = 1", "main_core = \"1\"", "d.toml:3:13: invalid type"),
            ("main_core = 1", "main_cores = 1", "d.toml:3:1: unknown field `main_cores`"),
            ("idle = \"poll\"", "idle = \"lazy\"", "d.toml:4:8: unknown variant `lazy`, expected `poll` or `adaptive`"),
            ("idle = \"poll\"", "idle_delay = 9", "d.toml:4:14: idle_delay = 9; use 10 to 1000"),
            ("idle = \"poll\"", "idle_delay = 1001", "idle_delay = 1001; use 10 to 1000"),
            ("idle = \"poll\"", "eal = [\"--lcores=0@0\"]", "d.toml:4:8: \"--lcores\" is gate25's own; use cores"),
            ("idle = \"poll\"", "run_dir = \"run\"", "run_dir = \"run\" is relative"),
            ("idle = \"poll\"", "descriptors = 63", "descriptors = 63; use 64 to 16384"),
            ("mtu = 9216", "mtu = 9217", "d.toml:9:7: mtu = 9217; use 68 to 9216"),
            ("mtu = 9216", "mtu = 67", "mtu = 67; use 68 to 9216"),
            ("\"0000:3b:00.0\"", "\"eth0\"", "d.toml:7:10: \"eth0\" is neither a PCI address"),
            ("\"0000:3b:00.1\"", "\"0000:3B:00.0\"", "d.toml:8:11: \"0000:3B:00.0\" is another port already"),
            ("mtu = 9216", "mtu : 9216", "d.toml:9:5"),
        ];
        for (from, to, expected) in cases {
            let error = refused(from, to);
            assert!(error.contains(expected), "{error}\nlacks {expected}");
        }
    }

    #[test]
    fn limits_hold_at_the_limit_and_not_one_past() {
        let cores = |n: usize| GOOD.replace("[2, 3]", &format!("{:?}", vec![1; n]));
        assert!(parse(&cores(64)).is_ok());
        assert!(parse(&cores(65)).is_err());
        let links = |n: usize| {
            let head = "instance = \"a\"\ncores = [1]\nmain_core = 0\n";
            let link = |i: usize| {
                format!(
                    "[[link]]\nname = \"l{i}\"\naccess = \"net_null{}\"\nnetwork = \"net_null{}\"\n",
                    2 * i,
                    2 * i + 1
                )
            };
            (0..n).fold(head.to_owned(), |text, i| text + &link(i))
        };
        assert_eq!(parse(&links(16)).unwrap().links.len(), 16);
        assert!(parse(&links(17)).is_err());
        assert!(parse(&links(0)).is_err());
        assert!(parse(&GOOD.replacen("bng1", &"a".repeat(32), 1)).is_ok());
        assert!(parse(&GOOD.replacen("bng1", &"a".repeat(33), 1)).is_err());
    }

    #[test]
    fn two_links_share_neither_name_nor_port() {
        let twice = GOOD.to_owned() + &GOOD[GOOD.find("[[link]]").unwrap()..];
        assert!(parse(&twice).unwrap_err().to_string().contains("d.toml:12:8: name = \"bng1-core1\" stands twice"));
        let renamed = twice.replacen("\"bng1-core1\"", "\"other\"", 1);
        assert!(parse(&renamed).unwrap_err().to_string().contains("d.toml:13:10: \"0000:3b:00.0\" is another port"));
    }

    #[test]
    fn unreadable_file() {
        let error = Config::load(Path::new("/nonexistent/d.toml")).unwrap_err().to_string();
        assert!(error.starts_with("/nonexistent/d.toml: No such file"), "{error}");
    }
}
