//! Guard rails: counted against an enumeration of every address, and each rail at its limit.
#![forbid(unsafe_code)]

mod common;

use std::collections::{BTreeMap, BTreeSet};

use common::Folder;
use gate25_control::guard::{Comparison, Space, compare};
use gate25_control::policy::Policy;
use proptest::prelude::*;

fn load(text: &str) -> Policy {
    Folder::new(text).load_at(0, &Default::default()).unwrap()
}

// ---- an enumeration of every address of two small networks ----

/// One prefix in one of the two networks: offset 0..=255 and length 0..=8 in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
struct Small {
    v6: bool,
    offset: u8,
    len: u8,
}

#[derive(Debug, Clone)]
struct SmallPool {
    stage: &'static str,
    enforce_from: Option<i64>,
    share: u64,
    matching: &'static str,
    return_traffic: bool,
    allow: bool,
    only: bool,
    line_prefix: u8,
}

#[derive(Debug, Clone)]
struct SmallPolicy {
    pools: Vec<SmallPool>,
    /// When each exemption expires.
    exempts: Vec<Option<i64>>,
    /// Prefixes and whose they are: pools, then exemptions.
    prefixes: BTreeMap<Small, usize>,
}

const NOW: i64 = 50;

impl SmallPolicy {
    fn text(&self) -> String {
        let time = |seconds: i64| format!("1970-01-01T00:{:02}:{:02}Z", seconds / 60, seconds % 60);
        let prefixes = |owner: usize| {
            let own = self.prefixes.iter().filter(|(_, to)| **to == owner);
            let texts = own.map(|(small, _)| match small.v6 {
                true => format!("2001:db8::{:x}/{}", small.offset, 120 + small.len),
                false => format!("10.0.0.{}/{}", small.offset, 24 + small.len),
            });
            format!("prefixes = {:?}\n", texts.collect::<Vec<_>>())
        };
        let mut text = "schema = 1\n[[destination]]\nname = \"d\"\nprefixes = [\"192.0.2.0/24\"]\n".to_owned();
        for (owner, pool) in self.pools.iter().enumerate() {
            text += &format!("[[pool]]\nname = \"p{owner}\"\n{}", prefixes(owner));
            text += &format!("stage = \"{}\"\nshare = {}\nmatch = \"{}\"\n", pool.stage, pool.share, pool.matching);
            text += &format!("return_traffic = {}\nline_prefix = {}\n", pool.return_traffic, pool.line_prefix);
            text += if pool.allow { "allow = [\"d\"]\n" } else { "" };
            text += if pool.only { "only = [\"d\"]\n" } else { "" };
            if let (Some(from), "enforce") = (pool.enforce_from, pool.stage) {
                text += &format!("enforce_from = {}\n", time(from));
            }
        }
        for (index, expires) in self.exempts.iter().enumerate() {
            text += &format!("[[exempt]]\nname = \"e{index}\"\n{}", prefixes(self.pools.len() + index));
            text += &expires.map_or(String::new(), |at| format!("expires = {}\n", time(at)));
        }
        text
    }

    /// The pool and prefix that decide at an address, if a pool does.
    fn decides(&self, v6: bool, offset: u8, time: i64) -> Option<(usize, Small)> {
        let holds = |small: &Small| {
            let shift = 8 - u32::from(small.len);
            small.v6 == v6 && u32::from(small.offset) >> shift == u32::from(offset) >> shift
        };
        let in_force = |owner: usize| match owner.checked_sub(self.pools.len()) {
            Some(exempt) => self.exempts[exempt].is_none_or(|expires| time < expires),
            None => true,
        };
        let all = self.prefixes.iter().filter(|(small, owner)| holds(small) && in_force(**owner));
        let (small, owner) = all.max_by_key(|(small, _)| small.len)?;
        (*owner < self.pools.len()).then_some((*owner, *small))
    }

    fn percent(&self, pool: usize, time: i64) -> u64 {
        let pool = &self.pools[pool];
        let enforces = pool.stage == "enforce" && pool.enforce_from.is_none_or(|from| from <= time);
        if enforces { pool.share } else { 0 }
    }

    /// Bits of a line, counted inside the small network of 8 bits.
    fn line_bits(&self, pool: usize, small: Small) -> u8 {
        if small.v6 { (self.pools[pool].line_prefix - 120).max(small.len) } else { 8 }
    }

    fn times(&self) -> BTreeSet<i64> {
        let pools = self.pools.iter().filter(|pool| pool.stage == "enforce").filter_map(|pool| pool.enforce_from);
        let all = pools.chain(self.exempts.iter().copied().flatten());
        all.filter(|&time| time > NOW).chain([NOW]).collect()
    }
}

/// What an enumeration finds: by line, the pool and the most that any address of the line flips.
type Lines = BTreeMap<(Small, u8), (usize, u64)>;

fn enumerate(old: &SmallPolicy, new: &SmallPolicy, v6: bool, time: i64) -> (Lines, Lines) {
    let (mut before, mut after) = (Lines::new(), Lines::new());
    for offset in 0..=255u8 {
        let was = old.decides(v6, offset, time);
        let is = new.decides(v6, offset, time);
        let share = |policy: &SmallPolicy, decided: Option<(usize, Small)>| {
            decided.map_or(0, |(pool, _)| policy.percent(pool, time))
        };
        let (had, has) = (share(old, was), share(new, is));
        let (mut released, mut enforced) = (had - had.min(has), has - has.min(had));
        if let (Some((p, was)), Some((q, is))) = (was, is) {
            let (a, b) = (&old.pools[p], &new.pools[q]);
            let what = |pool: &SmallPool| (pool.matching, pool.return_traffic, pool.allow, pool.only);
            let partly = |share: u64| share != 0 && share != 100;
            let other_lines = old.line_bits(p, was) != new.line_bits(q, is) && partly(had) && partly(has);
            if what(a) != what(b) || other_lines {
                (released, enforced) = (had, has);
            }
        }
        let note = |lines: &mut Lines, policy: &SmallPolicy, decided: Option<(usize, Small)>, flips: u64| {
            let Some((pool, small)) = decided else { return };
            let line = u32::from(offset) >> (8 - u32::from(policy.line_bits(pool, small)));
            let most = lines.entry((small, line as u8)).or_insert((pool, 0));
            most.1 = most.1.max(flips);
        };
        note(&mut before, old, was, released);
        note(&mut after, new, is, enforced);
    }
    (before, after)
}

fn small_pool() -> impl Strategy<Value = SmallPool> {
    let stage = prop::sample::select(vec!["off", "monitor", "enforce", "enforce"]);
    let time = prop::option::weighted(0.4, prop::sample::select(vec![40, 60, 100, 150]));
    let share = prop::sample::select(vec![0, 30, 50, 100, 100, 100]);
    let matching = prop::sample::select(vec!["syn", "syn", "syn", "all"]);
    let flags = (prop::bool::weighted(0.8), prop::bool::weighted(0.2), prop::bool::weighted(0.2));
    (stage, time, share, matching, flags, 120u8..=128).prop_map(
        |(stage, enforce_from, share, matching, (return_traffic, allow, only), line_prefix)| SmallPool {
            stage,
            enforce_from,
            share,
            matching,
            return_traffic,
            allow,
            only,
            line_prefix,
        },
    )
}

fn small_policy() -> impl Strategy<Value = SmallPolicy> {
    let pools = prop::collection::vec(small_pool(), 1..4);
    let time = prop::option::weighted(0.6, prop::sample::select(vec![40, 60, 100, 200, 300]));
    let exempts = prop::collection::vec(time, 0..3);
    let prefix = (any::<bool>(), any::<u8>(), 0u8..=8).prop_map(|(v6, offset, len)| {
        let mask = 0xff00u16 >> len;
        Small { v6, offset: offset & mask as u8, len }
    });
    let prefixes = prop::collection::btree_map(prefix, any::<usize>(), 0..24);
    (pools, exempts, prefixes).prop_map(|(pools, exempts, prefixes)| {
        let owners = pools.len() + exempts.len();
        let prefixes = prefixes.into_iter().map(|(prefix, owner)| (prefix, owner % owners)).collect();
        SmallPolicy { pools, exempts, prefixes }
    })
}

/// A second policy: anything, or the first with a few prefixes and pools replaced.
fn pair() -> impl Strategy<Value = (SmallPolicy, SmallPolicy)> {
    (small_policy(), small_policy(), any::<u8>()).prop_map(|(old, other, mix)| {
        let mut new = old.clone();
        if mix < 64 {
            return (old, other);
        }
        if mix & 1 == 0 {
            new.pools[0] = other.pools[0].clone();
        }
        if mix & 2 == 0 {
            new.exempts.iter_mut().zip(&other.exempts).for_each(|(new, other)| *new = *other);
        }
        let owners = new.pools.len() + new.exempts.len();
        let some = other.prefixes.iter().take(usize::from(mix >> 4));
        new.prefixes.extend(some.map(|(prefix, owner)| (*prefix, owner % owners)));
        (old, new)
    })
}

fn sum(lines: &Lines) -> (Space, Space) {
    let mut flipped = Space::default();
    lines.values().for_each(|(_, percent)| flipped += Space::new(1, *percent as u8));
    (Space::new(lines.len() as u128, 100), flipped)
}

fn of_pool(lines: &Lines, pool: usize) -> Space {
    let mut flipped = Space::default();
    lines.values().filter(|(of, _)| *of == pool).for_each(|(_, percent)| flipped += Space::new(1, *percent as u8));
    flipped
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(600))]

    #[test]
    fn space_is_that_of_an_enumeration((old, new) in pair()) {
        let comparison = compare(Some(&load(&old.text())), &load(&new.text()), NOW);
        let times: Vec<i64> = comparison.flips.iter().map(|flip| flip.at).collect();
        prop_assert_eq!(&times, &new.times().into_iter().collect::<Vec<_>>());
        for flip in &comparison.flips {
            let sides = [false, true].map(|v6| enumerate(&old, &new, v6, flip.at));
            for (found, (before, after)) in [flip.v4, flip.v6].iter().zip(&sides) {
                prop_assert_eq!((found.before, found.released), sum(before), "released at {}", flip.at);
                prop_assert_eq!((found.after, found.enforced), sum(after), "enforced at {}", flip.at);
            }
            let [(before4, after4), (before6, after6)] = &sides;
            for pool in 0..3 {
                let name = format!("p{pool}");
                let found = flip.pools.iter().find(|one| one.name == name).cloned().unwrap_or_default();
                prop_assert_eq!(found.released4, of_pool(before4, pool));
                prop_assert_eq!(found.enforced4, of_pool(after4, pool));
                prop_assert_eq!(found.released6, of_pool(before6, pool));
                prop_assert_eq!(found.enforced6, of_pool(after6, pool));
            }
        }
    }

    #[test]
    fn a_policy_compared_with_itself_flips_nothing(one in small_policy()) {
        let policy = load(&one.text());
        let comparison = compare(Some(&policy), &policy, NOW);
        prop_assert_eq!(comparison.sections, vec![]);
        prop_assert_eq!(comparison.violations, vec![]);
        for flip in comparison.flips {
            prop_assert_eq!(flip.pools, vec![]);
            prop_assert_eq!((flip.v4.enforced, flip.v4.released), (Space::default(), Space::default()));
            prop_assert_eq!((flip.v6.enforced, flip.v6.released), (Space::default(), Space::default()));
        }
    }
}

// ---- each rail at its limit ----

fn violations(comparison: &Comparison) -> Vec<String> {
    comparison.violations.iter().map(ToString::to_string).collect()
}

fn between(old: &str, new: &str) -> Vec<String> {
    violations(&compare(Some(&load(&format!("schema = 1\n{old}"))), &load(&format!("schema = 1\n{new}")), 0))
}

/// A pool with these prefixes and further keys.
fn pool(name: &str, prefixes: &[&str], keys: &str) -> String {
    format!("[[pool]]\nname = \"{name}\"\nprefixes = {prefixes:?}\n{keys}\n")
}

#[test]
fn the_first_commit_of_an_enforcing_policy_is_all_new() {
    let policy = load(&format!("schema = 1\n{}", pool("a", &["10.0.0.0/24", "2001:db8::/48"], "stage = \"enforce\"")));
    let found = violations(&compare(None, &policy, 0));
    assert_eq!(
        found,
        [
            "newly enforces 100.0 % of IPv4 pool space (256 of 256 addresses), more than max_flip_percent = 25; \
             enforce pool by pool, or by share",
            "newly enforces 100.0 % of IPv6 pool space (65536 of 65536 lines), more than max_flip_percent = 25; \
             enforce pool by pool, or by share",
        ]
    );
    let monitor = load(&format!("schema = 1\n{}", pool("a", &["10.0.0.0/24"], "")));
    assert_eq!(violations(&compare(None, &monitor, 0)), Vec::<String>::new());
}

#[test]
fn exactly_the_limit_passes_and_one_address_more_does_not() {
    let old = pool("a", &["10.0.0.0/24"], "") + &pool("b", &["10.0.1.0/32"], "");
    let quarter = pool("a", &["10.0.0.0/26", "10.0.0.64/26", "10.0.0.128/25"], "");
    let new = quarter.replace("\"10.0.0.0/26\", ", "") + &pool("c", &["10.0.0.0/26"], "stage = \"enforce\"");
    assert_eq!(between(&old, &new), Vec::<String>::new(), "64 of 256");
    let more = new.clone() + &pool("d", &["10.0.0.64/32"], "stage = \"enforce\"");
    assert_eq!(between(&old, &more).len(), 1, "65 of 256");
    let back = between(&more, &old);
    assert_eq!(
        back,
        ["newly releases 25.4 % of IPv4 pool space (65 of 256 addresses), more than max_flip_percent = 25; \
          look for pools or prefixes that are missing"]
    );
}

#[test]
fn share_weighs() {
    let all = pool("a", &["10.0.0.0/24"], "stage = \"enforce\"\nshare = 50");
    let more = pool("a", &["10.0.0.0/24"], "stage = \"enforce\"\nshare = 75");
    assert_eq!(between(&all, &more), Vec::<String>::new(), "25 percent of the lines");
    let too_much = pool("a", &["10.0.0.0/24"], "stage = \"enforce\"\nshare = 76");
    assert_eq!(between(&all, &too_much).len(), 1);
    assert_eq!(between(&too_much, &all).len(), 1);
}

#[test]
fn max_flip_percent_is_that_of_the_new_policy_and_100_lets_all_pass() {
    let old = pool("a", &["10.0.0.0/24"], "");
    let new = pool("a", &["10.0.0.0/24"], "stage = \"enforce\"");
    assert_eq!(between(&old, &new).len(), 1);
    assert_eq!(between(&old, &format!("{new}[guard]\nmax_flip_percent = 100\n")), Vec::<String>::new());
    let none = pool("a", &["10.0.0.0/24"], "") + &pool("b", &["10.1.0.0/32"], "stage = \"enforce\"");
    assert_eq!(between(&old, &format!("{none}[guard]\nmax_flip_percent = 0\n")).len(), 1, "one address is more than 0");
}

#[test]
fn a_coming_time_is_looked_at_and_not_held_up_again() {
    let old = pool("a", &["10.0.0.0/24"], "");
    let new = pool("a", &["10.0.0.0/24"], "stage = \"enforce\"\nenforce_from = 2026-12-01T03:00:00+09:00");
    assert_eq!(
        between(&old, &new),
        ["newly enforces 100.0 % of IPv4 pool space (256 of 256 addresses) at 2026-11-30T18:00:00Z, \
          more than max_flip_percent = 25; enforce pool by pool, or by share"]
    );
    assert_eq!(between(&new, &(new.clone() + &pool("b", &["10.1.0.0/32"], ""))), Vec::<String>::new());
}

#[test]
fn each_setting_that_counts_as_a_flip() {
    let group = "[[destination]]\nname = \"d\"\nprefixes = [\"192.0.2.0/24\"]\n";
    let with = |keys: &str| format!("{group}{}", pool("a", &["10.0.0.0/24"], &format!("stage = \"enforce\"\n{keys}")));
    for keys in
        ["match = \"all\"", "return_traffic = false", "undetermined = \"pass\"", "only = [\"d\"]", "allow = [\"d\"]"]
    {
        let found = between(&with(""), &with(keys));
        assert_eq!(found.len(), 2, "{keys}: {found:?}");
        assert!(found[0].starts_with("newly enforces 100.0 %") && found[1].starts_with("newly releases 100.0 %"));
    }
    for keys in ["action = \"reject\"", "line_prefix = 56"] {
        assert_eq!(between(&with(""), &with(keys)), Vec::<String>::new(), "{keys}");
    }
}

#[test]
fn short_prefixes_are_named_with_their_place() {
    let cases = [
        ("pool", "prefixes", "10.0.0.0/8", "10.0.0.0/7"),
        ("exempt", "prefixes", "10.0.0.0/8", "0.0.0.0/0"),
        ("destination", "prefixes", "2000::/19", "2000::/18"),
        ("pool", "prefixes", "2000::/19", "::/0"),
        ("tunnel", "endpoints", "192.0.2.0/24", "192.0.2.0/23"),
        ("tunnel", "endpoints", "2001:db8::/48", "2001:db8::/47"),
    ];
    for (kind, key, good, bad) in cases {
        let bad = ipnet::IpNet::to_string(&bad.parse::<ipnet::IpNet>().unwrap().trunc());
        let section = |prefix: &str| format!("schema = 1\n[[{kind}]]\nname = \"x\"\n{key} = [{prefix:?}]\n");
        assert_eq!(violations(&compare(None, &load(&section(good)), 0)), Vec::<String>::new(), "{good}");
        let folder = Folder::new(&section(&bad));
        let found = violations(&compare(None, &folder.load().unwrap(), 0));
        assert_eq!(found.len(), 1, "{found:?}");
        let start = format!("policy.toml:4:{}: {bad} of {kind} \"x\" is shorter than /", key.len() + 5);
        assert!(folder.relative(&found[0]).starts_with(&start), "{found:?}");
    }
}

#[test]
fn what_became_empty_or_lost_more_than_half() {
    let four = ["10.0.0.0/32", "10.0.0.1/32", "10.0.0.2/32", "10.0.0.3/32"];
    for (kind, last) in [("pool", ""), ("exempt", ""), ("destination", "")] {
        let with = |count: usize| format!("[[{kind}]]\nname = \"x\"\nprefixes = {:?}\n{last}", &four[..count]);
        assert_eq!(between(&with(4), &with(2)), Vec::<String>::new(), "half");
        let source = "look whether its source is complete";
        assert_eq!(between(&with(4), &with(1)), [format!("{kind} \"x\" had 4 prefixes and has 1; {source}")]);
        assert_eq!(between(&with(1), &with(0)), [format!("{kind} \"x\" had 1 prefixes and has none; {source}")]);
        assert_eq!(between(&with(0), &with(0)), Vec::<String>::new());
        assert_eq!(between(&with(4), ""), Vec::<String>::new(), "a section that is gone is in the diff");
    }
}

#[test]
fn a_file_that_became_empty_is_named_even_if_its_pool_did_not() {
    let folder = Folder::new("schema = 1\n[[pool]]\nname = \"a\"\nprefix_files = [\"f\", \"g\"]\n");
    folder.write("f", b"10.0.0.0/24\n");
    folder.write("g", b"10.0.1.0/24\n10.0.2.0/24\n10.0.3.0/24\n");
    let old = folder.load().unwrap();
    folder.write("f", b"\n");
    let found = violations(&compare(Some(&old), &folder.load().unwrap(), 0));
    assert_eq!(found.len(), 1);
    assert!(found[0].ends_with("/f\" had 1 prefixes and has none; look whether its source is complete"), "{found:?}");
}

#[test]
fn an_expired_exemption_has_nothing_to_lose_and_expiring_one_is_a_loss() {
    let exempt = |keys: &str, prefixes: &str| format!("[[exempt]]\nname = \"e\"\nprefixes = [{prefixes}]\n{keys}\n");
    let over = exempt("expires = 1969-01-01T00:00:00Z", "\"10.0.0.0/32\"");
    assert_eq!(between(&over, &exempt("", "")), Vec::<String>::new());
    let held = exempt("", "\"10.0.0.0/32\"");
    assert_eq!(between(&held, &over).len(), 1);
}

#[test]
fn the_diff_tells_what_came_and_went_in_each_section() {
    let old = load(
        "schema = 1\n[[pool]]\nname = \"a\"\nprefixes = [\"10.0.0.0/24\", \"10.0.1.0/24\", \"::/64\"]\n\
         [[pool]]\nname = \"gone\"\n[[tunnel]]\nname = \"t\"\nendpoints = [\"::1/128\"]\n",
    );
    let new = load(
        "schema = 1\n[[exempt]]\nname = \"e\"\nprefixes = [\"10.0.1.0/24\"]\n[[pool]]\nname = \"a\"\n\
         prefixes = [\"::/64\", \"10.0.2.0/24\", \"10.0.0.0/24\"]\n[[tunnel]]\nname = \"t\"\nendpoints = [\"::2/128\"]\n",
    );
    let sections = compare(Some(&old), &new, 0).sections;
    let found: Vec<_> =
        sections.iter().map(|s| (s.kind, s.name.as_str(), s.before, s.after, s.added, s.removed)).collect();
    assert_eq!(
        found,
        [
            ("pool", "a", Some(3), Some(3), 1, 1),
            ("pool", "gone", Some(0), None, 0, 0),
            ("exempt", "e", None, Some(1), 1, 0),
            ("tunnel", "t", Some(1), Some(1), 1, 1),
        ]
    );
}

#[test]
fn all_of_ipv6_is_counted_without_overflow() {
    let old = pool("a", &["::/0"], "line_prefix = 128");
    let new = pool("a", &["::/0"], "line_prefix = 128\nstage = \"enforce\"");
    let old = load(&format!("schema = 1\n{old}"));
    let new = load(&format!("schema = 1\n{new}"));
    let flip = compare(Some(&old), &new, 0).flips[0].v6;
    assert_eq!(flip.enforced, flip.after);
    assert!(flip.after > Space::new(u128::MAX, 100), "2^128 lines");
    assert!(!flip.enforced.is_more_than(100, flip.after));
}
