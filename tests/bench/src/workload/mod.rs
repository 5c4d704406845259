//! Workloads: prefixes and the keys that are looked up in them. Generated, deterministic, the same on every
//! machine; std alone, so that any test or example of the workspace can use them.
//!
//! | name | prefixes | keys |
//! |---|---|---|
//! | W1 | 1.0 M IPv4, lengths as in the global BGP table | uniform over covered space |
//! | W2 | 2,000 IPv4 pools (/16 to /24 in 40 blocks) and 500,000 /32 exemptions inside | uniform in the pools |
//! | W3 | as W2 | Zipf(1.0) over 1 M lines |
//! | W6 | 200 k IPv6, lengths as in the global BGP table | uniform over prefixes, then uniform inside |
//! | W7 | 500 IPv6 pools (/32 to /40) and 500,000 /56 and /64 exemptions inside | uniform in the pools |

pub mod four;
mod keys;
pub mod six;

pub use keys::{covered, inside, zipf};

use std::fmt::Debug;

/// An address as a number: `u32` for IPv4, `u128` for IPv6.
pub trait Address: Copy + Ord + Debug + Send + Sync + 'static {
    /// Bits of an address.
    const BITS: u8;
    /// As 128 bits, low end.
    fn wide(self) -> u128;
    /// The low bits of `wide`.
    fn narrow(wide: u128) -> Self;
}

impl Address for u32 {
    const BITS: u8 = 32;
    fn wide(self) -> u128 {
        self.into()
    }
    fn narrow(wide: u128) -> u32 {
        wide as u32
    }
}

impl Address for u128 {
    const BITS: u8 = 128;
    fn wide(self) -> u128 {
        self
    }
    fn narrow(wide: u128) -> u128 {
        wide
    }
}

/// A prefix and whose it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Prefix<A> {
    /// First address; host bits are clear.
    pub start: A,
    /// Length in bits.
    pub length: u8,
    /// Number of the pool or exemption list, below [`Workload::owners`].
    pub owner: u16,
}

impl<A: Address> Prefix<A> {
    /// The last address.
    pub fn last(&self) -> A {
        A::narrow(self.start.wide() | host_bits::<A>(self.length))
    }
}

/// The host bits of a prefix of this length.
pub fn host_bits<A: Address>(length: u8) -> u128 {
    let bits = u32::from(A::BITS - length.min(A::BITS));
    1u128.checked_shl(bits).map_or(u128::MAX, |size| size - 1)
}

/// Prefixes, and keys to be looked up in them.
#[derive(Clone, Debug)]
pub struct Workload<A> {
    /// `W1` to `W7`.
    pub name: &'static str,
    /// Sorted by start, then length; none twice.
    pub prefixes: Vec<Prefix<A>>,
    /// How many pools and exemption lists there are.
    pub owners: u16,
    /// In the order in which they are looked up.
    pub keys: Vec<A>,
}

/// How large a workload is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Size {
    /// As issue and README say: 4 Mi keys for IPv4, 2 Mi for IPv6.
    Full,
    /// A sixteenth of prefixes and keys: shows that everything works, not how fast it is.
    Quick,
}

impl Size {
    /// `full`, or what is left of it.
    pub fn of(self, full: usize) -> usize {
        match self {
            Size::Full => full,
            Size::Quick => full.div_ceil(16),
        }
    }
}

/// Sorts by start, then length, and drops what stands twice (the first owner stays).
fn in_order<A: Address>(prefixes: &mut Vec<Prefix<A>>) {
    prefixes.sort_unstable();
    prefixes.dedup_by_key(|prefix| (prefix.start, prefix.length));
}

#[cfg(test)]
mod tests;
