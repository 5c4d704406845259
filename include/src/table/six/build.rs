//! The trie under change: each prefix put in or taken out touches only the tables and the leaf it stands in.
//!
//! Owns the prefixes, sorted, beside the words made of them; look-ups never see the former.

use std::collections::BTreeMap;

use super::super::Entry;
use super::find::find_from;
use super::index::{INDEX_BITS, hash, tag};
use super::item::{Content, Item, around};
use super::layout::{self, DEPTH_SHIFT, Leaf, Link, Slot, Table, mask, skip};
use super::place::covered;
use super::space::{Behind, MOST_WORDS, Space};

/// Stride of the root.
const ROOT_STRIDE: u32 = 12;

/// The same for a trie of few prefixes.
const SMALL_ROOT_STRIDE: u32 = 8;

/// From so many prefixes on the root is large.
const FEW_FOR_A_ROOT: usize = 1024;

/// A table whose prefixes are no more than these becomes a leaf again.
const FEW: usize = 4;

/// Largest stride of a table that is made anew when half of its slots have tables behind them.
const GROWS_TO: u32 = 8;

/// Prefixes and the trie of them.
#[derive(Clone, Debug)]
pub struct Build {
    pub(super) space: Space,
    pub(super) prefixes: BTreeMap<(u128, u8), u32>,
}

/// Where a look for a prefix has arrived.
struct Place {
    /// The table that holds the prefix's slots, or the slot behind which it stands.
    table: Table,
    /// The bit the table stands at.
    bit: u8,
    /// The value of what is shorter than the table's bit.
    outside: u32,
    /// Where the table hangs.
    above: Above,
}

/// What leads to a table.
#[derive(Clone, Copy)]
enum Above {
    /// The header: the root.
    Header,
    /// The index: the table at bit 32 of this /32.
    Index(u32),
    /// A slot, which stands at this bit.
    Slot(Slot, u8),
}

impl Default for Build {
    fn default() -> Build {
        Build::new()
    }
}

impl Build {
    /// Without prefixes.
    pub fn new() -> Build {
        Build { space: Space::new(ROOT_STRIDE), prefixes: BTreeMap::new() }
    }

    /// With these: sorted, none twice, values 1 to 2^24 - 1.
    pub fn from_sorted(entries: &[Entry<u128>]) -> Build {
        let prefixes = entries.iter().map(|entry| ((entry.start, entry.length), entry.value)).collect();
        Build { space: Space::of(entries, ROOT_STRIDE), prefixes }
    }

    /// The trie: position-independent, whole lines of 64 bytes.
    pub fn words(&self) -> &[u32] {
        self.space.words()
    }

    /// Whether the trie has outgrown its links (2 GB) or its index: it is then of no use.
    pub fn is_full(&self) -> bool {
        self.space.is_full()
    }

    /// Prefixes in it.
    pub fn len(&self) -> usize {
        self.prefixes.len()
    }

    /// Whether it has none.
    pub fn is_empty(&self) -> bool {
        self.prefixes.is_empty()
    }

    /// All prefixes, sorted.
    pub fn prefixes(&self) -> impl Iterator<Item = Entry<u128>> {
        self.prefixes.iter().map(|((start, length), value)| Entry { start: *start, length: *length, value: *value })
    }

    /// Gives the prefix of `length` (0 to 128) bits of `start` the value `value` (1 to 2^24 - 1); gives the one it had.
    pub fn insert(&mut self, start: u128, length: u8, value: u32) -> Option<u32> {
        let (start, length, value) = normal(start, length, value);
        let old = self.prefixes.insert((start, length), value);
        if length > INDEX_BITS && self.table_of(tag(start)).is_none() {
            self.renew(start, length);
        } else {
            match length {
                0 => self.space.inherit(self.space.root(), value),
                INDEX_BITS => {}
                _ => self.put(start, length, value),
            }
            self.inherit_inside(start, length);
        }
        self.space.set_length();
        old
    }

    /// Takes a prefix out; gives the value it had.
    pub fn remove(&mut self, start: u128, length: u8) -> Option<u32> {
        let (start, length, _) = normal(start, length, 0);
        let old = self.prefixes.remove(&(start, length))?;
        if length > INDEX_BITS && self.table_of(tag(start)).is_none() {
            self.renew(start, length);
        } else {
            match length {
                0 => self.space.inherit(self.space.root(), 0),
                INDEX_BITS => {}
                _ => self.take(start, length),
            }
            self.inherit_inside(start, length);
        }
        self.space.set_length();
        Some(old)
    }

    /// The table that the index leads to for a /32.
    pub(super) fn table_of(&self, tag: u32) -> Option<Table> {
        match Link::of(self.space.link(tag)) {
            Link::Table(table) => Some(table),
            _ => None,
        }
    }

    fn put(&mut self, start: u128, length: u8, value: u32) {
        let at = self.place(start, length);
        let below = at.bit + at.table.stride as u8;
        if length <= below {
            return self.space.cover(at.table, at.bit, start, length, value);
        }
        let slot = at.table.slot_of(skip(start, at.bit.into()));
        let mut items = self.take_leaf(slot, start, below);
        items.retain(|item| (item.start, item.length) != (start, length));
        items.push(Item::value(start, length, value));
        items.sort_unstable_by_key(|item| (item.start, item.length));
        self.space.place(slot, below, &items);
        if let Behind::Table(_) = self.space.behind(slot) {
            self.grow(&at, start);
        }
    }

    fn take(&mut self, start: u128, length: u8) {
        let at = self.place(start, length);
        let below = at.bit + at.table.stride as u8;
        if length <= below {
            self.uncover(&at, start, length);
        } else {
            let slot = at.table.slot_of(skip(start, at.bit.into()));
            let mut items = self.take_leaf(slot, start, below);
            items.retain(|item| (item.start, item.length) != (start, length));
            self.space.place(slot, below, &items);
        }
        self.shrink(start, length);
    }

    /// Goes down to where the prefix stands, or is to stand: one of less than 32 bits, or one whose /32 has a table.
    fn place(&self, start: u128, length: u8) -> Place {
        let mut at = match self.table_of(tag(start)).filter(|_| length > INDEX_BITS) {
            Some(table) => {
                let outside = self.outside(tag(start));
                Place { table, bit: INDEX_BITS, outside, above: Above::Index(tag(start)) }
            }
            None => {
                let outside = self.prefixes.get(&(0, 0)).copied().unwrap_or(0);
                Place { table: self.space.root(), bit: 0, outside, above: Above::Header }
            }
        };
        loop {
            let below = at.bit + at.table.stride as u8;
            if length <= below {
                return at;
            }
            let slot = at.table.slot_of(skip(start, at.bit.into()));
            let value = self.space.value(slot);
            at = match self.space.behind(slot) {
                Behind::Nothing => return at,
                Behind::Table(table) => Place { table, bit: below, outside: value, above: Above::Slot(slot, below) },
                Behind::Leaf(leaf) => {
                    let items = self.space.items(leaf, start, below);
                    let Some(child) = items.iter().find(|item| item.child().is_some() && item.holds(start, length))
                    else {
                        return at;
                    };
                    let outside = around(&items, child, value);
                    let table = Table::single(child.child().unwrap_or(0));
                    Place { table, bit: child.length, outside, above: Above::Slot(slot, below) }
                }
            };
        }
    }

    /// Gives the slots of a prefix that has gone the value of the longest that is left.
    fn uncover(&mut self, at: &Place, start: u128, length: u8) {
        let longest = (at.bit + 1..length).rev().find_map(|length| {
            let value = self.prefixes.get(&(start & mask(length), length))?;
            Some((length, *value))
        });
        let (depth, value) = longest.map_or((0, at.outside), |(length, value)| (u32::from(length - at.bit) + 1, value));
        let gone = (u32::from(length - at.bit) + 1) << DEPTH_SHIFT;
        for index in covered(at.table, at.bit, start, length) {
            let slot = at.table.slot(index);
            if self.space.depth(slot) == gone {
                self.space.set_value(slot, depth << DEPTH_SHIFT, value);
                self.space.pass_on(slot, value);
            }
        }
    }

    /// The items of a slot's leaf, which is taken away.
    fn take_leaf(&mut self, slot: Slot, start: u128, below: u8) -> Vec<Item> {
        let Behind::Leaf(leaf) = self.space.behind(slot) else { return Vec::new() };
        let items = self.space.items(leaf, start, below);
        self.space.free_leaf(leaf);
        self.space.set_nothing(slot);
        items
    }

    /// Makes a table anew, with a larger stride, when half of its slots have tables behind them.
    fn grow(&mut self, at: &Place, start: u128) {
        let table = at.table;
        if table.stride == 0 || table.stride > GROWS_TO {
            return;
        }
        let inner = |index: &u32| matches!(self.space.behind(table.slot(*index)), Behind::Table(_));
        if (0..table.slots()).filter(inner).count() * 2 < table.slots() as usize {
            return;
        }
        match at.above {
            Above::Index(tag) => self.renew_all(tag),
            Above::Slot(above, bit) if self.space.behind(above) == Behind::Table(table) => {
                self.again(above, bit, start)
            }
            _ => {}
        }
    }

    /// Makes anew what stands behind a slot at this bit.
    fn again(&mut self, slot: Slot, bit: u8, start: u128) {
        let items = self.inside(start, bit, usize::MAX);
        self.space.free_behind(slot);
        self.space.place(slot, bit, &items);
    }

    /// Takes away what has become empty, and makes leaves of tables with few prefixes, from the end up.
    fn shrink(&mut self, start: u128, length: u8) {
        loop {
            let at = self.place(start, length);
            let below = at.bit + at.table.stride as u8;
            let slot = at.table.slot_of(skip(start, at.bit.into()));
            if length > below && self.space.behind(slot) != Behind::Nothing {
                return;
            }
            let few = |bit: u8| self.inside(start, bit, FEW + 1).len() <= FEW;
            match at.above {
                Above::Header => return,
                Above::Index(tag) if few(INDEX_BITS) => return self.renew_all(tag),
                Above::Index(_) => return,
                Above::Slot(above, bit) => match self.space.behind(above) {
                    Behind::Leaf(_) => {
                        if self.space.behind(slot) != Behind::Nothing || self.space.depth(slot) != 0 {
                            return;
                        }
                        let mut items = self.take_leaf(above, start, bit);
                        items.retain(|item| item.child() != Some(at.table.quarter()));
                        self.space.free_table(at.table);
                        self.space.place(above, bit, &items);
                    }
                    _ if few(bit) => self.again(above, bit, start),
                    _ => return,
                },
            }
        }
    }

    /// At most `most` of the prefixes longer than `bit` among the addresses that share `start`'s first `bit` bits; before
    /// the index only of those that stand there.
    fn inside(&self, start: u128, bit: u8, most: usize) -> Vec<Item> {
        let first = start & mask(bit);
        let range = self.prefixes.range((first, bit + 1)..=(first | !mask(bit), layout::BITS as u8));
        let there = range.filter(|((_, length), _)| bit >= INDEX_BITS || *length < INDEX_BITS);
        there.take(most).map(|((start, length), value)| Item::value(*start, *length, *value)).collect()
    }
}

/// The trie of these prefixes, for good: sorted, none twice, values 1 to 2^24 - 1. None if it outgrows its links.
pub fn build(entries: &[Entry<u128>]) -> Option<Vec<u32>> {
    build_within(entries, MOST_WORDS)
}

/// The same with at most so many words.
pub(super) fn build_within(entries: &[Entry<u128>], most: usize) -> Option<Vec<u32>> {
    let stride = if entries.len() < FEW_FOR_A_ROOT { SMALL_ROOT_STRIDE } else { ROOT_STRIDE };
    let space = Space::of(entries, stride);
    (!space.is_full() && space.words().len() <= most).then(|| space.words().to_vec())
}

impl Space {
    fn of(entries: &[Entry<u128>], stride: u32) -> Space {
        let item = |one: &Entry<u128>| Item::value(one.start, one.length, one.value);
        let short: Vec<Item> = entries.iter().filter(|one| one.length < INDEX_BITS).map(item).collect();
        let long: Vec<Item> = entries.iter().filter(|one| one.length >= INDEX_BITS).map(item).collect();
        let (outside, short) = match short.split_first() {
            Some((Item { length: 0, content: Content::Value(all), .. }, rest)) => (*all, rest),
            _ => (0, short.as_slice()),
        };
        let mut space = Space::new(stride);
        space.fill(space.root(), 0, short, outside);
        space.tags = long.iter().map(|item| hash(tag(item.start))).collect();
        let inside = |space: &Space, tag: u32| {
            let from = long.partition_point(|item| self::tag(item.start) < tag);
            let behind = long.get(from..).unwrap_or_default();
            let own = behind.get(..behind.partition_point(|item| self::tag(item.start) == tag)).unwrap_or_default();
            match own.split_first() {
                Some((Item { length: INDEX_BITS, content: Content::Value(value), .. }, rest)) => {
                    (rest.to_vec(), *value)
                }
                _ => (own.to_vec(), space.above_index(tag)),
            }
        };
        space.lay(&[], &inside);
        space.set_length();
        space
    }

    /// The value of the longest prefix of less than 32 bits around a /32.
    pub(super) fn above_index(&self, tag: u32) -> u32 {
        find_from(self.words(), self.get(layout::head::ROOT), u128::from(tag) << 96, layout::BITS)
    }

    /// The items of a leaf at `bit` of the addresses around `key`, sorted; what fills it up left out.
    pub(super) fn items(&self, leaf: Leaf, key: u128, bit: u8) -> Vec<Item> {
        let (from, count) = leaf.span();
        let words = self.words().get(from..from + count).unwrap_or_default();
        let mut items: Vec<Item> =
            words.chunks_exact(2).map(|words| Item::of(layout::Entry::read(words), key, bit)).collect();
        items.dedup();
        items.sort_unstable_by_key(|item| (item.start, item.length));
        items
    }

    /// Takes back all that lies behind a slot.
    pub(super) fn free_behind(&mut self, slot: Slot) {
        self.free(self.behind(slot));
        self.set_nothing(slot);
    }

    /// Takes back all that a link of the index leads to.
    pub(super) fn free_link(&mut self, link: u32) {
        self.free(Behind::of(link));
    }

    fn free(&mut self, behind: Behind) {
        match behind {
            Behind::Nothing => {}
            Behind::Leaf(leaf) => {
                for item in self.items(leaf, 0, 0) {
                    let Some(quarter) = item.child() else { continue };
                    self.free_behind(Table::single(quarter).slot(0));
                    self.free_table(Table::single(quarter));
                }
                self.free_leaf(leaf);
            }
            Behind::Table(table) => {
                (0..table.slots()).for_each(|index| self.free_behind(table.slot(index)));
                self.free_table(table);
            }
        }
    }
}

/// Host bits clear, length and value in range.
fn normal(start: u128, length: u8, value: u32) -> (u128, u8, u32) {
    let length = length.min(layout::BITS as u8);
    (start & mask(length), length, value & layout::VALUE)
}
