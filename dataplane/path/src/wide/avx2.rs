//! The first pass over eight frames at once with AVX2: what [`sort`](super::sort) does, with masks as wide as what they
//! are of.
#![allow(unsafe_code)]

use std::arch::x86_64::*;

use super::sort::{ETHERNET, GTPU, SHORTEST, SMTP, TAG};
use crate::burst::Sorted;
use crate::frame::Direction;
use crate::frames::Frames;

/// See [`Wide::sort`](super::Wide::sort).
#[target_feature(enable = "avx2")]
pub(super) fn sort(frames: &Frames<'_>, ends: (bool, bool), direction: Direction, sorted: &mut Sorted) {
    let mut shift = 0;
    for ((at, len), network_at) in frames.chunks::<8>().zip(sorted.network_at.as_chunks_mut::<8>().0) {
        // SAFETY: three loads of whole arrays.
        let (at, len) = unsafe {
            let at = [_mm256_loadu_si256(at.as_ptr().cast()), _mm256_loadu_si256(at.as_ptr().add(4).cast())];
            (at, _mm256_loadu_si256(len.as_ptr().cast()))
        };
        let eight = Eight::of(at, len);
        *network_at = low_bytes(eight.network_at);
        let found = eight.look(ends);
        let to_smtp = bits(found.tcp) & bits(found.to(SMTP));
        let (smtp, concerned) = match direction {
            Direction::Outbound => (to_smtp, to_smtp),
            Direction::Inbound => (0, bits(found.from(SMTP)) & !to_smtp),
        };
        sorted.other_port |= (bits(found.tcp) & !concerned) << shift;
        sorted.not_tcp |= bits(found.not_tcp) << shift;
        sorted.smtp4 |= (smtp & bits(found.four)) << shift;
        sorted.smtp6 |= (smtp & !bits(found.four)) << shift;
        shift += 8;
    }
}

/// Eight frames behind their tags, with what stands at the bytes they would have without them.
struct Eight {
    at: [__m256i; 2],
    /// Offset of the IP header in the frame.
    network_at: __m256i,
    /// Bytes behind the Ethernet header and the tags.
    there: __m256i,
    /// Those with room for an IPv4 header.
    long: __m256i,
    /// Bytes 12 to 15: type, version and what follows it.
    link: __m256i,
    /// Bytes 16 to 19: total_length, or the end of the flow label and payload_length.
    length: __m256i,
    /// Bytes 20 to 23: fragment and protocol, or next header.
    ip: __m256i,
    four: __m256i,
    six: __m256i,
}

/// What was found of eight frames; it is sure of those in `tcp` and `not_tcp`.
struct Found {
    tcp: __m256i,
    not_tcp: __m256i,
    four: __m256i,
    ports: __m256i,
}

impl Eight {
    #[inline]
    #[target_feature(enable = "avx2")]
    fn of(at: [__m256i; 2], len: __m256i) -> Self {
        let long = above(len, SHORTEST - 1);
        let (link, length) = load8(at, 12, long);
        let ip = load4(at, [_mm256_set1_epi64x(20); 2], long);
        let (network_at, there) = (all(ETHERNET), _mm256_sub_epi32(len, all(ETHERNET)));
        let mut eight = Self { at, network_at, there, long, link, length, ip, four: all(0), six: all(0) };
        eight.version();
        if bits(but(eight.long, either(eight.four, eight.six))) != 0 {
            // Two tags move what is of interest no further than here, and a frame without tags is long enough for it.
            let (next, last) = load8(at, 24, long);
            eight.untag(next);
            eight.untag(last);
        }
        eight
    }

    #[inline]
    #[target_feature(enable = "avx2")]
    fn version(&mut self) {
        self.four = both(self.long, is(both(self.link, all(0x00ff_ffff)), 0x0045_0008));
        self.six = both(self.long, is(both(self.link, all(0x00f0_ffff)), 0x0060_dd86));
    }

    /// Goes behind a tag of those that have one; `next` is the four bytes behind those known. What is too short behind its
    /// tag is no longer `long`.
    #[inline]
    #[target_feature(enable = "avx2")]
    fn untag(&mut self, next: __m256i) {
        let kind = both(self.link, all(0xffff));
        let tag = either(either(is(kind, 0x0081), is(kind, 0xa888)), either(is(kind, 0x0091), is(kind, 0x0092)));
        let tagged = both(self.long, tag);
        self.network_at = _mm256_add_epi32(self.network_at, both(tagged, all(TAG)));
        self.there = _mm256_sub_epi32(self.there, both(tagged, all(TAG)));
        self.long = both(self.long, above(self.there, SHORTEST - ETHERNET - 1));
        self.link = _mm256_blendv_epi8(self.link, self.length, tagged);
        self.length = _mm256_blendv_epi8(self.length, self.ip, tagged);
        self.ip = _mm256_blendv_epi8(self.ip, next, tagged);
        self.version();
    }

    #[inline]
    #[target_feature(enable = "avx2")]
    fn look(self, ends: (bool, bool)) -> Found {
        let Self { there, length, ip, six, .. } = self;
        let header = _mm256_add_epi32(all(20), both(six, all(20)));
        let ported = both(either(self.four, six), above(_mm256_sub_epi32(there, header), 3));
        let ports = load4(self.at, fours(_mm256_add_epi32(self.network_at, header)), ported);
        let four = both(self.four, is(both(ip, all(0xff3f)), 0));

        // Bytes from the IP header on, as it says: they are there, and no fewer than the header.
        let said = swapped(_mm256_blendv_epi8(length, _mm256_srli_epi32::<16>(length), six));
        let said = _mm256_add_epi32(said, both(six, all(40)));
        let fits = but(either(four, six), _mm256_cmpgt_epi32(said, there));
        let payload = _mm256_sub_epi32(said, header);

        let protocol = _mm256_blendv_epi8(_mm256_srli_epi32::<24>(ip), both(ip, all(0xff)), six);
        let tcp = both(both(fits, is(protocol, 6)), above(payload, 13));
        let whole = both(fits, above(payload, -1));
        let udp = both(both(whole, is(protocol, 17)), ported);
        let asked = either(if ends.0 { four } else { all(0) }, if ends.1 { six } else { all(0) });
        let gtpu = both(asked, is(_mm256_srli_epi32::<16>(ports), GTPU));
        let other = either(is(protocol, 1), either(is(protocol, 50), is(protocol, 58)));
        Found { tcp, not_tcp: either(but(udp, gtpu), both(whole, other)), four, ports }
    }
}

impl Found {
    /// TCP from this port.
    #[inline]
    #[target_feature(enable = "avx2")]
    fn from(&self, port: i32) -> __m256i {
        both(self.tcp, is(both(self.ports, all(0xffff)), port))
    }

    /// TCP to this port.
    #[inline]
    #[target_feature(enable = "avx2")]
    fn to(&self, port: i32) -> __m256i {
        both(self.tcp, is(_mm256_srli_epi32::<16>(self.ports), port))
    }
}

/// Eight bytes of each frame in `mask` at `offset`, the first four and the others; 0 elsewhere.
#[inline]
#[target_feature(enable = "avx2")]
fn load8(at: [__m256i; 2], offset: i64, mask: __m256i) -> (__m256i, __m256i) {
    let ([low, high], offset) = (at, _mm256_set1_epi64x(offset));
    let low = gather8(_mm256_add_epi64(low, offset), _mm256_castsi256_si128(mask));
    let high = gather8(_mm256_add_epi64(high, offset), _mm256_extracti128_si256::<1>(mask));
    let (low, high) = (_mm256_castsi256_ps(low), _mm256_castsi256_ps(high));
    let even = _mm256_castps_si256(_mm256_shuffle_ps::<0b10_00_10_00>(low, high));
    let odd = _mm256_castps_si256(_mm256_shuffle_ps::<0b11_01_11_01>(low, high));
    (_mm256_permute4x64_epi64::<0b11_01_10_00>(even), _mm256_permute4x64_epi64::<0b11_01_10_00>(odd))
}

/// Four bytes of each frame in `mask` at its offset; 0 elsewhere.
#[inline]
#[target_feature(enable = "avx2")]
fn load4(at: [__m256i; 2], offsets: [__m256i; 2], mask: __m256i) -> __m256i {
    let ([low, high], [low_offsets, high_offsets]) = (at, offsets);
    let low = gather4(_mm256_add_epi64(low, low_offsets), _mm256_castsi256_si128(mask));
    let high = gather4(_mm256_add_epi64(high, high_offsets), _mm256_extracti128_si256::<1>(mask));
    _mm256_set_m128i(high, low)
}

#[inline]
#[target_feature(enable = "avx2")]
fn gather8(at: __m256i, mask: __m128i) -> __m256i {
    let mask = _mm256_cvtepi32_epi64(mask);
    // SAFETY: only lanes in `mask` are read; their frames have SHORTEST bytes, which is more than 24 and 8.
    unsafe { _mm256_mask_i64gather_epi64::<1>(all(0), std::ptr::null(), at, mask) }
}

#[inline]
#[target_feature(enable = "avx2")]
fn gather4(at: __m256i, mask: __m128i) -> __m128i {
    // SAFETY: only lanes in `mask` are read: those with SHORTEST bytes for offset 20, and for the ports those that have 4 bytes
    // behind their IP header, by their length.
    unsafe { _mm256_mask_i64gather_epi32::<1>(_mm_setzero_si128(), std::ptr::null(), at, mask) }
}

/// Eight lanes as twice four wider ones.
#[inline]
#[target_feature(enable = "avx2")]
fn fours(lanes: __m256i) -> [__m256i; 2] {
    let (low, high) = (_mm256_castsi256_si128(lanes), _mm256_extracti128_si256::<1>(lanes));
    [_mm256_cvtepu32_epi64(low), _mm256_cvtepu32_epi64(high)]
}

/// The low byte of each lane.
#[inline]
#[target_feature(enable = "avx2")]
fn low_bytes(lanes: __m256i) -> [u8; 8] {
    let bytes = _mm256_shuffle_epi8(lanes, all(0x0c08_0400));
    let [low, high] = [_mm256_extract_epi32::<0>(bytes), _mm256_extract_epi32::<4>(bytes)];
    (u64::from(low.cast_unsigned()) | u64::from(high.cast_unsigned()) << 32).to_le_bytes()
}

/// The big-endian 16 bits that each lane begins with.
#[inline]
#[target_feature(enable = "avx2")]
fn swapped(lanes: __m256i) -> __m256i {
    // Byte 1, byte 0 and twice none of each lane.
    let bytes = _mm256_setr_epi8(
        1, 0, -1, -1, 5, 4, -1, -1, 9, 8, -1, -1, 13, 12, -1, -1, 1, 0, -1, -1, 5, 4, -1, -1, 9, 8, -1, -1, 13, 12, -1,
        -1,
    );
    _mm256_shuffle_epi8(lanes, bytes)
}

/// A bit for each lane whose highest is set.
#[inline]
#[target_feature(enable = "avx2")]
fn bits(lanes: __m256i) -> u64 {
    u64::from(_mm256_movemask_ps(_mm256_castsi256_ps(lanes)).cast_unsigned())
}

#[inline]
#[target_feature(enable = "avx2")]
fn all(value: i32) -> __m256i {
    _mm256_set1_epi32(value)
}

#[inline]
#[target_feature(enable = "avx2")]
fn both(some: __m256i, more: __m256i) -> __m256i {
    _mm256_and_si256(some, more)
}

#[inline]
#[target_feature(enable = "avx2")]
fn either(some: __m256i, more: __m256i) -> __m256i {
    _mm256_or_si256(some, more)
}

/// Those of `some` that are not in `less`.
#[inline]
#[target_feature(enable = "avx2")]
fn but(some: __m256i, less: __m256i) -> __m256i {
    _mm256_andnot_si256(less, some)
}

#[inline]
#[target_feature(enable = "avx2")]
fn is(lanes: __m256i, value: i32) -> __m256i {
    _mm256_cmpeq_epi32(lanes, all(value))
}

/// Those above a number. Both are signed: a frame of 2 GiB or more is not, and so left to the full parser.
#[inline]
#[target_feature(enable = "avx2")]
fn above(lanes: __m256i, value: i32) -> __m256i {
    _mm256_cmpgt_epi32(lanes, all(value))
}
