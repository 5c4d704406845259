//! `gate25.h` is up to date, compiles, and a C program reads with it what Rust wrote.

use std::os::fd::{AsFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::process::Command;

use gate25_include::c_header::gate25_h;
use gate25_include::counters::{LinkCounter, PoolCounter, PortCounter, Reason, WorkerCounter};
use gate25_include::handover::{Connection, Reply, Request};
use gate25_include::telemetry::{Direction, Identity, Telemetry};
use rustix::net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType, accept, bind, listen, socket_with};

#[test]
fn gate25_h_is_what_the_table_gives() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("gate25.h");
    let stands = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        stands == gate25_h(),
        "include/gate25.h is out of date: cargo run -p gate25-include --example gate25_h > include/gate25.h"
    );
}

#[test]
fn a_c_program_prints_live_counters() {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("c-reader-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let program = compile(&folder);
    let socket = folder.join("dataplane.sock");
    let listener = listening(&socket);
    let telemetry = Telemetry::create("bng1", &["one", "two"], 2, Identity::default()).unwrap();
    let worker = telemetry.worker(1);
    worker.own.set(WorkerCounter::Generation, 41);
    worker.link(1, Direction::Inbound).add(LinkCounter::RxFrames, 42);
    worker.link(1, Direction::Inbound).reason(Reason::ReturnWouldDrop, 43);
    telemetry.port(3).set(PortCounter::LinkChanges, 44);
    worker.pool(7, PoolCounter::Blocked, 45);
    telemetry.worker(0).pool(7, PoolCounter::Blocked, 1);
    worker.pool(65_535, PoolCounter::WouldDrop, 47);

    let output = std::thread::scope(|scope| {
        scope.spawn(|| serve(&listener, &telemetry));
        Command::new(&program).arg(&socket).output().unwrap()
    });
    let text = String::from_utf8(output.stdout).unwrap();
    let _ = std::fs::remove_dir_all(&folder);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    for line in [
        "worker 1 generation 41",
        "link 7 rx_frames 42",
        "reason 7 return_would_drop 43",
        "port 3 link_changes 44",
        "worker 0 generation 0",
        "pool 7 blocked 46",
        "pool 65535 would_drop 47",
    ] {
        assert!(text.lines().any(|found| found == line), "{line} is not in\n{text}");
    }
}

fn compile(folder: &Path) -> PathBuf {
    let include = Path::new(env!("CARGO_MANIFEST_DIR"));
    let program = folder.join("counters");
    let status = Command::new("cc")
        .args(["-std=c11", "-Wall", "-Wextra", "-Werror", "-o"])
        .arg(&program)
        .arg("-I")
        .arg(include)
        .arg(include.join("examples/counters.c"))
        .status()
        .unwrap();
    assert!(status.success());
    program
}

fn listening(path: &Path) -> OwnedFd {
    let fd = socket_with(AddressFamily::UNIX, SocketType::SEQPACKET, SocketFlags::CLOEXEC, None).unwrap();
    bind(&fd, &SocketAddrUnix::new(path).unwrap()).unwrap();
    listen(&fd, 1).unwrap();
    fd
}

/// Answers one client until it goes.
fn serve(listener: &OwnedFd, telemetry: &Telemetry) {
    let client = Connection::from(accept(listener).unwrap());
    while let Some((message, _)) = client.receive().unwrap() {
        let (reply, fd) = match Request::decode(&message).unwrap() {
            Request::TelemetryPlease => (Reply::Telemetry, Some(telemetry.as_fd())),
            _ => (Reply::Welcome { incarnation: 1, started_at: 1, pid: 1, instance: "bng1".into() }, None),
        };
        client.send(&reply.encode(message.number()), fd).unwrap();
    }
}
