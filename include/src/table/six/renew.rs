//! Keeps up what the index has for a /32 when its prefixes change.

use super::build::Build;
use super::group::Group;
use super::index::{INDEX_BITS, hash, tag, window};
use super::item::Item;
use super::layout::{BITS, mask};
use super::line::PREFIXES;
use super::space::Space;

impl Build {
    /// The value of the longest prefix of at most 32 bits around a /32.
    pub(super) fn outside(&self, tag: u32) -> u32 {
        let own = self.prefixes.get(&(u128::from(tag) << 96, INDEX_BITS)).copied();
        own.unwrap_or_else(|| self.space.above_index(tag))
    }

    /// Hands down to each /32 inside of a prefix of at most 32 bits, which has come, changed or gone, what it is to
    /// inherit.
    pub(super) fn inherit_inside(&mut self, start: u128, length: u8) {
        if length > INDEX_BITS {
            return;
        }
        let (mut from, last) = (tag(start), tag(start | !mask(length)));
        loop {
            let rest = (u128::from(from) << 96, INDEX_BITS)..=(u128::from(last) << 96 | !mask(INDEX_BITS), u8::MAX);
            // Of the /32 taken out itself nothing may be left.
            let next = self.prefixes.range(rest).find(|((_, length), _)| *length >= INDEX_BITS);
            let next = match next {
                Some(((start, _), _)) => tag(*start),
                None if length == INDEX_BITS => from,
                None => return,
            };
            match self.table_of(next) {
                Some(table) => self.space.inherit(table, self.outside(next)),
                None => self.renew_all(next),
            }
            match next.checked_add(1) {
                Some(after) if after <= last => from = after,
                _ => return,
            }
        }
    }

    /// Makes anew all that the index has for a /32.
    pub(super) fn renew_all(&mut self, tag: u32) {
        self.renew(u128::from(tag) << 96, INDEX_BITS);
    }

    /// Makes anew what the index has for those pieces of a /32 that a prefix touches: of at least 32 bits; where they do not
    /// find room, all of its bucket.
    pub(super) fn renew(&mut self, start: u128, length: u8) {
        let tag = tag(start);
        let (_, bucket) = self.space.bucket(tag);
        if bucket.cut != 0 && !self.space.tags.contains(&hash(tag)) {
            // Nobody has asked yet whether its pieces are apart.
            return self.renew_bucket(tag);
        }
        let (above, outside) = (self.space.above_index(tag), self.outside(tag));
        let first = bucket.piece(window(start));
        let pieces = 1u32 << (u32::from(INDEX_BITS) + bucket.cut).saturating_sub(length.into());
        let mut any = false;
        for piece in first..first + pieces {
            let items = self.in_piece(tag, bucket.cut, piece);
            let Some(group) = Group::of(tag, bucket.cut, piece, &items, outside) else { return self.renew_bucket(tag) };
            let needless = group.is_needless(above);
            if !self.space.replace(&group, needless) {
                return self.renew_bucket(tag);
            }
            any |= !needless;
        }
        // All pieces are looked at only where none of these is there.
        if any { self.space.note(tag) } else { self.space.forget(tag) }
    }

    fn renew_bucket(&mut self, tag: u32) {
        let Build { space, prefixes } = self;
        let inside = |space: &Space, tag: u32| {
            let start = u128::from(tag) << 96;
            let range = (start, INDEX_BITS + 1)..=(start | !mask(INDEX_BITS), BITS as u8);
            let items = prefixes.range(range).map(|((start, length), value)| Item::value(*start, *length, *value));
            let own = prefixes.get(&(start, INDEX_BITS)).copied();
            (items.collect(), own.unwrap_or_else(|| space.above_index(tag)))
        };
        space.note(tag);
        space.lay_bucket(tag, &inside);
        space.forget(tag);
    }

    /// The prefixes of more than 32 bits that lie in a piece of a /32 that is cut by so many bits, or hold it: one more than
    /// a line has room for at most.
    fn in_piece(&self, tag: u32, cut: u32, piece: u32) -> Vec<Item> {
        let end = INDEX_BITS + cut as u8;
        let start = u128::from(tag) << 96 | u128::from(piece) << (96 - cut);
        let item = |(start, length), value: &u32| Item::value(start, length, *value);
        let around = (INDEX_BITS + 1..=end).map(|length| (start & mask(length), length));
        let around = around.filter_map(|prefix| self.prefixes.get(&prefix).map(|value| item(prefix, value)));
        let inside = self.prefixes.range((start, end + 1)..=(start | !mask(end), BITS as u8));
        around.chain(inside.take(PREFIXES + 1).map(|(prefix, value)| item(*prefix, value))).collect()
    }
}
