//! `gate25 explain` of a frame: every vector of the catalogue ends in its verdict, and the walk says which header
//! stands where, which prefix matched, and where in the policy it is written.
#![forbid(unsafe_code)]

mod replaying;

use std::fmt::Write as _;

use gate25_control::explain::{Ground, Which};
use gate25_control::replay::Rules;
use gate25_control::supervise::origins;
use gate25_path::Direction;
use gate25_tests::golden;
use replaying::{Folder, judged};
use serde_json::Value;

fn explain(folder: &Folder, which: &Which, direction: Direction, json: bool) -> Result<String, String> {
    let rules = Rules::load(&folder.path("policy.toml"), 1_800_000_000, None).unwrap();
    let effective = rules.policy.at(rules.at);
    let places = |source, destination| Some(origins(&effective, source, destination));
    let ground = Ground { image: Some(&rules.image), at: rules.at, origins: &places };
    let mut out = Vec::new();
    which.explain(&ground, direction, json, &mut out).map_err(|error| error.to_string())?;
    Ok(String::from_utf8(out).unwrap())
}

fn of_frame(folder: &Folder, frame: &[u8]) -> Result<String, String> {
    let mut hex = String::new();
    frame.iter().for_each(|byte| write!(hex, "{byte:02x} ").unwrap());
    explain(folder, &Which { frame: Some(hex), pcap: None, packet: None }, Direction::Outbound, false)
}

fn of_packet(folder: &Folder, file: &str, packet: u64) -> Result<String, String> {
    let direction = if file == "network.pcap" { Direction::Inbound } else { Direction::Outbound };
    explain(folder, &Which { frame: None, pcap: Some(folder.path(file)), packet: Some(packet) }, direction, true)
}

#[test]
fn every_packet_of_the_catalogue_ends_in_its_verdict() {
    let vectors = judged();
    let folder = Folder::of(&vectors);
    let mut number = [0; 2];
    for vector in &vectors {
        let inbound = vector.direction == golden::Direction::Inbound;
        number[usize::from(inbound)] += 1;
        let file = if inbound { "network.pcap" } else { "access.pcap" };
        let told = of_packet(&folder, file, number[usize::from(inbound)]).unwrap();
        let told: Value = serde_json::from_str(&told).unwrap();
        let (expect, name) = (&vector.expect, vector.name);
        assert_eq!(told["reason"], expect.reason.name(), "{name}");
        assert_eq!(told["pool"].as_str(), expect.pool, "{name}");
        assert_eq!(told["line"].as_str(), expect.line, "{name}");
        assert!(told["steps"].as_array().unwrap().len() > 1 || vector.frame.len() < 14, "{name}");
    }
}

#[test]
fn the_walk_names_offsets_prefixes_and_places() {
    let vectors = judged();
    let folder = Folder::of(&vectors);
    let frame_of = |name: &str| &vectors.iter().find(|one| one.name == name).unwrap().frame;
    let text = of_frame(&folder, frame_of("dynamic-own-mail-v6")).unwrap();
    let policy = folder.path("policy.toml");
    let policy = policy.display();
    let (dynamic, own_mail) = (written_at(&folder, "2001:db8:100::/40"), written_at(&folder, "2001:db8:25::/64"));
    let expected = format!(
        "outbound frame of 74 bytes, at 2027-01-15T08:00:00Z
  at 0: Ethernet, type 0x86dd
  at 14: IPv6 2001:db8:100:1::7 to 2001:db8:25::25, next header 6, payload 20
  at 54: TCP port 40025 to port 25, flags 0x02
  read: TCP
  subscriber 2001:db8:100:1::7: pool \"dynamic\" by 2001:db8:100::/40 ({policy}:{dynamic})
  far side 2001:db8:25::25: destination \"own-mail\" by 2001:db8:25::/64 ({policy}:{own_mail})
  verdict: pass, allowed_destination
pass: allowed_destination, dynamic, line 2001:db8:100:1::/64
  To port 25 of a destination that the pool allows.
"
    );
    assert_eq!(text, expected);
    let text = of_frame(&folder, frame_of("dynamic-foreign-25-v4")).unwrap();
    assert!(text.contains("far side 198.51.100.25: in no destination group\n"), "{text}");
    assert!(text.contains("line 203.0.113.7: place "), "{text}");
    assert!(
        text.ends_with("drop: blocked, dynamic, line 203.0.113.7\n  Dropped: to port 25 out of an enforced pool.\n")
    );
    let text = of_frame(&folder, frame_of("static-foreign-25-v4")).unwrap();
    assert!(text.contains("subscriber 203.0.113.200: exempt \"static\" by 203.0.113.200/32 ("), "{text}");
}

/// Line and column of a prefix in policy.toml.
fn written_at(folder: &Folder, prefix: &str) -> String {
    let text = std::fs::read_to_string(folder.path("policy.toml")).unwrap();
    let quoted = format!("\"{prefix}\"");
    let (line, column) = (1..).zip(text.lines()).find_map(|(n, line)| Some((n, line.find(&quoted)? + 1))).unwrap();
    format!("{line}:{column}")
}

#[test]
fn what_is_not_there_is_said() {
    let vectors = judged();
    let folder = Folder::of(&vectors);
    let packets = vectors.iter().filter(|one| one.direction == golden::Direction::Inbound).count();
    assert!(of_packet(&folder, "network.pcap", packets as u64).is_ok());
    let error = of_packet(&folder, "network.pcap", packets as u64 + 1).unwrap_err();
    assert!(
        error.ends_with(&format!("has {packets} packets, there is no packet {}; ask for 1 to {packets}", packets + 1))
    );
    let hex = Which { frame: Some("02:0x".into()), pcap: None, packet: None };
    let error = explain(&folder, &hex, Direction::Outbound, false).unwrap_err();
    assert!(error.starts_with("'x' at position 5 of the frame is no hexadecimal digit"), "{error}");
}
