//! Every named golden vector through the packet path, compared with the model (which is compared with the hand-written
//! expectations in `catalogue.rs`); then everything one step away from a vector: each truncation, each flipped bit.

use gate25_include::image::Image;
use gate25_tests::catalogue::{self, Vector};
use gate25_tests::differential::{image, model, path, report};
use gate25_tests::golden::{Captured, Direction, Policy};

/// Bits are flipped in that many bytes: Ethernet, tags, two IP headers and more.
const FLIPPED: usize = 160;

struct Judges {
    policy: Policy,
    image: Image,
    differences: Vec<String>,
}

impl Judges {
    fn new() -> Self {
        let policy = catalogue::policy();
        Self { image: image(&policy), policy, differences: Vec::new() }
    }

    /// Received on the other port too: what a vector does not name is compared all the same.
    fn compare(&mut self, vector: &Vector, frame: &[u8], wire_len: usize) {
        for direction in [Direction::Outbound, Direction::Inbound] {
            let policy = (!vector.no_policy).then_some(&self.policy);
            let image = (!vector.no_policy).then_some(&self.image);
            let by_model = model(policy, direction, Captured::short(frame, wire_len));
            let by_path = path(image, direction, frame, wire_len);
            if by_model != by_path {
                let text = report(direction, frame, wire_len, &by_model, &by_path);
                self.differences.push(format!("{} ({}): {text}", vector.name, vector.shows));
            }
        }
    }

    fn assert_none(&self) {
        let shown = &self.differences[..self.differences.len().min(20)];
        assert!(shown.is_empty(), "{} differ:\n{}", self.differences.len(), shown.join("\n"));
    }
}

#[test]
fn the_path_agrees_on_every_golden_vector() {
    let mut judges = Judges::new();
    for vector in catalogue::vectors() {
        judges.compare(&vector, &vector.frame, vector.wire_len.unwrap_or(vector.frame.len()));
    }
    judges.assert_none();
}

#[test]
fn the_path_agrees_on_every_truncation_of_every_golden_vector() {
    let mut judges = Judges::new();
    for vector in catalogue::vectors() {
        for length in 0..vector.frame.len() {
            judges.compare(&vector, &vector.frame[..length], length);
        }
    }
    judges.assert_none();
}

#[test]
fn the_path_agrees_on_every_flipped_bit_of_every_golden_vector() {
    let mut judges = Judges::new();
    for vector in catalogue::vectors().into_iter().filter(|vector| vector.wire_len.is_none()) {
        let mut frame = vector.frame.clone();
        for bit in 0..frame.len().min(FLIPPED) * 8 {
            frame[bit / 8] ^= 1 << (bit % 8);
            judges.compare(&vector, &frame, frame.len());
            frame[bit / 8] ^= 1 << (bit % 8);
        }
    }
    judges.assert_none();
}
