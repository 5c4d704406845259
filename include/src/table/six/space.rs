//! The words of a trie under construction: whole lines for tables, parts of lines for leaves and single slots.
//!
//! Lines come from the [`Arena`]; parts of lines are kept here, by size, and stay parts of that size for good.

use std::collections::BTreeSet;

use super::super::{Arena, Kind, LINE_WORDS};
use super::filter::Filter;
use super::index::Index;
use super::layout::{BRANCHED, DEPTH, INNER, LANES, LOOK, Leaf, Link, Slot, Table, VALUE, head};
use super::line::Line;

/// Most words: what a link to a table can reach.
pub(super) const MOST_WORDS: usize = 1 << 29;

/// Words, and the free parts of lines in them.
#[derive(Clone, Debug)]
pub(super) struct Space {
    arena: Arena,
    /// Free quarters, halves and three quarters of lines by first word.
    parts: [Vec<usize>; 3],
    /// Hashes of the /32 that the index has something for.
    pub(super) tags: BTreeSet<u32>,
    /// Cells of the index that are taken, and places for prefixes.
    pub(super) cells: usize,
    pub(super) prefixes: usize,
    /// How often a bucket has got leaves for want of room, since the index was laid out.
    pub(super) outside: usize,
    /// Whether the index has no room for something.
    full: bool,
}

/// What lies behind a slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Behind {
    /// Nothing longer than the slot.
    Nothing,
    /// A leaf.
    Leaf(Leaf),
    /// A table.
    Table(Table),
}

impl Behind {
    /// What a link leads to.
    pub(super) fn of(link: u32) -> Behind {
        match Link::of(link) {
            Link::Value(_) => Behind::Nothing,
            Link::Table(table) => Behind::Table(table),
            Link::Leaf(leaf) => Behind::Leaf(leaf),
        }
    }
}

impl Space {
    /// Header and a root of this stride.
    pub(super) fn new(stride: u32) -> Space {
        let mut space = Space {
            arena: Arena::new(1),
            parts: Default::default(),
            tags: BTreeSet::new(),
            cells: 0,
            prefixes: 0,
            outside: 0,
            full: false,
        };
        let root = space.table(stride);
        space.new_index(0, 0, 0, 0);
        space.set(0, Kind::Trie as u32);
        space.set(head::ROOT, root.link());
        space.set_length();
        space
    }

    /// All words.
    pub(super) fn words(&self) -> &[u32] {
        self.arena.words()
    }

    /// The table at bit 0.
    pub(super) fn root(&self) -> Table {
        Table::from_link(self.get(head::ROOT))
    }

    /// Whether links or the index have no room for more: what was put in since is not to be used.
    pub(super) fn is_full(&self) -> bool {
        self.full || self.words().len() > MOST_WORDS
    }

    /// Says that the index has no room for more.
    pub(super) fn set_full(&mut self) {
        self.full = true;
    }

    /// Where the index stands.
    pub(super) fn index(&self) -> Index {
        Index::of(self.words())
    }

    /// Notes in the header the length, and whether the index has many prefixes.
    pub(super) fn set_length(&mut self) {
        self.set(head::WORDS, self.words().len() as u32);
        self.set(head::PREFIXED, u32::from(self.prefixes > self.cells));
    }

    /// A word; 0 outside.
    #[inline]
    pub(super) fn get(&self, at: usize) -> u32 {
        self.words().get(at).copied().unwrap_or(0)
    }

    /// Writes a word.
    #[inline]
    pub(super) fn set(&mut self, at: usize, word: u32) {
        if let Some(place) = self.arena.words_mut().get_mut(at) {
            *place = word;
        }
    }

    /// A line, to be written.
    pub(super) fn line_mut(&mut self, word: usize) -> Option<&mut Line> {
        self.arena.words_mut().get_mut(word..)?.first_chunk_mut()
    }

    /// So many lines of zeros; gives the number of the first.
    pub(super) fn lines(&mut self, lines: usize) -> usize {
        self.arena.allocate(lines) as usize
    }

    /// Takes them back.
    pub(super) fn free_lines(&mut self, line: usize, lines: usize) {
        self.arena.release(line as u32, lines);
    }

    /// A table of zeros.
    pub(super) fn table(&mut self, stride: u32) -> Table {
        let table = Table { word: 0, stride };
        Table { word: self.run(table.words()), stride }
    }

    /// Takes a table back.
    pub(super) fn free_table(&mut self, table: Table) {
        self.free_run(table.word, table.words());
    }

    /// A leaf of zeros with room for so many entries, 1 to 8.
    pub(super) fn leaf(&mut self, entries: usize) -> Leaf {
        let words = rounded(2 * entries.min(LANES));
        Leaf::at(self.run(words), words)
    }

    /// Takes a leaf back.
    pub(super) fn free_leaf(&mut self, leaf: Leaf) {
        let (word, words) = leaf.span();
        self.free_run(word, words);
    }

    /// What lies behind a slot.
    pub(super) fn behind(&self, slot: Slot) -> Behind {
        if self.get(slot.record + 1) & INNER != 0 {
            return Behind::of(self.get(slot.record));
        }
        Behind::of(self.get(slot.link))
    }

    /// Puts a table behind a slot, leaving its value.
    pub(super) fn set_table(&mut self, slot: Slot, table: Table) {
        self.set_behind(slot, table.link(), INNER, 0);
    }

    /// Puts a leaf with this filter behind a slot; whether it leads on.
    pub(super) fn set_leaf(&mut self, slot: Slot, leaf: Leaf, filter: Filter, branched: bool) {
        let kind = filter.kind() | if branched { BRANCHED } else { 0 };
        self.set_behind(slot, filter.bits, kind, leaf.link());
    }

    /// Takes away what lies behind a slot.
    pub(super) fn set_nothing(&mut self, slot: Slot) {
        self.set_behind(slot, 0, 0, 0);
    }

    /// Sets what lies behind a slot, leaving its value: word 0 of the record, kind, link.
    pub(super) fn set_behind(&mut self, slot: Slot, first: u32, kind: u32, link: u32) {
        let own = self.get(slot.record + 1) & (VALUE | DEPTH);
        self.set(slot.record, first);
        self.set(slot.record + 1, own | kind);
        self.set(slot.link, link);
    }

    /// The value of a slot.
    pub(super) fn value(&self, slot: Slot) -> u32 {
        self.get(slot.record + 1) & VALUE
    }

    /// The depth of a slot's value, in place.
    pub(super) fn depth(&self, slot: Slot) -> u32 {
        self.get(slot.record + 1) & DEPTH
    }

    /// Sets value and depth (in place) of a slot, leaving what lies behind.
    pub(super) fn set_value(&mut self, slot: Slot, depth: u32, value: u32) {
        let kind = self.get(slot.record + 1) & (INNER | LOOK | BRANCHED);
        self.set(slot.record + 1, kind | depth | value);
    }

    /// A run of zeros: whole lines, or within one.
    fn run(&mut self, words: usize) -> usize {
        let words = rounded(words);
        if words >= LINE_WORDS {
            return self.arena.allocate(words / LINE_WORDS) as usize * LINE_WORDS;
        }
        let word = self.parts.get_mut(words / QUARTER - 1).and_then(Vec::pop).unwrap_or_else(|| self.split(words));
        if let Some(part) = self.arena.words_mut().get_mut(word..word + words) {
            part.fill(0);
        }
        word
    }

    /// Takes a quarter from a half, a half or three quarters from a line; what is left is free.
    fn split(&mut self, words: usize) -> usize {
        let whole = self.run(if words == QUARTER { 2 * QUARTER } else { LINE_WORDS });
        let left = if words == QUARTER { QUARTER } else { LINE_WORDS - words };
        self.free_run(whole + words, left);
        whole
    }

    fn free_run(&mut self, word: usize, words: usize) {
        let words = rounded(words);
        match self.parts.get_mut(words / QUARTER - 1) {
            Some(free) => free.push(word),
            None => self.arena.release((word / LINE_WORDS) as u32, words / LINE_WORDS),
        }
    }
}

/// Words of a quarter line.
const QUARTER: usize = LINE_WORDS / 4;

/// A run's words: whole quarters of a line, or whole lines.
fn rounded(words: usize) -> usize {
    let unit = if words > LINE_WORDS { LINE_WORDS } else { QUARTER };
    words.max(1).next_multiple_of(unit)
}
