//! One prefix as text: ADDRESS/LENGTH to [`IpNet`], with a reason for each refusal.
//!
//! Stricter than [`IpNet`]'s own parser: no bare address, no host bits, no leading zeros, and no
//! IPv4-mapped IPv6. `::ffff:192.0.2.0/120` names addresses that no frame may carry (RFC 4291
//! §2.5.5.2, RFC 6890), so it would silently match nothing; who writes it means IPv4, and is told so.

use std::net::IpAddr;

use ipnet::{IpNet, Ipv4Net};

use crate::config::Problem;

/// The prefix that `text` (without surrounding blanks) names.
pub(crate) fn parse_prefix(text: &str) -> Result<IpNet, Problem> {
    let refused = || Problem::NotAPrefix { text: text.to_owned() };
    let Some((address, length)) = text.split_once('/') else {
        let address: IpAddr = text.parse().map_err(|_| refused())?;
        return Err(match mapped_ipv4(address.into()) {
            Some(v4) => Problem::MappedIpv4 { text: text.to_owned(), v4 },
            None => Problem::BareAddress { text: text.to_owned(), host: address.into() },
        });
    };
    let address: IpAddr = address.parse().map_err(|_| refused())?;
    let length = parse_length(length).ok_or_else(refused)?;
    let max = if address.is_ipv4() { 32 } else { 128 };
    let too_long = || Problem::LengthAboveMax { text: text.to_owned(), max };
    let length = u8::try_from(length).ok().filter(|&length| length <= max).ok_or_else(too_long)?;
    let prefix = IpNet::new(address, length).map_err(|_| too_long())?;
    if let Some(v4) = mapped_ipv4(prefix) {
        return Err(Problem::MappedIpv4 { text: text.to_owned(), v4 });
    }
    if prefix.network() != address {
        let host = address.into();
        return Err(Problem::HostBits { text: text.to_owned(), network: prefix.trunc(), host });
    }
    Ok(prefix)
}

/// A decimal number without sign or leading zeros; anything above three digits as 999.
fn parse_length(text: &str) -> Option<u16> {
    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
    let leading_zero = text.len() > 1 && text.starts_with('0');
    if text.is_empty() || !digits || leading_zero {
        return None;
    }
    Some(text.get(..4).map_or_else(|| text.parse().unwrap_or(999), |_| 999))
}

/// The IPv4 prefix that a prefix inside ::ffff:0:0/96 stands for.
fn mapped_ipv4(prefix: IpNet) -> Option<IpNet> {
    let IpNet::V6(v6) = prefix else { return None };
    let length = v6.prefix_len().checked_sub(MAPPED_BITS)?;
    let address = v6.network().to_ipv4_mapped()?;
    Ipv4Net::new(address, length).ok().map(IpNet::V4)
}

/// Length of ::ffff:0:0/96.
const MAPPED_BITS: u8 = 96;

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::Ipv6Addr;

    #[test]
    fn prefixes_of_every_length_read_back() {
        for length in 0..=32 {
            let prefix = IpNet::new([203, 0, 113, 255].into(), length).unwrap().trunc();
            assert_eq!(parse_prefix(&prefix.to_string()), Ok(prefix));
        }
        let address: Ipv6Addr = "2001:db8:ffff:ffff:ffff:ffff:ffff:ffff".parse().unwrap();
        for length in 0..=128 {
            let prefix = IpNet::new(address.into(), length).unwrap().trunc();
            assert_eq!(parse_prefix(&prefix.to_string()), Ok(prefix));
        }
    }

    #[test]
    fn refusals_say_why_and_what_instead() {
        let cases = [
            ("192.0.2.1", "\"192.0.2.1\" has no length; write 192.0.2.1/32 for one address"),
            ("2001:db8::1", "\"2001:db8::1\" has no length; write 2001:db8::1/128 for one address"),
            (
                "192.0.2.1/24",
                "\"192.0.2.1/24\" has host bits set; write 192.0.2.0/24 for the network or 192.0.2.1/32 for the address",
            ),
            ("192.0.2.0/33", "\"192.0.2.0/33\" has a length above 32; write a length from 0 to 32"),
            ("192.0.2.0/99999999999", "\"192.0.2.0/99999999999\" has a length above 32; write a length from 0 to 32"),
            ("2001:db8::/129", "\"2001:db8::/129\" has a length above 128; write a length from 0 to 128"),
            (
                "::ffff:192.0.2.0/120",
                "\"::ffff:192.0.2.0/120\" is IPv4 written as IPv6, which no frame carries; write 192.0.2.0/24",
            ),
            ("::ffff:0:0/96", "\"::ffff:0:0/96\" is IPv4 written as IPv6, which no frame carries; write 0.0.0.0/0"),
        ];
        for (text, message) in cases {
            assert_eq!(parse_prefix(text).unwrap_err().to_string(), message);
        }
    }

    #[test]
    fn what_is_no_prefix_is_called_so() {
        let cases = [
            "",
            "/",
            "/24",
            "192.0.2.0/",
            "192.0.2.0/+4",
            "192.0.2.0/-1",
            "192.0.2.0/024",
            "192.0.2.0/24/24",
            "192.0.2.0/255.255.255.0",
            "192.0.2/24",
            "192.0.2.000/24",
            "0xc0.0.2.0/24",
            "192.0.2.0 /24",
            "192.0.2.0/ 24",
            "fe80::%eth0/64",
            "[2001:db8::]/32",
            "2001:db8:::/32",
            "example.com/24",
            "192.0.2.0\\24",
            "192.0.2.0/٢٤",
            "192.0.2.0-192.0.2.255",
            "2001:db8::g/64",
        ];
        for text in cases {
            assert_eq!(parse_prefix(text), Err(Problem::NotAPrefix { text: text.into() }), "{text}");
        }
    }

    #[test]
    fn prefixes_that_cover_mapped_addresses_are_ipv6() {
        assert!(parse_prefix("::/0").is_ok());
        assert!(parse_prefix("::/80").is_ok());
        assert!(parse_prefix("::fffe:0:0/95").is_ok());
    }
}
