//! What dataplane.toml wants of the host. Read leniently: whether it is right is for `gate25-dataplane --check` to say.

use std::path::Path;

use serde::Deserialize;

use super::{Finding, Host};

/// What the dataplane is to run on.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Plan {
    /// CPUs of the workers.
    pub cores: Vec<u32>,
    /// CPU of the main thread.
    pub main_core: Option<u32>,
    /// Whether memory comes from huge pages.
    #[serde(default = "yes")]
    pub huge_pages: bool,
    link: Vec<PlannedLink>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
struct PlannedLink {
    name: String,
    access: String,
    network: String,
    mtu: Option<i64>,
}

/// A port as dataplane.toml names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlannedPort {
    /// Its link and side, as in `bng1 access`.
    pub place: String,
    /// PCI address or virtual device, without its arguments.
    pub device: String,
    /// The kernel interface a virtual device takes.
    pub interface: Option<String>,
    /// Receive queues of the interface that the text says are read; the workers' number if it does not.
    pub queues: Option<usize>,
    /// Largest packet that is wanted.
    pub mtu: Option<i64>,
}

impl PlannedPort {
    fn new(link: &PlannedLink, side: &str, text: &str) -> PlannedPort {
        let mut parts = text.split(',').map(str::trim);
        let device = parts.next().unwrap_or_default().to_owned();
        let (mut interface, mut queues) = (None, None);
        for (key, value) in parts.filter_map(|part| part.split_once('=')) {
            match key {
                "iface" => interface = Some(value.to_owned()),
                "queue_count" => queues = value.parse().ok(),
                _ => {}
            }
        }
        PlannedPort { place: format!("{} {side}", link.name), device, interface, queues, mtu: link.mtu }
    }

    /// Its PCI address in full, if it has one.
    pub fn pci(&self) -> Option<String> {
        let (rest, function) = self.device.rsplit_once('.')?;
        let mut parts: Vec<&str> = rest.split(':').collect();
        if parts.len() == 2 {
            parts.insert(0, "0000");
        }
        let hex = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_hexdigit());
        (parts.len() == 3 && parts.iter().all(|part| hex(part)) && hex(function))
            .then(|| format!("{}.{function}", parts.join(":")))
    }

    /// The driver of a virtual device: its name without the number behind it.
    pub fn driver(&self) -> Option<&str> {
        let name = self.device.trim_end_matches(|c: char| c.is_ascii_digit());
        self.pci().is_none().then_some(name).filter(|name| !name.is_empty())
    }
}

impl Plan {
    /// Reads the file; without one the host is looked at in general.
    pub(super) fn read(host: &Host, file: &Path) -> (Option<Plan>, Vec<Finding>) {
        const CHECK: &str = "dataplane.toml";
        let name = file.display();
        let Some(text) = host.read(file.strip_prefix("/").unwrap_or(file).to_string_lossy().as_ref()) else {
            let mend = "write it (dataplane/README.md), or give --config FILE";
            return (None, vec![Finding::warn(CHECK, format!("cannot read {name}: looked at in general only"), mend)]);
        };
        match toml::from_str::<Plan>(&text) {
            Ok(plan) => {
                let found = format!("{name}: {} workers, {} ports", plan.cores.len(), plan.ports().len());
                (Some(plan), vec![Finding::ok(CHECK, found)])
            }
            Err(error) => {
                let mend = format!("gate25-dataplane --check --config {name}");
                (None, vec![Finding::fail(CHECK, format!("{name}: {}", error.message()), mend)])
            }
        }
    }

    /// All ports, link by link.
    pub fn ports(&self) -> Vec<PlannedPort> {
        let of_link = |link: &PlannedLink| {
            [PlannedPort::new(link, "access", &link.access), PlannedPort::new(link, "network", &link.network)]
        };
        self.link.iter().flat_map(of_link).collect()
    }
}

fn yes() -> bool {
    true
}
