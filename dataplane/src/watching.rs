//! Watches ports: link state and its propagation every tick, statistics every second, both into the telemetry.

use std::time::Duration;

use gate25_include::counters::PortCounter;
use gate25_include::telemetry::Telemetry;

use crate::links::Link;
use crate::port::Port;
use crate::propagate::{Command, Propagation, Side};

/// The main thread's view of all ports.
#[derive(Debug)]
pub struct LinkWatch {
    links: Vec<Watched>,
}

#[derive(Debug)]
struct Watched {
    propagation: Propagation,
    /// Access, network.
    up: [Option<bool>; 2],
}

impl LinkWatch {
    /// Of these links; their present states are no changes.
    pub fn new(links: &[Link]) -> Self {
        let watched = |link: &Link| Watched {
            propagation: Propagation::default(),
            up: [link.access.link_up(), link.network.link_up()],
        };
        Self { links: links.iter().map(watched).collect() }
    }

    /// Looks at every link and passes a side's state on to the other where that is asked for.
    pub fn tick(&mut self, links: &[Link], telemetry: &Telemetry, now: Duration, say: &mut dyn FnMut(String)) {
        for (index, (link, watched)) in links.iter().zip(&mut self.links).enumerate() {
            let up = [link.access.link_up(), link.network.link_up()];
            for (side, ((port, now_up), before)) in ports(link).into_iter().zip(up).zip(watched.up).enumerate() {
                let block = telemetry.port(2 * index + side);
                block.set(PortCounter::LinkUp, u64::from(now_up.unwrap_or(true)));
                if now_up != before {
                    block.add(PortCounter::LinkChanges, 1);
                    say(format!("link {}: port \"{}\" is {}", link.name, port.text(), state(now_up)));
                }
            }
            watched.up = up;
            if link.propagate
                && let Some(command) = watched.propagation.step(now, up[0], up[1])
            {
                obey(link, command, say);
            }
        }
    }

    /// Copies what the drivers count.
    pub fn statistics(&self, links: &[Link], telemetry: &Telemetry) {
        for (index, link) in links.iter().enumerate() {
            for (side, port) in ports(link).into_iter().enumerate() {
                let block = telemetry.port(2 * index + side);
                let node = u32::try_from(port.capabilities().node).unwrap_or(u32::MAX);
                block.set(PortCounter::SpeedMbps, port.speed_mbps());
                block.set(PortCounter::Mtu, link.mtu.into());
                block.set(PortCounter::Queues, link.queues.into());
                block.set(PortCounter::NumaNode, node.into());
                let Some(stats) = port.stats() else { continue };
                for (counter, value) in [
                    (PortCounter::RxFrames, stats.ipackets),
                    (PortCounter::RxBytes, stats.ibytes),
                    (PortCounter::TxFrames, stats.opackets),
                    (PortCounter::TxBytes, stats.obytes),
                    (PortCounter::Missed, stats.imissed),
                    (PortCounter::RxErrors, stats.ierrors),
                    (PortCounter::TxErrors, stats.oerrors),
                    (PortCounter::NoMbuf, stats.rx_nombuf),
                ] {
                    block.set(counter, value);
                }
            }
        }
    }

    /// Releases what propagation holds down, so that a restart finds both sides up.
    pub fn release(&self, links: &[Link], say: &mut dyn FnMut(String)) {
        for (link, watched) in links.iter().zip(&self.links) {
            if let Some(side) = watched.propagation.holding() {
                obey(link, Command::Release(side), say);
            }
        }
    }
}

fn obey(link: &Link, command: Command, say: &mut dyn FnMut(String)) {
    let (side, up) = match command {
        Command::Hold(side) => (side, false),
        Command::Release(side) => (side, true),
    };
    let port = match side {
        Side::Access => &link.access,
        Side::Network => &link.network,
    };
    let text = format!("link {}: port \"{}\" set {}", link.name, port.text(), if up { "up again" } else { "down" });
    match port.set_link(up) {
        Ok(()) => say(format!("{text}, following the other side")),
        Err(error) => say(format!("{text} failed: {error}; propagate_link needs a port that can")),
    }
}

fn ports(link: &Link) -> [&Port; 2] {
    [&link.access, &link.network]
}

fn state(up: Option<bool>) -> &'static str {
    match up {
        Some(true) => "up",
        Some(false) => "down",
        None => "of unknown state",
    }
}
