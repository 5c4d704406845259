//! The look-up of a burst of addresses: the form is chosen once, all forms find the same.

use super::find::find;

/// How a burst is looked up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// One address after the other.
    Scalar,
    /// Up to thirty-two at once, with AVX2; as the first, where the machine has not got it.
    Avx2,
    /// Up to sixty-four at once, with AVX-512; as the first, where the machine has not got it.
    Avx512,
}

impl Form {
    /// The forms this machine can run, the best last.
    pub fn all() -> &'static [Form] {
        #[cfg(target_arch = "x86_64")]
        match (super::avx2::available(), super::avx512::available()) {
            (true, true) => return &[Form::Scalar, Form::Avx2, Form::Avx512],
            (true, false) => return &[Form::Scalar, Form::Avx2],
            (false, _) => {}
        }
        &[Form::Scalar]
    }

    /// The best of them.
    #[inline]
    pub fn best() -> Form {
        Form::all().last().copied().unwrap_or(Form::Scalar)
    }
}

/// [`find`] for each key, in the best form; of slices of different lengths the shorter one counts. Total on any words.
#[inline]
pub fn find_burst(words: &[u32], keys: &[u128], found: &mut [u32]) {
    find_burst_as(Form::best(), words, keys, found);
}

/// [`find_burst`] in this form.
#[inline]
pub fn find_burst_as(form: Form, words: &[u32], keys: &[u128], found: &mut [u32]) {
    #[cfg(target_arch = "x86_64")]
    match form {
        Form::Avx512 if super::avx512::available() => return super::avx512::find_burst(words, keys, found),
        Form::Avx2 if super::avx2::available() => return super::avx2::find_burst(words, keys, found),
        _ => {}
    }
    for (key, found) in keys.iter().zip(found) {
        *found = find(words, *key);
    }
}
