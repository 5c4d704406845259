//! Lines: what stands for one subscriber, and whether a line is inside a pool's share.
//! IPv4 lines are hashed as IPv4-mapped addresses.

use std::net::IpAddr;

use ipnet::IpNet;

use super::Pool;

/// "The line is that address cut to 32 bits, or for IPv6 to the longer of the pool's `line_prefix` and the prefix
/// that matched."
pub(super) fn line(address: IpAddr, pool: &Pool, matched: u8) -> IpNet {
    let length = match address {
        IpAddr::V4(_) => 32,
        IpAddr::V6(_) => pool.line_prefix.max(matched),
    };
    IpNet::new(address, length).map_or_else(|_| IpNet::from(address), |net| net.trunc())
}

/// Whether the line is under enforcement with that share (percent).
/// "x = the line's first address as 128 bits (IPv4 as ::ffff:a.b.c.d), hi and lo its big-endian halves;
/// h = fmix64(hi xor fmix64(lo)); inside iff h mod 100 < share."
#[must_use]
pub fn inside_share(line: IpNet, share: u8) -> bool {
    let first = match line.network() {
        IpAddr::V4(address) => address.to_ipv6_mapped(),
        IpAddr::V6(address) => address,
    };
    let mut halves = [0_u64; 2];
    for (index, byte) in first.octets().into_iter().enumerate() {
        halves[index / 8] = (halves[index / 8] << 8) | u64::from(byte);
    }
    fmix64(halves[0] ^ fmix64(halves[1])) % 100 < u64::from(share)
}

/// Murmur3's 64-bit finalizer.
fn fmix64(mut k: u64) -> u64 {
    k ^= k >> 33;
    k = k.wrapping_mul(0xff51_afd7_ed55_8ccd);
    k ^= k >> 33;
    k = k.wrapping_mul(0xc4ce_b9fe_1a85_ec53);
    k ^ (k >> 33)
}

#[cfg(test)]
mod tests {
    use super::{fmix64, inside_share};

    /// Values of the finalizer computed with Austin Appleby's reference in another language (Python).
    #[test]
    fn fmix64_is_murmur3s() {
        assert_eq!(fmix64(0), 0);
        assert_eq!(fmix64(1), 0xb456_bcfc_34c2_cb2c);
        assert_eq!(fmix64(0x1234_5678_9abc_def0), 0x18b8_c062_f6f4_2398);
    }

    #[test]
    fn share_is_a_share_of_lines() {
        let lines = |share| {
            (0..20_000_u32)
                .filter(|n| {
                    inside_share(std::net::IpAddr::from(std::net::Ipv4Addr::from(0xcb00_7100 + n)).into(), share)
                })
                .count()
        };
        assert_eq!((lines(0), lines(100)), (0, 20_000));
        assert!((4_700..5_300).contains(&lines(25)), "a quarter of the lines, give or take chance");
    }
}
