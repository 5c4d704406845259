//! The links: pairs of ports with their packet buffers, and who works on which queue.
//!
//! Owns the ports from plugging to stopping. Worker i owns queue i of every port of every link; a link whose
//! ports have too few queues is worked on by one worker, and that is said. Promise: after `stop` no port runs.

use crate::config::{self, Config, Idle};
use crate::eal::Eal;
use crate::failure::Failure;
use crate::lock::{self, Lock, LockError};
use crate::mbuf::Pool;
use crate::port::{Plan, Port, RxQueue, TAGS, TxQueue, Wake, frame_room};
use crate::preflight;

/// A link with its started ports.
pub struct Link {
    /// As configured.
    pub name: String,
    /// Towards the subscribers.
    pub access: Port,
    /// Towards the core.
    pub network: Port,
    /// Buffers of both ports.
    pub pool: Pool,
    /// Queues in use on either port.
    pub queues: u16,
    /// Largest IP packet, bytes.
    pub mtu: u16,
    /// Whether one side's link state is passed on to the other.
    pub propagate: bool,
    _locks: Vec<Lock>,
}

/// A worker's queues of one link.
pub struct LinkQueues {
    /// The link's place in dataplane.toml.
    pub link: usize,
    /// Receives what subscribers send.
    pub access_rx: RxQueue,
    /// Sends to subscribers.
    pub access_tx: TxQueue,
    /// Receives what comes from the core.
    pub network_rx: RxQueue,
    /// Sends to the core.
    pub network_tx: TxQueue,
    /// Buffers for answers.
    pub pool: Pool,
    /// What tells that the two receive queues have frames, access and network; None for one that nothing tells of.
    pub wakes: [Option<Wake>; 2],
}

impl Link {
    /// Locks, plugs, fits and starts the two ports of `link`. `say` gets one line for each thing that works worse
    /// than it could.
    pub fn start(
        eal: &mut Eal,
        config: &Config,
        link: &config::Link,
        locks: Vec<Lock>,
        say: &mut dyn FnMut(String),
    ) -> Result<Self, Failure> {
        let workers = config.workers();
        let mut plug = |device: &crate::device::Device| {
            let queues = preflight::interface_queues(device).map_or(workers, |queues| queues.min(workers));
            let fitted =
                device.fitted(link.mtu, queues).map_err(|error| Failure::device(&link.name, device, &error))?;
            preflight::check_interface(&link.name, device, &fitted, link.mtu)?;
            Port::plug(eal, &link.name, device, &fitted)
        };
        let (mut access, mut network) = (plug(&link.access)?, plug(&link.network)?);
        for port in [&access, &network].into_iter().filter(|port| port.device().driver() == "net_af_packet") {
            say(format!("link {}: port \"{}\": {AF_PACKET_ALTERS}", link.name, port.text()));
        }
        let queues = common_queues(&link.name, &access, &network, workers, say);
        let scatter = scatters(&access, &network);
        let pool = buffers(config, link, &access, &network, scatter)?;
        let wakes = config.idle != Idle::Poll;
        for port in [&mut access, &mut network] {
            let plan = Plan { queues, mtu: link.mtu, descriptors: config.descriptors, scatter, wakes };
            port.start(eal, plan, &pool)?;
            if let Some(lacks) = port.capabilities().lacking(&plan, TAGS) {
                say(format!("link {}: port \"{}\": {lacks}", link.name, port.text()));
            }
            say_without_wake(config, &link.name, port, queues, say);
        }
        Ok(Self {
            name: link.name.clone(),
            access,
            network,
            pool,
            queues,
            mtu: link.mtu,
            propagate: link.propagate_link,
            _locks: locks,
        })
    }

    /// The queues of worker `worker`, if it has a share of this link. To be called once for each worker.
    pub fn queues_of(&self, worker: u16, link: usize) -> Option<LinkQueues> {
        if worker >= self.queues {
            return None;
        }
        let (access_rx, access_tx) = self.access.queues(worker);
        let (network_rx, network_tx) = self.network.queues(worker);
        let wakes = [&self.access, &self.network].map(|port| port.wake(worker, self.queues));
        Some(LinkQueues { link, access_rx, access_tx, network_rx, network_tx, pool: self.pool, wakes })
    }

    /// Stops both ports; no worker may use them any more.
    pub fn stop(&mut self) {
        self.access.stop();
        self.network.stop();
    }
}

/// Refuses workers that reach a port through another NUMA node, or says so if the configuration wants that.
pub fn check_distant(eal: &Eal, config: &Config, links: &[Link], say: &mut dyn FnMut(String)) -> Result<(), Failure> {
    for (worker, core) in (1..).zip(&config.cores) {
        let node = eal.node_of_lcore(worker);
        for (link, port) in links.iter().flat_map(|link| [(link, &link.access), (link, &link.network)]) {
            let Some(cause) = distance(port.capabilities().node, *core, node) else { continue };
            if !config.distant_cores {
                let cause = format!("{cause}, or set distant_cores = true");
                return Err(Failure::Port { link: link.name.clone(), port: port.text().to_owned(), cause });
            }
            say(format!("link {}: port \"{}\": {cause}", link.name, port.text()));
        }
    }
    Ok(())
}

/// What is wrong with a CPU on `node` for a port on `own` (-1: on none).
fn distance(own: i32, core: u16, node: u32) -> Option<String> {
    let own = u32::try_from(own).ok().filter(|own| *own != node)?;
    Some(format!(
        "it is on NUMA node {own} and CPU {core} on node {node}, every frame would cross between them; name CPUs of \
         node {own} in cores"
    ))
}

/// Takes the locks of a link's two ports, before anything of DPDK touches them.
pub fn lock_ports(config: &Config, link: &config::Link) -> Result<Vec<Lock>, Failure> {
    let netns =
        lock::network_namespace().map_err(|cause| Failure::system("/proc/self/ns/net", cause, "mount /proc"))?;
    let mut locks = Vec::new();
    for device in [&link.access, &link.network] {
        let Some(key) = device.lock_key(netns) else { continue };
        let lock = Lock::take(&config.run_dir, &key).map_err(|error| match error {
            LockError::Held { pid, file } => {
                Failure::Held { link: link.name.clone(), port: device.to_string(), pid, lock: file }
            }
            LockError::System { file, cause } => {
                Failure::system(file.display().to_string(), cause, "make run_dir writable for gate25-dataplane")
            }
        })?;
        locks.push(lock);
    }
    Ok(locks)
}

/// Queues that both ports have, up to one per worker.
fn common_queues(name: &str, access: &Port, network: &Port, workers: u16, say: &mut dyn FnMut(String)) -> u16 {
    let mut queues = workers;
    for port in [access, network] {
        let can = if port.spreads() { port.capabilities().queues } else { 1 };
        if can < queues {
            say(format!(
                "link {name}: port \"{}\" can spread frames over {can} queues and there are {workers} workers: \
                 one worker receives this link",
                port.text()
            ));
            queues = 1;
        }
    }
    queues.max(1)
}

/// Says what an idle worker costs at a port that cannot wake it.
fn say_without_wake(config: &Config, name: &str, port: &Port, queues: u16, say: &mut dyn FnMut(String)) {
    if let Idle::Adaptive { delay } = config.idle
        && (0..queues).any(|queue| port.wake(queue, queues).is_none())
    {
        say(format!(
            "link {name}: port \"{}\" cannot wake a worker when a frame comes: idle workers look every {} us \
             (idle_delay)",
            port.text(),
            delay.as_micros()
        ));
    }
}

/// Whether long frames may lie in several buffers: only if both ports can receive and send them so.
fn scatters(access: &Port, network: &Port) -> bool {
    let able = |port: &Port| {
        let can = port.capabilities();
        can.scatter && can.multi_segment
    };
    able(access) && able(network)
}

fn buffers(
    config: &Config,
    link: &config::Link,
    access: &Port,
    network: &Port,
    scatter: bool,
) -> Result<Pool, Failure> {
    let whole = frame_room(access.device(), link.mtu).max(frame_room(network.device(), link.mtu)).max(SEGMENT);
    let bytes = if scatter { SEGMENT } else { whole };
    let count = preflight::link_buffers(config);
    let name = format!("gate25-{}", access.id());
    let node = access.capabilities().node;
    let data = u16::try_from(bytes).unwrap_or(u16::MAX);
    Pool::new(&name, count, data, node).map_err(|cause| Failure::Buffers {
        count,
        bytes,
        cause,
        huge: config.huge_pages,
    })
}

/// What no setting of DPDK's af_packet turns off (it joins a fanout group with PACKET_FANOUT_FLAG_DEFRAG, and
/// forgets the tag's type).
const AF_PACKET_ALTERS: &str = "on a packet socket the kernel reassembles IPv4 fragments and an outer 0x88a8 tag \
     becomes 0x8100; for service name it net_af_xdp, or net_pcap with rx_iface_in and tx_iface";
/// Bytes of data that drivers expect in a buffer at least.
const SEGMENT: u32 = 2048;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cpu_on_another_node_is_named_with_a_remedy() {
        let cause = distance(1, 3, 0).unwrap();
        assert!(cause.contains("NUMA node 1 and CPU 3 on node 0") && cause.contains("name CPUs of node 1"), "{cause}");
        assert_eq!(distance(0, 3, 0), None);
        assert_eq!(distance(-1, 3, 1), None, "a virtual device is on no node");
    }
}
