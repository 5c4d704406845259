//! The packet path against the golden model: same frame, same policy, one verdict.
//!
//! Compared are reason, action, the answer's bytes, pool, line and what is counted apart. It does not say who is
//! right: the frame is printed with both answers.

use std::fmt::Write as _;
use std::net::IpAddr;

use gate25_include::image::{self, Image, ImageBuilder};
use gate25_path::burst::judge_burst;
use gate25_path::frame::Frame;
use gate25_path::verdict::{self, InboundRead};
use gate25_path::walk::Silent;
use gate25_path::{frame, reject};
use ipnet::IpNet;

use crate::golden::{Action, Captured, Direction, Drop, Policy, Pool, Stage, Verdict, judge_captured};

/// The model's policy as an image, through the image's own writer.
///
/// # Panics
/// If the writer or the reader refuses it: the model's policies are within all limits.
#[must_use]
pub fn image(policy: &Policy) -> Image {
    let mut builder = ImageBuilder::new();
    for (index, pool) in policy.pools.iter().enumerate() {
        builder.pool(&record(pool, index)).expect("a pool within the limits");
    }
    for group in 0..policy.groups {
        builder.group(&format!("group-{group}")).expect("a group within the limits");
    }
    for (prefix, pool) in &policy.sources {
        builder.source(*prefix, u16::try_from(*pool).expect("a pool number")).expect("a source prefix");
    }
    for (prefix, group) in &policy.destinations {
        builder.destination(*prefix, u8::try_from(*group).expect("a group number")).expect("a destination prefix");
    }
    for prefix in &policy.endpoints {
        builder.tunnel(*prefix).expect("a tunnel end");
    }
    let words = builder.finish(1).expect("each prefix once");
    Image::from_words(words).expect("what the writer wrote can be read")
}

fn record(pool: &Pool, index: usize) -> image::Pool<'_> {
    let mask = |groups: &[usize]| groups.iter().fold(0_u64, |mask, group| mask | (1 << group));
    image::Pool {
        kind: if pool.exempt { image::Kind::Exempt } else { image::Kind::Pool },
        stage: match pool.stage {
            Stage::Off => image::Stage::Off,
            Stage::Monitor => image::Stage::Monitor,
            Stage::Enforce => image::Stage::Enforce,
        },
        action: match pool.action {
            Drop::Silent => image::Action::Drop,
            Drop::Reject => image::Action::Reject,
        },
        matching: if pool.match_all { image::Match::All } else { image::Match::Syn },
        return_traffic: pool.return_traffic,
        undetermined: if pool.undetermined_pass { image::Undetermined::Pass } else { image::Undetermined::Drop },
        share: u32::from(pool.share),
        line_prefix: pool.line_prefix,
        allow: mask(&pool.allow),
        only: pool.only.as_deref().map(mask),
        counter_slot: u32::try_from(index).expect("a pool number"),
        name: &pool.name,
    }
}

/// What the path and the model say, in one form.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    reason: &'static str,
    action: Action,
    pool: Option<usize>,
    line: Option<IpNet>,
    apart: Option<&'static str>,
}

impl Answer {
    /// The counter's name.
    #[must_use]
    pub fn reason(&self) -> &'static str {
        self.reason
    }

    /// The same without the answer's bytes.
    #[must_use]
    pub fn unanswered(self) -> Self {
        let action = if self.action == Action::Pass { Action::Pass } else { Action::Drop };
        Self { action, ..self }
    }

    /// Whether it is a reject with an answer.
    #[must_use]
    pub fn is_answered(&self) -> bool {
        matches!(self.action, Action::Reject(_))
    }
}

/// The model's answer.
#[must_use]
pub fn model(policy: Option<&Policy>, direction: Direction, captured: Captured) -> Answer {
    let Verdict { reason, action, pool, line, apart } = judge_captured(policy, direction, captured);
    Answer { reason: reason.name(), action, pool, line, apart }
}

/// The path's answer. A reject without an answer shows as one of no bytes, which the model never gives.
#[must_use]
pub fn path(image: Option<&Image>, direction: Direction, bytes: &[u8], wire_len: usize) -> Answer {
    let frame = Frame::captured(bytes, wire_len);
    let verdict = if wire_len == bytes.len() {
        verdict::judge(image, path_direction(direction), bytes)
    } else {
        verdict::judge_frame(image, path_direction(direction), frame, &mut Silent)
    };
    answer(&verdict, frame)
}

/// The path's answers to whole frames judged as one burst.
#[must_use]
pub fn path_burst(image: Option<&Image>, direction: Direction, frames: &[&[u8]]) -> Vec<Answer> {
    // What stands there before must not matter.
    let before = verdict::judge(image, path_direction(direction), &[]);
    let mut verdicts = vec![before; frames.len()];
    judge_burst(image, path_direction(direction), frames, &mut verdicts);
    verdicts.iter().zip(frames).map(|(verdict, frame)| answer(verdict, Frame::whole(frame))).collect()
}

fn path_direction(direction: Direction) -> frame::Direction {
    match direction {
        Direction::Outbound => frame::Direction::Outbound,
        Direction::Inbound => frame::Direction::Inbound,
    }
}

fn answer(verdict: &verdict::Verdict, frame: Frame<'_>) -> Answer {
    let action = match verdict.action {
        verdict::Action::Pass => Action::Pass,
        verdict::Action::Drop => Action::Drop,
        verdict::Action::Reject => {
            let mut answer = vec![0xee; reject::MAX_ANSWER];
            let length = reject::build(frame, &mut answer).unwrap_or(0);
            Action::Reject(answer[..length].to_vec())
        }
    };
    let line = verdict.line.map(|line| {
        let address = line.addr.to_be_bytes();
        let address = match line.v4 {
            true => IpAddr::from([address[12], address[13], address[14], address[15]]),
            false => IpAddr::from(address),
        };
        IpNet::new(address, line.len).expect("a line's length fits its family")
    });
    let apart = verdict.inbound_read.map(|read| match read {
        InboundRead::Malformed => "inbound_malformed",
        InboundRead::TagsLimit => "inbound_tags_limit",
        InboundRead::NotRead => "inbound_not_read",
        InboundRead::Undetermined => "inbound_undetermined",
    });
    Answer { reason: verdict.reason.name(), action, pool: verdict.pool.map(usize::from), line, apart }
}

/// What is wrong with the answers to a frame of which only the first `captured` bytes are at hand, if anything.
///
/// Such a frame gets the whole frame's verdict or `not_captured`. Which bytes must be there is a matter of reading; the
/// model reads more of them than it must, so the path may not ask for more than the model.
#[must_use]
pub fn short_fault(
    policy: &Policy,
    image: &Image,
    direction: Direction,
    frame: &[u8],
    captured: usize,
) -> Option<String> {
    let (short, wire_len) = (&frame[..captured], frame.len());
    let whole = path(Some(image), direction, frame, wire_len);
    let by_model = model(Some(policy), direction, Captured::short(short, wire_len));
    let by_path = path(Some(image), direction, short, wire_len);
    let missing = |answer: &Answer| answer.reason() == "not_captured";
    let sound = |answer: &Answer| missing(answer) || *answer == whole;
    let asks_for_more = missing(&by_path) && !missing(&by_model);
    let text = || format!("{}\n  whole {whole:?}", report(direction, short, wire_len, &by_model, &by_path));
    (!sound(&by_path) || !sound(&by_model) || asks_for_more).then(text)
}

/// The frame and both answers, as printed when they differ.
#[must_use]
pub fn report(direction: Direction, bytes: &[u8], wire_len: usize, model: &Answer, path: &Answer) -> String {
    let mut text = format!("{direction:?}, {} bytes of {wire_len}\n  frame ", bytes.len());
    for byte in bytes {
        // Writing to a string cannot fail.
        let _ = write!(text, "{byte:02x}");
    }
    let _ = write!(text, "\n  model {model:?}\n  path  {path:?}");
    text
}
