//! The index: what stands in its lines, how it fills and empties, and what of it is refused.

use super::*;

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
    use super::super::index::Bucket;
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
    use super::super::layout::head;
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
    let bucket = super::super::index::Index::of(&words).word;
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
    use super::super::line::{OWNER_SHIFT, VALUE_SHIFT, WINDOW_SHIFT};
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
