//! Pool numbers that stay: a name keeps its number from generation to generation as far as numbers stay
//! without gaps, so that a commit touches the prefixes that changed and no others.

use hashbrown::HashMap;

/// The number of each name, 0 to n - 1 without gaps.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Numbers(HashMap<String, u16>);

impl Numbers {
    /// Numbers for these names (at most 65,535, none twice). Names that stay keep their numbers; new names take those of
    /// names that went, in the order of the names; if names became fewer, the highest numbers move into the
    /// gaps. Gives the number of each name in the order given.
    pub(super) fn renew(&mut self, names: &[&str]) -> Vec<u16> {
        let stays = |number: &u16| usize::from(*number) < names.len();
        let mut numbers: Vec<Option<u16>> = names.iter().map(|name| self.0.get(*name).copied().filter(stays)).collect();
        let mut taken = vec![false; names.len()];
        for number in numbers.iter().flatten() {
            if let Some(taken) = taken.get_mut(usize::from(*number)) {
                *taken = true;
            }
        }
        let free = taken.iter().enumerate().filter(|(_, taken)| !**taken).map(|(number, _)| number as u16);
        let mut new: Vec<_> = names.iter().zip(&mut numbers).filter(|(_, number)| number.is_none()).collect();
        new.sort_unstable_by_key(|(name, _)| **name);
        for ((_, place), number) in new.into_iter().zip(free) {
            *place = Some(number);
        }
        let numbers: Vec<u16> = numbers.into_iter().map(|number| number.unwrap_or(u16::MAX)).collect();
        self.0 = names.iter().map(|name| (*name).to_owned()).zip(numbers.iter().copied()).collect();
        numbers
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_stay_are_reused_and_have_no_gaps() {
        let mut numbers = Numbers::default();
        assert_eq!(numbers.renew(&["b", "a", "d", "c"]), [1, 0, 3, 2], "by name");
        assert_eq!(numbers.renew(&["d", "c", "b", "a"]), [3, 2, 1, 0], "a new order changes nothing");
        assert_eq!(numbers.renew(&["a", "c", "d", "e"]), [0, 2, 3, 1], "e takes the number of b");
        assert_eq!(numbers.renew(&["a", "d"]), [0, 1], "d moves into the gap");
        assert_eq!(numbers.renew(&["y", "a", "x"]), [2, 0, 1]);
        assert_eq!(numbers.renew(&[]), [0u16; 0]);
    }
}
