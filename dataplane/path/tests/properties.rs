//! Properties that hold for every frame: arbitrary bytes, structured frames, and structured frames that were broken.

mod common;

use std::sync::LazyLock;

use common::choices::Choices;
use common::policy;
use common::*;
use gate25_include::counters::{Effect, Reason};
use gate25_include::image::Image;
use gate25_path::burst::{Form, judge_burst_by};
use gate25_path::reject::{MAX_ANSWER, build};
use gate25_path::walk::{Silent, Step};
use gate25_path::{Action, Direction, Frame, Verdict, judge, judge_burst, judge_frame};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::FileFailurePersistence;

static IMAGE: LazyLock<Image> = LazyLock::new(policy::image);
const BOTH: [Direction; 2] = [Direction::Outbound, Direction::Inbound];

fn verdict(direction: Direction, frame: &[u8]) -> Verdict {
    judge(Some(&IMAGE), direction, frame)
}

/// Arbitrary bytes, or a frame that is whole or broken.
fn frames() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        1 => vec(any::<u8>(), 0..2000),
        4 => choices().prop_map(|c| Choices(&c).frame()),
        4 => choices().prop_map(|c| Choices(&c).broken_frame()),
    ]
}

fn choices() -> impl Strategy<Value = Vec<u8>> {
    vec(any::<u8>(), 0..96)
}

/// An IP packet whose lengths are consistent.
fn packets() -> impl Strategy<Value = Vec<u8>> {
    choices().prop_map(|c| Choices(&c).packet(0))
}

/// An IPv4 packet, mostly without options.
fn ipv4_packets() -> impl Strategy<Value = Vec<u8>> {
    choices().prop_map(|c| Choices(&c).packet4(0))
}

/// What the link layer cannot change. An answer is given up under MPLS, never a drop.
fn essence(verdict: Verdict) -> (Reason, Option<u16>, Option<gate25_path::Line>) {
    (verdict.reason, verdict.pool, verdict.line)
}

/// Finds are kept in a file that is read first in every run; PROPTEST_CASES asks for more than 4,000 cases.
fn config() -> ProptestConfig {
    let kept = FileFailurePersistence::Direct("tests/properties.regressions");
    let default = ProptestConfig::default();
    let cases = default.cases.max(4000);
    ProptestConfig { cases, max_global_rejects: cases, failure_persistence: Some(Box::new(kept)), ..default }
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn the_burst_gives_the_verdicts_of_single_frames(frames in vec(frames(), 0..100)) {
        let slices: Vec<&[u8]> = frames.iter().map(Vec::as_slice).collect();
        for direction in BOTH {
            let mut verdicts = vec![Verdict::pass(Reason::NoPolicy); frames.len()];
            judge_burst(Some(&IMAGE), direction, &slices, &mut verdicts);
            for form in [Form::Scalar, Form::Avx2] {
                let mut other = vec![Verdict::pass(Reason::NoPolicy); frames.len()];
                judge_burst_by(form, Some(&IMAGE), direction, &slices, &mut other);
                prop_assert_eq!(&other, &verdicts, "{:?}", form);
            }
            for (frame, burst) in frames.iter().zip(verdicts) {
                prop_assert_eq!(burst, verdict(direction, frame));
            }
        }
    }

    #[test]
    fn a_verdict_is_of_one_piece(frame in frames()) {
        for direction in BOTH {
            let verdict = verdict(direction, &frame);
            prop_assert!(verdict.reason != Reason::NotCaptured && verdict.reason != Reason::NoPolicy);
            prop_assert_eq!(verdict.action == Action::Pass, verdict.reason.effect() == Effect::Pass);
            prop_assert_eq!(verdict.pool.is_some(), verdict.reason.pool_counter().is_some());
            prop_assert_eq!(verdict.line.is_some(), verdict.pool.is_some() && verdict.reason != Reason::Exempt);
            prop_assert!(verdict.action != Action::Reject || verdict.reason == Reason::Blocked);
            prop_assert!(verdict.inbound_read.is_none() || verdict.reason == Reason::Inbound);
            let inbound = matches!(verdict.reason, Reason::Inbound | Reason::ReturnBlocked | Reason::ReturnWouldDrop);
            prop_assert_eq!(inbound, direction == Direction::Inbound);
        }
    }

    #[test]
    fn what_is_to_be_answered_can_be_and_nothing_overruns(frame in frames()) {
        let mut answer = [0; MAX_ANSWER];
        let len = build(Frame::whole(&frame), &mut answer);
        if verdict(Direction::Outbound, &frame).action == Action::Reject {
            prop_assert!(len.is_some());
        }
        prop_assert!(len.is_none_or(|len| (60..=MAX_ANSWER).contains(&len)));
    }

    #[test]
    fn an_observer_changes_nothing(frame in frames()) {
        for direction in BOTH {
            let mut last = None;
            let told = judge_frame(Some(&IMAGE), direction, Frame::whole(&frame), &mut |step| last = Some(step));
            prop_assert_eq!(told, verdict(direction, &frame));
            prop_assert_eq!(last, Some(Step::Judged(told)));
        }
    }

    #[test]
    fn a_short_capture_gives_the_same_verdict_or_not_captured(frame in frames(), part in 0.0..1.0) {
        let captured = &frame[..(frame.len() as f64 * part) as usize];
        for direction in BOTH {
            let short = Frame::captured(captured, frame.len());
            let short = judge_frame(Some(&IMAGE), direction, short, &mut Silent);
            let whole = verdict(direction, &frame);
            // Where no list is asked, the far end need not have been captured.
            let without_far = Verdict { far: 0, ..whole };
            prop_assert!([whole, without_far, Verdict::pass(Reason::NotCaptured)].contains(&short));
        }
    }

    #[test]
    fn tags_change_nothing(packet in packets(), tags in vec(0usize..4, 0..9)) {
        let tags: Vec<u16> = tags.into_iter().map(|i| [0x8100, 0x88a8, 0x9100, 0x9200][i]).collect();
        for direction in BOTH {
            let under = tagged(&tags, kind_of(&packet), &packet);
            prop_assert_eq!(verdict(direction, &under), verdict(direction, &frame(&packet)));
        }
    }

    #[test]
    fn pppoe_and_mpls_change_nothing(packet in packets(), one_byte in any::<bool>(), labels in 1usize..17) {
        let protocol: &[u8] = if kind_of(&packet) == 0x86dd { &[0, 0x57] } else { &[0, 0x21] };
        for direction in BOTH {
            let plain = verdict(direction, &frame(&packet));
            let session = ethernet(0x8864, &pppoe(&protocol[usize::from(one_byte)..], &packet));
            prop_assert_eq!(verdict(direction, &session), plain);
            let labelled = ethernet(0x8847, &mpls(labels, &packet));
            prop_assert_eq!(essence(verdict(direction, &labelled)), essence(plain));
        }
    }

    #[test]
    fn padding_changes_nothing(packet in packets(), padding in vec(any::<u8>(), 0..64)) {
        for direction in BOTH {
            let padded = [frame(&packet), padding.clone()].concat();
            prop_assert_eq!(verdict(direction, &padded), verdict(direction, &frame(&packet)));
        }
    }

    #[test]
    fn no_operation_options_change_nothing(packet in ipv4_packets(), words in 1usize..11) {
        prop_assume!(packet[0] == 0x45);
        let mut with = [&packet[..20], &vec![1; words * 4], &packet[20..]].concat();
        with[0] += words as u8;
        with[2..4].copy_from_slice(&(packet.len() as u16 + words as u16 * 4).to_be_bytes());
        for direction in BOTH {
            prop_assert_eq!(verdict(direction, &frame(&with)), verdict(direction, &frame(&packet)));
        }
    }

    #[test]
    fn the_link_layers_addresses_matter_to_the_answer_only(packet in packets(), macs in any::<[u8; 12]>()) {
        let mut other = frame(&packet);
        other[..12].copy_from_slice(&macs);
        prop_assert_eq!(essence(verdict(Direction::Outbound, &other)), essence(verdict(Direction::Outbound, &frame(&packet))));
    }
}

#[test]
fn structured_frames_reach_every_reason() {
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let mut seen = std::collections::HashSet::new();
    for _ in 0..60_000 {
        let frame = frames().new_tree(&mut runner).expect("frame").current();
        for direction in BOTH {
            seen.insert(verdict(direction, &frame).reason);
        }
    }
    let missing: Vec<_> = Reason::ALL.iter().filter(|reason| !seen.contains(reason)).collect();
    assert_eq!(missing, [&Reason::NoPolicy, &Reason::NotCaptured]);
}

#[test]
fn burst_slices_may_differ_in_length_and_exceed_a_burst() {
    let frame = frame(&v4(&policy::a4("enforce"), policy::MX, TCP).around(&tcp(1025, 25, SYN)));
    let frames = vec![frame.as_slice(); 150];
    let mut verdicts = vec![Verdict::pass(Reason::NoPolicy); 140];
    judge_burst(Some(&IMAGE), Direction::Outbound, &frames, &mut verdicts);
    assert!(verdicts.iter().all(|verdict| verdict.reason == Reason::Blocked));
    judge_burst(Some(&IMAGE), Direction::Outbound, &frames[..70], &mut verdicts);
    judge_burst(None, Direction::Outbound, &frames[..70], &mut verdicts);
    assert!(verdicts[..70].iter().all(|verdict| verdict.reason == Reason::NoPolicy));
    assert!(verdicts[70..].iter().all(|verdict| verdict.reason == Reason::Blocked));
    judge_burst(Some(&IMAGE), Direction::Outbound, &[], &mut verdicts);
}
