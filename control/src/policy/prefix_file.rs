//! Prefix files: one ADDRESS/LENGTH a line.
//!
//! `#` starts a comment, which may hold any bytes; blank lines, CRLF and surrounding blanks are
//! fine. Read as a stream with one line in memory, without an allocation per line. A bad line is
//! reported with file, line and column, and reading goes on.

use std::io::{BufRead, BufReader, Read};
use std::ops::ControlFlow;

use ipnet::IpNet;

use super::prefix::parse_prefix;
use crate::config::text::{BYTE_ORDER_MARK, unreadable};
use crate::config::{Place, Problem, Report};

/// Reads all prefixes of file number `file` and hands each on with its place, until `take` breaks.
/// Reading errors stand at `named`, where the policy file names the file.
pub(super) fn read(
    from: &std::fs::File,
    file: u32,
    named: Place,
    report: &mut Report,
    take: &mut dyn FnMut(IpNet, Place, &mut Report) -> ControlFlow<()>,
) {
    let mut reader = BufReader::with_capacity(BUFFER, from);
    let mut line = Vec::with_capacity(LINE_MAX + 1);
    let mut place = Place { file, line: 0, column: 1 };
    loop {
        line.clear();
        place.line = place.line.saturating_add(1);
        match reader.by_ref().take(LINE_MAX as u64 + 1).read_until(b'\n', &mut line) {
            Ok(0) => return,
            Ok(_) => {}
            Err(error) => {
                let path = report.files.locate(Place { line: 0, ..place }).file;
                return report.add(named, unreadable(&path, &error));
            }
        }
        if line.len() > LINE_MAX && !line.ends_with(b"\n") {
            return report.add(Place { column: 1, ..place }, Problem::LineTooLong { max: LINE_MAX });
        }
        if place.line == 1 && line.starts_with(BYTE_ORDER_MARK) {
            return report.add(Place { column: 1, ..place }, Problem::ByteOrderMark);
        }
        let (text, column) = content(&line);
        place.column = column;
        match parse_line(text) {
            Ok(None) => {}
            Ok(Some(prefix)) => {
                if take(prefix, place, report).is_break() {
                    return;
                }
            }
            Err(problem) => report.add(place, problem),
        }
    }
}

/// What stands before the comment, without surrounding blanks, and its column.
fn content(line: &[u8]) -> (&[u8], u32) {
    let before = line.split(|&byte| byte == b'#').next().unwrap_or(line);
    let text = before.trim_ascii_start();
    let column = before.len() - text.len() + 1;
    (text.trim_ascii_end(), u32::try_from(column).unwrap_or(u32::MAX))
}

/// The prefix of a line, if it has one.
fn parse_line(text: &[u8]) -> Result<Option<IpNet>, Problem> {
    if text.is_empty() {
        return Ok(None);
    }
    match str::from_utf8(text) {
        Ok(text) => parse_prefix(text).map(Some),
        Err(error) => {
            let byte = text.get(error.valid_up_to()).copied().unwrap_or(0);
            Err(Problem::NotUtf8 { byte })
        }
    }
}

/// Longest line, in bytes with its end. A prefix has at most 49 characters; the rest is comment.
pub(super) const LINE_MAX: usize = 4096;
/// Bytes read at once.
const BUFFER: usize = 1 << 20;

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;
    use std::sync::atomic::{AtomicU32, Ordering};

    /// What a file with these bytes gives: prefixes with line and column, and the errors.
    fn read_bytes(bytes: &[u8]) -> (Vec<(String, u32, u32)>, Vec<String>) {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let name = format!("gate25-prefixes-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let path = std::env::temp_dir().join(name);
        std::fs::File::create(&path).unwrap().write_all(bytes).unwrap();
        let mut report = Report::default();
        let number = report.files.add("f".into());
        let named = Place { file: number, line: 0, column: 0 };
        let mut found = Vec::new();
        let file = std::fs::File::open(&path).unwrap();
        read(&file, number, named, &mut report, &mut |prefix, place, _| {
            found.push((prefix.to_string(), place.line, place.column));
            ControlFlow::Continue(())
        });
        std::fs::remove_file(&path).unwrap();
        (found, report.into_errors().errors.iter().map(ToString::to_string).collect())
    }

    #[test]
    fn comments_blanks_and_both_line_ends() {
        let text = b"# list\r\n\r\n  192.0.2.0/24\t# east\r\n2001:db8::/32#x\n \t \n\xff# bytes".as_slice();
        let (found, errors) = read_bytes(text);
        assert_eq!(found, [("192.0.2.0/24".into(), 3, 3), ("2001:db8::/32".into(), 4, 1)]);
        assert_eq!(errors, ["f:6:1: byte 0xff is not UTF-8; save the file as UTF-8"]);
        let (found, errors) = read_bytes(b"192.0.2.0/24 # \xff\xfe in a comment");
        assert_eq!((found.len(), errors.len()), (1, 0), "no line end at the end; comments may hold anything");
        assert_eq!(read_bytes(b""), (vec![], vec![]));
    }

    #[test]
    fn every_bad_line_is_reported_and_the_rest_is_read() {
        let (found, errors) = read_bytes(b"192.0.2.1\n192.0.2.0/24\n  nonsense\n");
        assert_eq!(found, [("192.0.2.0/24".into(), 2, 1)]);
        assert_eq!(errors.len(), 2);
        assert!(errors[0].starts_with("f:1:1: \"192.0.2.1\" has no length"), "{errors:?}");
        assert!(errors[1].starts_with("f:3:3: \"nonsense\" is not a prefix"), "{errors:?}");
    }

    #[test]
    fn a_byte_order_mark_is_refused() {
        let (found, errors) = read_bytes(b"\xef\xbb\xbf192.0.2.0/24\n");
        assert_eq!(found, []);
        assert_eq!(errors, ["f:1:1: the file starts with a byte-order mark; save it as UTF-8 without one"]);
    }

    #[test]
    fn a_line_may_have_line_max_bytes_and_not_one_more() {
        let line = |bytes: usize| {
            let mut line = b"192.0.2.0/24 #".to_vec();
            line.resize(bytes - 1, b'x');
            line.push(b'\n');
            line
        };
        assert_eq!(read_bytes(&line(LINE_MAX)).1, Vec::<String>::new());
        let without_end = &line(LINE_MAX + 1)[..LINE_MAX];
        assert_eq!(read_bytes(without_end).1, Vec::<String>::new());
        let (found, errors) = read_bytes(&line(LINE_MAX + 2));
        assert_eq!(found, []);
        assert_eq!(errors, ["f:1:1: the line is longer than 4096 bytes; write one ADDRESS/LENGTH a line"]);
    }
}
