//! One TOML table and its keys: takes typed values out and reports what is wrong with each.
//!
//! Every key is asked for by its own type; a wrong one is reported with its place and what would
//! have been right, and counts as not given, so that one reading finds all errors of a file.

use std::ops::RangeInclusive;

use toml::Spanned;
use toml::de::{DeInteger, DeTable, DeValue};

use super::error::{Problem, Report};
use super::place::{At, Place, Source};
use super::time::unix_seconds;

/// A value that is written as one of a few words.
pub trait Word: Copy + PartialEq + 'static {
    /// The words and what they stand for.
    const WORDS: &'static [(&'static str, Self)];
    /// The words alone.
    const NAMES: &'static [&'static str];

    /// The word in the policy file.
    fn word(self) -> &'static str {
        Self::WORDS.iter().find(|(_, value)| *value == self).map_or("", |&(word, _)| word)
    }
}

/// One table of the file: its name in messages, where it begins, what it holds.
pub(crate) struct Section<'a> {
    pub(crate) name: &'static str,
    pub(crate) place: Place,
    table: &'a DeTable<'a>,
    source: &'a Source<'a>,
}

type Value<'a> = Spanned<DeValue<'a>>;

impl<'a> Section<'a> {
    /// The table named `name` in messages; keys outside `known` are reported.
    pub(crate) fn new(
        name: &'static str,
        place: Place,
        table: &'a DeTable<'a>,
        source: &'a Source<'a>,
        known: &'static [&'static str],
        report: &mut Report,
    ) -> Self {
        let unknown = table.keys().filter(|key| !known.contains(&key.get_ref().as_ref()));
        for key in unknown {
            let problem = Problem::UnknownKey { key: key.get_ref().to_string(), section: name, known };
            report.add(source.place(key.span().start), problem);
        }
        Self { name, place, table, source }
    }

    /// The value of `key` with its place, of whatever type.
    pub(crate) fn value(&self, key: &str) -> Option<(&'a Value<'a>, Place)> {
        let value = self.table.get(key)?;
        Some((value, self.source.place(value.span().start)))
    }

    /// How the file spells a value.
    pub(crate) fn spelled(&self, value: &Value<'_>) -> String {
        let span = value.span();
        self.source.slice(span.start, span.end).to_owned()
    }

    /// A text; `expected` completes "write ...".
    pub(crate) fn text(&self, key: &'static str, expected: &str, report: &mut Report) -> Option<At<String>> {
        let (value, place) = self.value(key)?;
        if let DeValue::String(text) = value.get_ref() {
            return Some(At { value: text.to_string(), place });
        }
        self.wrong_type(key, value, expected.to_owned(), report);
        None
    }

    /// One of the words of `T`.
    pub(crate) fn word<T: Word>(&self, key: &'static str, report: &mut Report) -> Option<At<T>> {
        let At { value, place } = self.text(key, &format!("one of {}", quoted(T::NAMES)), report)?;
        let known = T::WORDS.iter().find(|(word, _)| *word == value);
        if known.is_none() {
            report.add(place, Problem::UnknownWord { key, value, allowed: T::NAMES });
        }
        known.map(|&(_, value)| At { value, place })
    }

    /// A whole number in `range`.
    pub(crate) fn number(&self, key: &'static str, range: RangeInclusive<u32>, report: &mut Report) -> Option<At<u32>> {
        let (value, place) = self.value(key)?;
        let (low, high) = (*range.start(), *range.end());
        let DeValue::Integer(integer) = value.get_ref() else {
            self.wrong_type(key, value, format!("a whole number from {low} to {high}"), report);
            return None;
        };
        match small(integer).filter(|number| range.contains(number)) {
            Some(value) => Some(At { value, place }),
            None => {
                report.add(place, Problem::OutOfRange { key, value: self.spelled(value), low, high });
                None
            }
        }
    }

    /// true or false.
    pub(crate) fn flag(&self, key: &'static str, report: &mut Report) -> Option<At<bool>> {
        let (value, place) = self.value(key)?;
        if let DeValue::Boolean(flag) = value.get_ref() {
            return Some(At { value: *flag, place });
        }
        self.wrong_type(key, value, "true or false".to_owned(), report);
        None
    }

    /// A date-time with offset, in unix seconds.
    pub(crate) fn time(&self, key: &'static str, report: &mut Report) -> Option<At<i64>> {
        let (value, place) = self.value(key)?;
        let DeValue::Datetime(datetime) = value.get_ref() else {
            self.wrong_type(key, value, "a date-time as in 2026-12-01T03:00:00+09:00, without quotes".into(), report);
            return None;
        };
        let spelled = self.spelled(value);
        let found = match (datetime.date, datetime.time, datetime.offset) {
            (_, None, _) => "a date without time",
            (None, ..) => "a time without date",
            (_, _, None) => "a time without offset",
            _ => match unix_seconds(datetime) {
                Some(value) => return Some(At { value, place }),
                None => {
                    report.add(place, Problem::NotASecond { key, value: spelled });
                    return None;
                }
            },
        };
        report.add(place, Problem::TimeWithoutOffset { key, value: spelled, found });
        None
    }

    /// A list of texts; `example` is one of them.
    pub(crate) fn texts(&self, key: &'static str, example: &str, report: &mut Report) -> Option<Vec<At<String>>> {
        let (value, _) = self.value(key)?;
        let DeValue::Array(array) = value.get_ref() else {
            self.wrong_type(key, value, format!("a list as in [\"{example}\"]"), report);
            return None;
        };
        let mut texts = Vec::with_capacity(array.len());
        for element in array {
            match element.get_ref() {
                DeValue::String(text) => {
                    let place = self.source.place(element.span().start);
                    texts.push(At { value: text.to_string(), place });
                }
                _ => self.wrong_type(key, element, format!("a text as in \"{example}\""), report),
            }
        }
        Some(texts)
    }

    /// Reports that `key` has to be there.
    pub(crate) fn missing(&self, key: &'static str, example: &'static str, report: &mut Report) {
        report.add(self.place, Problem::MissingKey { section: self.name, key, example });
    }

    /// Reports a value of another type than `key` has.
    fn wrong_type(&self, key: &'static str, value: &Value<'_>, expected: String, report: &mut Report) {
        let place = self.source.place(value.span().start);
        let found = type_name(value.get_ref());
        report.add(place, Problem::WrongType { key, value: self.spelled(value), found, expected });
    }
}

/// What kind of thing a TOML value is, with its article.
pub(crate) fn type_name(value: &DeValue<'_>) -> &'static str {
    match value {
        DeValue::String(_) => "a text",
        DeValue::Integer(_) => "a whole number",
        DeValue::Float(_) => "a fraction",
        DeValue::Boolean(_) => "a boolean",
        DeValue::Datetime(_) => "a date or time",
        DeValue::Array(_) => "a list",
        DeValue::Table(_) => "a table",
    }
}

/// The integer if it fits.
fn small(integer: &DeInteger<'_>) -> Option<u32> {
    let value = i128::from_str_radix(integer.as_str(), integer.radix()).ok()?;
    u32::try_from(value).ok()
}

/// `"a", "b", "c"`.
fn quoted(words: &[&str]) -> String {
    let words: Vec<String> = words.iter().map(|word| format!("\"{word}\"")).collect();
    words.join(", ")
}
