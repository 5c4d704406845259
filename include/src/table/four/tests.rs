//! The trie against a linear scan, against prefix-trie, and against itself built another way; and every way to
//! damage one.

use std::collections::BTreeMap;

use prefix_trie::PrefixMap;
use proptest::prelude::*;

use super::dense::Dense;
use super::*;
use crate::table::{self, Entry, Key, ranges};

type Prefixes = BTreeMap<(u32, u8), u32>;

fn entries(prefixes: &Prefixes) -> Vec<Entry<u32>> {
    prefixes.iter().map(|((start, length), value)| Entry { start: *start, length: *length, value: *value }).collect()
}

fn cut(start: u32, length: u8) -> u32 {
    start & !u32::MAX.checked_shr(length.into()).unwrap_or(0)
}

fn scan(prefixes: &Prefixes, key: u32) -> u32 {
    let holds = |((start, length), _): &(&(u32, u8), &u32)| cut(key, *length) == *start;
    prefixes.iter().filter(holds).max_by_key(|((_, length), _)| *length).map_or(0, |(_, value)| *value)
}

/// First and last address of each prefix, one less, one more.
fn edges(prefixes: &Prefixes) -> Vec<u32> {
    let ends = |(start, length): &(u32, u8)| [*start, start.last(*length)];
    prefixes.keys().flat_map(ends).flat_map(|key| [key.wrapping_sub(1), key, key.wrapping_add(1)]).collect()
}

/// Every form of burst says the low half of what `find` says; gives that.
fn found(table: &[u32], keys: &[u32]) -> Vec<u32> {
    let one: Vec<u32> = keys.iter().map(|key| find(table, *key)).collect();
    for form in Form::all() {
        let mut burst = vec![u32::MAX; keys.len()];
        find_burst_as(form, table, keys, &mut burst);
        assert!(burst.iter().eq(one.iter().map(|value| value & 0xffff).collect::<Vec<u32>>().iter()), "{form:?}");
    }
    one
}

fn check(table: &[u32], prefixes: &Prefixes, keys: &[u32]) {
    validate(table, |value| value == 0 || prefixes.values().any(|one| *one == value)).unwrap();
    compare(table, prefixes, keys);
}

fn compare(table: &[u32], prefixes: &Prefixes, keys: &[u32]) {
    for (key, found) in keys.iter().zip(found(table, keys)) {
        assert_eq!(found, scan(prefixes, *key), "{key:08x} in {prefixes:x?}");
        let mut last = None;
        walk(table, *key, &mut |step| last = Some(step));
        let says = last.unwrap().says;
        assert!(says.ends_with(&format!("{found:#x}")), "{says}: not {found:#x}");
    }
}

/// Prefixes that crowd in three /16s, of every length, often nested.
fn prefix() -> impl Strategy<Value = (u32, u8)> {
    let bits = prop_oneof![
        any::<u32>(),
        any::<u32>().prop_map(|bits| 0x0a00_0000 | bits & 0x1_ffff),
        any::<u32>().prop_map(|bits| 0x0a00_0500 | bits & 0xff),
        any::<u32>().prop_map(|bits| 0xffff_0000 | bits & 0xf00f),
    ];
    let length = prop_oneof![0u8..=32, 16u8..=32, Just(24u8), Just(32u8)];
    (bits, length).prop_map(|(bits, length)| (cut(bits, length), length))
}

/// Few values, or so many that each is another.
fn value() -> impl Strategy<Value = u32> {
    prop_oneof![1u32..5, 1u32..=table::MAX_VALUE]
}

#[test]
fn a_burst_may_have_any_length() {
    // Dense /24s beside a sparse /16, a run and nothing: each kind of node in each place of a vector.
    let hosts = (0..200).map(|host| ((0x0a00_0500 | host, 32), 7 + host));
    let others = [((0x0a00_0000, 16), 1), ((0x0a01_0000, 24), 2), ((0x0a02_0004, 32), 3)];
    let prefixes: Prefixes = hosts.chain(others).collect();
    let build = Build::from_sorted(&entries(&prefixes));
    let keys: Vec<u32> = (0..200_u32).map(|n| 0x0a00_0000 | (n % 4) << 16 | (n * 7 % 256) | (n & 8) << 5).collect();
    let keys: Vec<u32> =
        keys.iter().map(|key| if key >> 16 == 0x0a00 { key & 0xffff_00ff | 0x500 } else { *key }).collect();
    for length in 0..=keys.len() {
        assert_eq!(found(build.words(), &keys[..length]).len(), length);
    }
    compare(build.words(), &prefixes, &keys);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn the_longest_prefix_wins(
        prefixes in prop::collection::btree_map(prefix(), value(), 0..120),
        keys in prop::collection::vec(any::<u32>(), 32),
    ) {
        let mut keys = keys;
        keys.extend(edges(&prefixes));
        let sorted = entries(&prefixes);
        let build = Build::from_sorted(&sorted);
        check(build.words(), &prefixes, &keys);
        let mut other = PrefixMap::<ipnet::Ipv4Net, u32>::new();
        for ((start, length), value) in &prefixes {
            other.insert(ipnet::Ipv4Net::new_assert((*start).into(), *length), *value);
        }
        let small = ranges::build(&sorted);
        for key in keys {
            let host = ipnet::Ipv4Net::new_assert(key.into(), 32);
            prop_assert_eq!(find(build.words(), key), other.get_lpm(&host).map_or(0, |(_, value)| *value));
            prop_assert_eq!(table::find(&small, key), find(build.words(), key));
        }
        prop_assert!(build.prefixes().eq(sorted.iter().copied()));
    }

    #[test]
    fn a_history_ends_where_its_prefixes_say(
        pool in prop::collection::vec(prefix(), 1..40),
        steps in prop::collection::vec((any::<prop::sample::Index>(), any::<bool>(), value()), 1..60),
    ) {
        let mut prefixes = Prefixes::new();
        let mut build = Build::new();
        let all: Prefixes = pool.iter().map(|prefix| (*prefix, 1)).collect();
        // A few keys of each prefix: every step looks all of them up.
        let keys = edges(&all);
        for (step, (which, put, value)) in steps.into_iter().enumerate() {
            let (start, length) = *which.get(&pool);
            let (found, known) = if put {
                (build.insert(start, length, value), prefixes.insert((start, length), value))
            } else {
                (build.remove(start, length), prefixes.remove(&(start, length)))
            };
            prop_assert_eq!(found, known);
            compare(build.words(), &prefixes, &keys);
            // Checking 65,536 entries is slow in a debug build.
            if step % 8 == 0 {
                check(build.words(), &prefixes, &[]);
            }
            prop_assert_eq!(build.len(), prefixes.len());
        }
        let anew = Build::from_sorted(&entries(&prefixes));
        prop_assert_eq!(self::found(build.words(), &keys), self::found(anew.words(), &keys));
        for (start, length) in prefixes.into_keys() {
            build.remove(start, length);
        }
        prop_assert!(build.is_empty());
        check(build.words(), &Prefixes::new(), &keys);
    }

    #[test]
    fn a_forged_table_is_refused_or_harmless(
        prefixes in prop::collection::btree_map(prefix(), prop_oneof![1u32..5, 0x1_0000u32..0x1_0003], 1..120),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u32>(), any::<bool>()), 1..4),
        keys in prop::collection::vec(any::<u32>(), 32),
    ) {
        let mut keys = keys;
        keys.extend(edges(&prefixes));
        let mut words = Build::from_sorted(&entries(&prefixes)).words().to_vec();
        // What stands somewhere: the root entries of the prefixes, the header and the nodes.
        let mut places: Vec<usize> = keys.iter().map(|key| ROOT + (key >> 16) as usize * 2).collect();
        places.extend(keys.iter().map(|key| ROOT + (key >> 16) as usize * 2 + 1));
        places.extend(keys.iter().map(|key| HIGHS + (key >> 16) as usize));
        places.extend((0..ROOT).chain(FIXED..words.len()).chain(FIXED..words.len()).chain(FIXED..words.len()));
        for (which, value, flip) in changes {
            let at = *which.get(&places);
            words[at] = if flip { words[at] ^ 1 << (value & 31) } else { value };
        }
        let good = |value: u32| value < 5 || (0x1_0000..0x1_0003).contains(&value);
        let accepted = validate(&words, good).is_ok();
        if accepted {
            prop_assert!(found(&words, &keys).into_iter().all(good));
        }
        for form in Form::all() {
            find_burst_as(form, &words, &keys, &mut vec![0; keys.len()]);
        }
        keys.iter().for_each(|key| walk(&words, *key, &mut |_| {}));
    }
}

/// One prefix of every length around one address, and inside each other, put in and taken out in both orders.
#[test]
fn every_length_nests() {
    for address in [0, 0x0a01_0203, 0x8000_0000, u32::MAX] {
        let prefixes: Prefixes =
            (0u8..=32).map(|length| ((cut(address, length), length), 100 + u32::from(length))).collect();
        let keys = edges(&prefixes);
        let (mut up, mut down) = (Build::new(), Build::new());
        for length in 0..=32 {
            up.insert(address, length, 100 + u32::from(length));
            down.insert(address, 32 - length, 132 - u32::from(length));
        }
        check(up.words(), &prefixes, &keys);
        check(down.words(), &prefixes, &keys);
        assert_eq!(find(up.words(), address), 132);
    }
}

/// Freed lines serve again: ever the same work does not make the table larger.
#[test]
fn freed_lines_are_used_again() {
    let mut build = Build::new();
    let mut sizes = Vec::new();
    for round in 0..6u32 {
        for host in 0..3000u32 {
            let at = 0x0a00_0000 + host * 37 % 0x2_0000;
            build.insert(at, 32, 1 + (host + round) % 9);
        }
        (0..3000u32).for_each(|host| {
            build.remove(0x0a00_0000 + host * 37 % 0x2_0000, 32);
        });
        sizes.push(build.words().len());
    }
    assert!(build.is_empty());
    assert_eq!(sizes[1], sizes[5], "{sizes:?}");
}

/// As many different values as there can be, in every kind of node: both halves of each are found again.
#[test]
fn every_run_may_have_a_value_of_its_own() {
    let entry = |index: u32| Entry { start: 0x0100_0000 + index * 512, length: 24, value: 1 + index * 97 };
    let all: Vec<Entry<u32>> = (0..70_000).map(entry).collect();
    let mut build = Build::from_sorted(&all);
    let tags =
        |build: &Build| (0..1 << 16).map(|high| build.words()[ROOT + high * 2] >> TAG_SHIFT).collect::<Vec<u32>>();
    assert!(tags(&build).contains(&RUNS));
    (0..200).for_each(|block| {
        build.insert(0xd000_0001 | block << 16, 32, 15_500_000 + block);
    });
    assert!(tags(&build).contains(&SPARSE));
    (0..40).for_each(|host| {
        build.insert(0x0100_0010 + 69_999 * 512 + host * 2, 32, 15_600_000 + host);
    });
    assert!(tags(&build).contains(&DENSE));
    validate(build.words(), |value| value < 16_000_000).unwrap();
    let keys: Vec<u32> = all.iter().map(|entry| entry.start + 3).collect();
    assert!(found(build.words(), &keys).into_iter().eq(all.iter().map(|entry| entry.value)));
    assert_eq!(find(build.words(), 0x0100_0010 + 69_999 * 512 + 78), 15_600_039);
    assert_eq!(find(build.words(), 0xd0c7_0001), 15_500_199);
    all.iter().take(30_000).for_each(|entry| {
        build.remove(entry.start, 24);
    });
    all.iter().skip(60_000).for_each(|entry| {
        build.insert(entry.start, 25, entry.value);
    });
    let keys = [all[5].start, all[65_000].start, all[65_000].start + 128];
    assert_eq!(found(build.words(), &keys), [0, all[65_000].value, all[65_000].value]);
    validate(build.words(), |value| value < 16_000_000).unwrap();
}

/// The tag of the list of the leaf that the /24 of an address has.
fn tag(build: &Build, start: u32) -> u32 {
    let dense = Dense::of(find::entry(build.words(), start));
    let record = build.words()[dense.record(start)];
    build.words()[dense.leaf(record)] >> TAG_SHIFT
}

/// Of each form of list: the same for all, a palette, more values than a palette holds. A change leads from each to each, and
/// numbers of values that are gone are given to others.
#[test]
fn a_list_is_as_wide_as_its_values_need() {
    let mut build = Build::new();
    let mut prefixes = Prefixes::new();
    let mut put = |build: &mut Build, at: u32, value: u32| {
        build.insert(at, 32, value);
        prefixes.insert((at, 32), value);
        prefixes.clone()
    };
    (0..40).for_each(|host| drop(put(&mut build, 0x0a00_0100 + host * 3, 9)));
    assert_eq!(tag(&build, 0x0a00_0100), SAME);
    put(&mut build, 0x0a00_0101, 8);
    assert_eq!(tag(&build, 0x0a00_0100), NUMBERS);
    // 300 different values: the palette grows until it is full.
    for host in 0..300 {
        put(&mut build, 0x0a00_0200 + host % 100 + host / 100 * 256, 0x10_0000 + host);
    }
    assert_eq!([1, 2, 3, 4].map(|at| tag(&build, 0x0a00_0000 | at << 8)), [NUMBERS, NUMBERS, NUMBERS, WIDE]);
    let all = put(&mut build, 0x0a00_0500, 7);
    let keys = edges(&all);
    check(build.words(), &all, &keys);
    assert!(Build::from_sorted(&entries(&all)).words().len() <= build.words().len());
    // With most of them gone there is room again, though not for all: what was wide is written anew.
    let mut left = all.clone();
    for at in (0..100).map(|host| 0x0a00_0200 + host) {
        build.remove(at, 32);
        left.remove(&(at, 32));
    }
    for value in [0x20_0000, 0x20_0001] {
        build.insert(0x0a00_0401, 32, value);
        left.insert((0x0a00_0401, 32), value);
        assert_eq!(tag(&build, 0x0a00_0400), NUMBERS);
        check(build.words(), &left, &keys);
    }
    let rest: Vec<u32> = left.keys().map(|(start, _)| *start).filter(|at| at >> 8 == 0x0a_0004).collect();
    for at in rest {
        build.insert(at, 32, 5);
    }
    left.iter_mut().filter(|((start, _), _)| start >> 8 == 0x0a_0004).for_each(|(_, value)| *value = 5);
    assert_eq!(tag(&build, 0x0a00_0400), SAME);
    check(build.words(), &left, &keys);
}

/// All 256 /24s of a /16 have exceptions: the leaf that served those without becomes the last one's own. And back.
#[test]
fn the_last_leaf_is_given_away() {
    let mut build = Build::new();
    let mut prefixes = Prefixes::new();
    for position in (0..256).rev() {
        for host in [1, 2, 77] {
            build.insert(0x0a00_0000 | position << 8 | host, 32, 3 + host % 2);
            prefixes.insert((0x0a00_0000 | position << 8 | host, 32), 3 + host % 2);
        }
    }
    let keys = edges(&prefixes);
    check(build.words(), &prefixes, &keys);
    check(Build::from_sorted(&entries(&prefixes)).words(), &prefixes, &keys);
    for start in [0x0a00_0000, 0x0a00_ff00, 0x0a00_8000] {
        for host in [1, 2, 77] {
            build.remove(start | host, 32);
            prefixes.remove(&(start | host, 32));
            check(build.words(), &prefixes, &keys);
        }
        build.insert(start | 200, 32, 6);
        prefixes.insert((start | 200, 32), 6);
        check(build.words(), &prefixes, &keys);
    }
}

#[test]
fn each_kind_of_damage_is_refused() {
    let hosts = (0..100u32).map(|host| Entry { start: 0x0a00_0000 + host * 70, length: 32, value: 2 + host % 2 });
    let runs = (0..20u32).map(|index| Entry { start: 0x0b00_0000 + index * 512, length: 24, value: 0x1_0063 });
    let all: Vec<Entry<u32>> = hosts.chain(runs).chain([Entry { start: 0x0c00_0007, length: 32, value: 4 }]).collect();
    let table = Build::from_sorted(&all).words().to_vec();
    let good = |value: u32| value < 5 || value == 0x1_0063;
    assert_eq!(validate(&table, good), Ok(()));
    for bad in [2, 0x1_0063, 4] {
        assert!(validate(&table, |value| good(value) && value != bad).is_err(), "{bad:x}");
    }
    let root = |high: usize| ROOT + high * 2;
    let node = |high: usize| find::node(table[root(high)]);
    let part = find::part(node(0x0b00), table[root(0x0b00) + 1], 0);
    let highs = table[HIGHS + 0x0b00] as usize * GRANULE;
    let refused = |at: usize, value: u32| {
        let mut words = table.clone();
        words[at] = value;
        validate(&words, good).err().unwrap_or(("accepted", 0, 0))
    };
    let mut twice = table.clone();
    twice.copy_within(root(0x0a00)..root(0x0a00) + 2, root(1));
    assert_eq!(validate(&twice, good).unwrap_err().0, "place of a node");
    let mut neighbours = table.clone();
    neighbours.copy_within(root(0x0b00)..root(0x0b00) + 2, root(0x0b01));
    assert_eq!(validate(&neighbours, good).unwrap_err().0, "place of a node");
    assert_eq!(refused(root(1), 5).0, "value");
    assert_eq!(refused(root(1), 7 << TAG_SHIFT).0, "root entry");
    assert_eq!(refused(root(1), RUNS << TAG_SHIFT | PLACE_MASK).0, "place of a node");
    assert_eq!(refused(root(0x0b00) + 1, u32::MAX).0, "place of a node");
    assert_eq!(refused(part, table[part] | 1).0, "bit of a part's first run");
    assert_eq!(refused(part + PART_HEAD, u32::MAX), ("value in a list", part + PART_HEAD, 0x1_ffff));
    assert_eq!(refused(highs, 2).0, "value in a list");
    assert_eq!(refused(HIGHS + 0x0b00, 0).0, "value in a list");
    assert_eq!(refused(HIGHS + 0x0b00, u32::MAX), ("place of a node", HIGHS + 0x0b00, u32::MAX.into()));
    assert_eq!(refused(HIGHS + 0x0b00, table[root(0x0b00)] & PLACE_MASK).0, "place of a node");
    assert_eq!(refused(node(0x0c00), 1).0, "start of the first run");
    assert_eq!(refused(node(0x0c00) + 1, 0).0, "start of a run");
    assert_eq!(refused(node(0x0c00) + SPARSE_HEAD, u32::MAX).0, "value in a list");
    let dense = Dense::of([table[root(0x0a00)], table[root(0x0a00) + 1]]);
    let (leaf, palette) = (dense.leaf_number(1), dense.in_palette(0));
    assert_eq!(refused(root(0x0a00) + 1, 0).0, "leaf of a record");
    assert_eq!(refused(root(0x0a00) + 1, table[root(0x0a00) + 1] | 1 << 31).0, "size of a dense node");
    assert_eq!(refused(root(0x0a00) + 1, table[root(0x0a00) + 1] & !COUNT_MASK | 257).0, "size of a dense node");
    assert_eq!(refused(dense.at, 7 | 1 << LEAF_SHIFT).0, "value");
    assert_eq!(refused(dense.at, 0xff << LEAF_SHIFT).0, "leaf of a record");
    assert_eq!(refused(dense.at + 255, 1 << LEAF_SHIFT).0, "leaf of a record", "the leaf of another");
    assert_eq!(refused(leaf + LEAF_COUNTS, 0x0101_0101).0, "counts of a bitmap");
    assert_eq!(refused(leaf + LEAF_BITMAP, 0).0, "counts of a bitmap");
    assert_eq!(refused(leaf, 7 << TAG_SHIFT).0, "list of a leaf");
    assert_eq!(refused(leaf, SAME << TAG_SHIFT | 7).0, "value");
    assert_eq!(refused(leaf, NUMBERS << TAG_SHIFT | PLACE_MASK).0, "place of a node");
    assert_eq!(refused(leaf, WIDE << TAG_SHIFT | table[root(0x0a00)] & PLACE_MASK).0, "place of a node");
    let list = find::node(table[leaf]);
    assert_eq!((table[leaf] >> TAG_SHIFT, table[list] & 0xff), (NUMBERS, 0));
    assert_eq!(refused(list, 0xfe).0, "number in a list");
    assert_eq!(refused(palette, 7), ("value", palette, 7));
    assert_eq!(refused(palette - 31, 7), ("accepted", 0, 0), "no list has this number");
    // 256 exceptional addresses are one more than the counts can say: 0.
    let mut full = table.clone();
    full[leaf] = SAME << TAG_SHIFT | 7;
    full[leaf + LEAF_COUNTS] = 0x00c0_8040;
    full[leaf + LEAF_BITMAP..leaf + LEAF_WORDS].fill(u32::MAX);
    assert_eq!(validate(&full, good), Err(("bitmap of a leaf", leaf + LEAF_BITMAP, u32::MAX.into())));
    assert_eq!(validate(&table[..32], good), Err(("table length", 0, 32)));
}

/// Every number in every byte of lists of all lengths: good if the palette's value with that number is, whatever else stands in the
/// palette and behind the list.
#[test]
fn each_number_of_a_list_is_judged_by_its_value() {
    // Lists of 2, 3, ... 22 addresses; 41 values, of which the palette has 64 places.
    let lines = (1..=21u32).flat_map(|at| (0..=at).map(move |host| 0x0a00_0000 | at << 8 | (host * 3)));
    let all: Vec<Entry<u32>> =
        lines.zip(0..).map(|(start, index)| Entry { start, length: 32, value: 100 + index % 41 }).collect();
    let mut table = Build::from_sorted(&all).words().to_vec();
    let dense = Dense::of(find::entry(&table, 0x0a00_0000));
    assert_eq!((dense.palette, dense.used), (64, 22));
    // Nobody's: one that is bad, one that is good.
    table[dense.in_palette(50)] = 60;
    table[dense.in_palette(51)] = 70;
    for leaf in [1, 3, 14, 15, 16, 21].map(|number| dense.leaf_number(number)) {
        let (list, count) = (find::node(table[leaf]), dense::count(&table, leaf));
        for index in 0..count.next_multiple_of(16) {
            let (at, shift) = (list + index / 4, index as u32 % 4 * 8);
            let before = table[at];
            for number in [0, 1, 40, 41, 49, 50, 51, 63, 64, 127, 128, 255] {
                table[at] = before & !(0xff << shift) | number << shift;
                let good = |value: u32| value < 141 && value != 60;
                let is_good = number <= 40 || number == 51 || index >= count;
                assert_eq!(validate(&table, good).is_ok(), is_good, "{number} in byte {index} of {count}");
            }
            table[at] = before;
        }
    }
    assert!(validate(&table, |value| value < 141 && value != 130).is_err());
}

/// The example of include/README.md, word by word.
#[test]
fn the_example_by_hand_is_true() {
    let prefix =
        |text: &str| text.parse::<ipnet::Ipv4Net>().map(|net| (net.network().to_bits(), net.prefix_len())).unwrap();
    let given = [
        ("198.18.0.0/15", 0x0f_0007),
        ("10.2.0.0/16", 0x10_0003),
        ("10.2.64.0/18", 0x12_0004),
        ("10.2.80.0/24", 0x18_0005),
        ("192.0.2.25/32", 0x20_0006),
        ("10.1.0.0/20", 0x14_0001),
    ];
    let mut prefixes: Prefixes = given.into_iter().map(|(text, value)| (prefix(text), value)).collect();
    prefixes.extend((0..20).map(|n| (prefix(&format!("10.1.2.{}/32", 7 + 11 * n)), 0x20_0002 + n % 2 * 6)));
    prefixes.insert(prefix("10.1.3.40/32"), 0x20_0002);
    let words = table::build(&entries(&prefixes)).unwrap();
    let mut told = String::new();
    for address in ["198.19.0.1", "10.2.81.1", "192.0.2.25", "10.1.2.9", "10.1.2.40", "10.1.3.40"] {
        told += &format!("{address}\n");
        let key = address.parse::<std::net::Ipv4Addr>().unwrap().to_bits();
        walk(&words, key, &mut |step| {
            told += &format!("  {:12} word {:5} {:#010x}  {}\n", step.what, step.at, step.read, step.says)
        });
    }
    let readme = include_str!("../../../README.md");
    assert!(readme.contains(&told), "include/README.md should show:\n{told}");
}
