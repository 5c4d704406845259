//! A burst gives each frame the verdict it gets alone, whatever stands beside it: the model judges each frame.
//! Bursts of every size up to 64, mixed of all kinds of frames.

use gate25_tests::catalogue;
use gate25_tests::differential::{image, model, path_burst, report};
use gate25_tests::generate::{self, Frames};
use gate25_tests::golden::{Captured, Direction};

#[test]
fn bursts_of_every_size_agree_with_the_model() {
    let seeds: Vec<Vec<u8>> = catalogue::vectors().into_iter().map(|vector| vector.frame).collect();
    for round in 0..20 {
        let policy = if round == 0 { catalogue::policy() } else { generate::policy(1000 + round) };
        let image = image(&policy);
        let mut source = Frames::new(round, &policy, seeds.clone());
        for size in 0..=64 {
            let frames: Vec<Vec<u8>> = (0..size).map(|_| source.next_frame()).collect();
            let slices: Vec<&[u8]> = frames.iter().map(Vec::as_slice).collect();
            for direction in [Direction::Outbound, Direction::Inbound] {
                let answers = path_burst(Some(&image), direction, &slices);
                assert_eq!(answers.len(), size);
                for (frame, by_path) in frames.iter().zip(answers) {
                    let by_model = model(Some(&policy), direction, Captured::whole(frame));
                    let text = || report(direction, frame, frame.len(), &by_model, &by_path);
                    assert_eq!(by_path, by_model, "round {round}, burst of {size}\n{}", text());
                }
            }
        }
    }
}

#[test]
fn golden_vectors_in_one_burst() {
    let policy = catalogue::policy();
    let image = image(&policy);
    let vectors: Vec<_> = catalogue::vectors().into_iter().filter(|vector| vector.wire_len.is_none()).collect();
    for burst in vectors.chunks(64) {
        let frames: Vec<&[u8]> = burst.iter().map(|vector| vector.frame.as_slice()).collect();
        for direction in [Direction::Outbound, Direction::Inbound] {
            for (vector, by_path) in burst.iter().zip(path_burst(Some(&image), direction, &frames)) {
                let by_model = model(Some(&policy), direction, Captured::whole(&vector.frame));
                assert_eq!(by_path, by_model, "{} {direction:?}", vector.name);
            }
        }
    }
}

#[test]
fn a_burst_without_a_policy_passes() {
    let frames = catalogue::vectors();
    let slices: Vec<&[u8]> = frames.iter().take(64).map(|vector| vector.frame.as_slice()).collect();
    for answer in path_burst(None, Direction::Outbound, &slices) {
        assert_eq!(answer.reason(), "no_policy");
    }
}
