//! A step's sentence with the names and places that only the policy knows.

use std::net::IpAddr;

use gate25_path::walk::Step;
use ipnet::IpNet;

use crate::policy::Owner;
use crate::replay::Rules;

/// The sentence of a step: what the packet path says, or more where the policy has a name and a place for it.
pub(super) fn sentence(rules: &Rules, step: &Step) -> String {
    match *step {
        Step::Source { address, matched: Some(found) } => source(rules, address, found.prefix_len),
        Step::Destination { address, groups } => destination(rules, address, groups),
        _ => step.to_string(),
    }
}

/// Which pool or exemption an address belongs to, by which prefix, written where.
fn source(rules: &Rules, address: IpAddr, length: u8) -> String {
    let place = IpNet::new(address, length).ok().map(|prefix| prefix.trunc());
    let found = place.and_then(|prefix| Some((prefix, rules.policy.at(rules.at).source_origin(prefix)?)));
    match found {
        Some((prefix, (owner, at))) => {
            let (kind, name) = match owner {
                Owner::Pool(index) => ("pool", rules.policy.pools.get(index).map(|pool| &pool.name)),
                Owner::Exempt(index) => ("exempt", rules.policy.exempts.get(index).map(|exempt| &exempt.name)),
            };
            let name = name.map_or("", String::as_str);
            format!("subscriber {address}: {kind} \"{name}\" by {prefix} ({at})")
        }
        None => format!("subscriber {address}: by its first {length} bits"),
    }
}

/// Which destination groups an address is in, by which prefixes, written where.
fn destination(rules: &Rules, address: IpAddr, groups: u64) -> String {
    if groups == 0 {
        return format!("far side {address}: in no destination group");
    }
    let bits = if address.is_ipv4() { 32 } else { 128 };
    let prefixes = (0..=bits).rev().filter_map(|length| Some(IpNet::new(address, length).ok()?.trunc()));
    let found = prefixes.flat_map(|prefix| {
        let origins = rules.policy.destination_origins(prefix).into_iter();
        origins.map(move |(group, at)| (group, prefix, at))
    });
    let found = found.map(|(group, prefix, at)| {
        let name = rules.policy.destinations.get(group).map_or("", |group| group.name.as_str());
        format!("\"{name}\" by {prefix} ({at})")
    });
    format!("far side {address}: destination {}", found.collect::<Vec<_>>().join(", "))
}
