//! Puts groups into the lines of the index, and takes them out: tries displacements until all of a bucket have room.

use super::group::Group;
use super::index::{Bucket, Cell, DISPLACEMENT_BITS, Index, LEAST, MOST, MOST_LINES, hash, unhash};
use super::layout::{Link, VALUE, head};
use super::line::{self, CELLS, Line, Near, PREFIXES};
use super::space::Space;
use crate::table::LINE_WORDS;

/// Of a hundred cells, or places for prefixes, so many are taken when the index is made.
const FILLED: usize = 80;

/// Lines that there are even for nothing.
const FEW: usize = 8;

/// More than so many never: finding room would take long.
const MOST_FILLED: usize = 93;

impl Space {
    /// What leads on, or the value, of a whole /32; 0 for nothing, and for one in pieces.
    pub(super) fn link(&self, tag: u32) -> u32 {
        let (_, bucket) = self.bucket(tag);
        let group = self.group(self.index().cell(tag, 0, bucket.displacement), tag, 0);
        group.filter(|_| bucket.cut == 0).map_or(0, |group| group.link)
    }

    /// The bucket of a /32, and what it says.
    pub(super) fn bucket(&self, tag: u32) -> (usize, Bucket) {
        let index = self.index();
        let bucket = index.bucket(tag);
        (bucket, index.read(self.words(), bucket))
    }

    /// All /32 of a bucket that the index has something for.
    pub(super) fn tags(&self, bucket: usize) -> Vec<u32> {
        let shift = 32 - self.index().bits;
        let (first, last) = ((bucket as u32) << shift, (bucket as u32) << shift | ((1 << shift) - 1));
        self.tags.range(first..=last).map(|hash| unhash(*hash)).collect()
    }

    /// All that the index has for a /32.
    pub(super) fn groups(&self, tag: u32) -> Vec<Group> {
        let (index, (_, bucket)) = (self.index(), self.bucket(tag));
        let group = |piece| self.group(index.cell(tag, piece, bucket.displacement), tag, piece);
        (0..1 << bucket.cut).filter_map(group).collect()
    }

    fn group(&self, cell: Cell, tag: u32, piece: u32) -> Option<Group> {
        let line = self.line(cell)?;
        let [link, own] = line::cell(line, cell.cell);
        if link == 0 || own != tag {
            return None;
        }
        let link = if matches!(Link::of(link), Link::Value(_)) { link & VALUE } else { link };
        let mut group = Group { piece, ..Group::leading(tag, link) };
        let own = line::prefixes(line).filter(|near| near.cell() == Some(cell.cell));
        group.prefixes.iter_mut().zip(own).for_each(|(place, near)| *place = near);
        Some(group)
    }

    /// Puts a group where its bucket says, in place of what is there for the same piece; `needless` says that nothing is to
    /// be there. Gives whether there was room: if not, nothing is there now.
    pub(super) fn replace(&mut self, group: &Group, needless: bool) -> bool {
        let (_, bucket) = self.bucket(group.tag);
        let cell = self.index().cell(group.tag, group.piece, bucket.displacement);
        if let Some(old) = self.group(cell, group.tag, group.piece) {
            self.take(cell, &old);
            if old.link != group.link {
                self.free_link(old.link);
            }
        }
        if needless {
            return true;
        }
        let fits = self.fits(cell, group.count()) && !self.is_crowded(1, group.count());
        if fits {
            self.put(cell, group);
        }
        fits
    }

    /// Notes that the index has something for a /32.
    pub(super) fn note(&mut self, tag: u32) {
        self.tags.insert(hash(tag));
    }

    /// Notes that it has not, if it has not.
    pub(super) fn forget(&mut self, tag: u32) {
        if self.groups(tag).is_empty() {
            self.tags.remove(&hash(tag));
            let (bucket, _) = self.bucket(tag);
            if self.tags(bucket).is_empty() {
                self.set_bucket(bucket, Bucket::default());
            }
        }
    }

    /// Takes all of a bucket out, leaving what it leads to.
    pub(super) fn take_all(&mut self, bucket: usize) {
        let index = self.index();
        let Bucket { displacement, .. } = index.read(self.words(), bucket);
        for tag in self.tags(bucket) {
            for group in self.groups(tag) {
                self.take(index.cell(tag, group.piece, displacement), &group);
            }
        }
        self.set_bucket(bucket, Bucket::default());
    }

    /// Puts all groups of a bucket's /32, of which nothing is in, where they find room; gives whether they have found any.
    pub(super) fn put_all(&mut self, tags: &[u32], cut: u32, groups: &[Group]) -> bool {
        if self.is_crowded(groups.len(), groups.iter().map(Group::count).sum()) {
            return false;
        }
        let index = self.index();
        let mut cells = Vec::with_capacity(groups.len());
        let found = (0..1 << DISPLACEMENT_BITS).find(|displacement| {
            cells.clear();
            groups.iter().all(|group| {
                let cell = index.cell(group.tag, group.piece, *displacement);
                let beside = cells.iter().filter(|(other, _): &&(Cell, usize)| other.line == cell.line);
                let (taken, count) = beside.fold((false, group.count()), |(taken, sum), (other, count)| {
                    (taken || *other == cell, sum + count)
                });
                cells.push((cell, group.count()));
                !taken && self.fits(cell, count)
            }) && (cut == 0 || tags.iter().all(|tag| are_apart(index, *tag, cut, *displacement)))
        });
        let (Some(displacement), Some(tag)) = (found, tags.first()) else { return false };
        for (group, (cell, _)) in groups.iter().zip(cells) {
            self.put(cell, group);
        }
        self.set_bucket(index.bucket(*tag), Bucket { displacement, cut });
        true
    }

    /// Makes an empty index with room for so many /32, cells and prefixes, and a `spare` quarter so many lines more. Gives
    /// whether there can be so large a one.
    pub(super) fn new_index(&mut self, tags: usize, cells: usize, prefixes: usize, spare: usize) -> bool {
        let bits = Space::buckets(tags);
        let least = (cells * 100 / (CELLS * FILLED)).max(prefixes * 100 / (PREFIXES * FILLED)) + FEW;
        let lines = least + least.div_ceil(4) * spare;
        let possible = lines <= MOST_LINES as usize;
        let index = Index { word: 0, bits, lines: lines.min(MOST_LINES as usize) as u32 };
        (self.cells, self.prefixes, self.outside) = (0, 0, 0);
        self.set_index(index);
        possible
    }

    /// Buckets for so many /32, as a power of two: mostly one has none or one.
    pub(super) fn buckets(tags: usize) -> u32 {
        (2 * tags).next_power_of_two().ilog2().clamp(LEAST, MOST)
    }

    /// Whether there are too many /32 for the buckets.
    pub(super) fn has_few_buckets(&self) -> bool {
        let bits = self.index().bits;
        bits < MOST && self.tags.len() > 1 << bits
    }

    fn is_crowded(&self, cells: usize, prefixes: usize) -> bool {
        let lines = self.index().lines as usize;
        let crowded = |count: usize, room: usize| room > CELLS * 8 && count * 100 > room * MOST_FILLED;
        crowded(self.cells + cells, lines * CELLS) || crowded(self.prefixes + prefixes, lines * PREFIXES)
    }

    fn line(&self, cell: Cell) -> Option<&Line> {
        self.words().get(cell.line..)?.first_chunk()
    }

    /// Whether a cell is free and its line has room for so many prefixes.
    fn fits(&self, cell: Cell, prefixes: usize) -> bool {
        let free = |line: &Line| line::cell(line, cell.cell) == [0, 0] && line::room(line) >= prefixes;
        self.line(cell).is_some_and(free)
    }

    fn put(&mut self, cell: Cell, group: &Group) {
        self.cells += 1;
        self.prefixes += group.count();
        let prefixes = group.prefixes.iter().copied().take_while(|near| *near != Near::default());
        if let Some(line) = self.line_mut(cell.line) {
            line::put(line, cell.cell, group.cell(), prefixes);
        }
    }

    fn take(&mut self, cell: Cell, group: &Group) {
        self.cells -= 1;
        self.prefixes -= group.count();
        if let Some(line) = self.line_mut(cell.line) {
            line::clear(line, cell.cell);
        }
    }

    pub(super) fn set_bucket(&mut self, bucket: usize, to: Bucket) {
        let at = self.index().word + bucket / 2;
        let shift = bucket % 2 * 16;
        self.set(at, self.get(at) & !(0xffff << shift) | to.word() << shift);
    }

    fn set_index(&mut self, index: Index) {
        let line = self.lines(index.words() / LINE_WORDS);
        self.set(head::INDEX, line as u32);
        self.set(head::BUCKETS, index.bits);
        self.set(head::LINES, index.lines);
    }

    /// Takes the index back, leaving what it leads to.
    pub(super) fn free_index(&mut self) {
        let index = self.index();
        self.free_lines(index.word / LINE_WORDS, index.words() / LINE_WORDS);
    }
}

/// Whether each piece of a /32 has a cell of its own: where nothing is put in for a piece, its addresses must not find what
/// is another's.
fn are_apart(index: Index, tag: u32, cut: u32, displacement: u32) -> bool {
    let mut cells: Vec<_> = (0..1 << cut).map(|piece| index.cell(tag, piece, displacement)).collect();
    cells.sort_unstable_by_key(|cell| (cell.line, cell.cell));
    cells.dedup();
    cells.len() == 1 << cut
}
