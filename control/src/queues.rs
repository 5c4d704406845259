//! What passed through each queue of each port. A queue is one worker's, so that this is what that worker counted; what
//! a NIC loses before (`missed`, `no_mbuf`) drivers count per port.

use gate25_include::counters::{LinkCounter, PortCounter};
use gate25_include::telemetry::{Direction, TelemetryReader};

/// One receive and one transmit queue of a port, of the same number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Queue {
    /// 2·link is the access port, 2·link + 1 the network port.
    pub port: usize,
    /// Its number, which is the worker's.
    pub number: usize,
    /// Frames received.
    pub rx_frames: u64,
    /// Frames sent, answers included.
    pub tx_frames: u64,
    /// Frames that the port did not take.
    pub unsent: u64,
}

/// The queues in use of all ports, in order.
pub fn all(telemetry: &TelemetryReader) -> Vec<Queue> {
    (0..telemetry.shape().links * 2).flat_map(|port| of_port(telemetry, port)).collect()
}

/// The queues in use of a port.
pub fn of_port(telemetry: &TelemetryReader, port: usize) -> Vec<Queue> {
    let link = port / 2;
    let (comes, leaves) = match port.is_multiple_of(2) {
        true => (Direction::Outbound, Direction::Inbound),
        false => (Direction::Inbound, Direction::Outbound),
    };
    let queues = telemetry.port(port, PortCounter::Queues).min(telemetry.shape().workers as u64) as usize;
    let queue = |number: usize| {
        let count = |direction, counter| telemetry.worker_link(number, link, direction, counter);
        // A reject goes back to where its segment came from.
        let answers = count(comes, LinkCounter::Rejects);
        Queue {
            port,
            number,
            rx_frames: count(comes, LinkCounter::RxFrames),
            tx_frames: count(leaves, LinkCounter::ForwardedFrames) + answers,
            unsent: count(leaves, LinkCounter::UnsentFrames),
        }
    };
    (0..queues).map(queue).collect()
}
