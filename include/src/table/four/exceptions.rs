//! What is exceptional in a /24: the addresses that have not its usual value, and theirs.

use super::trie::paint;
use super::*;
use crate::table::Entry;

/// The exceptions of a /24.
pub(super) struct Exceptions {
    /// The value of all other addresses.
    pub(super) usual: u32,
    /// A bit for each exceptional address.
    pub(super) bitmap: [u32; BITMAP_WORDS],
    values: [u32; 256],
    count: usize,
}

impl Exceptions {
    /// Of prefixes longer than /24, sorted, in the /24 that has `around` otherwise. Usual is what more than half have, if there is
    /// such a value, else `around`.
    pub(super) fn of(around: u32, inside: &[Entry<u32>]) -> Exceptions {
        // Lines, no more than half of the addresses: what nearly all /24s have.
        if inside.len() > 128 || inside.iter().any(|entry| entry.length != 32) {
            return Exceptions::painted(around, inside);
        }
        let mut found = Exceptions::none(around);
        inside.iter().for_each(|entry| found.add(entry.start, entry.value));
        found
    }

    /// The value of each exceptional address.
    pub(super) fn values(&self) -> &[u32] {
        self.values.get(..self.count).unwrap_or_default()
    }

    fn none(usual: u32) -> Exceptions {
        Exceptions { usual, bitmap: [0; BITMAP_WORDS], values: [0; 256], count: 0 }
    }

    /// The next address, which is exceptional if its value is not the usual one.
    #[inline]
    fn add(&mut self, address: u32, value: u32) {
        if value == self.usual {
            return;
        }
        let place = self.values.get_mut(self.count);
        if let (Some(word), Some(place)) = (self.bitmap.get_mut((address >> 5 & 7) as usize), place) {
            *word |= 1 << (address & 31);
            *place = value;
            self.count += 1;
        }
    }

    #[cold]
    fn painted(around: u32, inside: &[Entry<u32>]) -> Exceptions {
        let all = paint(around, 0, inside);
        let same = all.iter().filter(|value| **value == around).count();
        let mut found = Exceptions::none(if same >= 128 { around } else { majority(&all) });
        all.iter().zip(0..).for_each(|(value, address)| found.add(address, *value));
        found
    }
}

/// A value that more than half have, if there is one.
fn majority(values: &[u32; 256]) -> u32 {
    let vote = |(held, votes): (u32, u32), value: &u32| match (held == *value, votes) {
        (true, _) => (held, votes + 1),
        (false, 0) => (*value, 1),
        (false, _) => (held, votes - 1),
    };
    values.iter().fold((0, 0), vote).0
}
