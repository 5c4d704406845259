//! A block of counters that one thread writes.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::counters::Scope;

/// One block, seen by its only writer.
#[derive(Clone, Copy, Debug)]
pub struct Block<'a> {
    words: &'a [AtomicU64],
}

impl<'a> Block<'a> {
    #[inline]
    pub(super) fn new(words: &'a [AtomicU64]) -> Block<'a> {
        Block { words }
    }

    /// Adds to a counter. Only its writer may: no lock prefix is used.
    #[inline]
    pub fn add<S: Scope>(&self, counter: S, by: u64) {
        self.add_word(counter.word(), by);
    }

    /// Sets a gauge.
    #[inline]
    pub fn set<S: Scope>(&self, counter: S, value: u64) {
        if let Some(word) = self.words.get(counter.word()) {
            word.store(value, Ordering::Relaxed);
        }
    }

    /// What the counter holds.
    #[inline]
    pub fn get<S: Scope>(&self, counter: S) -> u64 {
        self.words.get(counter.word()).map_or(0, |word| word.load(Ordering::Relaxed))
    }

    #[inline]
    pub(super) fn add_word(&self, word: usize, by: u64) {
        if let Some(word) = self.words.get(word) {
            word.store(word.load(Ordering::Relaxed).wrapping_add(by), Ordering::Relaxed);
        }
    }
}
