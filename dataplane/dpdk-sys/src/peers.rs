//! DPDK's own look-ups behind safe calls, for scripts/bench lookup (feature `peers`; no product has it).
//!
//! Owns EAL of the process and the tables. A next hop is a number above 0; 0 is what a look-up gives when no
//! prefix matches. Every failure names the call and DPDK's errno; nothing is retried.

use core::ffi::{CStr, c_int};
use std::ffi::CString;
use std::ptr::NonNull;

use crate as dpdk;

/// EAL of this process; tables cannot be made without it.
#[derive(Debug)]
pub struct Eal(());

impl Eal {
    /// Starts EAL with these arguments, the program's name first.
    ///
    /// # Errors
    /// EAL's errno in words; EAL has said more on stderr.
    pub fn start(arguments: &[&str]) -> Result<Eal, String> {
        let arguments: Result<Vec<CString>, _> = arguments.iter().map(|argument| CString::new(*argument)).collect();
        let arguments = arguments.map_err(|error| error.to_string())?;
        // EAL may reorder the array, so it gets one of pointers of its own.
        let mut pointers: Vec<_> = arguments.iter().map(|argument| argument.as_ptr().cast_mut()).collect();
        // SAFETY: as many NUL-terminated strings as said, alive over the call; EAL keeps none of them.
        let used = unsafe { dpdk::rte_eal_init(pointers.len() as c_int, pointers.as_mut_ptr()) };
        if used < 0 { Err(failed("rte_eal_init")) } else { Ok(Eal(())) }
    }
}

/// How many bytes an rte_fib next hop has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NextHop {
    /// 15 bits.
    Two,
    /// 31 bits.
    Four,
}

/// Which of DPDK's forms of one look-up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// One address after the other.
    Scalar,
    /// 16 addresses at once; needs EAL's `--force-max-simd-bitwidth=512`.
    Avx512,
}

/// An IPv4 `rte_fib` of type dir24_8.
#[derive(Debug)]
pub struct Fib4<'e>(NonNull<dpdk::rte_fib>, core::marker::PhantomData<&'e Eal>);

impl<'e> Fib4<'e> {
    /// An empty table for `routes` prefixes and `tbl8s` groups of 256 addresses.
    ///
    /// # Errors
    /// Memory is short, or DPDK does not take the numbers.
    pub fn new(_eal: &'e Eal, name: &CStr, size: NextHop, routes: u32, tbl8s: u32) -> Result<Self, String> {
        let nh_sz = if size == NextHop::Two { dpdk::RTE_FIB_DIR24_8_2B } else { dpdk::RTE_FIB_DIR24_8_4B };
        let mut conf = dpdk::rte_fib_conf { type_: dpdk::RTE_FIB_DIR24_8, default_nh: 0, ..Default::default() };
        conf.max_routes = routes as c_int;
        conf.__bindgen_anon_1.dir24_8 = dpdk::rte_fib_conf__bindgen_ty_1__bindgen_ty_1 { nh_sz, num_tbl8: tbl8s };
        // SAFETY: EAL runs; name and conf live over the call and are copied.
        let fib = unsafe { dpdk::rte_fib_create(name.as_ptr(), ANY_SOCKET, &raw mut conf) };
        NonNull::new(fib).map(|fib| Fib4(fib, core::marker::PhantomData)).ok_or_else(|| failed("rte_fib_create"))
    }

    /// Adds a prefix.
    ///
    /// # Errors
    /// DPDK refuses it; mostly because `tbl8s` was too low.
    pub fn add(&mut self, address: u32, length: u8, next_hop: u32) -> Result<(), String> {
        // SAFETY: the table is alive.
        let rc = unsafe { dpdk::rte_fib_add(self.0.as_ptr(), address, length, next_hop.into()) };
        done("rte_fib_add", rc)
    }

    /// Chooses the form of later look-ups.
    ///
    /// # Errors
    /// This CPU or EAL's arguments do not allow it.
    pub fn select(&mut self, form: Form) -> Result<(), String> {
        let form = match form {
            Form::Scalar => dpdk::RTE_FIB_LOOKUP_DIR24_8_SCALAR_MACRO,
            Form::Avx512 => dpdk::RTE_FIB_LOOKUP_DIR24_8_VECTOR_AVX512,
        };
        // SAFETY: the table is alive.
        done("rte_fib_select_lookup", unsafe { dpdk::rte_fib_select_lookup(self.0.as_ptr(), form) })
    }

    /// Looks up as many addresses as both slices have.
    #[inline]
    pub fn lookup(&self, addresses: &[u32], next_hops: &mut [u64]) {
        let count = addresses.len().min(next_hops.len()) as u32;
        // SAFETY: the table is alive; both slices hold `count` elements. DPDK only reads the addresses.
        unsafe {
            dpdk::rte_fib_lookup_bulk(
                self.0.as_ptr(),
                addresses.as_ptr().cast_mut(),
                next_hops.as_mut_ptr(),
                count as c_int,
            )
        };
    }
}

impl Drop for Fib4<'_> {
    fn drop(&mut self) {
        // SAFETY: made by rte_fib_create, freed once.
        unsafe { dpdk::rte_fib_free(self.0.as_ptr()) };
    }
}

/// An `rte_lpm`.
#[derive(Debug)]
pub struct Lpm4<'e>(NonNull<dpdk::rte_lpm>, core::marker::PhantomData<&'e Eal>);

impl<'e> Lpm4<'e> {
    /// An empty table for `rules` prefixes and `tbl8s` groups of 256 addresses.
    ///
    /// # Errors
    /// Memory is short, or DPDK does not take the numbers.
    pub fn new(_eal: &'e Eal, name: &CStr, rules: u32, tbl8s: u32) -> Result<Self, String> {
        // SAFETY: EAL runs; the name lives over the call and is copied.
        let lpm = unsafe { dpdk::gate25_lpm_create(name.as_ptr(), ANY_SOCKET, rules, tbl8s) };
        NonNull::new(lpm).map(|lpm| Lpm4(lpm, core::marker::PhantomData)).ok_or_else(|| failed("rte_lpm_create"))
    }

    /// Adds a prefix; `next_hop` is below 2^24.
    ///
    /// # Errors
    /// DPDK refuses it.
    pub fn add(&mut self, address: u32, length: u8, next_hop: u32) -> Result<(), String> {
        // SAFETY: the table is alive.
        done("rte_lpm_add", unsafe { dpdk::gate25_lpm_add(self.0.as_ptr(), address, length, next_hop) })
    }

    /// Looks up by `rte_lpm_lookup_bulk`, as many as both slices have.
    #[inline]
    pub fn lookup_bulk(&self, addresses: &[u32], next_hops: &mut [u32]) {
        let count = addresses.len().min(next_hops.len()) as u32;
        // SAFETY: the table is alive; both slices hold `count` elements.
        unsafe {
            dpdk::gate25_lpm_lookup_bulk(self.0.as_ptr(), addresses.as_ptr(), next_hops.as_mut_ptr(), count);
        }
    }

    /// Looks up by `rte_lpm_lookupx4`, as many whole fours as both slices have.
    #[inline]
    pub fn lookup_x4(&self, addresses: &[u32], next_hops: &mut [u32]) {
        let count = addresses.len().min(next_hops.len()) as u32;
        // SAFETY: the table is alive; both slices hold `count` elements.
        unsafe { dpdk::gate25_lpm_lookup_x4(self.0.as_ptr(), addresses.as_ptr(), next_hops.as_mut_ptr(), count) };
    }
}

impl Drop for Lpm4<'_> {
    fn drop(&mut self) {
        // SAFETY: made by rte_lpm_create, freed once.
        unsafe { dpdk::gate25_lpm_free(self.0.as_ptr()) };
    }
}

/// An `rte_fib6` of type trie, next hops of 4 bytes. Addresses are in network byte order.
#[derive(Debug)]
pub struct Fib6<'e>(NonNull<dpdk::rte_fib6>, core::marker::PhantomData<&'e Eal>);

impl<'e> Fib6<'e> {
    /// An empty table for `routes` prefixes and `tbl8s` nodes.
    ///
    /// # Errors
    /// Memory is short, or DPDK does not take the numbers.
    pub fn new(_eal: &'e Eal, name: &CStr, routes: u32, tbl8s: u32) -> Result<Self, String> {
        let mut conf = dpdk::rte_fib6_conf { type_: dpdk::RTE_FIB6_TRIE, default_nh: 0, ..Default::default() };
        conf.max_routes = routes as c_int;
        conf.__bindgen_anon_1.trie =
            dpdk::rte_fib6_conf__bindgen_ty_1__bindgen_ty_1 { nh_sz: dpdk::RTE_FIB6_TRIE_4B, num_tbl8: tbl8s };
        // SAFETY: EAL runs; name and conf live over the call and are copied.
        let fib = unsafe { dpdk::rte_fib6_create(name.as_ptr(), ANY_SOCKET, &raw mut conf) };
        NonNull::new(fib).map(|fib| Fib6(fib, core::marker::PhantomData)).ok_or_else(|| failed("rte_fib6_create"))
    }

    /// Adds a prefix.
    ///
    /// # Errors
    /// DPDK refuses it; mostly because `tbl8s` was too low.
    pub fn add(&mut self, address: &[u8; 16], length: u8, next_hop: u32) -> Result<(), String> {
        // SAFETY: the table is alive; DPDK reads 16 bytes.
        let rc = unsafe { dpdk::rte_fib6_add(self.0.as_ptr(), address.as_ptr(), length, next_hop.into()) };
        done("rte_fib6_add", rc)
    }

    /// Chooses the form of later look-ups.
    ///
    /// # Errors
    /// This CPU or EAL's arguments do not allow it.
    pub fn select(&mut self, form: Form) -> Result<(), String> {
        let form = match form {
            Form::Scalar => dpdk::RTE_FIB6_LOOKUP_TRIE_SCALAR,
            Form::Avx512 => dpdk::RTE_FIB6_LOOKUP_TRIE_VECTOR_AVX512,
        };
        // SAFETY: the table is alive.
        done("rte_fib6_select_lookup", unsafe { dpdk::rte_fib6_select_lookup(self.0.as_ptr(), form) })
    }

    /// Looks up as many addresses as both slices have.
    #[inline]
    pub fn lookup(&self, addresses: &[[u8; 16]], next_hops: &mut [u64]) {
        let count = addresses.len().min(next_hops.len()) as u32;
        // SAFETY: the table is alive; both slices hold `count` elements. DPDK only reads the addresses.
        unsafe {
            dpdk::rte_fib6_lookup_bulk(
                self.0.as_ptr(),
                addresses.as_ptr().cast_mut().cast(),
                next_hops.as_mut_ptr(),
                count as c_int,
            )
        };
    }
}

impl Drop for Fib6<'_> {
    fn drop(&mut self) {
        // SAFETY: made by rte_fib6_create, freed once.
        unsafe { dpdk::rte_fib6_free(self.0.as_ptr()) };
    }
}

/// An `rte_lpm6`. Addresses are in network byte order.
#[derive(Debug)]
pub struct Lpm6<'e>(NonNull<dpdk::rte_lpm6>, core::marker::PhantomData<&'e Eal>);

impl<'e> Lpm6<'e> {
    /// An empty table for `rules` prefixes and `tbl8s` nodes.
    ///
    /// # Errors
    /// Memory is short, or DPDK does not take the numbers.
    pub fn new(_eal: &'e Eal, name: &CStr, rules: u32, tbl8s: u32) -> Result<Self, String> {
        let conf = dpdk::rte_lpm6_config { max_rules: rules, number_tbl8s: tbl8s, flags: 0 };
        // SAFETY: EAL runs; name and conf live over the call and are copied.
        let lpm = unsafe { dpdk::rte_lpm6_create(name.as_ptr(), ANY_SOCKET, &raw const conf) };
        NonNull::new(lpm).map(|lpm| Lpm6(lpm, core::marker::PhantomData)).ok_or_else(|| failed("rte_lpm6_create"))
    }

    /// Adds a prefix; `next_hop` is below 2^21.
    ///
    /// # Errors
    /// DPDK refuses it.
    pub fn add(&mut self, address: &[u8; 16], length: u8, next_hop: u32) -> Result<(), String> {
        // SAFETY: the table is alive; DPDK reads 16 bytes.
        done("rte_lpm6_add", unsafe { dpdk::rte_lpm6_add(self.0.as_ptr(), address.as_ptr(), length, next_hop) })
    }

    /// Looks up as many addresses as both slices have; -1 is a miss.
    #[inline]
    pub fn lookup(&self, addresses: &[[u8; 16]], next_hops: &mut [i32]) {
        let count = addresses.len().min(next_hops.len()) as u32;
        // SAFETY: the table is alive; both slices hold `count` elements. DPDK only reads the addresses.
        unsafe {
            dpdk::rte_lpm6_lookup_bulk_func(
                self.0.as_ptr(),
                addresses.as_ptr().cast_mut().cast(),
                next_hops.as_mut_ptr(),
                count,
            )
        };
    }
}

impl Drop for Lpm6<'_> {
    fn drop(&mut self) {
        // SAFETY: made by rte_lpm6_create, freed once.
        unsafe { dpdk::rte_lpm6_free(self.0.as_ptr()) };
    }
}

/// `SOCKET_ID_ANY`.
const ANY_SOCKET: c_int = -1;

fn done(call: &str, rc: c_int) -> Result<(), String> {
    if rc == 0 { Ok(()) } else { Err(format!("{call}: {}", text(-rc))) }
}

/// A call that says why in rte_errno.
fn failed(call: &str) -> String {
    // SAFETY: reads a thread-local integer.
    format!("{call}: {}", text(unsafe { dpdk::gate25_errno() }))
}

fn text(errno: c_int) -> String {
    // SAFETY: rte_strerror returns a NUL-terminated string that lives until this thread's next call of it.
    unsafe { CStr::from_ptr(dpdk::rte_strerror(errno)) }.to_string_lossy().into_owned()
}
