//! A reader under whom images swap: how much slower is it than one that is left alone?
//!
//! The reader asks before each burst whether there is a new image, as workers do. Short windows in which nothing happens
//! alternate with windows in which another thread, on another CPU, seals, checks and hands over one image. Each of
//! these is compared with the mean of the two around it, and the median of all is scaled to one image a second: so a
//! machine whose speed drifts by tens of percent still shows tenths. The old mapping goes after the swap.

use std::hint::black_box;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use crossbeam::channel::{Receiver, bounded};
use gate25_include::image::Image;

use super::Options;
use super::gate::{BURST, Family, image_words, seal};
use super::row::Row;
use crate::machine::{self, Pages};
use crate::rounds::{Spread, percentile};
use crate::workload::Workload;

/// The row's name.
pub(super) const NAME: &str = "gate25, an image a second";

/// What reader and committer share.
struct Slot {
    generation: AtomicU64,
    image: Mutex<Arc<Image>>,
}

pub(super) fn measure<A: Family>(
    options: &Options,
    workload: &Workload<A>,
    pages: Pages,
    cpu: usize,
) -> Result<Row, String> {
    let words = image_words(&workload.prefixes, workload.owners, 1)?;
    let image = Arc::new(seal(&words, pages)?);
    let slot = Arc::new(Slot { generation: AtomicU64::new(1), image: Mutex::new(image) });
    let (to, orders) = bounded::<()>(1);
    let committer = {
        let slot = Arc::clone(&slot);
        std::thread::spawn(move || commit(&slot, &words, pages, cpu, &orders))
    };
    let pairs = if options.quick { 4 } else { PAIRS };
    let (mut quiet, mut swapping, mut late) = (Vec::new(), Vec::new(), 0);
    let mut position = 0;
    read(&slot, &workload.keys, WINDOW, &mut position);
    quiet.push(read(&slot, &workload.keys, WINDOW, &mut position));
    for _ in 0..pairs {
        let generation = slot.generation.load(Ordering::Relaxed);
        to.send(()).map_err(|_| "the committing thread has ended".to_owned())?;
        swapping.push(read(&slot, &workload.keys, WINDOW, &mut position));
        late += usize::from(slot.generation.load(Ordering::Relaxed) == generation);
        while slot.generation.load(Ordering::Relaxed) == generation && !committer.is_finished() {
            read(&slot, &workload.keys, WINDOW / 8, &mut position);
        }
        quiet.push(read(&slot, &workload.keys, WINDOW, &mut position));
    }
    drop(to);
    committer.join().map_err(|_| "the committing thread panicked".to_owned())??;
    let slower = Spread::of(slowdowns(&quiet, &swapping));
    let (low, high) =
        (percentile(&mut slowdowns(&quiet, &swapping), 25.0), percentile(&mut slowdowns(&quiet, &swapping), 75.0));
    let quiet = Spread::of(quiet).median;
    let row = Row::new(workload.name, NAME, pages, workload.prefixes.len()).with_speed(Spread::of(swapping));
    let note = format!(
        "{quiet:.1} Mlps undisturbed; {pairs} windows of {} ms with an image each, {late} too short for it; quartiles {low:.2} \
         and {high:.2} %",
        WINDOW.as_millis()
    );
    Ok(Row { slowdown_percent: Some(slower.median), note: Some(note), ..row })
}

/// Percent of a second that each swap cost: what each window lost against the mean of those around it.
fn slowdowns(quiet: &[f64], swapping: &[f64]) -> Vec<f64> {
    let around = quiet.iter().zip(quiet.iter().skip(1)).map(|(before, after)| (before + after) / 2.0);
    around.zip(swapping).map(|(quiet, swapping)| (1.0 - swapping / quiet) * WINDOW.as_secs_f64() * 100.0).collect()
}

/// Long enough for an image to be made and handed over.
const WINDOW: Duration = Duration::from_millis(200);
/// Windows with an image.
const PAIRS: usize = 60;

/// Hands over a fresh image each time it is told to.
fn commit(slot: &Slot, words: &[u32], pages: Pages, measuring: usize, orders: &Receiver<()>) -> Result<(), String> {
    machine::keep_off(measuring);
    for () in orders {
        let fresh = Arc::new(seal(words, pages)?);
        let old = std::mem::replace(&mut *slot.image.lock().unwrap_or_else(PoisonError::into_inner), fresh);
        slot.generation.fetch_add(1, Ordering::Release);
        // The reader holds the old image until it has seen the new generation; then this is the last hold.
        while Arc::strong_count(&old) > 1 {
            std::thread::sleep(Duration::from_micros(50));
        }
    }
    Ok(())
}

/// Looks up keys for this long, going on at `position`; gives million look-ups a second.
fn read<A: Family>(slot: &Slot, keys: &[A], window: Duration, position: &mut usize) -> f64 {
    let mut found = [0; BURST];
    let (mut generation, mut image) = take(slot);
    let (start, mut done) = (Instant::now(), 0u64);
    let bursts = keys.len() / BURST;
    let elapsed = loop {
        // The clock is read once in 1,024 bursts.
        for _ in 0..1024 {
            if slot.generation.load(Ordering::Relaxed) != generation {
                (generation, image) = take(slot);
            }
            let at = *position % bursts.max(1) * BURST;
            let burst = keys.get(at..at + BURST).unwrap_or_default();
            A::look_up(&image, black_box(burst), &mut found);
            black_box(&mut found);
            *position += 1;
        }
        done += 1024 * BURST as u64;
        let elapsed = start.elapsed();
        if elapsed >= window {
            break elapsed;
        }
    };
    done as f64 / elapsed.as_secs_f64() / 1e6
}

fn take(slot: &Slot) -> (u64, Arc<Image>) {
    let generation = slot.generation.load(Ordering::Acquire);
    (generation, Arc::clone(&slot.image.lock().unwrap_or_else(PoisonError::into_inner)))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A machine that becomes slower all the time, and a swap that takes a tenth of each window: two percent of a second.
    #[test]
    fn drift_does_not_count() {
        let quiet: Vec<f64> = (0..11).map(|at| 200.0 - 10.0 * f64::from(at)).collect();
        let swapping: Vec<f64> = (0..10).map(|at| 0.9 * (195.0 - 10.0 * f64::from(at))).collect();
        let found = slowdowns(&quiet, &swapping);
        assert!(found.len() == 10 && found.iter().all(|percent| (percent - 2.0).abs() < 1e-9), "{found:?}");
    }
}
