//! Checks dense nodes. Most of a table of exempted lines is here: records, leaves and lists are read once each, as slices.

use super::super::dense::{Dense, List, count, counts};
use super::super::find::{byte, word};
use super::super::*;
use super::Check;
use crate::table::Fault;

/// What was seen of a node.
struct Seen {
    /// Leaves that a record named.
    leaves: [bool; MOST_LEAVES],
    /// The numbers in their lists.
    numbers: Numbers,
}

/// Whether any number in lists, which are bytes, is too large; four words at once, each as two halves of 16 bits.
struct Numbers {
    /// 256 less the first number that is too large, in both halves: with it that number has bit 8.
    add: u32,
    sums: [u32; GRANULE],
}

impl Numbers {
    /// Of those below `end` (0 to 256).
    fn below(end: usize) -> Numbers {
        Numbers { add: (256 - end.min(256) as u32) * 0x0001_0001, sums: [0; GRANULE] }
    }

    #[inline]
    fn look_at(&mut self, granule: &[u32; GRANULE]) {
        for (sum, word) in self.sums.iter_mut().zip(granule) {
            *sum |= ((word & 0x00ff_00ff) + self.add) | ((word >> 8 & 0x00ff_00ff) + self.add);
        }
    }

    fn all_below(&self) -> bool {
        self.sums.iter().all(|sum| sum & 0x0100_0100 == 0)
    }
}

impl<F: Fn(u32) -> bool> Check<'_, F> {
    pub(super) fn dense(&mut self, from: usize, dense: Dense) -> Result<(), Fault> {
        if dense.entry()[1] != word(self.table, from + 1)
            || dense.leaves > MOST_LEAVES
            || dense.palette > MOST_IN_PALETTE
            || dense.used > dense.leaves
        {
            return Err(("size of a dense node", from + 1, word(self.table, from + 1).into()));
        }
        let first = dense.first().ok_or(self.place(from))?;
        let node = self.claim(first, dense.words(), from)?;
        let (palette, node) = node.split_at_checked(dense.palette).ok_or(self.place(from))?;
        let (records, leaves) = node.split_first_chunk().ok_or(self.place(from))?;
        let leaves = leaves.as_chunks().0.get(..dense.used).ok_or(self.place(from))?;
        let good = palette.iter().rev().position(|value| !(self.good)(*value)).unwrap_or(dense.palette);
        let mut seen = Seen { leaves: [false; MOST_LEAVES], numbers: Numbers::below(good) };
        self.records(&dense, records, leaves, &mut seen)?;
        // A value that no list has may be anything, and what stands behind a list too: then number by number.
        if seen.numbers.all_below() { Ok(()) } else { self.numbers(from, &dense, &seen) }
    }

    /// Checks the records and the leaves that they name; `leaves` are those used.
    fn records(
        &mut self,
        dense: &Dense,
        records: &[u32; RECORDS],
        leaves: &[[u32; LEAF_WORDS]],
        seen: &mut Seen,
    ) -> Result<(), Fault> {
        let mut usual = None;
        for (index, record) in records.iter().enumerate() {
            let (value, number) = (record & USUAL_MASK, (record >> LEAF_SHIFT) as usize);
            if usual != Some(value) && !(self.good)(value) {
                return Err(("value", dense.at + index, (*record).into()));
            }
            usual = Some(value);
            let fault = ("leaf of a record", dense.at + index, u64::from(*record));
            let (Some(leaf), Some(known)) = (leaves.get(number), seen.leaves.get_mut(number)) else {
                return Err(fault);
            };
            if !std::mem::replace(known, true) {
                self.leaf(dense.leaf_number(number), leaf, &mut seen.numbers)?;
            } else if leaf[LEAF_COUNTS] >> 24 != 0 {
                // Only the one in which nothing is exceptional may serve several.
                return Err(fault);
            }
        }
        Ok(())
    }

    /// Checks the leaf at this word; notes the numbers that its list has.
    #[inline]
    fn leaf(&mut self, at: usize, leaf: &[u32; LEAF_WORDS], numbers: &mut Numbers) -> Result<(), Fault> {
        let [list, counted, bitmap @ ..] = leaf;
        if counts(bitmap) != *counted {
            return Err(("counts of a bitmap", at + LEAF_COUNTS, (*counted).into()));
        }
        let exceptions = (counted >> 24) as usize;
        if exceptions == 0 {
            // With all bits set that is one more than the counts can say.
            return match bitmap {
                [0, ..] => Ok(()),
                _ => Err(("bitmap of a leaf", at + LEAF_BITMAP, u32::MAX.into())),
            };
        }
        match List::of(leaf, 0) {
            _ if list >> TAG_SHIFT > WIDE => Err(("list of a leaf", at, (*list).into())),
            List::Same(value) if (self.good)(value) => Ok(()),
            List::Same(value) => Err(("value", at, value.into())),
            List::Numbers(first) => {
                let granules = self.claim(first, exceptions.div_ceil(4), at)?;
                granules.as_chunks().0.iter().for_each(|granule| numbers.look_at(granule));
                Ok(())
            }
            List::Wide(first) => {
                self.claim(first, list_words(0, exceptions), at)?;
                let highs = self.bytes(first + low_words(exceptions), exceptions);
                self.list(first, exceptions, &mut highs.iter())
            }
        }
    }

    /// Checks each number in the lists of the leaves seen, and the value that it has in the palette.
    #[cold]
    fn numbers(&self, from: usize, dense: &Dense, seen: &Seen) -> Result<(), Fault> {
        let leaves = (0..dense.used).filter(|number| seen.leaves.get(*number) == Some(&true));
        for leaf in leaves.map(|number| dense.leaf_number(number)) {
            let List::Numbers(list) = List::of(self.table, leaf) else { continue };
            for number in (0..count(self.table, leaf)).map(|index| byte(self.table, list, index) as usize) {
                if number >= dense.palette {
                    return Err(("number in a list", from, number as u64));
                }
                let at = dense.in_palette(number);
                let value = word(self.table, at);
                if !(self.good)(value) {
                    return Err(("value", at, value.into()));
                }
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_below_an_end_or_not_in_every_byte() {
        for end in 0..=256 {
            for number in 0..=255 {
                for byte in 0..GRANULE * 4 {
                    let mut granule = [0; GRANULE];
                    granule[byte / 4] = (number as u32) << (byte % 4 * 8);
                    let mut numbers = Numbers::below(end);
                    numbers.look_at(&granule);
                    assert_eq!(numbers.all_below(), number < end && end > 0, "{number} {end} {byte}");
                }
            }
        }
    }
}
