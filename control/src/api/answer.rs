//! What a request is answered: a line, and for a policy that was asked for its files.

use std::fs::File;

use super::message::Reply;

/// An answer.
#[derive(Debug)]
pub struct Answer {
    /// Its line.
    pub reply: Reply,
    /// Files that follow the line, each with as many bytes as the line says; read from where they stand.
    pub files: Vec<(File, u64)>,
}

impl From<Reply> for Answer {
    fn from(reply: Reply) -> Answer {
        Answer { reply, files: Vec::new() }
    }
}
