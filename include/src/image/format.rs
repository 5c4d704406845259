//! Where everything stands in an image. Header words, sections, records; numbers only.
//!
//! Any change here changes [`layout_hash`], so that an older reader refuses what it would misread;
//! a change that a hash of names and numbers does not show must raise [`ABI`].

use xxhash_rust::xxh3::{Xxh3, xxh3_64};

/// The first two words: `GATE25IM` as bytes.
pub const MAGIC: [u32; 2] = [u32::from_le_bytes(*b"GATE"), u32::from_le_bytes(*b"25IM")];

/// Version of the format. Readers take no other.
pub const ABI: u32 = 2;

/// Words in the header; the first section starts here or later.
pub const HEADER_WORDS: usize = 64;

/// Words in a pool record.
pub const POOL_WORDS: usize = 16;

/// Most pools and exemptions together.
pub const MAX_POOLS: usize = 65_535;

/// Most destination groups: one bit each in a 64-bit set, the last bit kept free.
pub const MAX_GROUPS: usize = 63;

/// Most prefixes in pools and exemptions together, and again in destinations: 16 Mi.
pub const MAX_PREFIXES: usize = 16 << 20;

/// Most counter slots: one for each pool that may exist, and one more.
pub const COUNTER_SLOTS: usize = 65_536;

/// Longest name of a pool, exemption, destination or tunnel, in bytes.
pub const MAX_NAME: usize = 63;

/// Largest `reject_rate`, answers per worker and second.
pub const MAX_REJECT_RATE: u32 = 1_000_000;

/// Header words by index. 64-bit values take two words, low first.
pub mod header {
    /// [`super::MAGIC`], two words.
    pub const MAGIC: usize = 0;
    /// [`super::ABI`].
    pub const ABI: usize = 2;
    /// Words in the header.
    pub const HEADER_WORDS: usize = 3;
    /// [`super::layout_hash`], two words.
    pub const LAYOUT: usize = 4;
    /// Words in the image, header included, padding of the last page not.
    pub const TOTAL_WORDS: usize = 6;
    /// Pools and exemptions.
    pub const POOLS: usize = 7;
    /// Generation, two words; above 0.
    pub const GENERATION: usize = 8;
    /// Digest of the policy, four words.
    pub const DIGEST: usize = 10;
    /// Checksum of the whole image, two words; computed with these two as 0.
    pub const CHECKSUM: usize = 14;
    /// Unix second at which control compiled it, two words.
    pub const COMPILED_AT: usize = 16;
    /// Unix second at which the policy changes next by itself, two words; 0 for never.
    pub const NEXT_CHANGE: usize = 18;
    /// Answers per worker and second; 0 for unlimited.
    pub const REJECT_RATE: usize = 20;
    /// Destination groups.
    pub const GROUPS: usize = 21;
    /// Counter slots ever given out: the next new name gets this one.
    pub const NEXT_SLOT: usize = 22;
    /// Section table: offset and length in words, for each [`super::Section`].
    pub const SECTIONS: usize = 24;
}

/// The sections, in the order of the section table and of the image.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(usize)]
pub enum Section {
    /// One word for each pool: its counter slot. Not in the digest: slots depend on history.
    Slots,
    /// Pool records of [`POOL_WORDS`] words.
    Pools,
    /// Destination groups: name offset in bytes, name length in bytes.
    Groups,
    /// All names, ASCII, without separators, padded with zeros to a word.
    Names,
    /// Sets of destination groups, two words each; set 0 is empty.
    GroupSets,
    /// IPv4 sources.
    Source4,
    /// IPv6 sources.
    Source6,
    /// IPv4 destinations.
    Destination4,
    /// IPv6 destinations.
    Destination6,
    /// IPv4 tunnel ends.
    Tunnel4,
    /// IPv6 tunnel ends.
    Tunnel6,
}

impl Section {
    /// Every section in order.
    pub const ALL: [Section; 11] = [
        Section::Slots,
        Section::Pools,
        Section::Groups,
        Section::Names,
        Section::GroupSets,
        Section::Source4,
        Section::Source6,
        Section::Destination4,
        Section::Destination6,
        Section::Tunnel4,
        Section::Tunnel6,
    ];
}

/// Words of a pool record by index.
pub mod pool {
    /// 0 pool, 1 exemption.
    pub const KIND: usize = 0;
    /// Bits: see the `FLAG_` constants; bits 0 and 1 hold the stage (0 off, 1 monitor, 2 enforce).
    pub const FLAGS: usize = 1;
    /// Percent of lines under enforcement, 0 to 100.
    pub const SHARE: usize = 2;
    /// IPv6 bits that make one line, 32 to 128.
    pub const LINE_PREFIX: usize = 3;
    /// Groups of `allow`, two words, one bit each.
    pub const ALLOW: usize = 4;
    /// Groups of `only`, two words; looked at only with [`FLAG_ONLY`].
    pub const ONLY: usize = 6;
    /// Name: offset in bytes into the names.
    pub const NAME_OFFSET: usize = 8;
    /// Name: length in bytes, 1 to 63.
    pub const NAME_LENGTH: usize = 9;
    /// Both bits of the stage.
    pub const STAGE_MASK: u32 = 3;
    /// Answer what is blocked.
    pub const FLAG_REJECT: u32 = 1 << 2;
    /// Every segment to port 25 is a candidate.
    pub const FLAG_MATCH_ALL: u32 = 1 << 3;
    /// Inbound answers from port 25 are stopped too.
    pub const FLAG_RETURN_TRAFFIC: u32 = 1 << 4;
    /// Packets that hide their TCP header pass.
    pub const FLAG_UNDETERMINED_PASS: u32 = 1 << 5;
    /// `only` is set.
    pub const FLAG_ONLY: u32 = 1 << 6;
    /// Every flag there is; other bits are refused.
    pub const FLAGS_MASK: u32 = (1 << 7) - 1;
}

/// A source table's value: 0 for nothing, else pool index + 1 and, from [`SOURCE_LENGTH_SHIFT`], the
/// matched prefix's length.
pub const SOURCE_POOL_MASK: u32 = 0xffff;

/// Where the prefix length stands in a source table's value.
pub const SOURCE_LENGTH_SHIFT: u32 = 16;

/// Hash over what this file says; both sides must have the same.
pub fn layout_hash() -> u64 {
    let mut text = String::new();
    let numbers = [
        HEADER_WORDS,
        POOL_WORDS,
        header::LAYOUT,
        header::TOTAL_WORDS,
        header::POOLS,
        header::GENERATION,
        header::DIGEST,
        header::CHECKSUM,
        header::COMPILED_AT,
        header::NEXT_CHANGE,
        header::REJECT_RATE,
        header::GROUPS,
        header::NEXT_SLOT,
        header::SECTIONS,
        pool::KIND,
        pool::FLAGS,
        pool::SHARE,
        pool::LINE_PREFIX,
        pool::ALLOW,
        pool::ONLY,
        pool::NAME_OFFSET,
        pool::NAME_LENGTH,
        pool::FLAGS_MASK as usize,
        SOURCE_LENGTH_SHIFT as usize,
    ];
    for number in numbers {
        text.push_str(&format!("{number} "));
    }
    for section in Section::ALL {
        text.push_str(&format!("{section:?} "));
    }
    text.push_str("sections on lines; tables: ranges 1, trie4 3, trie6 4");
    xxh3_64(text.as_bytes())
}

/// Writes the checksum of what stands in `words`: the builder's last step. Whoever calls it on words of
/// another origin gets the right sum over whatever they say, which is what tests and fuzzers want.
pub fn sign(words: &mut [u32]) {
    let total = (words.get(header::TOTAL_WORDS).copied().unwrap_or(0) as usize).min(words.len());
    let sum = checksum(words.get(..total).unwrap_or_default());
    if let Some(place) = words.get_mut(header::CHECKSUM..header::CHECKSUM + 2) {
        place.copy_from_slice(&[sum as u32, (sum >> 32) as u32]);
    }
}

/// The checksum over a whole image, its own words as 0.
pub(super) fn checksum(words: &[u32]) -> u64 {
    let (before, rest) = words.split_at(words.len().min(header::CHECKSUM));
    let mut hash = Xxh3::new();
    hash_words(&mut hash, before);
    hash_words(&mut hash, &[0, 0]);
    hash_words(&mut hash, rest.get(2..).unwrap_or_default());
    hash.digest()
}

/// Feeds words as little-endian bytes, some kilobytes at a time.
fn hash_words(hash: &mut Xxh3, words: &[u32]) {
    let mut bytes = [0u8; 4096];
    for chunk in words.chunks(bytes.len() / 4) {
        for (place, word) in bytes.chunks_exact_mut(4).zip(chunk) {
            place.copy_from_slice(&word.to_le_bytes());
        }
        hash.update(bytes.get(..chunk.len() * 4).unwrap_or_default());
    }
}
