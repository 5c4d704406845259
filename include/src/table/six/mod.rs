//! IPv6: a trie of tables and leaves over all 128 bits.
//!
//! A *table* at some bit of the address looks at its next 1 to 15 bits and has a record for each. A record has the value
//! of the longest prefix that ends there or before, and either leads to another table, or to a *leaf* with up to eight
//! longer prefixes, which one vector instruction compares. A filter in the record says for the next 5 bits whether the
//! leaf has anything at all, so that most addresses of a pool with few exemptions are done without looking into it.
//! What is too long for a leaf stands behind one of its entries. An *index* leads from the first 32 bits of the address to
//! the table at bit 32. include/README.md draws all of it.
//!
//! [`find()`] and [`find_burst`] are total on any words; [`validate()`] accepts what [`Build`] and [`build()`] make.

#[cfg(target_arch = "x86_64")]
mod avx512;
mod build;
mod burst;
mod find;
mod index;
mod item;
mod layout;
mod place;
mod space;
mod validate;
mod walk;

pub use build::{Build, build};
pub use burst::{Form, find_burst, find_burst_as};
pub use find::find;
pub use validate::validate;
pub use walk::walk;

#[cfg(test)]
mod tests;
