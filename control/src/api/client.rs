//! The client's side of the control socket.

use std::fs::File;
use std::io::{self, BufReader, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::message::{Apply, FileHeader, Reply, Request};
use super::wire::{ANSWER_MAX, Deadline, LINE_MAX, read_line};

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ClientError {
    /// Nobody listens there.
    #[error("cannot reach gate25-control at {}: {error}; is it running, and may you open its socket?", path.display())]
    Connect {
        /// Where.
        path: PathBuf,
        /// The answer of the operating system.
        error: io::Error,
    },
    /// It stopped talking.
    #[error("gate25-control gave no answer: {0}; see its log")]
    Io(#[from] io::Error),
    /// It said something else.
    #[error("gate25-control answered what this gate25 does not know ({0}); run programs of one release")]
    Reply(#[from] serde_json::Error),
    /// A file of the policy cannot be read or written, or changed while it was sent.
    #[error("cannot copy {}: {error}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// The cause.
        error: io::Error,
    },
    /// The names of the files do not fit in a request.
    #[error("the policy has {files} prefix files, whose names take {bytes} bytes, over {LINE_MAX}; join some files")]
    Names {
        /// How many files.
        files: usize,
        /// How long the request would be.
        bytes: usize,
    },
}

/// Asks something that needs no files.
///
/// # Errors
/// Any [`ClientError`] but `File`.
pub fn ask(socket: &Path, request: &Request) -> Result<Reply, ClientError> {
    let stream = connect(socket)?;
    let mut to = Deadline::new(&stream, SEND);
    let _ = to.write_all(line(request)?.as_bytes());
    answer(&stream)
}

/// Sends a policy: the files by these names, read with this process's rights. Returns when it is in
/// force or refused.
///
/// # Errors
/// Any [`ClientError`].
pub fn send_policy(socket: &Path, apply: Apply, files: &[PathBuf]) -> Result<Reply, ClientError> {
    let mut opened = Vec::with_capacity(files.len());
    let mut apply = Apply { files: Vec::with_capacity(files.len()), ..apply };
    for path in files {
        let unreadable = |error| ClientError::File { path: path.clone(), error };
        let file = File::open(path).map_err(unreadable)?;
        let bytes = file.metadata().map_err(unreadable)?.len();
        apply.files.push(FileHeader { path: path.clone(), bytes });
        opened.push(file);
    }
    let line = line(&Request::Apply(apply.clone()))?;
    if line.len() > LINE_MAX {
        return Err(ClientError::Names { files: files.len(), bytes: line.len() });
    }
    let stream = connect(socket)?;
    let mut to = Deadline::new(&stream, SEND);
    // A server that refuses closes early: what it said stands in the answer.
    if to.write_all(line.as_bytes()).is_ok() {
        for (file, header) in opened.into_iter().zip(&apply.files) {
            to.extend(SEND);
            match send_file(file, header, &mut to) {
                Err(ClientError::Io(_)) => break,
                other => other?,
            }
        }
    }
    answer(&stream)
}

/// Asks for a kept policy and writes its files into `folder`, file *i* under the name *i*.
///
/// # Errors
/// Any [`ClientError`]; `File` if it cannot be written there.
pub fn fetch_policy(socket: &Path, number: Option<u64>, folder: &Path) -> Result<Reply, ClientError> {
    let stream = connect(socket)?;
    Deadline::new(&stream, SEND).write_all(line(&Request::Policy { number })?.as_bytes())?;
    let mut from = BufReader::new(Deadline::new(&stream, ANSWER));
    let reply = serde_json::from_str(&read_line(&mut from, ANSWER_MAX)?)?;
    if let Reply::Policy { files, .. } = &reply {
        for (index, header) in files.iter().enumerate() {
            let path = folder.join(index.to_string());
            let unwritten = |error| ClientError::File { path: path.clone(), error };
            let mut to = File::create(&path).map_err(unwritten)?;
            let got = io::copy(&mut from.by_ref().take(header.bytes), &mut to).map_err(unwritten)?;
            if got != header.bytes {
                return Err(io::Error::from(io::ErrorKind::UnexpectedEof).into());
            }
        }
    }
    Ok(reply)
}

fn send_file(file: File, header: &FileHeader, to: &mut Deadline<'_>) -> Result<(), ClientError> {
    let mut from = file.take(header.bytes);
    let sent = io::copy(&mut from, to)?;
    if sent == header.bytes {
        return Ok(());
    }
    let error = io::Error::other("it became shorter while it was sent; apply again");
    Err(ClientError::File { path: header.path.clone(), error })
}

fn connect(socket: &Path) -> Result<UnixStream, ClientError> {
    UnixStream::connect(socket).map_err(|error| ClientError::Connect { path: socket.to_owned(), error })
}

fn line(request: &Request) -> Result<String, ClientError> {
    Ok(serde_json::to_string(request)? + "\n")
}

fn answer(stream: &UnixStream) -> Result<Reply, ClientError> {
    let mut from = BufReader::new(Deadline::new(stream, ANSWER));
    Ok(serde_json::from_str(&read_line(&mut from, ANSWER_MAX)?)?)
}

/// How long control may take to read a request or a file.
const SEND: Duration = Duration::from_secs(120);
/// How long control may take to answer: compiling and adopting 16 Mi prefixes included.
const ANSWER: Duration = Duration::from_secs(600);
