//! The commands of an operator's day against a double of the dataplane: diff, show policy, who, history, rollback,
//! runtime, top, watch.
#![forbid(unsafe_code)]

#[path = "double/control.rs"]
mod control;
mod double;

use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use control::Control;
use double::{Double, Manner, Scratch, wait_for};
use gate25_control::api::{self, Apply, Reply, Request};
use gate25_control::config::format_time;
use gate25_control::supervise::now;
use gate25_include::counters::{LinkCounter, PoolCounter, WorkerCounter};
use gate25_include::telemetry::Direction;
use serde_json::Value;

const MONITOR: &str = "schema = 1\n[[pool]]\nname = \"east\"\nprefix_files = [\"lists/east.txt\"]\n";
const STATIC: &str = "[[exempt]]\nname = \"static\"\nprefixes = [\"203.0.113.7/32\"]\n";
const ANY_FLIP: &str = "[guard]\nmax_flip_percent = 100\n";

struct Bench {
    scratch: Scratch,
    dataplane: Double,
    control: Control,
}

impl Bench {
    fn new() -> Bench {
        let scratch = Scratch::new();
        let dataplane = Double::start(&scratch.socket(), Manner::Good);
        let control = Control::start(&scratch);
        wait_for("connection", || control.status().dataplane.up);
        scratch.write("lists/east.txt", "203.0.113.0/24\n2001:db8:100::/56\n");
        Bench { scratch, dataplane, control }
    }

    fn policy(&self, name: &str, text: &str) -> PathBuf {
        self.scratch.write(name, text)
    }

    fn apply(&self, text: &str) {
        let reply = self.control.try_apply(Apply::default(), &self.policy("policy.toml", text));
        let Reply::Applied(applied) = reply else { panic!("{reply:?}") };
        wait_for("view", || self.control.status().dataplane.generation == applied.generation);
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_gate25"));
        command.current_dir(self.scratch.path("")).args(["--instance", "bng1", "--run-dir", "run"]).args(arguments);
        command
    }

    /// Exit code, stdout, stderr.
    fn run(&self, arguments: &[&str]) -> (i32, String, String) {
        let output = self.command(arguments).output().unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap();
        (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
    }

    fn json(&self, arguments: &[&str]) -> Value {
        let (code, out, talk) = self.run(&[arguments, &["--json"]].concat());
        assert_eq!(code, 0, "{talk}");
        serde_json::from_str(&out).unwrap_or_else(|error| panic!("{error}: {out}"))
    }
}

#[test]
fn diff_tells_settings_prefixes_and_address_space_by_pool() {
    let bench = Bench::new();
    bench.apply(&format!("{MONITOR}{STATIC}"));
    bench.policy("new.toml", &format!("{MONITOR}stage = \"enforce\"\nshare = 50\n"));
    bench.scratch.write("lists/east.txt", "203.0.113.0/24\n203.0.113.7/32\n2001:db8:200::/56\n");
    let (code, out, talk) = bench.run(&["diff", "new.toml"]);
    assert_eq!(code, 0, "{talk}");
    for line in [
        "~ pool \"east\": stage monitor → enforce",
        "~ pool \"east\": share 100 → 50",
        "- exempt \"static\"",
        "~ 203.0.113.7/32: exempt \"static\" → pool \"east\" (",
        "+ 2001:db8:200::/56 pool \"east\" (",
        "- 2001:db8:100::/56 pool \"east\" (",
        "prefixes: 1 added, 1 removed, 1 moved",
    ] {
        assert!(out.lines().any(|said| said.starts_with(line)), "no {line:?} in {out}");
    }
    assert!(
        talk.contains("against policy 1 of ") && talk.contains("apply would refuse this without --force"),
        "{talk}"
    );
    let said = bench.json(&["diff", "new.toml"]);
    let flip = &said["flips"][0];
    // Half of 256 addresses and of 256 lines of /64.
    assert_eq!((&flip["pool"], &flip["at"]), (&"east".into(), &Value::Null));
    assert_eq!((&flip["enforced_addresses"], &flip["enforced_lines"]), (&128.into(), &128.into()));
    assert_eq!((&flip["released_addresses"], &flip["released_lines"]), (&0.into(), &0.into()));
    assert_eq!((&said["same"], &said["prefixes"]["moved"]), (&false.into(), &1.into()));
    assert_eq!(bench.dataplane.adopted(), [1], "diff changes nothing");
    let said = bench.json(&["diff", "new.toml", "--prefixes", "1"]);
    assert_eq!(said["prefixes"]["listed"].as_array().unwrap().len(), 1);
}

#[test]
fn diff_of_the_same_is_empty_and_a_time_to_come_stands_under_its_time() {
    let bench = Bench::new();
    bench.apply(MONITOR);
    let (code, out, _) = bench.run(&["diff", "policy.toml"]);
    assert_eq!((code, out.as_str()), (0, "no change\n"));
    assert_eq!(bench.json(&["diff", "policy.toml"])["same"], true);
    let coming = format_time(now() + 3600);
    bench.policy("new.toml", &format!("{MONITOR}stage = \"enforce\"\nenforce_from = {coming}\n"));
    let flip = &bench.json(&["diff", "new.toml"])["flips"][0];
    assert_eq!((&flip["at"], &flip["enforced_addresses"]), (&coming.into(), &256.into()));
}

#[test]
fn diff_can_be_against_a_kept_policy_and_says_which_are_kept() {
    let bench = Bench::new();
    bench.apply(MONITOR);
    bench.apply(&format!("{MONITOR}share = 7\n"));
    assert_eq!(bench.json(&["diff", "policy.toml"])["same"], true);
    let said = bench.json(&["diff", "policy.toml", "--against", "1"]);
    assert_eq!((&said["settings"][0]["key"], &said["settings"][0]["after"]), (&"share".into(), &"7".into()));
    for arguments in [&["diff", "policy.toml", "--against", "9"][..], &["show", "policy", "9"], &["rollback", "9"]] {
        let (code, _, talk) = bench.run(arguments);
        assert_eq!((code, talk.lines().count()), (1, 1), "{talk}");
        assert!(talk.contains("policy 9 is not kept, numbers 1 to 2 are"), "{talk}");
    }
}

#[test]
fn a_kept_policy_is_shown_as_it_was_written_with_its_files() {
    let bench = Bench::new();
    let (code, _, talk) = bench.run(&["show", "policy"]);
    assert_eq!((code, talk.as_str()), (1, "no policy is kept yet; gate25 apply FILE\n"));
    let first = format!("# first\n{MONITOR}");
    bench.apply(&first);
    bench.apply(&format!("{MONITOR}{STATIC}"));
    bench.scratch.write("lists/east.txt", "");
    assert_eq!(bench.run(&["show", "policy"]).1, format!("{MONITOR}{STATIC}"));
    assert_eq!(bench.run(&["show", "policy", "1"]).1, first);
    let list = "203.0.113.0/24\n2001:db8:100::/56\n";
    assert_eq!(bench.run(&["show", "policy", "1", "--file", "lists/east.txt"]).1, list);
    let (code, _, talk) = bench.run(&["show", "policy", "--file", "west.txt"]);
    assert!(code == 1 && talk.contains("has no file west.txt"), "{talk}");
    let said = bench.json(&["show", "policy", "1"]);
    assert_eq!((&said["policy"]["number"], &said["policy"]["prefixes"]), (&1.into(), &2.into()));
    assert_eq!(said["files"][1]["text"], list);
    // A byte that the disk changed is not handed out.
    bench.scratch.write("state/bng1/00000001/0", &first.replace("first", "worst"));
    let (code, _, talk) = bench.run(&["show", "policy", "1"]);
    assert!(code == 1 && talk.contains("was changed since it was stored"), "{talk}");
}

#[test]
fn who_tells_pool_prefix_place_stage_since_and_next() {
    let bench = Bench::new();
    let coming = format_time(now() + 3600);
    assert!(bench.run(&["who", "203.0.113.9"]).1.contains("no policy is in force"));
    let before = now();
    bench.apply(&format!(
        "{MONITOR}stage = \"enforce\"\nenforce_from = {coming}\n{STATIC}expires = {coming}\n{ANY_FLIP}"
    ));
    let said = bench.json(&["who", "203.0.113.9"]);
    let file = bench.scratch.path("lists/east.txt").display().to_string();
    assert_eq!(
        (&said["kind"], &said["name"], &said["prefix"]),
        (&"pool".into(), &"east".into(), &"203.0.113.0/24".into())
    );
    assert_eq!((&said["origin"]["file"], &said["origin"]["line"]), (&file.clone().into(), &1.into()));
    assert_eq!((&said["stage"], &said["next_change"]["to"]), (&"monitor".into(), &"enforce".into()));
    assert_eq!(said["next_change"]["at"], coming);
    let since = gate25_control::config::parse_time(said["since"].as_str().unwrap()).unwrap();
    assert!((before..=now()).contains(&since), "{since}");
    let (_, out, _) = bench.run(&["who", "203.0.113.7"]);
    assert!(out.starts_with("203.0.113.7: exempt \"static\" by 203.0.113.7/32, "), "{out}");
    assert!(out.contains(&format!("next change  expired from {coming} on")), "{out}");
    let (_, out, _) = bench.run(&["who", "2001:db8:100:12::5"]);
    assert!(out.contains(&format!("pool \"east\" by 2001:db8:100::/56, {file}:2:1")), "{out}");
    assert!(out.contains("2001:db8:100:12::/64"), "{out}");
    assert!(bench.run(&["who", "198.51.100.1"]).1.contains("in no pool and no exemption"));
    let pools = bench.json(&["show", "pools"]);
    assert_eq!((&pools[0]["since"], &pools[0]["next_at"]), (&format_time(since).into(), &coming.into()));
    assert_eq!((&pools[1]["pool"], &pools[1]["next"]), (&"static".into(), &"expired".into()));
}

#[test]
fn who_at_a_time_past_answers_by_the_policy_of_that_time() {
    let bench = Bench::new();
    bench.apply(&format!("{MONITOR}{STATIC}{ANY_FLIP}"));
    let first = now();
    std::thread::sleep(Duration::from_millis(2100));
    bench.apply(&format!("{MONITOR}stage = \"enforce\"\n{ANY_FLIP}"));
    let second = now();
    let at = |second: i64| bench.json(&["who", "203.0.113.7", "--at", &format_time(second)]);
    assert_eq!((&at(first)["name"], &at(first)["policy"]["number"]), (&"static".into(), &1.into()));
    let said = at(second);
    assert_eq!(
        (&said["name"], &said["stage"], &said["policy"]["number"]),
        (&"east".into(), &"enforce".into(), &2.into())
    );
    let since = gate25_control::config::parse_time(said["since"].as_str().unwrap()).unwrap();
    assert!(since > first && since <= second, "{since}");
    let said = bench.json(&["who", "203.0.113.9", "--at", &format_time(first)]);
    assert_eq!(said["stage"], "monitor");
    let (code, _, talk) = bench.run(&["who", "203.0.113.9", "--at", "2001-01-01T00:00:00Z"]);
    assert!(code == 1 && talk.contains("the history begins at "), "{talk}");
    assert_eq!(bench.run(&["who", "203.0.113.9", "--at", "yesterday"]).0, 2);
}

#[test]
fn a_stage_is_as_old_as_it_is_across_restarts_commits_and_rollbacks() {
    let bench = Bench::new();
    bench.apply(&format!("{MONITOR}{ANY_FLIP}"));
    // Empty for the moment until control has seen what the dataplane runs.
    let since = |bench: &Bench| bench.json(&["show", "pools"])[0]["since"].as_str().unwrap_or_default().to_owned();
    let begun = since(&bench);
    std::thread::sleep(Duration::from_millis(1100));
    bench.apply(&format!("{MONITOR}{STATIC}{ANY_FLIP}"));
    assert_eq!(since(&bench), begun, "another commit, the same stage");
    let Bench { scratch, dataplane, control } = bench;
    control.stop();
    let control = Control::start(&scratch);
    wait_for("connection", || control.status().dataplane.up);
    let bench = Bench { scratch, dataplane, control };
    assert_eq!(since(&bench), begun, "a restart of control");
    let confirm = Apply { confirm_seconds: 300, ..Apply::default() };
    let enforce = bench.policy("enforce.toml", &format!("{MONITOR}stage = \"enforce\"\n{STATIC}{ANY_FLIP}"));
    assert!(matches!(bench.control.try_apply(confirm, &enforce), Reply::Applied(_)));
    wait_for("enforce", || bench.json(&["show", "pools"])[0]["stage"] == "enforce" && since(&bench) > begun);
    std::thread::sleep(Duration::from_millis(1100));
    bench.dataplane.run_out();
    wait_for("back", || bench.json(&["show", "pools"])[0]["stage"] == "monitor");
    wait_for("since", || bench.json(&["show", "pools"])[0]["since"].as_str().is_some_and(|since| *since > *begun));
}

#[test]
fn what_waits_for_confirmation_is_what_runs() {
    let bench = Bench::new();
    bench.apply(MONITOR);
    let confirm = Apply { confirm_seconds: 300, ..Apply::default() };
    let two = format!("{MONITOR}share = 7\n");
    assert!(matches!(bench.control.try_apply(confirm, &bench.policy("two.toml", &two)), Reply::Applied(_)));
    wait_for("view", || bench.control.status().dataplane.generation == 2);
    assert_eq!(bench.run(&["show", "policy"]).1, two);
    assert_eq!(bench.json(&["diff", "two.toml"])["same"], true);
    assert_eq!(bench.control.status().dataplane.digest_match, Some(true), "nobody is to be paged for it");
    let file = bench.scratch.path("two.toml").display().to_string();
    let waits = |text: &str| text.lines().any(|line| line.starts_with("to be confirmed") && line.ends_with(&file));
    assert!(waits(&bench.run(&["status"]).1));
    assert!(bench.run(&["who", "203.0.113.9"]).1.contains("lists/east.txt:1:1"));
    bench.dataplane.run_out();
    wait_for("view", || bench.control.status().dataplane.generation == 1);
    assert_eq!(bench.run(&["show", "policy"]).1, MONITOR);
    assert!(!waits(&bench.run(&["status"]).1));
}

#[test]
fn history_tells_who_when_why_and_how_much_and_rollback_reaches_back() {
    let bench = Bench::new();
    for share in 1..=4 {
        bench.apply(&format!("{MONITOR}share = {share}\n"));
    }
    let history = bench.json(&["history"]);
    let numbers: Vec<u64> = history.as_array().unwrap().iter().map(|row| row["number"].as_u64().unwrap()).collect();
    assert_eq!(numbers, [4, 3, 2, 1]);
    let uid = rustix::process::getuid().as_raw();
    assert_eq!((&history[0]["uid"], &history[0]["prefixes"]), (&uid.into(), &2.into()));
    assert_eq!(history[0]["digest"].as_str().unwrap().len(), 32);
    assert_eq!(history[0]["bytes"].as_u64(), Some((MONITOR.len() + 10 + 33) as u64));
    assert_eq!(bench.run(&["rollback", "1"]).0, 0);
    assert_eq!(bench.run(&["show", "policy"]).1, format!("{MONITOR}share = 1\n"));
    let history = bench.json(&["history"]);
    assert_eq!((&history[0]["number"], &history[0]["comment"]), (&5.into(), &"rollback to policy 1".into()));
    assert_eq!(history[0]["digest"], history[4]["digest"]);
}

/// What `explain --trie` finds is what `who` finds, whatever kind of table the policy is large enough for; the words of the
/// tables are include's to test.
#[test]
fn explain_trie_walks_to_the_pool_that_who_names() {
    let bench = Bench::new();
    let (code, _, talk) = bench.run(&["explain", "--trie", "203.0.113.9"]);
    assert_eq!((code, talk.as_str()), (1, "no policy is in force: there is no table to look in\n"));
    let more = "[[exempt]]\nname = \"static\"\nprefixes = [\"203.0.113.7/32\", \"2001:db8:100:7::/64\"]\n\
                [[pool]]\nname = \"west\"\nprefix_files = [\"lists/west.txt\"]\n";
    for many in [1, 3000] {
        let four = (0..many).map(|n| format!("10.{}.{}.0/28\n", n / 256, n % 256));
        let six = (0..many).map(|n| format!("2001:db8:{:x}::/48\n", 0x1000 + n));
        bench.scratch.write("lists/west.txt", &four.chain(six).collect::<String>());
        bench.apply(&format!("{MONITOR}{more}{ANY_FLIP}"));
        for (address, pool, prefix) in [
            ("203.0.113.9", "east", "203.0.113.0/24"),
            ("203.0.113.7", "static", "203.0.113.7/32"),
            ("10.0.0.15", "west", "10.0.0.0/28"),
            ("10.0.0.16", "", ""),
            ("198.51.100.1", "", ""),
            ("2001:db8:100:1::1", "east", "2001:db8:100::/56"),
            ("2001:db8:100:7::1", "static", "2001:db8:100:7::/64"),
            ("2001:db8:1000:9::1", "west", "2001:db8:1000::/48"),
            ("2001:db8:fff::1", "", ""),
        ] {
            let said = bench.json(&["explain", "--trie", address]);
            let told = (said["pool"].as_str().unwrap_or_default(), said["prefix"].as_str().unwrap_or_default());
            assert_eq!(told, (pool, prefix), "{address}: {said}");
            assert_eq!(bench.json(&["who", address])["name"], said["pool"], "{address}");
            let steps = said["steps"].as_array().unwrap();
            let whole = |step: &Value| step["says"].is_string() && step["word"].is_u64() && step["read"].is_string();
            assert!(!steps.is_empty() && steps.iter().all(whole), "{said}");
            let (code, out, _) = bench.run(&["explain", "--trie", address]);
            let last =
                if pool.is_empty() { "in no pool and no exemption".into() } else { format!("{pool} by {prefix}") };
            assert_eq!(out.lines().last(), Some(format!("{address}: {last}").as_str()));
            assert_eq!((code, out.lines().count()), (0, steps.len() + 2));
        }
    }
    for wrong in [&["203.0.113"][..], &["203.0.113.0/24"], &["203.0.113.9", "198.51.100.25"]] {
        assert_eq!(bench.run(&[&["explain", "--trie"], wrong].concat()).0, 2, "{wrong:?}");
    }
}

#[test]
fn runtime_tells_packets_per_burst_and_cycles_per_packet() {
    let bench = Bench::new();
    let worker = bench.dataplane.telemetry.worker(1);
    let counters = [(WorkerCounter::Polls, 1000), (WorkerCounter::EmptyPolls, 900), (WorkerCounter::BurstLe64, 100)];
    counters.iter().for_each(|(counter, value)| worker.own.set(*counter, *value));
    worker.own.set(WorkerCounter::BusyCycles, 600_000);
    worker.own.set(WorkerCounter::IdleCycles, 200_000);
    worker.link(0, Direction::Outbound).add(LinkCounter::RxFrames, 6000);
    let rows = bench.json(&["show", "runtime"]);
    assert_eq!(
        (&rows[1]["polls"], &rows[1]["empty_polls"], &rows[1]["packets"]),
        (&1000.into(), &900.into(), &6000.into())
    );
    assert_eq!((&rows[1]["packets_per_burst"], &rows[1]["cycles_per_packet"]), (&60.0.into(), &100.0.into()));
    assert_eq!((&rows[1]["busy_percent"], &rows[0]["cycles_per_packet"]), (&75.0.into(), &Value::Null));
    let rows = bench.json(&["show", "runtime", "--over", "1"]);
    assert_eq!((&rows[1]["polls"], &rows[1]["packets_per_burst"]), (&0.into(), &Value::Null));
    assert!((1.0..1.9).contains(&rows[1]["seconds"].as_f64().unwrap()), "{rows}");
}

#[test]
fn top_tells_rates_and_the_pools_with_most_drops_first() {
    let bench = Bench::new();
    bench.apply(&format!("{MONITOR}[[pool]]\nname = \"west\"\nprefixes = [\"198.51.100.0/24\"]\n"));
    let west = bench.dataplane.image(|image| image.pools().find(|pool| pool.name == "west").unwrap().counter_slot);
    let top = bench.command(&["top", "--json", "--count", "2"]).stdout(Stdio::piped()).spawn().unwrap();
    std::thread::sleep(Duration::from_millis(500));
    bench.dataplane.telemetry.worker(0).pool(west.unwrap(), PoolCounter::Blocked, 50);
    bench.dataplane.telemetry.worker(0).link(0, Direction::Outbound).add(LinkCounter::RxFrames, 500);
    let output = top.wait_with_output().unwrap();
    let lines: Vec<Value> =
        String::from_utf8(output.stdout).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!((output.status.code(), lines.len()), (Some(0), 2));
    let (seconds, pool) = (lines[0]["seconds"].as_f64().unwrap(), &lines[0]["pools"][0]);
    // `seconds` is told to the millisecond and rates to a tenth: less than one frame between them.
    let is_rate_of = |rate: &Value, count: f64| (rate.as_f64().unwrap() * seconds - count).abs() < 1.0;
    assert_eq!(pool["pool"], "west");
    assert!(is_rate_of(&pool["blocked"], 50.0), "50 in {seconds} s: {pool}");
    assert!(is_rate_of(&lines[0]["links"][0]["rx_frames"], 500.0), "500 in {seconds} s: {}", lines[0]);
    assert_eq!(lines[1]["pools"][0]["blocked"], 0.0);
    let (code, out, _) = bench.run(&["top", "--count", "1"]);
    assert!(code == 0 && out.contains("BLOCKED/S") && !out.contains('\x1b'), "no colour into a pipe: {out}");
}

#[test]
fn watch_repeats_until_its_reader_goes() {
    let bench = Bench::new();
    let mut watch = bench.command(&["show", "workers", "--watch", "1"]).stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(watch.stdout.take().unwrap()).lines();
    let headings = (0..6).filter(|_| lines.next().unwrap().unwrap().starts_with("WORKER")).count();
    assert_eq!(headings, 2, "two workers, so every third line is a heading");
    drop(lines);
    let begun = Instant::now();
    assert!(watch.wait().unwrap().success());
    assert!(begun.elapsed() < Duration::from_secs(5));
    assert_eq!(bench.run(&["show", "workers", "--watch", "0"]).0, 2);
    let status = bench.json(&["status"]);
    assert_eq!(status["dataplane"]["instance"], "bng1");
}

#[test]
fn the_socket_says_which_stages_there_were() {
    let bench = Bench::new();
    bench.apply(MONITOR);
    let ask = |at| match api::ask(bench.control.socket(), &Request::Stages { pool: Some("east".into()), at }) {
        Ok(Reply::Stages { pools }) => pools,
        other => panic!("{other:?}"),
    };
    assert_eq!((ask(None)[0].stage.as_str(), ask(Some(0)).len()), ("monitor", 0));
}

#[test]
fn a_heading_is_bold_on_a_terminal_unless_no_color_is_set() {
    let bench = Bench::new();
    // script(1) gives the command a terminal.
    let on_terminal = |no_color: &str| {
        let program = format!("{} --instance bng1 --run-dir run show workers", env!("CARGO_BIN_EXE_gate25"));
        let mut command = Command::new("script");
        command.current_dir(bench.scratch.path("")).args(["-q", "-c", &program, "/dev/null"]);
        let output = command.env("NO_COLOR", no_color).stdin(Stdio::null()).output().unwrap();
        String::from_utf8(output.stdout).unwrap()
    };
    let (plain, coloured) = (on_terminal("1"), on_terminal(""));
    assert!(plain.contains("WORKER") && !plain.contains('\x1b'), "{plain:?}");
    assert!(coloured.contains("\x1b[1mWORKER"), "{coloured:?}");
}

#[test]
fn doctor_says_of_all_that_is_not_well_what_mends_it_and_fails_if_something_cannot_work() {
    let bench = Bench::new();
    let config = bench.scratch.write("dataplane.toml", "cores = [4095]\nmain_core = 0\nhuge_pages = false\n");
    let (code, out, _) = bench.run(&["doctor", "--config", "dataplane.toml", "--json"]);
    let findings: Vec<Value> = serde_json::from_str(&out).unwrap();
    assert_eq!(code, 1, "{out}");
    let cpus = findings.iter().find(|one| one["check"] == "cpus").unwrap();
    assert!(cpus["grade"] == "FAIL" && cpus["found"].as_str().unwrap().starts_with("CPU 4095 is not online"), "{cpus}");
    assert!(findings.iter().all(|one| (one["grade"] == "OK") == one["mend"].is_null()), "{out}");
    let port = findings.iter().find(|one| one["check"] == "capabilities").unwrap();
    assert!(port["found"].as_str().unwrap().starts_with("east access: "), "{port}");
    std::fs::remove_file(config).unwrap();
    let (code, out, _) = bench.run(&["doctor", "--config", "dataplane.toml"]);
    let fails = out.lines().any(|line| line.starts_with("FAIL"));
    assert_eq!(code, i32::from(fails), "{out}");
    assert!(out.contains("WARN  dataplane.toml"), "{out}");
}
