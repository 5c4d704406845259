//! Named golden vectors: a frame, what it shows, and the verdict expected of it.
//!
//! The expectations are derived by hand from the contract's text, never by running the model or the path; both are
//! judged by them. One file per topic, one policy ([`policy`]) for all. The tables are kept one row a line, so rustfmt
//! leaves their files alone.

#[rustfmt::skip]
mod acceptance;
mod expect;
#[rustfmt::skip]
mod extension;
#[rustfmt::skip]
mod fragment4;
#[rustfmt::skip]
mod fragment6;
#[rustfmt::skip]
mod gtp;
#[rustfmt::skip]
mod inbound;
#[rustfmt::skip]
mod ipv4;
#[rustfmt::skip]
mod link;
#[rustfmt::skip]
mod mpls_pppoe;
#[rustfmt::skip]
mod nested;
#[rustfmt::skip]
mod option;
mod policy;
#[rustfmt::skip]
mod reject;
#[rustfmt::skip]
mod routing;
#[rustfmt::skip]
mod short;
#[rustfmt::skip]
mod tunnel;

pub use expect::{Expect, Vector, Verdict};
pub use policy::policy;

/// All vectors; names are unique.
#[must_use]
pub fn vectors() -> Vec<Vector> {
    [
        acceptance::vectors(),
        link::vectors(),
        mpls_pppoe::vectors(),
        ipv4::vectors(),
        option::vectors(),
        fragment4::vectors(),
        fragment6::vectors(),
        extension::vectors(),
        tunnel::vectors(),
        nested::vectors(),
        gtp::vectors(),
        routing::vectors(),
        inbound::vectors(),
        reject::vectors(),
        short::vectors(),
    ]
    .concat()
}
