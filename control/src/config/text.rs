//! Reading the policy file: bytes to text.
//!
//! Accepts a regular file of UTF-8 without byte-order mark; refuses folders, devices, FIFOs and
//! sockets before opening them (opening a FIFO would wait for its writer).

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use super::error::{Problem, Report};
use super::place::Place;

/// Where the bytes of a named file are: the name itself, or a copy that stands for it. Messages and
/// places always say the name.
pub type CopyOf<'a> = dyn Fn(&Path) -> PathBuf + 'a;

/// The text of the policy file, or nothing and a problem in `report`.
pub(crate) fn read(path: &Path, copy_of: &CopyOf<'_>, report: &mut Report) -> Option<String> {
    let whole = Place { file: report.files.add(path.to_path_buf()), line: 0, column: 0 };
    let read = |_| fs::read(copy_of(path)).map_err(|error| unreadable(path, &error));
    let bytes = open(path, copy_of).and_then(read);
    let bytes = match bytes {
        Ok(bytes) => bytes,
        Err(problem) => {
            report.add(whole, problem);
            return None;
        }
    };
    if bytes.is_empty() {
        report.add(Place { line: 1, column: 1, ..whole }, Problem::EmptyFile);
        return None;
    }
    if bytes.starts_with(BYTE_ORDER_MARK) {
        report.add(Place { line: 1, column: 1, ..whole }, Problem::ByteOrderMark);
        return None;
    }
    match String::from_utf8(bytes) {
        Ok(text) => Some(text),
        Err(error) => {
            let good = error.utf8_error().valid_up_to();
            let byte = error.as_bytes().get(good).copied().unwrap_or(0);
            let before = String::from_utf8_lossy(error.as_bytes().get(..good).unwrap_or_default()).into_owned();
            let place = super::place::Source::new(whole.file, &before).place(good);
            report.add(place, Problem::NotUtf8 { byte });
            None
        }
    }
}

/// Opens a regular file for reading.
pub(crate) fn open(path: &Path, copy_of: &CopyOf<'_>) -> Result<File, Problem> {
    let bytes_at = copy_of(path);
    let about = fs::metadata(&bytes_at).map_err(|error| unreadable(path, &error))?;
    if !about.is_file() {
        let kind = if about.is_dir() { "a folder" } else { "a device, FIFO or socket" };
        return Err(Problem::NotAFile { file: path.display().to_string(), kind });
    }
    File::open(bytes_at).map_err(|error| unreadable(path, &error))
}

/// The problem that an error of the operating system is.
pub(crate) fn unreadable(path: &Path, error: &std::io::Error) -> Problem {
    let mut text = error.to_string();
    // "No such file or directory (os error 2)": the number says nothing to an operator.
    text.truncate(text.find(" (os error").unwrap_or(text.len()));
    Problem::Unreadable { file: path.display().to_string(), error: text }
}

/// U+FEFF in UTF-8.
pub(crate) const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";
