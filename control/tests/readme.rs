//! The operator's book names what there is: every counter, key, option, command and exit code.
#![forbid(unsafe_code)]

use std::process::Command;

use gate25_include::counters::{LinkCounter, Reason, Scope};

const BOOK: &str = include_str!("../README.md");

fn has(what: &str) {
    assert!(BOOK.contains(what), "README.md does not name {what}");
}

fn help(program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program).args(arguments).arg("--help").output().unwrap();
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn every_reason_stands_in_it_with_its_help_in_the_packets_order() {
    let mut from = BOOK.find("## Counters").unwrap();
    for reason in Reason::ALL {
        let row = format!("| `{}` | {} | {} |", reason.name(), effect(*reason), reason.help());
        from += BOOK[from..].find(&row).unwrap_or_else(|| panic!("not in order, or not there: {row}"));
    }
    let besides = LinkCounter::ALL.iter().map(|counter| counter.counter().name);
    besides
        .filter(|name| name.starts_with("inbound_") || name.starts_with("reject"))
        .for_each(|name| has(&format!("`{name}`")));
}

fn effect(reason: Reason) -> &'static str {
    match reason.effect() {
        gate25_include::counters::Effect::Pass => "passes",
        gate25_include::counters::Effect::Drop => "is dropped",
    }
}

#[test]
fn every_command_option_and_exit_code_stands_in_it() {
    let (gate25, control) = (env!("CARGO_BIN_EXE_gate25"), env!("CARGO_BIN_EXE_gate25-control"));
    let top = help(gate25, &[]);
    let commands = top.lines().skip_while(|line| *line != "Commands:").skip(1).take_while(|line| !line.is_empty());
    let mut seen = 0;
    for name in commands
        .filter(|line| line.starts_with("  ") && !line.starts_with("   "))
        .filter_map(|line| line.split_whitespace().next())
    {
        has(&format!("`gate25 {name}"));
        seen += 1;
    }
    assert!(seen >= 8, "{top}");
    for line in top.lines().skip_while(|line| *line != "Exit codes:").skip(1) {
        let (code, meaning) = line.trim().split_once("  ").unwrap();
        let row = BOOK.lines().find(|row| row.starts_with(&format!("| {code} | ")));
        assert!(row.is_some_and(|row| row.replace('`', "").contains(meaning)), "exit code {code}: {meaning}");
    }
    let commands = [
        &["apply"][..],
        &["show", "drops"],
        &["show", "policy"],
        &["show", "runtime"],
        &["diff"],
        &["who"],
        &["top"],
        &["doctor"],
        &["status"],
        &["explain"],
        &["replay"],
    ]
    .map(|command| help(gate25, command));
    let options = help(control, &[]) + &commands.concat();
    let words = options.split_whitespace().filter(|word| word.starts_with("--") && word.len() > 2);
    words
        .filter(|word| !["--help", "--version"].contains(word))
        .for_each(|word| has(word.trim_end_matches([',', '.', ':'])));
}

#[test]
fn every_key_of_the_policy_stands_in_it() {
    let keys = [
        "schema",
        "reject_rate",
        "name",
        "prefixes",
        "prefix_files",
        "stage",
        "enforce_from",
        "action",
        "match",
        "allow",
        "only",
        "share",
        "return_traffic",
        "undetermined",
        "line_prefix",
        "expires",
        "endpoints",
        "max_flip_percent",
    ];
    keys.iter().for_each(|key| has(&format!("| `{key}` | ")));
    // The program's own list of a pool's keys, as it prints it, is the one above.
    let folder = std::env::temp_dir().join(format!("gate25-readme-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let file = folder.join("policy.toml");
    std::fs::write(&file, "schema = 1\n[[pool]]\nname = \"a\"\nzzzzzzzz = 1\n").unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_gate25")).arg("check").arg(&file).output().unwrap();
    std::fs::remove_dir_all(&folder).unwrap();
    let talk = String::from_utf8(output.stderr).unwrap();
    let known = talk.split("known: ").nth(1).unwrap().trim().split(", ");
    assert!(known.inspect(|key| assert!(keys.contains(key), "{key} is not in the book")).count() >= 13);
}

/// Everything that our programs are made of, with strings that go over several lines in one piece.
fn sources() -> Vec<String> {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut folders: Vec<_> =
        ["control/src", "dataplane/src", "include/src", "scripts/package"].map(|dir| root.join(dir)).into();
    let mut texts = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap().flatten() {
            let path = entry.path();
            if path.is_dir() {
                folders.push(path);
            } else if let Ok(text) = std::fs::read_to_string(&path) {
                let lines = text.split("\\\n").map(str::trim_start).collect::<Vec<_>>();
                texts.push(lines.concat());
            }
        }
    }
    texts
}

/// Whether these pieces stand in the text in this order, on one line.
fn in_order(text: &str, pieces: &[&str]) -> bool {
    text.lines().any(|line| {
        let mut rest = line;
        pieces.iter().all(|piece| rest.find(piece).map(|at| rest = &rest[at + piece.len()..]).is_some())
    })
}

#[test]
fn every_message_of_troubleshooting_stands_in_the_programs() {
    let chapter = chapter("## Troubleshooting");
    let texts = sources();
    let rows: Vec<&str> = chapter.lines().filter(|line| line.starts_with("| `")).collect();
    assert!(rows.len() > 20, "{chapter}");
    let mut unknown = Vec::new();
    for row in rows {
        let message = row.split('`').nth(1).unwrap();
        let pieces: Vec<&str> = message.split('…').filter(|piece| !piece.trim().is_empty()).collect();
        assert!(pieces.concat().len() >= 10, "too little of a message to look for: {message}");
        // What a program puts in front of each line stands elsewhere in it.
        let pieces: Vec<&str> = pieces.iter().map(|piece| piece.trim_start_matches("gate25-prepare: ")).collect();
        if !texts.iter().any(|text| in_order(text, &pieces)) {
            unknown.push(message);
        }
    }
    assert!(unknown.is_empty(), "no program says: {unknown:#?}");
}

#[test]
fn every_alert_has_its_runbook_and_every_runbook_its_alert() {
    let rules = include_str!("../../scripts/prometheus/gate25.rules.yml");
    let alerts: Vec<&str> = rules.lines().filter_map(|line| line.trim().strip_prefix("- alert: ")).collect();
    let links: Vec<&str> = rules.lines().filter_map(|line| line.trim().strip_prefix("runbook_url: ")).collect();
    let chapter = chapter("## Runbooks");
    let runbooks: Vec<&str> = chapter.lines().filter_map(|line| line.strip_prefix("### ")).collect();
    assert_eq!(runbooks, alerts);
    // An anchor is the heading in lower case.
    let anchors = alerts
        .iter()
        .map(|alert| format!("\"file:///usr/share/doc/gate25/operators-book.md#{}\"", alert.to_lowercase()));
    assert_eq!(links, anchors.collect::<Vec<_>>());
}

/// A chapter of the book, with its heading.
fn chapter(heading: &str) -> &'static str {
    let from = &BOOK[BOOK.find(heading).unwrap_or_else(|| panic!("the book has no {heading}"))..];
    from[2..].find("\n## ").map_or(from, |end| &from[..end + 2])
}
