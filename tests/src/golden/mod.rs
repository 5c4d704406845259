//! The golden model: what gate25 does with a frame, clause by clause and as slow as it likes.
//!
//! It shares no code with the packet path: own parser, own linear-scan look-up, own reject builder, own names.
//! It promises to be readable next to the contract (each function quotes the clause it implements) and refuses
//! every optimisation. Where it and the path differ, one of them is wrong.

mod bytes;
mod chain;
mod ip;
mod judge;
mod link;
mod policy;
mod reason;
mod reject;
mod route;
mod share;
mod tunnel;

pub use bytes::Captured;
pub use judge::{Action, Verdict, judge, judge_captured};
pub use policy::{Drop, Policy, Pool, Stage};
pub use reason::Reason;
pub use share::inside_share;

/// Which port of the link a frame was received on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Direction {
    /// Received on the access port: subscriber to internet.
    Outbound,
    /// Received on the network port: internet to subscriber.
    Inbound,
}
