//! The first pass over eight frames at once, with AVX-512: the scalar pass's answers, or none.
//!
//! It knows the commonest frames only: untagged IPv4 without options or IPv6 without extension headers, at least
//! [`SHORTEST`] bytes long, whole, with valid lengths; TCP that does not concern port 25, ICMP, ESP, and UDP that
//! cannot be GTP-U to an end of ours. About every other frame it says nothing. The only `unsafe` of this crate: loads
//! of eight frames' headers by their addresses.
#![allow(unsafe_code)]

use std::arch::x86_64::*;

use crate::frame::Direction;

/// Frames taken at once.
pub(crate) const LANES: usize = 8;

/// Proof that this CPU has AVX-512F.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Wide(());

/// What the pass is sure of, a bit for each of the eight frames; the two masks are disjoint.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Sure {
    /// TCP that does not concern port 25.
    pub(crate) other_port: u8,
    /// Neither TCP nor a tunnel to our end.
    pub(crate) not_tcp: u8,
}

impl Wide {
    /// If the CPU can. Asked of the CPU once in a process, then a load.
    #[inline]
    pub(crate) fn new() -> Option<Self> {
        is_x86_feature_detected!("avx512f").then_some(Self(()))
    }

    /// Looks at eight frames. `ends`: whether there are tunnel ends of ours in IPv4 and in IPv6.
    #[inline]
    pub(crate) fn look(self, frames: &[&[u8]; LANES], ends: (bool, bool), direction: Direction) -> Sure {
        // SAFETY: `self` proves that the CPU has what `look` is compiled for.
        unsafe { look(frames, ends, direction) }
    }
}

#[target_feature(enable = "avx512f")]
fn look(frames: &[&[u8]; LANES], ends: (bool, bool), direction: Direction) -> Sure {
    let at = lanes(frames.map(|frame| frame.as_ptr().expose_provenance() as i64));
    let len = lanes(frames.map(|frame| frame.len() as i64));
    let long = _mm512_cmpge_epi64_mask(len, all(SHORTEST));

    // Bytes 12 to 19: type, version, total_length or payload_length. 20 to 27: fragment, protocol or next header.
    let link = load8(at, 12, long);
    let four = _mm512_mask_cmpeq_epi64_mask(long, and(link, 0x00ff_ffff), all(0x0045_0008));
    let six = _mm512_mask_cmpeq_epi64_mask(long, and(link, 0x00f0_ffff), all(0x0060_dd86));
    let ip = load8(at, 20, four | six);
    let four = _mm512_mask_testn_epi64_mask(four, ip, all(0xff3f));

    // Bytes from the IP header on, as it says: they are there, and no fewer than the header.
    let header = _mm512_mask_blend_epi64(six, all(20), all(40));
    let said4 = swapped(_mm512_srli_epi64::<32>(link));
    let said6 = _mm512_add_epi64(swapped(_mm512_srli_epi64::<48>(link)), all(40));
    let said = _mm512_mask_blend_epi64(six, said4, said6);
    let there = _mm512_sub_epi64(len, all(ETHERNET));
    let fits = _mm512_mask_cmple_epi64_mask(four | six, said, there);
    let fits = _mm512_mask_cmpge_epi64_mask(fits, said, header);

    let protocol = and(_mm512_mask_blend_epi64(six, _mm512_srli_epi64::<24>(ip), ip), 0xff);
    let is = |number| _mm512_mask_cmpeq_epi64_mask(fits, protocol, all(number));
    let tcp = _mm512_mask_cmpge_epi64_mask(is(6), _mm512_sub_epi64(said, header), all(14));
    let udp = is(17);
    let ports = load4(_mm512_add_epi64(at, header), ETHERNET, tcp | udp);
    let no_ends = (if ends.0 { 0 } else { four }) | (if ends.1 { 0 } else { six });
    let gtpu = _mm512_mask_cmpeq_epi64_mask(udp & !no_ends, _mm512_srli_epi64::<16>(ports), all(GTPU));
    let not_tcp = udp & !gtpu | is(1) | is(50) | is(58);
    let from = _mm512_mask_cmpeq_epi64_mask(tcp, and(ports, 0xffff), all(SMTP));
    let to = _mm512_mask_cmpeq_epi64_mask(tcp, _mm512_srli_epi64::<16>(ports), all(SMTP));
    let concerned = match direction {
        Direction::Outbound => to,
        Direction::Inbound => from & !to,
    };
    Sure { other_port: tcp & !concerned, not_tcp }
}

/// Eight bytes of each frame in `mask` at `offset`; 0 elsewhere.
#[inline]
#[target_feature(enable = "avx512f")]
fn load8(at: __m512i, offset: i64, mask: __mmask8) -> __m512i {
    let at = _mm512_add_epi64(at, all(offset));
    // SAFETY: only lanes in `mask` are read; their frames have SHORTEST bytes, and the greatest offset is 20.
    unsafe { _mm512_mask_i64gather_epi64::<1>(all(0), mask, at, std::ptr::null()) }
}

/// Four bytes at `offset` from each address in `mask`; 0 elsewhere.
#[inline]
#[target_feature(enable = "avx512f")]
fn load4(at: __m512i, offset: i64, mask: __mmask8) -> __m512i {
    let at = _mm512_add_epi64(at, all(offset));
    // SAFETY: only lanes in `mask` are read: of frames that have SHORTEST bytes, 4 at 14 + 40 at the farthest.
    let words = unsafe { _mm512_mask_i64gather_epi32::<1>(_mm256_setzero_si256(), mask, at, std::ptr::null()) };
    _mm512_cvtepu32_epi64(words)
}

#[inline]
#[target_feature(enable = "avx512f")]
fn lanes(values: [i64; LANES]) -> __m512i {
    let [a, b, c, d, e, f, g, h] = values;
    _mm512_setr_epi64(a, b, c, d, e, f, g, h)
}

#[inline]
#[target_feature(enable = "avx512f")]
fn all(value: i64) -> __m512i {
    _mm512_set1_epi64(value)
}

#[inline]
#[target_feature(enable = "avx512f")]
fn and(lanes: __m512i, mask: i64) -> __m512i {
    _mm512_and_si512(lanes, all(mask))
}

/// The big-endian 16 bits that each lane begins with.
#[inline]
#[target_feature(enable = "avx512f")]
fn swapped(lanes: __m512i) -> __m512i {
    let high = _mm512_slli_epi64::<8>(and(lanes, 0x00ff));
    _mm512_or_si512(high, _mm512_srli_epi64::<8>(and(lanes, 0xff00)))
}

/// Shortest frame that is looked at, bytes: no load reaches behind it.
const SHORTEST: i64 = 58;
/// Bytes of an Ethernet header without tags.
const ETHERNET: i64 = 14;
/// Port 2152 as it is loaded.
const GTPU: i64 = 0x6808;
/// Port 25 as it is loaded.
const SMTP: i64 = 0x1900;
