//! Policy text in, image out: every answer of the image is that of a linear scan over the prefixes
//! as they were written, longest prefix first.
#![forbid(unsafe_code)]

mod common;

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use common::Folder;
use gate25_control::compile::{PrivateBuild, Slots, compile};
use gate25_include::image::{Action, Image, Kind, Match, Stage, Undetermined};
use ipnet::IpNet;
use proptest::prelude::*;

/// What a policy has, as the test knows it.
#[derive(Debug, Clone, Default)]
struct Written {
    /// Name, whether an exemption, prefixes.
    sources: Vec<(String, bool, Vec<IpNet>)>,
    destinations: Vec<(String, Vec<IpNet>)>,
    ends: Vec<IpNet>,
}

impl Written {
    fn text(&self) -> String {
        let list = |prefixes: &[IpNet]| format!("{:?}", prefixes.iter().map(ToString::to_string).collect::<Vec<_>>());
        let mut text = "schema = 1\n".to_owned();
        for (name, exempt, prefixes) in &self.sources {
            let kind = if *exempt { "exempt" } else { "pool" };
            text += &format!("[[{kind}]]\nname = {name:?}\nprefixes = {}\n", list(prefixes));
        }
        for (name, prefixes) in &self.destinations {
            text += &format!("[[destination]]\nname = {name:?}\nprefixes = {}\n", list(prefixes));
        }
        if !self.ends.is_empty() {
            text += &format!("[[tunnel]]\nname = \"t\"\nendpoints = {}\n", list(&self.ends));
        }
        text
    }

    fn policy(&self) -> gate25_control::policy::Policy {
        Folder::new(&self.text()).load_at(0, &Default::default()).unwrap()
    }

    fn compile(&self) -> Image {
        let policy = self.policy();
        Image::from_words(compile(&policy.at(0), &Slots::default(), 1).unwrap()).unwrap()
    }

    /// Name and prefix length of the longest prefix that holds the address.
    fn source(&self, address: IpAddr) -> Option<(&str, u8)> {
        let all = self.sources.iter().flat_map(|(name, _, prefixes)| prefixes.iter().map(move |prefix| (name, prefix)));
        let holding = all.filter(|(_, prefix)| prefix.contains(&address));
        holding.max_by_key(|(_, prefix)| prefix.prefix_len()).map(|(name, prefix)| (name.as_str(), prefix.prefix_len()))
    }

    fn groups(&self, address: IpAddr) -> Vec<&str> {
        let holding =
            self.destinations.iter().filter(|(_, prefixes)| prefixes.iter().any(|one| one.contains(&address)));
        let mut names: Vec<_> = holding.map(|(name, _)| name.as_str()).collect();
        names.sort_unstable();
        names
    }

    fn check(&self, image: &Image, address: IpAddr) {
        let found = image.source(address).map(|found| (image.pool(found.pool).unwrap().name, found.prefix_len));
        assert_eq!(found, self.source(address), "source {address}");
        let names: Vec<_> = image.groups().collect();
        let mask = image.destination(address);
        let found: Vec<_> = (0..names.len()).filter(|bit| mask >> bit & 1 == 1).map(|bit| names[bit]).collect();
        assert_eq!(found, self.groups(address), "destination {address}");
        assert_eq!(mask >> names.len(), 0);
        assert_eq!(image.is_tunnel_end(address), self.ends.iter().any(|end| end.contains(&address)), "end {address}");
    }

    fn check_all(&self, image: &Image) {
        let sources = self.sources.iter().flat_map(|(_, _, prefixes)| prefixes);
        let destinations = self.destinations.iter().flat_map(|(_, prefixes)| prefixes);
        for prefix in sources.chain(destinations).chain(&self.ends) {
            for address in edges(*prefix) {
                self.check(image, address);
            }
        }
        for address in ["0.0.0.0", "255.255.255.255", "::", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"] {
            self.check(image, address.parse().unwrap());
        }
    }
}

/// First and last address of a prefix, and the ones before and behind.
fn edges(prefix: IpNet) -> Vec<IpAddr> {
    match prefix {
        IpNet::V4(net) => {
            let (first, last) = (net.network().to_bits(), net.broadcast().to_bits());
            let all = [first.wrapping_sub(1), first, last, last.wrapping_add(1)];
            all.map(|address| IpAddr::V4(Ipv4Addr::from_bits(address))).to_vec()
        }
        IpNet::V6(net) => {
            let (first, last) = (net.network().to_bits(), net.broadcast().to_bits());
            let all = [first.wrapping_sub(1), first, last, last.wrapping_add(1)];
            all.map(|address| IpAddr::V6(Ipv6Addr::from_bits(address))).to_vec()
        }
    }
}

/// Prefixes that nest: few different bits, all lengths; none that is IPv4 written as IPv6.
fn prefix() -> impl Strategy<Value = IpNet> {
    let four = (any::<u32>(), 0u8..=32, any::<bool>()).prop_map(|(bits, len, dense)| {
        let bits = if dense { 0x0a00_0000 | bits & 0x0101_0103 } else { bits };
        IpNet::new(Ipv4Addr::from_bits(bits).into(), len).unwrap().trunc()
    });
    let six = (any::<u128>(), 0u8..=128, any::<bool>()).prop_map(|(bits, len, dense)| {
        let bits = if dense { 0x2001_0db8 << 96 | bits & (1 << 64 | 1 << 63 | 3) } else { bits | 1 << 127 };
        IpNet::new(Ipv6Addr::from_bits(bits).into(), len).unwrap().trunc()
    });
    prop_oneof![four, six]
}

fn written() -> impl Strategy<Value = Written> {
    let sources = proptest::collection::hash_map(prefix(), 0usize..5, 0..40);
    let groups = proptest::collection::hash_set((prefix(), 0usize..4), 0..30);
    let ends = proptest::collection::hash_set(prefix(), 0..6);
    (sources, groups, ends).prop_map(|(sources, groups, ends)| {
        let names = ["m", "z", "a", "q", "b"];
        let of = |owner| sources.iter().filter(move |(_, to)| **to == owner).map(|(prefix, _)| *prefix).collect();
        let group = |owner| groups.iter().filter(move |(_, to)| *to == owner).map(|(prefix, _)| *prefix).collect();
        Written {
            sources: (0..5).map(|owner| (names[owner].into(), owner > 2, of(owner))).collect(),
            destinations: (0..4).map(|owner| (names[owner].into(), group(owner))).collect(),
            ends: ends.into_iter().collect(),
        }
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn the_image_answers_as_a_linear_scan(written in written(), four in any::<u32>(), six in any::<u128>()) {
        let image = written.compile();
        written.check_all(&image);
        written.check(&image, Ipv4Addr::from_bits(four).into());
        written.check(&image, Ipv6Addr::from_bits(six).into());
    }

    #[test]
    fn the_order_in_the_file_does_not_change_the_digest(written in written(), seed in any::<u64>()) {
        let mut other = written.clone();
        let mut state = seed | 1;
        let mut next = || { state ^= state << 13; state ^= state >> 7; state ^= state << 17; state };
        let mut keys: Vec<u64> = (0..256).map(|_| next()).collect();
        let mut shuffle = || keys.pop().unwrap_or(0);
        other.sources.sort_by_cached_key(|_| shuffle());
        other.destinations.sort_by_cached_key(|_| shuffle());
        other.sources.iter_mut().for_each(|(_, _, prefixes)| prefixes.reverse());
        other.ends.reverse();
        prop_assert_eq!(written.compile().digest(), other.compile().digest());
    }
}

/// A history of policies through one private build: few names, so that they come, go and come back.
fn history() -> impl Strategy<Value = Vec<Written>> {
    let names = ["m", "z", "a", "q", "b", "x"];
    let step = (written(), proptest::collection::hash_set(0usize..6, 0..6), any::<bool>());
    proptest::collection::vec(step, 2..7).prop_map(move |steps| {
        let mut last = Written::default();
        let named = steps.into_iter().map(|(mut one, keep, small)| {
            let mut index = 0;
            one.sources.retain(|_| (keep.contains(&index), index += 1).0);
            for (place, name) in one.sources.iter_mut().zip(keep.iter().map(|index| names[*index])) {
                place.0 = name.into();
            }
            if small {
                // One prefix more or less than before, and else the same.
                let prefix = one.sources.first().and_then(|(_, _, prefixes)| prefixes.first()).copied();
                let everywhere: Vec<IpNet> = last.sources.iter().flat_map(|(_, _, all)| all.clone()).collect();
                let mut changed = last.clone();
                if let (Some(prefix), Some((_, _, prefixes))) = (prefix, changed.sources.first_mut()) {
                    match everywhere.contains(&prefix) {
                        true => prefixes.retain(|one| *one != prefix),
                        false => prefixes.push(prefix),
                    }
                }
                one = changed;
            }
            last = one.clone();
            one
        });
        named.collect()
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    /// Whatever was compiled before, the image answers as a linear scan and has the digest of a build from scratch.
    #[test]
    fn a_private_build_is_as_one_from_scratch(history in history()) {
        let (mut build, mut slots) = (PrivateBuild::default(), Slots::default());
        for (generation, written) in (1..).zip(&history) {
            let policy = written.policy();
            let compiled = build.compile(&policy.at(0), &mut slots, generation).unwrap();
            let image = Image::from_words(compiled.to_words()).unwrap();
            written.check_all(&image);
            prop_assert_eq!(image.digest(), written.compile().digest());
            prop_assert_eq!(image.generation(), generation);
        }
    }
}

#[test]
fn a_private_build_touches_what_changed() {
    let pools = |prefixes: &[&str]| Written {
        sources: vec![
            (
                "p".into(),
                false,
                (0..2000u32).map(|n| IpNet::new(Ipv4Addr::from_bits(n << 12).into(), 24).unwrap()).collect(),
            ),
            ("e".into(), true, prefixes.iter().map(|prefix| prefix.parse().unwrap()).collect()),
        ],
        ..Written::default()
    };
    let (mut build, mut slots) = (PrivateBuild::default(), Slots::default());
    let mut touched = |written: &Written| {
        let policy = written.policy();
        build.compile(&policy.at(0), &mut slots, 1).unwrap().touched
    };
    assert_eq!(touched(&pools(&["10.0.0.0/8", "2001:db8::/32"])), 2002);
    assert_eq!(touched(&pools(&["10.0.0.0/8", "2001:db8::/32"])), 0);
    assert_eq!(touched(&pools(&["10.0.0.0/8", "2001:db8:1::/48"])), 2);
    let renamed = |text: String| text.replace("\"e\"", "\"f\"");
    let policy = load(&renamed(pools(&["10.0.0.0/8"]).text()));
    let compiled = build.compile(&policy.at(0), &mut slots, 1).unwrap();
    assert_eq!(compiled.touched, 2, "one has another owner, one is gone");
    let scratch = Image::from_words(compile(&policy.at(0), &Slots::default(), 1).unwrap()).unwrap();
    assert_eq!(compiled.digest(), scratch.digest());
}

/// Each prefix inside the one before, both families, every length.
#[test]
fn all_lengths_nested() {
    let four = (0..=32).map(|len| IpNet::new(Ipv4Addr::new(203, 0, 113, 90).into(), len).unwrap().trunc());
    let address: Ipv6Addr = "2001:db8:5a5a:5a5a:5a5a:5a5a:5a5a:5a5a".parse().unwrap();
    let six = (0..=128).map(|len| IpNet::new(address.into(), len).unwrap().trunc());
    let all: Vec<IpNet> = four.chain(six).collect();
    let half = |odd: usize| all.iter().skip(odd).step_by(2).copied().collect::<Vec<_>>();
    let written = Written {
        sources: vec![("p".into(), false, half(0)), ("e".into(), true, half(1))],
        destinations: vec![("d".into(), half(0)), ("all".into(), all.clone())],
        ends: half(1),
    };
    written.check_all(&written.compile());
}

fn load(text: &str) -> gate25_control::policy::Policy {
    Folder::new(text).load_at(0, &Default::default()).unwrap()
}

#[test]
fn a_pools_record_holds_what_the_policy_says_at_that_time() {
    let policy = load(
        "schema = 1\nreject_rate = 7\n[[pool]]\nname = \"p\"\nprefixes = [\"10.0.0.0/8\"]\nstage = \"enforce\"\n\
         enforce_from = 1970-01-01T00:01:40Z\naction = \"reject\"\nmatch = \"all\"\nallow = [\"z\", \"m\"]\nonly = [\"a\"]\n\
         share = 40\nreturn_traffic = false\nundetermined = \"pass\"\nline_prefix = 48\n\
         [[exempt]]\nname = \"e\"\nprefixes = [\"10.1.0.0/16\"]\nexpires = 1970-01-01T00:03:20Z\n\
         [[destination]]\nname = \"z\"\n[[destination]]\nname = \"a\"\nprefixes = [\"192.0.2.0/24\"]\n[[destination]]\nname = \"m\"\n",
    );
    let image = |time| Image::from_words(compile(&policy.at(time), &Slots::default(), 9).unwrap()).unwrap();
    let (before, during, after) = (image(99), image(100), image(200));
    assert_eq!((before.next_change(), during.next_change(), after.next_change()), (Some(100), Some(200), None));
    assert_eq!((during.generation(), during.compiled_at(), during.reject_rate()), (9, 100, 7));
    assert_eq!(during.groups().collect::<Vec<_>>(), ["a", "m", "z"]);
    let exempt = during.pool(0).unwrap();
    assert_eq!((exempt.name, exempt.kind), ("e", Kind::Exempt));
    assert_eq!(before.pool(1).unwrap().stage, Stage::Monitor);
    let pool = during.pool(1).unwrap();
    assert_eq!((pool.name, pool.kind, pool.stage), ("p", Kind::Pool, Stage::Enforce));
    assert_eq!((pool.action, pool.matching, pool.undetermined), (Action::Reject, Match::All, Undetermined::Pass));
    assert_eq!((pool.allow, pool.only), (0b110, Some(0b001)), "bits are those of the image's order, by name");
    assert_eq!((pool.share, pool.return_traffic, pool.line_prefix), (40, false, 48));
    let inside = "10.1.2.3".parse().unwrap();
    assert_eq!(during.source(inside).map(|found| (found.pool, found.prefix_len)), Some((0, 16)));
    assert_eq!(
        after.source(inside).map(|found| (found.pool, found.prefix_len)),
        Some((1, 8)),
        "the cover counts again"
    );
}

#[test]
fn a_name_keeps_its_counter_slot_and_a_new_one_gets_a_fresh_one() {
    let pools = |names: &[&str]| {
        load(&names.iter().fold("schema = 1\n".to_owned(), |text, name| format!("{text}[[pool]]\nname = {name:?}\n")))
    };
    let image =
        |names: &[&str], slots: &Slots| Image::from_words(compile(&pools(names).at(0), slots, 1).unwrap()).unwrap();
    let slots = |image: &Image| image.pools().map(|pool| (pool.name.to_owned(), pool.counter_slot)).collect::<Vec<_>>();
    let first = image(&["b", "c"], &Slots::default());
    assert_eq!(slots(&first), [("b".into(), 0), ("c".into(), 1)]);
    let second = image(&["a", "c"], &Slots::of(&first));
    assert_eq!(slots(&second), [("a".into(), 2), ("c".into(), 1)]);
    assert_eq!(second.next_slot(), 3);
    let third = image(&["b"], &Slots::of(&second));
    assert_eq!(slots(&third), [("b".into(), 3)], "a name that was gone counts anew, in a slot nobody had");
    let none = image(&[], &Slots::of(&third));
    assert_eq!(none.next_slot(), 4, "the mark does not fall when pools go");
}

#[test]
fn the_last_counter_slot_is_given_out_and_not_one_more() {
    let many = (0..65_535).fold("schema=1\n".to_owned(), |text, n| format!("{text}[[pool]]\nname=\"p{n}\"\n"));
    let full = Image::from_words(compile(&load(&many).at(0), &Slots::default(), 1).unwrap()).unwrap();
    let one = |name: &str| load(&format!("schema = 1\n[[pool]]\nname = \"{name}\"\n"));
    let last = Image::from_words(compile(&one("new").at(0), &Slots::of(&full), 2).unwrap()).unwrap();
    assert_eq!(last.pool(0).unwrap().counter_slot, 65_535);
    let error = compile(&one("newer").at(0), &Slots::of(&last), 3).unwrap_err().to_string();
    assert_eq!(
        error,
        "no counter slot is left for \"newer\": 65536 names were counted since the dataplane started; \
         restart the dataplane to count anew"
    );
    assert!(compile(&one("new").at(0), &Slots::of(&last), 3).is_ok(), "names that have a slot go on");
}
