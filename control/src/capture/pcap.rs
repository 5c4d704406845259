//! Classic pcap: a file header of 24 bytes, then records of 16 bytes and a frame, in either byte order, with
//! microseconds or nanoseconds (draft-ietf-opsawg-pcap).

use std::io::Read;

use pcap_parser::pcap::{parse_pcap_frame, parse_pcap_frame_be, parse_pcap_header};

use super::error::Problem;
use super::input::Input;
use super::{ETHERNET, Found, MAX_CAPTURED, Resolution, SECOND};

/// What the file header says.
#[derive(Debug)]
pub(super) struct Pcap {
    big_endian: bool,
    resolution: Resolution,
    /// Known at once, told with the first frame: a file without frames is none of ours to refuse.
    link_type: u32,
}

impl Pcap {
    pub(super) fn begin<R: Read>(input: &mut Input<R>) -> Result<Self, Problem> {
        if !input.reach(HEADER)? {
            let have = input.ahead().len() as u64;
            return Err(Problem::Short { what: "the file header", have, need: HEADER as u64 });
        }
        let Ok((_, header)) = parse_pcap_header(input.ahead()) else {
            return Err(Problem::Damaged { what: "the file header cannot be read" });
        };
        if (header.version_major, header.version_minor) != (2, 4) {
            return Err(Problem::Version { major: header.version_major, minor: header.version_minor });
        }
        input.pass(HEADER);
        let nano = header.is_nanosecond_precision();
        Ok(Self {
            big_endian: header.is_bigendian(),
            resolution: if nano { Resolution::Nano } else { Resolution::Micro },
            link_type: header.network.0.cast_unsigned() & LINK_TYPE,
        })
    }

    pub(super) fn resolution(&self) -> Resolution {
        self.resolution
    }

    /// Length of the record ahead and where its frame stands.
    pub(super) fn read<R: Read>(&self, input: &mut Input<R>) -> Result<Option<(usize, Found)>, Problem> {
        if !input.reach(RECORD)? {
            return match input.ahead().len() as u64 {
                0 => Ok(None),
                have => Err(Problem::Short { what: "a packet's header", have, need: RECORD as u64 }),
            };
        }
        if self.link_type != ETHERNET {
            return Err(Problem::LinkType { found: self.link_type });
        }
        let captured = self.captured_len(input.ahead());
        if captured > MAX_CAPTURED {
            return Err(Problem::Long { what: "a packet", claimed: captured as u64, limit: MAX_CAPTURED as u64 });
        }
        if !input.reach(RECORD + captured)? {
            let have = (input.ahead().len() - RECORD) as u64;
            return Err(Problem::Short { what: "a packet", have, need: captured as u64 });
        }
        let parse = if self.big_endian { parse_pcap_frame_be } else { parse_pcap_frame };
        let Ok((_, record)) = parse(input.ahead()) else {
            return Err(Problem::Damaged { what: "a packet's header cannot be read" });
        };
        let fraction = match self.resolution {
            Resolution::Micro => 1000 * u64::from(record.ts_usec),
            Resolution::Nano => u64::from(record.ts_usec),
        };
        let time = SECOND * u64::from(record.ts_sec) + fraction;
        Ok(Some((RECORD + captured, Found { time, wire_len: record.origlen, before: RECORD, captured })))
    }

    /// The captured length in a record's header, before the frame itself is read.
    fn captured_len(&self, record: &[u8]) -> usize {
        let field = record.get(8..).and_then(<[u8]>::first_chunk::<4>).copied().unwrap_or_default();
        (if self.big_endian { u32::from_be_bytes(field) } else { u32::from_le_bytes(field) }) as usize
    }
}

/// Whether a file begins like pcap: microseconds or nanoseconds, in either byte order.
pub(super) fn is_magic(magic: [u8; 4]) -> bool {
    let known = |value| matches!(value, 0xa1b2_c3d4 | 0xa1b2_3c4d);
    known(u32::from_le_bytes(magic)) || known(u32::from_be_bytes(magic))
}

/// Bytes of the file header.
const HEADER: usize = 24;
/// Bytes of a record's header.
const RECORD: usize = 16;
/// The bits of the link type; above them stands how long the check sequence is, which is padding to us.
const LINK_TYPE: u32 = 0x03ff_ffff;
