//! `gate25 explain --frame HEX` and `--pcap F --packet N`: the walk of one frame.
//!
//! Under the image the workers read or, with `--policy`, under a file, as for two addresses.

use std::io;
use std::net::IpAddr;
use std::path::Path;

use gate25_include::image::Image;
use gate25_path::Direction;
use ipnet::IpNet;

use super::Context;
use super::output::{self, Exit, Failure, hex};
use crate::api::{self, Reply, Request};
use crate::explain::{Ground, Which};
use crate::publish::{Dataplane, PATIENCE};
use crate::replay::{ReplayError, Rules};
use crate::supervise::{now, origins};

/// Tells the walk under a policy file at a time.
pub(super) fn by_file(
    which: &Which,
    direction: Direction,
    file: &Path,
    at: Option<i64>,
    context: &Context,
) -> Result<Exit, Failure> {
    let rules = Rules::load(file, at.unwrap_or_else(now), None)?;
    for warning in rules.warnings(None) {
        output::talk(&format!("warning: {warning}"));
    }
    let effective = rules.policy.at(rules.at);
    let places = |source, destination| Some(origins(&effective, source, destination));
    print(which, direction, &Ground { image: Some(&rules.image), at: rules.at, origins: &places }, context)
}

/// Tells the walk under what the workers run; places come from control if it holds that policy.
pub(super) fn by_workers(which: &Which, direction: Direction, context: &Context) -> Result<Exit, Failure> {
    let image = Dataplane::connect(&context.dataplane_socket(), PATIENCE)?.image()?;
    let at = image.as_ref().map_or_else(now, Image::compiled_at);
    let digest = image.as_ref().map(|image| hex(image.digest()));
    let ask = |source: Option<IpNet>, destination: Option<IpAddr>| match api::ask(
        &context.control_socket(),
        &Request::Origin { source, destination },
    ) {
        Ok(Reply::Origin(origins)) if Some(&origins.digest) == digest.as_ref() => Ok(origins),
        Ok(_) => Err("gate25-control holds another policy than the one that runs".to_owned()),
        Err(error) => Err(error.to_string()),
    };
    if image.is_some()
        && let Err(why) = ask(None, None)
    {
        output::talk(&format!("places in the policy are not known: {why}"));
    }
    let places = |source, destination| ask(source, destination).ok();
    print(which, direction, &Ground { image: image.as_ref(), at, origins: &places }, context)
}

fn print(which: &Which, direction: Direction, ground: &Ground<'_>, context: &Context) -> Result<Exit, Failure> {
    match which.explain(ground, direction, context.json, &mut io::stdout().lock()) {
        Err(ReplayError::Summary(error)) => output::unless_closed(Err(error)),
        other => Ok(other.map(|()| Exit::Ok)?),
    }
}
