//! The first pass at the edges of what it is sure of: every protocol, lengths around every bound, the ports that
//! matter, with tunnel ends of ours and without. Judged one by one, eight at once and by the full parser.

mod common;

use common::policy::image;
use gate25_include::counters::Reason;
use gate25_include::image::{Image, ImageBuilder};
use gate25_path::burst::{Form, judge_burst_by};
use gate25_path::{Direction, Verdict, judge};

/// A frame of `len` bytes whose IP header says `said` bytes from itself on.
fn plain(v6: bool, protocol: u8, len: usize, said: u16, ports: [u16; 2], fragment: u16) -> Vec<u8> {
    let mut frame = vec![0; len.max(80)];
    let (kind, version, header) = if v6 { (0x86dd_u16, 0x60, 40) } else { (0x0800, 0x45, 20) };
    let mut put = |at: usize, bytes: &[u8]| frame[at..at + bytes.len()].copy_from_slice(bytes);
    put(12, &kind.to_be_bytes());
    put(14, &[version]);
    if v6 {
        put(18, &said.saturating_sub(40).to_be_bytes());
        put(20, &[protocol]);
        put(22, &[0x20, 1, 0x0d, 0xb8, 1]);
    } else {
        put(16, &said.to_be_bytes());
        put(20, &fragment.to_be_bytes());
        put(23, &[protocol]);
        put(26, &[203, 0, 100, 7]);
    }
    put(14 + header, &ports[0].to_be_bytes());
    put(14 + header + 2, &ports[1].to_be_bytes());
    put(14 + header + 13, &[2]);
    frame.truncate(len);
    frame
}

fn frames() -> Vec<Vec<u8>> {
    let mut frames = Vec::new();
    for v6 in [false, true] {
        for protocol in 0..=255 {
            for (len, said) in
                [(60, 46), (60, 40), (74, 60), (58, 44), (57, 43), (54, 40), (68, 54), (68, 55), (60, 47)]
            {
                for ports in [[25, 443], [443, 25], [25, 25], [443, 2152], [443, 443]] {
                    frames.push(plain(v6, protocol, len, said, ports, 0));
                }
            }
        }
        for said in 0..100 {
            frames.push(plain(v6, 6, 74, said, [1, 443], 0));
            frames.push(plain(v6, 17, 74, said, [1, 2152], 0));
        }
        for bit in 0..16 {
            frames.push(plain(v6, 6, 74, 60, [1, 443], 1 << bit));
        }
        for len in 0..80 {
            frames.push(plain(v6, 6, len, 40, [1, 443], 0));
        }
    }
    frames
}

fn without_ends() -> Image {
    Image::from_words(ImageBuilder::new().finish(1).unwrap()).unwrap()
}

#[test]
fn every_form_agrees_at_every_edge() {
    let owned = frames();
    let frames: Vec<&[u8]> = owned.iter().map(Vec::as_slice).collect();
    let mut seen = [0_usize; Reason::COUNT];
    for image in [image(), without_ends()] {
        for direction in Direction::ALL {
            let mut best = vec![Verdict::pass(Reason::NoPolicy); frames.len()];
            let [mut avx2, mut scalar] = [best.clone(), best.clone()];
            judge_burst_by(Form::Best, Some(&image), direction, &frames, &mut best);
            judge_burst_by(Form::Avx2, Some(&image), direction, &frames, &mut avx2);
            judge_burst_by(Form::Scalar, Some(&image), direction, &frames, &mut scalar);
            for (((frame, best), avx2), scalar) in frames.iter().zip(best).zip(avx2).zip(scalar) {
                let alone = judge(Some(&image), direction, frame);
                assert_eq!([best, avx2, scalar], [alone; 3], "{direction:?} {frame:02x?}");
                seen[alone.reason.word()] += 1;
            }
        }
    }
    for reason in [Reason::OtherPort, Reason::NotTcp, Reason::Malformed, Reason::Inbound, Reason::NotIp] {
        assert!(seen[reason.word()] > 50, "{} only {} times", reason.name(), seen[reason.word()]);
    }
}
