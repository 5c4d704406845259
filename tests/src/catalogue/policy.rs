//! The one policy all vectors are judged under.
//! Each key of a pool has a pool that differs from the default in it alone, or nearly so.

use crate::golden::{Drop, Policy, Pool, Stage};

/// Destination groups: the ISP's own mail servers, mobile carriers, a partner inside the mobile carriers' space.
const OWN_MAIL: usize = 0;
const MOBILE: usize = 1;
const PARTNER: usize = 2;

/// The policy: a pool or exemption for each key of POLICY, our tunnel ends at 192.0.2.1 to .3 and 2001:db8:ffff::1.
#[must_use]
pub fn policy() -> Policy {
    let mut policy = Policy { groups: 3, ..Policy::default() };
    for (prefixes, pool) in pools() {
        let index = policy.pools.len();
        policy.sources.extend(prefixes.iter().map(|prefix| (net(prefix), index)));
        policy.pools.push(pool);
    }
    policy.destinations = [
        ("192.0.2.25/32", OWN_MAIL),
        ("2001:db8:25::/64", OWN_MAIL),
        ("198.18.0.0/16", MOBILE),
        ("2001:db8:e::/48", MOBILE),
        ("198.18.25.0/24", PARTNER),
    ]
    .map(|(prefix, group)| (net(prefix), group))
    .to_vec();
    policy.endpoints = ["192.0.2.1/32", "192.0.2.2/31", "2001:db8:ffff::1/128"].map(net).to_vec();
    policy
}

fn net(text: &str) -> ipnet::IpNet {
    text.parse().expect("a prefix written here")
}

/// A pool in enforce that allows the ISP's own mail servers.
fn pool(name: &str) -> Pool {
    Pool { allow: vec![OWN_MAIL], ..Pool::enforce(name) }
}

fn pools() -> Vec<(&'static [&'static str], Pool)> {
    vec![
        (&["203.0.113.0/24", "2001:db8:100::/40"], pool("dynamic")),
        (&["203.0.113.200/32", "2001:db8:100:ff::/64"], Pool::exemption("static")),
        (&["10.0.0.0/20", "10.0.1.9/32"], Pool::exemption("business")),
        (&["10.0.1.0/24"], pool("hotel")),
        (&["10.1.0.0/16", "2001:db8:200::/40"], Pool { stage: Stage::Monitor, ..pool("monitor") }),
        (&["10.2.0.0/16"], Pool { stage: Stage::Off, ..pool("off") }),
        (&["10.3.0.0/16", "2001:db8:300::/40"], Pool { action: Drop::Reject, ..pool("reject") }),
        (&["10.4.0.0/16", "2001:db8:400::/40"], Pool { match_all: true, ..pool("all") }),
        (&["10.5.0.0/16"], Pool { match_all: true, action: Drop::Reject, ..pool("all-reject") }),
        (&["10.6.0.0/16"], Pool { only: Some(vec![MOBILE]), ..pool("only") }),
        (&["10.7.0.0/16", "2001:db8:700::/40"], Pool { share: 50, line_prefix: 56, ..pool("share") }),
        (&["10.8.0.0/16"], Pool { undetermined_pass: true, ..pool("passing") }),
        (&["10.9.0.0/16"], Pool { return_traffic: false, ..pool("no-return") }),
        (&["10.10.0.0/16"], Pool { share: 0, ..pool("share-0") }),
        (&["10.11.0.0/16"], Pool { stage: Stage::Monitor, undetermined_pass: true, ..pool("monitor-passing") }),
        (&["10.12.0.0/16"], Pool { stage: Stage::Off, match_all: true, ..pool("off-all") }),
        (&["10.13.0.0/16"], Pool { allow: vec![PARTNER], only: Some(vec![MOBILE]), ..pool("both") }),
        (&["2001:db8:800:100::/56"], Pool { line_prefix: 48, ..pool("long-prefix") }),
        // Sources no subscriber has: multicast, loopback and such are never answered.
        (
            &["127.0.0.0/8", "224.0.0.0/4", "0.0.0.0/32", "255.255.255.255/32", "::/128", "::1/128", "ff00::/8"],
            Pool { action: Drop::Reject, ..pool("odd-reject") },
        ),
    ]
}
