//! Puts many prefixes into a slot at once: chooses between leaf, single slot behind an entry, and table.

use super::index::{INDEX_BITS, tag};
use super::item::{Content, Item, around};
use super::layout::{
    BITS, BRANCHED, CHILD_WINDOW, DEPTH_SHIFT, DIRECT, INNER, LANES, MAX_STRIDE, Slot, Table, WINDOW, mask, skip, top,
};
use super::space::{Behind, Space};

/// From so many bits of its filter on a slot leads to its leaf directly.
const DENSE: u32 = 12;

/// A table's stride does not grow further when its full slots hold fewer items than this on average.
const CROWD: usize = 3;

/// A table with one slot for so many items costs little, be it empty: fewer tables one behind the other.
const CHEAP: usize = 8;

/// Of so many slots of a table at least one is full.
const SPARSE: usize = 2;

/// The same for tables from where the index leads to: pools are often only a part of their /32.
const SPARSE_BEHIND: usize = 4;

impl Space {
    /// Writes `items` behind `slot`, which stands at `bit` and has its value, but nothing behind it. They are longer
    /// than `bit`, sorted by start, then length.
    pub(super) fn place(&mut self, slot: Slot, bit: u8, items: &[Item]) {
        let near = self.gather(bit, items);
        let items = near.as_deref().unwrap_or(items);
        let (Some(first), Some(last)) = (items.first(), items.last()) else {
            return self.set_behind(slot, 0, 0, 0);
        };
        if items.len() <= LANES {
            return self.write_leaf(slot, bit, items);
        }
        let common = ((first.start ^ last.start).leading_zeros() as u8).min(first.length);
        let stride = stride(bit, common, items);
        if u32::from(common) >= u32::from(bit) + stride && worth_a_leap(common - bit, items.len()) {
            let child = self.single(common.min(farthest(bit)), items);
            return self.write_leaf(slot, bit, &[child]);
        }
        let table = self.table(stride);
        self.fill(table, bit, items, self.value(slot));
        self.set_behind(slot, table.link(), INNER, 0);
        if bit == INDEX_BITS {
            self.note(tag(first.start), Some(table));
        }
    }

    /// Fills a table of zeros at `bit`; `outside` is the value of what is shorter.
    pub(super) fn fill(&mut self, table: Table, bit: u8, items: &[Item], outside: u32) {
        for index in 0..table.slots() {
            self.set_value(table.slot(index), 0, outside);
        }
        let below = bit + table.stride as u8;
        let index = |item: &Item| top(skip(item.start, bit.into()), table.stride);
        let mut rest = items;
        while let Some((item, after)) = rest.split_first() {
            if item.length <= below {
                match item.content {
                    Content::Value(value) => self.cover(table, bit, item.start, item.length, value),
                    Content::Child(quarter) => {
                        self.adopt(table.slot(index(item)), Table::single(quarter), bit, below - bit, item.start);
                    }
                }
                rest = after;
                continue;
            }
            let same = |other: &Item| index(other) == index(item) && other.length > below;
            let (inside, others) = rest.split_at(rest.iter().position(|other| !same(other)).unwrap_or(rest.len()));
            self.place(table.slot(index(item)), below, inside);
            rest = others;
        }
    }

    /// Gives `value` to all slots of the prefix that have none of a longer one.
    pub(super) fn cover(&mut self, table: Table, bit: u8, start: u128, length: u8, value: u32) {
        let depth = (u32::from(length - bit) + 1) << DEPTH_SHIFT;
        for index in covered(table, bit, start, length) {
            let slot = table.slot(index);
            if self.depth(slot) <= depth {
                self.set_value(slot, depth, value);
                self.pass_on(slot, value);
            }
        }
    }

    /// A slot has got this value: so has all behind it that has none of its own.
    pub(super) fn pass_on(&mut self, slot: Slot, value: u32) {
        match self.behind(slot) {
            Behind::Table(table) => self.inherit(table, value),
            Behind::Leaf(leaf) if self.get(slot.record + 1) & BRANCHED != 0 => {
                let items = self.items(leaf, 0, 0);
                for item in &items {
                    let Some(quarter) = item.child() else { continue };
                    self.inherit(Table::single(quarter), around(&items, item, value));
                }
            }
            _ => {}
        }
    }

    /// Gives `value` to all slots of a table that have none of their own.
    pub(super) fn inherit(&mut self, table: Table, value: u32) {
        for index in 0..table.slots() {
            let slot = table.slot(index);
            if self.depth(slot) == 0 && self.value(slot) != value {
                self.set_value(slot, 0, value);
                self.pass_on(slot, value);
            }
        }
    }

    /// Moves a single slot into `slot`, the slot of a table of this stride that stands at the same bit.
    fn adopt(&mut self, slot: Slot, single: Table, bit: u8, stride: u8, start: u128) {
        let from = single.slot(0);
        let kind = self.get(from.record + 1) & (INNER | DIRECT | BRANCHED);
        let (first, link, value) = (self.get(from.record), self.get(from.link), self.value(from));
        self.set_behind(slot, first, kind, link);
        if self.depth(from) != 0 {
            self.set_value(slot, (u32::from(stride) + 1) << DEPTH_SHIFT, value);
        } else if self.value(slot) != value {
            self.pass_on(slot, self.value(slot));
        }
        self.free_table(single);
        if u32::from(bit) + u32::from(stride) == u32::from(INDEX_BITS) && kind & INNER == 0 {
            self.note(tag(start), None);
        }
    }

    /// A single slot at `length` with all `items`, as an item.
    pub(super) fn single(&mut self, length: u8, items: &[Item]) -> Item {
        let table = self.table(0);
        self.fill(table, length, items, 0);
        let start = items.first().map_or(0, |item| item.start) & mask(length);
        let behind = self.behind(table.slot(0));
        if length == INDEX_BITS
            && let Behind::Leaf(_) = behind
        {
            self.note(tag(start), Some(table));
        }
        Item { start, length, content: Content::Child(table.quarter()) }
    }

    /// With single slots for what is too long for an entry of a leaf at `bit`; none if nothing is, or if the rest is
    /// too much for a leaf anyway.
    fn gather(&mut self, bit: u8, items: &[Item]) -> Option<Vec<Item>> {
        let far = |item: &Item| item.length > bit.saturating_add(WINDOW);
        if !items.iter().any(far) {
            return None;
        }
        let boundary = farthest(bit);
        let runs: Vec<&[Item]> = items.chunk_by(|a, b| (a.start ^ b.start) & mask(boundary) == 0).collect();
        if runs.len() > LANES {
            return None;
        }
        let mut near = Vec::with_capacity(LANES);
        for run in runs {
            let inside = run.iter().position(|item| item.length >= boundary).unwrap_or(run.len());
            let (before, inside) = run.split_at(inside);
            near.extend_from_slice(before);
            match inside.iter().any(far) {
                true => near.push(self.single(boundary, inside)),
                false => near.extend_from_slice(inside),
            }
        }
        Some(near)
    }

    /// Writes 1 to 8 items as a leaf, longest first; the last fills what is over.
    fn write_leaf(&mut self, slot: Slot, bit: u8, items: &[Item]) {
        let mut sorted: [Option<&Item>; LANES] = [None; LANES];
        sorted.iter_mut().zip(items).for_each(|(place, item)| *place = Some(item));
        sorted.sort_by_key(|item| item.map_or(u8::MAX, |item| BITS as u8 - item.length));
        let leaf = self.leaf(items.len());
        let (at, words) = leaf.span();
        let mut entry = 0;
        for (lane, item) in (0..words / 2).zip(sorted) {
            entry = item.map_or(entry, |item| item.entry(bit).0);
            self.set(at + 2 * lane, entry as u32);
            self.set(at + 2 * lane + 1, (entry >> 32) as u32);
        }
        let filter = items.iter().fold(0, |bits, item| bits | item.filter(bit));
        let branched = if items.iter().any(|item| item.child().is_some()) { BRANCHED } else { 0 };
        match filter.count_ones() >= DENSE {
            true => self.set_behind(slot, leaf.link(), DIRECT | branched, 0),
            false => self.set_behind(slot, filter, branched, leaf.link()),
        }
        self.pass_on(slot, self.value(slot));
    }
}

/// The slots of a table at `bit` that a prefix covers.
pub(super) fn covered(table: Table, bit: u8, start: u128, length: u8) -> std::ops::Range<u32> {
    let first = top(skip(start, bit.into()), table.stride);
    first..first + (1 << (u32::from(bit) + table.stride - u32::from(length)))
}

/// How far an entry of a leaf at `bit` may lead on: not past the bit that the index leads to.
fn farthest(bit: u8) -> u8 {
    if bit < INDEX_BITS { (bit + CHILD_WINDOW).min(INDEX_BITS) } else { bit + CHILD_WINDOW }
}

/// Whether `bits` that all of `items` share are too many for a table.
fn worth_a_leap(bits: u8, items: usize) -> bool {
    bits > 12 || 1 << bits > 64 * items
}

/// The stride of a table at `bit` for these items, of which the first `common` bits are the same: the largest that
/// leaves few slots empty and some items in each.
fn stride(bit: u8, common: u8, items: &[Item]) -> u32 {
    let children = items.iter().filter(|item| item.child().is_some());
    let room = children.map(|item| item.length - bit).min().unwrap_or(BITS as u8 - bit);
    let mut starts = [0usize; BITS as usize];
    for (a, b) in items.iter().zip(items.iter().skip(1)) {
        let depth = skip(a.start ^ b.start, bit.into()).leading_zeros();
        if let Some(starts) = starts.get_mut(depth as usize) {
            *starts += 1;
        }
    }
    let (mut best, mut full) = ((items.len() / CHEAP).max(4).ilog2(), 1);
    for (stride, more) in (1..=MAX_STRIDE).zip(starts) {
        full += more;
        if items.len() < CROWD * full {
            break;
        }
        let sparse = if bit < INDEX_BITS { SPARSE } else { SPARSE_BEHIND };
        if 1 << stride <= sparse * full {
            best = best.max(stride);
        }
    }
    let shared = u32::from(common - bit);
    if shared > best {
        best = shared.min(items.len().ilog2() + 2);
    }
    // A table ends where the index leads to, or stands behind it.
    let room = if bit < INDEX_BITS { room.min(INDEX_BITS - bit) } else { room };
    best.min(room.into()).min(MAX_STRIDE)
}
