//! Bindings to the distribution's libdpdk (22.11 or newer), made at build time; nothing else.
//!
//! Owns no policy: names and contracts are DPDK's (<https://doc.dpdk.org/api/>) or those of
//! include/dpdk_shim.h. The C shim holds what is `static inline` in DPDK and what moved between versions.
//! Promise: whatever Rust reads of an mbuf directly is checked by the C compiler against the headers in use.

// The generated functions come without Rust documentation; theirs is DPDK's API reference.
#[allow(
    missing_docs,
    non_camel_case_types,
    non_upper_case_globals,
    unreachable_pub,
    dead_code,
    clippy::all,
    clippy::undocumented_unsafe_blocks
)]
mod bindings {
    include!(concat!(env!("OUT_DIR"), "/bindings.rs"));
}

pub use bindings::*;

#[cfg(feature = "peers")]
pub mod peers;

/// The head of `struct rte_mbuf`, as Rust reads it: one segment and, in the first segment, the whole frame.
///
/// Offsets are those of DPDK 22.11 up to 24.11. dpdk_shim.c asserts each against the headers at hand, and the
/// constants below assert this structure, so that a move is a build error.
#[repr(C)]
#[derive(Debug)]
pub struct MbufHead {
    /// Start of the segment's buffer.
    pub buf_addr: *mut u8,
    iova_or_next: u64,
    /// Bytes from `buf_addr` to the first byte of data.
    pub data_off: u16,
    refcnt: u16,
    /// Segments in the frame; valid in the first segment.
    pub nb_segs: u16,
    /// Port that received the frame.
    pub port: u16,
    /// `RTE_MBUF_F_*`.
    pub ol_flags: u64,
    /// `RTE_PTYPE_*`, as far as the port recognises types.
    pub packet_type: u32,
    /// Bytes of the frame in all its segments; valid in the first segment.
    pub pkt_len: u32,
    /// Bytes of data in this segment.
    pub data_len: u16,
}

const _: () = {
    assert!(core::mem::offset_of!(MbufHead, buf_addr) == 0);
    assert!(core::mem::offset_of!(MbufHead, data_off) == 16);
    assert!(core::mem::offset_of!(MbufHead, nb_segs) == 20);
    assert!(core::mem::offset_of!(MbufHead, port) == 22);
    assert!(core::mem::offset_of!(MbufHead, ol_flags) == 24);
    assert!(core::mem::offset_of!(MbufHead, packet_type) == 32);
    assert!(core::mem::offset_of!(MbufHead, pkt_len) == 36);
    assert!(core::mem::offset_of!(MbufHead, data_len) == 40);
    assert!(core::mem::size_of::<rte_mbuf>() == 128);
};

#[cfg(test)]
mod tests {
    use std::ffi::CStr;

    #[test]
    fn linked_against_a_supported_version() {
        // SAFETY: rte_version returns a static NUL-terminated string.
        let version = unsafe { CStr::from_ptr(super::rte_version()) }.to_str().unwrap();
        let number = version.split_whitespace().nth(1).unwrap();
        let mut parts = number.split('.').map(|part| part.parse::<u32>().unwrap());
        let (year, month) = (parts.next().unwrap(), parts.next().unwrap());
        assert!((year, month) >= (22, 11), "{version}");
    }

    #[test]
    fn typed_constants_survive() {
        assert_eq!(super::GATE25_RX_OFFLOAD_SCATTER.count_ones(), 1);
        assert_eq!(super::GATE25_TX_OFFLOAD_MULTI_SEGS.count_ones(), 1);
        assert_ne!(super::GATE25_RSS_IP, 0);
    }
}
