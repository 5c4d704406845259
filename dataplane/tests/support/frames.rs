//! Frames to send, and how what came is compared with them.

use super::Random;

/// Ethernet frames of every kind up to `longest` bytes; the outermost type is one of `types`.
pub fn frames(seed: u64, count: usize, longest: u64, types: &[u16]) -> Vec<Vec<u8>> {
    let mut random = Random(seed);
    let frame = |_| {
        let len = 60 + random.below(longest - 59) as usize;
        let mut frame = random.bytes(len);
        frame[0] &= 0xfe;
        frame[6] &= 0xfe;
        let outer = types[random.below(types.len() as u64) as usize];
        frame[12..14].copy_from_slice(&outer.to_be_bytes());
        // Below an outer tag: another tag, or anything. IPv4 that is no fragment is version 4 with DF.
        if matches!(outer, 0x8100 | 0x88a8) {
            let inner = [0x8100_u16, 0x88a8, 0x86dd, 0x8864][random.below(4) as usize];
            frame[16..18].copy_from_slice(&inner.to_be_bytes());
        }
        if outer == 0x0800 {
            frame[14] = 0x45;
            frame[20..22].copy_from_slice(&[0x40, 0]);
        }
        frame
    };
    (0..count).map(frame).collect()
}

/// The same frames in the same order.
pub fn assert_same(sent: &[Vec<u8>], seen: &[Vec<u8>]) {
    for (number, (sent, seen)) in sent.iter().zip(seen).enumerate() {
        assert!(
            sent == seen,
            "frame {number} of {} bytes came as {} bytes:\n{sent:02x?}\n{seen:02x?}",
            sent.len(),
            seen.len()
        );
    }
    assert_eq!(sent.len(), seen.len(), "frames lost or added");
}

pub const EVERY_TYPE: [u16; 10] = [0x0800, 0x86dd, 0x0806, 0x8100, 0x88a8, 0x9100, 0x8863, 0x8864, 0x8847, 0x8809];
