//! Random frames under many policies, both directions: the packet path and the golden model must agree on every one.
//!
//! `GATE25_SEED=N` (default 25, `random` for one of the clock) and `GATE25_FRAMES=N` (default 1,000,000) choose the
//! frames; the seed is printed. A difference prints the frame, both answers and the policy's seed.

use std::collections::BTreeMap;
use std::time::{SystemTime, UNIX_EPOCH};

use gate25_include::image::Image;
use gate25_tests::differential::{image, model, path, report, short_fault};
use gate25_tests::generate::{self, Frames};
use gate25_tests::golden::{Captured, Direction, Policy, Reason};
use gate25_tests::{catalogue, golden};

/// A new policy after that many frames.
const FRAMES_PER_POLICY: u64 = 20_000;
/// No more than that many differences are printed.
const MOST_PRINTED: usize = 25;

fn number(name: &str, default: u64) -> u64 {
    match std::env::var(name) {
        Err(_) => default,
        Ok(text) if text == "random" => {
            u64::try_from(SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_nanos() % 1_000_000_007).unwrap()
        }
        Ok(text) => text.parse().unwrap_or_else(|_| panic!("{name}={text:?}: expected a number or \"random\"")),
    }
}

#[derive(Default)]
struct Tally {
    frames: u64,
    differences: Vec<String>,
    reasons: BTreeMap<&'static str, u64>,
    rejects: u64,
}

impl Tally {
    fn compare(&mut self, policy: &Policy, image: &Image, frame: &[u8]) {
        for direction in [Direction::Outbound, Direction::Inbound] {
            let by_model = model(Some(policy), direction, Captured::whole(frame));
            let by_path = path(Some(image), direction, frame, frame.len());
            self.frames += 1;
            *self.reasons.entry(by_model.reason()).or_default() += 1;
            self.rejects += u64::from(by_model.is_answered());
            if by_model != by_path {
                self.differences.push(report(direction, frame, frame.len(), &by_model, &by_path));
            }
        }
    }

    fn compare_short(&mut self, policy: &Policy, image: &Image, frame: &[u8], captured: usize) {
        for direction in [Direction::Outbound, Direction::Inbound] {
            self.frames += 1;
            let by_path = path(Some(image), direction, &frame[..captured], frame.len());
            *self.reasons.entry(by_path.reason()).or_default() += 1;
            self.differences.extend(short_fault(policy, image, direction, frame, captured));
        }
    }

    fn assert_none(&self, seed: u64) {
        println!("seed {seed}: {} frames compared, {} answered, {:?}", self.frames, self.rejects, self.reasons);
        let shown = &self.differences[..self.differences.len().min(MOST_PRINTED)];
        assert!(shown.is_empty(), "seed {seed}: {} differ:\n{}", self.differences.len(), shown.join("\n"));
    }
}

/// Frames under the catalogue's policy first, then under random ones.
fn run(seed: u64, frames: u64, short: bool) -> Tally {
    let seeds: Vec<Vec<u8>> = catalogue::vectors().into_iter().map(|vector| vector.frame).collect();
    let mut tally = Tally::default();
    for round in 0..frames.div_ceil(FRAMES_PER_POLICY) {
        let policy_seed = seed.wrapping_mul(1_000_003).wrapping_add(round);
        let policy = if round == 0 { catalogue::policy() } else { generate::policy(policy_seed) };
        let image = image(&policy);
        let before = tally.differences.len();
        let mut source = Frames::new(policy_seed, &policy, seeds.clone());
        for _ in 0..FRAMES_PER_POLICY.min(frames) / 2 {
            let frame = source.next_frame();
            if short {
                let captured = source.captured(frame.len());
                tally.compare_short(&policy, &image, &frame, captured);
            } else {
                tally.compare(&policy, &image, &frame);
            }
        }
        for text in &mut tally.differences[before..] {
            text.push_str(&format!("\n  policy round {round} of seed {seed}"));
        }
        if tally.differences.len() >= MOST_PRINTED {
            break;
        }
    }
    tally
}

#[test]
fn path_and_model_agree_on_random_frames() {
    let seed = number("GATE25_SEED", 25);
    let tally = run(seed, number("GATE25_FRAMES", 1_000_000), false);
    tally.assert_none(seed);
    for reason in golden::Reason::ALL {
        if !matches!(reason, Reason::NoPolicy | Reason::NotCaptured) {
            assert!(tally.reasons.contains_key(reason.name()), "no random frame ended as {}", reason.name());
        }
    }
    assert!(tally.rejects > 0, "no random frame was answered");
}

#[test]
fn path_and_model_agree_on_frames_captured_short() {
    let seed = number("GATE25_SEED", 25);
    let tally = run(seed, number("GATE25_FRAMES", 1_000_000) / 5, true);
    tally.assert_none(seed);
    assert!(tally.reasons.contains_key("not_captured"));
}
