//! IPv6: a trie of tables and leaves over all 128 bits.
//!
//! An *index* has for the first 32 bits of the address a value, up to five prefixes beside it, or what leads to a *leaf* or
//! a *table* at bit 32;
//! prefixes shorter than that have a root of their own. A table looks at the next 1 to 14 bits and has a record for each. A
//! record has the value of the longest prefix that ends there or before, and leads to another table, or to a leaf with up to
//! eight longer prefixes, which one vector instruction compares. A *filter* in the record says whether the leaf may have
//! something, so that nearly all addresses of a pool with few exemptions are done without looking into it. What is too
//! long for a leaf stands behind one of its entries. include/README.md draws all of it.
//!
//! [`find()`] and [`find_burst`] are total on any words; [`validate()`] accepts what [`Build`] and [`build()`] make.

#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
mod build;
mod burst;
mod displace;
mod filter;
mod find;
mod group;
mod index;
mod item;
mod lay;
mod layout;
mod line;
mod place;
mod renew;
mod space;
mod validate;
mod walk;
#[cfg(target_arch = "x86_64")]
mod words;

pub use build::{Build, build};
pub use burst::{Form, find_burst, find_burst_as};
pub use find::find;
pub use validate::validate;
pub use walk::walk;

#[cfg(test)]
mod tests;
