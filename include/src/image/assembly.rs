//! An image whose parts are ready but not yet copied into one run of words.

use std::borrow::Cow;
use std::os::fd::OwnedFd;

use super::format::{self, Section, header};
use crate::memfd::{self, MemfdError, Pages};
use crate::table::LINE_WORDS;

/// Header and sections, to be copied once.
#[derive(Debug)]
pub struct Assembly<'a> {
    pub(super) header: Vec<u32>,
    pub(super) sections: [Cow<'a, [u32]>; Section::ALL.len()],
    pub(super) digest: u128,
}

impl Assembly<'_> {
    /// Words of the image.
    pub fn words(&self) -> usize {
        let on_lines = |section: &Cow<'_, [u32]>| section.len().next_multiple_of(LINE_WORDS);
        format::HEADER_WORDS + self.sections.iter().map(on_lines).sum::<usize>()
    }

    /// Digest of the policy.
    pub fn digest(&self) -> u128 {
        self.digest
    }

    /// The image in memory of this process.
    pub fn to_words(&self) -> Vec<u32> {
        let mut words = vec![0; self.words()];
        self.write(&mut words);
        words
    }

    /// The image in a fresh sealed memfd: one copy.
    ///
    /// # Errors
    /// [`MemfdError::System`] if memory is short; nothing is left behind.
    pub fn seal(&self, pages: Pages) -> Result<OwnedFd, MemfdError> {
        memfd::seal_written(self.words(), pages, |words| self.write(words))
    }

    /// Writes the image; `words` are zero and at least as many as [`Assembly::words`].
    fn write(&self, words: &mut [u32]) {
        let mut next = format::HEADER_WORDS;
        put(words, 0, &self.header);
        for (index, section) in self.sections.iter().enumerate() {
            put(words, header::SECTIONS + 2 * index, &[next as u32, section.len() as u32]);
            put(words, next, section);
            next += section.len().next_multiple_of(LINE_WORDS);
        }
        put(words, header::TOTAL_WORDS, &[next as u32]);
        format::sign(words);
    }
}

pub(super) fn put(words: &mut [u32], at: usize, values: &[u32]) {
    if let Some(place) = words.get_mut(at..at + values.len()) {
        place.copy_from_slice(values);
    }
}
