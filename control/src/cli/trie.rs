//! `gate25 explain --trie ADDRESS`: how the workers' source table finds an address, step by step. Which word is read,
//! what stands there and what it says; include/README.md draws the tables.

use std::net::IpAddr;

use ipnet::IpNet;
use serde_json::{Value, json};

use super::output::{self, Exit, Failure, hex};
use super::{Context, table};
use crate::publish::{Dataplane, PATIENCE};

/// Asks the dataplane for the image it runs, and walks it.
pub(super) fn run(address: IpAddr, context: &Context) -> Result<Exit, Failure> {
    let image = Dataplane::connect(&context.dataplane_socket(), PATIENCE)?.image()?;
    let Some(image) = image else {
        return Err(Failure::Other("no policy is in force: there is no table to look in".into()));
    };
    let mut steps: Vec<Value> = Vec::new();
    image.walk_source(address, &mut |step| {
        let read = format!("{:#010x}", step.read);
        steps.push(json!({ "step": step.what, "word": step.at, "read": read, "says": step.says }));
    });
    let found = image.source(address);
    let pool = found.and_then(|found| image.pool(found.pool));
    let value = json!({
        "address": address,
        "generation": image.generation(),
        "digest": hex(image.digest()),
        "steps": steps,
        "pool": pool.map(|pool| pool.name),
        "prefix": found.and_then(|found| IpNet::new(address, found.prefix_len).ok()).map(|prefix| prefix.trunc()),
        "prefix_len": found.map(|found| found.prefix_len),
    });
    if context.json {
        return output::json(&value);
    }
    output::data(&in_words(&value))
}

fn in_words(value: &Value) -> String {
    let steps = value["steps"].as_array().map_or(&[][..], Vec::as_slice);
    let text = table::table(&[("STEP", "step"), ("WORD", "word"), ("READ", "read"), ("SAYS", "says")], steps);
    let found = match value["pool"].as_str() {
        Some(pool) => format!("{pool} by {}", table::cell(&value["prefix"])),
        None => "in no pool and no exemption".to_owned(),
    };
    format!("{text}{}: {found}\n", table::cell(&value["address"]))
}
