//! Amounts of address space: lines times percent, exact up to all of IPv6.
//!
//! All of IPv6 has 2^128 lines of /128, one more than a `u128` holds, and shares and limits multiply
//! that by 100 twice. So 192 bits, and integers only: a limit is met or not, whatever rounding says.

use std::ops::{AddAssign, SubAssign};

/// A sum of lines times percent: 100 is one whole line. Exact: holds 2^128 lines of 100 percent, and
/// that times 100 again.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Space {
    // The value is high * 2^64 + low; low < 2^64, so the derived order is the order of values.
    high: u128,
    low: u128,
}

impl Space {
    /// `lines` lines of `percent` each.
    pub fn new(lines: u128, percent: u8) -> Self {
        Self { high: lines >> 64, low: lines & LOW }.times(percent)
    }

    /// Whole lines, rounded down; 2^128 as 2^128 - 1.
    pub fn lines(self) -> u128 {
        let (high, rest) = (self.high / 100, self.high % 100);
        let low = ((rest << 64) + self.low) / 100;
        high.checked_mul(1 << 64).and_then(|high| high.checked_add(low)).unwrap_or(u128::MAX)
    }

    /// Percent of another amount, for printing.
    pub fn percent_of(self, all: Self) -> f64 {
        if all == Self::default() { 0.0 } else { 100.0 * self.approximately() / all.approximately() }
    }

    /// Whether this is more than `percent` of another amount.
    pub fn is_more_than(self, percent: u8, all: Self) -> bool {
        self.times(100) > all.times(percent)
    }

    fn times(self, factor: u8) -> Self {
        let factor = u128::from(factor);
        Self { high: self.high * factor, low: self.low * factor }.carried()
    }

    fn carried(self) -> Self {
        Self { high: self.high + (self.low >> 64), low: self.low & LOW }
    }

    fn approximately(self) -> f64 {
        self.high as f64 * (LOW as f64 + 1.0) + self.low as f64
    }
}

impl AddAssign for Space {
    fn add_assign(&mut self, other: Self) {
        *self = Self { high: self.high + other.high, low: self.low + other.low }.carried();
    }
}

/// Of more than there is, nothing remains.
impl SubAssign for Space {
    fn sub_assign(&mut self, other: Self) {
        let borrow = self.low < other.low;
        let low = self.low + if borrow { LOW + 1 } else { 0 } - other.low;
        let high = self.high.checked_sub(other.high).and_then(|high| high.checked_sub(u128::from(borrow)));
        *self = high.map_or_else(Self::default, |high| Self { high, low });
    }
}

/// The lower half of 128 bits.
const LOW: u128 = u64::MAX as u128;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_differences_and_order_hold_across_the_halves() {
        let mut sum = Space::new(u128::from(u64::MAX), 1);
        sum += Space::new(1, 1);
        assert_eq!(sum, Space::new(1 << 64, 1));
        sum -= Space::new(1, 1);
        assert_eq!(sum, Space::new(u128::from(u64::MAX), 1));
        sum -= Space::new(1 << 64, 1);
        assert_eq!(sum, Space::default());
        assert!(Space::new(u128::MAX, 99) < Space::new(u128::MAX, 100));
        assert!(Space::new(1 << 64, 1) > Space::new(u128::from(u64::MAX), 1));
        assert_eq!(Space::new(u128::MAX, 100).lines(), u128::MAX);
        assert_eq!(Space::new(3, 50).lines(), 1);
        assert_eq!(Space::new((1 << 64) + 2, 50).lines(), (1 << 63) + 1);
    }

    #[test]
    fn all_of_ipv6_is_not_more_than_itself() {
        let mut all = Space::new(u128::MAX, 100);
        all += Space::new(1, 100);
        assert!(!all.is_more_than(100, all));
        assert!(all.is_more_than(99, all));
        assert!(all.is_more_than(100, Space::new(u128::MAX, 100)));
        assert_eq!(all.lines(), u128::MAX);
    }

    #[test]
    fn percent_is_of_another_amount() {
        let percent = |part: Space, all| part.percent_of(Space::new(all, 100));
        assert_eq!(percent(Space::new(1, 100), 4), 25.0);
        assert_eq!(percent(Space::new(2, 50), 4), 25.0);
        assert_eq!(percent(Space::default(), 0), 0.0);
        assert!(!Space::new(1, 100).is_more_than(25, Space::new(4, 100)));
        assert!(Space::new(1, 100).is_more_than(24, Space::new(4, 100)));
        assert!(!Space::default().is_more_than(0, Space::default()));
    }
}
