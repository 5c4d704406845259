//! Starts that must be refused, each with its exit code, its cause and its remedy, and ends that must be clean.

mod support;

use std::process::Command;
use std::time::{Duration, Instant};

use gate25_include::counters::LinkCounter;
use gate25_include::telemetry::Direction::Outbound;
use support::netns::Netns;
use support::{Plan, exists, skipped, wait_for};

fn null_link(plan: Plan) -> Plan {
    plan.link("net_null0,size=64", "net_null1,size=64", "")
}

/// The last line said, and the exit code.
fn refusal(plan: Plan) -> (Option<i32>, String) {
    let (code, log) = plan.refused();
    let line = log.lines().rev().find(|line| line.starts_with("gate25-dataplane: ")).unwrap_or(&log).to_owned();
    (code, line)
}

fn program(args: &[&str]) -> (Option<i32>, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_gate25-dataplane")).args(args).output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    (output.status.code(), text)
}

#[test]
fn usage_configuration_and_help() {
    assert_eq!(program(&["--no-such-argument"]).0, Some(2));
    let (code, text) = program(&["--config", "/nonexistent.toml"]);
    assert_eq!((code, text.contains("/nonexistent.toml: No such file")), (Some(3), true), "{text}");
    let (code, help) = program(&["--help"]);
    assert_eq!(code, Some(0));
    for code in [0, 2, 3, 4, 5, 6, 7, 8, 130, 134] {
        assert!(help.lines().any(|line| line.trim_start().starts_with(&format!("{code} "))), "{code}:\n{help}");
    }
    let mut plan = null_link(Plan::new());
    let config = plan.config();
    assert_eq!(program(&["--check", "--config", &support::text(&config)]), (Some(0), String::new()));
    plan.links += "mtu_ = 1\n";
    let (code, text) = program(&["--check", "--config", &support::text(&plan.config())]);
    assert_eq!(code, Some(3));
    assert!(text.contains("dataplane.toml:11:1: unknown field `mtu_`"), "{text}");
}

#[test]
fn ports_that_do_not_exist() {
    if skipped() {
        return;
    }
    for (port, says) in [
        ("net_af_packet0,iface=nosuch0", "there is no interface nosuch0 in this network namespace"),
        ("0000:ff:1f.7", "no such port"),
        ("net_nosuch0", "no such port"),
        ("net_pcap0,rx_pcap=/nonexistent,tx_pcap=/tmp/never-written", "no such port"),
    ] {
        let (code, line) = refusal(Plan::new().link(port, "net_null1", ""));
        assert_eq!(code, Some(5), "{line}");
        assert!(line.contains("link link0: port \"") && line.contains(port) && line.contains(says), "{line}");
        assert!(line.contains("; "), "no remedy: {line}");
    }
}

#[test]
fn a_link_that_an_interface_cannot_carry() {
    if skipped() || !exists("ip") || !exists("ethtool") {
        return;
    }
    let netns = Netns::new();
    netns.veth("x", 1500);
    let mut plan = Plan::new();
    plan.netns = Some(netns.name.clone());
    let (code, line) = refusal(plan.link("net_af_packet0,iface=xa", "net_null0", "mtu = 9000"));
    assert_eq!(code, Some(5));
    assert!(line.contains("its MTU is 1500 and the link's is 9000; ip link set xa mtu 9000"), "{line}");
    netns.veth("z", 3411);
    let mut plan = Plan::new();
    plan.netns = Some(netns.name.clone());
    let (code, line) = refusal(plan.link("net_af_xdp0,iface=za", "net_null0", "mtu = 3411"));
    assert_eq!(code, Some(5));
    assert!(line.contains("the link's mtu is 3411; use mtu = 3410 or less"), "{line}");
    netns.run("ip", &["link", "add", "qa", "numrxqueues", "2", "type", "veth", "peer", "name", "qb"]);
    netns.run("ip", &["link", "set", "qa", "up"]);
    netns.run("ethtool", &["-L", "qa", "rx", "2"]);
    let mut plan = Plan::new();
    plan.netns = Some(netns.name.clone());
    let (code, line) = refusal(plan.link("net_af_xdp0,iface=qa", "net_null0", ""));
    assert_eq!(code, Some(5));
    assert!(line.contains("2 receive queues and gate25 reads 1"), "{line}");
}

#[test]
fn huge_pages_missing() {
    if skipped() {
        return;
    }
    let mut plan = null_link(Plan::new());
    // More than any machine of ours has free.
    plan.top = "cores = [0, 0, 0, 0, 0, 0, 0, 0]\nhuge_pages = true\ndescriptors = 16384\n".into();
    plan.links += "mtu = 9216\n";
    let (code, line) = refusal(plan);
    assert_eq!(code, Some(4));
    assert!(line.contains("MB of huge pages are free and") && line.contains("sysctl vm.nr_hugepages="), "{line}");
}

/// Free huge pages for a test; the reservation is put back with its owner.
struct HugePages {
    before: Option<String>,
}

impl HugePages {
    const FILE: &str = "/proc/sys/vm/nr_hugepages";

    fn reserve(pages: u64) -> Option<Self> {
        let free = || gate25_dataplane::preflight::free_huge_mb(std::path::Path::new("/sys")) / 2;
        if free() >= pages {
            return Some(Self { before: None });
        }
        let before = std::fs::read_to_string(Self::FILE).ok()?;
        let total = before.trim().parse::<u64>().ok()? + pages;
        std::fs::write(Self::FILE, total.to_string()).ok()?;
        let reserved = Self { before: Some(before) };
        (free() >= pages).then_some(reserved)
    }
}

impl Drop for HugePages {
    fn drop(&mut self) {
        if let Some(before) = &self.before {
            let _ = std::fs::write(Self::FILE, before);
        }
    }
}

#[test]
fn huge_pages_used() {
    if skipped() {
        return;
    }
    let Some(_pages) = HugePages::reserve(128) else {
        eprintln!("skipped: 128 huge pages of 2 MB cannot be had (memory is short or fragmented)");
        return;
    };
    let mut plan = null_link(Plan::new());
    plan.top = "cores = [0]\n".into();
    let mut dataplane = plan.start();
    let telemetry = dataplane.telemetry();
    let count = || telemetry.link(0, Outbound, LinkCounter::ForwardedFrames);
    assert!(wait_for(Duration::from_secs(5), || count() > 1000));
    assert_eq!(dataplane.stop(Duration::from_secs(2)), Some(0));
}

#[test]
fn eal_arguments_that_eal_refuses() {
    if skipped() {
        return;
    }
    let mut plan = null_link(Plan::new());
    plan.top += "eal = [\"--no-such-argument\"]\n";
    let (code, line) = refusal(plan);
    assert_eq!(code, Some(4));
    assert!(line.contains("DPDK's EAL does not start"), "{line}");
}

#[test]
fn a_cpu_that_does_not_exist() {
    if skipped() {
        return;
    }
    let mut plan = null_link(Plan::new());
    plan.top = plan.top.replace("[0]", "[1023]");
    let (code, line) = refusal(plan);
    assert_eq!(code, Some(8));
    assert!(line.contains("worker 0 on CPU 1023: this host has no such CPU"), "{line}");
}

#[test]
fn the_second_of_an_instance_names_the_first() {
    if skipped() {
        return;
    }
    let mut first = null_link(Plan::new()).start();
    // The same instance and run_dir: the same configuration file.
    let config = support::text(&first.plan.folder.path("dataplane.toml"));
    let (code, text) = program(&["--config", &config]);
    assert_eq!(code, Some(7));
    assert!(text.contains(&format!("runs already as pid {}", first.pid())), "{text}");
    let telemetry = first.telemetry();
    let count = || telemetry.link(0, Outbound, LinkCounter::ForwardedFrames);
    let before = count();
    assert!(wait_for(Duration::from_secs(5), || count() > before), "the first goes on");
    assert_eq!(first.stop(Duration::from_secs(2)), Some(0));
    assert!(!first.socket().exists(), "the socket is gone");
}

#[test]
fn a_port_belongs_to_one_process() {
    if skipped() || !exists("ip") || !exists("ethtool") {
        return;
    }
    let netns = Netns::new();
    netns.veth("x", 1500);
    let in_netns = || {
        let mut plan = Plan::new();
        plan.netns = Some(netns.name.clone());
        plan
    };
    let first = in_netns().link("net_af_packet0,iface=xa", "net_null0,no-rx=1", "").start();
    let mut second = in_netns();
    // run_dir is where locks are: both use the first one's. A later key would stand twice.
    let shared = support::text(&first.plan.folder.path("run"));
    std::fs::create_dir_all(second.folder.path("")).unwrap();
    std::os::unix::fs::symlink(&shared, second.folder.path("run")).unwrap();
    second = second.link("net_pcap0,iface=xa", "net_null0", "");
    let (code, line) = refusal(second);
    assert_eq!(code, Some(6));
    let held = format!("link link0: port \"net_pcap0,iface=xa\" is held by pid {}", first.pid());
    assert!(line.contains(&held), "{line}");
    // The same name in another namespace is another interface.
    let elsewhere = Netns::new();
    elsewhere.veth("x", 1500);
    let mut third = Plan::new();
    third.netns = Some(elsewhere.name.clone());
    std::os::unix::fs::symlink(&shared, third.folder.path("run")).unwrap();
    let _third = third.link("net_af_packet0,iface=xa", "net_null0,no-rx=1", "").start();
}

#[test]
fn a_killed_dataplane_leaves_nothing_in_the_way() {
    if skipped() {
        return;
    }
    let mut first = null_link(Plan::new()).start();
    first.signal(rustix::process::Signal::KILL);
    assert_eq!(first.wait(Duration::from_secs(5)), None, "killed, not exited");
    assert!(first.socket().exists());
    let config = support::text(&first.plan.folder.path("dataplane.toml"));
    let mut again = Command::new(env!("CARGO_BIN_EXE_gate25-dataplane")).args(["--config", &config]).spawn().unwrap();
    assert!(wait_for(Duration::from_secs(20), || {
        gate25_include::handover::Connection::open(&first.socket(), Duration::from_secs(1)).is_ok()
    }));
    let pid = rustix::process::Pid::from_child(&again);
    rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
    assert_eq!(again.wait().unwrap().code(), Some(0));
}

#[test]
fn sigterm_ends_within_two_seconds_under_load_and_counts_agree() {
    if skipped() {
        return;
    }
    let mut dataplane = null_link(Plan::new()).start();
    let telemetry = dataplane.telemetry();
    let count = || telemetry.link(0, Outbound, LinkCounter::ForwardedFrames);
    assert!(wait_for(Duration::from_secs(5), || count() > 1000));
    let begun = Instant::now();
    assert_eq!(dataplane.stop(Duration::from_secs(4)), Some(0));
    assert!(begun.elapsed() < Duration::from_secs(2), "{:?}", begun.elapsed());
    assert!(support::conserved(&telemetry, 0, Outbound));
}

#[test]
fn a_second_signal_ends_at_once() {
    if skipped() {
        return;
    }
    let mut dataplane = null_link(Plan::new()).start();
    dataplane.signal(rustix::process::Signal::STOP);
    // Both signals wait while the process is stopped; SIGINT and SIGTERM are then two.
    dataplane.signal(rustix::process::Signal::TERM);
    dataplane.signal(rustix::process::Signal::INT);
    dataplane.signal(rustix::process::Signal::CONT);
    assert_eq!(dataplane.wait(Duration::from_secs(2)), Some(130));
}

#[test]
fn sighup_changes_nothing_and_says_so() {
    if skipped() {
        return;
    }
    let mut dataplane = null_link(Plan::new()).start();
    dataplane.signal(rustix::process::Signal::HUP);
    assert!(wait_for(Duration::from_secs(5), || dataplane.log().contains("SIGHUP changes nothing")));
    assert_eq!(dataplane.stop(Duration::from_secs(2)), Some(0));
}

#[test]
fn a_stopped_process_goes_on_without_being_called_stuck() {
    if skipped() {
        return;
    }
    let mut dataplane = null_link(Plan::new()).start();
    dataplane.signal(rustix::process::Signal::STOP);
    std::thread::sleep(Duration::from_millis(2500));
    dataplane.signal(rustix::process::Signal::CONT);
    std::thread::sleep(Duration::from_millis(500));
    assert!(!dataplane.log().contains("does not move"), "{}", dataplane.log());
    assert_eq!(dataplane.stop(Duration::from_secs(2)), Some(0));
}
