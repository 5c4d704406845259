//! How long a large policy takes to load, to compare and to compile.
//!
//! `cargo run --release -p gate25-control --example policy_speed -- 1000000` writes a policy of that many
//! prefixes (three quarters IPv4, one quarter IPv6, one in sixteen exempt) to a temporary folder and
//! prints milliseconds. Figures are for reading, nothing asserts them.
#![forbid(unsafe_code)]

use std::io::{BufWriter, Write};
use std::net::{Ipv4Addr, Ipv6Addr};
use std::path::Path;
use std::time::Instant;

use gate25_control::compile::{Slots, compile};
use gate25_control::policy::load_at;
use gate25_control::{guard, policy::Limits};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let count: u32 = std::env::args().nth(1).map_or(Ok(1_000_000), |text| text.parse())?;
    let folder = std::env::temp_dir().join(format!("gate25-policy-speed-{}", std::process::id()));
    std::fs::create_dir_all(&folder)?;
    let measured = write(&folder, count).and_then(|()| measure(&folder.join("policy.toml")));
    std::fs::remove_dir_all(&folder)?;
    measured
}

fn measure(path: &Path) -> Result<(), Box<dyn std::error::Error>> {
    let start = Instant::now();
    let policy = load_at(path, 0, &Limits::default())?;
    println!("load     {:>6} ms, {} prefixes", start.elapsed().as_millis(), policy.sources.len());
    let start = Instant::now();
    let comparison = guard::compare(Some(&policy), &policy, 0);
    println!("compare  {:>6} ms, {} times", start.elapsed().as_millis(), comparison.flips.len());
    let start = Instant::now();
    let words = compile(&policy.at(0), &Slots::default(), 1)?;
    println!("compile  {:>6} ms, {} MB", start.elapsed().as_millis(), words.len() * 4 / 1_000_000);
    Ok(())
}

fn write(folder: &Path, count: u32) -> Result<(), Box<dyn std::error::Error>> {
    std::fs::write(
        folder.join("policy.toml"),
        "schema = 1\n[[pool]]\nname = \"east\"\nprefix_files = [\"east.txt\"]\nstage = \"enforce\"\n\
         [[exempt]]\nname = \"static\"\nprefix_files = [\"static.txt\"]\nexpires = 2100-01-01T00:00:00Z\n",
    )?;
    let mut east = BufWriter::new(std::fs::File::create(folder.join("east.txt"))?);
    let mut statics = BufWriter::new(std::fs::File::create(folder.join("static.txt"))?);
    for number in 0..count {
        // An odd factor goes through all numbers in a scattered order.
        let scattered = number.wrapping_mul(0x9e37_79b1);
        let file = if number % 16 == 0 { &mut statics } else { &mut east };
        if number % 4 == 3 {
            writeln!(file, "{}/56", Ipv6Addr::from(0x2001_0db8 << 96 | u128::from(scattered) << 72))?;
        } else {
            writeln!(file, "{}/32", Ipv4Addr::from(scattered))?;
        }
    }
    east.flush()?;
    statics.flush()?;
    Ok(())
}
