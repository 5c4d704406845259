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
