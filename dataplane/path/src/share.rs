//! A line, what stands for one subscriber, and whether it is inside a pool's share.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// An IPv4 address, or an IPv6 prefix, that stands for one subscriber.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Line {
    /// First address; an IPv4 address as `::ffff:a.b.c.d`.
    pub addr: u128,
    /// Whether it is an IPv4 address.
    pub v4: bool,
    /// Bits of the address, or of the prefix: 32, or 1 to 128.
    pub len: u8,
}

impl Line {
    /// The line of an address: all 32 bits of an IPv4 one, of an IPv6 one the longer of the pool's `line_prefix` and
    /// the prefix that matched.
    #[must_use]
    #[inline]
    pub fn of(address: IpAddr, line_prefix: u8, matched: u8) -> Self {
        match address {
            IpAddr::V4(v4) => Self::of_v4(v4.to_bits()),
            IpAddr::V6(v6) => Self::of_v6(v6.to_bits(), Self::bits_v6(line_prefix, matched)),
        }
    }

    /// The line of an IPv4 address.
    #[inline]
    pub(crate) const fn of_v4(address: u32) -> Self {
        Self { addr: Self::mapped(address), v4: true, len: 32 }
    }

    /// The line of an IPv6 address with so many bits, 0 to 128.
    #[inline]
    pub(crate) fn of_v6(address: u128, len: u8) -> Self {
        let mask = u128::MAX.checked_shl(128 - u32::from(len)).unwrap_or(0);
        Self { addr: address & mask, v4: false, len }
    }

    /// The bits of an IPv6 line.
    #[inline]
    pub(crate) fn bits_v6(line_prefix: u8, matched: u8) -> u8 {
        line_prefix.max(matched).min(128)
    }

    /// An IPv4 address as `::ffff:a.b.c.d`.
    #[inline]
    pub(crate) const fn mapped(address: u32) -> u128 {
        MAPPED | address as u128
    }

    /// Where the line stands in its pool, 0 to 99: `fmix64(hi xor fmix64(lo)) mod 100` of its first address.
    #[must_use]
    #[inline]
    pub fn percentile(self) -> u32 {
        let (high, low) = ((self.addr >> 64) as u64, self.addr as u64);
        (fmix64(high ^ fmix64(low)) % 100) as u32
    }

    /// Whether the line is under enforcement when `share` percent of lines are.
    #[must_use]
    #[inline]
    pub fn is_inside(self, share: u32) -> bool {
        share >= 100 || self.percentile() < share
    }
}

impl fmt::Display for Line {
    /// An IPv4 address bare, an IPv6 prefix as in RFC 5952 with its length.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.v4 {
            Ipv4Addr::from_bits(self.addr as u32).fmt(f)
        } else {
            write!(f, "{}/{}", Ipv6Addr::from_bits(self.addr), self.len)
        }
    }
}

/// The 64-bit finalizer of MurmurHash3.
#[inline]
const fn fmix64(mut k: u64) -> u64 {
    k ^= k >> 33;
    k = k.wrapping_mul(0xff51_afd7_ed55_8ccd);
    k ^= k >> 33;
    k = k.wrapping_mul(0xc4ce_b9fe_1a85_ec53);
    k ^ k >> 33
}

/// `::ffff:0:0`, the prefix of IPv4-mapped addresses.
const MAPPED: u128 = 0xffff_0000_0000;

#[cfg(test)]
mod tests {
    use super::*;

    fn line(text: &str, line_prefix: u8, matched: u8) -> Line {
        Line::of(text.parse().expect("address"), line_prefix, matched)
    }

    #[test]
    fn fmix64_is_murmur3s() {
        // Values of the published finalizer: 0 stays 0, and it is a bijection with these images.
        assert_eq!(fmix64(0), 0);
        assert_eq!(fmix64(1), 0xb456_bcfc_34c2_cb2c);
        assert_eq!(fmix64(u64::MAX), 0x64b5_720b_4b82_5f21);
    }

    #[test]
    fn a_line_prints_as_rfc_5952_text_with_length_or_bare() {
        assert_eq!(line("203.0.113.7", 64, 24).to_string(), "203.0.113.7");
        assert_eq!(line("2001:db8:100:1:2:3:4:5", 64, 40).to_string(), "2001:db8:100:1::/64");
    }

    #[test]
    fn the_longer_of_line_prefix_and_matched_prefix_counts() {
        assert_eq!(line("2001:db8:100:1:2:3:4:5", 56, 40).to_string(), "2001:db8:100::/56");
        assert_eq!(line("2001:db8:100:1:2:3:4:5", 56, 80).to_string(), "2001:db8:100:1:2::/80");
        assert_eq!(line("2001:db8:100:1:2:3:4:5", 128, 0).to_string(), "2001:db8:100:1:2:3:4:5/128");
        assert_eq!(line("2001:db8:100:1:2:3:4:5", 0, 0).addr, 0);
    }

    #[test]
    fn shares_split_lines_evenly() {
        let inside =
            |share| (0..10_000u32).filter(move |i| Line::of(Ipv4Addr::from_bits(*i).into(), 64, 8).is_inside(share));
        assert_eq!(inside(0).count(), 0);
        assert_eq!(inside(100).count(), 10_000);
        let quarter = inside(25).count();
        assert!((2_300..2_700).contains(&quarter), "{quarter}");
    }

    #[test]
    fn a_higher_share_keeps_every_line_of_a_lower_one() {
        for i in 0..1_000u32 {
            let line = Line::of(Ipv4Addr::from_bits(i).into(), 64, 8);
            for share in 0..100 {
                assert!(!line.is_inside(share) || line.is_inside(share + 1));
            }
        }
    }
}
