use std::collections::BTreeMap;

use super::*;

fn in_order<A: Address>(workload: &Workload<A>) {
    let pairs = workload.prefixes.iter().zip(workload.prefixes.iter().skip(1));
    assert!(pairs.into_iter().all(|(a, b)| (a.start, a.length) < (b.start, b.length)), "{}", workload.name);
    for prefix in &workload.prefixes {
        assert_eq!(prefix.start.wide() & host_bits::<A>(prefix.length), 0, "{} {prefix:?}", workload.name);
        assert!(prefix.owner < workload.owners);
    }
}

fn contains<A: Address>(prefix: &Prefix<A>, key: A) -> bool {
    (prefix.start..=prefix.last()).contains(&key)
}

fn all_covered<A: Address>(workload: &Workload<A>, one_in: usize) {
    for key in workload.keys.iter().step_by(one_in) {
        assert!(workload.prefixes.iter().any(|prefix| contains(prefix, *key)), "{} {key:?}", workload.name);
    }
}

#[test]
fn sizes_are_those_of_the_issue() {
    let count = |size: Size| (four::w2(size).prefixes.len(), six::w7(size).prefixes.len());
    assert_eq!(count(Size::Full), (502_000, 500_500));
    assert_eq!(count(Size::Quick), (33_250, 31_750));
    let one = four::w1(Size::Quick);
    assert_eq!((one.prefixes.len(), one.keys.len()), (62_500, 262_144));
    assert_eq!(six::w6(Size::Quick).prefixes.len(), 12_500);
    assert_eq!(four::policy(1_000, 1).0.len(), 1_000);
}

/// Left without those that say what the next shorter one around them says, and with equal halves joined.
fn aggregated(prefixes: &[Prefix<u32>]) -> usize {
    let cut = |start: u32, length: u8| start & !(host_bits::<u32>(length) as u32);
    let all: BTreeMap<(u8, u32), u16> = prefixes.iter().map(|one| ((one.length, one.start), one.owner)).collect();
    let around = |one: &(u8, u32)| (8..one.0).rev().find_map(|length| all.get(&(length, cut(one.1, length))));
    let mut left = all.clone();
    left.retain(|prefix, owner| around(prefix) != Some(owner));
    for length in (9..=24).rev() {
        let halves: Vec<(u32, u16)> =
            left.range((length, 0)..(length + 1, 0)).map(|(one, owner)| (one.1, *owner)).collect();
        for pair in halves.windows(2) {
            let [(low, owner), (high, other)] = *pair else { continue };
            let joined = (length - 1, cut(low, length - 1));
            if owner == other
                && joined == (length - 1, low)
                && cut(high, length - 1) == low
                && !all.contains_key(&joined)
            {
                left.remove(&(length, low));
                left.remove(&(length, high));
                left.insert(joined, owner);
            }
        }
    }
    left.len()
}

/// About half of W1 is left by aggregation, as of the global table.
#[test]
fn prefixes_belong_to_pools_as_the_global_table_to_networks() {
    let one = four::w1(Size::Quick).prefixes;
    let left = aggregated(&one) as f64 / one.len() as f64;
    assert!((0.4..0.7).contains(&left), "{left}");
}

#[test]
fn prefixes_are_in_order_and_every_key_is_covered() {
    for workload in [four::w1(Size::Quick), four::w2(Size::Quick), four::w3(Size::Quick)] {
        in_order(&workload);
        all_covered(&workload, 9_973);
    }
    for workload in [six::w6(Size::Quick), six::w7(Size::Quick)] {
        in_order(&workload);
        all_covered(&workload, 9_973);
    }
}

/// Of two pools, one eight times the other, keys meet one eight times as often; both ends are met.
#[test]
fn keys_are_uniform_over_covered_space() {
    let pool = |start, length| Prefix::<u32> { start, length, owner: 0 };
    let pools = [pool(0x0a00_0000, 29), pool(0x0a00_0004, 31), pool(0xffff_ffff, 32)];
    let keys = covered(&pools, 90_000, &mut crate::random::Random::new(5));
    for expected in (0x0a00_0000..=0x0a00_0007).chain([0xffff_ffff]) {
        let met = keys.iter().filter(|key| **key == expected).count();
        assert!((9_500..10_500).contains(&met), "{expected:08x} {met}");
    }
}

/// In Zipf(1.0) the first line is met twice as often as the second, ten times as often as the tenth.
#[test]
fn zipf_keys_follow_their_rank() {
    let lines: Vec<u32> = (0..1000).collect();
    let keys = zipf(&lines, 200_000, &mut crate::random::Random::new(5));
    let met = |line: u32| keys.iter().filter(|key| **key == line).count() as f64;
    assert!((1.9..2.1).contains(&(met(0) / met(1))) && (9.0..11.0).contains(&(met(0) / met(9))));
}

#[test]
fn a_workload_is_the_same_every_time() {
    let (one, other) = (four::w2(Size::Quick), four::w2(Size::Quick));
    assert!(one.prefixes == other.prefixes && one.keys == other.keys);
    let sum = one.keys.iter().fold(0u32, |sum, key| sum.rotate_left(1) ^ key);
    assert_eq!(sum, SUM, "the workload has changed: figures do not compare with older ones");
}

const SUM: u32 = 855_859_655;
