//! A policy at a time, ready to judge captured frames by.

use std::path::Path;

use gate25_include::counters::Reason;
use gate25_include::image::Image;
use gate25_path::walk::{Observer, Silent};
use gate25_path::{Action, Direction, Frame, InboundRead, Line, judge_frame, reject};

use super::error::ReplayError;
use crate::capture::CapturedFrame;
use crate::compile::{Slots, compile};
use crate::guard::{self, Violation};
use crate::policy::{self, Limits, Policy};

/// A policy, the second it is judged at, and the image that the workers would have then.
#[derive(Debug)]
pub struct Rules {
    /// The policy.
    pub policy: Policy,
    /// The unix second.
    pub at: i64,
    /// What is in force then.
    pub image: Image,
}

/// The verdict on one frame, as replay prints it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Judged<'a> {
    /// Why.
    pub reason: Reason,
    /// What is done. `Reject` only if there is an answer.
    pub action: Action,
    /// Number and name of the pool or exemption, where the reason names one.
    pub pool: Option<(u16, &'a str)>,
    /// The line, where the reason names a pool.
    pub line: Option<Line>,
    /// What is counted apart of an inbound frame.
    pub inbound_read: Option<InboundRead>,
    /// What goes back.
    pub answer: Option<Answer>,
}

/// The answer to a rejected frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Answer {
    buffer: [u8; reject::MAX_ANSWER],
    len: usize,
}

impl Rules {
    /// Loads the policy at `path` and compiles what holds in the second `at`. `reject_rate` stands in place of the
    /// policy's if given; judging knows no rate, a dataplane does.
    ///
    /// # Errors
    /// All that is wrong with the policy.
    pub fn load(path: &Path, at: i64, reject_rate: Option<u32>) -> Result<Self, ReplayError> {
        let mut policy = policy::load_at(path, at, &Limits::default())?;
        policy.reject_rate = reject_rate.unwrap_or(policy.reject_rate);
        let words = compile(&policy.at(at), &Slots::default(), 1)?;
        let image = Image::from_words(words)?;
        Ok(Self { policy, at, image })
    }

    /// What the policy's author should know; with an `other` policy also which guard rails stand in the way from
    /// here to there.
    pub fn warnings(&self, other: Option<&Rules>) -> Vec<String> {
        let mut found: Vec<String> = self.policy.warnings.iter().map(ToString::to_string).collect();
        // Without a policy to compare with, only what is wrong with this one by itself.
        let comparison = guard::compare(None, &self.policy, self.at);
        let short = comparison.violations.iter().filter(|one| matches!(one, Violation::ShortPrefix { .. }));
        found.extend(short.map(|one| format!("{one} or commit with --force")));
        if let Some(other) = other {
            found.extend(other.policy.warnings.iter().map(ToString::to_string));
            let comparison = guard::compare(Some(&self.policy), &other.policy, self.at);
            found.extend(comparison.violations.iter().map(|one| format!("{one}; a commit would need --force")));
        }
        found
    }

    /// Judges a frame by its original length.
    pub fn judge(&self, direction: Direction, frame: &CapturedFrame<'_>) -> Judged<'_> {
        Judged::of(Some(&self.image), direction, frame, &mut Silent)
    }
}

impl<'a> Judged<'a> {
    /// Judges a frame by its original length, and tells each step to `observer`.
    pub fn of<O: Observer>(
        image: Option<&'a Image>,
        direction: Direction,
        frame: &CapturedFrame<'_>,
        observer: &mut O,
    ) -> Self {
        let frame = Frame::captured(frame.bytes, frame.wire_len as usize);
        let verdict = judge_frame(image, direction, frame, observer);
        let answer = if verdict.action == Action::Reject { Answer::to(frame) } else { None };
        let action = match verdict.action {
            Action::Reject if answer.is_none() => Action::Drop,
            action => action,
        };
        let pool = verdict.pool.and_then(|number| Some((number, image?.pool(number)?.name)));
        let (reason, line, inbound_read) = (verdict.reason, verdict.line, verdict.inbound_read);
        Judged { reason, action, pool, line, inbound_read, answer }
    }
}

impl Answer {
    fn to(frame: Frame<'_>) -> Option<Self> {
        let mut buffer = [0; reject::MAX_ANSWER];
        let len = reject::build(frame, &mut buffer)?;
        Some(Self { buffer, len })
    }

    /// The frame.
    pub fn bytes(&self) -> &[u8] {
        self.buffer.get(..self.len).unwrap_or_default()
    }
}
