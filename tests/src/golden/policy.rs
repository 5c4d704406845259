//! The policy as plain vectors, and longest prefix match by looking at every entry.
//!
//! Refuses nothing: what an operator may write is checked by control; the model only has to say what it means.

use std::net::IpAddr;

use ipnet::IpNet;

/// What a pool does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// Nothing is judged.
    Off,
    /// What would drop is counted and passes.
    Monitor,
    /// Candidates are dropped.
    Enforce,
}

/// How a pool drops.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Drop {
    /// In silence.
    Silent,
    /// With a TCP reset to the subscriber.
    Reject,
}

/// A pool, or with `exempt` an exemption (then only the name counts).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pool {
    /// Name, unique over pools and exemptions.
    pub name: String,
    /// An exemption: its sources are never judged.
    pub exempt: bool,
    /// Off, monitor or enforce.
    pub stage: Stage,
    /// Silent drop or reject.
    pub action: Drop,
    /// `match = "all"`: every segment to port 25, not only SYNs.
    pub match_all: bool,
    /// Indexes of destination groups always reachable.
    pub allow: Vec<usize>,
    /// If set, only destinations in one of these groups are blocked.
    pub only: Option<Vec<usize>>,
    /// Percent of lines under enforcement, 0..=100.
    pub share: u8,
    /// Inbound answers from port 25 are stopped too.
    pub return_traffic: bool,
    /// `undetermined = "pass"`.
    pub undetermined_pass: bool,
    /// IPv6 bits that make one line, 32..=128.
    pub line_prefix: u8,
}

impl Pool {
    /// A pool with the defaults an operator gets, in stage enforce.
    #[must_use]
    pub fn enforce(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            exempt: false,
            stage: Stage::Enforce,
            action: Drop::Silent,
            match_all: false,
            allow: Vec::new(),
            only: None,
            share: 100,
            return_traffic: true,
            undetermined_pass: false,
            line_prefix: 64,
        }
    }

    /// An exemption.
    #[must_use]
    pub fn exemption(name: &str) -> Self {
        Self { exempt: true, ..Self::enforce(name) }
    }
}

/// The whole policy.
#[derive(Clone, Debug, Default)]
pub struct Policy {
    /// Pools and exemptions.
    pub pools: Vec<Pool>,
    /// Source table: prefix and index into `pools`; no prefix twice.
    pub sources: Vec<(IpNet, usize)>,
    /// Number of destination groups, at most 63.
    pub groups: usize,
    /// Destination table: prefix and group index below `groups`.
    pub destinations: Vec<(IpNet, usize)>,
    /// Our tunnel ends.
    pub endpoints: Vec<IpNet>,
}

impl Policy {
    /// Index of the pool or exemption of `address` and the length of the prefix that matched.
    /// "Source table: prefix → pool or exemption, longest prefix wins."
    #[must_use]
    pub fn source(&self, address: IpAddr) -> Option<(usize, u8)> {
        let mut best: Option<(usize, u8)> = None;
        for (prefix, pool) in &self.sources {
            if prefix.contains(&address) && best.is_none_or(|(_, length)| prefix.prefix_len() > length) {
                best = Some((*pool, prefix.prefix_len()));
            }
        }
        best
    }

    /// Whether `address` is in one of `wanted` destination groups.
    /// "a longer prefix adds its groups to those of the prefixes that cover it": so any covering prefix counts.
    #[must_use]
    pub fn in_groups(&self, address: IpAddr, wanted: &[usize]) -> bool {
        self.destinations.iter().any(|(prefix, group)| prefix.contains(&address) && wanted.contains(group))
    }

    /// Whether `address` is one of our tunnel ends.
    #[must_use]
    pub fn is_endpoint(&self, address: IpAddr) -> bool {
        self.endpoints.iter().any(|prefix| prefix.contains(&address))
    }
}

#[cfg(test)]
mod tests {
    use super::{Policy, Pool};

    fn policy() -> Policy {
        Policy {
            pools: vec![Pool::enforce("a"), Pool::exemption("b")],
            sources: vec![
                ("10.0.0.0/8".parse().unwrap(), 0),
                ("10.1.2.3/32".parse().unwrap(), 1),
                ("::/0".parse().unwrap(), 1),
            ],
            groups: 2,
            destinations: vec![("192.0.2.0/24".parse().unwrap(), 0), ("192.0.2.25/32".parse().unwrap(), 1)],
            endpoints: vec![],
        }
    }

    #[test]
    fn longest_prefix_wins_and_families_are_apart() {
        let policy = policy();
        assert_eq!(policy.source("10.1.2.4".parse().unwrap()), Some((0, 8)));
        assert_eq!(policy.source("10.1.2.3".parse().unwrap()), Some((1, 32)));
        assert_eq!(policy.source("11.0.0.1".parse().unwrap()), None);
        assert_eq!(policy.source("::ffff:10.1.2.4".parse().unwrap()), Some((1, 0)));
    }

    #[test]
    fn groups_of_covering_prefixes_add_up() {
        let policy = policy();
        let relay = "192.0.2.25".parse().unwrap();
        assert!(policy.in_groups(relay, &[0]) && policy.in_groups(relay, &[1]));
        assert!(!policy.in_groups("192.0.2.24".parse().unwrap(), &[1]));
    }
}
