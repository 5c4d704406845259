//! Config: what the policy file says, with places.
//!
//! Owns reading TOML text into typed keys: which keys there are, their types, ranges and words. It
//! does not look into prefixes, resolve names or open prefix files; that is `policy`'s job. All
//! errors of a file are reported, each with file, line and column.

mod error;
mod place;
mod section;
mod settings;
pub(crate) mod text;
mod time;

use std::path::Path;

use gate25_include::image::format::{MAX_NAME, MAX_REJECT_RATE};

use toml::Spanned;
use toml::de::{DeTable, DeValue};

pub(crate) use error::Report;
pub use error::{PolicyError, PolicyErrors, Problem, SHOWN};
pub(crate) use place::Source;
pub use place::{At, Files, Location, Place};
pub use section::Word;
use section::{Section, type_name};
pub use settings::{Action, Match, Settings, Stage, Undetermined};
pub use text::CopyOf;
pub use time::{TimeError, format_time, parse_time};

/// What a policy file says: every key as it was written, absent ones as `None`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// Answers per worker and second, 0 to 1,000,000; 0 is unlimited.
    pub reject_rate: Option<At<u32>>,
    /// `[defaults]`: what holds for pools that do not say otherwise.
    pub defaults: Settings,
    /// `[[pool]]`, in the file's order.
    pub pools: Vec<PoolConfig>,
    /// `[[exempt]]`, in the file's order.
    pub exempts: Vec<ExemptConfig>,
    /// `[[destination]]`, in the file's order.
    pub destinations: Vec<DestinationConfig>,
    /// `[[tunnel]]`, in the file's order.
    pub tunnels: Vec<TunnelConfig>,
    /// `[guard] max_flip_percent`, 0 to 100.
    pub max_flip_percent: Option<At<u32>>,
}

/// Prefixes as written: texts in the policy file and names of prefix files.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PrefixLists {
    /// `prefixes`.
    pub inline: Vec<At<String>>,
    /// `prefix_files`, relative to the policy file's folder.
    pub files: Vec<At<String>>,
}

/// One `[[pool]]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PoolConfig {
    /// Its name, 1 to 63 characters out of a-z, 0-9 and -.
    pub name: At<String>,
    /// Its prefixes.
    pub prefixes: PrefixLists,
    /// What it says itself; the rest comes from `[defaults]`.
    pub settings: Settings,
}

/// One `[[exempt]]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExemptConfig {
    /// Its name.
    pub name: At<String>,
    /// Its prefixes.
    pub prefixes: PrefixLists,
    /// The unix second from which on it no longer holds.
    pub expires: Option<At<i64>>,
}

/// One `[[destination]]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DestinationConfig {
    /// Its name.
    pub name: At<String>,
    /// Its prefixes.
    pub prefixes: PrefixLists,
}

/// One `[[tunnel]]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TunnelConfig {
    /// Its name.
    pub name: At<String>,
    /// Its ends; files are not for tunnels.
    pub endpoints: PrefixLists,
}

impl Config {
    /// Reads the policy file at `path`; problems go to `report`, in the order of the file.
    pub(crate) fn read(path: &Path, copy_of: &CopyOf<'_>, report: &mut Report) -> Option<Self> {
        let text = text::read(path, copy_of, report)?;
        let source = Source::new(0, &text);
        let (document, errors) = DeTable::parse_recoverable(&text);
        report_toml(&source, &errors, report);
        // A half-read document would give errors that are none.
        errors.is_empty().then(|| Reader { source: &source, document: document.get_ref() }.config(report))
    }
}

/// Reports what the TOML parser found: one error a line, as the further ones follow from it.
fn report_toml(source: &Source<'_>, errors: &[toml::de::Error], report: &mut Report) {
    let mut spans: Vec<_> = errors.iter().map(|error| (error.span().unwrap_or(0..0), error.message())).collect();
    spans.sort_by_key(|(span, _)| span.start);
    let mut last_line = 0;
    for (span, message) in spans {
        let place = source.place(span.start);
        if place.line != last_line {
            let text = source.slice(span.start, span.end).to_owned();
            report.add(place, Problem::Toml { message: message.to_owned(), text });
        }
        last_line = place.line;
    }
}

/// The document on its way to a [`Config`].
struct Reader<'a> {
    source: &'a Source<'a>,
    document: &'a DeTable<'a>,
}

impl<'a> Reader<'a> {
    fn config(&self, report: &mut Report) -> Config {
        let start = self.source.place(0);
        let top = Section::new("the policy", start, self.document, self.source, TOP_KEYS, report);
        check_schema(&top, report);
        let defaults = self.table("defaults", "[defaults]", settings::KEYS, report);
        let guard = self.table("guard", "[guard]", GUARD_KEYS, report);
        Config {
            reject_rate: top.number("reject_rate", 0..=MAX_REJECT_RATE, report),
            defaults: defaults.map_or_else(Settings::default, |section| Settings::read(&section, report)),
            pools: self.tables("pool", "[[pool]]", POOL_KEYS, report, pool),
            exempts: self.tables("exempt", "[[exempt]]", EXEMPT_KEYS, report, exempt),
            destinations: self.tables("destination", "[[destination]]", DESTINATION_KEYS, report, destination),
            tunnels: self.tables("tunnel", "[[tunnel]]", TUNNEL_KEYS, report, tunnel),
            max_flip_percent: guard.and_then(|section| section.number("max_flip_percent", 0..=100, report)),
        }
    }

    /// The table `[key]`, if it is there.
    fn table(
        &self,
        key: &str,
        name: &'static str,
        known: &'static [&'static str],
        report: &mut Report,
    ) -> Option<Section<'a>> {
        let value = self.document.get(key)?;
        let place = self.source.place(value.span().start);
        match value.get_ref() {
            DeValue::Table(table) => Some(Section::new(name, place, table, self.source, known, report)),
            other => {
                let found = type_name(other);
                report.add(place, Problem::WrongSection { key: key.into(), found, expected: name });
                None
            }
        }
    }

    /// The tables `[[key]]`, read one by one.
    fn tables<T>(
        &self,
        key: &str,
        name: &'static str,
        known: &'static [&'static str],
        report: &mut Report,
        read: impl Fn(&Section<'a>, &mut Report) -> Option<T>,
    ) -> Vec<T> {
        let Some(value) = self.document.get(key) else {
            return Vec::new();
        };
        let elements = match value.get_ref() {
            DeValue::Array(array) => array.iter().collect(),
            _ => vec![value],
        };
        let is_list = value.get_ref().is_array();
        let mut found = Vec::with_capacity(elements.len());
        for element in elements {
            let place = self.source.place(element.span().start);
            match element.get_ref() {
                DeValue::Table(table) if is_list => {
                    let section = Section::new(name, place, table, self.source, known, report);
                    found.extend(read(&section, report));
                }
                other => wrong_section(key, other, name, place, report),
            }
        }
        found
    }
}

fn wrong_section(key: &str, value: &DeValue<'_>, expected: &'static str, place: Place, report: &mut Report) {
    let found = type_name(value);
    report.add(place, Problem::WrongSection { key: key.into(), found, expected });
}

fn check_schema(top: &Section<'_>, report: &mut Report) {
    let Some((value, place)) = top.value("schema") else {
        return top.missing("schema", "1", report);
    };
    let is_one = |value: &Spanned<DeValue<'_>>| match value.get_ref() {
        DeValue::Integer(integer) => i64::from_str_radix(integer.as_str(), integer.radix()) == Ok(1),
        _ => false,
    };
    if !is_one(value) {
        report.add(place, Problem::UnknownSchema { value: top.spelled(value) });
    }
}

fn pool(section: &Section<'_>, report: &mut Report) -> Option<PoolConfig> {
    let prefixes = prefix_lists(section, report);
    let settings = Settings::read(section, report);
    Some(PoolConfig { name: name(section, report)?, prefixes, settings })
}

fn exempt(section: &Section<'_>, report: &mut Report) -> Option<ExemptConfig> {
    let prefixes = prefix_lists(section, report);
    let expires = section.time("expires", report);
    Some(ExemptConfig { name: name(section, report)?, prefixes, expires })
}

fn destination(section: &Section<'_>, report: &mut Report) -> Option<DestinationConfig> {
    let prefixes = prefix_lists(section, report);
    Some(DestinationConfig { name: name(section, report)?, prefixes })
}

fn tunnel(section: &Section<'_>, report: &mut Report) -> Option<TunnelConfig> {
    let endpoints = section.texts("endpoints", "192.0.2.1/32", report);
    if endpoints.is_none() && section.value("endpoints").is_none() {
        section.missing("endpoints", "[\"ADDRESS/LENGTH\"]", report);
    }
    let name = name(section, report)?;
    let inline = endpoints?;
    let written = section.value("endpoints").and_then(|(value, _)| value.get_ref().as_array());
    if written.is_some_and(|list| list.is_empty()) {
        report.add(name.place, Problem::NoEndpoints { name: name.value.clone() });
    }
    Some(TunnelConfig { name, endpoints: PrefixLists { inline, files: Vec::new() } })
}

fn prefix_lists(section: &Section<'_>, report: &mut Report) -> PrefixLists {
    PrefixLists {
        inline: section.texts("prefixes", "192.0.2.0/24", report).unwrap_or_default(),
        files: section.texts("prefix_files", "pools/east.txt", report).unwrap_or_default(),
    }
}

/// The section's name, checked for length and characters.
fn name(section: &Section<'_>, report: &mut Report) -> Option<At<String>> {
    if section.value("name").is_none() {
        section.missing("name", "\"...\", 1 to 63 characters out of a-z, 0-9 and -", report);
    }
    let name = section.text("name", "a name in quotes", report)?;
    let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    if (1..=MAX_NAME).contains(&name.value.len()) && name.value.chars().all(allowed) {
        return Some(name);
    }
    report.add(name.place, Problem::BadName { name: name.value });
    None
}

const TOP_KEYS: &[&str] = &["schema", "reject_rate", "defaults", "pool", "exempt", "destination", "tunnel", "guard"];
const GUARD_KEYS: &[&str] = &["max_flip_percent"];
const POOL_KEYS: &[&str] = &[
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
];
const EXEMPT_KEYS: &[&str] = &["name", "prefixes", "prefix_files", "expires"];
const DESTINATION_KEYS: &[&str] = &["name", "prefixes", "prefix_files"];
const TUNNEL_KEYS: &[&str] = &["name", "endpoints"];
