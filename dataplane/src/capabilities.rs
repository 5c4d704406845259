//! What a port can do, and what it means for the operator where it cannot.
//!
//! Owns the wording: each thing that a port lacks is said at start with its consequence, all of a port's in one line.
//! Touches no port.

use crate::port::Plan;

/// What a port can do.
#[derive(Clone, Debug)]
pub struct Capabilities {
    /// The driver's name, `net_af_packet`.
    pub driver: String,
    /// Most receive and transmit queues; the lesser of the two.
    pub queues: u16,
    /// Receives a frame in several buffers if one is too short.
    pub scatter: bool,
    /// Sends a frame that is in several buffers.
    pub multi_segment: bool,
    /// NUMA node, -1 if unknown.
    pub node: i32,
    /// A PCI function: spreads frames by a hash of its own. What a virtual device does is the rule of what feeds it.
    pub pci: bool,
    /// Hashes on addresses of IPv4.
    pub hashes_ipv4: bool,
    /// Hashes on addresses of IPv6.
    pub hashes_ipv6: bool,
    /// Hashes on the addresses of the innermost IP header that it knows.
    pub hashes_inner: bool,
    /// Takes a key, so that both directions of a flow have one hash.
    pub takes_key: bool,
    /// Largest MTU, bytes.
    pub mtu: u16,
}

impl Capabilities {
    /// What a NIC lacks for `plan`, in one line; None if nothing.
    pub fn lacking(&self, plan: &Plan, tags: u16) -> Option<String> {
        if !self.pci {
            return None;
        }
        let several = plan.queues > 1;
        let room = self.mtu.saturating_sub(plan.mtu) / 4;
        let lacks = [
            (several && !self.hashes_ipv4, "it does not hash IPv4 addresses: one worker gets all IPv4".to_owned()),
            (several && !self.hashes_ipv6, "it does not hash IPv6 addresses: one worker gets all IPv6".to_owned()),
            (
                several && !self.takes_key,
                "its hash takes no key: the two directions of a flow may have different workers".to_owned(),
            ),
            (
                several && !self.hashes_inner,
                "it hashes outer addresses alone: all of a tunnel is one worker's".to_owned(),
            ),
            (
                self.mtu < plan.mtu.saturating_add(tags),
                format!(
                    "its largest MTU is {}: it loses frames of {} bytes with more than {room} tags",
                    self.mtu, plan.mtu
                ),
            ),
            (
                !plan.scatter && plan.mtu > LONG,
                "frames do not lie in several buffers: every buffer is as long as a whole frame".to_owned(),
            ),
        ];
        let lacks: Vec<String> = lacks.into_iter().filter(|(lacks, _)| *lacks).map(|(_, text)| text).collect();
        (!lacks.is_empty()).then(|| lacks.join("; "))
    }
}

/// An MTU whose frames still lie in one buffer of 2,048 bytes.
const LONG: u16 = 1984;

#[cfg(test)]
mod tests {
    use super::*;

    fn nic() -> Capabilities {
        Capabilities {
            driver: "net_ice".into(),
            queues: 16,
            scatter: true,
            multi_segment: true,
            node: 0,
            pci: true,
            hashes_ipv4: true,
            hashes_ipv6: true,
            hashes_inner: true,
            takes_key: true,
            mtu: 9710,
        }
    }

    fn plan(queues: u16, mtu: u16) -> Plan {
        Plan { queues, mtu, descriptors: 1024, scatter: true, wakes: true }
    }

    #[test]
    fn a_nic_that_can_everything_lacks_nothing() {
        assert_eq!(nic().lacking(&plan(4, 9216), 32), None);
        let virtual_device = Capabilities { pci: false, hashes_ipv4: false, mtu: 0, ..nic() };
        assert_eq!(virtual_device.lacking(&plan(4, 9216), 32), None, "what feeds it spreads");
    }

    #[test]
    fn each_lack_is_told_with_its_consequence() {
        let bare =
            Capabilities { hashes_ipv4: false, hashes_ipv6: false, hashes_inner: false, takes_key: false, ..nic() };
        let told = bare.lacking(&plan(2, 1500), 32).unwrap();
        for consequence in ["all IPv4", "all IPv6", "different workers", "all of a tunnel is one worker's"] {
            assert!(told.contains(consequence), "{told}");
        }
        assert_eq!(bare.lacking(&plan(1, 1500), 32), None, "one queue needs no hash");
    }

    #[test]
    fn room_for_tags_is_told_at_the_limit_and_not_one_past() {
        let least = Capabilities { mtu: 1532, ..nic() };
        assert_eq!(least.lacking(&plan(1, 1500), 32), None);
        let told = Capabilities { mtu: 1531, ..nic() }.lacking(&plan(1, 1500), 32).unwrap();
        assert!(told.contains("largest MTU is 1531") && told.contains("more than 7 tags"), "{told}");
    }

    #[test]
    fn long_frames_in_one_buffer_are_told() {
        let whole = Plan { scatter: false, ..plan(1, 9216) };
        assert!(nic().lacking(&whole, 32).unwrap().contains("as long as a whole frame"));
        assert_eq!(nic().lacking(&Plan { scatter: false, ..plan(1, 1500) }, 32), None);
    }
}
