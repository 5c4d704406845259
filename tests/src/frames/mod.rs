//! Builds frames from layers, outermost first: right lengths, types and checksums unless a field is set by hand.
//!
//! It knows nothing of policies or verdicts. A layer's `Option` field is computed when `None`; setting it is how a test
//! lies. [`Slice`] takes some bytes of what its layers would have been: the data of a fragment.
//!
//! ```
//! use gate25_tests::frames::{Ethernet, Ipv4, Tcp, build};
//! let frame = build(&[Ethernet::new().into(), Ipv4::new("10.0.0.1", "192.0.2.1").into(), Tcp::syn(25).into()]);
//! assert_eq!(frame.len(), 14 + 20 + 20);
//! ```

mod extension;
mod internet;
mod link;
mod pcap;
mod transport;
mod tunnel;

use std::net::IpAddr;

pub use extension::{Extension, Fragment};
pub use internet::{Ipv4, Ipv6};
pub use link::{Ethernet, Mpls, Pppoe, Snap, Vlan};
pub use pcap::pcap;
pub use transport::{Tcp, Udp};
pub use tunnel::{Gre, Gtp};

/// One layer of a frame.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "each variant is the type of the same name")]
pub enum Layer {
    Ethernet(Ethernet),
    Vlan(Vlan),
    Mpls(Mpls),
    Pppoe(Pppoe),
    Snap(Snap),
    Ipv4(Ipv4),
    Ipv6(Ipv6),
    Extension(Extension),
    Fragment(Fragment),
    Gre(Gre),
    Gtp(Gtp),
    Udp(Udp),
    Tcp(Tcp),
    Slice(Slice),
    Raw(Vec<u8>),
}

/// Bytes `from..to` of what `layers` would have been (both limited to what there is).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Slice {
    /// What was cut up.
    pub layers: Vec<Layer>,
    /// First byte taken.
    pub from: usize,
    /// Behind the last byte taken.
    pub to: usize,
}

macro_rules! layer_from {
    ($($kind:ident),*) => { $(impl From<$kind> for Layer { fn from(layer: $kind) -> Self { Self::$kind(layer) } })* };
}
layer_from!(Ethernet, Vlan, Mpls, Pppoe, Snap, Ipv4, Ipv6, Extension, Fragment, Gre, Gtp, Udp, Tcp, Slice);

impl From<Vec<u8>> for Layer {
    fn from(bytes: Vec<u8>) -> Self {
        Self::Raw(bytes)
    }
}

/// Source and destination of the IP header around a layer, for the pseudo header.
type Ends = Option<(IpAddr, IpAddr)>;

/// The bytes of the layers, outermost first. Nothing is padded.
#[must_use]
pub fn build(layers: &[Layer]) -> Vec<u8> {
    build_in(layers, None)
}

fn build_in(layers: &[Layer], ends: Ends) -> Vec<u8> {
    let Some((layer, rest)) = layers.split_first() else {
        return Vec::new();
    };
    let inner_ends = match layer {
        Layer::Ipv4(header) => Some((header.source.into(), header.destination.into())),
        Layer::Ipv6(header) => Some((header.source.into(), header.destination.into())),
        _ => ends,
    };
    let inner = build_in(rest, inner_ends);
    let next = rest.first();
    match layer {
        Layer::Ethernet(header) => header.encode(next, inner),
        Layer::Vlan(tag) => tag.encode(next, inner),
        Layer::Mpls(entry) => entry.encode(next, inner),
        Layer::Pppoe(header) => header.encode(next, inner),
        Layer::Snap(header) => header.encode(next, inner),
        Layer::Ipv4(header) => header.encode(next, inner),
        Layer::Ipv6(header) => header.encode(next, inner),
        Layer::Extension(header) => header.encode(next, inner),
        Layer::Fragment(header) => header.encode(next, inner),
        Layer::Gre(header) => header.encode(next, inner),
        Layer::Gtp(header) => header.encode(inner),
        Layer::Udp(header) => header.encode(ends, inner),
        Layer::Tcp(header) => header.encode(ends, inner),
        Layer::Slice(slice) => slice.encode(ends, &inner),
        Layer::Raw(bytes) => [bytes.clone(), inner].concat(),
    }
}

impl Slice {
    /// The first `to` bytes.
    #[must_use]
    pub fn first(to: usize, layers: Vec<Layer>) -> Self {
        Self { layers, from: 0, to }
    }

    /// All bytes from `from` on.
    #[must_use]
    pub fn rest(from: usize, layers: Vec<Layer>) -> Self {
        Self { layers, from, to: usize::MAX }
    }

    fn encode(&self, ends: Ends, inner: &[u8]) -> Vec<u8> {
        let whole = build_in(&self.layers, ends);
        let to = self.to.min(whole.len());
        [&whole[self.from.min(to)..to], inner].concat()
    }
}

/// The type number that announces `layer` in Ethernet, VLAN tags, SNAP and GRE.
fn ethertype(layer: Option<&Layer>) -> u16 {
    match layer {
        Some(Layer::Vlan(tag)) => tag.tpid,
        Some(Layer::Mpls(_)) => 0x8847,
        Some(Layer::Pppoe(_)) => 0x8864,
        Some(Layer::Ipv4(_)) => 0x0800,
        Some(Layer::Ipv6(_)) => 0x86dd,
        Some(Layer::Slice(slice)) => ethertype(slice.layers.first()),
        // "Local Experimental Ethertype 1" (IEEE 802).
        _ => 0x88b5,
    }
}

/// The protocol number that announces `layer` in IP headers.
fn protocol(layer: Option<&Layer>) -> u8 {
    match layer {
        Some(Layer::Ipv4(_)) => 4,
        Some(Layer::Ipv6(_)) => 41,
        Some(Layer::Tcp(_)) => 6,
        Some(Layer::Udp(_)) => 17,
        Some(Layer::Gre(_)) => 47,
        Some(Layer::Fragment(_)) => 44,
        Some(Layer::Extension(header)) => header.kind,
        Some(Layer::Slice(slice)) => protocol(slice.layers.first()),
        // "any host internal protocol" (IANA).
        _ => 61,
    }
}

/// The Internet checksum of bytes whose checksum field is zero (RFC 1071).
fn internet_checksum(bytes: &[u8]) -> u16 {
    let mut sum = bytes.chunks(2).fold(0_u32, |sum, pair| {
        let word = u16::from_be_bytes([pair[0], pair.get(1).copied().unwrap_or(0)]);
        let sum = sum + u32::from(word);
        (sum & 0xffff) + (sum >> 16)
    });
    sum = (sum & 0xffff) + (sum >> 16);
    !u16::try_from(sum).unwrap_or(0)
}

/// TCP's and UDP's checksum with the pseudo header of their IP version (RFC 9293 §3.1, RFC 8200 §8.1).
fn transport_checksum(ends: Ends, protocol: u8, segment: &[u8]) -> u16 {
    let mut bytes = Vec::new();
    let length = u32::try_from(segment.len()).unwrap_or(u32::MAX).to_be_bytes();
    match ends {
        Some((IpAddr::V4(source), IpAddr::V4(destination))) => {
            bytes.extend(source.octets());
            bytes.extend(destination.octets());
            bytes.extend([0, protocol, length[2], length[3]]);
        }
        Some((IpAddr::V6(source), IpAddr::V6(destination))) => {
            bytes.extend(source.octets());
            bytes.extend(destination.octets());
            bytes.extend(length);
            bytes.extend([0, 0, 0, protocol]);
        }
        _ => {}
    }
    bytes.extend_from_slice(segment);
    internet_checksum(&bytes)
}

/// A length as 16 bits; what does not fit is cut, as the field would.
#[allow(clippy::cast_possible_truncation, reason = "the field is 16 bits wide")]
fn length16(length: usize) -> u16 {
    length as u16
}
