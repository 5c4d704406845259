//! Nanoseconds per frame of a burst's verdicts, as a worker has them, with the first pass one by one, eight at once (AVX2) and sixteen at once
//! (AVX-512), alternating, over 256 distinct 60-byte frames (in L1 and L2) and over 65,536: median, least and most of 101 rounds.
//!
//! ```text
//! cargo run --release -p gate25-path --example first_pass
//! ```

#[path = "../tests/common/mod.rs"]
mod common;

use common::policy::image;
use common::*;
use gate25_include::image::Image;
use gate25_path::{BURST, Direction, Form, Frames, Verdicts, judge_frames};

/// Frames judged in a round.
const JUDGED: usize = 65_536;
const ROUNDS: usize = 101;

/// A frame of the mix: TCP/443 over IPv4 alone, or IPv4 and IPv6, TCP and UDP, with 1 % SYN to port 25.
fn one(mix: bool, number: u32) -> Vec<u8> {
    let random = number.wrapping_mul(0x9e37_79b9) ^ number.wrapping_mul(0x85eb_ca6b).rotate_left(13);
    let source = format!("203.0.{}.{}", 100 + (random >> 8 & 3), random & 255);
    let source6 = format!("2001:db8:100:{:x}::7", random & 0xffff);
    let syn = mix && random.is_multiple_of(100);
    let payload = if syn { tcp(1025, 25, SYN) } else { tcp((random >> 16) as u16 | 1024, 443, ACK) };
    let mut bytes = match random >> 10 & 3 {
        0 if mix => frame(&v6(&source6, "2001:db8:9::1", TCP, &payload)),
        1 if mix => frame(&v6(&source6, "2001:db8:9::1", UDP, &udp(1025, 443, &[0; 8]))),
        2 if mix => frame(&v4(&source, "198.51.100.9", UDP).around(&udp(1025, 443, &[0; 8]))),
        _ => frame(&v4(&source, "198.51.100.9", TCP).around(&payload)),
    };
    bytes.resize(bytes.len().max(60), 0);
    bytes
}

fn nanoseconds(form: Form, image: &Image, bursts: &[Frames<'_>]) -> f64 {
    let mut verdicts = Verdicts::new();
    let start = std::time::Instant::now();
    for burst in bursts.iter().cycle().take(JUDGED / BURST) {
        judge_frames(form, Some(image), Direction::Outbound, std::hint::black_box(burst), &mut verdicts);
        std::hint::black_box(&verdicts);
    }
    start.elapsed().as_nanos() as f64 / JUDGED as f64
}

fn main() {
    let image = image();
    for (name, mix) in [("benign4", false), ("mixed, 1 % SYN/25", true)] {
        for distinct in [256, JUDGED] {
            let owned: Vec<Vec<u8>> = (0..distinct as u32).map(|number| one(mix, number)).collect();
            let bursts: Vec<Frames<'_>> =
                owned.chunks(BURST).map(|burst| burst.iter().map(Vec::as_slice).collect()).collect();
            let mut found = [Vec::new(), Vec::new(), Vec::new()];
            for _ in 0..ROUNDS {
                for (form, times) in [Form::Scalar, Form::Avx2, Form::Best].into_iter().zip(&mut found) {
                    times.push(nanoseconds(form, &image, &bursts));
                }
            }
            for (form, mut times) in ["one by one", "eight at once", "sixteen at once"].into_iter().zip(found) {
                times.sort_by(f64::total_cmp);
                let [median, least, most] = [ROUNDS / 2, 0, ROUNDS - 1].map(|at| times[at]);
                println!(
                    "{name}, {distinct} frames, {form}: {median:.2} ns a frame (least {least:.2}, most {most:.2})"
                );
            }
        }
    }
}
