//! Why an image is refused, and why one cannot be built. Each says what was found and what to do.

use super::format;
use crate::memfd::MemfdError;

/// Why an image is refused. The image in force stays in force.
#[derive(Debug, thiserror::Error)]
pub enum ImageError {
    /// Seals, size or mapping.
    #[error(transparent)]
    Memory(#[from] MemfdError),
    /// Too short for a header.
    #[error("image has {words} words, a header alone has {}", format::HEADER_WORDS)]
    Short {
        /// Words found.
        words: usize,
    },
    /// Not an image.
    #[error("image starts with {found:08x?}, not with GATE25IM")]
    Magic {
        /// The first two words.
        found: [u32; 2],
    },
    /// Made by another version.
    #[error(
        "image has format version {found}, this program reads {}; run control and dataplane of one release",
        format::ABI
    )]
    Abi {
        /// Version found.
        found: u32,
    },
    /// Made by a build whose layout differs.
    #[error(
        "image has layout {found:016x}, this program reads {needed:016x}; run control and dataplane of one release"
    )]
    Layout {
        /// Layout hash found.
        found: u64,
        /// Layout hash of this build.
        needed: u64,
    },
    /// Length in the header and length of the memory do not fit.
    #[error("image says {said} words, the memory holds {held}")]
    Size {
        /// Words as the header says.
        said: usize,
        /// Words there are.
        held: usize,
    },
    /// Something in it is damaged.
    #[error("image has checksum {found:016x}, its words give {computed:016x}; compile it again")]
    Checksum {
        /// As written.
        found: u64,
        /// As computed.
        computed: u64,
    },
    /// A section lies outside the image, or not where the one before it ends.
    #[error("image section {section:?} at word {offset} with {words} words does not fit")]
    Section {
        /// Which.
        section: format::Section,
        /// Offset in words.
        offset: usize,
        /// Length in words.
        words: usize,
    },
    /// A value that no builder writes.
    #[error("image {what} at {place} is {value}, which is out of range")]
    Value {
        /// What it is.
        what: &'static str,
        /// Index of the record or entry.
        place: usize,
        /// The value.
        value: u64,
    },
}

/// Why an image cannot be built from what was given.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BuildError {
    /// Sources that are kept elsewhere belong to other pools than those of the image.
    #[error("the source tables know {found} pools, the image {needed} or others; update them first")]
    Pools {
        /// Pools that the tables know.
        found: usize,
        /// Pools of the image.
        needed: usize,
    },
    /// Too many of something.
    #[error("{found} {what}, the limit is {limit}; use fewer or larger prefixes")]
    Limit {
        /// What there are too many of.
        what: &'static str,
        /// How many there are, at least.
        found: usize,
        /// How many there may be.
        limit: usize,
    },
    /// The prefixes need a larger table than its links can reach: 2 GiB.
    #[error("the prefixes of {what} need a table of more than 2 GiB; use fewer or larger prefixes")]
    Full {
        /// Whose prefixes.
        what: &'static str,
    },
    /// A name that is empty, too long or not ASCII.
    #[error("name {name:?} must have 1 to {} of [a-z0-9-]", format::MAX_NAME)]
    Name {
        /// The name.
        name: String,
    },
    /// A number out of its range.
    #[error("{what} is {value}, outside {range}")]
    Range {
        /// Which.
        what: &'static str,
        /// The value.
        value: u64,
        /// What it may be.
        range: &'static str,
    },
    /// The same prefix twice in one table.
    #[error("prefix {prefix} stands twice in one table; remove one of them")]
    Twice {
        /// The prefix.
        prefix: ipnet::IpNet,
    },
    /// A prefix names a pool or group that was not added.
    #[error("prefix {prefix} belongs to number {owner}, which does not exist")]
    Owner {
        /// The prefix.
        prefix: ipnet::IpNet,
        /// The number.
        owner: usize,
    },
}
