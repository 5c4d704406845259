//! Where a capture file goes wrong: file, packet, byte, what and the remedy, in one line.

use std::fmt;

/// Why a capture file cannot be read on, and where.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{file}: packet {packet} at byte {offset}: {problem}")]
pub struct CaptureError {
    /// The file as it was named.
    pub file: String,
    /// The packet that could not be read, from 1: all before it were. What is wrong may stand between the two.
    pub packet: u64,
    /// The byte of the file at which the record or block begins that is wrong.
    pub offset: u64,
    /// What is wrong.
    pub problem: Problem,
}

/// What is wrong with a capture file; prints `what; remedy`.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Problem {
    /// The file cannot be opened.
    #[error("cannot open the file: {0}; check the path and its permissions")]
    Open(String),
    /// Reading failed.
    #[error("cannot read on: {0}; check the medium")]
    Read(String),
    /// Not a byte.
    #[error("the file is empty; capture again")]
    Empty,
    /// Neither pcap nor pcapng.
    #[error("the first bytes {} are not those of pcap or pcapng; {}", Hex(magic), remedy(*magic))]
    NotACapture {
        /// The first bytes.
        magic: [u8; 4],
    },
    /// A version of the format that is laid out differently.
    #[error("format version {major}.{minor} is not read; convert the file with `editcap -F pcap`")]
    Version {
        /// Major number found.
        major: u16,
        /// Minor number found.
        minor: u16,
    },
    /// Not Ethernet.
    #[error("link type {found} is not read, only Ethernet (1); capture on an Ethernet interface, not on \"any\"")]
    LinkType {
        /// The link type found (tcpdump.org/linktypes.html).
        found: u32,
    },
    /// The file ends inside something.
    #[error("the file ends after {have} of the {need} bytes of {what}; it was cut, copy or capture it again")]
    Short {
        /// What is cut.
        what: &'static str,
        /// Bytes there are.
        have: u64,
        /// Bytes there should be, at least.
        need: u64,
    },
    /// A length that no frame has.
    #[error("{what} claims {claimed} bytes, more than {limit}; the file is damaged, copy or capture it again")]
    Long {
        /// What claims it.
        what: &'static str,
        /// Bytes claimed.
        claimed: u64,
        /// Bytes it may have at most.
        limit: u64,
    },
    /// Fields that contradict each other.
    #[error("{what}; the file is damaged, copy or capture it again")]
    Damaged {
        /// What is wrong.
        what: &'static str,
    },
    /// A packet of an interface that was not described.
    #[error("the packet names interface {interface}, but {known} are described; the file is damaged")]
    UnknownInterface {
        /// The interface named.
        interface: u32,
        /// How many the section describes.
        known: usize,
    },
    /// More interfaces than a file has.
    #[error("more than {limit} interfaces; split the file with editcap")]
    Interfaces {
        /// The limit.
        limit: usize,
    },
    /// A Packet Block, which the Enhanced Packet Block replaced in 2009.
    #[error("obsolete packet blocks are not read; convert the file with `editcap -F pcap`")]
    ObsoleteBlock,
}

/// What to do about a file with these first bytes.
const fn remedy(magic: [u8; 4]) -> &'static str {
    match magic {
        [0x1f, 0x8b, ..] => "it is compressed, run gunzip on it",
        [0x28, 0xb5, 0x2f, 0xfd] => "it is compressed, run unzstd on it",
        [0xfd, b'7', b'z', b'X'] => "it is compressed, run unxz on it",
        [0x42, b'Z', b'h', _] => "it is compressed, run bunzip2 on it",
        [0x04, 0x22, 0x4d, 0x18] => "it is compressed, run unlz4 on it",
        _ => "name a capture, or convert it with `editcap -F pcap`",
    }
}

struct Hex<'a>(&'a [u8; 4]);

impl fmt::Display for Hex<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [a, b, c, d] = self.0;
        write!(f, "{a:02x} {b:02x} {c:02x} {d:02x}")
    }
}
