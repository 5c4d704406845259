//! The link layers: Ethernet, VLAN tag, MPLS label stack entry, PPPoE session, LLC/SNAP.
//! Types and lengths are computed from what follows unless set.

use super::{Layer, ethertype, length16};

/// Ethernet II, or 802.3 in front of [`Snap`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ethernet {
    /// Destination address.
    pub destination: [u8; 6],
    /// Source address.
    pub source: [u8; 6],
    /// Type, or length of an 802.3 frame; computed from the next layer.
    pub ethertype: Option<u16>,
}

impl Default for Ethernet {
    fn default() -> Self {
        Self::new()
    }
}

impl Ethernet {
    /// Between two locally administered addresses.
    #[must_use]
    pub fn new() -> Self {
        Self { destination: [2, 0, 0, 0, 0, 1], source: [2, 0, 0, 0, 0, 2], ethertype: None }
    }

    /// With that type.
    #[must_use]
    pub fn typed(ethertype: u16) -> Self {
        Self { ethertype: Some(ethertype), ..Self::new() }
    }

    pub(super) fn encode(&self, next: Option<&Layer>, inner: Vec<u8>) -> Vec<u8> {
        let computed = if matches!(next, Some(Layer::Snap(_))) { length16(inner.len()) } else { ethertype(next) };
        let kind = self.ethertype.unwrap_or(computed);
        [&self.destination[..], &self.source, &kind.to_be_bytes(), &inner].concat()
    }
}

/// A VLAN tag (IEEE 802.1Q, 802.1ad, and the older 0x9100 and 0x9200).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Vlan {
    /// Tag protocol identifier, set in the layer in front.
    pub tpid: u16,
    /// Priority, drop eligibility, VLAN.
    pub tci: u16,
    /// Type that follows; computed from the next layer.
    pub ethertype: Option<u16>,
}

impl Vlan {
    /// A customer tag, 0x8100.
    #[must_use]
    pub fn new(vlan: u16) -> Self {
        Self { tpid: 0x8100, tci: vlan, ethertype: None }
    }

    /// With that tag protocol identifier.
    #[must_use]
    pub fn tagged(tpid: u16, vlan: u16) -> Self {
        Self { tpid, ..Self::new(vlan) }
    }

    pub(super) fn encode(&self, next: Option<&Layer>, inner: Vec<u8>) -> Vec<u8> {
        let computed = if matches!(next, Some(Layer::Snap(_))) { length16(inner.len()) } else { ethertype(next) };
        let kind = self.ethertype.unwrap_or(computed);
        [&self.tci.to_be_bytes()[..], &kind.to_be_bytes(), &inner].concat()
    }
}

/// One MPLS label stack entry (RFC 3032).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mpls {
    /// Label, 20 bits.
    pub label: u32,
    /// Bottom of stack; by default set if no other entry follows.
    pub bottom: Option<bool>,
}

impl Mpls {
    /// An entry with that label.
    #[must_use]
    pub fn new(label: u32) -> Self {
        Self { label, bottom: None }
    }

    pub(super) fn encode(&self, next: Option<&Layer>, inner: Vec<u8>) -> Vec<u8> {
        let bottom = self.bottom.unwrap_or(!matches!(next, Some(Layer::Mpls(_))));
        let entry = (self.label << 12) | (u32::from(bottom) << 8) | 64;
        [&entry.to_be_bytes()[..], &inner].concat()
    }
}

/// A PPPoE session header and the PPP protocol field (RFC 2516, RFC 1661).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pppoe {
    /// Version and type, 0x11.
    pub version_type: u8,
    /// Code, 0 in a session.
    pub code: u8,
    /// Session.
    pub session: u16,
    /// Length of what follows the six bytes; computed.
    pub length: Option<u16>,
    /// PPP protocol bytes; computed, two of them.
    pub protocol: Option<Vec<u8>>,
}

impl Default for Pppoe {
    fn default() -> Self {
        Self::new()
    }
}

impl Pppoe {
    /// A session frame.
    #[must_use]
    pub fn new() -> Self {
        Self { version_type: 0x11, code: 0, session: 0x0025, length: None, protocol: None }
    }

    /// With those PPP protocol bytes.
    #[must_use]
    pub fn ppp(protocol: &[u8]) -> Self {
        Self { protocol: Some(protocol.to_vec()), ..Self::new() }
    }

    pub(super) fn encode(&self, next: Option<&Layer>, inner: Vec<u8>) -> Vec<u8> {
        let protocol = self.protocol.clone().unwrap_or_else(|| match next {
            Some(Layer::Ipv4(_)) => vec![0x00, 0x21],
            Some(Layer::Ipv6(_)) => vec![0x00, 0x57],
            // LCP.
            _ => vec![0xc0, 0x21],
        });
        let length = self.length.unwrap_or_else(|| length16(protocol.len() + inner.len()));
        let (session, length) = (self.session.to_be_bytes(), length.to_be_bytes());
        [&[self.version_type, self.code], &session[..], &length, &protocol, &inner].concat()
    }
}

/// LLC and SNAP behind an 802.3 length (IEEE 802.2, RFC 1042).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Snap {
    /// Destination and source service access point and control.
    pub llc: [u8; 3],
    /// Organisation code.
    pub oui: [u8; 3],
    /// Type that follows; computed from the next layer.
    pub ethertype: Option<u16>,
}

impl Default for Snap {
    fn default() -> Self {
        Self::new()
    }
}

impl Snap {
    /// With the organisation code that announces an Ethernet type.
    #[must_use]
    pub fn new() -> Self {
        Self { llc: [0xaa, 0xaa, 3], oui: [0, 0, 0], ethertype: None }
    }

    pub(super) fn encode(&self, next: Option<&Layer>, inner: Vec<u8>) -> Vec<u8> {
        let kind = self.ethertype.unwrap_or_else(|| ethertype(next));
        [&self.llc[..], &self.oui, &kind.to_be_bytes(), &inner].concat()
    }
}
