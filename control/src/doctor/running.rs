//! The dataplane that runs: what its ports can do, and whether control answers.

use gate25_include::counters::PortCounter;
use gate25_include::telemetry::TelemetryReader;

use super::Finding;

/// What is known of a dataplane that answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Running {
    /// Its process id.
    pub pid: u64,
    /// How many workers it has.
    pub workers: u64,
    /// Its ports.
    pub ports: Vec<RunningPort>,
    /// Why control does not answer; none if it does.
    pub control: Option<String>,
}

/// A port as the driver reports it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunningPort {
    /// Its link and side.
    pub place: String,
    /// Whether it has link.
    pub up: bool,
    /// Megabits per second; 0 if the driver does not know.
    pub speed_mbps: u64,
    /// Largest packet in bytes.
    pub mtu: u64,
    /// Receive queues in use.
    pub queues: u64,
    /// Frames lost because no descriptor was free.
    pub missed: u64,
}

impl RunningPort {
    /// All ports of a telemetry.
    pub fn all(telemetry: &TelemetryReader) -> Vec<RunningPort> {
        let port = |port: usize| {
            let value = |counter| telemetry.port(port, counter);
            let side = if port.is_multiple_of(2) { "access" } else { "network" };
            RunningPort {
                place: format!("{} {side}", telemetry.link_name(port / 2)),
                up: value(PortCounter::LinkUp) != 0,
                speed_mbps: value(PortCounter::SpeedMbps),
                mtu: value(PortCounter::Mtu),
                queues: value(PortCounter::Queues),
                missed: value(PortCounter::Missed),
            }
        };
        (0..telemetry.shape().links * 2).map(port).collect()
    }
}

pub(super) fn findings(running: Result<Running, String>) -> Vec<Finding> {
    let running = match running {
        Ok(running) => running,
        Err(why) => {
            let mend = "systemctl start gate25-dataplane; its journal says what keeps it from starting";
            let found =
                format!("{why}; what its ports can do (queues, speed, link, as DPDK sees them) shows once it runs");
            return vec![Finding::warn("dataplane", found, mend)];
        }
    };
    let mut findings = vec![Finding::ok("dataplane", format!("process {} answers", running.pid))];
    findings.extend(running.ports.iter().map(|port| of_port(port, running.workers)));
    findings.push(match running.control {
        None => Finding::ok("control", "gate25-control answers"),
        Some(why) => Finding::warn("control", why, "systemctl start gate25-control"),
    });
    findings
}

fn of_port(port: &RunningPort, workers: u64) -> Finding {
    const CHECK: &str = "capabilities";
    let RunningPort { place, up, speed_mbps, mtu, queues, missed } = port;
    let speed = if *speed_mbps == 0 { "speed not known".to_owned() } else { format!("{speed_mbps} Mbit/s") };
    let found = format!("{place}: {speed}, MTU {mtu}, {queues} queues for {workers} workers");
    if !up {
        return Finding::warn(CHECK, format!("{found}; no link"), "look at the cable and the other end");
    }
    if *queues < workers {
        let mend = "a driver with more queues, or as many cores as queues in dataplane.toml";
        return Finding::warn(CHECK, format!("{found}: only {queues} of the workers receive"), mend);
    }
    if *missed > 0 {
        let mend = "more cores in dataplane.toml, if gate25_port_missed_total still rises";
        return Finding::warn(CHECK, format!("{found}; {missed} frames were lost for want of a descriptor"), mend);
    }
    Finding::ok(CHECK, found)
}
