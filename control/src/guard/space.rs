//! Amounts of address space: lines times percent, exact up to all of IPv6.

use std::ops::AddAssign;

/// A sum of lines times percent: 100 is one whole line. Exact: holds 2^128 lines of 100 percent.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Space {
    // The value is high * 2^64 + low; low < 2^64, so the derived order is the order of values.
    high: u128,
    low: u128,
}

impl Space {
    /// `lines` lines of `percent` each.
    pub fn new(lines: u128, percent: u8) -> Self {
        let percent = u128::from(percent);
        Self { high: (lines >> 64) * percent, low: (lines & LOW) * percent }.carried()
    }

    /// Whole lines, rounded down; those above 2^128 - 1 as 2^128 - 1.
    pub fn lines(self) -> u128 {
        let (high, rest) = (self.high / 100, self.high % 100);
        let low = ((rest << 64) + self.low) / 100;
        high.checked_mul(1 << 64).and_then(|high| high.checked_add(low)).unwrap_or(u128::MAX)
    }

    /// Percent of `all` lines, for printing.
    pub fn percent_of(self, all: u128) -> f64 {
        if all == 0 {
            return 0.0;
        }
        (self.high as f64 * (LOW as f64 + 1.0) + self.low as f64) / all as f64
    }

    fn carried(self) -> Self {
        Self { high: self.high + (self.low >> 64), low: self.low & LOW }
    }
}

impl AddAssign for Space {
    fn add_assign(&mut self, other: Self) {
        *self = Self { high: self.high + other.high, low: self.low + other.low }.carried();
    }
}

/// The lower half of 128 bits.
const LOW: u128 = u64::MAX as u128;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_and_order_hold_across_the_halves() {
        let mut sum = Space::new(u128::from(u64::MAX), 1);
        sum += Space::new(1, 1);
        assert_eq!(sum, Space::new(1 << 64, 1));
        assert!(Space::new(u128::MAX, 99) < Space::new(u128::MAX, 100));
        assert!(Space::new(1 << 64, 1) > Space::new(u128::from(u64::MAX), 1));
        assert_eq!(Space::new(u128::MAX, 100).lines(), u128::MAX);
        assert_eq!(Space::new(3, 50).lines(), 1);
        assert_eq!(Space::new((1 << 64) + 2, 50).lines(), (1 << 63) + 1);
    }

    #[test]
    fn percent_is_of_all_lines() {
        assert_eq!(Space::new(1, 100).percent_of(4), 25.0);
        assert_eq!(Space::new(2, 50).percent_of(4), 25.0);
        assert_eq!(Space::new(0, 0).percent_of(0), 0.0);
        assert_eq!(Space::new(u128::MAX, 100).percent_of(u128::MAX).round(), 100.0);
    }
}
