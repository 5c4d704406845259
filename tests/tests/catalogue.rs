//! The golden model against the expectations written by hand, vector by vector.
//! It also holds the table together: unique names, every reason, every counter beside the verdict.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use gate25_tests::catalogue::{Expect, Vector, Verdict, policy, vectors};
use gate25_tests::golden::{Action, Captured, Direction, Policy, Reason, judge_captured};
use ipnet::IpNet;

/// "IPv6 lines as RFC 5952 text with /length, IPv4 lines bare".
fn line_text(line: IpNet) -> String {
    match line {
        IpNet::V4(line) => line.addr().to_string(),
        IpNet::V6(line) => line.to_string(),
    }
}

/// The model's answer in the form of an expectation, and whether it is the one expected.
fn difference(policy: &Policy, vector: &Vector) -> Option<String> {
    let frame = match vector.wire_len {
        Some(wire_len) => Captured::short(&vector.frame, wire_len),
        None => Captured::whole(&vector.frame),
    };
    let verdict = judge_captured((!vector.no_policy).then_some(policy), vector.direction, frame);
    let Expect { reason, verdict: expected, pool, line, apart } = &vector.expect;
    let action = match verdict.action {
        Action::Pass => Verdict::Pass,
        Action::Drop => Verdict::Drop,
        Action::Reject(answer) => Verdict::Reject(answer),
    };
    let got_pool = verdict.pool.map(|pool| policy.pools[pool].name.as_str());
    let got_line = verdict.line.map(line_text);
    let same = *reason == verdict.reason
        && *expected == action
        && *pool == got_pool
        && *line == got_line.as_deref()
        && *apart == verdict.apart;
    if same {
        return None;
    }
    let mut text = format!("{} ({}), {:?}\n  frame ", vector.name, vector.shows, vector.direction);
    for byte in &vector.frame {
        write!(text, "{byte:02x}").unwrap();
    }
    write!(text, "\n  hand  {expected:?} {} {pool:?} {line:?} {apart:?}", reason.name()).unwrap();
    write!(text, "\n  model {action:?} {} {got_pool:?} {got_line:?} {:?}", verdict.reason.name(), verdict.apart)
        .unwrap();
    Some(text)
}

#[test]
fn the_model_agrees_with_every_hand_written_expectation() {
    let policy = policy();
    let differences: Vec<String> = vectors().iter().filter_map(|vector| difference(&policy, vector)).collect();
    assert!(differences.is_empty(), "{} differ:\n{}", differences.len(), differences.join("\n"));
}

#[test]
fn every_reason_is_reached_by_a_named_vector() {
    let reached: BTreeSet<Reason> = vectors().iter().map(|vector| vector.expect.reason).collect();
    let missing: Vec<_> = Reason::ALL.iter().filter(|reason| !reached.contains(reason)).collect();
    assert!(missing.is_empty(), "no vector ends as {missing:?}");
}

#[test]
fn every_counter_beside_the_verdict_is_reached() {
    let reached: BTreeSet<&str> = vectors().iter().filter_map(|vector| vector.expect.apart).collect();
    let all = ["inbound_malformed", "inbound_not_read", "inbound_tags_limit", "inbound_undetermined"];
    assert_eq!(reached, BTreeSet::from(all));
}

#[test]
fn names_are_unique_and_there_are_enough() {
    let vectors = vectors();
    let names: BTreeSet<&str> = vectors.iter().map(|vector| vector.name).collect();
    assert_eq!(names.len(), vectors.len());
    assert!(vectors.len() >= 250, "{} vectors", vectors.len());
    let inbound = vectors.iter().filter(|vector| vector.direction == Direction::Inbound).count();
    println!("{} vectors, {inbound} of them inbound", vectors.len());
}
