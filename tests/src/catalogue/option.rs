//! IPv4 options: what a source route does to the trust in the destination.
//! All vectors go to a destination that a list knows, so that the lists show whether it was trusted.

use super::expect::{A4, OWN4, Vector, dropped, dynamic4, frame, out, pass_for, syn};
use crate::frames::Ipv4;
use crate::golden::Reason::{AllowedDestination, Blocked, UnlistedDestination};

pub(super) fn vectors() -> Vec<Vector> {
    [trusted(), distrusted(), unreadable()].concat()
}

/// A SYN to our own mail server with those options.
fn own(options: &[u8]) -> Vec<u8> {
    frame![Ipv4 { options: options.to_vec(), ..Ipv4::new(A4, OWN4) }, syn()]
}

/// A loose (131) or strict (137) source route over the foreign mail server and a stranger.
pub(super) fn source_route(kind: u8, pointer: u8, last: [u8; 4]) -> Vec<u8> {
    [&[kind, 11, pointer, 198, 51, 100, 25], &last[..]].concat()
}

const LAST: [u8; 4] = [198, 51, 100, 26];

fn trusted() -> Vec<Vector> {
    let allowed = |name, shows, rfc, options: &[u8]| out(name, shows, rfc, own(options), pass_for(AllowedDestination, "dynamic", A4));
    vec![
        allowed("option-nop", "no-operation", "791", &[1, 1, 1, 1]),
        allowed("option-end", "nothing behind end-of-list is read", "791", &[0, 131, 1, 0]),
        allowed("option-record-route", "record route is no source route", "791", &[7, 7, 4, 0, 0, 0, 0]),
        allowed("option-timestamp", "timestamp", "791", &[68, 8, 5, 0, 0, 0, 0, 0]),
        allowed("option-router-alert", "router alert", "2113", &[148, 4, 0, 0]),
        allowed("option-40-bytes", "the longest list", "791", &[1; 40]),
        allowed("option-length-2", "the shortest option", "791", &[134, 2, 134, 2]),
    ]
}

fn distrusted() -> Vec<Vector> {
    let blocked = |name, shows, options: &[u8]| out(name, shows, "7126", own(options), dynamic4(Blocked));
    let only = |options: Vec<u8>| frame![Ipv4 { options, ..Ipv4::new("10.6.0.1", "198.51.100.25") }, syn()];
    vec![
        blocked("option-lsrr", "a loose source route to our own server first", &source_route(131, 4, LAST)),
        blocked("option-ssrr", "a strict one", &source_route(137, 4, LAST)),
        blocked("option-lsrr-at-end", "at its end it is still a source route", &source_route(131, 12, LAST)),
        blocked("option-nop-lsrr", "behind no-operation", &[&[1][..], &source_route(131, 4, LAST)].concat()),
        blocked("option-lsrr-empty", "without an address", &[131, 3, 4, 0]),
        blocked("option-lsrr-length-2", "without a pointer", &[131, 2, 1, 1]),
        out("option-none-only", "without a route the list counts", "", only(vec![]), pass_for(UnlistedDestination, "only", "10.6.0.1")),
        out("option-lsrr-only", "with a route it is not asked", "7126", only(source_route(131, 4, LAST)), dropped(Blocked, "only", "10.6.0.1")),
    ]
}

fn unreadable() -> Vec<Vector> {
    let blocked = |name, shows, options: &[u8]| out(name, shows, "791", own(options), dynamic4(Blocked));
    vec![
        blocked("option-length-0", "an option of length zero", &[7, 0, 0, 0]),
        blocked("option-length-1", "an option of length one", &[7, 1, 0, 0]),
        blocked("option-too-long", "an option behind the header", &[7, 5, 4, 0]),
        blocked("option-no-length", "a type in the last byte", &[1, 1, 1, 7]),
        blocked("option-unknown-too-long", "an unknown option behind the header", &[222, 255, 0, 0]),
    ]
}
