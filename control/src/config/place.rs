//! Places: where in which file something was written.
//!
//! A [`Place`] is twelve bytes, so that every prefix of a policy can carry one; [`Files`] turns it
//! back into a [`Location`] that prints as `FILE:LINE:COLUMN`. Lines and columns count from 1,
//! columns in characters. Line 0 means the file as a whole.

use std::cell::Cell;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Where something was written: a file by its number in [`Files`], a line and a column.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Place {
    /// Number of the file in [`Files`].
    pub file: u32,
    /// Line from 1; 0 is the file as a whole.
    pub line: u32,
    /// Column from 1, in characters; 0 is the line as a whole.
    pub column: u32,
}

/// A value and where it was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct At<T> {
    /// The value.
    pub value: T,
    /// Where it stands.
    pub place: Place,
}

/// A place with its file's name; prints `FILE:LINE:COLUMN`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Location {
    /// The file as it was named, relative names joined to the policy file's folder.
    pub file: Arc<Path>,
    /// Line from 1; 0 is the file as a whole.
    pub line: u32,
    /// Column from 1, in characters; 0 is the line as a whole.
    pub column: u32,
}

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let file = self.file.to_string_lossy();
        // A file's name may hold a line end; a message is one line.
        let escape = |c: char| if c.is_control() { c.escape_default().to_string() } else { c.to_string() };
        match file.contains(char::is_control) {
            true => f.write_str(&file.chars().map(escape).collect::<String>())?,
            false => f.write_str(&file)?,
        }
        match (self.line, self.column) {
            (0, _) => Ok(()),
            (line, 0) => write!(f, ":{line}"),
            (line, column) => write!(f, ":{line}:{column}"),
        }
    }
}

/// The files a policy was read from, in the order they were first named; number 0 is the policy file.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Files(Vec<Arc<Path>>);

impl Files {
    /// Adds a file and gives its number.
    pub(crate) fn add(&mut self, path: PathBuf) -> u32 {
        self.0.push(path.into());
        // One file per element of a list in memory: the list cannot have 2^32 elements.
        u32::try_from(self.0.len() - 1).unwrap_or(u32::MAX)
    }

    /// All files, policy file first.
    pub fn iter(&self) -> impl Iterator<Item = &Path> {
        self.0.iter().map(AsRef::as_ref)
    }

    /// The place with its file's name.
    pub fn locate(&self, place: Place) -> Location {
        let file = self.0.get(place.file as usize).cloned();
        Location { file: file.unwrap_or_else(|| Path::new("?").into()), line: place.line, column: place.column }
    }
}

/// Text of one file with the beginnings of its lines, to turn byte offsets into places.
#[derive(Debug)]
pub(crate) struct Source<'a> {
    file: u32,
    text: &'a str,
    line_starts: Vec<usize>,
    /// An offset and its column, so that a long line is counted once and not from its start each time.
    last: Cell<(usize, u32)>,
}

impl<'a> Source<'a> {
    /// Indexes `text` of file number `file`.
    pub(crate) fn new(file: u32, text: &'a str) -> Self {
        let mut line_starts = vec![0];
        line_starts.extend(text.match_indices('\n').map(|(at, _)| at + 1));
        Self { file, text, line_starts, last: Cell::new((0, 1)) }
    }

    /// The place of byte `offset`; one past the end is the place behind the last character.
    pub(crate) fn place(&self, offset: usize) -> Place {
        let line = self.line_starts.partition_point(|&start| start <= offset);
        let start = self.line_starts.get(line.wrapping_sub(1)).copied().unwrap_or(0);
        Place {
            file: self.file,
            line: u32::try_from(line).unwrap_or(u32::MAX),
            column: self.column(start, offset.min(self.text.len())),
        }
    }

    /// The column of byte `offset` in the line that begins at `start`.
    fn column(&self, start: usize, offset: usize) -> u32 {
        let (last, column) = self.last.get();
        let (from, column) = if (start..=offset).contains(&last) { (last, column) } else { (start, 1) };
        let characters = self.text.get(from..offset).map_or(0, |between| between.chars().count());
        let column = column.saturating_add(u32::try_from(characters).unwrap_or(u32::MAX));
        self.last.set((offset, column));
        column
    }

    /// What the file says from byte `from` to byte `to`.
    pub(crate) fn slice(&self, from: usize, to: usize) -> &'a str {
        self.text.get(from..to).unwrap_or("")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn offsets_become_lines_and_columns() {
        let source = Source::new(3, "ab\nüx\n");
        let at = |offset| {
            let place = source.place(offset);
            assert_eq!(place.file, 3);
            (place.line, place.column)
        };
        assert_eq!(at(0), (1, 1));
        assert_eq!(at(2), (1, 3));
        assert_eq!(at(3), (2, 1));
        assert_eq!(at(5), (2, 2), "ü is one column of two bytes");
        assert_eq!(at(7), (3, 1));
        assert_eq!(at(99), (3, 1));
        assert_eq!(at(1), (1, 2), "backwards, after a later one was asked for");
        assert_eq!((at(3), at(5), at(6)), ((2, 1), (2, 2), (2, 3)));
    }

    #[test]
    fn a_location_prints_what_it_knows() {
        let mut files = Files::default();
        let file = files.add("a/b.toml".into());
        let print = |line, column| files.locate(Place { file, line, column }).to_string();
        assert_eq!(print(0, 0), "a/b.toml");
        assert_eq!(print(4, 0), "a/b.toml:4");
        assert_eq!(print(4, 7), "a/b.toml:4:7");
        let file = files.add("a\nb".into());
        assert_eq!(files.locate(Place { file, line: 1, column: 2 }).to_string(), "a\\nb:1:2");
    }
}
