//! The program `gate25 replay` and `gate25 explain --frame`: lines as they are printed, streams and exit codes.
#![forbid(unsafe_code)]

mod common;

use std::process::{Command, Output};

use common::Folder;

const POLICY: &str = "schema = 1
[[pool]]
name = \"flets-east\"
prefixes = [\"203.0.113.0/24\", \"2001:db8:100::/40\"]
stage = \"enforce\"
action = \"reject\"
allow = [\"own-mail\"]
[[exempt]]
name = \"static-ip\"
prefixes = [\"203.0.113.200/32\"]
[[destination]]
name = \"own-mail\"
prefixes = [\"192.0.2.25/32\"]
";

/// A SYN from port 40000 in hexadecimal.
fn syn4(source: &str, destination: &str, port: &str) -> String {
    format!(
        "020000000001020000000002 0800 45000028000040004006 0000 {source} {destination} 9c40{port} 01020304 00000000 5002fff0 0000 0000"
    )
}

fn syn6() -> String {
    "020000000001020000000002 86dd 6000000000140640 20010db8010000010000000000000007 20010db8000f00000000000000000025 \
     9c400019 01020304 00000000 5002fff0 0000 0000"
        .into()
}

fn bytes(hex: &str) -> Vec<u8> {
    let digits: Vec<char> = hex.chars().filter(|digit| !digit.is_whitespace()).collect();
    digits.chunks(2).map(|pair| u8::from_str_radix(&pair.iter().collect::<String>(), 16).unwrap()).collect()
}

/// A pcap with these frames, each cut to at most `snap` bytes.
fn pcap(frames: &[Vec<u8>], snap: usize) -> Vec<u8> {
    let mut file = bytes("d4c3b2a1 0200 0400 00000000 00000000 00000400 01000000");
    for frame in frames {
        let captured = &frame[..frame.len().min(snap)];
        for word in [1_800_000_000, 0, captured.len() as u32, frame.len() as u32] {
            file.extend(word.to_le_bytes());
        }
        file.extend(captured);
    }
    file
}

const DYNAMIC: &str = "cb007107";
const STATIC: &str = "cb0071c8";
const FOREIGN: &str = "c6336419";
const OWN: &str = "c0000219";

fn access() -> Vec<Vec<u8>> {
    let frames = [
        syn4(DYNAMIC, FOREIGN, "0019"),
        syn4(DYNAMIC, OWN, "0019"),
        syn4(STATIC, FOREIGN, "0019"),
        syn4(DYNAMIC, FOREIGN, "01bb"),
        syn6(),
        "ffffffffffff020000000002 0806 0001".into(),
    ];
    frames.iter().map(|frame| bytes(frame)).collect()
}

/// SYN and ACK from port 25.
fn network() -> Vec<Vec<u8>> {
    let mut frame = bytes(&syn4(FOREIGN, DYNAMIC, "9c41"));
    frame[34..36].copy_from_slice(&[0, 25]);
    frame[47] = 0x12;
    vec![frame]
}

fn folder(snap: usize) -> Folder {
    let folder = Folder::new(POLICY);
    folder.write("access.pcap", &pcap(&access(), snap));
    folder.write("network.pcap", &pcap(&network(), snap));
    folder
}

fn gate25(folder: &Folder, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_gate25")).args(arguments).current_dir(folder.path()).output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

const REPLAY: &[&str] = &["replay", "--policy", "policy.toml", "--at", "2027-01-15T17:00:00+09:00"];
const BOTH: &[&str] = &["--access", "access.pcap", "--network", "network.pcap"];

#[test]
fn a_line_for_each_packet_and_a_table_for_all() {
    let folder = folder(usize::MAX);
    let output = gate25(&folder, &[REPLAY, BOTH, &["--verdicts", "v.ndjson", "--out", "out"]].concat());
    assert_eq!((output.status.code(), text(&output.stderr)), (Some(0), String::new()));
    let verdicts = std::fs::read_to_string(folder.path().join("v.ndjson")).unwrap();
    let expected = r#"{"n":1,"direction":"outbound","verdict":"reject","reason":"blocked","pool":"flets-east","line":"203.0.113.7"}
{"n":2,"direction":"outbound","verdict":"pass","reason":"allowed_destination","pool":"flets-east","line":"203.0.113.7"}
{"n":3,"direction":"outbound","verdict":"pass","reason":"exempt","pool":"static-ip","line":null}
{"n":4,"direction":"outbound","verdict":"pass","reason":"other_port","pool":null,"line":null}
{"n":5,"direction":"outbound","verdict":"reject","reason":"blocked","pool":"flets-east","line":"2001:db8:100:1::/64"}
{"n":6,"direction":"outbound","verdict":"pass","reason":"not_ip","pool":null,"line":null}
{"n":7,"direction":"inbound","verdict":"drop","reason":"return_blocked","pool":"flets-east","line":"203.0.113.7"}
"#;
    assert_eq!(verdicts, expected);
    let expected = "policy.toml at 2027-01-15T08:00:00Z
                                    outbound     inbound
packets                                    6           1
  pass                                     4           0
  drop                                     0           1
  reject                                   2           0
reason
  not_ip                                   1           0
  other_port                               1           0
  exempt                                   1           0
  allowed_destination                      1           0
  blocked                                  2           0
  return_blocked                           0           1
pool flets-east
  allowed_destination                      1
  blocked                                  2
  return_blocked                           1
exempt static-ip
  exempt                                   1
";
    assert_eq!(text(&output.stdout), expected);
    let leaves = std::fs::read(folder.path().join("out/access.pcap")).unwrap();
    assert_eq!(leaves.len(), 24 + 2 * 16 + 60 + 74, "two answers and nothing else");
}

#[test]
fn exit_codes() {
    let whole = folder(usize::MAX);
    let code = |folder: &Folder, arguments: &[&str]| gate25(folder, &[REPLAY, arguments].concat()).status.code();
    assert_eq!(code(&whole, BOTH), Some(0));
    assert_eq!(code(&whole, &[]), Some(2), "neither access nor network");
    assert_eq!(code(&whole, &["--access", "none.pcap"]), Some(1));
    assert_eq!(code(&whole, &["--access", "policy.toml"]), Some(1));
    let short = folder(40);
    let output = gate25(&short, &[REPLAY, BOTH].concat());
    assert_eq!(output.status.code(), Some(3));
    assert!(text(&output.stdout).contains("\n  not_captured "), "{}", text(&output.stdout));
    assert!(text(&output.stderr).contains("captured too short"), "{}", text(&output.stderr));
    let mut cut = pcap(&access(), usize::MAX);
    cut.truncate(cut.len() - 1);
    whole.write("access.pcap", &cut);
    let output = gate25(&whole, &[REPLAY, BOTH, &["--json"]].concat());
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stderr).starts_with("gate25: access.pcap: packet 6 at byte "), "{}", text(&output.stderr));
    assert!(text(&output.stdout).contains("\"outbound\": 5"), "what came before is counted");
}

#[test]
fn explain_tells_the_walk_of_a_frame_and_of_a_packet() {
    let folder = folder(usize::MAX);
    let at = ["--policy", "policy.toml", "--at", "2027-01-15T08:00:00Z"];
    let frame = syn4(DYNAMIC, FOREIGN, "0019");
    let by_frame = gate25(&folder, &[&["explain", "--frame", &frame][..], &at].concat());
    let expected = "outbound frame of 54 bytes, at 2027-01-15T08:00:00Z
  at 0: Ethernet, type 0x0800
  at 14: IPv4 203.0.113.7 to 198.51.100.25, protocol 6, header 20, total 40
  at 34: TCP port 40000 to port 25, flags 0x02
  read: TCP
  subscriber 203.0.113.7: pool \"flets-east\" by 203.0.113.0/24 (policy.toml:4:13)
  far side 198.51.100.25: in no destination group
  line 203.0.113.7: place 77 of 100, share 100, stage enforce
  verdict: reject, blocked
reject: blocked, flets-east, line 203.0.113.7
  Dropped: to port 25 out of an enforced pool.
";
    assert_eq!(text(&by_frame.stdout), expected);
    let by_packet = gate25(&folder, &[&["explain", "--pcap", "access.pcap", "--packet", "1"][..], &at].concat());
    assert_eq!(text(&by_packet.stdout), expected);
    assert_eq!(by_packet.status.code(), Some(0));
    let inbound = ["explain", "--pcap", "network.pcap", "--packet", "1", "--direction", "inbound"];
    let inbound = gate25(&folder, &[&inbound[..], &at].concat());
    assert!(text(&inbound.stdout).ends_with(
        "drop: return_blocked, flets-east, line 203.0.113.7\n  Dropped: an answer from port 25 to an enforced pool.\n"
    ));
    let beyond = gate25(&folder, &[&["explain", "--pcap", "access.pcap", "--packet", "7"][..], &at].concat());
    assert_eq!(beyond.status.code(), Some(1));
    assert_eq!(text(&beyond.stderr), "access.pcap has 6 packets, there is no packet 7; ask for 1 to 6\n");
    assert_eq!(gate25(&folder, &["explain", "203.0.113.7"]).status.code(), Some(2));
    assert_eq!(gate25(&folder, &["explain", "--pcap", "access.pcap"]).status.code(), Some(2));
}

#[test]
fn against_shows_what_flips() {
    let folder = folder(usize::MAX);
    folder.write("off.toml", POLICY.replace("\"enforce\"", "\"monitor\"").as_bytes());
    let output = gate25(&folder, &[REPLAY, BOTH, &["--against", "off.toml"]].concat());
    assert_eq!(output.status.code(), Some(0));
    let released =
        "warning: newly releases 100.0 % of IPv4 pool space (255 of 255 addresses), more than max_flip_percent = 25";
    assert!(text(&output.stderr).starts_with(released), "{}", text(&output.stderr));
    let expected = "
against off.toml: 0 packets newly stopped, 3 newly released
  flets-east: 0 stopped (0 lines), 3 released (2 lines)
     packets   lines  change
           2       2  reject blocked flets-east → pass would_drop flets-east; packets 1 (203.0.113.7), 5 (2001:db8:100:1::/64)
           1       1  drop return_blocked flets-east → pass return_would_drop flets-east; packets 7 (203.0.113.7)
";
    assert!(text(&output.stdout).ends_with(expected), "{}", text(&output.stdout));
    let output = gate25(&folder, &[REPLAY, BOTH, &["--against", "policy.toml"]].concat());
    assert!(text(&output.stdout).ends_with("\nagainst policy.toml: no packet is judged otherwise\n"));
}
