//! One small policy that has every kind of pool, and the verdict on a frame under it in words.

use gate25_include::counters::Reason;
use gate25_include::image::{Action, Image, ImageBuilder, Kind, Match, Pool, Stage, Undetermined};
use gate25_path::{Direction, Verdict, judge};

/// The pool at place N owns 203.0.(100+N).0/24 and 2001:db8:(1+N)00::/40.
pub(crate) const POOLS: [Pool<'static>; 18] = [
    plain("enforce"),
    Pool { stage: Stage::Monitor, ..plain("monitor") },
    Pool { stage: Stage::Off, ..plain("off") },
    Pool { kind: Kind::Exempt, ..plain("exempt") },
    Pool { action: Action::Reject, ..plain("reject") },
    Pool { matching: Match::All, ..plain("all") },
    Pool { only: Some(2), allow: 0, ..plain("only") },
    Pool { share: 50, ..plain("half") },
    Pool { undetermined: Undetermined::Pass, ..plain("lenient") },
    Pool { return_traffic: false, ..plain("one-way") },
    Pool { matching: Match::All, action: Action::Reject, line_prefix: 48, ..plain("all-reject") },
    Pool { matching: Match::All, stage: Stage::Off, ..plain("all-off") },
    bare("bare"),
    Pool { stage: Stage::Monitor, line_prefix: 128, ..bare("bare-monitor") },
    Pool { action: Action::Reject, line_prefix: 32, ..bare("bare-reject") },
    Pool { matching: Match::All, ..bare("bare-all") },
    Pool { only: Some(0), ..bare("bare-only-none") },
    Pool { share: 99, ..bare("bare-99") },
];

const fn plain(name: &'static str) -> Pool<'static> {
    Pool {
        kind: Kind::Pool,
        stage: Stage::Enforce,
        action: Action::Drop,
        matching: Match::Syn,
        return_traffic: true,
        undetermined: Undetermined::Drop,
        share: 100,
        line_prefix: 64,
        allow: 1,
        only: None,
        counter_slot: 0,
        name,
    }
}

/// The same without lists.
const fn bare(name: &'static str) -> Pool<'static> {
    Pool { allow: 0, ..plain(name) }
}

/// IPv4 address number 7 of a pool.
pub(crate) fn a4(pool: &str) -> String {
    format!("203.0.{}.7", 100 + place(pool))
}

/// An IPv6 address of a pool.
pub(crate) fn a6(pool: &str) -> String {
    format!("2001:db8:{:x}00:1::7", 1 + place(pool))
}

fn place(pool: &str) -> usize {
    POOLS.iter().position(|p| p.name == pool).expect("pool")
}

/// A mail server in no group.
pub(crate) const MX: &str = "192.0.2.1";
/// A mail server in no group.
pub(crate) const MX6: &str = "2001:db8:26::1";
/// In group 0, `own-mail`.
pub(crate) const OWN: &str = "192.0.2.25";
/// In group 0, `own-mail`.
pub(crate) const OWN6: &str = "2001:db8:25::1";
/// In group 1, `carriers`.
pub(crate) const CARRIER: &str = "192.0.2.129";
/// In no pool.
pub(crate) const STRANGER: &str = "192.0.2.77";
/// In the exemption `exempt`, inside the pool `enforce`.
pub(crate) const STATIC: &str = "203.0.100.25";

pub(crate) fn image() -> Image {
    let mut builder = ImageBuilder::new();
    let net = |text: &str| text.parse().expect("prefix");
    for (i, pool) in POOLS.iter().enumerate() {
        let number = builder.pool(&Pool { counter_slot: i as u32, ..*pool }).expect("pool");
        builder.source(net(&format!("203.0.{}.0/24", 100 + i)), number).expect("source");
        builder.source(net(&format!("2001:db8:{:x}00::/40", 1 + i)), number).expect("source");
    }
    builder.source(net(&format!("{STATIC}/32")), 3).expect("source");
    for (group, prefixes) in
        [("own-mail", ["192.0.2.25/32", "2001:db8:25::/64"]), ("carriers", ["192.0.2.128/25", "2001:db8:27::/64"])]
    {
        let number = builder.group(group).expect("group");
        for prefix in prefixes {
            builder.destination(net(prefix), number).expect("destination");
        }
    }
    builder.tunnel(net("198.51.100.1/32")).expect("tunnel");
    builder.tunnel(net("2001:db8:ffff::1/128")).expect("tunnel");
    Image::from_words(builder.finish(1).expect("image")).expect("image")
}

pub(crate) fn outbound(frame: &[u8]) -> Verdict {
    judge(Some(&image()), Direction::Outbound, frame)
}

pub(crate) fn inbound(frame: &[u8]) -> Verdict {
    judge(Some(&image()), Direction::Inbound, frame)
}

/// The verdict in words: reason, action, pool, line.
#[track_caller]
pub(crate) fn says(verdict: Verdict, reason: Reason, action: &str, pool: &str, line: &str) {
    let name = verdict.pool.map_or("", |number| POOLS[usize::from(number)].name);
    let text = verdict.line.map_or(String::new(), |line| line.to_string());
    assert_eq!((verdict.reason, verdict.action.name(), name, text.as_str()), (reason, action, pool, line));
}
