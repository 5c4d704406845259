//! Lines over a socket, with a limit in size and a deadline that no dripping client can put off.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

/// Longest line in bytes, its end included: room for the names of some ten thousand prefix files.
pub const LINE_MAX: usize = 4 << 20;

/// Longest line of an answer: the stages of 65,535 pools, say.
pub(super) const ANSWER_MAX: usize = 32 << 20;

/// A stream that fails with `TimedOut` once its deadline has passed, however often bytes come.
#[derive(Debug)]
pub(super) struct Deadline<'a> {
    stream: &'a UnixStream,
    until: Instant,
}

impl<'a> Deadline<'a> {
    pub(super) fn new(stream: &'a UnixStream, patience: Duration) -> Deadline<'a> {
        Deadline { stream, until: Instant::now() + patience }
    }

    /// Moves the deadline.
    pub(super) fn extend(&mut self, patience: Duration) {
        self.until = Instant::now() + patience;
    }

    fn left(&self) -> io::Result<Duration> {
        let left = self.until.saturating_duration_since(Instant::now());
        if left.is_zero() { Err(io::ErrorKind::TimedOut.into()) } else { Ok(left) }
    }
}

impl Read for Deadline<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.stream.set_read_timeout(Some(self.left()?))?;
        self.stream.read(buffer).map_err(timed_out)
    }
}

impl Write for Deadline<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.stream.set_write_timeout(Some(self.left()?))?;
        self.stream.write(bytes).map_err(timed_out)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.stream.flush()
    }
}

/// A socket's time-out comes as `WouldBlock`.
fn timed_out(error: io::Error) -> io::Error {
    if error.kind() == io::ErrorKind::WouldBlock { io::ErrorKind::TimedOut.into() } else { error }
}

/// Reads a line without its end.
///
/// # Errors
/// `InvalidData` past `max` bytes or if it is not UTF-8, `UnexpectedEof` if it has no end.
pub(super) fn read_line<R: Read>(from: &mut BufReader<R>, max: usize) -> io::Result<String> {
    let mut line = Vec::new();
    from.take(max as u64).read_until(b'\n', &mut line)?;
    if line.pop() == Some(b'\n') {
        return String::from_utf8(line).map_err(|_| bad("the line is not UTF-8"));
    }
    if line.len() + 1 >= max { Err(bad("the line is too long")) } else { Err(io::ErrorKind::UnexpectedEof.into()) }
}

fn bad(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_may_have_line_max_bytes_and_not_one_more() {
        let read = |bytes: Vec<u8>| read_line(&mut BufReader::new(&bytes[..]), LINE_MAX);
        let line = |bytes: usize| [vec![b'x'; bytes - 1], vec![b'\n']].concat();
        assert_eq!(read(line(LINE_MAX)).unwrap().len(), LINE_MAX - 1);
        assert_eq!(read(line(LINE_MAX + 1)).unwrap_err().kind(), io::ErrorKind::InvalidData);
        assert_eq!(read(b"no end".to_vec()).unwrap_err().kind(), io::ErrorKind::UnexpectedEof);
        assert_eq!(read(b"\xff\n".to_vec()).unwrap_err().kind(), io::ErrorKind::InvalidData);
        assert_eq!(read(vec![]).unwrap_err().kind(), io::ErrorKind::UnexpectedEof);
    }

    #[test]
    fn a_dripping_client_does_not_put_the_deadline_off() {
        let (ours, theirs) = UnixStream::pair().unwrap();
        let dripping = std::thread::spawn(move || while (&theirs).write_all(b"x").is_ok() {});
        let mut from = BufReader::with_capacity(1, Deadline::new(&ours, Duration::from_millis(50)));
        assert_eq!(read_line(&mut from, LINE_MAX).unwrap_err().kind(), io::ErrorKind::TimedOut);
        drop(from);
        drop(ours);
        dripping.join().unwrap();
    }
}
