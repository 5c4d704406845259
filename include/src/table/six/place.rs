//! Puts many prefixes into a slot at once: chooses between leaf, single slot behind an entry, and table.

use super::filter::Filter;
use super::item::{Content, Item, around};
use super::layout::{
    BITS, BRANCHED, CHILD_WINDOW, DEPTH_SHIFT, INDEXED, INNER, LANES, LOOK, Leaf, Slot, Table, WINDOW, limit, mask,
    room, skip, top,
};
use super::space::{Behind, Space};

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
            return self.set_nothing(slot);
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
        self.set_table(slot, table);
    }

    /// A leaf or a table at the bit that the index leads to, for the items of one /32, none of them as short; `outside`
    /// is the value of what is shorter. Gives its link: the value itself if there are no items.
    pub(super) fn behind_index(&mut self, items: &[Item], outside: u32) -> u32 {
        let bit = INDEXED as u8;
        let near = self.gather(bit, items);
        let items = near.as_deref().unwrap_or(items);
        let (Some(first), Some(last)) = (items.first(), items.last()) else { return outside };
        if items.len() + usize::from(outside != 0) <= LANES {
            let mut all = items.to_vec();
            if outside != 0 {
                all.push(Item::value(first.start & mask(bit), bit, outside));
            }
            let leaf = self.leaf_of(bit, &all);
            self.hand_down(items, outside);
            return leaf.link();
        }
        let common = ((first.start ^ last.start).leading_zeros() as u8).min(first.length);
        let table = self.table(stride(bit, common, items));
        self.fill(table, bit, items, outside);
        table.link()
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
                        self.adopt(table.slot(index(item)), Table::single(quarter), table.stride);
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
                self.hand_down(&items, value);
            }
            _ => {}
        }
    }

    /// Gives the single slots among the items of a leaf the value of the longest item around them, or `value`.
    fn hand_down(&mut self, items: &[Item], value: u32) {
        for item in items {
            let Some(quarter) = item.child() else { continue };
            self.inherit(Table::single(quarter), around(items, item, value));
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
    fn adopt(&mut self, slot: Slot, single: Table, stride: u32) {
        let from = single.slot(0);
        let kind = self.get(from.record + 1) & (INNER | LOOK | BRANCHED);
        let (first, link, value) = (self.get(from.record), self.get(from.link), self.value(from));
        self.set_behind(slot, first, kind, link);
        if self.depth(from) != 0 {
            self.set_value(slot, (stride + 1) << DEPTH_SHIFT, value);
        } else if self.value(slot) != value {
            self.pass_on(slot, self.value(slot));
        }
        self.free_table(single);
    }

    /// A single slot at `length` with all `items`, as an item.
    fn single(&mut self, length: u8, items: &[Item]) -> Item {
        let table = self.table(0);
        self.fill(table, length, items, 0);
        let start = items.first().map_or(0, |item| item.start) & mask(length);
        Item { start, length, content: Content::Child(table.quarter()) }
    }

    /// With single slots for what is too long for an entry of a leaf at `bit`; none if nothing is, or if the rest is
    /// too much for a leaf anyway.
    fn gather(&mut self, bit: u8, items: &[Item]) -> Option<Vec<Item>> {
        let most = limit(bit.into()).min(u32::from(bit) + u32::from(WINDOW));
        let far = |item: &Item| u32::from(item.length) > most;
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

    /// Puts a leaf of 1 to 8 items behind a slot.
    fn write_leaf(&mut self, slot: Slot, bit: u8, items: &[Item]) {
        let leaf = self.leaf_of(bit, items);
        let branched = items.iter().any(|item| item.child().is_some());
        self.set_leaf(slot, leaf, Filter::of(items, bit), branched);
        self.pass_on(slot, self.value(slot));
    }

    /// A leaf of 1 to 8 items, longest first; the last fills what is over.
    fn leaf_of(&mut self, bit: u8, items: &[Item]) -> Leaf {
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
        leaf
    }
}

/// The slots of a table at `bit` that a prefix covers.
pub(super) fn covered(table: Table, bit: u8, start: u128, length: u8) -> std::ops::Range<u32> {
    let first = top(skip(start, bit.into()), table.stride);
    first..first + (1 << (u32::from(bit) + table.stride - u32::from(length)))
}

/// How far an entry of a leaf at `bit` may lead on.
fn farthest(bit: u8) -> u8 {
    (bit + CHILD_WINDOW).min(limit(bit.into()) as u8)
}

/// Whether `bits` that all of `items` share are too many for a table.
fn worth_a_leap(bits: u8, items: usize) -> bool {
    bits > 12 || 1 << bits > 64 * items
}

/// The stride of a table at `bit` for these items, of which the first `common` bits are the same: the largest that
/// leaves few slots empty and some items in each.
fn stride(bit: u8, common: u8, items: &[Item]) -> u32 {
    let children = items.iter().filter(|item| item.child().is_some());
    let children = children.map(|item| u32::from(item.length - bit)).min().unwrap_or(BITS);
    let mut starts = [0usize; BITS as usize];
    for (a, b) in items.iter().zip(items.iter().skip(1)) {
        let depth = skip(a.start ^ b.start, bit.into()).leading_zeros();
        if let Some(starts) = starts.get_mut(depth as usize) {
            *starts += 1;
        }
    }
    let (mut best, mut full) = ((items.len() / CHEAP).max(4).ilog2(), 1);
    for (stride, more) in (1..=room(bit.into())).zip(starts) {
        full += more;
        if items.len() < CROWD * full {
            break;
        }
        let sparse = if u32::from(bit) < INDEXED { SPARSE } else { SPARSE_BEHIND };
        if 1 << stride <= sparse * full {
            best = best.max(stride);
        }
    }
    let shared = u32::from(common - bit);
    if shared > best {
        best = shared.min(items.len().ilog2() + 2);
    }
    best.min(children).min(room(bit.into()))
}
