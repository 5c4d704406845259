//! Collecting the prefixes of one table: from the policy file and from prefix files.
//!
//! Refuses a prefix past the table's limit, the same prefix twice in the table (destinations: twice
//! in one group) and a file named twice for the same; reading of one bad list goes on with the next.

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use hashbrown::{HashMap, HashSet};
use ipnet::IpNet;

use super::prefix::parse_prefix;
use super::table::{Address, Entry, Table};
use super::{PrefixFile, prefix_file};
use crate::config::{At, CopyOf, Place, PrefixLists, Problem, Report, text};

/// Which table prefixes are for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// Pools and exemptions: a prefix stands once in all of them.
    Sources,
    /// Destination groups: a prefix stands once in each.
    Destinations,
    /// Tunnel ends: a prefix stands once in all of them.
    TunnelEnds,
}

/// Who owns prefixes: the kind of section and its name, as messages say it.
pub(super) struct OwnerName {
    pub(super) kind: &'static str,
    pub(super) name: String,
    /// Whether it is an exemption that is over: its prefixes are not in the table, so they may stand
    /// in it again.
    pub(super) expired: bool,
}

/// The prefix files read so far, whichever table they were for.
pub(super) struct FileReader<'a> {
    folder: PathBuf,
    copy_of: &'a CopyOf<'a>,
    known: HashMap<PathBuf, usize>,
    pub(super) files: Vec<PrefixFile>,
}

impl<'a> FileReader<'a> {
    /// Reads files relative to `folder`, the one the policy file is in.
    pub(super) fn new(folder: &Path, copy_of: &'a CopyOf<'a>) -> Self {
        Self { folder: folder.to_path_buf(), copy_of, known: HashMap::new(), files: Vec::new() }
    }

    /// Where a file is. Paths that differ in `.` alone are equal.
    fn path(&self, name: &At<String>) -> PathBuf {
        self.folder.join(&name.value)
    }

    /// Reads one file; `take` gets each prefix. Gives how many there were.
    fn read(&mut self, name: &At<String>, report: &mut Report, take: &mut Take<'_>) -> u32 {
        let path = self.path(name);
        let opened = match text::open(&path, self.copy_of) {
            Ok(opened) => opened,
            Err(problem) => {
                report.add(name.place, problem);
                return 0;
            }
        };
        let files = &mut self.files;
        let index = *self.known.entry(path).or_insert_with_key(|path| {
            files.push(PrefixFile { file: report.files.add(path.clone()), prefixes: 0 });
            files.len() - 1
        });
        let Some(about) = files.get_mut(index) else {
            return 0;
        };
        about.prefixes = 0;
        prefix_file::read(&opened, about.file, name.place, report, &mut |prefix, place, report| {
            about.prefixes += 1;
            take(prefix, place, report)
        });
        about.prefixes
    }
}

type Take<'a> = dyn FnMut(IpNet, Place, &mut Report) -> ControlFlow<()> + 'a;

/// Prefixes of one table while they are read.
pub(super) struct Collector {
    kind: Kind,
    limit: usize,
    full: bool,
    table: Table,
    owners: Vec<OwnerName>,
    /// Prefix files that gave this table (of destinations: this group) a prefix.
    named: HashSet<PathBuf>,
}

impl Collector {
    /// An empty table that takes `limit` prefixes.
    pub(super) fn new(kind: Kind, limit: usize) -> Self {
        Self { kind, limit, full: false, table: Table::default(), owners: Vec::new(), named: HashSet::new() }
    }

    /// Adds the prefixes of the next owner and gives how many there were.
    pub(super) fn add(
        &mut self,
        owner: OwnerName,
        lists: &PrefixLists,
        files: &mut FileReader,
        report: &mut Report,
    ) -> u32 {
        // At most 65,535 owners: counts are checked before prefixes are read.
        let index = u16::try_from(self.owners.len()).unwrap_or(u16::MAX);
        let expired = owner.expired;
        self.owners.push(owner);
        if self.kind == Kind::Destinations {
            self.named.clear();
        }
        let before = self.table.len();
        for text in &lists.inline {
            match parse_prefix(&text.value) {
                Ok(prefix) => {
                    let _ = self.push(prefix, index, text.place, report);
                }
                Err(problem) => report.add(text.place, problem),
            }
        }
        for name in &lists.files {
            let path = files.path(name);
            if !expired && self.named.contains(&path) {
                report.add(name.place, Problem::FileTwice { file: name.value.clone() });
                continue;
            }
            let found = files.read(name, report, &mut |prefix, place, report| self.push(prefix, index, place, report));
            if found > 0 && !expired {
                self.named.insert(path);
            }
        }
        u32::try_from(self.table.len() - before).unwrap_or(u32::MAX)
    }

    /// Takes a prefix, or reports once that the table is full.
    fn push(&mut self, prefix: IpNet, owner: u16, place: Place, report: &mut Report) -> ControlFlow<()> {
        if self.table.len() < self.limit {
            self.table.push(prefix, owner, place);
            return ControlFlow::Continue(());
        }
        if !self.full {
            self.full = true;
            let what = match self.kind {
                Kind::Sources => "prefixes in pools and exemptions together",
                Kind::Destinations => "prefixes in destinations together",
                Kind::TunnelEnds => "tunnel ends",
            };
            let remedy = "join neighbouring prefixes into shorter ones";
            report.add(place, Problem::Limit { what, limit: self.limit, remedy });
        }
        ControlFlow::Break(())
    }

    /// The sorted table; prefixes that stand in it twice are reported.
    pub(super) fn finish(mut self, report: &mut Report) -> Table {
        self.table.sort();
        self.report_twice(&self.table.v4, report);
        self.report_twice(&self.table.v6, report);
        self.table
    }

    fn report_twice<A: Address>(&self, entries: &[Entry<A>], report: &mut Report) {
        let same = |a: &Entry<A>, b: &Entry<A>| {
            let owner = self.kind != Kind::Destinations || a.owner == b.owner;
            (a.address, a.len) == (b.address, b.len) && owner
        };
        for group in entries.chunk_by(same) {
            if group.len() < 2 {
                continue;
            }
            let expired = |entry: &&Entry<A>| self.owners.get(usize::from(entry.owner)).is_some_and(|one| one.expired);
            let mut in_place: Vec<_> = group.iter().filter(|entry| !expired(entry)).collect();
            in_place.sort_by_key(|entry| entry.place);
            let Some((first, rest)) = in_place.split_first() else { continue };
            for again in rest {
                report.add(again.place, self.twice(first, again, report));
            }
        }
    }

    fn twice<A: Address>(&self, first: &Entry<A>, again: &Entry<A>, report: &Report) -> Problem {
        let name = |owner: u16| match self.owners.get(usize::from(owner)) {
            Some(OwnerName { kind, name, .. }) => format!("{kind} \"{name}\""),
            None => "another section".to_owned(),
        };
        Problem::DuplicatePrefix {
            prefix: again.prefix(),
            owner: name(again.owner),
            first: report.files.locate(first.place),
            first_owner: name(first.owner),
        }
    }
}
