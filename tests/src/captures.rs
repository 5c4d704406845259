//! The catalogue as an operator would have it: a policy file and two captures.

use std::fmt::Write as _;

use gate25_control::capture::{CapturedFrame, PcapWriter, Resolution};

use crate::catalogue::Vector;
use crate::golden::{Direction, Drop, Policy, Pool, Stage};

/// The policy as TOML, with `destinations` as the names of its groups.
#[must_use]
pub fn policy_toml(policy: &Policy, destinations: &[&str]) -> String {
    let mut out = "schema = 1\n".to_owned();
    for (index, pool) in policy.pools.iter().enumerate() {
        let prefixes: Vec<_> =
            policy.sources.iter().filter(|source| source.1 == index).map(|source| source.0).collect();
        let head = if pool.exempt { "exempt" } else { "pool" };
        let _ = write!(out, "\n[[{head}]]\nname = {:?}\nprefixes = {}\n", pool.name, list(&prefixes));
        if !pool.exempt {
            settings(&mut out, pool, destinations);
        }
    }
    for (index, name) in destinations.iter().enumerate() {
        let of_group = policy.destinations.iter().filter(|destination| destination.1 == index);
        let prefixes: Vec<_> = of_group.map(|destination| destination.0).collect();
        let _ = write!(out, "\n[[destination]]\nname = {name:?}\nprefixes = {}\n", list(&prefixes));
    }
    let _ = write!(out, "\n[[tunnel]]\nname = \"ends\"\nendpoints = {}\n", list(&policy.endpoints));
    out
}

fn settings(out: &mut String, pool: &Pool, destinations: &[&str]) {
    let stage = match pool.stage {
        Stage::Off => "off",
        Stage::Monitor => "monitor",
        Stage::Enforce => "enforce",
    };
    let action = if pool.action == Drop::Reject { "reject" } else { "drop" };
    let matching = if pool.match_all { "all" } else { "syn" };
    let undetermined = if pool.undetermined_pass { "pass" } else { "drop" };
    let names = |groups: &[usize]| list(&groups.iter().map(|group| destinations[*group]).collect::<Vec<_>>());
    let _ = write!(
        out,
        "stage = {stage:?}\naction = {action:?}\nmatch = {matching:?}\nundetermined = {undetermined:?}\n\
         share = {}\nline_prefix = {}\nreturn_traffic = {}\nallow = {}\n",
        pool.share,
        pool.line_prefix,
        pool.return_traffic,
        names(&pool.allow),
    );
    if let Some(only) = &pool.only {
        let _ = writeln!(out, "only = {}", names(only));
    }
}

fn list<T: ToString>(values: &[T]) -> String {
    format!("{:?}", values.iter().map(ToString::to_string).collect::<Vec<_>>())
}

/// The vectors of one direction as a pcap file with microseconds, one millisecond apart, in their order. A vector
/// that was captured short keeps its length on the wire.
#[must_use]
pub fn pcap_of<'a>(vectors: impl IntoIterator<Item = &'a Vector>, direction: Direction) -> Vec<u8> {
    let vectors = vectors.into_iter().filter(|vector| vector.direction == direction);
    pcap(vectors.map(|vector| (&vector.frame[..], vector.wire_len.unwrap_or(vector.frame.len()))))
}

/// Whole frames as such a file.
#[must_use]
pub fn pcap_of_frames(frames: &[Vec<u8>]) -> Vec<u8> {
    pcap(frames.iter().map(|frame| (&frame[..], frame.len())))
}

/// Bytes captured, and the length on the wire.
fn pcap<'a>(frames: impl Iterator<Item = (&'a [u8], usize)>) -> Vec<u8> {
    let mut writer = PcapWriter::new(Vec::new(), Resolution::Micro).expect("memory takes all");
    for (number, (bytes, wire_len)) in (1..).zip(frames) {
        let frame = CapturedFrame { number, time: START + number * 1_000_000, bytes, wire_len: wire_len as u32 };
        writer.write(&frame).expect("memory takes all");
    }
    writer.finish().expect("memory takes all")
}

/// Nanoseconds since 1970 of the time before the first packet.
pub const START: u64 = 1_800_000_000_000_000_000;
