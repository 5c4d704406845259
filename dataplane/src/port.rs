//! A port: plugged into EAL by name, fitted to its link, started, watched, stopped.
//!
//! Owns the calls of ethdev. Each error names the port as the operator wrote it. Promise: a queue is handed out
//! once, so that no two workers ever share one; the port of a kernel interface starts without frames that its
//! socket picked up elsewhere.

#![allow(unsafe_code)]

mod wake;

use std::ffi::{CStr, CString};
use std::os::fd::RawFd;

use dpdk_sys::{gate25_link_state, gate25_port_conf, gate25_port_info, rte_eth_stats};
use rustix::net::AddressFamily;

use crate::capabilities::Capabilities;
use crate::device::{Bus, Device, ETHERNET_AND_TAGS};
use crate::eal::{self, Eal};
use crate::failure::Failure;
use crate::mbuf::{Burst, Pool};

pub use wake::Wake;

/// A receive queue of a started port; its holder alone may use it.
#[derive(Debug)]
pub struct RxQueue {
    port: u16,
    index: u16,
}

/// A transmit queue of a started port; its holder alone may use it.
#[derive(Debug)]
pub struct TxQueue {
    port: u16,
    index: u16,
}

/// How the port is to be fitted.
#[derive(Clone, Copy, Debug)]
pub struct Plan {
    /// Receive and transmit queues.
    pub queues: u16,
    /// Largest IP packet, bytes.
    pub mtu: u16,
    /// Descriptors per queue that are asked for.
    pub descriptors: u16,
    /// Frames may be received in several buffers.
    pub scatter: bool,
    /// Workers want to be woken by frames.
    pub wakes: bool,
}

/// A port of a link.
pub struct Port {
    id: u16,
    link: String,
    text: String,
    device: Device,
    info: gate25_port_info,
    running: bool,
    /// The socket of each receive queue of a kernel interface, in order.
    sockets: Vec<RawFd>,
    /// Receive interrupts were asked for.
    interrupts: bool,
}

impl RxQueue {
    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    pub(crate) fn index(&self) -> u16 {
        self.index
    }
}

impl TxQueue {
    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    pub(crate) fn index(&self) -> u16 {
        self.index
    }
}

impl Port {
    /// Plugs the device into EAL. `text` is what the operator wrote.
    pub fn plug(eal: &mut Eal, link: &str, text: &Device, device: &Device) -> Result<Self, Failure> {
        let mut port = Self {
            id: 0,
            link: link.to_owned(),
            text: text.to_string(),
            device: device.clone(),
            info: gate25_port_info::default(),
            running: false,
            sockets: Vec::new(),
            interrupts: false,
        };
        let name = CString::new(device.name()).map_err(|error| port.failure(error))?;
        let probe = CString::new(device.to_string()).map_err(|error| port.failure(error))?;
        // SAFETY: EAL runs; the text is NUL-terminated and copied.
        let (rc, sockets) = port.new_sockets(PACKET, || unsafe { dpdk_sys::rte_dev_probe(probe.as_ptr()) });
        if rc != 0 {
            return Err(port.missing(&eal.cause()));
        }
        // Its driver opens them here, one for each queue in order (checked against DPDK 22.11's and main's source).
        port.sockets = sockets;
        // SAFETY: the name is NUL-terminated; the id is ours to write.
        let rc = unsafe { dpdk_sys::rte_eth_dev_get_port_by_name(name.as_ptr(), &mut port.id) };
        if rc != 0 {
            return Err(port.missing("the driver made no port of it"));
        }
        // SAFETY: a valid port; the structure is ours to write.
        let rc = unsafe { dpdk_sys::gate25_port_info(port.id, &mut port.info) };
        port.check(eal, "its capabilities cannot be read", rc)?;
        Ok(port)
    }

    /// What it can do.
    pub fn capabilities(&self) -> Capabilities {
        let driver = if self.info.driver.is_null() {
            String::new()
        } else {
            // SAFETY: ethdev gives a static NUL-terminated string of the driver.
            unsafe { CStr::from_ptr(self.info.driver) }.to_string_lossy().into_owned()
        };
        Capabilities {
            driver,
            queues: self.info.max_rx_queues.min(self.info.max_tx_queues),
            scatter: self.info.rx_offloads & dpdk_sys::GATE25_RX_OFFLOAD_SCATTER != 0,
            multi_segment: self.info.tx_offloads & dpdk_sys::GATE25_TX_OFFLOAD_MULTI_SEGS != 0,
            node: self.info.socket,
            pci: self.device.bus() == Bus::Pci,
            hashes_ipv4: self.hashes(dpdk_sys::GATE25_RSS_IPV4),
            hashes_ipv6: self.hashes(dpdk_sys::GATE25_RSS_IPV6),
            hashes_inner: self.hashes(dpdk_sys::GATE25_RSS_INNERMOST),
            takes_key: self.info.rss_key_size >= SYMMETRIC,
            mtu: self.info.max_mtu,
        }
    }

    fn hashes(&self, types: u64) -> bool {
        self.info.rss_types & types == types
    }

    /// Whether frames come to several queues by a rule of the port: a NIC spreads by RSS, a virtual device by the
    /// rule of what feeds it.
    pub fn spreads(&self) -> bool {
        self.device.bus() == Bus::Virtual || self.info.rss_types & dpdk_sys::GATE25_RSS_IP != 0
    }

    /// EAL's number of the port.
    pub fn id(&self) -> u16 {
        self.id
    }

    /// The port as the operator wrote it.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The device as fitted.
    pub fn device(&self) -> &Device {
        &self.device
    }

    /// Configures queues, MTU, RSS and offloads, and starts the port; without receive interrupts if it does not start
    /// with them.
    pub fn start(&mut self, eal: &mut Eal, plan: Plan, pool: &Pool) -> Result<(), Failure> {
        self.interrupts = plan.wakes && self.device.bus() == Bus::Pci;
        let mut started = self.try_start(eal, plan, pool);
        if started.is_err() && std::mem::take(&mut self.interrupts) {
            started = self.try_start(eal, plan, pool);
        }
        started?;
        self.running = true;
        self.hear_everything();
        self.discard_strays(plan.queues);
        Ok(())
    }

    fn try_start(&mut self, eal: &mut Eal, plan: Plan, pool: &Pool) -> Result<(), Failure> {
        self.configure(eal, plan)?;
        let (mut rx, mut tx) = (plan.descriptors, plan.descriptors);
        // SAFETY: a configured port; both counts are ours to write.
        let rc = unsafe { dpdk_sys::rte_eth_dev_adjust_nb_rx_tx_desc(self.id, &mut rx, &mut tx) };
        self.check(eal, "its descriptors cannot be chosen", rc)?;
        let node = self.info.socket.cast_unsigned();
        for queue in 0..plan.queues {
            let (rc, sockets) = self.new_sockets(XDP, || {
                let options = std::ptr::null();
                // SAFETY: a configured port; no queue options; the pool lives until EAL ends.
                unsafe { dpdk_sys::rte_eth_rx_queue_setup(self.id, queue, rx, node, options, pool.as_ptr()) }
            });
            self.check(eal, "a receive queue cannot be set up", rc)?;
            self.sockets.extend(sockets);
            // SAFETY: a configured port; no queue options.
            let rc = unsafe { dpdk_sys::rte_eth_tx_queue_setup(self.id, queue, tx, node, std::ptr::null()) };
            self.check(eal, "a transmit queue cannot be set up", rc)?;
        }
        // SAFETY: every queue is set up.
        let rc = unsafe { dpdk_sys::rte_eth_dev_start(self.id) };
        self.check(eal, "it does not start", rc)
    }

    /// Runs `open`; gives its result and the sockets of `family` that have come, if that is this driver's.
    fn new_sockets(&self, family: (&str, AddressFamily), open: impl FnOnce() -> i32) -> (i32, Vec<RawFd>) {
        if self.device.driver() != family.0 {
            return (open(), Vec::new());
        }
        let before = wake::sockets(family.1);
        let rc = open();
        let mut after = wake::sockets(family.1);
        after.retain(|fd| !before.contains(fd));
        (rc, after)
    }

    /// The queues `index` of a started port. Give each to one worker.
    pub fn queues(&self, index: u16) -> (RxQueue, TxQueue) {
        (RxQueue { port: self.id, index }, TxQueue { port: self.id, index })
    }

    /// What tells that receive queue `index` of a started port with `queues` of them has frames; None if nothing
    /// does.
    pub fn wake(&self, index: u16, queues: u16) -> Option<Wake> {
        if self.interrupts {
            return Wake::interrupt(self.id, index);
        }
        let socket = self.sockets.get(usize::from(index)).filter(|_| self.sockets.len() == usize::from(queues));
        socket.map(|fd| Wake::socket(*fd))
    }

    /// Frames and bytes as the driver counts them; None if it cannot.
    pub fn stats(&self) -> Option<rte_eth_stats> {
        let mut stats = rte_eth_stats::default();
        // SAFETY: a valid port; the structure is ours to write.
        (unsafe { dpdk_sys::rte_eth_stats_get(self.id, &mut stats) } == 0).then_some(stats)
    }

    /// Whether the link is up; None if nobody knows.
    pub fn link_up(&self) -> Option<bool> {
        if let Some(name) = self.device.interface().and_then(|name| CString::new(name).ok()) {
            // SAFETY: NUL-terminated. DPDK 22.11's af_packet says up whatever the interface says.
            return match unsafe { dpdk_sys::gate25_if_running(name.as_ptr()) } {
                rc if rc < 0 => None,
                rc => Some(rc == 1),
            };
        }
        let mut state = gate25_link_state::default();
        // SAFETY: a valid port; the structure is ours to write.
        (unsafe { dpdk_sys::gate25_port_link(self.id, &mut state) } == 0).then_some(state.up != 0)
    }

    /// Link speed in megabits per second; 0 if nobody knows.
    pub fn speed_mbps(&self) -> u64 {
        let mut state = gate25_link_state::default();
        // SAFETY: a valid port; the structure is ours to write.
        let rc = unsafe { dpdk_sys::gate25_port_link(self.id, &mut state) };
        if rc != 0 || state.speed_mbps == u32::MAX { 0 } else { state.speed_mbps.into() }
    }

    /// Sets the link up or down, so that the neighbour sees it. The error is the driver's or the kernel's.
    pub fn set_link(&self, up: bool) -> Result<(), String> {
        let rc = if let Some(name) = self.device.interface().and_then(|name| CString::new(name).ok()) {
            // SAFETY: NUL-terminated.
            unsafe { dpdk_sys::gate25_if_set_up(name.as_ptr(), i32::from(up)) }
        } else if up {
            // SAFETY: a valid port.
            unsafe { dpdk_sys::rte_eth_dev_set_link_up(self.id) }
        } else {
            // SAFETY: a valid port.
            unsafe { dpdk_sys::rte_eth_dev_set_link_down(self.id) }
        };
        if rc == 0 { Ok(()) } else { Err(eal::error_text(-rc)) }
    }

    /// Stops the port; its queues are not to be used any more.
    pub fn stop(&mut self) {
        if std::mem::take(&mut self.running) {
            // SAFETY: a started port whose workers have returned.
            unsafe { dpdk_sys::rte_eth_dev_stop(self.id) };
            // SAFETY: a stopped port.
            unsafe { dpdk_sys::rte_eth_dev_close(self.id) };
        }
    }

    fn configure(&self, eal: &mut Eal, plan: Plan) -> Result<(), Failure> {
        let kernels = self.device.interface().is_some();
        let inner = if self.hashes(dpdk_sys::GATE25_RSS_INNERMOST) { dpdk_sys::GATE25_RSS_INNERMOST } else { 0 };
        let addresses = self.info.rss_types & dpdk_sys::GATE25_RSS_IP;
        let rss_types = if plan.queues > 1 && addresses != 0 { addresses | inner } else { 0 };
        // The key 6d5a repeated hashes (a, b) and (b, a) alike: both directions of a flow on one worker.
        let mut key: Vec<u8> = [0x6d, 0x5a].into_iter().cycle().take(self.info.rss_key_size as usize).collect();
        let conf = gate25_port_conf {
            rx_queues: plan.queues,
            tx_queues: plan.queues,
            // The MTU of a kernel interface is the kernel's; see check_kernel_mtu.
            mtu: if kernels || self.device.bus() == Bus::Virtual { 0 } else { self.room_for_tags(plan.mtu) },
            rx_offloads: if plan.scatter { dpdk_sys::GATE25_RX_OFFLOAD_SCATTER } else { 0 },
            tx_offloads: self.info.tx_offloads & dpdk_sys::GATE25_TX_OFFLOAD_MULTI_SEGS,
            rss_types,
            rss_key: if key.is_empty() { std::ptr::null_mut() } else { key.as_mut_ptr() },
            rss_key_len: u8::try_from(key.len()).unwrap_or(0),
            rx_interrupts: self.interrupts.into(),
        };
        // SAFETY: a valid, stopped port; ethdev copies the configuration, the key lives until the call returns.
        let rc = unsafe { dpdk_sys::gate25_port_configure(self.id, &conf) };
        let what = format!("it cannot be configured for mtu {} and {} queues", plan.mtu, plan.queues);
        self.check(eal, &what, rc)
    }

    /// A NIC's MTU that lets `mtu` through under eight tags; drivers reckon with two at most. No more than the NIC can.
    fn room_for_tags(&self, mtu: u16) -> u32 {
        let most = u32::from(self.info.max_mtu.max(mtu));
        (u32::from(mtu) + u32::from(TAGS)).min(most)
    }

    /// All addresses: a bump in the wire forwards what is for others. A virtual device may not know the call, and
    /// needs none then.
    fn hear_everything(&self) {
        // SAFETY: a valid port.
        unsafe { dpdk_sys::rte_eth_promiscuous_enable(self.id) };
        // SAFETY: a valid port.
        unsafe { dpdk_sys::rte_eth_allmulticast_enable(self.id) };
    }

    /// DPDK's af_packet opens its socket on all interfaces and binds it afterwards (until 24.11): what it heard in
    /// between belongs elsewhere and must not be forwarded here.
    fn discard_strays(&self, queues: u16) {
        if self.device.driver() != "net_af_packet" {
            return;
        }
        let mut burst = Burst::new();
        for index in 0..queues {
            let mut queue = RxQueue { port: self.id, index };
            for _ in 0..STRAY_BURSTS {
                burst.receive(&mut queue);
                if burst.is_empty() {
                    break;
                }
            }
        }
    }

    fn check(&self, eal: &mut Eal, what: &str, rc: i32) -> Result<(), Failure> {
        if rc == 0 {
            return Ok(());
        }
        let why = eal.cause();
        Err(self.failure(format!("{what}: {} ({why})", eal::error_text(-rc))))
    }

    fn missing(&self, why: &str) -> Failure {
        let remedy = match (self.device.bus(), self.device.interface()) {
            (Bus::Pci, _) => "look with dpdk-devbind.py --status, and bind it to vfio-pci".to_owned(),
            (Bus::Virtual, Some(name)) => format!("look with ip link show {name} in this network namespace"),
            (Bus::Virtual, None) => "look into DPDK's guide for the driver's name and arguments".to_owned(),
        };
        self.failure(format!("no such port: {why}; {remedy}"))
    }

    fn failure(&self, cause: impl ToString) -> Failure {
        Failure::Port { link: self.link.clone(), port: self.text.clone(), cause: cause.to_string() }
    }
}

impl Drop for Port {
    fn drop(&mut self) {
        self.stop();
    }
}

/// Bytes of frame that a buffer must hold for `mtu`, if a frame is to lie in one buffer of `device`.
pub fn frame_room(device: &Device, mtu: u16) -> u32 {
    let frame = u32::from(mtu) + ETHERNET_AND_TAGS;
    match device.driver() {
        // It copies a whole ring slot's worth.
        "net_af_packet" => device.arg("framesz").and_then(|text| text.parse().ok()).unwrap_or(0).max(frame),
        // The kernel keeps XDP_PACKET_HEADROOM in front of the frame, inside the buffer.
        "net_af_xdp" => frame + XDP_HEADROOM,
        // Some drivers reckon the check sequence and two tags on top of the MTU that `room_for_tags` gives.
        _ => frame + DRIVER_OVERHEAD,
    }
}

/// Drivers that receive by sockets of the kernel, and the family of these.
const PACKET: (&str, AddressFamily) = ("net_af_packet", AddressFamily::PACKET);
const XDP: (&str, AddressFamily) = ("net_af_xdp", AddressFamily::XDP);
/// Bytes of a key that reach over both addresses of IPv6 and both ports.
const SYMMETRIC: u32 = 40;
const XDP_HEADROOM: u32 = 256;
const DRIVER_OVERHEAD: u32 = 12;
/// Bytes of eight VLAN tags.
pub const TAGS: u16 = 8 * 4;
/// Bursts that hold a whole ring of strays.
const STRAY_BURSTS: usize = 64;
