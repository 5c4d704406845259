//! The image against a linear scan, and every way to damage one.

use std::net::IpAddr;

use ipnet::IpNet;
use proptest::prelude::*;

use super::format::{self, header};
use super::*;
use crate::memfd::{Pages, seal_copy};

fn pool(name: &str, slot: u32) -> PoolSpec<'_> {
    Pool {
        kind: Kind::Pool,
        stage: Stage::Enforce,
        action: Action::Reject,
        matching: Match::All,
        return_traffic: true,
        undetermined: Undetermined::Pass,
        share: 37,
        line_prefix: 56,
        allow: 1 << 40 | 1,
        only: Some(1 << 62),
        counter_slot: slot,
        name,
    }
}

/// A small policy with something in every section.
fn sample() -> ImageBuilder {
    let mut builder = ImageBuilder::new();
    builder.reject_rate(1000).unwrap();
    builder.times(1_700_000_000, 1_800_000_000);
    builder.pool(&pool("flets-east", 7)).unwrap();
    builder.pool(&Pool { kind: Kind::Exempt, only: None, ..pool("static-ip", 9) }).unwrap();
    builder.group("own-mail").unwrap();
    builder.group("carriers").unwrap();
    for (prefix, owner) in [("203.0.113.0/24", 0), ("2001:db8:100::/40", 0), ("203.0.113.7/32", 1)] {
        builder.source(prefix.parse().unwrap(), owner).unwrap();
    }
    for (prefix, group) in [("192.0.2.0/24", 0), ("192.0.2.25/32", 1), ("192.0.2.25/32", 0), ("::/0", 1)] {
        builder.destination(prefix.parse().unwrap(), group).unwrap();
    }
    builder.tunnel("2001:db8:ffff::1/128".parse().unwrap()).unwrap();
    builder
}

#[test]
fn what_was_written_is_read() {
    let image = Image::from_words(sample().finish(5).unwrap()).unwrap();
    let ip = |text: &str| text.parse::<IpAddr>().unwrap();
    assert_eq!((image.generation(), image.reject_rate(), image.next_slot()), (5, 1000, 10));
    assert_eq!((image.compiled_at(), image.next_change()), (1_700_000_000, Some(1_800_000_000)));
    assert_eq!(image.pool(0), Some(pool("flets-east", 7)));
    assert_eq!(image.pool(1).map(|p| (p.kind, p.only, p.name)), Some((Kind::Exempt, None, "static-ip")));
    assert_eq!(image.pool(2), None);
    assert_eq!(image.groups().collect::<Vec<_>>(), ["own-mail", "carriers"]);
    let found = |text: &str| image.source(ip(text)).map(|m| (m.pool, m.prefix_len));
    assert_eq!(found("203.0.113.6"), Some((0, 24)));
    assert_eq!(found("203.0.113.7"), Some((1, 32)));
    assert_eq!(found("203.0.114.0"), None);
    assert_eq!(found("2001:db8:1ff:ffff::"), Some((0, 40)));
    assert_eq!(image.destination(ip("192.0.2.24")), 0b01);
    assert_eq!(image.destination(ip("192.0.2.25")), 0b11);
    assert_eq!(image.destination(ip("192.0.3.0")), 0);
    assert_eq!(image.destination(ip("2001:db8::")), 0b10);
    assert!(image.is_tunnel_end(ip("2001:db8:ffff::1")) && !image.is_tunnel_end(ip("2001:db8:ffff::2")));
    assert_eq!(image.has_tunnel_ends(), (false, true));
}

#[test]
fn the_digest_is_the_policys_alone() {
    let digest =
        |builder: ImageBuilder, generation| Image::from_words(builder.finish(generation).unwrap()).unwrap().digest();
    let mut later = sample();
    later.times(1_700_000_009, 0);
    later.next_slot(400);
    assert_eq!(digest(sample(), 1), digest(later, 2));
    let mut other = sample();
    other.reject_rate(999).unwrap();
    assert_ne!(digest(sample(), 1), digest(other, 1));
    let mut other = sample();
    other.tunnel("192.0.2.99/32".parse().unwrap()).unwrap();
    assert_ne!(digest(sample(), 1), digest(other, 1));
}

#[test]
fn the_digest_knows_no_order_of_pools_and_no_numbers() {
    let digest = |order: [usize; 2]| {
        let mut builder = ImageBuilder::new();
        let names = ["a", "b"];
        for index in order {
            builder.pool(&pool(names[index], index as u32)).unwrap();
        }
        for (prefix, owner) in [("10.0.0.0/8", 0), ("10.1.0.0/16", 1), ("2001:db8::/32", 0)] {
            let number = order.iter().position(|index| *index == owner).unwrap();
            builder.source(prefix.parse().unwrap(), number as u16).unwrap();
        }
        Image::from_words(builder.finish(1).unwrap()).unwrap().digest()
    };
    assert_eq!(digest([0, 1]), digest([1, 0]));
}

#[test]
fn limits_are_errors_at_one_past() {
    let mut builder = ImageBuilder::new();
    for number in 0..format::MAX_POOLS {
        builder.pool(&pool(&format!("p{number}"), number as u32)).unwrap();
    }
    let past = builder.pool(&pool("one-more", 0)).unwrap_err();
    assert_eq!(past.to_string(), "65536 pools and exemptions, the limit is 65535; use fewer or larger prefixes");
    for number in 0..format::MAX_GROUPS {
        builder.group(&format!("g{number}")).unwrap();
    }
    assert!(matches!(builder.group("one-more"), Err(BuildError::Limit { found: 64, limit: 63, .. })));
    assert!(builder.reject_rate(1_000_001).is_err() && builder.reject_rate(1_000_000).is_ok());
    let image = Image::from_words(builder.finish(1).unwrap()).unwrap();
    assert_eq!(image.pool(65_534).unwrap().name, "p65534");
    assert_eq!(image.pool(65_535), None);
}

#[test]
fn a_prefix_in_two_places_is_refused() {
    let twice = |add: &dyn Fn(&mut ImageBuilder)| {
        let mut builder = sample();
        add(&mut builder);
        builder.finish(1).unwrap_err()
    };
    let net = |text: &str| text.parse::<IpNet>().unwrap();
    let error = twice(&|b| b.source(net("203.0.113.0/24"), 1).unwrap());
    assert_eq!(error, BuildError::Twice { prefix: net("203.0.113.0/24") });
    assert!(matches!(twice(&|b| b.destination(net("::/0"), 1).unwrap()), BuildError::Twice { .. }));
    assert!(matches!(twice(&|b| b.tunnel(net("2001:db8:ffff::1/128")).unwrap()), BuildError::Twice { .. }));
    let mut fine = sample();
    fine.destination(net("::/0"), 0).unwrap();
    assert!(fine.finish(1).is_ok());
}

#[test]
fn every_flipped_bit_is_found() {
    let words = sample().finish(3).unwrap();
    for index in 0..words.len() {
        for bit in 0..32 {
            let mut flipped = words.clone();
            flipped[index] ^= 1 << bit;
            assert!(Image::from_words(flipped).is_err(), "word {index} bit {bit}");
        }
    }
}

#[test]
fn each_kind_of_damage_has_its_error() {
    let damaged = |change: &dyn Fn(&mut Vec<u32>)| {
        let mut words = sample().finish(3).unwrap();
        change(&mut words);
        Image::from_words(words).unwrap_err()
    };
    assert!(matches!(damaged(&|w| w.truncate(10)), ImageError::Short { words: 10 }));
    assert!(matches!(damaged(&|w| w[header::MAGIC] = 0), ImageError::Magic { .. }));
    assert!(matches!(damaged(&|w| w[header::ABI] = 99), ImageError::Abi { found: 99 }));
    assert!(matches!(damaged(&|w| w[header::LAYOUT] ^= 1), ImageError::Layout { .. }));
    assert!(matches!(damaged(&|w| w.truncate(w.len() - 1)), ImageError::Size { .. }));
    assert!(matches!(damaged(&|w| w[header::GENERATION] = 0), ImageError::Checksum { .. }));
    let pools = |w: &[u32]| w[header::SECTIONS + 2] as usize;
    assert!(matches!(
        damaged(&|w| {
            let at = pools(w);
            w[at] ^= 1
        }),
        ImageError::Checksum { .. }
    ));
    let between = damaged(&|w| *w.last_mut().unwrap() ^= 1);
    assert!(matches!(between, ImageError::Section { section: format::Section::Tunnel6, .. }), "{between}");
    assert!(matches!(damaged(&|w| w[header::SECTIONS] = u32::MAX), ImageError::Section { .. }));
}

#[test]
fn a_sealed_image_reads_as_the_words_it_was_made_from() {
    let words = sample().finish(3).unwrap();
    for pages in [Pages::PreferHuge, Pages::Ordinary] {
        let image = Image::open(seal_copy(&words, pages).unwrap()).unwrap();
        assert_eq!(image.words(), &words[..]);
        assert!(image.descriptor().is_some());
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn a_forged_image_is_refused_or_harmless(
        changes in prop::collection::vec((0usize..400, any::<u32>()), 1..4),
        keys in prop::collection::vec(any::<u128>(), 8),
    ) {
        let mut words = sample().finish(3).unwrap();
        for (index, value) in changes {
            let index = index % words.len();
            words[index] = if value % 3 == 0 { value % 20 } else { value };
        }
        // Right checksums over wrong values: what a hostile control could send.
        format::sign(&mut words);
        if let Ok(image) = Image::from_words(words) {
            for key in keys {
                for number in [image.source4(key as u32), image.source6(key)].into_iter().flatten() {
                    prop_assert!(image.pool(number.pool).is_some());
                }
                image.destination4(key as u32);
                image.destination6(key);
                prop_assert!(image.pools().all(|pool| !pool.name.is_empty()));
            }
        }
    }

    #[test]
    fn the_longest_prefix_wins(
        four in prop::collection::btree_map((any::<u32>(), 0u8..=32).prop_map(masked4), 0u16..5, 0..40),
        six in prop::collection::btree_map((any::<u128>(), 0u8..=128).prop_map(masked6), 0u16..5, 0..40),
        keys in prop::collection::vec(any::<u128>(), 16),
    ) {
        let mut builder = ImageBuilder::new();
        for number in 0..5 {
            builder.pool(&pool(&format!("p{number}"), number)).unwrap();
        }
        four.iter().for_each(|(net, owner)| builder.source(*net, *owner).unwrap());
        six.iter().for_each(|(net, owner)| builder.source(*net, *owner).unwrap());
        let image = Image::from_words(builder.finish(1).unwrap()).unwrap();
        let all: Vec<(IpNet, u16)> = four.into_iter().chain(six).collect();
        for address in edges(&all).chain(keys.iter().flat_map(|k| [IpAddr::from((*k as u32).to_be_bytes()), IpAddr::from(k.to_be_bytes())])) {
            let slow = all.iter().filter(|(net, _)| net.contains(&address)).max_by_key(|(net, _)| net.prefix_len());
            let slow = slow.map(|(net, owner)| (*owner, net.prefix_len()));
            prop_assert_eq!(image.source(address).map(|m| (m.pool, m.prefix_len)), slow, "{}", address);
        }
    }
}

/// Prefixes crowd together so that they nest.
fn masked4((bits, length): (u32, u8)) -> IpNet {
    let address = if bits & 1 == 0 { bits & 0xff00_0fff } else { 0x0a00_0000 | bits & 0xff };
    ipnet::Ipv4Net::new_assert(address.into(), length).trunc().into()
}

fn masked6((bits, length): (u128, u8)) -> IpNet {
    let address = if bits & 1 == 0 { bits & (0xff << 120 | 0xfff) } else { bits & 0xff << 60 };
    ipnet::Ipv6Net::new_assert(address.into(), length).trunc().into()
}

/// First and last address of each prefix, one less and one more.
fn edges(all: &[(IpNet, u16)]) -> impl Iterator<Item = IpAddr> {
    all.iter().flat_map(|(net, _)| [net.network(), net.broadcast()]).flat_map(|address| match address {
        IpAddr::V4(a) => [-1i64, 0, 1].map(|by| IpAddr::from(((i64::from(a.to_bits()) + by) as u32).to_be_bytes())),
        IpAddr::V6(a) => [u128::MAX, 0, 1].map(|by| IpAddr::from(a.to_bits().wrapping_add(by).to_be_bytes())),
    })
}
