//! The trie against a linear scan and against the prefix-trie crate; the validator against damage.

use std::collections::BTreeMap;

use ipnet::Ipv6Net;
use prefix_trie::PrefixMap;
use proptest::prelude::*;

use super::layout::mask;
use super::*;
use crate::table::{Entry, LINE_WORDS};

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

/// How many /32, or pieces of one, the index has.
fn indexed(words: &[u32]) -> usize {
    cells(words).count()
}

/// What the walk's steps are called.
fn steps(words: &[u32], key: u128) -> Vec<&'static str> {
    let mut steps = Vec::new();
    walk(words, key, &mut |step| steps.push(step.what));
    steps
}

#[test]
fn the_index_has_each_32() {
    let mut prefixes = Prefixes::new();
    let tags: Vec<u128> = (0..3_000u128).map(|n| 0x2a00_0000 + n * 0x1_0007 % 0x10_0000).collect();
    for (tag, number) in tags.iter().zip(0..) {
        prefixes.extend((0..12).map(|n| ((tag << 96 | n << 64, 64), 1 + number)));
    }
    let mut build = Build::from_sorted(&entries(&prefixes));
    assert_eq!(indexed(build.words()), tags.len(), "twelve side by side are not worth being cut");
    assert!(tags.iter().all(|tag| steps(build.words(), tag << 96)[..2] == ["bucket", "cell"]));
    assert_eq!(steps(build.words(), 0x2b00 << 112)[..2], ["bucket", "root"]);
    for ((start, length), left) in prefixes.keys().zip((1..=prefixes.len()).rev()) {
        build.remove(*start, *length);
        if left % 997 == 0 {
            sound(build.words());
        }
    }
    assert_eq!(indexed(build.words()), 0);
    sound(build.words());
    for ((start, length), value) in &prefixes {
        build.insert(*start, *length, *value);
    }
    assert_eq!(indexed(build.words()), tags.len());
    sound(build.words());
    agree(build.words(), &edges(prefixes.keys().copied())[..2_000], |key| find(build.words(), key));
}

/// Allocations with one to sixty prefixes, as the global table has them: lines of the index hold nearly all. They come and
/// go one by one, so that lines fill up, buckets move, pieces and leaves come and go.
#[test]
fn allocations_come_and_go() {
    let mut random = 11u64;
    let mut next = |below: u64| {
        random = random.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(0x1405_7b7e_f767_814f);
        (random >> 33) % below
    };
    let mut prefixes = Prefixes::from([((0, 0), 77)]);
    for number in 0..400u32 {
        let tag = u128::from(0x2a00_0000 | next(1 << 20) as u32);
        prefixes.insert((tag << 96 & mask(29), 29), 1 + number);
        let most = 1 + next(60);
        for _ in 0..1 + next(most) {
            let length = [32, 33, 36, 40, 44, 48, 48, 48, 56, 64][next(10) as usize];
            let inside = u128::from(next(1 << 16)) << 80 | u128::from(next(1 << 16)) << 64;
            prefixes.insert(((tag << 96 | inside) & mask(length), length), 1 + next(1 << 20) as u32);
        }
    }
    let net = |(start, length): (u128, u8)| Ipv6Net::new_assert(start.into(), length);
    let mut other: PrefixMap<Ipv6Net, u32> = prefixes.iter().map(|(prefix, value)| (net(*prefix), *value)).collect();
    let all = entries(&prefixes);
    let keys = edges(prefixes.keys().copied());
    let (mut grown, at_once) = (Build::new(), Build::from_sorted(&all));
    all.iter().for_each(|one| assert_eq!(grown.insert(one.start, one.length, one.value), None));
    for build in [&at_once, &grown] {
        sound(build.words());
        agree(build.words(), &keys, |key| other.get_lpm(&net((key, 128))).map_or(0, |(_, value)| *value));
    }
    let shown =
        |what| keys.iter().filter(|key| steps(at_once.words(), **key).contains(&what)).count() * 100 / keys.len();
    assert!(shown("prefix") > 30 && shown("leaf") < 10, "{} {}", shown("prefix"), shown("leaf"));
    for (count, one) in all.iter().enumerate().filter(|(count, _)| count % 3 != 0) {
        grown.remove(one.start, one.length);
        other.remove(&net((one.start, one.length)));
        if count % 997 == 1 {
            sound(grown.words());
            agree(grown.words(), &keys, |key| other.get_lpm(&net((key, 128))).map_or(0, |(_, value)| *value));
        }
    }
    for one in &all {
        grown.insert(one.start, one.length, one.value);
    }
    sound(grown.words());
    agree(grown.words(), &keys, |key| find(at_once.words(), key));
    assert!(grown.words().len() < 2 * at_once.words().len(), "{} {}", grown.words().len(), at_once.words().len());
}

/// ::/32 is tag 0, which a free cell has, too.
#[test]
fn a_free_cell_is_nobodys() {
    let keys: Vec<u128> = (0..40).map(|n| n << 70).collect();
    for tag in 0x2a00_0000..0x2a00_0010_u128 {
        let mut prefixes = Prefixes::from([((0, 0), 6), ((tag << 96, 32), 1)]);
        prefixes.extend((1..4).map(|n| ((tag << 96 | n << 80, 48), 1 + n as u32)));
        agree(&built(&prefixes), &keys, |_| 6);
    }
}

/// A /32 comes into a bucket that is cut already, where its own pieces would share a cell: each still finds its own.
#[test]
fn pieces_that_would_share_a_cell_are_moved_apart() {
    use super::index::Bucket;
    let start = 0x2001_0db8_u128 << 96;
    let pieces: Vec<u128> = (0..8).map(|piece| start | piece << 93).collect();
    for own in &pieces {
        let mut build = Build::new();
        let (number, _) = build.space.bucket(0x2001_0db8);
        // At displacement 0 pieces lie close together.
        build.space.set_bucket(number, Bucket { displacement: 0, cut: 3 });
        build.insert(*own, 35, 99);
        sound(build.words());
        agree(build.words(), &pieces, |key| if key == *own { 99 } else { 0 });
    }
}

/// Few prefixes behind a /32 stand beside it, the /32 alone is a value, more are cut into pieces or lead on: and what is
/// shorter is handed down to all.
#[test]
fn the_index_holds_prefixes_and_values() {
    let prefix = |text: &str| text.parse::<Ipv6Net>().map(|net| (net.network().to_bits(), net.prefix_len())).unwrap();
    let key = |text: &str| text.parse::<std::net::Ipv6Addr>().unwrap().to_bits();
    let mut build = Build::new();
    let mut put = |text: &str, value| {
        let (start, length) = prefix(text);
        build.insert(start, length, value);
        build.words().to_vec()
    };
    let told = |words: &[u32], text: &str| walked(words, key(text)).join("; ");
    let words = put("2001:db8::/32", 1);
    assert!(told(&words, "2001:db8::1").ends_with("value 1"));
    let words = put("2001:db9:1::/48", 2);
    assert_eq!(steps(&words, key("2001:db9:1::1")), ["bucket", "cell", "prefix"]);
    assert_eq!((find(&words, key("2001:db9::1")), find(&words, key("2001:db9:1::1"))), (0, 2));
    let words = put("2001:d00::/24", 3);
    agree(&words, &["2001:db8::1", "2001:db9::1", "2001:db9:1::1", "2001:dba::"].map(key), |one| match one >> 80 {
        0x2001_0db8_0000 => 1,
        0x2001_0db9_0001 => 2,
        _ => 3,
    });
    assert!(told(&words, "2001:db9::1").ends_with("no prefix of this line holds the address: value 3"));
    assert_eq!(steps(&words, key("2001:dba::"))[1], "root");
    for n in 0..6 {
        put(&format!("2001:db9:{:x}::/48", 0x2000 * n + 2), 10 + n);
    }
    let words = put("2001:db9:8000::/33", 4);
    assert!(told(&words, "2001:db9:2002::1").contains("piece 0 of 2"), "{}", told(&words, "2001:db9:2002::1"));
    assert_eq!((find(&words, key("2001:db9:9000::")), find(&words, key("2001:db9:8002::"))), (4, 14));
    let words = put("2001:db9:8000:1:1::/80", 5);
    assert!(told(&words, "2001:db9:8000::1").contains("leaf"), "{}", told(&words, "2001:db9:8000::1"));
    // ::/32 is tag 0, which a free cell has, too.
    let words = put("::/0", 6);
    assert_eq!((find(&words, 1), find(&put("::/33", 7), 1)), (6, 7));
    sound(build.words());
}

#[test]
fn an_index_that_misleads_is_refused() {
    use super::layout::head;
    let prefixes = pools(5, 2_000);
    let words = built(&prefixes);
    let fault = |at: usize, word: u32| {
        let mut forged = words.clone();
        forged[at] = word;
        look_up_all(&forged, &edges(prefixes.keys().copied())[..64]);
        validate(&forged, |_| true).map_err(|(what, _, _)| what)
    };
    let mut tables = cells(&words).filter(|at| words[*at] >> 28 != 0);
    let (at, other) = (tables.next().unwrap(), tables.last().unwrap());
    let bucket = super::index::Index::of(&words).word;
    assert_eq!(fault(at, words[at]), Ok(()));
    assert!(fault(at, words[at] + 8).is_err());
    assert_eq!(fault(at, words[other]), Err("trie link"), "two lead to one");
    assert_eq!(fault(at, words[head::ROOT]), Err("trie link"));
    assert_eq!(fault(at, 0), Err("trie index"), "a free cell is all zero");
    assert_eq!(fault(at, 1 << 25), Err("trie index"), "a value has 24 bits");
    assert_eq!(fault(at, 1 << 24), Err("trie index"), "it has no prefixes");
    assert_eq!(fault(at + 1, words[at + 1] ^ 1), Err("trie index"));
    let used = (bucket..bucket + 16).find(|at| words[*at] != 0).unwrap();
    assert_eq!(fault(used, words[used] ^ 1 ^ 1 << 16), Err("trie index"), "what a bucket has stands elsewhere");
    for (word, wrong) in [(head::BUCKETS, [4, 26]), (head::LINES, [0, 1 << 23 | 1])] {
        assert_eq!(wrong.map(|wrong| fault(word, wrong)), [Err("trie index"); 2]);
    }
    assert!(fault(head::BUCKETS, 24).is_err());
    assert!(fault(head::LINES, words[head::LINES] + 1).is_err());
    assert!(fault(head::INDEX, u32::MAX).is_err());
    assert_eq!(fault(head::PREFIXED, 2), Err("trie header"));
    assert_eq!(fault(head::PREFIXED, 1), Ok(()), "it says how to look only");
}

/// One bit of a line's prefixes: what owns it, what agrees, what it says.
#[test]
fn prefixes_that_mislead_are_refused() {
    use super::line::{OWNER_SHIFT, VALUE_SHIFT, WINDOW_SHIFT};
    let start = 0x2001_0db8_u128 << 96;
    let prefixes = Prefixes::from([((start, 32), 1), ((start | 1 << 80, 48), 2), ((start | 1 << 79, 49), 3)]);
    let words = built(&prefixes);
    let line = cells(&words).next().unwrap() / LINE_WORDS * LINE_WORDS;
    let fault = |change: &dyn Fn(&mut [u64; 5])| {
        let mut forged = words.clone();
        let mut near = [0; 5];
        let pair = |n: usize| u64::from(words[line + 2 * n]) | u64::from(words[line + 2 * n + 1]) << 32;
        near.iter_mut().enumerate().for_each(|(n, near)| *near = pair(n));
        change(&mut near);
        for (n, near) in near.iter().enumerate() {
            (forged[line + 2 * n], forged[line + 2 * n + 1]) = (*near as u32, (near >> 32) as u32);
        }
        look_up_all(&forged, &edges(prefixes.keys().copied()));
        validate(&forged, |value| value < 4).map_err(|(what, _, _)| what)
    };
    assert_eq!(fault(&|_| ()), Ok(()));
    assert_eq!(fault(&|near| near.swap(0, 1)), Err("trie prefix"), "the longest stands first");
    assert_eq!(fault(&|near| near.swap(0, 4)), Err("trie prefix"), "the longest stands first");
    assert_eq!(fault(&|near| near.swap(1, 4)), Ok(()), "between them may be room");
    assert_eq!(fault(&|near| near[0] ^= 1 << OWNER_SHIFT), Err("trie prefix"), "no such cell");
    assert_eq!(fault(&|near| near[4] = 1 << VALUE_SHIFT), Err("trie prefix"), "nobody's");
    assert_eq!(fault(&|near| near[0] |= 1 << WINDOW_SHIFT), Err("trie prefix"), "a bit behind the last");
    assert_eq!(fault(&|near| near[0] |= 63), Err("trie prefix"), "less than no bits");
    assert_eq!(fault(&|near| near[0] &= !63), Err("trie prefix"), "62 bits");
    assert_eq!(fault(&|near| near[0] |= 7 << VALUE_SHIFT), Err("trie value"));
    assert_eq!(fault(&|near| near[0] &= !(7 << VALUE_SHIFT)), Err("trie value"));
    assert_eq!(fault(&|near| *near = [0; 5]), Err("trie index"), "the cell says that it has some");
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
