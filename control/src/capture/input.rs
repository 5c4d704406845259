//! A window on a file: at least so many bytes ahead, never more memory than its caller allows.

use std::io::{ErrorKind, Read};

use super::error::Problem;

/// A reader with a buffer that holds the bytes ahead.
#[derive(Debug)]
pub(super) struct Input<R> {
    reader: R,
    buffer: Vec<u8>,
    /// The bytes ahead are `buffer[start..end]`.
    start: usize,
    end: usize,
    /// Offset of `start` in the file.
    offset: u64,
}

impl<R: Read> Input<R> {
    pub(super) fn new(reader: R) -> Self {
        Self { reader, buffer: Vec::new(), start: 0, end: 0, offset: 0 }
    }

    /// Offset of the bytes ahead in the file.
    pub(super) fn offset(&self) -> u64 {
        self.offset
    }

    /// The bytes read ahead.
    pub(super) fn ahead(&self) -> &[u8] {
        self.buffer.get(self.start..self.end).unwrap_or_default()
    }

    /// Reads until `count` bytes are ahead; false if the file ends before. The buffer grows to `count` bytes, so
    /// callers bound it.
    pub(super) fn reach(&mut self, count: usize) -> Result<bool, Problem> {
        if self.end - self.start >= count {
            return Ok(true);
        }
        self.buffer.copy_within(self.start..self.end, 0);
        self.end -= self.start;
        self.start = 0;
        if self.buffer.len() < count.max(CHUNK) {
            self.buffer.resize(count.max(CHUNK), 0);
        }
        while self.end < count {
            match self.read_more()? {
                0 => return Ok(false),
                read => self.end += read,
            }
        }
        Ok(true)
    }

    fn read_more(&mut self) -> Result<usize, Problem> {
        let space = self.buffer.get_mut(self.end..).unwrap_or_default();
        loop {
            match self.reader.read(space) {
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(Problem::Read(error.to_string())),
                Ok(read) => return Ok(read),
            }
        }
    }

    /// Steps over `count` of the bytes ahead and gives them.
    pub(super) fn pass(&mut self, count: usize) -> &[u8] {
        let from = self.start;
        self.start = self.end.min(from + count);
        self.offset += (self.start - from) as u64;
        self.buffer.get(from..self.start).unwrap_or_default()
    }

    /// Steps over `count` bytes that nobody looks at. If the file ends before, gives how many there were, and the
    /// offset stays where they began: that is the place to tell.
    pub(super) fn skip(&mut self, count: u64) -> Result<u64, Problem> {
        let begin = self.offset;
        let mut left = count;
        while left > 0 {
            let step = usize::try_from(left).unwrap_or(CHUNK).min(CHUNK);
            if !self.reach(step)? {
                self.offset = begin;
                return Ok(count - left + self.ahead().len() as u64);
            }
            self.pass(step);
            left -= step as u64;
        }
        Ok(count)
    }
}

/// How much is read at once, in bytes.
const CHUNK: usize = 256 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

    /// Gives one byte at a time.
    struct Drip<'a>(&'a [u8]);

    impl Read for Drip<'_> {
        fn read(&mut self, buf: &mut [u8]) -> std::io::Result<usize> {
            self.0.read(&mut buf[..1])
        }
    }

    #[test]
    fn short_reads_are_read_on() {
        let mut input = Input::new(Drip(&[1, 2, 3, 4, 5]));
        assert!(input.reach(4).unwrap());
        assert_eq!(input.pass(3), [1, 2, 3]);
        assert_eq!((input.offset(), input.ahead()), (3, &[4][..]));
        assert!(!input.reach(3).unwrap());
        assert_eq!(input.ahead(), [4, 5]);
    }

    #[test]
    fn skipping_past_the_end_says_how_much_there_was() {
        let bytes = vec![7; 3 * CHUNK + 5];
        let mut input = Input::new(&bytes[..]);
        assert_eq!(input.skip(2 * CHUNK as u64 + 1).unwrap(), 2 * CHUNK as u64 + 1);
        assert_eq!(input.offset(), 2 * CHUNK as u64 + 1);
        assert_eq!(input.skip(u64::MAX).unwrap(), CHUNK as u64 + 4);
        assert_eq!(input.offset(), 2 * CHUNK as u64 + 1);
    }
}
