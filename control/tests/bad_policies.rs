//! Bad policies: what each is told, word for word.
//!
//! A corpus file holds cases: `== TITLE`, then files as `-- NAME` with their text (`-- NAME escaped`
//! knows \n, \r, \t, \\ and \xNN and has no line end of its own; `-- NAME folder` and `-- NAME
//! symlink` are what they say), then `-- expected` with the errors. GATE25_BLESS=1 writes what is
//! said now into the corpus, for a person to read before it is committed.
#![forbid(unsafe_code)]

mod common;

use std::collections::HashSet;
use std::fs;
use std::path::PathBuf;

use common::Folder;

/// One case of the corpus.
#[derive(Debug, Default)]
struct Case {
    title: String,
    /// Name, how it is written, text.
    files: Vec<(String, String, String)>,
    expected: String,
}

fn corpus() -> Vec<PathBuf> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/bad_policies");
    let mut files: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files
}

fn parse(text: &str) -> Vec<Case> {
    let mut cases: Vec<Case> = Vec::new();
    let mut expected = false;
    for line in text.lines() {
        if let Some(title) = line.strip_prefix("== ") {
            cases.push(Case { title: title.into(), ..Case::default() });
            expected = false;
        } else if let Some(name) = line.strip_prefix("-- ") {
            expected = name == "expected";
            let (name, how) = name.split_once(' ').unwrap_or((name, ""));
            if !expected {
                cases.last_mut().unwrap().files.push((name.into(), how.into(), String::new()));
            }
        } else {
            let case = cases.last_mut().unwrap();
            let text = if expected { &mut case.expected } else { &mut case.files.last_mut().unwrap().2 };
            text.push_str(line);
            text.push('\n');
        }
    }
    cases
}

fn print(cases: &[Case]) -> String {
    let mut text = String::new();
    for case in cases {
        text += &format!("== {}\n", case.title);
        for (name, how, content) in &case.files {
            text += format!("-- {name} {how}").trim_end();
            text += &format!("\n{content}");
        }
        text += &format!("-- expected\n{}", case.expected);
    }
    text
}

fn unescape(text: &str) -> Vec<u8> {
    let (mut bytes, mut rest) = (Vec::new(), text.trim_end_matches('\n').bytes());
    while let Some(byte) = rest.next() {
        bytes.push(if byte != b'\\' {
            byte
        } else {
            match rest.next().unwrap() {
                b'n' => b'\n',
                b'r' => b'\r',
                b't' => b'\t',
                b'\\' => b'\\',
                b'x' => {
                    let digits = [rest.next().unwrap(), rest.next().unwrap()];
                    u8::from_str_radix(str::from_utf8(&digits).unwrap(), 16).unwrap()
                }
                other => panic!("unknown escape {}", char::from(other)),
            }
        });
    }
    bytes
}

/// What loading the case says.
fn run(case: &Case) -> String {
    let folder = Folder::empty();
    for (name, how, text) in &case.files {
        match how.as_str() {
            "" => folder.write(name, text.as_bytes()),
            "escaped" => folder.write(name, &unescape(text)),
            "folder" => fs::create_dir_all(folder.path().join(name)).unwrap(),
            "symlink" => std::os::unix::fs::symlink(text.trim_end(), folder.path().join(name)).unwrap(),
            other => panic!("{}: unknown kind of file {other}", case.title),
        }
    }
    match folder.load() {
        Ok(_) => "accepted\n".into(),
        Err(errors) => folder.relative(&errors.to_string()) + "\n",
    }
}

#[test]
fn every_bad_policy_is_refused_with_its_message() {
    let (mut titles, mut wrong) = (HashSet::new(), Vec::new());
    for path in corpus() {
        let text = fs::read_to_string(&path).unwrap();
        let mut cases = parse(&text);
        for case in &mut cases {
            let said = run(case);
            assert!(titles.insert(case.title.clone()), "title twice: {}", case.title);
            if std::env::var_os("GATE25_BLESS").is_some() {
                case.expected = said;
            } else if said != case.expected {
                wrong.push(format!("{}\nexpected:\n{}said:\n{said}", case.title, case.expected));
            }
        }
        if std::env::var_os("GATE25_BLESS").is_some() {
            fs::write(&path, print(&cases)).unwrap();
        }
    }
    assert!(wrong.is_empty(), "{} wrong:\n\n{}", wrong.len(), wrong.join("\n"));
    assert!(titles.len() >= 200, "{} cases", titles.len());
}

#[test]
fn every_message_is_one_line_with_a_place_and_a_remedy() {
    for path in corpus() {
        for case in parse(&fs::read_to_string(path).unwrap()) {
            for line in case.expected.lines() {
                let (place, message) = line.split_once(": ").unwrap();
                assert!(!place.contains(' ') && place.contains('.'), "{}: {line}", case.title);
                assert!(message.contains("; ") || message.contains("? known: "), "{}: {line}", case.title);
            }
        }
    }
}

#[test]
fn errors_past_a_hundred_are_counted() {
    let folder = Folder::new("schema = 1\n[[pool]]\nname = \"a\"\nprefix_files = [\"f\"]\n");
    folder.write("f", "nonsense\n".repeat(1000).as_bytes());
    let errors = folder.load().unwrap_err();
    assert_eq!((errors.errors.len(), errors.more), (100, 900));
    assert!(errors.to_string().ends_with("\nand 900 more errors; correct these first"));
}

/// Brackets ten thousand deep are an error, not a stack that runs over.
#[test]
fn brackets_without_end() {
    for open in ["[", "{a=", "[["] {
        let text = format!("schema = 1\npool = {}", open.repeat(10_000));
        assert!(Folder::new(&text).load().is_err());
        let text = format!("schema = 1\n{}", open.repeat(10_000));
        assert!(Folder::new(&text).load().is_err());
    }
    assert!(Folder::new(&"a.".repeat(100_000)).load().is_err());
    assert!(Folder::new(&format!("{}b = 1", "a.".repeat(100_000))).load().is_err());
}

/// A file cut anywhere is an error or a shorter policy, never a crash.
#[test]
fn a_policy_cut_at_every_byte() {
    let text = include_str!("../../scripts/examples/policy.toml");
    let folder = Folder::new("");
    for end in 0..text.len() {
        folder.write("policy.toml", &text.as_bytes()[..end]);
        let _ = folder.load();
    }
}

proptest::proptest! {
    /// Whatever bytes the files hold, loading ends with a policy or with errors that are lines.
    #[test]
    fn any_bytes(policy in ".{0,200}", file in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..200)) {
        let folder = Folder::new(&policy);
        let _ = folder.load();
        folder.write("policy.toml", b"schema = 1\n[[pool]]\nname = \"a\"\nprefix_files = [\"f\"]\n");
        folder.write("f", &file);
        if let Err(errors) = folder.load() {
            for error in &errors.errors {
                proptest::prop_assert!(!error.to_string().contains(['\n', '\r']));
            }
        }
    }
}
