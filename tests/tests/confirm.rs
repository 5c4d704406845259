//! `apply --confirm`: what is not confirmed is rolled back on time by the real dataplane, control or no control.
//!
//! GATE25_TRIALS (4 if not given) trials of one second; in every second one control is killed with SIGKILL as soon as the
//! policy is in force. Read out of the dataplane's telemetry: the deadline, and when the generation before is back.
//! `GATE25_TRIALS=100 cargo test -p gate25-tests --test confirm -- --nocapture` prints how late.
#![forbid(unsafe_code)]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use gate25_control::api::{ControlStatus, Reply, Request, ask, control_socket, dataplane_socket};
use gate25_control::publish::{Dataplane, PATIENCE};
use gate25_include::counters::{ProcessCounter, WorkerCounter};
use gate25_include::telemetry::TelemetryReader;
use gate25_tests::programs::{dataplane, program};
use rustix::time::{ClockId, clock_gettime};

/// A process that does not outlive a test that fails.
struct Running(Child);

impl Running {
    fn kill(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.kill();
    }
}

/// A folder of its own; instance and folder are named after this process.
struct Site {
    folder: PathBuf,
    instance: String,
}

impl Drop for Site {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.folder);
    }
}

impl Site {
    fn new() -> Site {
        let instance = format!("confirm-{}", std::process::id());
        let folder = std::env::temp_dir().join(format!("gate25-{instance}"));
        fs::create_dir_all(folder.join("run")).unwrap();
        Site { folder, instance }
    }

    fn run_dir(&self) -> PathBuf {
        self.folder.join("run")
    }

    fn dataplane(&self, program: &Path) -> Running {
        let text = format!(
            "instance = \"{}\"\nrun_dir = \"{}\"\nmain_core = 0\ncores = [0]\nidle = \"adaptive\"\nhuge_pages = false\n\
             [[link]]\nname = \"l\"\naccess = \"net_ring0\"\nnetwork = \"net_ring1\"\nmtu = 1500\n",
            self.instance,
            self.run_dir().display()
        );
        let config = self.folder.join("dataplane.toml");
        fs::write(&config, text).unwrap();
        let log = fs::File::create(self.folder.join("dataplane.log")).unwrap();
        Running(Command::new(program).arg("--config").arg(config).stderr(log).spawn().unwrap())
    }

    fn control(&self) -> Running {
        let mut command = Command::new(program("gate25-control", &["control", "include"]));
        command.args(["--instance", &self.instance, "--metrics", "127.0.0.1:0", "--run-dir"]).arg(self.run_dir());
        Running(command.arg("--state-dir").arg(self.folder.join("state")).stderr(Stdio::null()).spawn().unwrap())
    }

    fn status(&self) -> Option<ControlStatus> {
        match ask(&control_socket(&self.run_dir(), &self.instance), &Request::Status) {
            Ok(Reply::Status(status)) => Some(*status),
            _ => None,
        }
    }

    /// `gate25 apply` of a policy with this share, which must come into force.
    fn apply(&self, share: u64, more: &[&str]) {
        let policy = self.folder.join("policy.toml");
        let text = format!(
            "schema = 1\n[[pool]]\nname = \"east\"\nprefixes = [\"203.0.113.0/24\"]\nstage = \"enforce\"\nshare = {share}\n"
        );
        fs::write(&policy, text).unwrap();
        let mut command = Command::new(program("gate25", &["control", "include"]));
        command.args(["--instance", &self.instance, "--run-dir"]).arg(self.run_dir());
        command.arg("apply").arg(policy).args(["--force", "trial"]).args(more);
        let output = command.output().unwrap();
        assert!(output.status.success(), "{output:?}");
    }

    fn telemetry(&self) -> Option<TelemetryReader> {
        let mut dataplane = Dataplane::connect(&dataplane_socket(&self.run_dir(), &self.instance), PATIENCE).ok()?;
        dataplane.telemetry().ok()
    }
}

fn boottime() -> u64 {
    let now = clock_gettime(ClockId::Boottime);
    now.tv_sec as u64 * 1_000_000_000 + now.tv_nsec as u64
}

fn wait_for<T>(what: &str, found: impl Fn() -> Option<T>) -> T {
    let end = Instant::now() + Duration::from_secs(30);
    loop {
        if let Some(found) = found() {
            return found;
        }
        assert!(Instant::now() < end, "{what}: not within 30 s");
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// Waits until the generation is back on the worker and in the process's own words; how late, in microseconds.
fn lateness(telemetry: &TelemetryReader, generation: u64, deadline: u64) -> i64 {
    let end = Instant::now() + Duration::from_secs(10);
    let back = || {
        telemetry.process(ProcessCounter::Generation) == generation
            && telemetry.worker(0, WorkerCounter::Generation) == generation
    };
    while !back() {
        assert!(Instant::now() < end, "not rolled back within 10 s");
        std::thread::sleep(Duration::from_micros(100));
    }
    (boottime() as i64 - deadline as i64) / 1000
}

#[test]
fn what_is_not_confirmed_is_rolled_back_on_time_control_or_no_control() {
    let Some(program) = dataplane() else { return };
    let trials: u64 = std::env::var("GATE25_TRIALS").ok().and_then(|text| text.parse().ok()).unwrap_or(4);
    let site = Site::new();
    let _dataplane = site.dataplane(&program);
    let telemetry = wait_for("dataplane", || site.telemetry());
    let mut control = site.control();
    let up = || site.status().filter(|status| status.dataplane.up);
    wait_for("control", up);
    site.apply(100, &[]);
    let before = telemetry.process(ProcessCounter::Generation);
    let digest = wait_for("kept", || up().filter(|status| status.dataplane.generation == before)).dataplane.digest;
    let mut late = Vec::new();
    for trial in 0..trials {
        let begun = Instant::now();
        site.apply(trial % 100, &["--confirm", "1s"]);
        let applied = Instant::now();
        let deadline = telemetry.process(ProcessCounter::ConfirmDeadline);
        assert!(telemetry.process(ProcessCounter::Generation) > before && deadline > 0, "trial {trial}");
        let killed = trial % 2 == 1;
        if killed {
            control.kill();
        }
        let microseconds = lateness(&telemetry, before, deadline);
        assert!((0..1_000_000).contains(&microseconds), "trial {trial}: {microseconds} us after the deadline");
        // By this test's own clock, too: not within the second that was granted, nor a second later than that.
        let (earliest, latest) = (begun.elapsed(), applied.elapsed());
        assert!(earliest >= Duration::from_secs(1) && latest < Duration::from_secs(2), "{earliest:?}, {latest:?}");
        late.push(microseconds);
        if killed {
            control = site.control();
        }
        let kept = |status: &ControlStatus| {
            status.dataplane.generation == before && status.dataplane.digest_match == Some(true)
        };
        let status = wait_for("control knows", || up().filter(kept));
        assert_eq!((status.policy.map(|policy| policy.number), &status.dataplane.digest), (Some(1), &digest));
        assert_eq!(telemetry.process(ProcessCounter::Rollbacks), trial + 1, "rolled back once");
        wait_for("nothing pending", || {
            let pending = site.folder.join("state").join(&site.instance).join("pending");
            (!pending.exists()).then_some(())
        });
    }
    late.sort_unstable();
    let at = |percent: usize| late.get((late.len() * percent).div_ceil(100).saturating_sub(1)).copied().unwrap_or(0);
    eprintln!(
        "{trials} trials, control killed in {}: rolled back {} us (p50), {} us (p99), {} us (max) after the deadline",
        trials / 2,
        at(50),
        at(99),
        at(100)
    );
}
