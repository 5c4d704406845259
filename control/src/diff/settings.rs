//! Keys of two policies, section by section.

use std::collections::BTreeMap;

use crate::config::{Word, format_time};
use crate::policy::{Exempt, Policy, Pool};

/// A key with another value, or a section that came or went.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct SettingChange {
    /// As in `pool "east"`; `policy` for keys of the whole file.
    pub section: String,
    /// The key; none if the section itself came or went.
    pub key: Option<&'static str>,
    /// The value before; none if there was none.
    pub before: Option<String>,
    /// The value now.
    pub after: Option<String>,
}

/// All of them: the whole file's first, then by section, then by key.
pub(super) fn changes(old: &Policy, new: &Policy) -> Vec<SettingChange> {
    let (old, new) = (sections(old), sections(new));
    let names: std::collections::BTreeSet<_> = old.keys().chain(new.keys()).collect();
    names.into_iter().flat_map(|name| section(&name.1, old.get(name), new.get(name))).collect()
}

/// The values of a section by key.
type Values = BTreeMap<&'static str, String>;

fn section(name: &str, old: Option<&Values>, new: Option<&Values>) -> Vec<SettingChange> {
    let whole = |before: Option<&str>, after: Option<&str>| {
        let (before, after) = (before.map(str::to_owned), after.map(str::to_owned));
        vec![SettingChange { section: name.to_owned(), key: None, before, after }]
    };
    let (old, new) = match (old, new) {
        (Some(old), Some(new)) => (old, new),
        (None, Some(_)) => return whole(None, Some("new")),
        _ => return whole(Some("removed"), None),
    };
    let keys: std::collections::BTreeSet<_> = old.keys().chain(new.keys()).collect();
    let differs = keys.into_iter().filter(|key| old.get(*key) != new.get(*key));
    let change = |key: &&'static str| SettingChange {
        section: name.to_owned(),
        key: Some(key),
        before: old.get(key).cloned(),
        after: new.get(key).cloned(),
    };
    differs.map(change).collect()
}

/// All sections, in the order in which they are listed.
fn sections(policy: &Policy) -> BTreeMap<(usize, String), Values> {
    let whole =
        [("reject_rate", policy.reject_rate.to_string()), ("max_flip_percent", policy.max_flip_percent.to_string())];
    let pools = policy.pools.iter().map(|one| ((1, format!("pool \"{}\"", one.name)), of_pool(policy, one)));
    let exempts = policy.exempts.iter().map(|one| ((2, format!("exempt \"{}\"", one.name)), of_exempt(one)));
    let groups = policy.destinations.iter().map(|one| ((3, format!("destination \"{}\"", one.name)), Values::new()));
    let tunnels = policy.tunnels.iter().map(|one| ((4, format!("tunnel \"{}\"", one.name)), Values::new()));
    let named = pools.chain(exempts).chain(groups).chain(tunnels);
    std::iter::once(((0, "policy".to_owned()), Values::from(whole))).chain(named).collect()
}

fn of_pool(policy: &Policy, pool: &Pool) -> Values {
    let groups = |mask: u64| {
        let mut names = policy.group_names(mask);
        names.sort_unstable();
        names.join(", ")
    };
    let mut values = Values::from([
        ("stage", pool.stage.word().to_owned()),
        ("action", pool.action.word().to_owned()),
        ("match", pool.matching.word().to_owned()),
        ("allow", groups(pool.allow)),
        ("share", pool.share.to_string()),
        ("return_traffic", pool.return_traffic.to_string()),
        ("undetermined", pool.undetermined.word().to_owned()),
        ("line_prefix", pool.line_prefix.to_string()),
    ]);
    values.extend(pool.only.map(|only| ("only", groups(only))));
    values.extend(pool.enforce_from.map(|time| ("enforce_from", format_time(time))));
    values
}

fn of_exempt(exempt: &Exempt) -> Values {
    exempt.expires.map(|time| ("expires", format_time(time))).into_iter().collect()
}
