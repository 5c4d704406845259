//! The programs themselves: exit codes, the two streams, signals, and what they say when something is wrong.
#![forbid(unsafe_code)]

mod double;

use std::path::Path;
use std::process::{Child, Command, Output, Stdio};

use double::{Double, Manner, Scratch, wait_for};
use serde_json::Value;

const GOOD: &str = "schema = 1\n[[pool]]\nname = \"east\"\nprefixes = [\"203.0.113.0/24\"]\n";

/// A daemon, killed when the test ends.
struct Daemon(Child);

impl Daemon {
    fn start(scratch: &Scratch) -> Daemon {
        let child = daemon(scratch).spawn().unwrap();
        let socket = scratch.path("run/bng1-control.sock");
        wait_for("control's socket", || std::os::unix::net::UnixStream::connect(&socket).is_ok());
        Daemon(child)
    }

    /// Asks it to stop; gives its exit code.
    fn stop(mut self) -> Option<i32> {
        let pid = rustix::process::Pid::from_child(&self.0);
        rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
        self.0.wait().unwrap().code()
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn daemon(scratch: &Scratch) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_gate25-control"));
    command.args(["--instance", "bng1", "--metrics", "127.0.0.1:0", "--run-dir"]).arg(scratch.path("run"));
    command.arg("--state-dir").arg(scratch.path("state")).stderr(Stdio::piped());
    command
}

fn gate25(scratch: &Scratch, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_gate25"));
    command.current_dir(scratch.path("")).args(["--instance", "bng1", "--run-dir", "run"]).args(arguments);
    command.output().unwrap()
}

/// Exit code, stdout, stderr.
fn run(scratch: &Scratch, arguments: &[&str]) -> (i32, String, String) {
    let output = gate25(scratch, arguments);
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
}

fn started(scratch: &Scratch) -> (Double, Daemon) {
    let dataplane = Double::start(&scratch.socket(), Manner::Good);
    let daemon = Daemon::start(scratch);
    wait_for("connection", || {
        let output = gate25(scratch, &["show", "status", "--json"]);
        let status: Value = serde_json::from_slice(&output.stdout).unwrap_or_default();
        status["control"]["dataplane"]["up"] == true
    });
    (dataplane, daemon)
}

#[test]
fn check_says_all_that_is_wrong_a_line_each_and_exits_1() {
    let scratch = Scratch::new();
    scratch.write("good.toml", GOOD);
    let (code, out, talk) = run(&scratch, &["check", "good.toml"]);
    assert_eq!((code, out.lines().count()), (0, 2), "{out}");
    assert!(talk.starts_with("ok: 1 prefixes"), "{talk}");
    scratch.write("bad.toml", &format!("{GOOD}colour = 1\nstage = \"on\"\n"));
    let (code, out, talk) = run(&scratch, &["check", "bad.toml"]);
    assert_eq!((code, out.as_str(), talk.lines().count()), (1, "", 2), "{talk}");
    assert!(talk.lines().all(|line| line.starts_with("bad.toml:")), "{talk}");
    let (code, out, _) = run(&scratch, &["check", "bad.toml", "--json"]);
    let said: Value = serde_json::from_str(&out).unwrap();
    assert_eq!((code, said["ok"].as_bool(), said["errors"].as_array().unwrap().len()), (1, Some(false), 2));
    assert_eq!((&said["errors"][0]["line"], &said["errors"][0]["column"]), (&5.into(), &1.into()));
    let (_, out, _) = run(&scratch, &["check", "good.toml", "--json"]);
    let said: Value = serde_json::from_str(&out).unwrap();
    assert_eq!((said["ok"].as_bool(), said["summary"]["source_prefixes"].as_u64()), (Some(true), Some(1)));
}

#[test]
fn exit_codes_are_those_that_help_lists() {
    let scratch = Scratch::new();
    scratch.write("good.toml", GOOD);
    scratch.write("bad.toml", "schema = 2\n");
    let code = |arguments: &[&str]| run(&scratch, arguments).0;
    let (_, help, _) = run(&scratch, &["--help"]);
    for line in ["0  done", "1  refused", "2  wrong usage", "4  the dataplane", "5  a guard rail"] {
        assert!(help.contains(line), "{help}");
    }
    for usage in [&["frobnicate"][..], &[], &["apply"], &["show", "everything"], &["check", "a", "b"]] {
        assert_eq!(code(usage), 2, "{usage:?}");
    }
    for wrong in [["--instance", "UPPER", "show", "status"], ["apply", "good.toml", "--confirm", "never"]] {
        assert_eq!(code(&wrong), 2, "{wrong:?}");
    }
    let unreachable = [
        &["apply", "good.toml"][..],
        &["show", "status"],
        &["show", "pools"],
        &["history"],
        &["confirm"],
        &["rollback"],
    ];
    for command in unreachable {
        let (code, out, talk) = run(&scratch, command);
        assert_eq!((code, out.as_str(), talk.lines().count()), (4, "", 1), "{command:?}: {talk}");
        assert!(talk.contains("is gate25-dataplane running") || talk.contains("is it running"), "{talk}");
    }
    let (_dataplane, _daemon) = started(&scratch);
    assert_eq!(code(&["apply", "bad.toml"]), 1);
    assert_eq!(code(&["rollback"]), 1);
    assert_eq!(code(&["confirm"]), 1);
    assert_eq!(code(&["apply", "good.toml", "--comment", "first evening"]), 0);
    scratch.write("enforce.toml", &format!("{GOOD}stage = \"enforce\"\n"));
    assert_eq!(code(&["apply", "enforce.toml"]), 5);
    assert_eq!(code(&["apply", "enforce.toml", "--force", "announced"]), 0);
    assert_eq!(code(&["show", "pools"]), 0);
    let (code, out, _) = run(&scratch, &["history"]);
    assert_eq!((code, out.lines().count()), (0, 3));
    assert!(out.contains("first evening") && out.contains("announced"), "{out}");
}

#[test]
fn apply_is_read_with_the_rights_of_who_typed_it_and_names_are_kept() {
    let scratch = Scratch::new();
    scratch.write("lists/east.txt", "203.0.113.0/24\n");
    let policy = "schema = 1\n[[pool]]\nname = \"east\"\nprefix_files = [\"lists/east.txt\"]\n";
    scratch.write("policy.toml", policy);
    let (_dataplane, _daemon) = started(&scratch);
    let (code, out, talk) = run(&scratch, &["apply", "policy.toml"]);
    assert_eq!(code, 0, "{talk}");
    assert!(out.starts_with("generation 1, digest ") && out.contains("every worker runs it"), "{out}");
    let (code, out, _) = run(&scratch, &["explain", "203.0.113.9", "198.51.100.1"]);
    let file = scratch.path("lists/east.txt").display().to_string();
    assert_eq!(code, 0);
    assert!(out.contains("pass (would_drop)") && out.contains(&format!("{file}:1:1")), "{out}");
    let (_, out, _) = run(&scratch, &["explain", "--json", "198.51.100.1", "203.0.113.9", "--direction", "inbound"]);
    let said: Value = serde_json::from_str(&out).unwrap();
    assert_eq!(
        (&said["reason"], &said["answer_from_port_25"]["reason"]),
        (&"inbound".into(), &"return_would_drop".into())
    );
    assert_eq!((&said["origin"]["file"], &said["origin"]["line"]), (&file.into(), &1.into()));
}

#[test]
fn a_frame_is_explained_under_what_the_workers_run() {
    let scratch = Scratch::new();
    scratch.write("policy.toml", GOOD);
    // A SYN from 203.0.113.9 to 198.51.100.1 port 25.
    let frame = "020000000001020000000002080045000028000040004006000\
                 0cb007109c63364019c4000190102030400000000500200000000 0000";
    let explain = |scratch: &Scratch| run(scratch, &["explain", "--frame", frame]);
    assert_eq!(explain(&scratch).0, 4, "no dataplane");
    let (_dataplane, daemon) = started(&scratch);
    let (code, out, _) = explain(&scratch);
    assert_eq!(code, 0);
    assert!(out.contains("pass: no_policy\n"), "{out}");
    assert_eq!(run(&scratch, &["apply", "policy.toml"]).0, 0);
    let (_, out, talk) = explain(&scratch);
    let place = format!("pool \"east\" by 203.0.113.0/24 ({}:4:13)\n", scratch.path("policy.toml").display());
    assert!(out.contains(&place) && out.contains("pass: would_drop, east, line 203.0.113.9\n"), "{out}");
    assert_eq!(talk, "");
    daemon.stop();
    let (code, out, talk) = explain(&scratch);
    assert_eq!(code, 0, "the workers run on");
    assert!(out.contains("pool \"east\" by 203.0.113.0/24\n"), "{out}");
    assert!(talk.starts_with("places in the policy are not known: "), "{talk}");
}

#[test]
fn explain_offline_judges_at_the_time_asked_for() {
    let scratch = Scratch::new();
    let policy = format!("{GOOD}stage = \"enforce\"\nenforce_from = 2030-01-01T00:00:00Z\nshare = 0\n");
    let policy = policy
        .replace("share = 0", "allow = [\"own\"]\n[[destination]]\nname = \"own\"\nprefixes = [\"192.0.2.25/32\"]");
    scratch.write("policy.toml", &policy);
    let reason = |destination: &str, at: &str| {
        let arguments = ["explain", "203.0.113.9", destination, "--policy", "policy.toml", "--at", at, "--json"];
        let (code, out, talk) = run(&scratch, &arguments);
        assert_eq!(code, 0, "{talk}");
        serde_json::from_str::<Value>(&out).unwrap()["reason"].as_str().unwrap().to_owned()
    };
    assert_eq!(reason("198.51.100.1", "2029-12-31T23:59:59Z"), "would_drop");
    assert_eq!(reason("198.51.100.1", "2030-01-01T00:00:00Z"), "blocked");
    assert_eq!(reason("192.0.2.25", "2030-01-01T00:00:00Z"), "allowed_destination");
    assert_eq!(run(&scratch, &["explain", "203.0.113.9", "2001:db8::1", "--policy", "policy.toml"]).0, 1);
}

#[test]
fn control_stops_on_a_signal_and_two_do_not_run() {
    let scratch = Scratch::new();
    let (_dataplane, first) = started(&scratch);
    let second = daemon(&scratch).output().unwrap();
    let talk = String::from_utf8(second.stderr).unwrap();
    assert_eq!((second.status.code(), talk.lines().count()), (Some(1), 1), "{talk}");
    assert!(talk.contains("is in use by another gate25-control"), "{talk}");
    assert_eq!(first.stop(), Some(0));
    assert!(!scratch.path("run/bng1-control.sock").exists());
    let third = Daemon::start(&scratch);
    std::fs::remove_file(scratch.path("run/bng1-control.sock")).unwrap();
    assert_eq!(third.stop(), Some(0), "it stops also if its socket was removed");
}

#[test]
fn what_keeps_control_from_starting_is_one_line() {
    let scratch = Scratch::new();
    let fails = |command: &mut Command, code: i32, expected: &str| {
        let output = command.output().unwrap();
        let talk = String::from_utf8(output.stderr).unwrap();
        let last = talk.lines().last().unwrap_or_default();
        assert_eq!(output.status.code(), Some(code), "{talk}");
        assert!(talk.contains(expected), "{last}");
    };
    let state_is_a_file = scratch.write("file", "");
    fails(daemon(&scratch).arg("--state-dir").arg(&state_is_a_file), 2, "cannot be used multiple times");
    let fresh = |state: &Path, run: &Path, metrics: &str| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_gate25-control"));
        command.args(["--instance", "bng1", "--metrics", metrics, "--state-dir"]).arg(state).arg("--run-dir").arg(run);
        command
    };
    let (state, run_dir) = (scratch.path("state"), scratch.path("run"));
    fails(&mut fresh(&state_is_a_file, &run_dir, "127.0.0.1:0"), 1, "check the folder given as --state-dir");
    fails(&mut fresh(&state, &scratch.path("none"), "127.0.0.1:0"), 1, "make the folder given as --run-dir");
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    fails(&mut fresh(&state, &run_dir, &address), 1, "give another --metrics");
    fails(&mut fresh(&state, &run_dir, "9025"), 2, "--metrics");
}

#[test]
fn a_read_only_state_folder_refuses_commits_and_publishes_what_is_kept() {
    if !rustix::process::getuid().is_root() {
        return eprintln!("skipped: mounting a folder read-only needs root");
    }
    let scratch = Scratch::new();
    scratch.write("good.toml", GOOD);
    let (dataplane, first) = started(&scratch);
    assert_eq!(run(&scratch, &["apply", "good.toml"]).0, 0);
    assert_eq!(first.stop(), Some(0));
    drop(dataplane);
    let dataplane = Double::start(&scratch.socket(), Manner::Good);
    // In a mount namespace of its own: gone with the process.
    let script = "mount --bind \"$1\" \"$1\" && mount -o remount,ro,bind \"$1\" && shift && exec \"$@\"";
    let control = daemon(&scratch);
    let mut command = Command::new("unshare");
    command.args(["-m", "sh", "-c", script, "sh"]).arg(scratch.path("state")).arg(control.get_program());
    let _daemon = Daemon(command.args(control.get_args()).stderr(Stdio::null()).spawn().unwrap());
    wait_for("publishing", || dataplane.adopted() == [1]);
    scratch.write("two.toml", &format!("{GOOD}[[pool]]\nname = \"west\"\nprefixes = [\"198.51.100.0/24\"]\n"));
    let (code, _, talk) = run(&scratch, &["apply", "two.toml"]);
    assert_eq!(code, 1, "{talk}");
    assert!(talk.contains("Read-only file system") && talk.contains("mount it writable"), "{talk}");
    assert_eq!(dataplane.adopted(), [1]);
}

#[test]
fn a_full_disk_refuses_commits_and_the_policy_in_force_stays() {
    if !rustix::process::getuid().is_root() {
        return eprintln!("skipped: mounting a small disk needs root");
    }
    let scratch = Scratch::new();
    scratch.write("good.toml", GOOD);
    std::fs::create_dir_all(scratch.path("state")).unwrap();
    let dataplane = Double::start(&scratch.socket(), Manner::Good);
    // A disk of 256 KB in a mount namespace of its own: gone with the process.
    let script = "mount -t tmpfs -o size=256k none \"$1\" && shift && exec \"$@\"";
    let control = daemon(&scratch);
    let mut command = Command::new("unshare");
    command.args(["-m", "sh", "-c", script, "sh"]).arg(scratch.path("state")).arg(control.get_program());
    let _daemon = Daemon(command.args(control.get_args()).stderr(Stdio::null()).spawn().unwrap());
    wait_for("control", || run(&scratch, &["apply", "good.toml"]).0 == 0);
    let prefixes: String = (0..=255).flat_map(|a| (0..=255).map(move |b| format!("10.{a}.{b}.0/24\n"))).collect();
    scratch.write("big.txt", &prefixes);
    scratch.write("big.toml", &format!("{GOOD}prefix_files = [\"big.txt\"]\n"));
    let (code, out, talk) = run(&scratch, &["apply", "big.toml"]);
    assert_eq!((code, out.as_str(), talk.lines().count()), (1, "", 1), "{talk}");
    assert!(talk.contains("No space left on device") && talk.contains("free space there"), "{talk}");
    assert_eq!(dataplane.adopted(), [1]);
    assert_eq!(run(&scratch, &["history"]).1.lines().count(), 2);
    scratch.write("small.toml", &format!("{GOOD}share = 7\n"));
    assert_eq!(run(&scratch, &["apply", "small.toml"]).0, 0, "what was sent of the big one is gone again");
    assert_eq!(dataplane.adopted(), [1, 2]);
}
