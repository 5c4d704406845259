//! `gate25 replay --dataplane` over the catalogue: a real gate25-dataplane forwards, drops, answers and counts what
//! replay says; and when it does not, the packet and the counter are named.
#![forbid(unsafe_code)]

mod replaying;

use std::fs;
use std::path::PathBuf;
use std::sync::LazyLock;

use gate25_control::replay::{Arguments, Ending};
use gate25_tests::captures::pcap_of_frames;
use gate25_tests::catalogue::{Vector, policy, vectors};
use gate25_tests::generate::Frames;
use gate25_tests::programs::dataplane;
use replaying::{Folder, judged, replay};
use serde_json::json;

/// The program; none (and why) where DPDK is not installed.
fn program() -> Option<PathBuf> {
    static PROGRAM: LazyLock<Option<PathBuf>> = LazyLock::new(dataplane);
    PROGRAM.clone()
}

/// The vectors that were captured whole.
fn whole() -> Vec<Vector> {
    judged().into_iter().filter(|one| one.wire_len.is_none_or(|wire_len| wire_len == one.frame.len())).collect()
}

fn arguments(folder: &Folder, program: PathBuf) -> Arguments {
    Arguments { dataplane: Some(Some(program)), verdicts: None, out: None, ..folder.arguments() }
}

#[test]
fn the_dataplane_does_with_every_vector_what_replay_says() {
    let Some(program) = program() else { return };
    let vectors = whole();
    assert!(vectors.len() > 600);
    let folder = Folder::of(&vectors);
    let given = replay(&arguments(&folder, program)).unwrap();
    let report = &given.summary["dataplane"];
    assert_eq!(report["differences"], json!([]), "{}", given.talk);
    assert_eq!(given.ending, Ending::Judged);
    assert_eq!(report["frames"], vectors.len());
    let left =
        given.summary["verdicts"]["pass"].as_u64().unwrap() + given.summary["verdicts"]["reject"].as_u64().unwrap();
    assert_eq!(report["left"], left);
    // Two runs, both directions: 15 counters of the link and 24 reasons; 12 counters for each pool and exemption.
    let pools = policy().pools.len();
    assert_eq!(report["counters"], 2 * (2 * (15 + 24) + 12 * pools));
}

/// Frames as in the differential test, so that bursts of every mixture are judged, dropped and answered.
#[test]
fn the_dataplane_does_with_random_frames_what_replay_says() {
    let Some(program) = program() else { return };
    let folder = Folder::of(&[]);
    let seeds = vectors().into_iter().map(|vector| vector.frame).collect();
    let mut frames = Frames::new(25, &policy(), seeds);
    for name in ["access.pcap", "network.pcap"] {
        let frames: Vec<_> = std::iter::repeat_with(|| frames.next_frame()).take(RANDOM).collect();
        folder.write(name, pcap_of_frames(&frames));
    }
    let given = replay(&arguments(&folder, program)).unwrap();
    assert_eq!(given.summary["dataplane"]["differences"], json!([]), "{}", given.talk);
    assert_eq!(given.summary["dataplane"]["frames"], 2 * RANDOM);
    for reason in ["blocked", "undetermined_tiny", "undetermined_chain", "allowed_destination", "later_fragment"] {
        assert!(given.summary["reasons"]["outbound"][reason].as_u64() > Some(0), "no frame is {reason}");
    }
    assert!(given.summary["verdicts"]["reject"].as_u64() > Some(0));
}

/// Random frames for each direction.
const RANDOM: usize = 20_000;

/// A dataplane that is not what it should be: the real one behind a script that changes its input.
#[test]
fn a_dataplane_that_does_something_else_is_found_out() {
    let Some(program) = program() else { return };
    let vectors: Vec<_> = whole().into_iter().filter(|one| one.name.starts_with("dynamic-")).take(5).collect();
    let folder = Folder::of(&vectors);
    let script = |name: &str, body: &str| {
        let path = folder.path(name);
        // $2 is the configuration; the captures stand beside it.
        fs::write(
            &path,
            format!("#!/bin/sh\nin=$(dirname \"$2\")/in.pcap\n{body}\nexec {} \"$@\"\n", program.display()),
        )
        .unwrap();
        let executable = std::os::unix::fs::PermissionsExt::from_mode(0o755);
        fs::set_permissions(&path, executable).unwrap();
        path
    };
    let access = |program| Arguments { network: None, ..arguments(&folder, program) };
    // Another port in the first frame (dynamic-foreign-25-v4): at 24 + 16 + 14 + 20 + 3 of the file.
    let other = script("other-port", "printf '\\120' | dd of=\"$in\" bs=1 seek=77 conv=notrunc 2>/dev/null");
    let given = replay(&access(other)).unwrap();
    assert_eq!((given.ending, given.ending.exit_code()), (Ending::Differs, 1));
    let expected = [
        "packet 3 (allowed_destination): network.pcap has another frame, 54 bytes and not 54, different from byte 24 on",
        "outbound run, outbound forwarded_frames: the dataplane counts 4, replay 3",
        "outbound run, outbound blocked: the dataplane counts 1, replay 2",
        "outbound run, dynamic blocked: the dataplane counts 1, replay 2",
    ];
    for expected in expected {
        assert!(given.talk.contains(expected), "{} lacks {expected}", given.talk);
    }
    // Cut behind the file header: no frame comes.
    let nothing = script("nothing", "truncate -s 24 \"$in\"; exit 7");
    let error = replay(&access(nothing)).err().unwrap().to_string();
    assert!(error.ends_with("nothing ended with exit status: 7: nothing was said"), "{error}");
    let error = replay(&access("/nonexistent/dataplane".into())).err().unwrap().to_string();
    assert!(error.contains("/nonexistent/dataplane"), "{error}");
}

#[test]
fn packets_captured_short_are_refused_by_name() {
    let Some(program) = program() else { return };
    let folder = Folder::of(&judged());
    let error = replay(&arguments(&folder, program)).err().unwrap().to_string();
    assert!(error.contains("access.pcap: packet ") && error.contains(" was captured short ("), "{error}");
}
