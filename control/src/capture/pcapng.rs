//! pcapng: sections of blocks, each section with its own byte order and interfaces
//! (draft-ietf-opsawg-pcapng). Blocks that hold no packet are stepped over unread, however long.

use std::io::Read;

use pcap_parser::pcapng::{EPB_MAGIC, IDB_MAGIC, SHB_MAGIC, SPB_MAGIC};
use pcap_parser::{Block, parse_block_be, parse_block_le, parse_sectionheaderblock};

use super::error::Problem;
use super::input::Input;
use super::{ETHERNET, Found, MAX_CAPTURED, Resolution, SECOND};

/// What the blocks read so far say of the section.
#[derive(Debug, Default)]
pub(super) struct Pcapng {
    big_endian: bool,
    interfaces: Vec<Interface>,
}

/// An interface of the section.
#[derive(Clone, Copy, Debug)]
struct Interface {
    link_type: u32,
    /// The longest captured length, in bytes; 0 for no limit.
    snap_len: u32,
    /// `if_tsresol`: units of 10⁻ⁿ seconds, or of 2⁻ⁿ if the top bit is set.
    units: u8,
    /// Seconds added to each time stamp.
    offset: i64,
}

impl Pcapng {
    /// Reads the blocks before the first packet.
    pub(super) fn begin<R: Read>(input: &mut Input<R>) -> Result<Self, Problem> {
        let mut section = Self::default();
        section.find_packet(input)?;
        Ok(section)
    }

    /// The finest of the interfaces of the section.
    pub(super) fn resolution(&self) -> Resolution {
        let all = self.interfaces.iter().map(|interface| match interface.units {
            0..=6 | 0x80..=0x93 => Resolution::Micro,
            _ => Resolution::Nano,
        });
        all.max().unwrap_or(Resolution::Micro)
    }

    /// Length of the next packet's block, and where its frame stands in it; none at the end of the file.
    pub(super) fn read<R: Read>(&mut self, input: &mut Input<R>) -> Result<Option<(usize, Found)>, Problem> {
        let Some(length) = self.find_packet(input)? else { return Ok(None) };
        let found = match self.parse(input.ahead().get(..length).unwrap_or_default())? {
            Block::EnhancedPacket(packet) => Found {
                time: self.interface(packet.if_id)?.time(packet.ts_high, packet.ts_low),
                wire_len: packet.origlen,
                before: ENHANCED,
                captured: packet.caplen as usize,
            },
            Block::SimplePacket(packet) => {
                let limit = match self.interface(0)?.snap_len {
                    0 => packet.origlen,
                    limit => limit.min(packet.origlen),
                };
                let captured = packet.data.len().min(limit as usize);
                Found { time: 0, wire_len: packet.origlen, before: SIMPLE, captured }
            }
            _ => return Err(Problem::Damaged { what: "a packet's block cannot be read" }),
        };
        if found.captured > MAX_CAPTURED {
            return Err(Problem::Long { what: "a packet", claimed: found.captured as u64, limit: MAX_CAPTURED as u64 });
        }
        Ok(Some((length, found)))
    }

    /// Steps over blocks until one that holds a packet is ahead, whole; gives its length, or none at the end.
    fn find_packet<R: Read>(&mut self, input: &mut Input<R>) -> Result<Option<usize>, Problem> {
        loop {
            if !input.reach(BLOCK)? {
                return match input.ahead().len() as u64 {
                    0 => Ok(None),
                    have => Err(Problem::Short { what: "a block's header", have, need: BLOCK as u64 }),
                };
            }
            let kind = self.word(input.ahead(), 0);
            if kind == SHB_MAGIC {
                self.section(input.ahead())?;
            }
            let length = self.word(input.ahead(), 4);
            if length < BLOCK as u32 || !length.is_multiple_of(4) {
                return Err(Problem::Damaged { what: "a block's length is below 12 or no multiple of 4" });
            }
            match kind {
                EPB_MAGIC | SPB_MAGIC => return self.whole(input, length).map(Some),
                SHB_MAGIC => {
                    let length = self.whole(input, length)?;
                    input.pass(length);
                }
                IDB_MAGIC => {
                    let length = self.whole(input, length)?;
                    self.describe(input.ahead().get(..length).unwrap_or_default())?;
                    input.pass(length);
                }
                OBSOLETE => return Err(Problem::ObsoleteBlock),
                _ => step_over(input, length)?,
            }
        }
    }

    /// Reads the byte order of the section whose header begins here.
    fn section(&mut self, header: &[u8]) -> Result<(), Problem> {
        let field = header.get(8..).and_then(<[u8]>::first_chunk::<4>).copied().unwrap_or_default();
        self.big_endian = match u32::from_be_bytes(field) {
            BYTE_ORDER => true,
            order if order.swap_bytes() == BYTE_ORDER => false,
            _ => return Err(Problem::Damaged { what: "a section's byte order cannot be told" }),
        };
        self.interfaces.clear();
        Ok(())
    }

    /// Reads until the block of `length` bytes is ahead, and checks its end and, of a section, its version.
    fn whole<R: Read>(&self, input: &mut Input<R>, length: u32) -> Result<usize, Problem> {
        let need = length as usize;
        if need > MAX_BLOCK {
            return Err(Problem::Long { what: "a block", claimed: need as u64, limit: MAX_BLOCK as u64 });
        }
        if !input.reach(need)? {
            let have = input.ahead().len() as u64;
            return Err(Problem::Short { what: "a block", have, need: need as u64 });
        }
        if self.word(input.ahead(), need - 4) != length {
            return Err(Problem::Damaged { what: "a block's two lengths differ" });
        }
        if self.word(input.ahead(), 0) == SHB_MAGIC {
            match parse_sectionheaderblock(input.ahead()) {
                Ok((_, header)) if header.major_version == 1 => {}
                Ok((_, header)) => {
                    return Err(Problem::Version { major: header.major_version, minor: header.minor_version });
                }
                Err(_) => return Err(Problem::Damaged { what: "a section's header cannot be read" }),
            }
        }
        Ok(need)
    }

    fn describe(&mut self, block: &[u8]) -> Result<(), Problem> {
        let Block::InterfaceDescription(interface) = self.parse(block)? else {
            return Err(Problem::Damaged { what: "an interface's description cannot be read" });
        };
        let interface = Interface {
            link_type: interface.linktype.0.cast_unsigned(),
            snap_len: interface.snaplen,
            units: interface.if_tsresol,
            offset: interface.if_tsoffset,
        };
        if self.interfaces.len() >= MAX_INTERFACES {
            return Err(Problem::Interfaces { limit: MAX_INTERFACES });
        }
        self.interfaces.push(interface);
        Ok(())
    }

    fn parse<'b>(&self, block: &'b [u8]) -> Result<Block<'b>, Problem> {
        let parsed = if self.big_endian { parse_block_be(block) } else { parse_block_le(block) };
        parsed.map(|(_, block)| block).map_err(|_| Problem::Damaged { what: "a block's fields exceed the block" })
    }

    /// The interface a packet names, if frames are read from it.
    fn interface(&self, number: u32) -> Result<Interface, Problem> {
        let known = self.interfaces.len();
        match self.interfaces.get(number as usize) {
            None => Err(Problem::UnknownInterface { interface: number, known }),
            Some(interface) if interface.link_type != ETHERNET => Err(Problem::LinkType { found: interface.link_type }),
            Some(interface) => Ok(*interface),
        }
    }

    /// The 32 bits at `at` in the section's byte order.
    fn word(&self, bytes: &[u8], at: usize) -> u32 {
        let field = bytes.get(at..).and_then(<[u8]>::first_chunk::<4>).copied().unwrap_or_default();
        if self.big_endian { u32::from_be_bytes(field) } else { u32::from_le_bytes(field) }
    }
}

impl Interface {
    /// A time stamp in nanoseconds since 1970; at the end of what 64 bits hold if it is out of it.
    fn time(self, high: u32, low: u32) -> u64 {
        let units = u128::from(high) << 32 | u128::from(low);
        let exponent = u32::from(self.units & 0x7f);
        let per_second = if self.units & 0x80 == 0 { 10_u128.checked_pow(exponent) } else { Some(1 << exponent) };
        let nanoseconds = match per_second {
            // At most 64 bits times 30 bits.
            Some(per_second) => units * u128::from(SECOND) / per_second,
            None => 0,
        };
        let offset = i128::from(self.offset) * i128::from(SECOND);
        let time = nanoseconds.cast_signed().saturating_add(offset);
        u64::try_from(time.max(0)).unwrap_or(u64::MAX)
    }
}

fn step_over<R: Read>(input: &mut Input<R>, length: u32) -> Result<(), Problem> {
    let need = u64::from(length);
    match input.skip(need)? {
        have if have < need => Err(Problem::Short { what: "a block", have, need }),
        _ => Ok(()),
    }
}

/// Whether a file begins like pcapng; the block type reads the same in either byte order.
pub(super) fn is_magic(magic: [u8; 4]) -> bool {
    u32::from_be_bytes(magic) == SHB_MAGIC
}

const BYTE_ORDER: u32 = 0x1a2b_3c4d;
/// The Packet Block of before 2009.
const OBSOLETE: u32 = 2;
/// Bytes of the shortest block: type, length, length.
const BLOCK: usize = 12;
/// Bytes before the frame in an Enhanced Packet Block.
const ENHANCED: usize = 28;
/// Bytes before the frame in a Simple Packet Block.
const SIMPLE: usize = 12;
/// The longest block that is read, in bytes; Wireshark's own limit.
const MAX_BLOCK: usize = 16 * 1024 * 1024;
const MAX_INTERFACES: usize = 65_536;

#[cfg(test)]
mod tests {
    use super::*;

    fn time(units: u8, offset: i64, stamp: u64) -> u64 {
        let interface = Interface { link_type: 1, snap_len: 0, units, offset };
        interface.time((stamp >> 32) as u32, stamp as u32)
    }

    #[test]
    fn time_stamps_of_any_unit_become_nanoseconds() {
        assert_eq!(time(6, 0, 1_800_000_000_000_001), 1_800_000_000_000_001_000);
        assert_eq!(time(9, 0, 1_800_000_000_000_000_001), 1_800_000_000_000_000_001);
        assert_eq!(time(0, 5, 7), 12 * SECOND);
        assert_eq!(time(0x80 | 1, 0, 3), SECOND * 3 / 2);
        assert_eq!(time(0x80 | 127, 0, u64::MAX), 0);
        assert_eq!(time(127, 3, u64::MAX), 3 * SECOND);
        assert_eq!(time(0, 0, u64::MAX), u64::MAX);
        assert_eq!(time(6, i64::MIN, 0), 0);
        assert_eq!(time(6, i64::MAX, u64::MAX), u64::MAX);
    }
}
