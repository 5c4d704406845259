//! Memory shared between the two processes: memfds with seals, and their mappings. The only
//! `unsafe` of this crate.
//!
//! Two kinds. A [`SealedMap`] is immutable: all four seals are on, the kernel lets nobody write, so
//! a plain `&[u32]` is sound. A [`SharedWords`] has one writer in another process or thread: it is
//! only ever seen as `&[AtomicU64]`.
//!
//! Neither can raise SIGBUS: size is sealed, and pages are allocated at mapping time (`MAP_POPULATE`).
#![allow(unsafe_code)]

use std::ffi::c_void;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::ptr::NonNull;
use std::sync::atomic::{AtomicU64, Ordering};

use rustix::fs::{MemfdFlags, SealFlags, fcntl_add_seals, fcntl_get_seals, fstat, ftruncate, memfd_create};
use rustix::io::Errno;
use rustix::mm::{MapFlags, ProtFlags, mmap, munmap};

/// Seals of an image: nobody may change, shrink, grow or unseal it.
pub const IMAGE_SEALS: SealFlags =
    SealFlags::SHRINK.union(SealFlags::GROW).union(SealFlags::WRITE).union(SealFlags::SEAL);

/// Seals of the telemetry: as an image's, but the mappings that exist already may be written.
pub const TELEMETRY_SEALS: SealFlags =
    SealFlags::SHRINK.union(SealFlags::GROW).union(SealFlags::FUTURE_WRITE).union(SealFlags::SEAL);

/// A huge page's size in bytes.
pub const HUGE_PAGE: usize = 2 << 20;

/// What went wrong with shared memory.
#[derive(Debug, thiserror::Error)]
pub enum MemfdError {
    /// A system call failed.
    #[error("{call} of {bytes} bytes failed: {errno}; free memory or huge pages and try again")]
    System {
        /// The call.
        call: &'static str,
        /// Bytes it was for.
        bytes: usize,
        /// The kernel's answer.
        errno: Errno,
    },
    /// The descriptor cannot be sealed, so it is no memfd made for this.
    #[error("descriptor bears no seals ({errno}); send a sealed memfd")]
    NoMemfd {
        /// The kernel's answer.
        errno: Errno,
    },
    /// Seals are missing: somebody could change the memory under the reader.
    #[error("memfd has seals {found:#x}, needs {needed:#x}; seal it before sending")]
    Unsealed {
        /// Seals it bears, as `F_SEAL_*` bits.
        found: u32,
        /// Seals it must bear.
        needed: u32,
    },
    /// Empty, not a whole number of words, or beyond what this machine can map.
    #[error("memfd has {bytes} bytes, which is no whole number of words above 0")]
    Size {
        /// Bytes as `fstat` tells them.
        bytes: u64,
    },
}

/// Whether to ask for 2 MB pages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pages {
    /// 2 MB pages if enough are free, else ordinary ones.
    PreferHuge,
    /// Ordinary pages.
    Ordinary,
}

/// Copies `words` into a fresh memfd and seals it. The copy is complete before the seal, and the
/// writable mapping is gone: from here nobody can change it.
///
/// # Errors
/// [`MemfdError::System`] if memory is short; nothing is left behind.
pub fn seal_copy(words: &[u32], pages: Pages) -> Result<OwnedFd, MemfdError> {
    seal_written(words.len(), pages, |to| to.copy_from_slice(words))
}

/// As [`seal_copy`], of `words` zeroed words that `write` fills in place.
///
/// # Errors
/// [`MemfdError::System`] if memory is short; nothing is left behind.
pub fn seal_written(words: usize, pages: Pages, write: impl Fn(&mut [u32])) -> Result<OwnedFd, MemfdError> {
    if pages == Pages::PreferHuge
        && let Ok(fd) = seal_written_on(words, MemfdFlags::HUGETLB | MemfdFlags::HUGE_2MB, HUGE_PAGE, &write)
    {
        return Ok(fd);
    }
    seal_written_on(words, MemfdFlags::empty(), 4096, &write)
}

fn seal_written_on(
    words: usize,
    flags: MemfdFlags,
    page: usize,
    write: &impl Fn(&mut [u32]),
) -> Result<OwnedFd, MemfdError> {
    let bytes = words.saturating_mul(4).next_multiple_of(page);
    let fd = create(c"gate25-image", flags, bytes)?;
    let map = Mapping::new(fd.as_fd(), bytes, ProtFlags::READ | ProtFlags::WRITE)?;
    // SAFETY: `map` is writable, `bytes` ≥ 4 × `words`, page-aligned, zeroed by the kernel, and known to nobody
    // else until it is sealed; the slice ends before the mapping does.
    write(unsafe { std::slice::from_raw_parts_mut(map.at.as_ptr().cast::<u32>(), words) });
    drop(map);
    add_seals(&fd, IMAGE_SEALS, bytes)?;
    Ok(fd)
}

fn create(name: &std::ffi::CStr, flags: MemfdFlags, bytes: usize) -> Result<OwnedFd, MemfdError> {
    let failed = |call, errno| MemfdError::System { call, bytes, errno };
    let fd = memfd_create(name, MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING | flags)
        .map_err(|errno| failed("memfd_create", errno))?;
    ftruncate(&fd, bytes as u64).map_err(|errno| failed("ftruncate", errno))?;
    Ok(fd)
}

fn add_seals(fd: &OwnedFd, seals: SealFlags, bytes: usize) -> Result<(), MemfdError> {
    fcntl_add_seals(fd, seals).map_err(|errno| MemfdError::System { call: "F_ADD_SEALS", bytes, errno })
}

/// Checks that `fd` bears `needed` and says how many bytes it has.
fn sealed_size(fd: BorrowedFd<'_>, needed: SealFlags, word: u64) -> Result<usize, MemfdError> {
    let found = fcntl_get_seals(fd).map_err(|errno| MemfdError::NoMemfd { errno })?;
    if !found.contains(needed) {
        return Err(MemfdError::Unsealed { found: found.bits(), needed: needed.bits() });
    }
    let stat = fstat(fd).map_err(|errno| MemfdError::System { call: "fstat", bytes: 0, errno })?;
    let bytes = u64::try_from(stat.st_size).unwrap_or(0);
    match usize::try_from(bytes) {
        Ok(size) if size > 0 && bytes % word == 0 && size <= isize::MAX as usize => Ok(size),
        _ => Err(MemfdError::Size { bytes }),
    }
}

/// One `mmap` of a memfd, unmapped on drop.
#[derive(Debug)]
struct Mapping {
    at: NonNull<c_void>,
    bytes: usize,
}

impl Mapping {
    fn new(fd: BorrowedFd<'_>, bytes: usize, prot: ProtFlags) -> Result<Mapping, MemfdError> {
        // SAFETY: a fresh shared mapping at an address of the kernel's choice replaces nothing.
        let at = unsafe { mmap(std::ptr::null_mut(), bytes, prot, MapFlags::SHARED | MapFlags::POPULATE, fd, 0) };
        let failed = |errno| MemfdError::System { call: "mmap", bytes, errno };
        let at = at.map_err(failed)?;
        NonNull::new(at).map(|at| Mapping { at, bytes }).ok_or(failed(Errno::NOMEM))
    }
}

impl Drop for Mapping {
    fn drop(&mut self) {
        // SAFETY: `at` and `bytes` are what `mmap` gave; no slice outlives its owner.
        let _ = unsafe { munmap(self.at.as_ptr(), self.bytes) };
    }
}

/// An immutable memfd, mapped read-only.
#[derive(Debug)]
pub struct SealedMap {
    map: Mapping,
    fd: OwnedFd,
}

// SAFETY: the memory is immutable and owned; any thread may read and any may unmap it.
unsafe impl Send for SealedMap {}
// SAFETY: as above; shared reads of immutable memory.
unsafe impl Sync for SealedMap {}

impl SealedMap {
    /// Maps `fd` after checking that it bears [`IMAGE_SEALS`] and has a size.
    ///
    /// # Errors
    /// Any [`MemfdError`]; the descriptor is closed.
    pub fn open(fd: OwnedFd) -> Result<SealedMap, MemfdError> {
        let bytes = sealed_size(fd.as_fd(), IMAGE_SEALS, 4)?;
        let map = Mapping::new(fd.as_fd(), bytes, ProtFlags::READ)?;
        Ok(SealedMap { map, fd })
    }

    /// The whole memory, as little-endian words; includes what pads the last page.
    #[inline]
    pub fn words(&self) -> &[u32] {
        // SAFETY: mapped for `bytes`, page-aligned, initialised by the kernel, and immutable while
        // sealed: F_SEAL_WRITE needs that no writable mapping exists and forbids any later one.
        unsafe { std::slice::from_raw_parts(self.map.at.as_ptr().cast::<u32>(), self.map.bytes / 4) }
    }
}

impl AsFd for SealedMap {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

/// Words that this process writes and others read, each only as an atomic of 8 bytes.
#[derive(Debug)]
pub struct SharedWords {
    map: Mapping,
    fd: OwnedFd,
}

// SAFETY: only reachable as atomics.
unsafe impl Send for SharedWords {}
// SAFETY: only reachable as atomics.
unsafe impl Sync for SharedWords {}

impl SharedWords {
    /// Makes `words` zeroed words, maps them for writing and seals them so that later mappings can
    /// only read.
    ///
    /// # Errors
    /// [`MemfdError::System`] if memory is short.
    pub fn create(words: usize) -> Result<SharedWords, MemfdError> {
        let bytes = words.saturating_mul(8).next_multiple_of(4096);
        let fd = create(c"gate25-telemetry", MemfdFlags::empty(), bytes)?;
        let map = Mapping::new(fd.as_fd(), bytes, ProtFlags::READ | ProtFlags::WRITE)?;
        add_seals(&fd, TELEMETRY_SEALS, bytes)?;
        Ok(SharedWords { map, fd })
    }

    /// The words. One writer for each: who that is the telemetry's layout says.
    #[inline]
    pub fn words(&self) -> &[AtomicU64] {
        atomics(&self.map)
    }
}

impl AsFd for SharedWords {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

/// Another process's [`SharedWords`], mapped read-only: it can be loaded from, never stored to.
#[derive(Debug)]
pub struct SharedView {
    map: Mapping,
}

// SAFETY: only loaded from, as atomics.
unsafe impl Send for SharedView {}
// SAFETY: only loaded from, as atomics.
unsafe impl Sync for SharedView {}

impl SharedView {
    /// Maps `fd` after checking that it bears [`TELEMETRY_SEALS`] and has a size.
    ///
    /// # Errors
    /// Any [`MemfdError`]; the descriptor is closed.
    pub fn open(fd: OwnedFd) -> Result<SharedView, MemfdError> {
        let bytes = sealed_size(fd.as_fd(), TELEMETRY_SEALS, 8)?;
        Ok(SharedView { map: Mapping::new(fd.as_fd(), bytes, ProtFlags::READ)? })
    }

    /// The word at `index` (Relaxed), if the region has it.
    pub fn load(&self, index: usize) -> Option<u64> {
        atomics(&self.map).get(index).map(|word| word.load(Ordering::Relaxed))
    }

    /// How many words there are, padding included.
    pub fn len(&self) -> usize {
        self.map.bytes / 8
    }

    /// Never true: an empty region is refused when it is opened.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

fn atomics(map: &Mapping) -> &[AtomicU64] {
    // SAFETY: mapped for `bytes`, page-aligned; every access by anybody is an atomic of 8 bytes
    // (the contract of this region). Views only load, and 8-byte atomic loads do not write.
    unsafe { std::slice::from_raw_parts(map.at.as_ptr().cast::<AtomicU64>(), map.bytes / 8) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sealed_copy_reads_back_and_cannot_be_changed() {
        let words: Vec<u32> = (0..5000).collect();
        let fd = seal_copy(&words, Pages::PreferHuge).unwrap();
        assert_eq!(ftruncate(&fd, 0), Err(Errno::PERM));
        // Huge pages cannot be written through a descriptor, sealed or not.
        assert!(matches!(rustix::io::write(&fd, &[1]), Err(Errno::PERM | Errno::INVAL)));
        let map = SealedMap::open(fd).unwrap();
        assert_eq!(&map.words()[..5000], &words[..]);
        assert!(map.words()[5000..].iter().all(|w| *w == 0));
    }

    #[test]
    fn an_unsealed_or_empty_memfd_or_a_plain_file_is_refused() {
        let fd = create(c"t", MemfdFlags::empty(), 4096).unwrap();
        assert!(matches!(SealedMap::open(fd), Err(MemfdError::Unsealed { found: 0, .. })));
        let fd = create(c"t", MemfdFlags::empty(), 0).unwrap();
        fcntl_add_seals(&fd, IMAGE_SEALS).unwrap();
        assert!(matches!(SealedMap::open(fd), Err(MemfdError::Size { bytes: 0 })));
        let fd = create(c"t", MemfdFlags::empty(), 4097).unwrap();
        fcntl_add_seals(&fd, IMAGE_SEALS).unwrap();
        assert!(matches!(SealedMap::open(fd), Err(MemfdError::Size { bytes: 4097 })));
        let file = std::fs::File::open("/proc/self/exe").unwrap();
        assert!(matches!(SealedMap::open(file.into()), Err(MemfdError::NoMemfd { .. })));
        for left_out in [SealFlags::SHRINK, SealFlags::GROW, SealFlags::WRITE, SealFlags::SEAL] {
            let fd = create(c"t", MemfdFlags::empty(), 4096).unwrap();
            fcntl_add_seals(&fd, IMAGE_SEALS.difference(left_out)).unwrap();
            assert!(matches!(SealedMap::open(fd), Err(MemfdError::Unsealed { .. })), "{left_out:?}");
        }
    }

    #[test]
    fn telemetry_words_are_seen_by_readers_who_cannot_write() {
        let ours = SharedWords::create(10).unwrap();
        let theirs = SharedView::open(ours.as_fd().try_clone_to_owned().unwrap()).unwrap();
        ours.words()[3].store(7, Ordering::Relaxed);
        assert_eq!(theirs.load(3), Some(7));
        assert_eq!(theirs.load(theirs.len()), None);
        let again = Mapping::new(ours.as_fd(), 4096, ProtFlags::READ | ProtFlags::WRITE);
        assert!(again.is_err(), "F_SEAL_FUTURE_WRITE must forbid a second writer");
    }
}
