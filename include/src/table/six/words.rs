//! The trie's words as vectors read them: what is asked of them once, before the first address.

use super::index::Index;
use super::layout::head;
use crate::table::LINE_WORDS;

/// The trie's words, of which there is at least one line; the index lies inside. All its bytes have a number below 2^33,
/// all its words one below 2^31.
pub(super) struct Words<'a> {
    pub(super) all: &'a [u32],
    pub(super) index: Index,
    /// Whether most cells of the index have prefixes.
    pub(super) prefixed: bool,
    pub(super) root: u32,
    /// The last word at which a slot can start, the last line.
    pub(super) last: [u32; 2],
}

impl<'a> Words<'a> {
    /// None if there is not a line, or the index lies outside.
    pub(super) fn new(all: &'a [u32]) -> Option<Words<'a>> {
        let index = Index::of(all);
        let root = all.get(head::ROOT).copied()?;
        let fits = all.len() >= LINE_WORDS && all.len() < i32::MAX as usize && index.word + index.words() <= all.len();
        let last = [all.len().saturating_sub(SLOT_WORDS) as u32, (all.len() / LINE_WORDS).saturating_sub(1) as u32];
        let prefixed = all.get(head::PREFIXED).is_some_and(|word| *word != 0);
        fits.then_some(Words { all, index, prefixed, root, last })
    }
}

/// Words of a slot.
const SLOT_WORDS: usize = 3;
