//! The first pass over eight frames at once, with AVX-512: the scalar pass's answers, or none.
//!
//! It knows the commonest frames only: IPv4 without options or IPv6 without extension headers behind at most two VLAN
//! tags, whole, with valid lengths; TCP, ICMP, ESP, and UDP that cannot be GTP-U to an end of ours. About every other
//! frame it says nothing. No load waits for another but that of the ports. `unsafe` is the loads of eight frames' headers by their addresses.
#![allow(unsafe_code)]

use std::arch::x86_64::*;

use crate::burst::Sorted;
use crate::frame::Direction;
use crate::frames::Frames;

/// See [`Wide::sort`](super::Wide::sort).
#[target_feature(enable = "avx512f")]
pub(super) fn sort(frames: &Frames<'_>, ends: (bool, bool), direction: Direction, sorted: &mut Sorted) {
    let mut shift = 0;
    for ((at, len), network_at) in frames.eights().zip(sorted.network_at.as_chunks_mut::<8>().0) {
        // SAFETY: both loads are of whole arrays.
        let (at, len) = unsafe { (_mm512_loadu_si512(at.as_ptr().cast()), _mm256_loadu_si256(len.as_ptr().cast())) };
        let eight = look(Eight::of(at, _mm512_cvtepu32_epi64(len)), ends);
        let concerned = match direction {
            Direction::Outbound => eight.to_smtp,
            Direction::Inbound => eight.from_smtp & !eight.to_smtp,
        };
        sorted.other_port |= u64::from(eight.tcp & !concerned) << shift;
        sorted.not_tcp |= u64::from(eight.not_tcp) << shift;
        if direction == Direction::Outbound {
            sorted.smtp4 |= u64::from(concerned & eight.four) << shift;
            sorted.smtp6 |= u64::from(concerned & !eight.four) << shift;
        }
        *network_at = eight.network_at.to_le_bytes();
        shift += 8;
    }
}

/// What was found of eight frames, a bit each; [`look`] is sure of those in `tcp` and `not_tcp`.
struct Found {
    tcp: __mmask8,
    not_tcp: __mmask8,
    four: __mmask8,
    from_smtp: __mmask8,
    to_smtp: __mmask8,
    /// Offset of each one's IP header, a byte each.
    network_at: u64,
}

/// Eight frames behind their tags: where they would begin without them, and how long they would be.
struct Eight {
    frame: __m512i,
    at: __m512i,
    len: __m512i,
    /// Those long enough for an IPv4 header.
    long: __mmask8,
    /// Bytes 12 to 19: type, version, total_length or payload_length.
    link: __m512i,
    /// Bytes 20 to 27: fragment, protocol or next header.
    ip: __m512i,
    four: __mmask8,
    six: __mmask8,
}

impl Eight {
    #[inline]
    #[target_feature(enable = "avx512f")]
    fn of(at: __m512i, len: __m512i) -> Self {
        let long = _mm512_cmpge_epi64_mask(len, all(SHORTEST));
        let (link, ip) = (load8(at, 12, long), load8(at, 20, long));
        let mut eight = Self { frame: at, at, len, long, link, ip, four: 0, six: 0 };
        eight.version();
        if eight.long & !(eight.four | eight.six) != 0 {
            // Two tags move what is of interest no further than here.
            let behind = load8(at, 28, _mm512_mask_cmpge_epi64_mask(long, len, all(SHORTEST + TAG)));
            let behind = eight.untag(behind);
            eight.untag(behind);
        }
        eight
    }

    #[inline]
    #[target_feature(enable = "avx512f")]
    fn version(&mut self) {
        self.four = _mm512_mask_cmpeq_epi64_mask(self.long, and(self.link, 0x00ff_ffff), all(0x0045_0008));
        self.six = _mm512_mask_cmpeq_epi64_mask(self.long, and(self.link, 0x00f0_ffff), all(0x0060_dd86));
    }

    /// Goes behind a tag of those that have one; `behind` is bytes 28 to 35, and what is behind them then is returned. What
    /// is too short behind its tag is no longer `long`.
    #[inline]
    #[target_feature(enable = "avx512f")]
    fn untag(&mut self, behind: __m512i) -> __m512i {
        let kind = and(self.link, 0xffff);
        let is = |tag| _mm512_mask_cmpeq_epi64_mask(self.long, kind, all(tag));
        let tagged = is(0x0081) | is(0xa888) | is(0x0091) | is(0x0092);
        self.at = _mm512_mask_add_epi64(self.at, tagged, self.at, all(TAG));
        self.len = _mm512_mask_sub_epi64(self.len, tagged, self.len, all(TAG));
        self.long = _mm512_mask_cmpge_epi64_mask(self.long, self.len, all(SHORTEST));
        self.link = _mm512_mask_mov_epi64(self.link, tagged, from_fourth(self.link, self.ip));
        self.ip = _mm512_mask_mov_epi64(self.ip, tagged, from_fourth(self.ip, behind));
        self.version();
        _mm512_mask_srli_epi64::<32>(behind, tagged, behind)
    }
}

#[inline]
#[target_feature(enable = "avx512f")]
fn look(eight: Eight, ends: (bool, bool)) -> Found {
    let Eight { at, link, ip, four, six, .. } = eight;
    let header = _mm512_mask_blend_epi64(six, all(20), all(40));
    let there = _mm512_sub_epi64(eight.len, all(ETHERNET));
    let payload = _mm512_sub_epi64(there, header);
    let ported = _mm512_mask_cmpge_epi64_mask(four | six, payload, all(4));
    let ports = load4(_mm512_add_epi64(at, header), ETHERNET, ported);
    let four = _mm512_mask_testn_epi64_mask(four, ip, all(0xff3f));

    // Bytes from the IP header on, as it says: they are there, and no fewer than the header.
    let said4 = swapped(_mm512_srli_epi64::<32>(link));
    let said6 = _mm512_add_epi64(swapped(_mm512_srli_epi64::<48>(link)), all(40));
    let said = _mm512_mask_blend_epi64(six, said4, said6);
    let fits = _mm512_mask_cmple_epi64_mask(four | six, said, there);
    let fits = _mm512_mask_cmpge_epi64_mask(fits, said, header);

    let protocol = and(_mm512_mask_blend_epi64(six, _mm512_srli_epi64::<24>(ip), ip), 0xff);
    let is = |number| _mm512_mask_cmpeq_epi64_mask(fits, protocol, all(number));
    let tcp = _mm512_mask_cmpge_epi64_mask(is(6), _mm512_sub_epi64(said, header), all(14));
    let udp = is(17) & ported;
    let to = _mm512_srli_epi64::<16>(ports);
    let no_ends = (if ends.0 { 0 } else { four }) | (if ends.1 { 0 } else { six });
    let gtpu = _mm512_mask_cmpeq_epi64_mask(udp & !no_ends, to, all(GTPU));
    let network_at = _mm512_add_epi64(_mm512_sub_epi64(at, eight.frame), all(ETHERNET));
    Found {
        tcp,
        not_tcp: udp & !gtpu | is(1) | is(50) | is(58),
        four,
        from_smtp: _mm512_mask_cmpeq_epi64_mask(tcp, and(ports, 0xffff), all(SMTP)),
        to_smtp: _mm512_mask_cmpeq_epi64_mask(tcp, to, all(SMTP)),
        network_at: _mm_cvtsi128_si64(_mm512_cvtepi64_epi8(network_at)).cast_unsigned(),
    }
}

/// Four bytes from the fourth of each lane on, and four of `then`.
#[inline]
#[target_feature(enable = "avx512f")]
fn from_fourth(lanes: __m512i, then: __m512i) -> __m512i {
    _mm512_or_si512(_mm512_srli_epi64::<32>(lanes), _mm512_slli_epi64::<32>(then))
}

/// Eight bytes of each frame in `mask` at `offset`; 0 elsewhere.
#[inline]
#[target_feature(enable = "avx512f")]
fn load8(at: __m512i, offset: i64, mask: __mmask8) -> __m512i {
    let at = _mm512_add_epi64(at, all(offset));
    // SAFETY: only lanes in `mask` are read; their frames have SHORTEST bytes for offsets 12 and 20, and a tag more for 28.
    unsafe { _mm512_mask_i64gather_epi64::<1>(all(0), mask, at, std::ptr::null()) }
}

/// Four bytes at `offset` from each address in `mask`; 0 elsewhere.
#[inline]
#[target_feature(enable = "avx512f")]
fn load4(at: __m512i, offset: i64, mask: __mmask8) -> __m512i {
    let at = _mm512_add_epi64(at, all(offset));
    // SAFETY: only lanes in `mask` are read: those that have 4 bytes behind their IP header, by their length.
    let words = unsafe { _mm512_mask_i64gather_epi32::<1>(_mm256_setzero_si256(), mask, at, std::ptr::null()) };
    _mm512_cvtepu32_epi64(words)
}

#[inline]
#[target_feature(enable = "avx512f")]
pub(super) fn all(value: i64) -> __m512i {
    _mm512_set1_epi64(value)
}

#[inline]
#[target_feature(enable = "avx512f")]
pub(super) fn and(lanes: __m512i, mask: i64) -> __m512i {
    _mm512_and_si512(lanes, all(mask))
}

/// The big-endian 16 bits that each lane begins with.
#[inline]
#[target_feature(enable = "avx512f")]
fn swapped(lanes: __m512i) -> __m512i {
    let high = _mm512_slli_epi64::<8>(and(lanes, 0x00ff));
    _mm512_or_si512(high, _mm512_srli_epi64::<8>(and(lanes, 0xff00)))
}

/// Shortest frame that is looked at, bytes: Ethernet and an IPv4 header.
const SHORTEST: i64 = 34;
/// Bytes of an Ethernet header without tags.
const ETHERNET: i64 = 14;
/// Bytes of a VLAN tag.
const TAG: i64 = 4;
/// Port 2152 as it is loaded.
const GTPU: i64 = 0x6808;
/// Port 25 as it is loaded.
const SMTP: i64 = 0x1900;
