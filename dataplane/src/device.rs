//! What dataplane.toml names as a port: a PCI address or a DPDK virtual device with its arguments.
//!
//! Owns the text form only: parsing, the key of the port's lock, and the arguments a driver needs for the
//! link's MTU and the number of workers. Opens nothing. Promise: two texts that reach the same device give the
//! same lock key.

use std::fmt;

use thiserror::Error;

/// A port as the operator names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Device {
    name: String,
    args: Vec<(String, String)>,
    bus: Bus,
}

/// Where EAL finds a device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bus {
    /// A PCI function, `DDDD:BB:DD.F`.
    Pci,
    /// A virtual device, `net_DRIVERn`.
    Virtual,
}

/// Why a text names no device.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum DeviceError {
    /// Neither form fits.
    #[error("\"{0}\" is neither a PCI address (\"0000:3b:00.0\") nor a virtual device (\"net_af_packet0,iface=eth1\")")]
    Form(String),
    /// An argument without `=`.
    #[error("\"{text}\": argument \"{arg}\" is not key=value")]
    Argument {
        /// The whole text.
        text: String,
        /// The argument.
        arg: String,
    },
    /// A driver that needs an argument to find its interface.
    #[error("\"{text}\": {driver} needs {key}=...")]
    Missing {
        /// The whole text.
        text: String,
        /// The driver.
        driver: String,
        /// The argument's name.
        key: &'static str,
    },
    /// An `af_packet` ring slot too short for the link's frames.
    #[error("framesz={given} cannot hold frames of mtu {mtu}; leave framesz and blocksz away, or use framesz={needed}")]
    FrameSize {
        /// What the text says, bytes.
        given: String,
        /// The link's MTU, bytes.
        mtu: u16,
        /// The least that will do, bytes.
        needed: u32,
    },
}

impl Device {
    /// Parses `DDDD:BB:DD.F[,key=value…]` or `net_DRIVERn[,key=value…]`.
    pub fn parse(text: &str) -> Result<Self, DeviceError> {
        let mut parts = text.split(',');
        let name = parts.next().unwrap_or_default().to_owned();
        let bus = if is_pci(&name) {
            Bus::Pci
        } else if is_virtual(&name) {
            Bus::Virtual
        } else {
            return Err(DeviceError::Form(text.to_owned()));
        };
        let mut args = Vec::new();
        for arg in parts {
            let Some((key, value)) = arg.split_once('=') else {
                return Err(DeviceError::Argument { text: text.to_owned(), arg: arg.to_owned() });
            };
            args.push((key.to_owned(), value.to_owned()));
        }
        let device = Self { name, args, bus };
        let needs_iface = matches!(device.driver(), "net_af_packet" | "net_af_xdp");
        if needs_iface && device.arg("iface").is_none() {
            let (text, driver) = (text.to_owned(), device.driver().to_owned());
            return Err(DeviceError::Missing { text, driver, key: "iface" });
        }
        Ok(device)
    }

    /// The name EAL gives the port: the PCI address, or the virtual device's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The bus it is on.
    pub fn bus(&self) -> Bus {
        self.bus
    }

    /// The virtual device's driver, `net_af_packet` of `net_af_packet0`; the address itself on PCI.
    pub fn driver(&self) -> &str {
        match self.bus {
            Bus::Pci => &self.name,
            Bus::Virtual => self.name.trim_end_matches(|c: char| c.is_ascii_digit()),
        }
    }

    /// The kernel interface behind the port, if it is one of the kernel's.
    pub fn interface(&self) -> Option<&str> {
        match self.driver() {
            "net_af_packet" | "net_af_xdp" | "net_tap" => self.arg("iface"),
            "net_pcap" => ["iface", "rx_iface", "rx_iface_in", "tx_iface"].iter().find_map(|key| self.arg(key)),
            _ => None,
        }
    }

    /// The value of an argument.
    pub fn arg(&self, key: &str) -> Option<&str> {
        self.args.iter().find(|(k, _)| k == key).map(|(_, v)| v.as_str())
    }

    /// What no two processes may use at once: the PCI function, or the kernel interface in its network namespace
    /// (`netns` is the inode of /proc/self/ns/net). None for a device that belongs to this process alone.
    pub fn lock_key(&self, netns: u64) -> Option<String> {
        match self.bus {
            Bus::Pci => Some(format!("pci-{}", self.name.to_ascii_lowercase())),
            Bus::Virtual => self.interface().map(|name| format!("if-{name}-{netns}")),
        }
    }

    /// The device with what its driver must be told for frames of `mtu` and for `workers` queues; arguments that
    /// the operator gave stay.
    pub fn fitted(&self, mtu: u16, workers: u16) -> Result<Self, DeviceError> {
        let mut device = self.clone();
        match device.driver() {
            "net_af_packet" => {
                let needed = af_packet_slot(mtu);
                let given = device.arg("framesz").map(str::to_owned);
                let slot = match given {
                    None => needed,
                    Some(given) => match given.parse::<u32>() {
                        Ok(slot) if slot >= needed => slot,
                        _ => return Err(DeviceError::FrameSize { given, mtu, needed }),
                    },
                };
                device.set_default("framesz", slot);
                // Two slots of a multiple of 2,048 bytes fill whole pages, as PACKET_RX_RING wants it.
                device.set_default("blocksz", slot.saturating_mul(2));
                device.set_default("framecnt", AF_PACKET_SLOTS);
                device.set_default("qpairs", u32::from(workers));
            }
            "net_af_xdp" => device.set_default("queue_count", u32::from(workers)),
            _ => {}
        }
        Ok(device)
    }

    fn set_default(&mut self, key: &str, value: u32) {
        if self.arg(key).is_none() {
            self.args.push((key.to_owned(), value.to_string()));
        }
    }
}

impl fmt::Display for Device {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)?;
        self.args.iter().try_for_each(|(key, value)| write!(f, ",{key}={value}"))
    }
}

/// Bytes of a TPACKET_V2 ring slot for frames of `mtu`: what the kernel puts in front of the frame (packet_mmap:
/// header, address, alignment), the Ethernet header, eight tags; rounded up to 2,048.
fn af_packet_slot(mtu: u16) -> u32 {
    let least = TPACKET_FRONT + ETHERNET_AND_TAGS + u32::from(mtu);
    least.div_ceil(2048) * 2048
}

fn is_pci(name: &str) -> bool {
    let bytes = name.as_bytes();
    let hex =
        |range: std::ops::Range<usize>| bytes.get(range).is_some_and(|part| part.iter().all(u8::is_ascii_hexdigit));
    let at = |index: usize, byte: u8| bytes.get(index) == Some(&byte);
    bytes.len() == 12
        && hex(0..4)
        && at(4, b':')
        && hex(5..7)
        && at(7, b':')
        && hex(8..10)
        && at(10, b'.')
        && matches!(bytes.get(11), Some(b'0'..=b'7'))
}

fn is_virtual(name: &str) -> bool {
    name.strip_prefix("net_").is_some_and(|rest| {
        !rest.is_empty() && rest.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_')
    })
}

/// TPACKET_ALIGN(header 32 + sockaddr_ll 20) + 16 − 14 is 66; rounded up with room for an alignment.
const TPACKET_FRONT: u32 = 96;
/// Ethernet's 14 bytes and VERDICT's eight tags, bytes.
pub const ETHERNET_AND_TAGS: u32 = 14 + 8 * 4;
/// Ring slots per queue and direction; DPDK's own default.
const AF_PACKET_SLOTS: u32 = 512;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pci_and_virtual_forms() {
        let pci = Device::parse("0000:3B:00.1").unwrap();
        assert_eq!((pci.bus(), pci.lock_key(7)), (Bus::Pci, Some("pci-0000:3b:00.1".into())));
        let tap = Device::parse("net_af_packet12,iface=eth1,qpairs=2").unwrap();
        assert_eq!(tap.driver(), "net_af_packet");
        assert_eq!(tap.lock_key(4026531840).as_deref(), Some("if-eth1-4026531840"));
        assert_eq!(tap.to_string(), "net_af_packet12,iface=eth1,qpairs=2");
        assert_eq!(Device::parse("net_null0").unwrap().lock_key(1), None);
    }

    #[test]
    fn same_interface_by_another_driver_is_the_same_lock() {
        let key = |text: &str| Device::parse(text).unwrap().lock_key(1);
        assert_eq!(key("net_af_packet0,iface=e"), key("net_af_xdp3,iface=e"));
        assert_eq!(key("net_af_packet0,iface=e"), key("net_pcap0,rx_iface_in=e,tx_iface=e"));
    }

    #[test]
    fn refused_forms() {
        for text in ["", "eth1", "3b:00.0", "0000:3b:00.8", "0000:3b:00.0x", "net_", "net_null0,size", "NET_x"] {
            assert!(Device::parse(text).is_err(), "{text}");
        }
        assert!(matches!(Device::parse("net_af_packet0"), Err(DeviceError::Missing { key: "iface", .. })));
    }

    #[test]
    fn af_packet_slots_follow_the_mtu() {
        let fitted = |text: &str, mtu| Device::parse(text).unwrap().fitted(mtu, 2);
        let args = fitted("net_af_packet0,iface=e", 1500).unwrap().to_string();
        assert_eq!(args, "net_af_packet0,iface=e,framesz=2048,blocksz=4096,framecnt=512,qpairs=2");
        let args = fitted("net_af_packet0,iface=e", 9216).unwrap().to_string();
        assert!(args.contains("framesz=10240,blocksz=20480"), "{args}");
        assert!(fitted("net_af_packet0,iface=e,framesz=2048", 1906).is_ok());
        let error = fitted("net_af_packet0,iface=e,framesz=2048", 1907).unwrap_err();
        assert!(matches!(error, DeviceError::FrameSize { needed: 4096, .. }), "{error}");
        assert!(fitted("net_af_packet0,iface=e,framesz=big", 1500).is_err());
    }
}
