//! The first pass over sixteen frames at once: the scalar pass's answers, or none.
//!
//! It knows the commonest frames only: IPv4 without options or IPv6 without extension headers behind at most two VLAN
//! tags, whole, with valid lengths; TCP, ICMP, ESP, and UDP that cannot be GTP-U to an end of ours. About every other
//! frame it says nothing. No load waits for another but that of the ports. `unsafe` is the loads of frames' headers by
//! their addresses.
#![allow(unsafe_code)]

use std::arch::x86_64::*;

use crate::burst::Sorted;
use crate::frame::Direction;
use crate::frames::Frames;

/// See [`Wide::sort`](super::Wide::sort).
#[target_feature(enable = "avx512f,avx512bw")]
pub(super) fn sort(frames: &Frames<'_>, ends: (bool, bool), direction: Direction, sorted: &mut Sorted) {
    let mut shift = 0;
    for ((at, len), network_at) in frames.chunks::<16>().zip(sorted.network_at.as_chunks_mut::<16>().0) {
        // SAFETY: three loads of whole arrays.
        let (at, len) = unsafe {
            let [low, high] = [at.as_ptr(), at.as_ptr().wrapping_add(8)].map(|at| _mm512_loadu_si512(at.cast()));
            ([low, high], _mm512_loadu_si512(len.as_ptr().cast()))
        };
        let sixteen = Sixteen::of(at, len);
        // SAFETY: a store of a whole array.
        unsafe { _mm_storeu_si128(network_at.as_mut_ptr().cast(), _mm512_cvtepi32_epi8(sixteen.network_at)) };
        let found = sixteen.look(ends);
        let to_smtp = found.to(found.tcp, SMTP);
        let (smtp, concerned) = match direction {
            Direction::Outbound => (to_smtp, to_smtp),
            Direction::Inbound => (0, found.from(found.tcp, SMTP) & !to_smtp),
        };
        sorted.other_port |= u64::from(found.tcp & !concerned) << shift;
        sorted.not_tcp |= u64::from(found.not_tcp) << shift;
        sorted.smtp4 |= u64::from(smtp & found.four) << shift;
        sorted.smtp6 |= u64::from(smtp & !found.four) << shift;
        shift += 16;
    }
}

/// Sixteen frames behind their tags, with what stands at the bytes they would have without them.
struct Sixteen {
    at: [__m512i; 2],
    /// Offset of the IP header in the frame.
    network_at: __m512i,
    /// Bytes behind the Ethernet header and the tags.
    there: __m512i,
    /// Those with room for an IPv4 header.
    long: __mmask16,
    /// Bytes 12 to 15: type, version and what follows it.
    link: __m512i,
    /// Bytes 16 to 19: total_length, or the end of the flow label and payload_length.
    length: __m512i,
    /// Bytes 20 to 23: fragment and protocol, or next header.
    ip: __m512i,
    four: __mmask16,
    six: __mmask16,
}

/// What was found of sixteen frames, a bit each; it is sure of those in `tcp` and `not_tcp`.
struct Found {
    tcp: __mmask16,
    not_tcp: __mmask16,
    four: __mmask16,
    ports: __m512i,
}

impl Sixteen {
    #[inline]
    #[target_feature(enable = "avx512f,avx512bw")]
    fn of(at: [__m512i; 2], len: __m512i) -> Self {
        let long = _mm512_cmpge_epu32_mask(len, all(SHORTEST));
        let (link, length) = load8(at, 12, long);
        let ip = load4(at, [all64(20); 2], long);
        let (network_at, there) = (all(ETHERNET), _mm512_sub_epi32(len, all(ETHERNET)));
        let mut sixteen = Self { at, network_at, there, long, link, length, ip, four: 0, six: 0 };
        sixteen.version();
        if sixteen.long & !(sixteen.four | sixteen.six) != 0 {
            // Two tags move what is of interest no further than here, and a frame without tags is long enough for it.
            let (next, last) = load8(at, 24, long);
            sixteen.untag(next);
            sixteen.untag(last);
        }
        sixteen
    }

    #[inline]
    #[target_feature(enable = "avx512f,avx512bw")]
    fn version(&mut self) {
        self.four = _mm512_mask_cmpeq_epi32_mask(self.long, and(self.link, 0x00ff_ffff), all(0x0045_0008));
        self.six = _mm512_mask_cmpeq_epi32_mask(self.long, and(self.link, 0x00f0_ffff), all(0x0060_dd86));
    }

    /// Goes behind a tag of those that have one; `next` is the four bytes behind those known. What is too short behind its
    /// tag is no longer `long`.
    #[inline]
    #[target_feature(enable = "avx512f,avx512bw")]
    fn untag(&mut self, next: __m512i) {
        let kind = and(self.link, 0xffff);
        let is = |tag| _mm512_mask_cmpeq_epi32_mask(self.long, kind, all(tag));
        let tagged = is(0x0081) | is(0xa888) | is(0x0091) | is(0x0092);
        self.network_at = _mm512_mask_add_epi32(self.network_at, tagged, self.network_at, all(TAG));
        self.there = _mm512_mask_sub_epi32(self.there, tagged, self.there, all(TAG));
        self.long = _mm512_mask_cmpge_epi32_mask(self.long, self.there, all(SHORTEST - ETHERNET));
        self.link = _mm512_mask_mov_epi32(self.link, tagged, self.length);
        self.length = _mm512_mask_mov_epi32(self.length, tagged, self.ip);
        self.ip = _mm512_mask_mov_epi32(self.ip, tagged, next);
        self.version();
    }

    #[inline]
    #[target_feature(enable = "avx512f,avx512bw")]
    fn look(self, ends: (bool, bool)) -> Found {
        let Self { there, length, ip, six, .. } = self;
        let either = self.four | six;
        let header = _mm512_mask_blend_epi32(six, all(20), all(40));
        let ported = _mm512_mask_cmpge_epi32_mask(either, _mm512_sub_epi32(there, header), all(4));
        let ports = load4(self.at, eights(_mm512_add_epi32(self.network_at, header)), ported);
        let four = _mm512_mask_testn_epi32_mask(self.four, ip, all(0xff3f));

        // Bytes from the IP header on, as it says: they are there, and no fewer than the header.
        let said = _mm512_mask_srli_epi32::<16>(length, six, length);
        let said = _mm512_mask_add_epi32(swapped(said), six, swapped(said), all(40));
        let fits = _mm512_mask_cmple_epi32_mask(four | six, said, there);
        let payload = _mm512_sub_epi32(said, header);

        let protocol = _mm512_mask_and_epi32(_mm512_srli_epi32::<24>(ip), six, ip, all(0xff));
        let is = |number| _mm512_mask_cmpeq_epi32_mask(fits, protocol, all(number));
        let tcp = _mm512_mask_cmpge_epi32_mask(is(6), payload, all(14));
        let udp = _mm512_mask_cmpge_epi32_mask(is(17) & ported, payload, all(0));
        let mut found = Found { tcp, not_tcp: udp, four, ports };
        let asked = (if ends.0 { four } else { 0 }) | (if ends.1 { six } else { 0 });
        if udp & asked != 0 {
            found.not_tcp &= !found.to(udp & asked, GTPU);
        }
        if fits & !(tcp | udp) != 0 {
            found.not_tcp |= _mm512_mask_cmpge_epi32_mask(is(1) | is(50) | is(58), payload, all(0));
        }
        found
    }
}

impl Found {
    /// Those in `mask` whose first two bytes behind the IP header are this port.
    #[inline]
    #[target_feature(enable = "avx512f,avx512bw")]
    fn from(&self, mask: __mmask16, port: i32) -> __mmask16 {
        _mm512_mask_cmpeq_epi32_mask(mask, and(self.ports, 0xffff), all(port))
    }

    /// Those in `mask` whose next two are.
    #[inline]
    #[target_feature(enable = "avx512f,avx512bw")]
    fn to(&self, mask: __mmask16, port: i32) -> __mmask16 {
        _mm512_mask_cmpeq_epi32_mask(mask, _mm512_srli_epi32::<16>(self.ports), all(port))
    }
}

/// Eight bytes of each frame in `mask` at `offset`, the first four and the others; 0 elsewhere.
#[inline]
#[target_feature(enable = "avx512f,avx512bw")]
fn load8(at: [__m512i; 2], offset: i64, mask: __mmask16) -> (__m512i, __m512i) {
    let [low, high] = at;
    let low = gather8(_mm512_add_epi64(low, all64(offset)), mask as __mmask8);
    let high = gather8(_mm512_add_epi64(high, all64(offset)), (mask >> 8) as __mmask8);
    let even = _mm512_setr_epi32(0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30);
    let odd = _mm512_setr_epi32(1, 3, 5, 7, 9, 11, 13, 15, 17, 19, 21, 23, 25, 27, 29, 31);
    (_mm512_permutex2var_epi32(low, even, high), _mm512_permutex2var_epi32(low, odd, high))
}

/// Four bytes of each frame in `mask` at its offset; 0 elsewhere.
#[inline]
#[target_feature(enable = "avx512f,avx512bw")]
fn load4(at: [__m512i; 2], offsets: [__m512i; 2], mask: __mmask16) -> __m512i {
    let ([low, high], [low_offsets, high_offsets]) = (at, offsets);
    let low = gather4(_mm512_add_epi64(low, low_offsets), mask as __mmask8);
    let high = gather4(_mm512_add_epi64(high, high_offsets), (mask >> 8) as __mmask8);
    _mm512_inserti64x4::<1>(_mm512_castsi256_si512(low), high)
}

#[inline]
#[target_feature(enable = "avx512f,avx512bw")]
fn gather8(at: __m512i, mask: __mmask8) -> __m512i {
    // SAFETY: only lanes in `mask` are read; their frames have SHORTEST bytes, which is more than 24 and 8.
    unsafe { _mm512_mask_i64gather_epi64::<1>(_mm512_setzero_si512(), mask, at, std::ptr::null()) }
}

#[inline]
#[target_feature(enable = "avx512f,avx512bw")]
fn gather4(at: __m512i, mask: __mmask8) -> __m256i {
    // SAFETY: only lanes in `mask` are read: those with SHORTEST bytes for offset 20, and for the ports those that have 4 bytes
    // behind their IP header, by their length.
    unsafe { _mm512_mask_i64gather_epi32::<1>(_mm256_setzero_si256(), mask, at, std::ptr::null()) }
}

/// Sixteen lanes as twice eight wider ones.
#[inline]
#[target_feature(enable = "avx512f,avx512bw")]
fn eights(lanes: __m512i) -> [__m512i; 2] {
    let (low, high) = (_mm512_castsi512_si256(lanes), _mm512_extracti64x4_epi64::<1>(lanes));
    [_mm512_cvtepu32_epi64(low), _mm512_cvtepu32_epi64(high)]
}

#[inline]
#[target_feature(enable = "avx512f,avx512bw")]
fn all(value: i32) -> __m512i {
    _mm512_set1_epi32(value)
}

#[inline]
#[target_feature(enable = "avx512f,avx512bw")]
fn all64(value: i64) -> __m512i {
    _mm512_set1_epi64(value)
}

#[inline]
#[target_feature(enable = "avx512f,avx512bw")]
fn and(lanes: __m512i, mask: i32) -> __m512i {
    _mm512_and_si512(lanes, all(mask))
}

/// The big-endian 16 bits that each lane begins with.
#[inline]
#[target_feature(enable = "avx512f,avx512bw")]
fn swapped(lanes: __m512i) -> __m512i {
    // Byte 1, byte 0 and twice none of each lane.
    let bytes = _mm512_set4_epi32(
        0x8080_0c0d_u32 as i32,
        0x8080_0809_u32 as i32,
        0x8080_0405_u32 as i32,
        0x8080_0001_u32 as i32,
    );
    _mm512_shuffle_epi8(lanes, bytes)
}

/// Shortest frame that is looked at, bytes: Ethernet and an IPv4 header.
pub(super) const SHORTEST: i32 = 34;
/// Bytes of an Ethernet header without tags.
pub(super) const ETHERNET: i32 = 14;
/// Bytes of a VLAN tag.
pub(super) const TAG: i32 = 4;
/// Port 2152 as it is loaded.
pub(super) const GTPU: i32 = 0x6808;
/// Port 25 as it is loaded.
pub(super) const SMTP: i32 = 0x1900;
