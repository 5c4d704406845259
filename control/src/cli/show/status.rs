//! `gate25 show status`: the dataplane, what it runs, and what control holds.

use gate25_include::counters::ProcessCounter;
use gate25_include::handover::Status;
use gate25_include::image::Image;
use serde_json::{Map, Value, json};

use super::super::output::{self, Exit, Failure, hex};
use super::super::{Context, table};
use super::{connect, rows};
use crate::api::{self, ControlStatus, PolicyState, Reply, Request};
use crate::config::format_time;
use crate::supervise::now;

pub(in crate::cli) fn run(context: &Context) -> Result<Exit, Failure> {
    let dataplane = dataplane(context)?;
    let control = match api::ask(&context.control_socket(), &Request::Status) {
        Ok(Reply::Status(status)) => Some(*status),
        Ok(_) => return Err(Failure::Answer),
        Err(error) => {
            output::talk(&format!("note: {error}"));
            None
        }
    };
    if context.json {
        return output::json(&json!({ "dataplane": dataplane, "control": control }));
    }
    let mut lines = Vec::new();
    of_dataplane(&dataplane, &mut lines);
    of_control(control.as_ref(), &mut lines);
    output::data(&lines.iter().fold(String::new(), |text, (key, value)| text + &format!("{key:<16}{value}\n")))
}

fn dataplane(context: &Context) -> Result<Value, Failure> {
    let (mut dataplane, telemetry) = connect(context)?;
    let status = dataplane.status()?;
    let image = dataplane.image()?;
    let welcome = dataplane.welcome();
    let process: Map<String, Value> = rows::scope(|counter: ProcessCounter| telemetry.process(counter));
    let mut value = json!({
        "instance": welcome.instance,
        "pid": welcome.pid,
        "incarnation": welcome.incarnation,
        "started_at": time(welcome.started_at),
        "workers": status.workers,
        "links": status.links,
        "policy": policy(&status, image.as_ref()),
        "counters": process,
    });
    value["answers"] = true.into();
    Ok(value)
}

fn policy(status: &Status, image: Option<&Image>) -> Value {
    let overdue = image.and_then(Image::next_change).is_some_and(|second| second <= now());
    json!({
        "generation": status.generation,
        "highest_generation": status.highest_generation,
        "previous_generation": status.previous_generation,
        "digest": hex(status.digest),
        "confirm_left_ms": status.confirm_left_ms,
        "pools": image.map_or(0, Image::pool_count),
        "compiled_at": image.map(|image| format_time(image.compiled_at())),
        "next_change": image.and_then(Image::next_change).map(format_time),
        "overdue": overdue,
    })
}

fn time(second: u64) -> String {
    format_time(i64::try_from(second).unwrap_or(i64::MAX))
}

type Lines = Vec<(&'static str, String)>;

fn of_dataplane(value: &Value, lines: &mut Lines) {
    let cell = |value: &Value| table::cell(value);
    let policy = &value["policy"];
    lines.push(("dataplane", format!("{} (process {})", cell(&value["instance"]), cell(&value["pid"]))));
    lines.push(("started", cell(&value["started_at"])));
    lines.push(("workers, links", format!("{}, {}", cell(&value["workers"]), cell(&value["links"]))));
    if policy["generation"] == 0 {
        return lines.push(("in force", "no policy: everything passes; gate25 apply FILE".into()));
    }
    lines.push(("in force", format!("generation {}, {} pools and exemptions", policy["generation"], policy["pools"])));
    lines.push(("digest", cell(&policy["digest"])));
    lines.push(("compiled", cell(&policy["compiled_at"])));
    let overdue = if policy["overdue"] == true { ", OVERDUE: is gate25-control running?" } else { "" };
    let planned = match value["counters"]["planned"].as_u64() {
        None | Some(0) => String::new(),
        Some(1) => ", ready in the dataplane".into(),
        Some(count) => format!(", ready in the dataplane with {} more", count - 1),
    };
    lines.push(("changes next", format!("{}{planned}{overdue}", cell(&policy["next_change"]))));
    if policy["confirm_left_ms"] != 0 {
        let left = policy["confirm_left_ms"].as_u64().unwrap_or(0) / 1000;
        lines.push(("unconfirmed", format!("rolled back in {left} s; gate25 confirm keeps it")));
    }
    let adopted = &value["counters"];
    lines.push((
        "images",
        format!("{} adopted, {} refused, {} rolled back", adopted["adopted"], adopted["refused"], adopted["rollbacks"]),
    ));
}

fn of_control(control: Option<&ControlStatus>, lines: &mut Lines) {
    let Some(control) = control else {
        return lines.push(("control", "does not answer".into()));
    };
    lines.push(("control", format!("{} (process {})", control.version, control.pid)));
    let of = |policy: &PolicyState| {
        format!("of {} by uid {}: {}", format_time(policy.applied_at), policy.by.uid, policy.path.display())
    };
    match &control.policy {
        Some(policy) => lines.push(("policy", format!("{} {}", policy.number, of(policy)))),
        None => lines.push(("policy", "none is kept".into())),
    }
    lines.extend(control.awaiting.iter().map(|policy| ("to be confirmed", of(policy))));
    if control.dataplane.digest_match == Some(false) {
        lines.push(("WARNING", "the dataplane does not run the policy that control keeps".into()));
    }
    lines.extend(control.in_flight.iter().map(|commit| ("under way", commit.clone())));
    lines.extend(control.problem.iter().map(|problem| ("PROBLEM", problem.clone())));
}
