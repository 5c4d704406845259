//! Addresses that the tables of a policy know, just miss, or do not know.
//! Prefix edges and their neighbours come up often: that is where look-ups go wrong.

use std::net::{Ipv4Addr, Ipv6Addr};

use ipnet::IpNet;
use rand::RngExt;
use rand::rngs::StdRng;

use super::{chance, one};
use crate::golden::Policy;

/// The prefixes of a policy, by what they are for.
pub struct Addresses {
    all4: Vec<IpNet>,
    all6: Vec<IpNet>,
    sources4: Vec<IpNet>,
    sources6: Vec<IpNet>,
    ends4: Vec<IpNet>,
    ends6: Vec<IpNet>,
}

impl Addresses {
    /// The prefixes of `policy`.
    #[must_use]
    pub fn of(policy: &Policy) -> Self {
        let families = |prefixes: &[IpNet]| -> (Vec<IpNet>, Vec<IpNet>) {
            prefixes.iter().copied().partition(|prefix| prefix.addr().is_ipv4())
        };
        let sources: Vec<IpNet> = policy.sources.iter().map(|(prefix, _)| *prefix).collect();
        let destinations = policy.destinations.iter().map(|(prefix, _)| *prefix);
        let all: Vec<IpNet> = sources.iter().copied().chain(destinations).chain(policy.endpoints.clone()).collect();
        let ((all4, all6), (sources4, sources6)) = (families(&all), families(&sources));
        let (ends4, ends6) = families(&policy.endpoints);
        Self { all4, all6, sources4, sources6, ends4, ends6 }
    }

    /// An IPv4 address that is likely a subscriber's.
    #[must_use]
    pub fn source4(&self, rng: &mut StdRng) -> Ipv4Addr {
        if chance(rng, 70) { in4(rng, &self.sources4) } else { self.any4(rng) }
    }

    /// An IPv6 address that is likely a subscriber's.
    #[must_use]
    pub fn source6(&self, rng: &mut StdRng) -> Ipv6Addr {
        if chance(rng, 70) { in6(rng, &self.sources6) } else { self.any6(rng) }
    }

    /// An IPv4 address, mostly one that some table knows.
    #[must_use]
    pub fn any4(&self, rng: &mut StdRng) -> Ipv4Addr {
        match rng.random_range(0..12) {
            0 => Ipv4Addr::from_bits(rng.random()),
            1 => {
                one(rng, &[[0, 0, 0, 0], [127, 0, 0, 1], [224, 0, 0, 5], [255, 255, 255, 255], [172, 16, 0, 1]]).into()
            }
            _ => in4(rng, &self.all4),
        }
    }

    /// An IPv6 address, mostly one that some table knows.
    #[must_use]
    pub fn any6(&self, rng: &mut StdRng) -> Ipv6Addr {
        match rng.random_range(0..12) {
            0 => Ipv6Addr::from_bits(rng.random()),
            1 => {
                one(rng, &["::", "::1", "ff02::1", "::ffff:203.0.113.7", "2001:db8:9::1"]).parse().expect("an address")
            }
            _ => in6(rng, &self.all6),
        }
    }

    /// An IPv4 address that is an end of ours, if there is one.
    #[must_use]
    pub fn end4(&self, rng: &mut StdRng) -> Ipv4Addr {
        in4(rng, &self.ends4)
    }

    /// An IPv6 address that is an end of ours, if there is one.
    #[must_use]
    pub fn end6(&self, rng: &mut StdRng) -> Ipv6Addr {
        in6(rng, &self.ends6)
    }
}

fn in4(rng: &mut StdRng, prefixes: &[IpNet]) -> Ipv4Addr {
    let Some(IpNet::V4(prefix)) = pick(rng, prefixes) else { return Ipv4Addr::new(172, 16, 0, 1) };
    let host = edge(rng, u128::from(prefix.hostmask().to_bits()));
    let bits = prefix.network().to_bits() | u32::try_from(host).unwrap_or(0);
    Ipv4Addr::from_bits(if chance(rng, 5) { u32_of(just_outside(rng, u128::from(bits))) } else { bits })
}

fn in6(rng: &mut StdRng, prefixes: &[IpNet]) -> Ipv6Addr {
    let Some(IpNet::V6(prefix)) = pick(rng, prefixes) else { return Ipv6Addr::from_bits(9) };
    let bits = prefix.network().to_bits() | edge(rng, prefix.hostmask().to_bits());
    Ipv6Addr::from_bits(if chance(rng, 5) { just_outside(rng, bits) } else { bits })
}

fn pick(rng: &mut StdRng, prefixes: &[IpNet]) -> Option<IpNet> {
    (!prefixes.is_empty()).then(|| one(rng, prefixes))
}

/// Host bits: none, all, or some.
fn edge(rng: &mut StdRng, mask: u128) -> u128 {
    match rng.random_range(0..4) {
        0 => 0,
        1 => mask,
        _ => rng.random::<u128>() & mask,
    }
}

/// The low 32 bits.
#[allow(clippy::cast_possible_truncation, reason = "the high bits are not wanted")]
fn u32_of(bits: u128) -> u32 {
    bits as u32
}

/// A neighbour or an address with one bit flipped.
fn just_outside(rng: &mut StdRng, bits: u128) -> u128 {
    match rng.random_range(0..3) {
        0 => bits.wrapping_add(1),
        1 => bits.wrapping_sub(1),
        _ => bits ^ (1 << rng.random_range(0..128)),
    }
}
