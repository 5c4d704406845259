//! `gate25 replay` over the catalogue: policy file and captures in, every line of verdicts, every frame that would
//! leave a port and every count as the catalogue's hand-derived expectations say.
#![forbid(unsafe_code)]

mod replaying;

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use gate25_control::capture::Capture;
use gate25_control::replay::{Arguments, Ending};
use gate25_tests::captures::{START, policy_toml};
use gate25_tests::catalogue::{Vector, Verdict, policy};
use gate25_tests::golden::Direction;
use replaying::{Folder, GROUPS, judged, replay};
use serde_json::{Value, json};

/// Time stamp, length on the wire and bytes of each packet.
fn packets(file: &Path) -> Vec<(u64, u32, Vec<u8>)> {
    let mut capture = Capture::open(file).unwrap();
    let mut packets = Vec::new();
    while let Some(frame) = capture.read().unwrap() {
        packets.push((frame.time, frame.wire_len, frame.bytes.to_vec()));
    }
    packets
}

fn verdict(vector: &Vector) -> &'static str {
    match vector.expect.verdict {
        Verdict::Pass => "pass",
        Verdict::Drop => "drop",
        Verdict::Reject(_) => "reject",
    }
}

fn direction(vector: &Vector) -> &'static str {
    if vector.direction == Direction::Outbound { "outbound" } else { "inbound" }
}

#[test]
fn every_line_of_verdicts_is_the_catalogues() {
    let vectors = judged();
    let folder = Folder::of(&vectors);
    replay(&folder.arguments()).unwrap();
    let text = fs::read_to_string(folder.path("verdicts.ndjson")).unwrap();
    assert_eq!(text.lines().count(), vectors.len());
    for ((n, vector), line) in (1..).zip(&vectors).zip(text.lines()) {
        let string = |value: Option<&str>| value.map_or("null".to_owned(), |value| format!("{value:?}"));
        let expected = format!(
            r#"{{"n":{n},"direction":"{}","verdict":"{}","reason":"{}","pool":{},"line":{}}}"#,
            direction(vector),
            verdict(vector),
            vector.expect.reason.name(),
            string(vector.expect.pool),
            string(vector.expect.line),
        );
        assert_eq!(line, expected, "{}: {}", vector.name, vector.shows);
    }
}

#[test]
fn what_leaves_each_port_is_what_passes_and_the_answers_in_place() {
    let vectors = judged();
    let folder = Folder::of(&vectors);
    replay(&folder.arguments()).unwrap();
    let (mut access, mut network) = (Vec::new(), Vec::new());
    let mut number = [0; 2];
    for vector in &vectors {
        let number = &mut number[usize::from(vector.direction == Direction::Inbound)];
        *number += 1;
        let time = START + *number * 1_000_000;
        let frame = (time, vector.wire_len.unwrap_or(vector.frame.len()) as u32, vector.frame.clone());
        match (&vector.expect.verdict, vector.direction) {
            (Verdict::Pass, Direction::Outbound) => network.push(frame),
            (Verdict::Pass, Direction::Inbound) => access.push(frame),
            (Verdict::Drop, _) => {}
            (Verdict::Reject(answer), _) => access.push((time, answer.len() as u32, answer.clone())),
        }
    }
    assert!(access.len() > 20 && network.len() > 100);
    for (name, expected) in [("out/access.pcap", access), ("out/network.pcap", network)] {
        let found = packets(&folder.path(name));
        let differs = found.iter().zip(&expected).position(|(found, expected)| found != expected);
        assert_eq!((differs, found.len()), (None, expected.len()), "{name}");
    }
    assert_eq!(folder.names("out"), ["access.pcap", "network.pcap"]);
    assert_eq!(folder.names(""), ["access.pcap", "network.pcap", "out", "policy.toml", "verdicts.ndjson"]);
}

#[test]
fn every_count_is_the_catalogues() {
    let vectors = judged();
    let folder = Folder::of(&vectors);
    let given = replay(&folder.arguments()).unwrap();
    let count = |matches: &dyn Fn(&Vector) -> bool| vectors.iter().filter(|vector| matches(vector)).count();
    for name in ["outbound", "inbound"] {
        let packets = count(&|one| direction(one) == name);
        assert_eq!(given.summary["packets"][name], packets);
        let reasons = given.summary["reasons"][name].as_object().unwrap();
        assert_eq!(reasons.len(), 24);
        for (reason, found) in reasons {
            let expected = count(&|one| direction(one) == name && one.expect.reason.name() == reason);
            assert_eq!(found, expected, "{name} {reason}");
        }
        assert_eq!(reasons.values().map(|found| found.as_u64().unwrap()).sum::<u64>(), packets as u64);
    }
    for name in ["pass", "drop", "reject"] {
        assert_eq!(given.summary["verdicts"][name], count(&|one| verdict(one) == name), "{name}");
    }
    for (name, found) in given.summary["inbound_read"].as_object().unwrap() {
        assert_eq!(found, count(&|one| one.expect.apart == Some(name)), "{name}");
    }
    let mut pools: BTreeMap<&str, BTreeMap<&str, u64>> = BTreeMap::new();
    for vector in &vectors {
        if let Some(pool) = vector.expect.pool {
            *pools.entry(pool).or_default().entry(vector.expect.reason.name()).or_default() += 1;
        }
    }
    let found = given.summary["pools"].as_array().unwrap();
    let found: BTreeMap<&str, &Value> =
        found.iter().map(|pool| (pool["name"].as_str().unwrap(), &pool["reasons"])).collect();
    assert_eq!(json!(found), json!(pools));
}

#[test]
fn not_captured_ends_with_3_and_a_cut_capture_with_1() {
    let short = judged();
    assert!(short.iter().any(|one| one.expect.reason.name() == "not_captured"));
    let folder = Folder::of(&short);
    let given = replay(&folder.arguments()).unwrap();
    assert_eq!((given.ending, given.ending.exit_code()), (Ending::NotCaptured, 3));
    let whole: Vec<_> = short.into_iter().filter(|one| one.expect.reason.name() != "not_captured").collect();
    let folder = Folder::of(&whole);
    let given = replay(&folder.arguments()).unwrap();
    assert_eq!((given.ending, given.ending.exit_code()), (Ending::Judged, 0));
    assert!(given.talk.contains("pool \"share-0\" enforces for share = 0"), "{}", given.talk);
    assert!(given.talk.lines().all(|line| line.starts_with("warning: ")), "{}", given.talk);
    let mut cut = fs::read(folder.path("access.pcap")).unwrap();
    cut.truncate(cut.len() - 1);
    folder.write("access.pcap", &cut);
    let given = replay(&folder.arguments()).unwrap();
    assert_eq!((given.ending, given.ending.exit_code()), (Ending::CaptureEnded, 1));
    let (access, network) = (&given.summary["packets"]["outbound"], &given.summary["packets"]["inbound"]);
    let packets = |name| whole.iter().filter(|one| direction(one) == name).count();
    assert_eq!((access, network), (&json!(packets("outbound") - 1), &json!(packets("inbound"))));
    assert!(given.talk.contains(&format!("access.pcap: packet {} at byte ", packets("outbound"))), "{}", given.talk);
    assert_eq!(given.summary["errors"].as_array().unwrap().len(), 1);
}

#[test]
fn no_output_is_written_over_a_capture_and_none_is_left_half_done() {
    let folder = Folder::of(&judged()[..3]);
    let before = fs::read(folder.path("access.pcap")).unwrap();
    let error = |arguments: &Arguments| replay(arguments).err().unwrap().to_string();
    let over = Arguments { out: Some(folder.0.clone()), ..folder.arguments() };
    assert!(error(&over).ends_with("access.pcap is a capture that is read here; write to another file"));
    let over = Arguments { verdicts: Some(folder.path("network.pcap")), ..folder.arguments() };
    assert!(error(&over).contains("network.pcap is a capture that is read here"));
    let nowhere = Arguments { verdicts: Some(folder.path("no/such/v.ndjson")), ..folder.arguments() };
    assert!(error(&nowhere).contains("no/such/v.ndjson: No such file or directory"));
    fs::create_dir(folder.path("folder")).unwrap();
    let place = Arguments { verdicts: Some(folder.path("folder")), ..folder.arguments() };
    assert!(error(&place).contains("/folder: is a directory; check the path"), "{}", error(&place));
    fs::remove_dir(folder.path("folder")).unwrap();
    let file = Arguments { out: Some(folder.path("policy.toml")), ..folder.arguments() };
    assert!(error(&file).contains("cannot write "));
    let missing = Arguments { access: Some(folder.path("nothing.pcap")), ..folder.arguments() };
    assert!(error(&missing).contains("nothing.pcap: packet 1 at byte 0: cannot open the file"));
    folder.write("bad.toml", "schema = 1\n[[pool]]\nname = \"A\"\n");
    let bad = Arguments { policy: folder.path("bad.toml"), ..folder.arguments() };
    assert!(error(&bad).contains("bad.toml:3:8: name \"A\" is not allowed"));
    assert_eq!(fs::read(folder.path("access.pcap")).unwrap(), before);
    assert_eq!(folder.names(""), ["access.pcap", "bad.toml", "network.pcap", "policy.toml"]);
}

#[test]
fn outputs_take_the_place_of_those_of_the_last_time() {
    let vectors = judged();
    let folder = Folder::of(&vectors);
    replay(&folder.arguments()).unwrap();
    folder.write("out/notes.txt", "mine");
    folder.write("out/access.pcap", "old");
    replay(&folder.arguments()).unwrap();
    assert!(packets(&folder.path("out/access.pcap")).len() > 1);
    assert_eq!(folder.names("out"), ["access.pcap", "network.pcap", "notes.txt"]);
}

#[test]
fn one_capture_is_enough_and_numbers_run_on() {
    let vectors = judged();
    let folder = Folder::of(&vectors);
    let network = Arguments { access: None, ..folder.arguments() };
    replay(&network).unwrap();
    let text = fs::read_to_string(folder.path("verdicts.ndjson")).unwrap();
    assert!(text.starts_with(r#"{"n":1,"direction":"inbound","#));
    assert_eq!(packets(&folder.path("out/network.pcap")), []);
    let access = Arguments { network: None, ..folder.arguments() };
    replay(&access).unwrap();
    let text = fs::read_to_string(folder.path("verdicts.ndjson")).unwrap();
    assert!(text.starts_with(r#"{"n":1,"direction":"outbound","#));
}

#[test]
fn against_counts_exactly_the_packets_that_flip() {
    let vectors = judged();
    let folder = Folder::of(&vectors);
    let mut other = policy();
    let monitored = other.pools.iter_mut().find(|pool| pool.name == "dynamic").unwrap();
    monitored.stage = gate25_tests::golden::Stage::Monitor;
    folder.write("other.toml", policy_toml(&other, &GROUPS));
    let mut arguments = folder.arguments();
    arguments.against = Some(folder.path("other.toml"));
    let against = &replay(&arguments).unwrap().summary["against"];
    let flips: Vec<_> =
        vectors.iter().filter(|one| one.expect.pool == Some("dynamic") && verdict(one) != "pass").collect();
    let mut lines: Vec<_> = flips.iter().map(|one| one.expect.line).collect();
    lines.sort_unstable();
    lines.dedup();
    assert!(flips.len() > 50);
    assert_eq!(
        (&against["stopped"], &against["released"], &against["otherwise"]),
        (&json!(0), &json!(flips.len()), &json!(0))
    );
    let expected = json!([{
        "name": "dynamic",
        "stopped": { "packets": 0, "lines": 0 },
        "released": { "packets": flips.len(), "lines": lines.len() },
    }]);
    assert_eq!(against["pools"], expected);
    for change in against["changes"].as_array().unwrap() {
        let to = if change["from"]["reason"] == "return_blocked" { "return_would_drop" } else { "would_drop" };
        assert_eq!(change["to"], json!({ "verdict": "pass", "reason": to, "pool": "dynamic" }));
        let of_reason = flips.iter().filter(|one| one.expect.reason.name() == change["from"]["reason"]);
        assert_eq!(change["packets"], of_reason.clone().count());
        let first = vectors.iter().position(|one| one.name == of_reason.clone().next().unwrap().name).unwrap() + 1;
        assert_eq!(change["examples"][0]["n"], first);
    }
    arguments.against = Some(folder.path("policy.toml"));
    let against = &replay(&arguments).unwrap().summary["against"];
    assert_eq!(against["changes"], json!([]));
}

#[test]
fn the_time_decides_what_is_in_force() {
    let vectors = judged();
    let folder = Folder::of(&vectors);
    let text = "schema = 1\n[[pool]]\nname = \"dynamic\"\nprefixes = [\"203.0.113.0/24\"]\nstage = \"enforce\"\n\
                enforce_from = 2027-01-15T08:00:00Z\n";
    folder.write("policy.toml", text);
    let stopped = |at| {
        let arguments = Arguments { at: Some(at), ..folder.arguments() };
        replay(&arguments).unwrap().summary["reasons"]["outbound"]["blocked"].as_u64().unwrap()
    };
    assert_eq!(stopped(1_799_999_999), 0);
    assert!(stopped(1_800_000_000) > 0);
}

#[test]
fn nanoseconds_in_nanoseconds_out() {
    let folder = Folder::of(&judged()[..1]);
    let mut file = fs::read(folder.path("access.pcap")).unwrap();
    file[..4].copy_from_slice(&0xa1b2_3c4d_u32.to_le_bytes());
    file[28..32].copy_from_slice(&7_u32.to_le_bytes());
    folder.write("access.pcap", file);
    replay(&folder.arguments()).unwrap();
    for name in ["out/access.pcap", "out/network.pcap"] {
        assert_eq!(fs::read(folder.path(name)).unwrap()[..4], 0xa1b2_3c4d_u32.to_le_bytes(), "{name}");
    }
    let times: Vec<_> =
        ["out/access.pcap", "out/network.pcap"].iter().flat_map(|name| packets(&folder.path(name))).collect();
    assert!(times.iter().all(|packet| packet.0 == START + 7), "{times:?}");
}
