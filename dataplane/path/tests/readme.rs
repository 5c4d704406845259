//! The manual's table of evasions names tests that exist, and its table of reasons every reason in order.

use gate25_include::counters::{Effect, Reason};

const README: &str = include_str!("../../README.md");
const FILES: [(&str, &str); 6] = [
    ("link", include_str!("link.rs")),
    ("ip", include_str!("ip.rs")),
    ("fragments", include_str!("fragments.rs")),
    ("tunnels", include_str!("tunnels.rs")),
    ("verdicts", include_str!("verdicts.rs")),
    ("properties", include_str!("properties.rs")),
];

#[test]
fn every_test_that_the_table_of_evasions_names_exists() {
    let mut named = 0;
    for line in README.lines().filter(|line| line.starts_with('|')) {
        let last = line.trim_end_matches(" |").rsplit("| ").next().expect("column");
        let Some((file, test)) = last.split_once(": `") else { continue };
        let source = FILES.iter().find(|(name, _)| *name == file).expect(file).1;
        assert!(source.contains(&format!("fn {}(", test.trim_end_matches('`'))), "{last}");
        named += 1;
    }
    assert!(named >= 30, "{named}");
}

#[test]
fn the_table_of_reasons_is_complete_and_in_order() {
    let rows: Vec<_> = Reason::ALL
        .iter()
        .map(|reason| {
            let effect = if reason.effect() == Effect::Pass { "pass" } else { "drop" };
            let row = format!("| `{}` | {effect} |", reason.name());
            README.find(&row).expect(&row)
        })
        .collect();
    assert!(rows.is_sorted());
}
