//! The limit of prefixes: 16 Mi are taken, one more is refused with the number. By hand: it takes a minute and 3 GB.
#![forbid(unsafe_code)]

use gate25_include::image::format::MAX_PREFIXES;
use gate25_include::image::{
    Action, BuildError, Image, ImageBuilder, Kind, Match, OwnerHash, PoolSpec, SourceTables, Sources, Stage,
    Undetermined, source_value,
};
use gate25_include::table::Entry;

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
    name: "east",
};

/// Lines of 16 addresses apart, in the order of their addresses; each 16th /32 is one.
fn lines(count: usize) -> Sources {
    let line = |index: usize| Entry { start: (index as u32) << 4, length: 32, value: source_value(0, 32) };
    Sources { four: (0..count).map(line).collect(), six: Vec::new(), owners: vec![OwnerHash::of("east")] }
}

#[test]
#[ignore = "takes a minute and 3 GB: cargo test --release -p gate25-include --test scale -- --ignored"]
fn sixteen_mi_prefixes_are_taken_and_one_more_is_not() {
    let mut tables = SourceTables::default();
    assert_eq!(tables.update(lines(MAX_PREFIXES)).unwrap(), MAX_PREFIXES);
    let past = tables.update(lines(MAX_PREFIXES + 1)).unwrap_err();
    assert!(matches!(past, BuildError::Limit { found, limit, .. } if found == limit + 1 && limit == MAX_PREFIXES));
    assert_eq!(
        past.to_string(),
        "16777217 prefixes in pools and exemptions, the limit is 16777216; use fewer or larger prefixes"
    );
    assert_eq!(tables.len(), MAX_PREFIXES, "what was there is still there");
    let mut builder = ImageBuilder::new();
    builder.pool(&POOL).unwrap();
    let words = builder.finish_with(&tables, 1).unwrap().to_words();
    eprintln!("{} prefixes, {} MB", MAX_PREFIXES, words.len() >> 18);
    let image = Image::from_words(words).unwrap();
    for index in (0..MAX_PREFIXES as u32).step_by(997) {
        assert_eq!(image.source4(index << 4).map(|found| (found.pool, found.prefix_len)), Some((0, 32)));
        assert_eq!(image.source4(index << 4 | 1), None);
    }
}
