//! Random IP packets: options, source routes, extension headers, fragments.
//! Source routes and destinations lead to ends of ours often enough that carriers are opened.

use rand::RngExt;
use rand::rngs::StdRng;

use super::upper::{self, Upper};
use super::{Addresses, chance, one};
use crate::frames::{Extension, Fragment, Ipv4, Ipv6, Layer, Slice};

/// An IP packet; `level` carriers are around it.
pub(super) fn packet(rng: &mut StdRng, addresses: &Addresses, level: usize) -> Vec<Layer> {
    if chance(rng, 50) { packet4(rng, addresses, level) } else { packet6(rng, addresses, level) }
}

/// An IPv4 packet.
pub(super) fn packet4(rng: &mut StdRng, addresses: &Addresses, level: usize) -> Vec<Layer> {
    let Upper { layers, carrier } = upper::upper(rng, addresses, level);
    let mut header = Ipv4::new("0.0.0.0", "0.0.0.0");
    (header.source, header.destination) = (addresses.source4(rng), addresses.any4(rng));
    if chance(rng, 20) {
        std::mem::swap(&mut header.source, &mut header.destination);
    }
    if carrier && chance(rng, 80) {
        // Outbound the destination makes it ours, inbound the source.
        let end = if chance(rng, 66) { &mut header.destination } else { &mut header.source };
        *end = addresses.end4(rng);
    }
    if chance(rng, 20) {
        header.options = options(rng, addresses);
    }
    let mut inner = vec![Slice::rest(0, layers.clone()).into()];
    if chance(rng, if carrier { 30 } else { 20 }) {
        let (offset, more) = place(rng);
        header = header.fragment(offset, more);
        inner = cut(rng, layers);
    }
    header.flags |= if chance(rng, 30) { 0b010 } else { 0 };
    spoil4(rng, &mut header);
    [vec![header.into()], inner].concat()
}

fn spoil4(rng: &mut StdRng, header: &mut Ipv4) {
    match rng.random_range(0..80) {
        0 => header.version = rng.random_range(0..16),
        1 => header.ihl = Some(rng.random_range(0..16)),
        2 => header.total_length = Some(rng.random_range(0..100)),
        3 => header.protocol = Some(rng.random()),
        4 => header.protocol = Some(one(rng, &[4, 6, 17, 41, 47, 50])),
        5 => header.flags |= 0b100,
        _ => {}
    }
}

/// Options: harmless ones, source routes in all states, and garbage.
fn options(rng: &mut StdRng, addresses: &Addresses) -> Vec<u8> {
    let mut out = Vec::new();
    for _ in 0..rng.random_range(1..4) {
        match rng.random_range(0..8) {
            0 => out.push(1),
            1 => out.push(0),
            2 => out.extend([7, 7, 4, 0, 0, 0, 0]),
            3 => out.extend([rng.random(), rng.random_range(0..12), rng.random()]),
            _ => {
                let hops = rng.random_range(0..3_u8);
                let length = (3 + 4 * hops).wrapping_add(one(rng, &[0, 0, 0, 0, 0, 1, 2, 255, 254]));
                let pointer = one(rng, &[4, 4, 8, 12, length, length.wrapping_add(1), 0]);
                out.extend([one(rng, &[131, 137]), length, pointer]);
                for _ in 0..hops {
                    let hop = if chance(rng, 60) { addresses.end4(rng) } else { addresses.any4(rng) };
                    out.extend(hop.octets());
                }
            }
        }
    }
    out.truncate(40);
    out
}

/// An IPv6 packet.
pub(super) fn packet6(rng: &mut StdRng, addresses: &Addresses, level: usize) -> Vec<Layer> {
    let Upper { layers, carrier } = upper::upper(rng, addresses, level);
    let mut header = Ipv6::new("::", "::");
    (header.source, header.destination) = (addresses.source6(rng), addresses.any6(rng));
    if chance(rng, 20) {
        std::mem::swap(&mut header.source, &mut header.destination);
    }
    if carrier && chance(rng, 80) {
        // Outbound the destination makes it ours, inbound the source.
        let end = if chance(rng, 66) { &mut header.destination } else { &mut header.source };
        *end = addresses.end6(rng);
    }
    let mut chain: Vec<Layer> = Vec::new();
    let count = if chance(rng, 15) { rng.random_range(3..18) } else { one(rng, &[0, 0, 0, 1, 2]) };
    for _ in 0..count {
        chain.push(extension(rng, addresses, if count > 3 { 2 } else { 20 }));
    }
    let mut rest = [chain, vec![Slice::rest(0, layers).into()]].concat();
    if chance(rng, 8) {
        rest = cut(rng, rest);
    } else if chance(rng, 15) {
        let (offset, more) = place(rng);
        rest = [vec![Fragment::new(offset, more).into()], cut(rng, rest)].concat();
    }
    match rng.random_range(0..80) {
        0 => header.version = rng.random_range(0..16),
        1 => header.payload_length = Some(rng.random_range(0..100)),
        2 => header.next_header = Some(rng.random()),
        3..=5 => header.payload_length = Some(0),
        _ => {}
    }
    [vec![header.into()], rest].concat()
}

/// One extension header; `fragments` percent of them are fragment headers.
fn extension(rng: &mut StdRng, addresses: &Addresses, fragments: u32) -> Layer {
    if chance(rng, fragments) {
        let (offset, more) = if chance(rng, 40) { (0, false) } else { place(rng) };
        let bits = rng.random_range(0..4);
        return Fragment { bits, ..Fragment::new(offset, more) }.into();
    }
    let mut header = match rng.random_range(0..12) {
        0..=2 => routing(rng, addresses),
        3 => Extension::destination_of(rng.random_range(1..80) * 8),
        // What follows ends near byte 512.
        4 => Extension::destination_of(rng.random_range(50..64) * 8),
        5 => Extension { body: vec![0; rng.random_range(1..8) * 4 + 2], ..Extension::new(51) },
        _ => Extension::new(one(rng, &[0, 60, 60, 51, 135, 139, 140, 253, 254])),
    };
    if chance(rng, 3) {
        header.length = Some(rng.random());
    }
    if chance(rng, 2) {
        header.next = Some(rng.random());
    }
    header.into()
}

fn routing(rng: &mut StdRng, addresses: &Addresses) -> Extension {
    let hops: Vec<String> = (0..rng.random_range(0..4))
        .map(|_| if chance(rng, 60) { addresses.end6(rng) } else { addresses.any6(rng) }.to_string())
        .collect();
    let hops: Vec<&str> = hops.iter().map(String::as_str).collect();
    let mut header = Extension::routing(one(rng, &[0, 0, 2, 3, 4, 4, 253]), rng.random_range(0..4), &hops);
    if chance(rng, 10) {
        // Not a whole number of addresses.
        header.body.extend([0; 8]);
    }
    header
}

/// A fragment's offset and M: mostly first fragments and the offsets at which the verdict changes.
fn place(rng: &mut StdRng) -> (u16, bool) {
    match rng.random_range(0..10) {
        0..=5 => (0, true),
        6 => (1, rng.random()),
        7 => (one(rng, &[2, 3, 62, 63, 64, 65, 8191]), rng.random()),
        8 => (0, false),
        _ => (rng.random_range(0..100), rng.random()),
    }
}

/// Some bytes of what the layers would have been, often few.
fn cut(rng: &mut StdRng, layers: Vec<Layer>) -> Vec<Layer> {
    let to = match rng.random_range(0..4) {
        0 => rng.random_range(0..64),
        1 => rng.random_range(0..16) * 8,
        2 => rng.random_range(490..540),
        _ => usize::MAX,
    };
    vec![Slice { layers, from: 0, to }.into()]
}
