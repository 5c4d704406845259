//! What can be wrong with a policy: each problem names the offending value and the remedy.
//!
//! An error prints as one line, `FILE:LINE:COLUMN: what; remedy`, whatever the file holds: values are
//! quoted, escaped and cut. [`Report`] collects all problems of a policy; only [`SHOWN`] of them are
//! kept, the rest is counted, so that a million bad lines cost no memory.

use std::fmt;

use ipnet::IpNet;

use super::place::{Files, Location, Place};

/// How many errors of one policy are kept and printed.
pub const SHOWN: usize = 100;

/// One thing wrong with a policy and where it stands.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{at}: {problem}")]
pub struct PolicyError {
    /// Where.
    pub at: Location,
    /// What is wrong and what to do about it.
    pub problem: Problem,
}

/// All that is wrong with a policy, in the order of files, lines and columns; prints one error a line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PolicyErrors {
    /// The errors, at most [`SHOWN`], never empty.
    pub errors: Vec<PolicyError>,
    /// How many more there are.
    pub more: u64,
}

impl fmt::Display for PolicyErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, error) in self.errors.iter().enumerate() {
            let line_end = if index == 0 { "" } else { "\n" };
            write!(f, "{line_end}{error}")?;
        }
        match self.more {
            0 => Ok(()),
            more => write!(f, "\nand {more} more errors; correct these first"),
        }
    }
}

impl std::error::Error for PolicyErrors {}

/// What is wrong, with the offending value; prints `what; remedy`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
#[expect(missing_docs, reason = "the fields are what the message prints")]
pub enum Problem {
    /// The operating system does not let us read a file.
    #[error("cannot read {}: {error}; check the path and its permissions", Quoted(file))]
    Unreadable { file: String, error: String },
    /// A folder, device, FIFO or socket where a file was expected.
    #[error("{} is {kind}; name a regular file", Quoted(file))]
    NotAFile { file: String, kind: &'static str },
    /// U+FEFF at the beginning.
    #[error("the file starts with a byte-order mark; save it as UTF-8 without one")]
    ByteOrderMark,
    /// A byte that is no UTF-8.
    #[error("byte {byte:#04x} is not UTF-8; save the file as UTF-8")]
    NotUtf8 { byte: u8 },
    /// Not a byte in the policy file.
    #[error("the policy file is empty; write at least schema = 1")]
    EmptyFile,
    /// The TOML parser does not accept the text; the message is its own.
    #[error("{message}{}; correct the TOML", Here(text))]
    Toml { message: String, text: String },

    /// A key nobody knows.
    #[error("unknown key {} in {section}; {}", Quoted(key), Known(key, known))]
    UnknownKey { key: String, section: &'static str, known: &'static [&'static str] },
    /// A key that has to be there.
    #[error("{section} has no {key}; write {key} = {example}")]
    MissingKey { section: &'static str, key: &'static str, example: &'static str },
    /// `[pool]` or `pool = 1` for `[[pool]]`, `defaults = 1` for `[defaults]`.
    #[error("{key} is {found}; write {expected}")]
    WrongSection { key: String, found: &'static str, expected: &'static str },
    /// A value of another type.
    #[error("{key} = {} is {found}; write {expected}", Raw(value))]
    WrongType { key: &'static str, value: String, found: &'static str, expected: String },
    /// A word that is none of those allowed.
    #[error("{key} = {} is unknown; {}", Quoted(value), Known(value, allowed))]
    UnknownWord { key: &'static str, value: String, allowed: &'static [&'static str] },
    /// A number outside its range.
    #[error("{key} = {} is out of range; write a whole number from {low} to {high}", Raw(value))]
    OutOfRange { key: &'static str, value: String, low: u32, high: u32 },
    /// A schema this program does not read.
    #[error("schema = {} is not known here; this gate25 reads schema = 1", Raw(value))]
    UnknownSchema { value: String },
    /// A name with other characters, empty or too long.
    #[error("name {} is not allowed; write 1 to 63 characters out of a-z, 0-9 and -", Quoted(name))]
    BadName { name: String },
    /// A date-time without offset, or a date or a time alone.
    #[error("{key} = {} is {found}; write date, time and offset as in 2026-12-01T03:00:00+09:00", Raw(value))]
    TimeWithoutOffset { key: &'static str, value: String, found: &'static str },
    /// A fraction of a second, or second 60.
    #[error("{key} = {} does not name a whole second from 00 to 59; write whole seconds", Raw(value))]
    NotASecond { key: &'static str, value: String },

    /// A name taken before.
    #[error("{kind} name {} is taken at {first}; give each its own name", Quoted(name))]
    DuplicateName { kind: &'static str, name: String, first: Location },
    /// `allow` or `only` names a group that is not there.
    #[error("{key} names destination {}, which is not defined; {}", Quoted(name), Near(name, near))]
    UnknownDestination { key: &'static str, name: String, near: Vec<String> },
    /// One list names the same thing twice.
    #[error("{key} names {} twice; remove one", Quoted(value))]
    ListedTwice { key: &'static str, value: String },
    /// `only` names a group without a prefix: nothing could ever be blocked by it.
    #[error("only names destination {}, which has no prefix; give it prefixes or leave it out of only", Quoted(name))]
    OnlyWithoutPrefix { name: String },
    /// `enforce_from` in a pool that does not enforce.
    #[error("enforce_from needs stage = \"enforce\", but stage is \"{stage}\"; set the stage or remove enforce_from")]
    EnforceFromWithoutEnforce { stage: &'static str },
    /// A tunnel without an end.
    #[error("tunnel {} has no endpoints; write endpoints = [\"ADDRESS/LENGTH\"] or remove the tunnel", Quoted(name))]
    NoEndpoints { name: String },

    /// An address without a length.
    #[error("{} has no length; write {host} for one address", Quoted(text))]
    BareAddress { text: String, host: IpNet },
    /// Nothing like a prefix.
    #[error("{} is not a prefix; write ADDRESS/LENGTH as in 192.0.2.0/24 or 2001:db8::/32", Quoted(text))]
    NotAPrefix { text: String },
    /// A length greater than the family has bits.
    #[error("{} has a length above {max}; write a length from 0 to {max}", Quoted(text))]
    LengthAboveMax { text: String, max: u8 },
    /// Bits behind the length.
    #[error("{} has host bits set; write {network} for the network or {host} for the address", Quoted(text))]
    HostBits { text: String, network: IpNet, host: IpNet },
    /// IPv4 written as IPv6.
    #[error("{} is IPv4 written as IPv6, which no frame carries; write {v4}", Quoted(text))]
    MappedIpv4 { text: String, v4: IpNet },
    /// A line of a prefix file that cannot hold a prefix.
    #[error("the line is longer than {max} bytes; write one ADDRESS/LENGTH a line")]
    LineTooLong { max: usize },
    /// The same prefix again in the same table.
    #[error("{prefix} of {owner} stands at {first} too, in {first_owner}; remove one")]
    DuplicatePrefix { prefix: IpNet, owner: String, first: Location, first_owner: String },

    /// A prefix file that has given its prefixes already.
    #[error("prefix file {} is named twice; remove one", Quoted(file))]
    FileTwice { file: String },
    /// One more than the packet path can hold.
    #[error("more than {limit} {what}; {remedy}")]
    Limit { what: &'static str, limit: usize, remedy: &'static str },
}

/// Collects the problems of one policy.
#[derive(Debug, Default)]
pub(crate) struct Report {
    pub(crate) files: Files,
    errors: Vec<(Place, PolicyError)>,
    more: u64,
}

impl Report {
    /// Takes note of a problem.
    pub(crate) fn add(&mut self, place: Place, problem: Problem) {
        if self.errors.len() < SHOWN {
            let at = self.files.locate(place);
            self.errors.push((place, PolicyError { at, problem }));
        } else {
            self.more += 1;
        }
    }

    /// Whether nothing was wrong so far.
    pub(crate) fn is_clean(&self) -> bool {
        self.errors.is_empty()
    }

    /// The files of a policy without problems.
    pub(crate) fn into_files(self) -> Files {
        self.files
    }

    /// The problems, in the order of files, lines and columns.
    pub(crate) fn into_errors(mut self) -> PolicyErrors {
        self.errors.sort_by_key(|(place, _)| *place);
        PolicyErrors { errors: self.errors.into_iter().map(|(_, error)| error).collect(), more: self.more }
    }
}

/// A value in quotes, escaped, cut to [`VALUE_MAX`] characters.
struct Quoted<'a>(&'a str);

impl fmt::Display for Quoted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("\"")?;
        write_escaped(f, self.0, &['"', '\\'])?;
        f.write_str("\"")
    }
}

/// A value as the file spells it, what cannot be seen escaped, cut to [`VALUE_MAX`] characters.
struct Raw<'a>(&'a str);

impl fmt::Display for Raw<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_escaped(f, self.0, &[])
    }
}

fn write_escaped(f: &mut fmt::Formatter<'_>, text: &str, also: &[char]) -> fmt::Result {
    for character in text.chars().take(VALUE_MAX) {
        match character {
            '"' | '\'' | '\\' if !also.contains(&character) => write!(f, "{character}")?,
            _ => write!(f, "{}", character.escape_debug())?,
        }
    }
    let cut = text.chars().nth(VALUE_MAX).is_some();
    f.write_str(if cut { "…" } else { "" })
}

/// The text that is meant, if there is any.
struct Here<'a>(&'a str);

impl fmt::Display for Here<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.trim().is_empty() { Ok(()) } else { write!(f, ", here: {}", Raw(self.0)) }
    }
}

/// Which words would have been right, the nearest first.
struct Known<'a>(&'a str, &'a &'static [&'static str]);

impl fmt::Display for Known<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(word) = nearest(self.0, self.1.iter().copied()) {
            write!(f, "did you mean {word}? ")?;
        }
        write!(f, "known: {}", self.1.join(", "))
    }
}

/// Which defined names come near.
struct Near<'a>(&'a str, &'a [String]);

impl fmt::Display for Near<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match nearest(self.0, self.1.iter().map(String::as_str)) {
            Some(name) => write!(f, "did you mean \"{name}\"?"),
            None if self.1.is_empty() => write!(f, "define it with [[destination]]"),
            None => write!(f, "defined: {}", self.1.join(", ")),
        }
    }
}

/// The word that takes the fewest edits, if two are enough and something of it is left.
fn nearest<'a>(from: &str, words: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let near = words.map(|word| (edits(from, word), word)).filter(|&(edits, word)| edits <= 2 && edits < word.len());
    near.min_by_key(|&(edits, _)| edits).map(|(_, word)| word)
}

/// How many letters to add, remove or change, capitals aside (Levenshtein, row by row).
fn edits(from: &str, to: &str) -> usize {
    let mut row: Vec<usize> = (0..=to.chars().count()).collect();
    for (line, x) in from.chars().take(VALUE_MAX).enumerate() {
        let mut diagonal = line;
        let mut left = line + 1;
        for (place, y) in row.iter_mut().zip(std::iter::once(None).chain(to.chars().map(Some))) {
            let above = *place;
            if let Some(y) = y {
                left = (diagonal + usize::from(!x.eq_ignore_ascii_case(&y))).min(above + 1).min(left + 1);
            }
            diagonal = above;
            *place = left;
        }
    }
    row.last().copied().unwrap_or(usize::MAX)
}

/// Characters of a value that are printed.
const VALUE_MAX: usize = 80;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_stays_on_its_line_and_is_cut() {
        assert_eq!(Quoted("a\nb\u{1b}\u{feff}\u{a0}東").to_string(), r#""a\nb\u{1b}\u{feff}\u{a0}東""#);
        assert_eq!((Quoted("\"a\\'").to_string(), Raw("\"a\\'").to_string()), (r#""\"a\\'""#.into(), r#""a\'"#.into()));
        let long = "x".repeat(VALUE_MAX + 1);
        assert_eq!(Raw(&long).to_string(), format!("{}…", "x".repeat(VALUE_MAX)));
    }

    #[test]
    fn near_words_are_found_and_far_ones_are_not() {
        let near = |from| nearest(from, ["stage", "share", "action"].into_iter());
        assert_eq!(near("stge"), Some("stage"));
        assert_eq!(near("Share"), Some("share"));
        assert_eq!(near("acton"), Some("action"));
        assert_eq!((near("colour"), near("")), (None, None));
        assert_eq!((edits("", "abc"), edits("abc", ""), edits("kitten", "sitting")), (3, 3, 3));
        assert_eq!(nearest("zz", ["a"].into_iter()), None, "nothing of the word would be left");
    }

    #[test]
    fn errors_past_the_shown_ones_are_counted() {
        let mut report = Report::default();
        let file = report.files.add("p.toml".into());
        for line in 1..=SHOWN as u32 + 2 {
            report.add(Place { file, line, column: 1 }, Problem::EmptyFile);
        }
        let errors = report.into_errors();
        assert_eq!((errors.errors.len(), errors.more), (SHOWN, 2));
        assert_eq!(errors.to_string().lines().count(), SHOWN + 1);
        assert!(errors.to_string().ends_with("and 2 more errors; correct these first"));
    }
}
