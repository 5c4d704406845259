//! Which address space changes between two source tables: one pass over both, in address order.
//!
//! Both tables are sorted by address, then length, so the prefixes that cover the current address
//! form a stack; the top one is the longest and decides. Between two borders nothing changes, and
//! such a stretch is counted at once.
//!
//! A line is a block of `line_prefix` bits inside one prefix (or that prefix, if it is longer). It
//! counts as one if that prefix decides for any of its addresses, by its most changed address: an
//! exemption inside a line does not make two of it.

use super::rule::Rule;
use super::space::Space;

/// One prefix of a table as a stretch of addresses; IPv4 addresses are the low 32 bits.
#[derive(Debug, Clone, Copy)]
pub(super) struct Stretch {
    pub(super) first: u128,
    pub(super) last: u128,
    pub(super) owner: u16,
    pub(super) len: u8,
}

/// One side of the comparison: the prefixes in order, and by owner the rule and the tally to add to.
pub(super) struct Side<'a, I> {
    pub(super) prefixes: I,
    pub(super) rules: &'a [Option<Rule>],
    pub(super) tallies: &'a mut [Tally],
}

/// What one pool has and what of it changed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Tally {
    /// Lines that the pool's prefixes decide, at 100 percent.
    pub(super) all: Space,
    /// Old side: newly released; new side: newly enforced.
    pub(super) flipped: Space,
}

/// Adds to the tallies of the old and the new side. `bits` is 32 or 128, those of an address.
pub(super) fn sweep<O, N>(old: Side<'_, O>, new: Side<'_, N>, bits: u8)
where
    O: Iterator<Item = Stretch>,
    N: Iterator<Item = Stretch>,
{
    let (mut old, mut new) = (Walk::new(old, bits), Walk::new(new, bits));
    let mut at = 0;
    loop {
        old.enter(at);
        new.enter(at);
        let ends = [old.end(), new.end()];
        let Some(end) = ends.into_iter().flatten().min() else { return };
        if old.is_outside() && new.is_outside() {
            // Nobody's addresses: `end` is the last before the next prefix.
            at = end + 1;
            continue;
        }
        let (enforced, released) = flip(old.top(), new.top());
        old.count(at, end, released);
        new.count(at, end, enforced);
        old.leave(end);
        new.leave(end);
        match end.checked_add(1) {
            Some(next) => at = next,
            None => return,
        }
    }
}

/// Percent of lines newly enforced and newly released where one rule takes another's place.
///
/// The lines inside a share are those inside any greater share too, so a change of share flips the
/// difference. If what is blocked changes, or the length of a line (which draws the lines anew),
/// every line under enforcement before and after counts.
fn flip(old: Option<Decided>, new: Option<Decided>) -> (u8, u8) {
    let percent = |side: Option<Decided>| side.map_or(0, |decided| decided.rule.percent);
    let (before, after) = (percent(old), percent(new));
    if let (Some(old), Some(new)) = (old, new) {
        let drawn = (1..100).contains(&before) && (1..100).contains(&after);
        let redrawn = drawn && old.line_bits != new.line_bits;
        if old.rule.behaviour != new.rule.behaviour || redrawn {
            return (after, before);
        }
    }
    (after.saturating_sub(before), before.saturating_sub(after))
}

/// The rule that decides at an address, and how many bits make a line there.
#[derive(Clone, Copy)]
struct Decided {
    rule: Rule,
    line_bits: u8,
}

/// A prefix that covers the current address.
struct Frame {
    stretch: Stretch,
    decided: Option<Decided>,
    /// The line counted last, by number, not yet in the tally: more of it may follow behind a nested
    /// prefix. With the percent of its most changed address.
    open: Option<(u128, u8)>,
}

/// One side on its way through the addresses.
struct Walk<'a, I: Iterator<Item = Stretch>> {
    prefixes: std::iter::Peekable<I>,
    rules: &'a [Option<Rule>],
    bits: u8,
    stack: Vec<Frame>,
    tallies: &'a mut [Tally],
}

impl<'a, I: Iterator<Item = Stretch>> Walk<'a, I> {
    fn new(side: Side<'a, I>, bits: u8) -> Self {
        let Side { prefixes, rules, tallies } = side;
        Self { prefixes: prefixes.peekable(), rules, bits, stack: Vec::new(), tallies }
    }

    /// Takes in all prefixes that begin at `at`.
    fn enter(&mut self, at: u128) {
        while let Some(stretch) = self.prefixes.next_if(|stretch| stretch.first == at) {
            let rule = self.rules.get(usize::from(stretch.owner)).copied().flatten();
            let line_bits = |rule: &Rule| rule.line_prefix.max(stretch.len).min(self.bits);
            let line_bits = |rule: &Rule| if self.bits == 32 { 32 } else { line_bits(rule) };
            let decided = rule.map(|rule| Decided { line_bits: line_bits(&rule), rule });
            self.stack.push(Frame { stretch, decided, open: None });
        }
    }

    /// Up to which address nothing changes on this side; `None` if nothing comes any more.
    fn end(&mut self) -> Option<u128> {
        let top = self.stack.last().map(|frame| frame.stretch.last);
        // A prefix that comes begins behind the current address, so not at 0.
        let next = self.prefixes.peek().map(|stretch| stretch.first.saturating_sub(1));
        match (top, next) {
            (Some(top), Some(next)) => Some(top.min(next)),
            (top, next) => top.or(next),
        }
    }

    fn is_outside(&self) -> bool {
        self.stack.is_empty()
    }

    fn top(&self) -> Option<Decided> {
        self.stack.last().and_then(|frame| frame.decided)
    }

    /// Counts the lines from `first` to `last`, all flipped by `percent`.
    fn count(&mut self, first: u128, last: u128, percent: u8) {
        let Some(frame) = self.stack.last_mut() else { return };
        let Some(decided) = frame.decided else { return };
        let Some(tally) = self.tallies.get_mut(usize::from(frame.stretch.owner)) else { return };
        let shift = u32::from(self.bits - decided.line_bits);
        let (from, to) = (first >> shift, last >> shift);
        match &mut frame.open {
            Some((line, most)) if *line == from => *most = (*most).max(percent),
            open => {
                tally.close(open.take());
                *open = Some((from, percent));
            }
        }
        if to > from {
            tally.close(frame.open.take());
            tally.add(to - from - 1, percent);
            frame.open = Some((to, percent));
        }
    }

    /// Leaves all prefixes that end at `at`.
    fn leave(&mut self, at: u128) {
        while let Some(frame) = self.stack.pop_if(|frame| frame.stretch.last == at) {
            if let Some(tally) = self.tallies.get_mut(usize::from(frame.stretch.owner)) {
                tally.close(frame.open);
            }
        }
    }
}

impl Tally {
    fn add(&mut self, lines: u128, percent: u8) {
        self.all += Space::new(lines, 100);
        self.flipped += Space::new(lines, percent);
    }

    fn close(&mut self, line: Option<(u128, u8)>) {
        if let Some((_, percent)) = line {
            self.add(1, percent);
        }
    }
}
