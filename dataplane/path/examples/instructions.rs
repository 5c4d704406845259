//! Judges one kind of frame N times, in bursts of 64 as a worker does, so that callgrind can count instructions per packet:
//! take the difference of two runs. Prints the reason, so that the work cannot be optimised away.
//!
//! ```text
//! cargo build --release -p gate25-path --example instructions
//! valgrind --tool=callgrind --callgrind-out-file=/dev/null target/release/examples/instructions tcp443 64000
//! ```

#[path = "../tests/common/mod.rs"]
mod common;

use std::process::ExitCode;

use common::policy::{MX, MX6, image};
use common::*;
use gate25_path::reject::{MAX_ANSWER, build};
use gate25_path::{Action, BURST, Direction, Form, Frame, Frames, Verdicts, judge_frames};

/// Name, direction and frame of each kind.
fn kinds() -> [(&'static str, Direction, Vec<u8>); 8] {
    let syn = tcp(1025, 25, SYN);
    let blocked = v4("203.0.100.7", MX, TCP).around(&syn);
    let web = v4("203.0.100.7", MX, TCP).around(&tcp(1025, 443, ACK));
    let names = v6("2001:db8:100:1::7", MX6, UDP, &udp(1025, 53, &[0; 16]));
    let rejected = v4("203.0.104.7", MX, TCP).around(&syn);
    let softwire = v6("2001:db8:100:1::7", "2001:db8:ffff::1", IPIP, &blocked);
    let answer = v4(MX, "203.0.100.7", TCP).around(&tcp(25, 1025, SYN | ACK));
    [
        ("tcp443", Direction::Outbound, frame(&web)),
        ("udp6", Direction::Outbound, frame(&names)),
        ("syn25", Direction::Outbound, frame(&blocked)),
        ("reject-syn25", Direction::Outbound, frame(&rejected)),
        ("qinq-pppoe-syn25", Direction::Outbound, tagged(&[0x88a8, 0x8100], 0x8864, &pppoe(&[0, 0x21], &blocked))),
        ("map-e-syn25", Direction::Outbound, frame(&softwire)),
        ("inbound-tcp443", Direction::Inbound, frame(&web)),
        ("inbound-syn-ack25", Direction::Inbound, frame(&answer)),
    ]
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let kinds = kinds();
    let chosen = arguments.first().and_then(|name| kinds.iter().find(|kind| kind.0 == name));
    let count = arguments.get(1).and_then(|n| n.parse::<usize>().ok());
    let (Some((_, direction, frame)), Some(count)) = (chosen, count) else {
        let names: Vec<_> = kinds.iter().map(|kind| kind.0).collect();
        eprintln!("usage: instructions KIND N, KIND one of {}", names.join(" "));
        return ExitCode::from(2);
    };
    let image = image();
    let frames: Frames<'_> = std::iter::repeat_n(frame.as_slice(), BURST).collect();
    let mut verdicts = Verdicts::new();
    for _ in 0..count.div_ceil(BURST) {
        judge_frames(Form::Best, Some(&image), *direction, std::hint::black_box(&frames), &mut verdicts);
        let plain = verdicts.plain().map(|(_, brief)| brief.action());
        let actions = plain.chain(verdicts.single().map(|(_, verdict)| verdict.action));
        for _ in actions.filter(|action| *action == Action::Reject) {
            let mut answer = [0; MAX_ANSWER];
            std::hint::black_box(build(Frame::whole(frame), &mut answer));
        }
    }
    println!("{}", verdicts.get(0, &frames).map_or("none", |verdict| verdict.reason.name()));
    ExitCode::SUCCESS
}
