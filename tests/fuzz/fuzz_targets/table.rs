//! A good image whose words are then changed: refused, or every form of look-up finds the same, and a pool that there is.
//! The image target reaches no trie of IPv4: that has more words than its inputs. Eight bytes of input change one word:
//! which of those that are not 0, and what is xored to it.
#![no_main]

use std::collections::BTreeMap;
use std::sync::LazyLock;

use gate25_include::image::format::{self, Section, header};
use gate25_include::image::{Action, Image, ImageBuilder, Kind, Match, PoolSpec, Stage, Undetermined};
use gate25_include::table::{Kind as TableKind, four, six};
use ipnet::{IpNet, Ipv6Net};
use libfuzzer_sys::fuzz_target;

struct Good {
    words: Vec<u32>,
    /// Words that are not 0: header, pools, what stands in the tables.
    places: Vec<usize>,
    /// Edges of the prefixes.
    four: Vec<u32>,
    six: Vec<u128>,
}

static GOOD: LazyLock<Good> = LazyLock::new(|| {
    let words = build().expect("a policy within the limits");
    let places = (0..words.len()).filter(|at| words[*at] != 0).collect();
    let around = |start: u32| [start.wrapping_sub(1), start, start + 1, start + 255, start + 256];
    let four = (0..40).map(|n| 0x0a00_0000 + n * 0x1907).chain([0xc000_0219, 0x0a04_0000]).flat_map(around).collect();
    let six = (0..64_u128).map(|n| 0x2001_0db8 << 96 | n << 70 | n % 3 << 60 | n % 2).collect();
    Good { words, places, four, six }
});

fuzz_target!(|data: &[u8]| {
    let mut words = GOOD.words.clone();
    for [a, b, c, d, value @ ..] in data.as_chunks::<8>().0 {
        let at = GOOD.places[u32::from_le_bytes([*a, *b, *c, *d]) as usize % GOOD.places.len()];
        words[at] ^= u32::from_le_bytes(*value);
    }
    format::sign(&mut words);
    let Ok(image) = Image::from_words(words) else { return };
    if let Some(table) = trie(&image, Section::Source4) {
        for form in four::Form::all() {
            let mut found = vec![0; GOOD.four.len()];
            four::find_burst_as(form, table, &GOOD.four, &mut found);
            for (key, found) in GOOD.four.iter().zip(found) {
                assert_eq!(found, four::find(table, *key) & 0xffff, "{form:?} {key:x}");
                assert!(found == 0 || image.pool(found as u16 - 1).is_some());
            }
        }
    }
    if let Some(table) = trie(&image, Section::Source6) {
        for form in six::Form::all() {
            let mut found = vec![0; GOOD.six.len()];
            six::find_burst_as(*form, table, &GOOD.six, &mut found);
            for (key, found) in GOOD.six.iter().zip(found) {
                assert_eq!(found, six::find(table, *key), "{form:?} {key:x}");
            }
        }
    }
});

/// The words of a section's table, if it is a trie.
fn trie(image: &Image, section: Section) -> Option<&[u32]> {
    let at = header::SECTIONS + 2 * section as usize;
    let word = |at: usize| image.words().get(at).map(|word| *word as usize);
    let table = image.words().get(word(at)?..word(at)? + word(at + 1)?)?;
    (TableKind::of(table) == Some(TableKind::Trie)).then_some(table)
}

/// Pools whose /16s are of every kind: runs, sparse, dense with lists of numbers, with one value, with more values than a
/// palette holds; IPv6 pools with exempted /56, /64 and /128.
fn build() -> Result<Vec<u32>, Box<dyn std::error::Error>> {
    let mut builder = ImageBuilder::new();
    let names: Vec<String> = (0..400).map(|number| format!("p{number}")).collect();
    for (name, slot) in names.iter().zip(0..) {
        builder.pool(&PoolSpec { name, counter_slot: slot, ..POOL })?;
    }
    for (net, pool) in prefixes()? {
        builder.source(net, pool)?;
    }
    Ok(builder.finish(1)?)
}

/// Of prefixes that come twice the last one counts.
fn prefixes() -> Result<BTreeMap<IpNet, u16>, Box<dyn std::error::Error>> {
    let mut prefixes = BTreeMap::new();
    let mut add = |net: IpNet, pool: u32| prefixes.insert(net.trunc(), pool as u16);
    for n in 0..40_u32 {
        add(format!("10.{}.{}.0/{}", n % 4, n * 6, 18 + n % 7).parse()?, n);
    }
    for n in 0..2_000_u32 {
        let (block, pool) = match n % 4 {
            0 => (5, n % 7),
            1 => (6, 8),
            2 => (7, n % 390),
            _ => (8, n % 3),
        };
        add(format!("10.{block}.{}.{}/32", n * 7 % 256, n * 11 / 3 % 256).parse()?, pool);
    }
    for n in 0..20_u32 {
        add(format!("192.0.2.{}/32", n * 9).parse()?, n);
    }
    for n in 0..600_u32 {
        let address = 0x2001_0db8_u128 << 96 | u128::from(n) << 70 | u128::from(n % 3) << 60;
        add(Ipv6Net::new(address.into(), [40, 48, 56, 64, 128][n as usize % 5])?.into(), n % 50);
    }
    Ok(prefixes)
}

const POOL: PoolSpec<'static> = PoolSpec {
    kind: Kind::Pool,
    stage: Stage::Enforce,
    action: Action::Drop,
    matching: Match::Syn,
    return_traffic: false,
    undetermined: Undetermined::Drop,
    share: 100,
    line_prefix: 64,
    allow: 0,
    only: None,
    counter_slot: 0,
    name: "",
};
