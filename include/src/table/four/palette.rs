//! The palette: each different value of the trie's lists once, numbered from 0, with its uses counted.

use hashbrown::HashMap;

use super::{PALETTE_COUNT, PALETTE_LINE};
use crate::table::{Arena, LINE_WORDS};

/// Most values, because a list has 16 bits for each.
const MOST: usize = 1 << 16;

#[derive(Clone, Debug, Default)]
pub(super) struct Palette {
    numbers: HashMap<u32, u16>,
    uses: Vec<u32>,
    free: Vec<u16>,
    line: u32,
    lines: usize,
}

impl Palette {
    /// The number of `value`, used once more; none if the palette is full.
    pub(super) fn take(&mut self, arena: &mut Arena, value: u32) -> Option<u16> {
        let number = match self.numbers.get(&value) {
            Some(number) => *number,
            None => self.add(arena, value)?,
        };
        if let Some(uses) = self.uses.get_mut(usize::from(number)) {
            *uses += 1;
        }
        Some(number)
    }

    /// One use less; a value without any makes room.
    pub(super) fn give_back(&mut self, arena: &mut Arena, number: u16) {
        let Some(uses) = self.uses.get_mut(usize::from(number)) else { return };
        *uses = uses.saturating_sub(1);
        if *uses == 0
            && let Some(value) = arena.run_mut(self.line, self.lines).get_mut(usize::from(number))
        {
            // What nobody uses may be a value that is no longer good.
            self.numbers.remove(&std::mem::take(value));
            self.free.push(number);
        }
    }

    fn add(&mut self, arena: &mut Arena, value: u32) -> Option<u16> {
        let number = match self.free.pop() {
            Some(number) => number,
            None if self.uses.len() == MOST => return None,
            None => {
                self.uses.push(0);
                (self.uses.len() - 1) as u16
            }
        };
        if self.uses.len() > self.lines * LINE_WORDS {
            self.grow(arena);
        }
        if let Some(place) = arena.run_mut(self.line, self.lines).get_mut(usize::from(number)) {
            *place = value;
        }
        let header = arena.words_mut();
        if let Some(head) = header.get_mut(PALETTE_LINE..=PALETTE_COUNT) {
            head.copy_from_slice(&[self.line, self.uses.len() as u32]);
        }
        self.numbers.insert(value, number);
        Some(number)
    }

    fn grow(&mut self, arena: &mut Arena) {
        let lines = (self.lines * 2).max(1);
        let line = arena.allocate(lines);
        let (from, count) = (self.line as usize * LINE_WORDS, self.lines * LINE_WORDS);
        arena.words_mut().copy_within(from..from + count, line as usize * LINE_WORDS);
        if self.lines > 0 {
            arena.release(self.line, self.lines);
        }
        (self.line, self.lines) = (line, lines);
    }
}
