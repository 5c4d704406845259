//! The parser on any bytes: it ends, within the frame. The first byte chooses direction and ends of ours.
#![no_main]

use gate25_path::walk::Silent;
use gate25_path::{Direction, Frame, parse};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let Some((choice, frame)) = data.split_first() else { return };
    let direction = if choice & 1 == 0 { Direction::Outbound } else { Direction::Inbound };
    let short = usize::from(choice >> 2) * usize::from(choice & 2 != 0);
    let seen = Frame::captured(frame, frame.len() + short);
    let (packet, outcome) = parse(seen, direction, |_| choice & 128 == 0, &mut Silent);
    for header in packet.headers() {
        assert!(header.at < seen.wire_len());
    }
    if let Ok(segment) = outcome {
        assert!(segment.at + 14 <= frame.len());
    }
});
