//! The words of a trie while it is built: 64-byte lines, handed out and taken back by size.
//!
//! A line's number counts from the table's start, so it means the same in the image. Lines are given
//! out zeroed. A run taken back serves the next request of its size, or is split for a smaller one.

/// Words of a line: 64 bytes.
pub const LINE_WORDS: usize = 16;

/// Lines in one vector of words.
#[derive(Clone, Debug, Default)]
pub struct Arena {
    words: Vec<u32>,
    /// Free runs by their number of lines.
    free: Vec<Vec<u32>>,
    free_lines: usize,
}

impl Arena {
    /// `fixed` zeroed lines, which are never taken back: header and root.
    pub fn new(fixed: usize) -> Arena {
        Arena { words: vec![0; fixed * LINE_WORDS], ..Arena::default() }
    }

    /// Everything, position-independent.
    pub fn words(&self) -> &[u32] {
        &self.words
    }

    /// Everything, to be written.
    pub fn words_mut(&mut self) -> &mut [u32] {
        &mut self.words
    }

    /// Lines, free ones included.
    pub fn lines(&self) -> usize {
        self.words.len() / LINE_WORDS
    }

    /// Lines that nothing uses.
    pub fn free_lines(&self) -> usize {
        self.free_lines
    }

    /// A zeroed run of `lines` lines, at least 1; gives the number of its first line.
    pub fn allocate(&mut self, lines: usize) -> u32 {
        if self.free_lines >= lines
            && let Some(line) = self.reuse(lines)
        {
            self.run_mut(line, lines).fill(0);
            return line;
        }
        let line = self.lines() as u32;
        self.words.resize(self.words.len() + lines * LINE_WORDS, 0);
        line
    }

    /// Takes back what [`Arena::allocate`] gave, with the same number of lines.
    pub fn release(&mut self, line: u32, lines: usize) {
        if self.free.len() <= lines {
            self.free.resize_with(lines + 1, Vec::new);
        }
        if let Some(runs) = self.free.get_mut(lines) {
            runs.push(line);
            self.free_lines += lines;
        }
    }

    /// The words of `lines` lines; none if they are not all there.
    #[inline]
    pub fn run(&self, line: u32, lines: usize) -> &[u32] {
        let at = line as usize * LINE_WORDS;
        self.words.get(at..at + lines * LINE_WORDS).unwrap_or_default()
    }

    /// The words of `lines` lines, to be written; none if they are not all there.
    #[inline]
    pub fn run_mut(&mut self, line: u32, lines: usize) -> &mut [u32] {
        let at = line as usize * LINE_WORDS;
        self.words.get_mut(at..at + lines * LINE_WORDS).unwrap_or_default()
    }

    /// The smallest free run that is large enough; what is left of it stays free.
    fn reuse(&mut self, lines: usize) -> Option<u32> {
        let (size, runs) = self.free.iter_mut().enumerate().skip(lines).find(|(_, runs)| !runs.is_empty())?;
        let line = runs.pop()?;
        self.free_lines -= size;
        if size > lines {
            self.release(line + lines as u32, size - lines);
        }
        Some(line)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_taken_back_serves_again() {
        let mut arena = Arena::new(2);
        let (a, b) = (arena.allocate(3), arena.allocate(1));
        assert_eq!((a, b, arena.lines()), (2, 5, 6));
        arena.run_mut(a, 3).fill(9);
        arena.release(a, 3);
        assert_eq!(arena.free_lines(), 3);
        assert_eq!((arena.allocate(1), arena.allocate(2)), (2, 3), "a larger run is split");
        assert_eq!((arena.lines(), arena.free_lines()), (6, 0));
        assert!(arena.run(2, 3).iter().all(|word| *word == 0), "what is given out is zeroed");
    }

    #[test]
    fn no_line_is_given_out_twice() {
        let mut arena = Arena::new(1);
        let mut held: Vec<(u32, usize)> = Vec::new();
        let mut seed = 1u32;
        for _ in 0..10_000 {
            seed = seed.wrapping_mul(0x9e37_79b1) ^ seed >> 15;
            let lines = 1 + (seed >> 8) as usize % 9;
            if seed & 3 == 0 && !held.is_empty() {
                let (line, lines) = held.swap_remove(seed as usize % held.len());
                assert!(arena.run(line, lines).iter().all(|word| *word == line), "somebody else wrote here");
                arena.release(line, lines);
            } else {
                let line = arena.allocate(lines);
                arena.run_mut(line, lines).fill(line);
                held.push((line, lines));
            }
        }
        let used: usize = held.iter().map(|(_, lines)| lines).sum();
        assert_eq!(arena.lines(), 1 + used + arena.free_lines());
    }
}
