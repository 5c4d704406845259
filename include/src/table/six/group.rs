//! What the index is to have for a /32, or a piece of one: a link, and the prefixes beside it.

use super::item::{Content, Item};
use super::layout::{HALF, INDEXED, Link, skip, top};
use super::line::{Near, PREFIXES, WITH_PREFIXES};

/// Goes into one cell of one line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Group {
    /// The /32.
    pub(super) tag: u32,
    /// Which of its pieces.
    pub(super) piece: u32,
    /// The value of the addresses that no prefix here holds; or what leads to a leaf or table.
    pub(super) link: u32,
    /// Longest first, behind them zeros.
    pub(super) prefixes: [Near; PREFIXES],
}

impl Group {
    /// One that leads to a leaf or table: `tag` as a whole.
    pub(super) fn leading(tag: u32, link: u32) -> Group {
        Group { tag, piece: 0, link, prefixes: [Near::default(); PREFIXES] }
    }

    /// Of a piece of a /32 that is cut by so many bits. `items` are longer than 32 bits, in any order; `outside` is the value
    /// of what is not. None if it takes a leaf or table: some are too many, or too long.
    pub(super) fn of(tag: u32, cut: u32, piece: u32, items: &[Item], outside: u32) -> Option<Group> {
        let start = u128::from(tag) << 96 | u128::from(piece) << (96 - cut);
        let mut group = Group { link: outside, piece, ..Group::leading(tag, 0) };
        let (mut around, mut count) = (0, 0);
        let mut inside: [Option<&Item>; PREFIXES] = [None; PREFIXES];
        let end = (INDEXED + cut) as u8;
        for item in items {
            let Content::Value(value) = item.content else { return None };
            if item.length <= end {
                if item.length > around && item.holds(start, end) {
                    (group.link, around) = (value, item.length);
                }
            } else if (item.start ^ start) >> (96 - cut) == 0 {
                *inside.get_mut(count).filter(|_| u32::from(item.length) <= HALF)? = Some(item);
                count += 1;
            }
        }
        inside.sort_by_key(|item| item.map_or(u8::MAX, |item| u8::MAX - item.length));
        for (place, item) in group.prefixes.iter_mut().zip(inside.into_iter().flatten()) {
            let window = top(skip(item.start, INDEXED), 32);
            let Content::Value(value) = item.content else { return None };
            *place = Near::new(window, item.length - INDEXED as u8, value);
        }
        Some(group)
    }

    /// How many prefixes it has.
    pub(super) fn count(&self) -> usize {
        self.prefixes.iter().filter(|near| near.0 != 0).count()
    }

    /// Its cell.
    pub(super) fn cell(&self) -> [u32; 2] {
        [if self.count() == 0 { self.link } else { self.link | WITH_PREFIXES }, self.tag]
    }

    /// Whether it leads to a leaf or table.
    pub(super) fn leads_on(&self) -> bool {
        !matches!(Link::of(self.link), Link::Value(_))
    }

    /// Whether an address finds the same without it, at the root: `above` is the value found there.
    pub(super) fn is_needless(&self, above: u32) -> bool {
        self.count() == 0 && self.link == above
    }
}
