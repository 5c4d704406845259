//! Frames as a classic pcap file: little-endian, microseconds, Ethernet, one millisecond apart.
//! For readers that are not ours; the bytes of the frames are not touched.

/// The file's bytes; frames longer than 262,144 bytes do not exist on Ethernet and are not expected.
#[must_use]
pub fn pcap(frames: &[Vec<u8>]) -> Vec<u8> {
    let mut out = Vec::new();
    out.extend(0xa1b2_c3d4_u32.to_le_bytes());
    out.extend([2, 0, 4, 0]);
    out.extend([0; 8]);
    out.extend(262_144_u32.to_le_bytes());
    out.extend(1_u32.to_le_bytes());
    for (index, frame) in frames.iter().enumerate() {
        let (index, length) =
            (u32::try_from(index).unwrap_or(u32::MAX), u32::try_from(frame.len()).unwrap_or(u32::MAX));
        for word in [1_800_000_000 + index / 1000, index % 1000 * 1000, length, length] {
            out.extend(word.to_le_bytes());
        }
        out.extend(frame);
    }
    out
}
