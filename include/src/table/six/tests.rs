//! The trie against a linear scan and against the prefix-trie crate; the validator against damage.

use std::collections::BTreeMap;

use ipnet::Ipv6Net;
use prefix_trie::PrefixMap;
use proptest::prelude::*;

use super::layout::mask;
use super::*;
use crate::table::{Entry, LINE_WORDS};

mod index;

type Prefixes = BTreeMap<(u128, u8), u32>;

fn scan(prefixes: &Prefixes, key: u128) -> u32 {
    let held = prefixes.iter().filter(|((start, length), _)| (start ^ key) & mask(*length) == 0);
    held.max_by_key(|((_, length), _)| *length).map_or(0, |(_, value)| *value)
}

fn entries(prefixes: &Prefixes) -> Vec<Entry<u128>> {
    prefixes.iter().map(|((start, length), value)| Entry { start: *start, length: *length, value: *value }).collect()
}

/// The trie made of these at once.
fn built(prefixes: &Prefixes) -> Vec<u32> {
    super::build(&entries(prefixes)).unwrap()
}

/// First and last address of each prefix, the ones beside them, and the ends of all.
fn edges(prefixes: impl IntoIterator<Item = (u128, u8)>) -> Vec<u128> {
    let around = |(start, length): (u128, u8)| {
        let last = start | !mask(length);
        [start, last, start.wrapping_sub(1), last.wrapping_add(1), start ^ 1 << 127, start ^ ((last - start) / 3)]
    };
    prefixes.into_iter().flat_map(around).chain([0, u128::MAX]).collect()
}

/// Every form finds what `want` says, and the walk ends with it.
fn agree(words: &[u32], keys: &[u128], want: impl Fn(u128) -> u32) {
    let expected: Vec<u32> = keys.iter().map(|key| want(*key)).collect();
    let same = |found: &[u32], who: &dyn std::fmt::Debug| {
        if let Some(at) = (0..keys.len()).find(|at| found[*at] != expected[*at]) {
            let (key, steps) = (keys[at], walked(words, keys[at]));
            panic!("{who:?} finds {} for {key:032x}, not {}: {steps:#?}", found[at], expected[at]);
        }
    };
    same(&keys.iter().map(|key| find(words, *key)).collect::<Vec<_>>(), &"find");
    for form in Form::all() {
        let mut found = vec![u32::MAX; keys.len()];
        find_burst_as(*form, words, keys, &mut found);
        same(&found, form);
    }
}

/// Words that were refused: every look-up ends, whatever it finds.
fn look_up_all(words: &[u32], keys: &[u128]) {
    let mut found = vec![0; keys.len()];
    Form::all().iter().for_each(|form| find_burst_as(*form, words, keys, &mut found));
    keys.iter().for_each(|key| found[0] ^= find(words, *key));
}

fn walked(words: &[u32], key: u128) -> Vec<String> {
    let mut steps = Vec::new();
    walk(words, key, &mut |step| steps.push(format!("{} at {}: {}", step.what, step.at, step.says)));
    steps
}

fn sound(words: &[u32]) {
    assert_eq!(validate(words, |value| value < 1 << 24), Ok(()));
}

/// A prefix near some others: `bits` says which bits of `base` differ, `length` where it ends.
fn near(base: u128, bits: &[u8], length: u8) -> (u128, u8) {
    let start = bits.iter().fold(base, |start, bit| start ^ 1 << (127 - bit % 128));
    (start & mask(length), length)
}

/// One change of a history: in or out, and of what.
fn change() -> impl Strategy<Value = (bool, u128, u8, u32)> {
    let base = prop::sample::select(vec![0x2a00 << 112, 0x2001_0db8_0000_ff00 << 64, u128::MAX, 0]);
    let length = prop_oneof![0u8..=128, 28u8..=66, 120u8..=128];
    let bits = prop::collection::vec(prop_oneof![0u8..128, 30u8..70], 0..5);
    (prop::bool::weighted(0.7), base, bits, length, 1u32..1 << 24).prop_map(|(put, base, bits, length, value)| {
        let (start, length) = near(base, &bits, length);
        (put, start, length, value)
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 16, failure_persistence: None, ..ProptestConfig::default() })]

    /// Long histories: after each step everything near the change, at the end every edge, and built at once the same.
    #[test]
    fn histories_equal_the_scan(changes in prop::collection::vec(change(), 1..250)) {
        let (mut build, mut prefixes) = (Build::new(), Prefixes::new());
        for (put, start, length, value) in &changes {
            // What is taken out mostly exists: the one behind the wished one.
            let (start, length) = match prefixes.range((*start, *length)..).next() {
                Some((found, _)) if !put => *found,
                _ => (*start, *length),
            };
            let (old, expected) = match put {
                true => (build.insert(start, length, *value), prefixes.insert((start, length), *value)),
                false => (build.remove(start, length), prefixes.remove(&(start, length))),
            };
            prop_assert_eq!(old, expected);
            agree(build.words(), &edges([(start, length)]), |key| scan(&prefixes, key));
            if prefixes.len() % 16 == 0 {
                sound(build.words());
            }
        }
        let keys = edges(prefixes.keys().copied());
        sound(build.words());
        prop_assert_eq!(build.prefixes().collect::<Vec<_>>(), entries(&prefixes));
        for words in [build.words(), Build::from_sorted(&entries(&prefixes)).words(), &built(&prefixes)] {
            sound(words);
            agree(words, &keys, |key| scan(&prefixes, key));
        }
        for (start, length) in prefixes.keys() {
            build.remove(*start, *length);
        }
        sound(build.words());
        prop_assert!(build.is_empty());
        agree(build.words(), &keys, |_| 0);
    }
}

#[test]
fn prefixes_of_every_length_nested() {
    let address = 0x2001_0db8_85a3_08d3_1319_8a2e_0370_7344_u128;
    let (mut build, mut prefixes) = (Build::new(), Prefixes::new());
    let order = (0..=128u8).map(|step| (u32::from(step) * 50 % 129) as u8);
    for length in order.clone() {
        let start = address & mask(length);
        assert_eq!(build.insert(start, length, 1 + u32::from(length)), None);
        prefixes.insert((start, length), 1 + u32::from(length));
        let keys: Vec<u128> = (0..128).map(|bit| address ^ 1 << bit).chain([address]).collect();
        agree(build.words(), &keys, |key| scan(&prefixes, key));
    }
    agree(build.words(), &edges(prefixes.keys().copied()), |key| scan(&prefixes, key));
    sound(build.words());
    for length in order {
        let start = address & mask(length);
        assert_eq!(build.remove(start, length), prefixes.remove(&(start, length)));
        agree(build.words(), &edges(prefixes.keys().copied()), |key| scan(&prefixes, key));
        sound(build.words());
    }
}

/// A policy in small: pools, many exemptions inside, hosts in one of them.
fn pools(seed: u64, exemptions: usize) -> Prefixes {
    let mut random = seed;
    let mut bits = || {
        random = random.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(0x1405_7b7e_f767_814f);
        u128::from(random >> 20) << 84 ^ u128::from(random >> 8) << 40 ^ u128::from(random >> 30)
    };
    let mut prefixes = Prefixes::new();
    let pools: Vec<(u128, u8)> =
        (0..20u8).map(|n| ((0x2a00 << 112 | bits() >> 13) & mask(32 + n % 9), 32 + n % 9)).collect();
    for (number, pool) in pools.iter().enumerate() {
        prefixes.insert(*pool, 1 + number as u32);
    }
    for number in 0..exemptions {
        let (start, length) = pools[number % pools.len()];
        let longer = [56, 64, 64, 128][number % 4];
        let host = if longer == 128 { start | bits() & 0xffff } else { start | bits() & !mask(length) };
        prefixes.insert((host & mask(longer), longer), 100 + number as u32);
    }
    prefixes
}

#[test]
fn thousands_equal_the_prefix_trie_crate() {
    let prefixes = pools(7, 20_000);
    let net = |(start, length): (u128, u8)| Ipv6Net::new_assert(start.into(), length);
    let other: PrefixMap<Ipv6Net, u32> = prefixes.iter().map(|(prefix, value)| (net(*prefix), *value)).collect();
    let want = |key: u128| other.get_lpm(&net((key, 128))).map_or(0, |(_, value)| *value);
    let keys = edges(prefixes.keys().copied());
    let mut build = Build::from_sorted(&entries(&prefixes));
    sound(build.words());
    agree(build.words(), &keys, want);
    let words = build.words().len();
    for ((start, length), value) in &prefixes {
        assert_eq!(build.remove(*start, *length), Some(*value));
    }
    for ((start, length), value) in &prefixes {
        assert_eq!(build.insert(*start, *length, *value), None);
    }
    sound(build.words());
    agree(build.words(), &keys, want);
    assert!(
        build.words().len() <= 3 * words,
        "freed space is used again: {} words, then {}",
        words,
        build.words().len()
    );
}

#[test]
fn a_trie_made_at_once_that_outgrows_its_links_is_refused() {
    let prefixes = entries(&pools(5, 300));
    let words = super::build(&prefixes).unwrap();
    let within = |most| super::build::build_within(&prefixes, most);
    assert_eq!(within(words.len()), Some(words.clone()));
    assert_eq!(within(words.len() - 1), None);
}

#[test]
fn changes_back_and_forth_take_no_more_space() {
    let prefixes = pools(9, 3_000);
    let mut build = Build::from_sorted(&entries(&prefixes));
    let mut sizes = Vec::new();
    for _ in 0..6 {
        for ((start, length), value) in prefixes.iter().step_by(3) {
            build.remove(*start, *length);
            build.insert(*start, *length, *value);
        }
        sizes.push(build.words().len());
    }
    assert_eq!(sizes[2], sizes[5], "{sizes:?}");
}

#[test]
fn a_burst_of_any_length_is_answered() {
    let words = built(&pools(3, 500));
    let keys = edges(pools(3, 500).keys().copied());
    for form in Form::all() {
        for count in [0, 1, 7, 8, 31, 32, 33, 64, 100] {
            let mut found = vec![7; count + 2];
            find_burst_as(*form, &words, &keys[..count], &mut found);
            let expected: Vec<u32> = keys[..count].iter().map(|key| find(&words, *key)).collect();
            assert_eq!((&found[..count], &found[count..]), (&expected[..], &[7, 7][..]));
            find_burst_as(*form, &words, &keys, &mut found[..count]);
            assert_eq!(found[..count], expected);
        }
    }
}

/// Every bit of every word may flip: what the validator still accepts all forms read alike, and what it refuses they
/// survive.
#[test]
fn damage_is_refused_or_harmless() {
    let prefixes = pools(5, 300);
    let words = built(&prefixes);
    let keys = edges(prefixes.keys().copied());
    let mut refused = 0;
    let places: Vec<usize> = (0..words.len()).filter(|at| words[*at] != 0).step_by(13).collect();
    for at in &places {
        for bit in [0, 5, 9, 17, 24, 28, 29, 30, 31] {
            let mut damaged = words.clone();
            damaged[*at] ^= 1 << bit;
            let accepted = validate(&damaged, |value| value < 1 << 24).is_ok();
            refused += usize::from(!accepted);
            let keys = &keys[at % 64..][..40];
            match accepted {
                true => agree(&damaged, keys, |key| find(&damaged, key)),
                false => look_up_all(&damaged, keys),
            }
            keys.iter().take(2).for_each(|key| assert!(walked(&damaged, *key).len() < 300));
        }
    }
    assert!(refused * 3 > places.len() * 9, "{refused} of {} refused", places.len() * 9);
    for length in (0..words.len()).step_by(1 + words.len() / 40) {
        let cut = &words[..length];
        assert!(validate(cut, |_| true).is_err());
        look_up_all(cut, &keys[..40]);
    }
}

/// The words at which the cells of the index that are taken start.
fn cells(words: &[u32]) -> impl Iterator<Item = usize> {
    use super::line::{CELLS, FIRST_CELL};
    let index = super::index::Index::of(words);
    let lines = (index.first_line()..index.word + index.words()).step_by(LINE_WORDS);
    let cells = lines.flat_map(|line| (0..CELLS).map(move |cell| line + FIRST_CELL + 2 * cell));
    cells.filter(|at| words[*at] != 0)
}

#[test]
fn links_that_loop_or_lead_outside_are_refused() {
    use super::layout::{LINK_WORD, Link, Table, head};
    let mut prefixes = pools(5, 2_000);
    prefixes.extend((0..40u128).map(|n| ((0x2b00 << 112 | n << 99, 29), 1 + n as u32)));
    let words = built(&prefixes);
    let keys = edges(prefixes.into_keys());
    let indexed = cells(&words).find(|at| matches!(Link::of(words[*at]), Link::Table(_))).unwrap();
    let root = Table::from_link(words[head::ROOT]);
    let inner = (0..root.slots()).map(|slot| root.slot(slot).record).find(|at| words[at + 1] >> 31 == 1).unwrap();
    let lines = (words.len() / LINE_WORDS) as u32;
    for at in [indexed, inner] {
        let (link, stride) = (words[at], words[at] & !LINK_WORD);
        let other = words[if at == inner { indexed } else { inner }];
        let loops = [words[head::ROOT], other, stride, stride | (lines * 8), stride | (lines * 8 - 1)];
        let wrong = if at == inner { [link & LINK_WORD, link | 14 << 28] } else { [link | 15 << 28, link | 14 << 28] };
        for forged in [loops.as_slice(), &wrong].concat() {
            let mut words = words.clone();
            words[at] = forged;
            assert!(validate(&words, |_| true).is_err(), "{forged:08x} for {link:08x}");
            look_up_all(&words, &keys[..64]);
        }
    }
    let refused = validate(&words, |value| value != 3);
    assert_eq!(refused.map_err(|(what, _, _)| what), Err("trie value"));
    let mut longer = words.clone();
    longer.extend([0; LINE_WORDS]);
    assert!(validate(&longer, |_| true).is_err());
}

/// What the filter lets past is never less than what stands in the leaf, whichever kind it is.
#[test]
fn prefixes_of_one_length_behind_a_table_get_past_its_filters() {
    for length in 41..=72u8 {
        let start = |n: u128| (0x2001_0db8 << 96 | n.wrapping_mul(0x9e37_79b9_7f4a_7c15) << 32) & mask(length);
        let prefixes: Prefixes =
            (0..300).map(|n| ((start(n) & !mask(32) | 0x2001_0db8 << 96, length), 1 + n as u32)).collect();
        let words = built(&prefixes);
        sound(&words);
        agree(&words, &edges(prefixes.keys().copied())[..600], |key| scan(&prefixes, key));
    }
}

#[test]
fn the_walk_says_what_the_look_up_finds() {
    let prefixes = pools(5, 2_000);
    let words = built(&prefixes);
    for key in edges(prefixes.keys().copied()) {
        let steps = walked(&words, key);
        let value = find(&words, key);
        assert!(steps.last().is_some_and(|last| last.ends_with(&format!("value {value}"))), "{steps:#?}");
    }
}

/// The example of include/README.md, word by word.
#[test]
fn the_example_by_hand_is_true() {
    let prefix = |text: &str| text.parse::<Ipv6Net>().map(|net| (net.network().to_bits(), net.prefix_len())).unwrap();
    let mut prefixes: Prefixes = [(prefix("2001:db8::/32"), 1), (prefix("2001:db8:100:7::/64"), 64)].into();
    prefixes.insert(prefix("2001:db8:100:7:1::/80"), 80);
    prefixes.insert(prefix("2001:dc0::/28"), 2);
    prefixes.extend([(prefix("2001:db9::/32"), 3), (prefix("2001:db9:5::/48"), 48), (prefix("2001:db9:600::/40"), 40)]);
    prefixes.extend((0..20).map(|n| (prefix(&format!("2001:db8:{:x}::/48", 0x100 + 0xa00 * n)), 100 + n)));
    let words = built(&prefixes);
    let mut told = String::new();
    for address in ["2001:db9:5::1", "2001:db8:b00::1", "2001:db8:200::1", "2001:db8:100:7::1", "2001:dc0::1"] {
        told += &format!("{address}\n");
        let key = address.parse::<std::net::Ipv6Addr>().unwrap().to_bits();
        walk(&words, key, &mut |step| {
            told += &format!("  {:6} word {:3} {:#018x}  {}\n", step.what, step.at, step.read, step.says)
        });
    }
    let readme = include_str!("../../../README.md");
    assert!(readme.contains(&told), "include/README.md should show:\n{told}");
}
