//! Rounds: everything that is compared runs once per round, one after the other, so that whatever else the
//! machine does meets all alike. What counts is the median; minimum and maximum say how far to trust it.

use std::time::{Duration, Instant};

/// One figure in several rounds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Spread {
    /// The median.
    pub median: f64,
    /// The smallest.
    pub min: f64,
    /// The largest.
    pub max: f64,
}

impl Spread {
    /// Of these figures; all 0 if there are none.
    pub fn of(mut figures: Vec<f64>) -> Spread {
        figures.sort_by(f64::total_cmp);
        let at = |index: usize| figures.get(index).copied().unwrap_or(0.0);
        let (low, high) = (at(figures.len().saturating_sub(1) / 2), at(figures.len() / 2));
        let (min, max) = (at(0), at(figures.len().saturating_sub(1)));
        Spread { median: f64::midpoint(low, high), min, max }
    }
}

/// The figure below which `percent` of `figures` lie (nearest rank); 0 if there are none.
pub fn percentile(figures: &mut [f64], percent: f64) -> f64 {
    figures.sort_by(f64::total_cmp);
    let rank = (percent / 100.0 * figures.len() as f64).ceil() as usize;
    figures.get(rank.saturating_sub(1)).copied().unwrap_or(0.0)
}

/// Runs each subject once to warm up, then `rounds` times in turns; gives each one's time per round.
pub fn alternate<S>(rounds: usize, subjects: &mut [S], mut run: impl FnMut(&mut S)) -> Vec<Vec<Duration>> {
    subjects.iter_mut().for_each(&mut run);
    let mut times = vec![Vec::with_capacity(rounds); subjects.len()];
    for _ in 0..rounds {
        for (subject, times) in subjects.iter_mut().zip(&mut times) {
            let start = Instant::now();
            run(subject);
            times.push(start.elapsed());
        }
    }
    times
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn median_and_percentiles() {
        assert_eq!(Spread::of(vec![3.0, 1.0, 2.0]), Spread { median: 2.0, min: 1.0, max: 3.0 });
        assert_eq!(Spread::of(vec![4.0, 1.0, 2.0, 3.0]).median, 2.5);
        let mut figures: Vec<f64> = (1..=200).rev().map(f64::from).collect();
        assert_eq!((percentile(&mut figures, 50.0), percentile(&mut figures, 99.0)), (100.0, 198.0));
        assert_eq!(percentile(&mut [7.0], 99.0), 7.0);
    }

    #[test]
    fn subjects_take_turns() {
        let mut log = Vec::new();
        let times = alternate(2, &mut ['a', 'b'], |subject| log.push(*subject));
        assert_eq!(String::from_iter(log), "ababab", "a warm-up and two rounds");
        assert!(times.iter().all(|times| times.len() == 2));
    }
}
