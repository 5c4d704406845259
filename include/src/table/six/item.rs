//! A prefix, or a single slot that stands for all that lies in one, on its way into a leaf or out of it.

use super::layout::{Entry, mask, skip, top};

/// What stands, or is to stand, in a leaf.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Item {
    /// First address of the prefix.
    pub(super) start: u128,
    /// Its length.
    pub(super) length: u8,
    /// What it holds.
    pub(super) content: Content,
}

/// What an item holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Content {
    /// The prefix's value.
    Value(u32),
    /// Quarter line of the single slot.
    Child(u32),
}

impl Item {
    /// A prefix with its value.
    pub(super) fn value(start: u128, length: u8, value: u32) -> Item {
        Item { start, length, content: Content::Value(value) }
    }

    /// The item an entry is, in a leaf at `bit` of the addresses around `key`.
    pub(super) fn of(entry: Entry, key: u128, bit: u8) -> Item {
        let length = bit.saturating_add(entry.length() as u8);
        let window = (u128::from(entry.window()) << 96).checked_shr(bit.into()).unwrap_or(0);
        let content = match entry.quarter() {
            Some(quarter) => Content::Child(quarter),
            None => Content::Value(entry.own()),
        };
        Item { start: key & mask(bit) | window, length, content }
    }

    /// Its entry in a leaf at `bit`.
    pub(super) fn entry(&self, bit: u8) -> Entry {
        let window = top(skip(self.start, bit.into()), 32);
        match self.content {
            Content::Value(value) => Entry::value(window, self.length - bit, value),
            Content::Child(quarter) => Entry::child(window, self.length - bit, quarter),
        }
    }

    /// Whether the prefix of `length` bits of `start` lies inside, or is the same.
    pub(super) fn holds(&self, start: u128, length: u8) -> bool {
        self.length <= length && (self.start ^ start) & mask(self.length) == 0
    }

    /// Where it leads, for a single slot.
    pub(super) fn child(&self) -> Option<u32> {
        match self.content {
            Content::Child(quarter) => Some(quarter),
            Content::Value(_) => None,
        }
    }
}

/// The value of the longest of `items` around `inner`, else `outside`.
pub(super) fn around(items: &[Item], inner: &Item, outside: u32) -> u32 {
    let wider = |item: &&Item| item.length < inner.length && item.holds(inner.start, inner.length);
    let longest = items.iter().filter(wider).filter(|item| item.child().is_none()).max_by_key(|item| item.length);
    match longest.map(|item| item.content) {
        Some(Content::Value(value)) => value,
        _ => outside,
    }
}
