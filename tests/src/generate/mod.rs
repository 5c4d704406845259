//! Random policies and frames from a seed: the same seed gives the same ones.
//!
//! Frames are of four kinds: built from layers and mostly right (`structured`), built and then spoilt (`mutate`),
//! golden vectors spoilt, and random bytes. Addresses come from the policy, so that the tables are hit.

mod addresses;
mod internet;
mod link;
mod mutation;
mod policies;
mod upper;

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

pub use addresses::Addresses;
pub use mutation::mutate;
pub use policies::policy;

use crate::frames::build;
use crate::golden::Policy;

/// Source of frames for one policy.
pub struct Frames {
    rng: StdRng,
    addresses: Addresses,
    seeds: Vec<Vec<u8>>,
}

impl Frames {
    /// Frames for `policy`; `seeds` are good frames to be spoilt.
    #[must_use]
    pub fn new(seed: u64, policy: &Policy, seeds: Vec<Vec<u8>>) -> Self {
        Self { rng: StdRng::seed_from_u64(seed), addresses: Addresses::of(policy), seeds }
    }

    /// The next frame.
    #[must_use]
    pub fn next_frame(&mut self) -> Vec<u8> {
        match self.rng.random_range(0..20) {
            0 if chance(&mut self.rng, 30) => self.random_bytes(),
            1..=3 if !self.seeds.is_empty() => {
                let seed = self.seeds[self.rng.random_range(0..self.seeds.len())].clone();
                mutate(&mut self.rng, seed)
            }
            5..=7 => {
                let frame = self.structured();
                mutate(&mut self.rng, frame)
            }
            _ => self.structured(),
        }
    }

    /// How many of the frame's bytes were captured, and how many it had: mostly all.
    #[must_use]
    pub fn captured(&mut self, length: usize) -> usize {
        self.rng.random_range(0..=length)
    }

    /// A frame of layers that is mostly right.
    #[must_use]
    pub fn structured(&mut self) -> Vec<u8> {
        let layers = link::layers(&mut self.rng, &self.addresses);
        let mut frame = build(&layers);
        match self.rng.random_range(0..20) {
            0 => frame.resize(frame.len().max(60), 0),
            1 => frame.resize(frame.len() + self.rng.random_range(1..20), 0xa5),
            2 => frame.truncate(self.rng.random_range(0..=frame.len())),
            _ => {}
        }
        frame
    }

    /// An IP packet without a link layer, mostly right.
    #[must_use]
    pub fn packet(&mut self) -> Vec<u8> {
        build(&internet::packet(&mut self.rng, &self.addresses, 0))
    }

    /// A number below `bound`, for the tests' own choices.
    #[must_use]
    pub fn below(&mut self, bound: usize) -> usize {
        self.rng.random_range(0..bound)
    }

    fn random_bytes(&mut self) -> Vec<u8> {
        let mut frame = vec![0; self.rng.random_range(0..200)];
        self.rng.fill(&mut frame[..]);
        let types = [[0x08, 0x00], [0x86, 0xdd], [0x81, 0x00], [0x88, 0x47], [0x88, 0x64]];
        if frame.len() > 14 && self.rng.random_ratio(3, 4) {
            frame[12..14].copy_from_slice(&types[self.rng.random_range(0..types.len())]);
            frame[14] = if frame[13] == 0xdd { 0x60 } else { 0x45 };
        }
        frame
    }
}

/// True in `percent` of the cases.
fn chance(rng: &mut StdRng, percent: u32) -> bool {
    rng.random_range(0..100) < percent
}

/// One of them.
fn one<T: Clone>(rng: &mut StdRng, of: &[T]) -> T {
    of[rng.random_range(0..of.len())].clone()
}
