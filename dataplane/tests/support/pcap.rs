//! Classic pcap files, whole frames, little-endian: as much as net_pcap needs.

use std::path::Path;

/// Writes frames with the time 0.
pub fn write(path: &Path, frames: &[Vec<u8>]) {
    let mut bytes = Vec::new();
    for word in [0xa1b2_c3d4_u32, 0x0004_0002, 0, 0, 262_144, 1] {
        bytes.extend(word.to_le_bytes());
    }
    for frame in frames {
        let len = u32::try_from(frame.len()).unwrap();
        for word in [0, 0, len, len] {
            bytes.extend(word.to_le_bytes());
        }
        bytes.extend(frame);
    }
    std::fs::write(path, bytes).unwrap();
}

/// The frames of a file, without their times.
pub fn read(path: &Path) -> Vec<Vec<u8>> {
    let bytes = std::fs::read(path).unwrap();
    let (frames, used) = parse(&bytes);
    assert_eq!(used, bytes.len(), "the last frame of {} is cut", path.display());
    frames
}

/// The whole frames of a file that is still written to.
pub fn read_growing(path: &Path) -> Vec<Vec<u8>> {
    std::fs::read(path).map(|bytes| parse(&bytes).0).unwrap_or_default()
}

fn parse(bytes: &[u8]) -> (Vec<Vec<u8>>, usize) {
    let word = |at: usize| u32::from_le_bytes(bytes[at..at + 4].try_into().unwrap());
    let mut frames = Vec::new();
    if bytes.len() < 24 {
        return (frames, 0);
    }
    assert!(matches!(word(0), 0xa1b2_c3d4 | 0xa1b2_3c4d), "not a pcap file");
    let mut at = 24;
    while at + 16 <= bytes.len() && at + 16 + word(at + 8) as usize <= bytes.len() {
        let (captured, len) = (word(at + 8) as usize, word(at + 12) as usize);
        assert_eq!(captured, len, "frame {} was captured short", frames.len());
        frames.push(bytes[at + 16..at + 16 + captured].to_vec());
        at += 16 + captured;
    }
    (frames, at)
}
