//! Reads an image that was checked once. Look-ups cannot fail and never leave the image.

use std::net::IpAddr;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use super::error::ImageError;
use super::format::{self, Section, header};
use super::pool::{Pool, PoolHead, join};
use super::validate;
use crate::memfd::SealedMap;
use crate::table;

/// Where the words are.
#[derive(Debug)]
enum Backing {
    /// In a sealed memfd: what control sends and workers read.
    Sealed(SealedMap),
    /// In this process: replay, explain and tests.
    Owned(Vec<u32>),
}

/// What the source table says of an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SourceMatch {
    /// Number of the pool or exemption.
    pub pool: u16,
    /// Length of the prefix that matched, in bits.
    pub prefix_len: u8,
}

impl SourceMatch {
    /// What a value of the source table says; none for 0.
    #[inline]
    pub fn of(value: u32) -> Option<SourceMatch> {
        let pool = (value & format::SOURCE_POOL_MASK).checked_sub(1)? as u16;
        Some(SourceMatch { pool, prefix_len: (value >> format::SOURCE_LENGTH_SHIFT) as u8 })
    }
}

/// One generation of the whole policy.
#[derive(Debug)]
pub struct Image {
    backing: Backing,
    /// Offset and length of each section, checked.
    sections: [(usize, usize); Section::ALL.len()],
    names: String,
    /// By pool number.
    heads: Vec<PoolHead>,
    /// Whether there are tunnel ends, for IPv4 and for IPv6.
    ends: (bool, bool),
}

impl Image {
    /// Maps and checks an image that arrived as a descriptor: seals, size, header, checksum, and every
    /// index once. About 2 ms for 500,000 lines, 25 ms for 10 million (the example `commit4`).
    ///
    /// # Errors
    /// [`ImageError`]; nothing stays mapped.
    pub fn open(fd: OwnedFd) -> Result<Image, ImageError> {
        Image::checked(Backing::Sealed(SealedMap::open(fd)?))
    }

    /// Checks an image in memory of this process.
    ///
    /// # Errors
    /// [`ImageError`].
    pub fn from_words(words: Vec<u32>) -> Result<Image, ImageError> {
        Image::checked(Backing::Owned(words))
    }

    fn checked(backing: Backing) -> Result<Image, ImageError> {
        let sections = validate::header(backing.words())?;
        let (names, heads) = (String::new(), Vec::new());
        let mut image = Image { backing, sections, names, heads, ends: (false, false) };
        image.names = validate::names(image.section(Section::Names))?;
        validate::content(&image)?;
        image.heads = image.pools().map(|pool| PoolHead::of(&pool)).collect();
        image.ends = image.find_tunnel_ends();
        Ok(image)
    }

    /// The image's words, without the padding of the last page.
    pub fn words(&self) -> &[u32] {
        let words = self.backing.words();
        words.get(..self.word(header::TOTAL_WORDS) as usize).unwrap_or(words)
    }

    /// The descriptor it was mapped from, to be handed on; none for an image in private memory.
    pub fn descriptor(&self) -> Option<BorrowedFd<'_>> {
        match &self.backing {
            Backing::Sealed(map) => Some(map.as_fd()),
            Backing::Owned(_) => None,
        }
    }

    /// Generation, above 0; a higher one is newer.
    pub fn generation(&self) -> u64 {
        self.long(header::GENERATION)
    }

    /// Digest of the policy: the same for the same policy, whatever its generation or history.
    pub fn digest(&self) -> u128 {
        u128::from(self.long(header::DIGEST)) | u128::from(self.long(header::DIGEST + 2)) << 64
    }

    /// Unix second at which control compiled it.
    pub fn compiled_at(&self) -> i64 {
        self.long(header::COMPILED_AT) as i64
    }

    /// Unix second at which the policy changes next by itself; none for never.
    pub fn next_change(&self) -> Option<i64> {
        Some(self.long(header::NEXT_CHANGE) as i64).filter(|second| *second != 0)
    }

    /// Answers per worker and second; 0 for unlimited.
    pub fn reject_rate(&self) -> u32 {
        self.word(header::REJECT_RATE)
    }

    /// Counter slots ever given out: the next new pool name gets this one.
    pub fn next_slot(&self) -> u32 {
        self.word(header::NEXT_SLOT)
    }

    /// How many pools and exemptions there are.
    pub fn pool_count(&self) -> usize {
        self.word(header::POOLS) as usize
    }

    /// The pool or exemption with this number.
    #[inline]
    pub fn pool(&self, number: u16) -> Option<Pool<'_>> {
        let number = usize::from(number);
        let slot = *self.section(Section::Slots).get(number)?;
        let (records, _) = self.section(Section::Pools).as_chunks::<{ format::POOL_WORDS }>();
        let record = records.get(number)?;
        let name = self.name(record.get(format::pool::NAME_OFFSET)?, record.get(format::pool::NAME_LENGTH)?);
        Some(Pool::decode(record, slot, name))
    }

    /// The same for the packet path, which needs no name: it is empty.
    #[inline]
    pub fn unnamed_pool(&self, number: u16) -> Option<Pool<'_>> {
        let number = usize::from(number);
        let slot = *self.section(Section::Slots).get(number)?;
        let (records, _) = self.section(Section::Pools).as_chunks::<{ format::POOL_WORDS }>();
        Some(Pool::decode(records.get(number)?, slot, ""))
    }

    /// What a packet asks first about each pool or exemption, by number.
    #[inline]
    pub fn pool_heads(&self) -> &[PoolHead] {
        &self.heads
    }

    /// All pools and exemptions in order of their numbers.
    pub fn pools(&self) -> impl Iterator<Item = Pool<'_>> {
        (0..self.pool_count()).filter_map(|number| self.pool(number as u16))
    }

    /// The names of the destination groups, in order of their bits.
    pub fn groups(&self) -> impl Iterator<Item = &str> {
        let (records, _) = self.section(Section::Groups).as_chunks::<2>();
        records.iter().map(|[offset, length]| self.name(offset, length))
    }

    /// The pool or exemption of an IPv4 source.
    #[inline]
    pub fn source4(&self, address: u32) -> Option<SourceMatch> {
        SourceMatch::of(table::find(self.section(Section::Source4), address))
    }

    /// The pool or exemption of an IPv6 source.
    #[inline]
    pub fn source6(&self, address: u128) -> Option<SourceMatch> {
        SourceMatch::of(table::find(self.section(Section::Source6), address))
    }

    /// The source table's values ([`SourceMatch::of`]) of a burst of IPv4 sources; of slices of different lengths the shorter
    /// one counts. Of each only the pool is read, `prefix_len` is 0: an IPv4 line is the address, whatever prefix holds it.
    #[inline]
    pub fn sources4(&self, addresses: &[u32], values: &mut [u32]) {
        table::find_burst(self.section(Section::Source4), addresses, values);
    }

    /// The same for IPv6, with the lengths of the prefixes.
    #[inline]
    pub fn sources6(&self, addresses: &[u128], values: &mut [u32]) {
        table::find_burst(self.section(Section::Source6), addresses, values);
    }

    /// The pool or exemption of a source.
    pub fn source(&self, address: IpAddr) -> Option<SourceMatch> {
        match address {
            IpAddr::V4(address) => self.source4(address.to_bits()),
            IpAddr::V6(address) => self.source6(address.to_bits()),
        }
    }

    /// Tells each step of the look-up of a source: which word of its table is read, and what it says.
    pub fn walk_source(&self, address: IpAddr, step: &mut dyn FnMut(table::Step)) {
        match address {
            IpAddr::V4(address) => table::walk(self.section(Section::Source4), address.to_bits(), step),
            IpAddr::V6(address) => table::walk(self.section(Section::Source6), address.to_bits(), step),
        }
    }

    /// The destination groups of an IPv4 address, one bit each.
    #[inline]
    pub fn destination4(&self, address: u32) -> u64 {
        self.group_set(table::find(self.section(Section::Destination4), address))
    }

    /// The destination groups of an IPv6 address, one bit each.
    #[inline]
    pub fn destination6(&self, address: u128) -> u64 {
        self.group_set(table::find(self.section(Section::Destination6), address))
    }

    /// The destination groups of an address, one bit each.
    pub fn destination(&self, address: IpAddr) -> u64 {
        match address {
            IpAddr::V4(address) => self.destination4(address.to_bits()),
            IpAddr::V6(address) => self.destination6(address.to_bits()),
        }
    }

    /// Whether an address is a tunnel end of ours.
    #[inline]
    pub fn is_tunnel_end4(&self, address: u32) -> bool {
        table::find(self.section(Section::Tunnel4), address) != 0
    }

    /// Whether an address is a tunnel end of ours.
    #[inline]
    pub fn is_tunnel_end6(&self, address: u128) -> bool {
        table::find(self.section(Section::Tunnel6), address) != 0
    }

    /// Whether an address is a tunnel end of ours.
    pub fn is_tunnel_end(&self, address: IpAddr) -> bool {
        match address {
            IpAddr::V4(address) => self.is_tunnel_end4(address.to_bits()),
            IpAddr::V6(address) => self.is_tunnel_end6(address.to_bits()),
        }
    }

    /// Whether there is any tunnel end at all, for IPv4 and for IPv6: if not, nothing is looked into.
    #[inline]
    pub fn has_tunnel_ends(&self) -> (bool, bool) {
        self.ends
    }

    fn find_tunnel_ends(&self) -> (bool, bool) {
        let (four, six) = (self.section(Section::Tunnel4), self.section(Section::Tunnel6));
        (table::has_prefixes::<u32>(four), table::has_prefixes::<u128>(six))
    }

    /// A section's words.
    #[inline]
    pub(super) fn section(&self, section: Section) -> &[u32] {
        let (offset, length) = self.sections.get(section as usize).copied().unwrap_or((0, 0));
        self.backing.words().get(offset..offset + length).unwrap_or_default()
    }

    fn name(&self, offset: &u32, length: &u32) -> &str {
        self.names.get(*offset as usize..(*offset as usize + *length as usize)).unwrap_or_default()
    }

    #[inline]
    fn group_set(&self, number: u32) -> u64 {
        let (sets, _) = self.section(Section::GroupSets).as_chunks::<2>();
        sets.get(number as usize).map_or(0, |[low, high]| join(*low, *high))
    }

    #[inline]
    pub(super) fn word(&self, index: usize) -> u32 {
        self.backing.words().get(index).copied().unwrap_or(0)
    }

    fn long(&self, index: usize) -> u64 {
        join(self.word(index), self.word(index + 1))
    }
}

impl Backing {
    #[inline]
    fn words(&self) -> &[u32] {
        match self {
            Backing::Sealed(map) => map.words(),
            Backing::Owned(words) => words,
        }
    }
}
