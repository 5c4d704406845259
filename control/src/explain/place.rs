//! A step's sentence with the names and places that only image and policy know.

use std::net::IpAddr;

use gate25_include::image::{Kind, SourceMatch};
use gate25_path::walk::Step;
use ipnet::IpNet;

use super::Ground;
use crate::api::Origin;

/// The sentence of a step: what the packet path says, or more where there is a name and a place for it.
pub(super) fn sentence(ground: &Ground<'_>, step: &Step) -> String {
    match *step {
        Step::Source { address, matched: Some(found) } => source(ground, address, found),
        Step::Destination { address, groups } => destination(ground, address, groups),
        _ => step.to_string(),
    }
}

/// Which pool or exemption an address belongs to, by which prefix, written where.
fn source(ground: &Ground<'_>, address: IpAddr, found: SourceMatch) -> String {
    let pool = ground.image.and_then(|image| image.pool(found.pool));
    let kind = if pool.is_some_and(|pool| pool.kind == Kind::Exempt) { "exempt" } else { "pool" };
    let name = pool.map_or("", |pool| pool.name);
    let Ok(prefix) = IpNet::new(address, found.prefix_len).map(|prefix| prefix.trunc()) else {
        return format!("subscriber {address}: {kind} \"{name}\"");
    };
    let origin = (ground.origins)(Some(prefix), None).and_then(|origins| origins.source);
    let place = origin.map_or_else(String::new, |origin| format!(" ({})", place(&origin)));
    format!("subscriber {address}: {kind} \"{name}\" by {prefix}{place}")
}

/// Which destination groups an address is in, by which prefixes, written where.
fn destination(ground: &Ground<'_>, address: IpAddr, groups: u64) -> String {
    if groups == 0 {
        return format!("far side {address}: in no destination group");
    }
    let origins = (ground.origins)(None, Some(address)).map(|origins| origins.destinations);
    let found: Vec<String> = match origins {
        Some(origins) => {
            let all = origins.iter().rev();
            all.map(|origin| format!("\"{}\" by {} ({})", origin.name, origin.prefix, place(origin))).collect()
        }
        None => {
            let names = ground.image.into_iter().flat_map(|image| image.groups()).enumerate();
            let names = names.filter(|(bit, _)| groups >> bit & 1 == 1);
            names.map(|(_, name)| format!("\"{name}\"")).collect()
        }
    };
    format!("far side {address}: destination {}", found.join(", "))
}

fn place(origin: &Origin) -> String {
    format!("{}:{}:{}", origin.file.display(), origin.line, origin.column)
}
