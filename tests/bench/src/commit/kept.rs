//! What control keeps of a policy while it is measured: the private build, and the prefixes of one generation after
//! the other.

use std::time::{Duration, Instant};

use gate25_include::image::{Assembly, ImageBuilder, OwnerHash, SourceTables, Sources, source_value};
use gate25_include::table::{Entry, Incremental, Key};

use crate::lookup::pool_named;
use crate::workload::{Prefix, four};

/// A policy of IPv4 pools and exempted lines, of which some come and go.
pub(super) struct Kept {
    tables: SourceTables,
    /// The same table once more, changed by single calls.
    single: <u32 as Key>::Build,
    owners: Vec<OwnerHash>,
    all: Vec<Entry<u32>>,
    /// Which of `all` come and go: true for one in so many exempted lines.
    moving: Vec<bool>,
    moved: Vec<Entry<u32>>,
    present: bool,
}

impl Kept {
    /// A policy of this many prefixes, `changes` of which come and go; and seconds for its first build.
    pub(super) fn new(prefixes: usize, changes: usize) -> Result<(Kept, Duration), String> {
        let (prefixes, owners) = four::policy(prefixes, 4);
        let all: Vec<Entry<u32>> = prefixes.iter().map(entry).collect();
        let lines: Vec<usize> =
            (0..all.len()).filter(|index| all.get(*index).is_some_and(|one| one.length == 32)).collect();
        let step = (lines.len() / changes.max(1)).max(1);
        let mut moving = vec![false; all.len()];
        for index in lines.iter().step_by(step).take(changes) {
            moving.iter_mut().skip(*index).take(1).for_each(|moves| *moves = true);
        }
        let moved = all.iter().zip(&moving).filter(|(_, moves)| **moves).map(|(entry, _)| *entry).collect();
        let owners: Vec<OwnerHash> = (0..owners).map(|owner| OwnerHash::of(&name(owner))).collect();
        let mut tables = SourceTables::default();
        let sources = Sources { four: all.clone(), six: Vec::new(), owners: owners.clone() };
        let start = Instant::now();
        tables.update(sources).map_err(|error| error.to_string())?;
        let built = start.elapsed();
        let single: <u32 as Key>::Build = Incremental::from_sorted(&all);
        Ok((Kept { tables, single, owners, all, moving, moved, present: true }, built))
    }

    /// How many prefixes really come and go.
    pub(super) fn changes(&self) -> usize {
        self.moved.len()
    }

    /// Takes what moves out, or puts it in again; gives the time of the single changes in a table of the same content,
    /// and that of the update with its comparison of all prefixes.
    pub(super) fn change(&mut self) -> Result<(Duration, Duration), String> {
        self.present = !self.present;
        let start = Instant::now();
        for entry in &self.moved {
            match self.present {
                true => Incremental::insert(&mut self.single, *entry),
                false => Incremental::remove(&mut self.single, entry.start, entry.length),
            }
        }
        let single = start.elapsed();
        let stays = |(entry, moves): (&Entry<u32>, &bool)| (self.present || !*moves).then_some(*entry);
        let four = self.all.iter().zip(&self.moving).filter_map(stays).collect();
        let sources = Sources { four, six: Vec::new(), owners: self.owners.clone() };
        let start = Instant::now();
        let touched = self.tables.update(sources).map_err(|error| error.to_string())?;
        let update = start.elapsed();
        if touched != self.moved.len() {
            return Err(format!("{touched} prefixes were touched, {} had changed", self.moved.len()));
        }
        Ok((single, update))
    }

    /// The image of this generation, ready to be copied.
    pub(super) fn assembly(&self, generation: u64) -> Result<Assembly<'_>, String> {
        let mut builder = ImageBuilder::new();
        for owner in 0..self.owners.len() as u16 {
            builder.pool(&pool_named(&name(owner), owner)).map_err(|error| error.to_string())?;
        }
        builder.finish_with(&self.tables, generation).map_err(|error| error.to_string())
    }
}

fn name(owner: u16) -> String {
    format!("pool-{owner:05}")
}

fn entry(prefix: &Prefix<u32>) -> Entry<u32> {
    Entry { start: prefix.start, length: prefix.length, value: source_value(prefix.owner, prefix.length) }
}
