//! Writes the fuzzers' seed corpus: every golden vector, captures of them, and an image. `seeds FOLDER`

use std::fs;
use std::path::Path;

use gate25_tests::catalogue::{policy, vectors};
use gate25_tests::differential::image;
use gate25_tests::frames::pcap;
use gate25_tests::golden::Direction;

fn main() -> std::io::Result<()> {
    let Some(folder) = std::env::args_os().nth(1) else {
        eprintln!("usage: seeds FOLDER");
        std::process::exit(2);
    };
    let folder = Path::new(&folder);
    let write = |target: &str, name: &str, bytes: &[u8]| {
        fs::create_dir_all(folder.join(target))?;
        fs::write(folder.join(target).join(name), bytes)
    };
    for vector in vectors() {
        let inbound = u8::from(vector.direction == Direction::Inbound);
        let chosen: Vec<u8> = [&[inbound], vector.frame.as_slice()].concat();
        write("parser", vector.name, &chosen)?;
        write("oracle", vector.name, &chosen)?;
        write("path", vector.name, &vector.frame)?;
    }
    let frames: Vec<Vec<u8>> = vectors().into_iter().take(3).map(|vector| vector.frame).collect();
    write("capture", "pcap", &pcap(&frames))?;
    let words = image(&policy()).words().to_vec();
    write("image", "catalogue", &words.iter().flat_map(|word| word.to_le_bytes()).collect::<Vec<u8>>())
}
