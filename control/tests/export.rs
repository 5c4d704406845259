//! What a scrape and the command line say of the same telemetry, and what a scrape gets in bad times.
#![forbid(unsafe_code)]

#[path = "double/control.rs"]
mod control;
mod double;

use std::collections::HashMap;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};

use control::Control;
use double::{Double, Manner, Scratch, wait_for};
use gate25_control::export::{self, Limits, family};
use gate25_include::counters::{
    Effect, Kind, LinkCounter, PoolCounter, PortCounter, ProcessCounter, Reason, Scope, WorkerCounter,
};
use gate25_include::telemetry::Direction;
use serde_json::Value;

const POLICY: &str = "schema = 1\n[[pool]]\nname = \"east-pool\"\nprefixes = [\"203.0.113.0/24\"]\n";

fn serve(control: &Control, limits: Limits) -> SocketAddr {
    export::serve("127.0.0.1:0".parse().unwrap(), limits, Arc::clone(&control.shared)).unwrap()
}

/// Status line and body.
fn get(address: SocketAddr, path: &str) -> (String, String) {
    ask(address, format!("GET {path} HTTP/1.1\r\nhost: x\r\n\r\n").as_bytes())
}

fn ask(address: SocketAddr, request: &[u8]) -> (String, String) {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    let _ = stream.write_all(request);
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer);
    let answer = String::from_utf8(answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap_or((&answer, ""));
    (head.lines().next().unwrap_or_default().to_owned(), body.to_owned())
}

/// Series and their values.
fn series(address: SocketAddr) -> HashMap<String, f64> {
    let (status, body) = get(address, "/metrics");
    assert_eq!(status, "HTTP/1.1 200 OK");
    let samples = body.lines().filter(|line| !line.starts_with('#'));
    samples
        .map(|line| line.rsplit_once(' ').unwrap())
        .map(|(name, value)| (name.to_owned(), value.parse().unwrap()))
        .collect()
}

fn gate25(scratch: &Scratch, arguments: &[&str]) -> Value {
    let run_dir = scratch.path("run");
    let mut command = Command::new(env!("CARGO_BIN_EXE_gate25"));
    command.args(["--json", "--instance", "bng1", "--run-dir", run_dir.to_str().unwrap()]).args(arguments);
    let output = command.output().unwrap();
    assert!(output.status.success(), "{output:?}");
    serde_json::from_slice(&output.stdout).unwrap()
}

/// Gives every word of the telemetry a value of its own.
fn fill(double: &Double) {
    let telemetry = &double.telemetry;
    let mut next = 1000;
    let mut value = || {
        next += 1;
        next
    };
    for worker in 0..2 {
        let blocks = telemetry.worker(worker);
        WorkerCounter::ALL.iter().for_each(|counter| blocks.own.set(*counter, value()));
        for (link, direction) in
            [(0, Direction::Outbound), (0, Direction::Inbound), (1, Direction::Outbound), (1, Direction::Inbound)]
        {
            let block = blocks.link(link, direction);
            LinkCounter::ALL.iter().for_each(|counter| block.add(*counter, value()));
            Reason::ALL.iter().for_each(|reason| block.reason(*reason, value()));
        }
        PoolCounter::ALL.iter().for_each(|counter| blocks.pool(0, *counter, value()));
    }
    for counter in [ProcessCounter::Refused, ProcessCounter::Planned, ProcessCounter::OnTime, ProcessCounter::Mbufs] {
        telemetry.process().set(counter, value());
    }
    for port in 0..4 {
        PortCounter::ALL.iter().for_each(|counter| telemetry.port(port).set(*counter, value()));
        telemetry.port(port).set(PortCounter::Queues, 2);
    }
}

/// Each counter of each row is in the metrics, with the row's value.
fn same<S: Scope>(rows: &Value, labels: &dyn Fn(&Value) -> String, sample: &dyn Fn(&str, &str) -> f64, skip: &[&str]) {
    for row in rows.as_array().unwrap() {
        for counter in S::ALL.iter().filter(|counter| !skip.contains(&counter.counter().name)) {
            let shown =
                row[counter.counter().name].as_u64().unwrap_or_else(|| panic!("{} not shown", counter.counter().name));
            let family = family(*counter);
            assert_eq!(sample(&family.name, &labels(row)), shown as f64 * family.factor, "{}", family.name);
            assert_eq!(family.name.ends_with("_total"), counter.counter().kind == Kind::Counter);
        }
    }
}

fn workers_agree(workers: &Value, sample: &dyn Fn(&str, &str) -> f64) {
    let bursts: Vec<&str> =
        WorkerCounter::ALL.iter().map(|one| one.counter().name).filter(|name| name.starts_with("burst")).collect();
    same::<WorkerCounter>(workers, &|row| format!("worker=\"{}\"", row["worker"]), sample, &bursts);
    for row in workers.as_array().unwrap() {
        let worker = format!("worker=\"{}\"", row["worker"]);
        let total: u64 = bursts.iter().map(|name| row[*name].as_u64().unwrap()).sum();
        assert_eq!(sample("gate25_worker_burst_frames_count", &worker), total as f64);
        assert_eq!(sample("gate25_worker_burst_frames_sum", &worker), row["rx_frames"].as_f64().unwrap());
        assert_eq!(
            sample("gate25_worker_burst_frames_bucket", &format!("{worker},le=\"1\"")),
            row["burst_le_1"].as_f64().unwrap()
        );
    }
}

/// A port's queues add up to what its link counted, in rows and metrics.
fn queues_agree(ports: &Value, links: &Value, sample: &dyn Fn(&str, &str) -> f64) {
    for row in ports.as_array().unwrap() {
        let (comes, leaves) = if row["side"] == "access" { ("outbound", "inbound") } else { ("inbound", "outbound") };
        let link = |direction: &str, counter: &str| {
            let of = |one: &&Value| one["link"] == row["link"] && one["direction"] == direction;
            links.as_array().unwrap().iter().find(of).unwrap()[counter].as_u64().unwrap()
        };
        let queues = row["per_queue"].as_array().unwrap();
        assert_eq!(queues.len(), 2);
        let sum = |key: &str| queues.iter().map(|queue| queue[key].as_u64().unwrap()).sum::<u64>();
        assert_eq!(sum("rx_frames"), link(comes, "rx_frames"));
        assert_eq!(sum("tx_frames"), link(leaves, "forwarded_frames") + link(comes, "rejects"));
        assert_eq!(sum("unsent"), link(leaves, "unsent_frames"));
        assert_eq!(row["unsent"], sum("unsent"));
        for queue in queues {
            let labels = format!("link={},side={},queue=\"{}\"", row["link"], row["side"], queue["queue"]);
            assert_eq!(sample("gate25_queue_rx_frames_total", &labels), queue["rx_frames"].as_f64().unwrap());
        }
    }
}

#[test]
fn command_line_and_metrics_agree_with_the_table_of_counters() {
    let scratch = Scratch::new();
    let dataplane = Double::start(&scratch.socket(), Manner::Good);
    let control = Control::start(&scratch);
    let address = serve(&control, Limits::default());
    wait_for("connection", || control.status().dataplane.up);
    control.apply(&scratch.write("policy.toml", POLICY));
    fill(&dataplane);
    wait_for("image", || control.status().dataplane.generation == 1);
    let metrics = series(address);
    let sample = |name: &str, labels: &str| {
        let series = if labels.is_empty() { name.to_owned() } else { format!("{name}{{{labels}}}") };
        *metrics.get(&series).unwrap_or_else(|| panic!("no series {series}"))
    };
    workers_agree(&gate25(&scratch, &["show", "workers"]), &sample);
    let link = |row: &Value| format!("link={},direction={}", row["link"], row["direction"]);
    let links = gate25(&scratch, &["show", "links"]);
    same::<LinkCounter>(&links, &link, &sample, &[]);
    for row in links.as_array().unwrap() {
        for reason in Reason::ALL {
            let action = if reason.effect() == Effect::Pass { "pass" } else { "drop" };
            let labels = format!("{},action=\"{action}\",reason=\"{}\"", link(row), reason.name());
            assert_eq!(sample("gate25_verdict_frames_total", &labels), row["reasons"][reason.name()].as_f64().unwrap());
        }
    }
    let ports = gate25(&scratch, &["show", "ports"]);
    same::<PortCounter>(&ports, &|row| format!("link={},side={}", row["link"], row["side"]), &sample, &[]);
    queues_agree(&ports, &links, &sample);
    for row in gate25(&scratch, &["show", "pools"]).as_array().unwrap() {
        for counter in PoolCounter::ALL {
            let name = counter.counter().name;
            let labels = format!("pool={},reason=\"{name}\"", row["pool"]);
            assert_eq!(sample("gate25_pool_frames_total", &labels), row[name].as_f64().unwrap());
        }
    }
    let process = gate25(&scratch, &["show", "status"]);
    // The heart beats on between the two; halves of the digest are no samples.
    let skip = ["heartbeat", "digest_low", "digest_high"];
    let counters = Value::Array(vec![process["dataplane"]["counters"].clone()]);
    same::<ProcessCounter>(&counters, &|_| String::new(), &sample, &skip);
    skip.iter().for_each(|name| assert!(counters[0][name].is_u64(), "{name}"));
    assert_eq!(sample("gate25_dataplane_adopted_total", ""), 1.0);
    assert_eq!(sample("gate25_policy_digest_match", ""), 1.0);
    assert_eq!(get(address, "/readyz").0, "HTTP/1.1 200 OK");
}

#[test]
fn every_action_and_reason_is_there_from_the_start() {
    let scratch = Scratch::new();
    let _dataplane = Double::start(&scratch.socket(), Manner::Good);
    let control = Control::start(&scratch);
    let address = serve(&control, Limits::default());
    wait_for("connection", || control.status().dataplane.up);
    let metrics = series(address);
    let verdicts = metrics.iter().filter(|(name, _)| name.starts_with("gate25_verdict_frames_total"));
    assert_eq!(verdicts.inspect(|(_, value)| assert_eq!(**value, 0.0)).count(), 2 * 2 * Reason::COUNT);
    assert_eq!(metrics["gate25_control_commits_total{result=\"refused\"}"], 0.0);
    let reload = |metrics: &HashMap<String, f64>| {
        let success = metrics["gate25_policy_last_reload_success_timestamp_seconds"];
        (metrics["gate25_policy_last_reload_successful"], success > 0.0)
    };
    assert_eq!(reload(&metrics), (1.0, false));
    let good = scratch.write("policy.toml", POLICY);
    control.apply(&good);
    assert_eq!(reload(&series(address)), (1.0, true));
    control.refused(&scratch.write("bad.toml", "schema = 9\n"));
    assert_eq!(reload(&series(address)), (0.0, true));
    control.apply(&good);
    assert_eq!(reload(&series(address)), (1.0, true));
}

#[test]
fn a_dataplane_that_is_gone_or_hangs_gives_up_0_at_once() {
    let scratch = Scratch::new();
    let control = Control::start(&scratch);
    let address = serve(&control, Limits::default());
    assert_eq!(series(address)["gate25_up"], 0.0);
    assert_eq!(get(address, "/readyz").0, "HTTP/1.1 503 Service Unavailable");
    assert_eq!(get(address, "/healthz"), ("HTTP/1.1 200 OK".into(), "ok\n".into()));
    let dataplane = Double::start(&scratch.socket(), Manner::Good);
    wait_for("up", || series(address)["gate25_up"] == 1.0);
    dataplane.behave(Manner::Hangs);
    wait_for("hung", || series(address)["gate25_up"] == 0.0);
    drop(dataplane);
    wait_for("gone", || !series(address).keys().any(|name| name.starts_with("gate25_verdict_frames_total")));
    let _dataplane = Double::start(&scratch.socket(), Manner::Good);
    wait_for("up again", || series(address)["gate25_up"] == 1.0);
}

#[test]
fn slow_and_hostile_clients_do_not_keep_a_scrape_out() {
    let scratch = Scratch::new();
    let control = Control::start(&scratch);
    let limits = Limits { connections: 8, ..Limits::default() };
    let address = serve(&control, limits);
    let slow: Vec<TcpStream> = (0..32)
        .map(|_| {
            let mut stream = TcpStream::connect(address).unwrap();
            stream.write_all(b"GET /metrics HTTP/1.1\r\nx: ").unwrap();
            stream
        })
        .collect();
    let begun = Instant::now();
    for _ in 0..20 {
        assert_eq!(series(address)["gate25_up"], 0.0);
    }
    assert!(begun.elapsed() < limits.head, "no scrape waited for a slow one to run out of time");
    let closed = slow.iter().filter(|stream| {
        stream.set_read_timeout(Some(Duration::from_millis(20))).unwrap();
        let mut stream: &TcpStream = stream;
        !matches!(stream.read(&mut [0]), Err(error) if error.kind() == std::io::ErrorKind::WouldBlock)
    });
    assert!(closed.count() >= 32 - limits.connections, "the oldest made room");
    drop(slow);
    let short = Limits { head: Duration::from_millis(300), ..Limits::default() };
    let mut dripping = TcpStream::connect(serve(&control, short)).unwrap();
    dripping.write_all(b"GET /metrics HTTP/1.1\r\n").unwrap();
    dripping.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
    let _ = dripping.read_to_end(&mut Vec::new()).expect("closed when its time for the head was over");
    assert_eq!(ask(address, b"POST /metrics HTTP/1.1\r\nhost: x\r\n\r\n").0, "HTTP/1.1 405 Method Not Allowed");
    assert_eq!(get(address, "/nothing").0, "HTTP/1.1 404 Not Found");
    assert_eq!(ask(address, &[0xff; 4096]).0, "HTTP/1.1 400 Bad Request");
    let long = [b"GET /metrics HTTP/1.1\r\nx: ".to_vec(), vec![b'a'; 100_000], b"\r\n\r\n".to_vec()].concat();
    let status = ask(address, &long).0;
    assert!(status.is_empty() || status.contains("431"), "{status}");
    assert_eq!(series(address)["gate25_up"], 0.0);
}

#[test]
fn series_stay_under_2000_and_hold_no_address() {
    let scratch = Scratch::new();
    let dataplane = Double::start_with(&scratch.socket(), Manner::Good, &["a", "b", "c", "d"], 8);
    let control = Control::start(&scratch);
    let address = serve(&control, Limits::default());
    wait_for("connection", || control.status().dataplane.up);
    let pool = |number: usize| format!("[[pool]]\nname = \"pool-{number}\"\nprefixes = [\"10.{number}.0.0/16\"]\n");
    let text = format!("schema = 1\n{}", (0..100).map(pool).collect::<String>());
    control.apply(&scratch.write("policy.toml", &text));
    wait_for("image", || control.status().dataplane.generation == 1);
    assert_eq!(dataplane.adopted(), [1]);
    (0..8).for_each(|port| dataplane.telemetry.port(port).set(PortCounter::Queues, 8));
    let metrics = series(address);
    let queues = metrics.keys().filter(|name| name.starts_with("gate25_queue_")).count();
    assert_eq!(queues, 4 * 2 * 8, "each queue of each port");
    assert!((1500..2000).contains(&metrics.len()), "{} series", metrics.len());
    assert!(metrics.keys().all(|name| !name.contains("10.") && !name.contains("::")));
}
