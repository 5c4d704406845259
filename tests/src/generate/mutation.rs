//! Spoils a frame: flipped bits, telling values, lengths off by one, pieces cut out, doubled or put in.
//! The front of a frame is hit most, and behind the Ethernet header, so that the damage is read.

use rand::RngExt;
use rand::rngs::StdRng;

use super::one;

/// The frame with one to four things changed.
#[must_use]
pub fn mutate(rng: &mut StdRng, mut frame: Vec<u8>) -> Vec<u8> {
    for _ in 0..rng.random_range(1..=4) {
        mutate_once(rng, &mut frame);
    }
    frame
}

fn mutate_once(rng: &mut StdRng, frame: &mut Vec<u8>) {
    if frame.is_empty() {
        frame.push(rng.random());
        return;
    }
    // Headers stand in front: two thirds of the changes go there.
    let reach = if rng.random_ratio(2, 3) { frame.len().min(100) } else { frame.len() };
    let mut at = rng.random_range(0..reach);
    if at < 14 && rng.random_ratio(4, 5) {
        // The Ethernet header decides too early.
        at = (at + 14).min(frame.len() - 1);
    }
    match rng.random_range(0..10) {
        0..=2 => frame[at] ^= 1 << rng.random_range(0..8),
        3..=4 => frame[at] = one(rng, &[0, 1, 4, 6, 17, 25, 41, 43, 44, 47, 51, 59, 60, 64, 127, 128, 254, 255]),
        5 => frame[at] = frame[at].wrapping_add(one(rng, &[1, 255, 8, 248])),
        6 => frame.truncate(at),
        7 => {
            let end = (at + rng.random_range(1..9)).min(frame.len());
            frame.drain(at..end);
        }
        8 => {
            let end = (at + one(rng, &[2, 4, 8, 20, 40])).min(frame.len());
            let piece = frame[at..end].to_vec();
            frame.splice(at..at, piece);
        }
        _ => {
            let count = rng.random_range(1..9);
            frame.splice(at..at, (0..count).map(|_| rng.random()).collect::<Vec<u8>>());
        }
    }
}
