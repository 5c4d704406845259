//! Random upper layers: TCP near port 25, UDP, tunnels with a packet in them, other protocols.
//! Candidates are frequent, every flag occurs; tunnels nest up to four levels, twice what is looked into.

use rand::RngExt;
use rand::rngs::StdRng;

use super::{Addresses, chance, internet, one};
use crate::frames::{Gre, Gtp, Layer, Slice, Tcp, Udp};

/// What an IP header carries.
pub(super) struct Upper {
    pub(super) layers: Vec<Layer>,
    /// A tunnel: worth addressing to an end of ours.
    pub(super) carrier: bool,
}

/// Upper layers inside `level` carriers; more than four are not built.
pub(super) fn upper(rng: &mut StdRng, addresses: &Addresses, level: usize) -> Upper {
    let tunnel = level < 4 && chance(rng, if level == 0 { 40 } else { 45 });
    if tunnel {
        return Upper { layers: carried(rng, addresses, level + 1), carrier: true };
    }
    let layers = match rng.random_range(0..20) {
        0 => vec![Udp::to(one(rng, &[25, 53, 2152])).into(), vec![0; rng.random_range(0..30)].into()],
        1 => vec![vec![0; rng.random_range(0..30)].into()],
        _ => tcp(rng),
    };
    Upper { layers, carrier: chance(rng, 15) }
}

fn tcp(rng: &mut StdRng) -> Vec<Layer> {
    // To port 25 or from it, seldom both.
    let other = |rng: &mut StdRng| one(rng, &[40025, 40025, 40025, 25, 587, 465, 26, 6400]);
    let (source, destination) = match rng.random_range(0..10) {
        0..=5 => (other(rng), 25),
        6..=7 => (25, other(rng)),
        _ => (other(rng), other(rng)),
    };
    let flags = if chance(rng, 20) {
        rng.random()
    } else {
        one(rng, &[0x02, 0x02, 0x02, 0xc2, 0x12, 0x12, 0x10, 0x18, 0x04, 0x03])
    };
    let mut segment = Tcp::segment(source, destination, flags);
    (segment.sequence, segment.acknowledgment) = (rng.random(), rng.random());
    if chance(rng, 20) {
        segment.options = vec![1; rng.random_range(0..40)];
    }
    if chance(rng, 8) {
        segment.offset = Some(rng.random_range(0..16));
    }
    let data = if chance(rng, 50) { 0 } else { rng.random_range(0..60) };
    let whole: Vec<Layer> = vec![segment.into(), vec![0x55; data].into()];
    if chance(rng, 6) { vec![Slice::first(rng.random_range(0..24), whole).into()] } else { whole }
}

/// A packet in a tunnel header.
fn carried(rng: &mut StdRng, addresses: &Addresses, level: usize) -> Vec<Layer> {
    let packet = internet::packet(rng, addresses, level);
    let mut layers: Vec<Layer> = Vec::new();
    match rng.random_range(0..10) {
        0..=4 => {}
        5..=6 => layers.push(gre(rng).into()),
        _ => {
            let port = if chance(rng, 95) { 2152 } else { rng.random() };
            layers.push(Udp { length: chance(rng, 10).then(|| rng.random()), ..Udp::to(port) }.into());
            layers.push(gtp(rng).into());
        }
    }
    layers.extend(packet);
    if chance(rng, 4) {
        return vec![Slice::first(rng.random_range(0..80), layers).into()];
    }
    layers
}

fn gre(rng: &mut StdRng) -> Gre {
    let mut header = Gre::new(one(rng, &[0, 0x8000, 0x2000, 0x1000, 0xb000, 0x3000, 0x0800]));
    if chance(rng, 10) {
        header.flags = rng.random();
    }
    if chance(rng, 5) {
        header.protocol = Some(one(rng, &[0x0800, 0x86dd, 0x6558, 0x880b]));
    }
    header
}

fn gtp(rng: &mut StdRng) -> Gtp {
    let mut header = Gtp::flagged(one(rng, &[0, 0, 1, 2, 3, 4, 6, 7]));
    if chance(rng, 5) {
        header.flags = rng.random();
    }
    if chance(rng, 5) {
        header.message = rng.random();
    }
    if header.flags & 4 != 0 {
        for _ in 0..one(rng, &[0, 1, 1, 2, 3, 20]) {
            let body = vec![1; rng.random_range(1..12)];
            header.extensions.push((one(rng, &[0x85, 0xc0, 0x40, 0x20]), body));
        }
    }
    if chance(rng, 5) {
        header.next = Some(rng.random());
    }
    header
}
