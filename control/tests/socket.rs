//! The control socket: what its mode is, and that no client harms control or another client.
#![forbid(unsafe_code)]

#[path = "double/control.rs"]
mod control;
mod double;

use std::io::{BufRead, Write};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixStream;
use std::time::Duration;

use control::Control;
use double::{Double, Manner, Scratch, wait_for};
use gate25_control::api::{Apply, Cause, FileHeader, LINE_MAX, Limits, Reply, Request};

const SHORT: Limits = Limits { clients: 4, line: Duration::from_millis(300), upload: Duration::from_millis(700) };

/// Says something and gives the answer.
fn say(control: &Control, bytes: &[u8]) -> Reply {
    let mut stream = UnixStream::connect(control.socket()).unwrap();
    let _ = stream.write_all(bytes);
    hear(stream)
}

/// The answer's line; behind it may come a reset, if what was said was not read to its end.
fn hear(stream: UnixStream) -> Reply {
    let mut answer = String::new();
    stream.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
    std::io::BufReader::new(stream).read_line(&mut answer).unwrap();
    serde_json::from_str(&answer).unwrap_or_else(|error| panic!("{error}: {answer:?}"))
}

fn refusal(reply: Reply) -> (Cause, String) {
    match reply {
        Reply::Refused { cause, text } => (cause, text),
        other => panic!("{other:?}"),
    }
}

fn line(apply: Apply) -> Vec<u8> {
    (serde_json::to_string(&Request::Apply(apply)).unwrap() + "\n").into_bytes()
}

fn file(path: &str, bytes: u64) -> FileHeader {
    FileHeader { path: path.into(), bytes }
}

#[test]
fn only_owner_and_group_may_open_it_and_it_goes_when_control_stops() {
    let scratch = Scratch::new();
    let control = Control::start(&scratch);
    let path = control.socket().to_owned();
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o660);
    control.stop();
    assert!(!path.exists());
}

#[test]
fn garbage_is_answered_and_harms_nobody() {
    let scratch = Scratch::new();
    let control = Control::start_with(&scratch, SHORT);
    let long = vec![b'x'; LINE_MAX + 10];
    let garbage: [&[u8]; 7] =
        [b"\n", b"{}\n", b"\xff\xfe\n", b"{\"request\":\"reboot\"}\n", b"no end", b"GET / HTTP/1.1\r\n\r\n", &long];
    for bytes in garbage {
        let (cause, text) = refusal(say(&control, bytes));
        assert_eq!((cause, text.is_empty()), (Cause::Request, false), "{:?}", &bytes[..bytes.len().min(20)]);
        assert_eq!(text.lines().count(), 1, "{text}");
    }
    assert_eq!(control.status().instance, "bng1");
}

#[test]
fn a_request_that_cannot_be_meant_is_refused() {
    let scratch = Scratch::new();
    let control = Control::start_with(&scratch, SHORT);
    let good = Apply { files: vec![file("/p.toml", 0)], ..Apply::default() };
    let cases = [
        (Apply::default(), "no file was sent"),
        (Apply { files: vec![file("p.toml", 0)], ..Apply::default() }, "is not absolute"),
        (Apply { files: vec![file("/p.toml", 4 << 30), file("/q", 1)], ..Apply::default() }, "the limit is 4294967296"),
        (Apply { files: vec![file("/p", u64::MAX), file("/q", 1)], ..Apply::default() }, "the limit is 4294967296"),
        (Apply { comment: Some("two\nlines".into()), ..good.clone() }, "one line of at most 200"),
        (Apply { comment: Some("x".repeat(201)), ..good.clone() }, "one line of at most 200"),
        (Apply { force: Some(" ".into()), ..good }, "needs a reason"),
    ];
    for (apply, expected) in cases {
        let (cause, text) = refusal(say(&control, &line(apply)));
        assert!(cause == Cause::Request && text.contains(expected), "{text}");
    }
}

#[test]
fn one_client_too_many_is_told_so_and_the_places_come_free() {
    let scratch = Scratch::new();
    let control = Control::start_with(&scratch, SHORT);
    let hanging: Vec<UnixStream> = (0..SHORT.clients).map(|_| UnixStream::connect(control.socket()).unwrap()).collect();
    let (cause, text) = refusal(say(&control, b"{\"request\":\"status\"}\n"));
    assert!(cause == Cause::Request && text.contains("4 clients are connected already"), "{text}");
    for stream in hanging {
        let (_, text) = refusal(hear(stream));
        assert!(text.contains("no whole line came within"), "{text}");
    }
    wait_for("a free place", || matches!(say(&control, b"{\"request\":\"status\"}\n"), Reply::Status(_)));
}

#[test]
fn one_commit_is_in_flight_and_a_second_is_told_which() {
    let scratch = Scratch::new();
    let _dataplane = Double::start(&scratch.socket(), Manner::Good);
    let control = Control::start_with(&scratch, SHORT);
    wait_for("connection", || control.status().dataplane.up);
    let mut first = UnixStream::connect(control.socket()).unwrap();
    first.write_all(&line(Apply { files: vec![file("/etc/first.toml", 100)], ..Apply::default() })).unwrap();
    first.write_all(b"schema = 1\n").unwrap();
    wait_for("in flight", || control.status().in_flight.is_some());
    let second = scratch.write("second.toml", "schema = 1\n");
    let (cause, text) = control.refused(&second);
    assert_eq!(cause, Cause::Busy);
    assert!(text.contains("/etc/first.toml") && text.contains("uid "), "{text}");
    let (cause, text) = refusal(hear(first));
    assert!(cause == Cause::State && text.contains("send it without pauses"), "{text}");
    wait_for("free", || control.status().in_flight.is_none());
    assert_eq!(control.apply(&second).generation, 1);
    assert_eq!(std::fs::read_dir(scratch.path("state/bng1")).unwrap().count(), 1, "uploads leave nothing");
}

#[test]
fn a_client_that_goes_while_it_sends_leaves_nothing() {
    let scratch = Scratch::new();
    let _dataplane = Double::start(&scratch.socket(), Manner::Good);
    let control = Control::start_with(&scratch, SHORT);
    wait_for("connection", || control.status().dataplane.up);
    let mut stream = UnixStream::connect(control.socket()).unwrap();
    stream.write_all(&line(Apply { files: vec![file("/p.toml", 100)], ..Apply::default() })).unwrap();
    wait_for("in flight", || control.status().in_flight.is_some());
    drop(stream);
    wait_for("free", || control.status().in_flight.is_none());
    assert_eq!(std::fs::read_dir(scratch.path("state/bng1")).unwrap().count(), 0);
}
