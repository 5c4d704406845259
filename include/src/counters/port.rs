//! What DPDK reports per port; copied by the main thread about once a second (`rte_eth_stats_get`).

use super::scope;

scope! {
    /// A port's statistics and state.
    PortCounter "port" &["port", "side"];
    LinkUp "link_up" Gauge "1" "1 while the port has link.";
    SpeedMbps "speed_mbps" Gauge "megabits per second" "Link speed; 0 if the driver does not know it.";
    Mtu "mtu" Gauge "bytes" "Largest layer 3 packet the port takes.";
    Queues "queues" Gauge "1" "Receive queues in use.";
    NumaNode "numa_node" Gauge "1" "NUMA node of the device; 4294967295 if it has none.";
    RxFrames "rx_frames" Counter "frames" "Frames the port received.";
    RxBytes "rx_bytes" Counter "bytes" "Bytes the port received.";
    TxFrames "tx_frames" Counter "frames" "Frames the port sent.";
    TxBytes "tx_bytes" Counter "bytes" "Bytes the port sent.";
    Missed "missed" Counter "frames" "Frames lost because no receive descriptor was free (imissed).";
    RxErrors "rx_errors" Counter "frames" "Frames received with errors (ierrors).";
    TxErrors "tx_errors" Counter "frames" "Frames the port failed to send (oerrors).";
    NoMbuf "no_mbuf" Counter "frames" "Receive buffers that could not be allocated (rx_nombuf).";
    LinkChanges "link_changes" Counter "1" "Changes of link state seen.";
}
