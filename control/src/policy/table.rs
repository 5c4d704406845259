//! Tables of prefixes: sorted, each prefix with its owner and its origin.
//!
//! An entry is 20 bytes (IPv4) or 32 (IPv6), so 16 Mi of them fit in half a gigabyte. Entries are
//! sorted by address, then length: a prefix stands before all that lie in it.

use std::fmt::Debug;
use std::hash::Hash;
use std::net::{Ipv4Addr, Ipv6Addr};

use ipnet::{IpNet, Ipv4Net, Ipv6Net};

use crate::config::Place;

/// An address as a number in host order: `u32` for IPv4, `u128` for IPv6.
pub trait Address: Copy + Ord + Hash + Debug + Into<u128> + 'static {
    /// Bits of an address.
    const BITS: u8;
    /// The prefix of `len` bits at this address.
    fn prefix(self, len: u8) -> IpNet;
    /// The last address of the prefix of `len` bits that begins here.
    fn last(self, len: u8) -> Self;
}

impl Address for u32 {
    const BITS: u8 = 32;

    fn prefix(self, len: u8) -> IpNet {
        IpNet::V4(Ipv4Net::new_assert(Ipv4Addr::from(self), len.min(32)))
    }

    fn last(self, len: u8) -> Self {
        self | Self::MAX.checked_shr(u32::from(len)).unwrap_or(0)
    }
}

impl Address for u128 {
    const BITS: u8 = 128;

    fn prefix(self, len: u8) -> IpNet {
        IpNet::V6(Ipv6Net::new_assert(Ipv6Addr::from(self), len.min(128)))
    }

    fn last(self, len: u8) -> Self {
        self | Self::MAX.checked_shr(u32::from(len)).unwrap_or(0)
    }
}

/// One prefix: whose it is and where it was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Entry<A> {
    /// First address.
    pub address: A,
    /// Where it was written.
    pub place: Place,
    /// Index of its owner; in the source table pools come first, then exemptions.
    pub owner: u16,
    /// Length in bits.
    pub len: u8,
}

impl<A: Address> Entry<A> {
    /// As a prefix.
    pub fn prefix(&self) -> IpNet {
        self.address.prefix(self.len)
    }

    /// Its last address.
    pub fn last(&self) -> A {
        self.address.last(self.len)
    }
}

/// The prefixes of both families, sorted by address, then length, then owner.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Table {
    /// IPv4.
    pub v4: Vec<Entry<u32>>,
    /// IPv6.
    pub v6: Vec<Entry<u128>>,
}

impl Table {
    /// Prefixes of both families together.
    pub fn len(&self) -> usize {
        self.v4.len() + self.v6.len()
    }

    /// Whether there is no prefix.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Adds a prefix; the table is in order again after [`Self::sort`].
    pub(super) fn push(&mut self, prefix: IpNet, owner: u16, place: Place) {
        match prefix {
            IpNet::V4(net) => {
                self.v4.push(Entry { address: net.network().to_bits(), place, owner, len: net.prefix_len() });
            }
            IpNet::V6(net) => {
                self.v6.push(Entry { address: net.network().to_bits(), place, owner, len: net.prefix_len() });
            }
        }
    }

    /// Brings the table in order; one prefix of one owner in the order it was written.
    pub(super) fn sort(&mut self) {
        self.v4.sort_unstable_by_key(|entry| (entry.address, entry.len, entry.owner, entry.place));
        self.v6.sort_unstable_by_key(|entry| (entry.address, entry.len, entry.owner, entry.place));
        self.v4.shrink_to_fit();
        self.v6.shrink_to_fit();
    }

    /// All owners and places of exactly this prefix.
    pub fn find(&self, prefix: IpNet) -> Vec<(u16, Place)> {
        match prefix {
            IpNet::V4(net) => find(&self.v4, net.network().to_bits(), net.prefix_len()),
            IpNet::V6(net) => find(&self.v6, net.network().to_bits(), net.prefix_len()),
        }
    }
}

fn find<A: Address>(entries: &[Entry<A>], address: A, len: u8) -> Vec<(u16, Place)> {
    let start = entries.partition_point(|entry| (entry.address, entry.len) < (address, len));
    let rest = entries.get(start..).unwrap_or(&[]);
    let same = rest.iter().take_while(|entry| (entry.address, entry.len) == (address, len));
    same.map(|entry| (entry.owner, entry.place)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_are_small() {
        assert_eq!(size_of::<Entry<u32>>(), 20);
        assert_eq!(size_of::<Entry<u128>>(), 32);
    }

    #[test]
    fn last_addresses_at_the_ends() {
        assert_eq!(0u32.last(0), u32::MAX);
        assert_eq!(7u32.last(32), 7);
        assert_eq!(8u32.last(29), 15);
        assert_eq!(0u128.last(0), u128::MAX);
        assert_eq!(7u128.last(128), 7);
    }

    #[test]
    fn a_prefix_is_found_by_address_and_length() {
        let mut table = Table::default();
        let place = |line| Place { file: 0, line, column: 1 };
        table.push("10.0.0.0/8".parse().unwrap(), 1, place(1));
        table.push("10.0.0.0/9".parse().unwrap(), 2, place(2));
        table.push("10.0.0.0/8".parse().unwrap(), 0, place(3));
        table.push("2001:db8::/32".parse().unwrap(), 5, place(4));
        table.sort();
        assert_eq!(table.len(), 4);
        assert_eq!(table.find("10.0.0.0/8".parse().unwrap()), [(0, place(3)), (1, place(1))]);
        assert_eq!(table.find("10.0.0.0/9".parse().unwrap()), [(2, place(2))]);
        assert_eq!(table.find("10.0.0.0/10".parse().unwrap()), []);
        assert_eq!(table.find("2001:db8::/32".parse().unwrap()), [(5, place(4))]);
    }
}
