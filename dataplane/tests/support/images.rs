//! Images: good ones with a small policy, and one for each way to be bad.

use std::os::fd::{AsFd, OwnedFd};

use gate25_include::image::format::{HEADER_WORDS, header};
use gate25_include::image::{Action, ImageBuilder, Kind, Match, Pool, Stage, Undetermined};
use gate25_include::memfd::{IMAGE_SEALS, Pages, seal_copy};
use rustix::fs::{MemfdFlags, SealFlags, fcntl_add_seals, memfd_create};

/// A policy: 203.0.113.0/24 and 2001:db8:1::/48 are enforced, by reset if `reject`; 203.0.113.9 is exempt; 192.0.2.25
/// is allowed.
pub fn builder(reject: bool, reject_rate: u32) -> ImageBuilder {
    let mut builder = ImageBuilder::new();
    builder.reject_rate(reject_rate).unwrap();
    builder.group("own-mail").unwrap();
    let pool = Pool {
        kind: Kind::Pool,
        stage: Stage::Enforce,
        action: if reject { Action::Reject } else { Action::Drop },
        matching: Match::Syn,
        return_traffic: true,
        undetermined: Undetermined::Drop,
        share: 100,
        line_prefix: 64,
        allow: 1,
        only: None,
        counter_slot: 3,
        name: "dynamic",
    };
    let dynamic = builder.pool(&pool).unwrap();
    let exempt = builder.pool(&Pool { kind: Kind::Exempt, counter_slot: 4, name: "static", ..pool }).unwrap();
    builder.source("203.0.113.0/24".parse().unwrap(), dynamic).unwrap();
    builder.source("2001:db8:1::/48".parse().unwrap(), dynamic).unwrap();
    builder.source("203.0.113.9/32".parse().unwrap(), exempt).unwrap();
    builder.destination("192.0.2.25/32".parse().unwrap(), 0).unwrap();
    builder
}

pub fn words(generation: u64) -> Vec<u32> {
    builder(false, 0).finish(generation).unwrap()
}

pub fn good(generation: u64) -> OwnedFd {
    seal_copy(&words(generation), Pages::Ordinary).unwrap()
}

/// A good one that was compiled for a unix second.
pub fn good_at(generation: u64, second: i64) -> OwnedFd {
    let mut builder = builder(false, 0);
    builder.times(second, 0);
    seal_copy(&builder.finish(generation).unwrap(), Pages::Ordinary).unwrap()
}

/// What each bad image is called and what its refusal must say.
pub fn bad(generation: u64) -> Vec<(String, OwnedFd, &'static str)> {
    let mut all = Vec::new();
    for (name, seal) in [
        ("shrink", SealFlags::SHRINK),
        ("grow", SealFlags::GROW),
        ("write", SealFlags::WRITE),
        ("seal", SealFlags::SEAL),
    ] {
        let fd = memory(&words(generation), 4096);
        fcntl_add_seals(&fd, IMAGE_SEALS.difference(seal)).unwrap();
        all.push((format!("without F_SEAL_{name}"), fd, "seals"));
    }
    let file = std::fs::File::open("/proc/self/exe").unwrap();
    all.push(("a file".into(), file.into(), "bears no seals"));
    all.push(("empty".into(), sealed(memory(&[], 0)), "0 bytes"));
    all.push(("odd size".into(), sealed(memory(&words(generation), 4097)), "4097 bytes"));
    all.push(("short".into(), sealed(memory(&words(generation)[..32], 128)), "32 words"));
    for (name, word, says) in [
        ("magic", header::MAGIC, "GATE25IM"),
        ("version", header::ABI, "format version"),
        ("layout", header::LAYOUT, "layout"),
        ("size", header::TOTAL_WORDS, "words"),
        ("checksum", header::CHECKSUM, "checksum"),
        ("digest", header::DIGEST, "checksum"),
    ] {
        all.push((name.into(), damaged(generation, word), says));
    }
    all.push(("content".into(), damaged(generation, HEADER_WORDS), "checksum"));
    let last = words(generation).len() - 1;
    all.push(("gap behind the last section".into(), damaged(generation, last), "section"));
    all
}

fn damaged(generation: u64, word: usize) -> OwnedFd {
    let mut words = words(generation);
    words[word] ^= 1 << 7;
    seal_copy(&words, Pages::Ordinary).unwrap()
}

fn memory(words: &[u32], bytes: u64) -> OwnedFd {
    let fd = memfd_create("test", MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING).unwrap();
    let content: Vec<u8> = words.iter().flat_map(|word| word.to_le_bytes()).collect();
    rustix::fs::ftruncate(&fd, bytes).unwrap();
    rustix::io::pwrite(fd.as_fd(), &content[..content.len().min(bytes as usize)], 0).unwrap();
    fd
}

fn sealed(fd: OwnedFd) -> OwnedFd {
    fcntl_add_seals(&fd, IMAGE_SEALS).unwrap();
    fd
}
