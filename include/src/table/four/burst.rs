//! The look-up of a burst of keys, in one of the [`Form`]s. All forms give what [`find_low()`] gives for each key.
#![allow(unsafe_code)]

use super::*;

/// How bursts are looked up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// One key behind the other.
    Scalar,
    /// Up to 32 keys together, in vectors of 8; needs AVX2 and POPCNT.
    Avx2,
    /// Up to 64 keys together, in vectors of 16; needs AVX512F, BW, VBMI2, VPOPCNTDQ and POPCNT.
    Avx512,
}

impl Form {
    /// Every form this CPU can run, the fastest last.
    pub fn all() -> impl Iterator<Item = Form> {
        [Form::Scalar, Form::Avx2, Form::Avx512].into_iter().filter(|form| form.runs_here())
    }

    /// The fastest of them.
    #[inline]
    pub fn best() -> Form {
        if Form::Avx512.runs_here() {
            Form::Avx512
        } else if Form::Avx2.runs_here() {
            Form::Avx2
        } else {
            Form::Scalar
        }
    }

    #[inline]
    fn runs_here(self) -> bool {
        match self {
            Form::Scalar => true,
            #[cfg(target_arch = "x86_64")]
            Form::Avx2 => super::avx2::runs_here(),
            #[cfg(target_arch = "x86_64")]
            Form::Avx512 => super::avx512::runs_here(),
            #[cfg(not(target_arch = "x86_64"))]
            Form::Avx2 | Form::Avx512 => false,
        }
    }
}

/// [`find_low()`] for each key, in the fastest form of this CPU; of slices of different lengths the shorter one counts.
#[inline]
pub fn find_burst(table: &[u32], keys: &[u32], found: &mut [u32]) {
    find_burst_as(Form::best(), table, keys, found);
}

/// [`find_burst`] in this form, or scalar if the CPU cannot run it.
#[inline]
pub fn find_burst_as(form: Form, table: &[u32], keys: &[u32], found: &mut [u32]) {
    #[cfg(target_arch = "x86_64")]
    if form != Form::Scalar && form.runs_here() && (FIXED..=MOST_WORDS).contains(&table.len()) {
        // SAFETY: the CPU has what the form needs, and the table has FIXED to MOST_WORDS words.
        return unsafe {
            match form {
                Form::Avx2 => super::avx2::find_burst(table, keys, found),
                _ => super::avx512::find_burst(table, keys, found),
            }
        };
    }
    let _ = form;
    for (key, found) in keys.iter().zip(found) {
        *found = find_low(table, *key);
    }
}

/// Most words of a table that vectors look up in: half a word's index still has 31 bits.
#[cfg(target_arch = "x86_64")]
pub(super) const MOST_WORDS: usize = 1 << 30;
