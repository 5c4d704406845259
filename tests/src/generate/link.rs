//! Random link layers in front of a random IP packet.
//! Mostly none or two tags; now and then as many as the limit and more.

use rand::RngExt;
use rand::rngs::StdRng;

use super::{Addresses, chance, internet, one};
use crate::frames::{Ethernet, Layer, Mpls, Pppoe, Snap, Vlan};

/// Layers of a whole frame.
pub(super) fn layers(rng: &mut StdRng, addresses: &Addresses) -> Vec<Layer> {
    let mut ethernet = Ethernet::new();
    if chance(rng, 4) {
        ethernet.destination[0] = rng.random();
        ethernet.source[0] = rng.random();
    }
    if chance(rng, 2) {
        ethernet.ethertype = Some(one(rng, &[0x0800, 0x86dd, 0x0806, 0x8847, 0x8864, 0x05dc, 0x0600]));
    }
    let mut layers = vec![ethernet.into()];
    let tags = if chance(rng, 6) { rng.random_range(3..11) } else { one(rng, &[0, 0, 0, 0, 1, 2]) };
    for _ in 0..tags {
        let tpid = one(rng, &[0x8100, 0x8100, 0x88a8, 0x9100, 0x9200]);
        layers.push(Vlan { ethertype: None, ..Vlan::tagged(tpid, rng.random()) }.into());
    }
    match rng.random_range(0..20) {
        0..=2 => mpls(rng, &mut layers),
        3..=5 => layers.push(pppoe(rng).into()),
        6 if chance(rng, 50) => layers.push(snap(rng).into()),
        _ => {}
    }
    layers.extend(internet::packet(rng, addresses, 0));
    layers
}

fn mpls(rng: &mut StdRng, layers: &mut Vec<Layer>) {
    let count = if chance(rng, 20) { rng.random_range(15..19) } else { rng.random_range(1..4) };
    for _ in 0..count {
        let bottom = chance(rng, 2).then(|| rng.random());
        layers.push(Mpls { bottom, ..Mpls::new(rng.random_range(0..1 << 20)) }.into());
    }
    if chance(rng, 5) {
        layers.push(vec![0; 4].into());
    }
}

fn pppoe(rng: &mut StdRng) -> Pppoe {
    let mut header = Pppoe::new();
    if chance(rng, 5) {
        header.version_type = one(rng, &[0x11, 0x12, 0x21, 0x10]);
    }
    if chance(rng, 5) {
        header.code = rng.random();
    }
    if chance(rng, 10) {
        header.length = Some(rng.random());
    }
    if chance(rng, 40) {
        let protocols: [&[u8]; 10] = [
            &[0x21],
            &[0x57],
            &[0, 0x21],
            &[0, 0x57],
            &[0x3d],
            &[0, 0x3d],
            &[0xc0, 0x21],
            &[0x2d],
            &[0, 0x2f],
            &[0x80, 0x57],
        ];
        header.protocol = Some(one(rng, &protocols).to_vec());
    }
    header
}

fn snap(rng: &mut StdRng) -> Snap {
    let mut header = Snap::new();
    if chance(rng, 20) {
        header.llc[rng.random_range(0..3)] = rng.random();
    }
    if chance(rng, 10) {
        header.oui[rng.random_range(0..3)] = rng.random();
    }
    if chance(rng, 20) {
        header.ethertype = Some(one(rng, &[0x0800, 0x86dd, 0x0806, 0x8100]));
    }
    header
}
