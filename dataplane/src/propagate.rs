//! Link propagation: one side of a link down makes the other side go down, so that routers see the failure.
//!
//! Pure: states in, at most one command out. Promise: no deadlock. Only one side is ever held down, the state of a
//! held side is never read as a cause, and a released side has [`HOLD_DOWN`] to come up before it is judged.

use std::time::Duration;

/// The side of a link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// Towards the subscribers.
    Access,
    /// Towards the core.
    Network,
}

/// What to do to a port.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Command {
    /// Set this side's link down.
    Hold(Side),
    /// Set this side's link up again.
    Release(Side),
}

/// Propagation of one link.
#[derive(Clone, Debug, Default)]
pub struct Propagation {
    state: State,
}

#[derive(Clone, Debug, Default)]
enum State {
    /// Both sides are judged, from this time on.
    #[default]
    Open,
    /// `side` was just released: it is not judged before `until`, or until it is up.
    Settling { side: Side, until: Duration },
    /// `side` is held down because the other was down; the other has been up since `up_since`.
    Holding { side: Side, up_since: Option<Duration> },
}

impl Propagation {
    /// Takes the links' states at `now` (any monotonic clock) and says what to do. A state of None (nobody knows)
    /// counts as up.
    pub fn step(&mut self, now: Duration, access_up: Option<bool>, network_up: Option<bool>) -> Option<Command> {
        let (access, network) = (access_up.unwrap_or(true), network_up.unwrap_or(true));
        match self.state {
            State::Settling { side, until } if now < until => match (side, access, network) {
                (_, true, true) => self.judge(access, network),
                (Side::Access, _, false) | (Side::Network, false, _) => self.hold(side),
                (Side::Access, false, true) | (Side::Network, true, false) => None,
            },
            State::Settling { .. } | State::Open => self.judge(access, network),
            State::Holding { side, up_since } => {
                let cause_up = if side == Side::Access { network } else { access };
                self.held(now, side, up_since, cause_up)
            }
        }
    }

    /// The side held down, if any.
    pub fn holding(&self) -> Option<Side> {
        match self.state {
            State::Holding { side, .. } => Some(side),
            State::Open | State::Settling { .. } => None,
        }
    }

    fn judge(&mut self, access: bool, network: bool) -> Option<Command> {
        self.state = State::Open;
        match (access, network) {
            (false, true) => self.hold(Side::Network),
            (true, false) => self.hold(Side::Access),
            (true, true) | (false, false) => None,
        }
    }

    fn hold(&mut self, side: Side) -> Option<Command> {
        self.state = State::Holding { side, up_since: None };
        Some(Command::Hold(side))
    }

    fn held(&mut self, now: Duration, side: Side, up_since: Option<Duration>, cause_up: bool) -> Option<Command> {
        match up_since {
            _ if !cause_up => self.state = State::Holding { side, up_since: None },
            None => self.state = State::Holding { side, up_since: Some(now) },
            Some(since) if now.saturating_sub(since) >= HOLD_DOWN => {
                self.state = State::Settling { side, until: now + SETTLE };
                return Some(Command::Release(side));
            }
            Some(_) => {}
        }
        None
    }
}

/// How long a side must be up again before the other is released; damps flaps.
pub const HOLD_DOWN: Duration = Duration::from_millis(500);
/// How long a released side may take to come up (autonegotiation takes seconds) before it counts as down itself.
pub const SETTLE: Duration = Duration::from_secs(5);

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    /// Two cables and the two ports' admin states, as the world sees them.
    struct World {
        cable: [bool; 2],
        admin: [bool; 2],
        propagation: Propagation,
        now: Duration,
    }

    impl World {
        fn new() -> Self {
            Self { cable: [true; 2], admin: [true; 2], propagation: Propagation::default(), now: Duration::ZERO }
        }

        fn up(&self, side: usize) -> bool {
            self.cable[side] && self.admin[side]
        }

        fn run(&mut self, time: Duration) {
            let end = self.now + time;
            while self.now < end {
                self.now += 20 * MS;
                let command = self.propagation.step(self.now, Some(self.up(0)), Some(self.up(1)));
                match command {
                    Some(Command::Hold(side)) => self.admin[side as usize] = false,
                    Some(Command::Release(side)) => self.admin[side as usize] = true,
                    None => {}
                }
            }
        }
    }

    #[test]
    fn down_is_propagated_at_once_and_up_after_the_hold_down() {
        let mut world = World::new();
        world.cable[0] = false;
        world.run(20 * MS);
        assert_eq!((world.admin, world.propagation.holding()), ([true, false], Some(Side::Network)));
        world.cable[0] = true;
        world.run(HOLD_DOWN - 20 * MS);
        assert!(!world.up(1));
        world.run(40 * MS);
        assert_eq!((world.up(0), world.up(1)), (true, true));
    }

    #[test]
    fn a_flapping_cause_keeps_the_other_side_down() {
        let mut world = World::new();
        for _ in 0..20 {
            world.cable[1] = !world.cable[1];
            world.run(HOLD_DOWN / 2);
        }
        world.cable[1] = false;
        world.run(40 * MS);
        assert!(!world.up(0));
    }

    #[test]
    fn a_side_that_fails_while_held_is_seen_after_its_release() {
        let mut world = World::new();
        world.cable[0] = false;
        world.run(100 * MS);
        world.cable[1] = false;
        world.cable[0] = true;
        world.run(HOLD_DOWN + SETTLE + 100 * MS);
        assert_eq!(world.propagation.holding(), Some(Side::Access));
        world.cable[1] = true;
        world.run(HOLD_DOWN + 100 * MS);
        assert_eq!((world.up(0), world.up(1)), (true, true));
    }

    #[test]
    fn whatever_flaps_before_both_sides_are_up_in_the_end() {
        let mut seed = 0x9e37_79b9_7f4a_7c15_u64;
        for _ in 0..1000 {
            let mut world = World::new();
            for _ in 0..20 {
                seed = seed.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
                world.cable[(seed >> 40 & 1) as usize] = seed >> 41 & 1 == 1;
                world.run(20 * MS * u32::try_from(seed >> 50 & 63).unwrap());
            }
            world.cable = [true; 2];
            world.run(HOLD_DOWN + SETTLE + 100 * MS);
            assert_eq!((world.up(0), world.up(1)), (true, true));
        }
    }

    #[test]
    fn nobody_knows_counts_as_up() {
        let mut propagation = Propagation::default();
        assert_eq!(propagation.step(MS, None, Some(true)), None);
        assert_eq!(propagation.step(MS, Some(false), None), Some(Command::Hold(Side::Network)));
    }
}
