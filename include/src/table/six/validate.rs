//! Checks a trie once, before anything looks an address up in it: every link stays inside, no word is reached twice,
//! so that nothing loops, and no more bits are used up than an address has. Linear in the trie's length.

use super::super::{Fault, LINE_WORDS};
use super::index::{Bucket, Cell, Index};
use super::layout::{
    CHILD_WINDOW, DEPTH, DEPTH_SHIFT, Entry, INDEXED, INNER, Link, Slot, Table, VALUE, WINDOW, head, limit, room,
};
use super::line::{self, CELLS, FIRST_CELL, Line, WITH_PREFIXES};

/// Checks a trie; `good` says which values there may be.
///
/// # Errors
/// What is wrong, the word it stands in, what stands there.
pub fn validate(words: &[u32], good: impl Fn(u32) -> bool) -> Result<(), Fault> {
    let head = words.first_chunk::<LINE_WORDS>().ok_or(("trie length", 0, words.len() as u64))?;
    let spare =
        head.iter().enumerate().skip(head::PREFIXED).find(|(at, word)| **word > u32::from(*at == head::PREFIXED));
    if let Some((at, word)) = spare {
        return Err(("trie header", at, u64::from(*word)));
    }
    let [_, root, said, ..] = *head;
    if said as usize != words.len() || !words.len().is_multiple_of(LINE_WORDS) {
        return Err(("trie length", head::WORDS, u64::from(said)));
    }
    let mut check = Check { words, good, seen: vec![0; words.len() / QUARTER / 64 + 1], open: Vec::new() };
    check.reach(0, LINE_WORDS, 0)?;
    check.table(root, 0, head::ROOT)?;
    check.index(*head)?;
    while let Some((table, bit)) = check.open.pop() {
        for index in 0..table.slots() {
            check.slot(table, table.slot(index), bit + table.stride)?;
        }
    }
    Ok(())
}

/// The bit of an entry that is not used.
const SPARE: u64 = 1 << 6;

/// Words that a single slot, and the smallest leaf, take.
const QUARTER: usize = LINE_WORDS / 4;

/// A check under way.
struct Check<'a, F> {
    words: &'a [u32],
    good: F,
    /// Which quarter lines something has led to.
    seen: Vec<u64>,
    /// Tables that are to be looked at, and their bits.
    open: Vec<(Table, u32)>,
}

impl<F: Fn(u32) -> bool> Check<'_, F> {
    fn word(&self, at: usize) -> u32 {
        self.words.get(at).copied().unwrap_or(0)
    }

    /// Notes that the link in word `from` leads to these words; refuses what lies outside or was reached before.
    fn reach(&mut self, at: usize, words: usize, from: usize) -> Result<(), Fault> {
        let fault = ("trie link", from, u64::from(self.word(from)));
        let end = at.checked_add(words).filter(|end| *end <= self.words.len() && at.is_multiple_of(QUARTER));
        for quarter in at / QUARTER..end.ok_or(fault)?.div_ceil(QUARTER) {
            let seen = self.seen.get_mut(quarter / 64).ok_or(fault)?;
            if *seen >> (quarter % 64) & 1 != 0 {
                return Err(fault);
            }
            *seen |= 1 << (quarter % 64);
        }
        Ok(())
    }

    /// The index: each cell stands where its bucket says, each prefix belongs to a cell of its line.
    fn index(&mut self, head: [u32; LINE_WORDS]) -> Result<(), Fault> {
        let index = Index::of(self.words);
        if index.bits != head[head::BUCKETS] {
            return Err(("trie index", head::BUCKETS, u64::from(head[head::BUCKETS])));
        }
        if index.lines != head[head::LINES] {
            return Err(("trie index", head::LINES, u64::from(head[head::LINES])));
        }
        self.reach(index.word, index.words(), head::INDEX)?;
        let words = self.words;
        let lines = words.get(index.first_line()..index.word + index.words()).unwrap_or_default();
        for (number, line) in lines.as_chunks::<LINE_WORDS>().0.iter().enumerate() {
            let at = index.first_line() + number * LINE_WORDS;
            for cell in 0..CELLS {
                self.cell(index, line, Cell { line: at, cell })?;
            }
            if let Some((near, word)) =
                line::prefixes(line).zip((at..).step_by(2)).find(|(near, _)| near.is_stray(line))
            {
                return Err(("trie prefix", word, near.0));
            }
        }
        Ok(())
    }

    /// A cell of the index, and its prefixes.
    fn cell(&mut self, index: Index, line: &Line, cell: Cell) -> Result<(), Fault> {
        let [link, tag] = line::cell(line, cell.cell);
        if (link, tag) == (0, 0) {
            return Ok(());
        }
        let at = cell.line + FIRST_CELL + 2 * cell.cell;
        let fault = ("trie index", at, u64::from(link) | u64::from(tag) << 32);
        let bucket = index.read(self.words, index.bucket(tag));
        let here = |piece: &u32| index.cell(tag, *piece, bucket.displacement) == cell;
        let piece = (0..1 << bucket.cut).find(here).filter(|_| link != 0).ok_or(fault)?;
        match Link::of(link) {
            Link::Value(value) if link & !VALUE & !WITH_PREFIXES == 0 && (self.good)(value) => {
                let near = self.prefixes(line, cell, bucket, piece)?;
                if near == (link & WITH_PREFIXES != 0) { Ok(()) } else { Err(fault) }
            }
            Link::Table(_) if bucket.cut == 0 => self.table(link, INDEXED, at),
            Link::Leaf(_) if bucket.cut == 0 => self.leaf(link, INDEXED, true, at),
            _ => Err(fault),
        }
    }

    /// The prefixes of a cell that stands for a piece; gives whether there are any.
    fn prefixes(&self, line: &Line, cell: Cell, bucket: Bucket, piece: u32) -> Result<bool, Fault> {
        let mut before = None;
        for (number, near) in line::prefixes(line).enumerate().filter(|(_, near)| near.cell() == Some(cell.cell)) {
            let length = near.length();
            let fits = (bucket.cut + 1..=WINDOW.into()).contains(&length) && bucket.piece(near.window()) == piece;
            let tidy = near.window().checked_shl(length).unwrap_or(0) == 0;
            if !fits || !tidy || before.is_some_and(|before| before < length) {
                return Err(("trie prefix", cell.line + 2 * number, near.0));
            }
            if near.value() == 0 || !(self.good)(near.value()) {
                return Err(("trie value", cell.line + 2 * number, near.0));
            }
            before = Some(length);
        }
        Ok(before.is_some())
    }

    /// A link, in word `from`, to a table at `bit`.
    fn table(&mut self, link: u32, bit: u32, from: usize) -> Result<(), Fault> {
        let table = match Link::of(link) {
            Link::Table(table) if table.stride <= room(bit) => table,
            _ => return Err(("trie stride", from, u64::from(link))),
        };
        self.reach(table.word, table.words(), from)?;
        self.open.push((table, bit));
        Ok(())
    }

    /// A slot, behind which `below` bits of the address are used up.
    fn slot(&mut self, table: Table, slot: Slot, below: u32) -> Result<(), Fault> {
        let (first, second, link) = (self.word(slot.record), self.word(slot.record + 1), self.word(slot.link));
        let (value, depth) = (second & VALUE, (second & DEPTH) >> DEPTH_SHIFT);
        if !(self.good)(value) || depth > table.stride + 1 || (depth > 0 && value == 0) {
            return Err(("trie value", slot.record + 1, u64::from(second)));
        }
        match (second & INNER != 0, first != 0, link != 0) {
            (true, true, false) => self.table(first, below, slot.record),
            (false, false, false) => Ok(()),
            (false, true, true) => self.leaf(link, below, false, slot.link),
            _ => Err(("trie record", slot.record, u64::from(first))),
        }
    }

    /// A link, in word `from`, to a leaf at `bit`, which may have an entry for all addresses.
    fn leaf(&mut self, link: u32, bit: u32, for_all: bool, from: usize) -> Result<(), Fault> {
        let Link::Leaf(leaf) = Link::of(link) else { return Err(("trie leaf", from, u64::from(link))) };
        let (at, count) = leaf.span();
        self.reach(at, count, from)?;
        let entries = self.words.get(at..at + count).unwrap_or_default();
        let mut before = None;
        for (index, words) in entries.chunks_exact(2).enumerate() {
            let entry = Entry::read(words);
            if before != Some(entry) {
                self.entry(entry, before, bit, for_all, at + 2 * index)?;
            }
            before = Some(entry);
        }
        Ok(())
    }

    /// An entry, in word `at`, of a leaf at `bit`.
    fn entry(&mut self, entry: Entry, before: Option<Entry>, bit: u32, for_all: bool, at: usize) -> Result<(), Fault> {
        let length = entry.length();
        let leads_on = entry.quarter().is_some();
        let most = u32::from(if leads_on { CHILD_WINDOW } else { WINDOW });
        let least = u32::from(leads_on || !for_all);
        let fault = ("trie entry", at, entry.0);
        let fits = (least..=most).contains(&length) && bit + length <= limit(bit);
        let tidy = entry.window().checked_shl(length).unwrap_or(0) == 0 && entry.0 & SPARE == 0;
        if !fits || !tidy || before.is_some_and(|before| before.length() < length) {
            return Err(fault);
        }
        match entry.quarter() {
            None if entry.own() == 0 || !(self.good)(entry.own()) => Err(("trie value", at, entry.0)),
            None => Ok(()),
            Some(quarter) => {
                let table = Table::single(quarter);
                self.reach(table.word, QUARTER, at)?;
                self.open.push((table, bit + length));
                Ok(())
            }
        }
    }
}
