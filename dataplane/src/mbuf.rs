//! Packet buffers: the pool they come from and the burst that a worker holds.
//!
//! Owns every raw mbuf pointer of the program. A `Burst` owns its frames: it sends them, frees them or hands them
//! to another burst, and what is left when it is dropped is freed. Promise: no frame is lost, freed twice or
//! reordered, and frame bytes are only ever read.

#![allow(unsafe_code)]

use std::ffi::CString;
use std::ptr::NonNull;

use dpdk_sys::{MbufHead, rte_mbuf, rte_mempool};
use gate25_path::Frames;
use gate25_path::frames::places;

use crate::eal;
use crate::port::{RxQueue, TxQueue};

/// Most frames a worker receives at once.
pub const BURST: usize = gate25_path::BURST;
/// Bytes in front of the data in each buffer (RTE_PKTMBUF_HEADROOM).
pub const HEADROOM: u32 = dpdk_sys::RTE_PKTMBUF_HEADROOM;
/// Longest frame in several segments that is read whole, bytes; what is behind it is forwarded unread.
const SCRATCH_SLOT: usize = 1 << 16;

/// A pool of packet buffers; lives until EAL ends.
#[derive(Clone, Copy, Debug)]
pub struct Pool {
    pool: NonNull<rte_mempool>,
    size: u32,
}

// SAFETY: DPDK's mempools are made for use from many threads; each lcore has its own cache.
unsafe impl Send for Pool {}
// SAFETY: as above.
unsafe impl Sync for Pool {}

impl Pool {
    /// A pool of `count` buffers with `data` bytes of frame each, on NUMA node `socket` (-1: any). The error is
    /// DPDK's.
    pub fn new(name: &str, count: u32, data: u16, socket: i32) -> Result<Self, String> {
        let c_name = CString::new(name).map_err(|error| error.to_string())?;
        let room = data.saturating_add(u16::try_from(HEADROOM).unwrap_or(u16::MAX));
        // SAFETY: EAL runs; the name is NUL-terminated and copied.
        let pool = unsafe { dpdk_sys::rte_pktmbuf_pool_create(c_name.as_ptr(), count, CACHE, 0, room, socket) };
        NonNull::new(pool).map(|pool| Self { pool, size: count }).ok_or_else(|| eal::error_text(eal::errno()))
    }

    /// Buffers in the pool and its caches, none of which holds a frame. Exact while workers rest.
    pub fn available(&self) -> u32 {
        // SAFETY: the pool lives until EAL ends; the count only reads.
        unsafe { dpdk_sys::rte_mempool_avail_count(self.pool.as_ptr()) }
    }

    /// Buffers in all.
    pub fn size(&self) -> u32 {
        self.size
    }

    /// The pool for rte_eth_rx_queue_setup.
    pub(crate) fn as_ptr(&self) -> *mut rte_mempool {
        self.pool.as_ptr()
    }
}

/// Up to [`BURST`] frames in the order in which they came.
pub struct Burst {
    mbufs: [*mut rte_mbuf; BURST],
    len: usize,
}

// SAFETY: a burst owns its mbufs alone, and an mbuf may be freed or sent by any EAL thread.
unsafe impl Send for Burst {}

impl Burst {
    /// No frames.
    pub fn new() -> Self {
        Self { mbufs: [std::ptr::null_mut(); BURST], len: 0 }
    }

    /// Frames held.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether it holds no frame.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Frees what it holds and takes what the queue has, at most [`BURST`] frames.
    pub fn receive(&mut self, queue: &mut RxQueue) {
        self.free();
        // SAFETY: the array has room for BURST pointers; the queue is set up, started and this thread's own.
        let n =
            unsafe { dpdk_sys::gate25_rx_burst(queue.port(), queue.index(), self.mbufs.as_mut_ptr(), BURST as u16) };
        self.len = usize::from(n).min(BURST);
    }

    /// Offers all frames to the queue once. What it does not take stays, in order. Returns frames taken.
    pub fn send(&mut self, queue: &mut TxQueue) -> usize {
        let offered = self.len;
        // SAFETY: the first `len` pointers are mbufs of ours; DPDK owns those it takes. The queue is set up,
        // started and this thread's own.
        let taken =
            unsafe { dpdk_sys::gate25_tx_burst(queue.port(), queue.index(), self.mbufs.as_mut_ptr(), offered as u16) };
        let taken = usize::from(taken).min(offered);
        self.mbufs.copy_within(taken..offered, 0);
        self.len = offered - taken;
        taken
    }

    /// Frees all frames in one call. Returns how many.
    pub fn free(&mut self) -> usize {
        let n = std::mem::take(&mut self.len);
        if n > 0 {
            // SAFETY: the first `n` pointers are mbufs of ours, and `len` no longer counts them.
            unsafe { dpdk_sys::rte_pktmbuf_free_bulk(self.mbufs.as_mut_ptr(), n as u32) };
        }
        n
    }

    /// Whether `mask` has a bit for every frame (bit i: frame i).
    pub fn is_all(&self, mask: u64) -> bool {
        self.len > 0 && mask == u64::MAX >> (BURST - self.len)
    }

    /// Moves the frames whose bit is set in `mask` (bit i: frame i) to `taken`, which is emptied first. Both stay
    /// in order.
    pub fn split(&mut self, mask: u64, taken: &mut Self) {
        taken.free();
        let mask = mask & u64::MAX.checked_shr((BURST - self.len) as u32).unwrap_or(0);
        if mask.count_ones() <= FEW { self.split_few(mask, taken) } else { self.split_many(mask, taken) }
    }

    /// Frames between those that go are moved together.
    fn split_few(&mut self, mask: u64, taken: &mut Self) {
        let (mut left, mut kept) = (mask, mask.trailing_zeros().min(self.len as u32) as usize);
        for index in places(mask) {
            left &= left - 1;
            let next = (left.trailing_zeros() as usize).min(self.len);
            if let (Some(&mbuf), Some(go)) = (self.mbufs.get(index), taken.mbufs.get_mut(taken.len)) {
                *go = mbuf;
                taken.len += 1;
            }
            self.mbufs.copy_within(index + 1..next, kept);
            kept += next - index - 1;
        }
        self.len = kept;
    }

    /// Each frame is written to both and kept by one: no branch on what goes.
    fn split_many(&mut self, mask: u64, taken: &mut Self) {
        let (mut kept, mut moved) = (0, 0);
        for index in 0..self.len {
            let Some(&mbuf) = self.mbufs.get(index) else { break };
            if let (Some(stay), Some(go)) = (self.mbufs.get_mut(kept), taken.mbufs.get_mut(moved)) {
                (*stay, *go) = (mbuf, mbuf);
            }
            let goes = (mask >> index & 1) as usize;
            moved += goes;
            kept += 1 - goes;
        }
        (self.len, taken.len) = (kept, moved);
    }

    /// Adds a frame with these bytes at the end. False if the burst is full, the pool empty or the frame longer
    /// than a buffer.
    pub fn push_copy(&mut self, pool: &Pool, bytes: &[u8]) -> bool {
        let (Some(slot), Ok(len)) = (self.mbufs.get_mut(self.len), u16::try_from(bytes.len())) else {
            return false;
        };
        // SAFETY: the pool lives until EAL ends.
        let mbuf = unsafe { dpdk_sys::gate25_mbuf_alloc(pool.as_ptr()) };
        if mbuf.is_null() {
            return false;
        }
        // SAFETY: a fresh mbuf of ours.
        let room = unsafe { dpdk_sys::gate25_mbuf_append(mbuf, len) };
        if room.is_null() {
            // SAFETY: a fresh mbuf of ours that nobody else holds.
            unsafe { dpdk_sys::gate25_mbuf_free(mbuf) };
            return false;
        }
        // SAFETY: append gave `len` bytes at `room`, in memory that no Rust reference reaches.
        unsafe { std::ptr::copy_nonoverlapping(bytes.as_ptr(), room, bytes.len()) };
        *slot = mbuf;
        self.len += 1;
        true
    }

    /// Bytes in all frames.
    pub fn total_bytes(&self) -> u64 {
        self.held().iter().map(|&mbuf| u64::from(head(mbuf).pkt_len)).sum()
    }

    /// The bytes of every frame, in order, and how many there are in all; frames in several segments are read from
    /// `scratch`.
    #[inline]
    pub fn frames<'a>(&'a self, scratch: &'a mut Scratch) -> (Frames<'a>, u64) {
        let (mut bytes, mut segments) = (0, 0);
        let view = |&mbuf: &'a *mut rte_mbuf| {
            let first = head(mbuf);
            // Those of the frame, unless it has more segments.
            bytes += u64::from(first.data_len);
            segments |= first.nb_segs;
            segment(first)
        };
        let mut frames: Frames<'a> = self.held().iter().map(view).collect();
        if segments > 1 {
            frames = self.gathered(scratch);
            bytes = self.total_bytes();
        }
        (frames, bytes)
    }

    /// The same where a frame has more than one segment.
    #[cold]
    fn gathered<'a>(&'a self, scratch: &'a mut Scratch) -> Frames<'a> {
        let held = self.held();
        for (index, &mbuf) in held.iter().enumerate() {
            if head(mbuf).nb_segs > 1 {
                scratch.gather(index, mbuf);
            }
        }
        let scratch = &*scratch;
        let whole = |(index, &mbuf): (usize, &*mut rte_mbuf)| {
            let first = head(mbuf);
            if first.nb_segs > 1 { scratch.frame(index) } else { segment(first) }
        };
        held.iter().enumerate().map(whole).collect()
    }

    fn held(&self) -> &[*mut rte_mbuf] {
        self.mbufs.get(..self.len).unwrap_or_default()
    }
}

impl Default for Burst {
    fn default() -> Self {
        Self::new()
    }
}

impl Drop for Burst {
    fn drop(&mut self) {
        self.free();
    }
}

/// Room for frames in several segments, one slot per frame of a burst; allocated once per worker.
pub struct Scratch {
    room: Vec<u8>,
    lens: [usize; BURST],
}

impl Scratch {
    /// Room for a burst. Pages are touched when the first such frames come.
    pub fn new() -> Self {
        Self { room: vec![0; BURST * SCRATCH_SLOT], lens: [0; BURST] }
    }

    fn gather(&mut self, index: usize, mbuf: *mut rte_mbuf) {
        let mut filled = 0;
        let slot = self.room.chunks_exact_mut(SCRATCH_SLOT).nth(index).unwrap_or_default();
        let mut next = mbuf;
        while !next.is_null() {
            let bytes = segment(head(next));
            let Some(room) = slot.get_mut(filled..) else { break };
            let n = bytes.len().min(room.len());
            for (to, from) in room.iter_mut().zip(bytes) {
                *to = *from;
            }
            filled += n;
            // SAFETY: a live segment of a burst's frame.
            next = unsafe { dpdk_sys::gate25_mbuf_next(next) };
        }
        if let Some(len) = self.lens.get_mut(index) {
            *len = filled;
        }
    }

    fn frame(&self, index: usize) -> &[u8] {
        let len = self.lens.get(index).copied().unwrap_or(0);
        let start = index * SCRATCH_SLOT;
        self.room.get(start..start + len).unwrap_or_default()
    }
}

impl Default for Scratch {
    fn default() -> Self {
        Self::new()
    }
}

/// The head of an mbuf that a burst holds.
#[inline]
fn head<'a>(mbuf: *mut rte_mbuf) -> &'a MbufHead {
    // SAFETY: private to this module: called with live mbufs of a burst that outlives the reference; MbufHead is
    // the head of struct rte_mbuf (asserted in dpdk-sys); nobody writes the mbuf while a worker holds it.
    unsafe { &*mbuf.cast::<MbufHead>() }
}

/// The bytes of one segment.
#[inline]
fn segment(head: &MbufHead) -> &[u8] {
    // SAFETY: the driver filled data_len bytes from data_off on, inside the buffer, before it gave the mbuf to us.
    unsafe {
        let data = head.buf_addr.add(usize::from(head.data_off));
        std::slice::from_raw_parts(data, usize::from(head.data_len))
    }
}

/// Frames that go up to which those that stay are moved in pieces.
const FEW: u32 = 6;

/// Buffers that each lcore keeps for itself.
const CACHE: u32 = 256;

#[cfg(test)]
mod tests {
    use super::*;

    /// A burst of numbers in place of mbufs: they are never followed, and forgotten before anything is freed.
    fn numbered(len: usize) -> Burst {
        let mut burst = Burst::new();
        burst
            .mbufs
            .iter_mut()
            .enumerate()
            .for_each(|(number, mbuf)| *mbuf = std::ptr::without_provenance_mut(number + 1));
        burst.len = len;
        burst
    }

    fn forget(burst: &mut Burst) -> Vec<usize> {
        let numbers = burst.held().iter().map(|mbuf| mbuf.addr() - 1).collect();
        burst.len = 0;
        numbers
    }

    #[test]
    fn a_split_burst_is_what_stays_and_what_goes_in_order() {
        let mut random = 1_u64;
        for len in 0..=BURST {
            for bits in 0..=BURST as u32 {
                // Few bits, many bits, and bits of frames that are not there.
                random = random.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(0x1405_7b7e_f767_814f);
                let some = random.rotate_right(random as u32 >> 26);
                let mask = (0..bits / 16).fold(some, |mask, turn| mask & some.rotate_left(7 * turn + 1)) << (bits % 3);
                let (mut stay, mut go) = (numbered(len), Burst::new());
                stay.split(mask, &mut go);
                let goes = |number: &usize| mask >> number & 1 == 1;
                assert_eq!(forget(&mut go), (0..len).filter(goes).collect::<Vec<_>>(), "{mask:#x} of {len}");
                assert_eq!(forget(&mut stay), (0..len).filter(|number| !goes(number)).collect::<Vec<_>>());
            }
        }
    }
}
