//! A line and, in a second line, its XXH3 hash: a file that was cut or changed is told from a good one.

use xxhash_rust::xxh3::xxh3_128;

/// The line with its hash.
pub(super) fn seal(line: &str) -> String {
    format!("{line}\n{:032x}\n", xxh3_128(line.as_bytes()))
}

/// The line, or what is wrong with it.
pub(super) fn open(text: &str) -> Result<&str, &'static str> {
    let (line, hash) = text.split_once('\n').ok_or("it is cut")?;
    if hash == format!("{:032x}\n", xxh3_128(line.as_bytes())) { Ok(line) } else { Err("its check sum does not fit") }
}
