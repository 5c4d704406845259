//! Control is killed at any moment of a commit: the next one finds out what runs and keeps exactly that.
#![forbid(unsafe_code)]

mod double;

use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use double::{Double, Manner, Scratch, wait_for};
use gate25_control::api::{self, Apply, ControlStatus, Reply, Request};

const TRIALS: u64 = 40;

/// A daemon that does not outlive a test that fails.
struct Daemon(Child);

impl Daemon {
    fn kill(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        self.kill();
    }
}

fn start(scratch: &Scratch) -> Daemon {
    let mut command = Command::new(env!("CARGO_BIN_EXE_gate25-control"));
    command.args(["--instance", "bng1", "--metrics", "127.0.0.1:0", "--run-dir"]).arg(scratch.path("run"));
    command.arg("--state-dir").arg(scratch.path("state")).stderr(Stdio::null());
    Daemon(command.spawn().unwrap())
}

fn status(scratch: &Scratch) -> Option<ControlStatus> {
    match api::ask(&scratch.path("run/bng1-control.sock"), &Request::Status) {
        Ok(Reply::Status(status)) => Some(*status),
        _ => None,
    }
}

#[test]
fn whatever_is_killed_when_what_runs_is_what_is_kept() {
    let scratch = Scratch::new();
    let dataplane = Double::start(&scratch.socket(), Manner::AnswersLate);
    let policy = |number: u64| {
        let text = format!("schema = 1\n[[pool]]\nname = \"east\"\nprefixes = [\"203.0.{number}.0/24\"]\n");
        vec![scratch.write(&format!("policy-{number}.toml"), &text)]
    };
    let socket: PathBuf = scratch.path("run/bng1-control.sock");
    let mut control = start(&scratch);
    wait_for("control", || status(&scratch).is_some_and(|status| status.dataplane.up));
    let force = || Apply { force: Some("trial".into()), ..Apply::default() };
    let begin = std::time::Instant::now();
    assert!(matches!(api::send_policy(&socket, force(), &policy(TRIALS)), Ok(Reply::Applied(_))));
    let undisturbed = begin.elapsed();
    let (mut answered, mut cut) = (0, 0);
    for trial in 0..TRIALS {
        let files = policy(trial);
        let (to, apply) = (socket.clone(), force());
        let client = std::thread::spawn(move || api::send_policy(&to, apply, &files));
        // Spread over all of a commit, and past its end.
        std::thread::sleep(undisturbed.mul_f64(2.0 * trial as f64 / TRIALS as f64));
        control.kill();
        let applied = match client.join().unwrap() {
            Ok(Reply::Applied(applied)) => Some(applied),
            _ => None,
        };
        // An image that was sent may still be on its way in the socket.
        std::thread::sleep(Duration::from_millis(30));
        let ran = dataplane.image(|image| image.digest());
        control = start(&scratch);
        wait_for("control", || status(&scratch).is_some_and(|status| status.dataplane.up));
        wait_for("settled", || {
            status(&scratch).is_some_and(|status| match status.policy {
                Some(_) => status.dataplane.digest_match == Some(true),
                None => dataplane.adopted().is_empty(),
            })
        });
        let status = status(&scratch).unwrap();
        assert_eq!(status.problem, None, "trial {trial}");
        assert_eq!(dataplane.image(|image| image.digest()), ran, "trial {trial}: it ran before, and runs on");
        if let Some(applied) = applied {
            answered += 1;
            let runs = dataplane.image(|image| format!("{:032x}", image.digest()));
            assert_eq!(runs, Some(applied.digest), "trial {trial}: what was said to be in force is");
        } else {
            cut += 1;
        }
    }
    control.kill();
    assert!(answered > 0 && cut > 0, "{answered} commits were answered, {cut} were cut");
    // Nothing was published twice for one commit: each generation came from a commit of its own.
    assert!(dataplane.adopted().len() as u64 <= TRIALS + 1, "{:?}", dataplane.adopted());
}
