//! How an image gets from the main thread to the workers and how the main thread knows that it is there (QSBR).
//!
//! Each worker has an inbox of its own. The main thread puts an image into every inbox and raises a sequence
//! number; a worker looks at the number between two bursts, takes the newest image and reports the number
//! (Release). Promise: the main thread keeps every image it ever handed out until all workers have reported a later
//! number, so a worker never holds the last reference and never unmaps anything.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crossbeam::queue::ArrayQueue;
use crossbeam::utils::CachePadded;
use gate25_include::image::Image;

/// An image or, before the first, none.
pub type Policy = Option<Arc<Image>>;

/// What the main thread and one worker share.
#[derive(Debug)]
struct Inbox {
    images: ArrayQueue<(u64, Policy)>,
    /// Last number put into `images`; written by the main thread.
    wanted: CachePadded<AtomicU64>,
    /// Last number taken; written by the worker.
    taken: CachePadded<AtomicU64>,
}

/// The worker's end.
#[derive(Debug)]
pub struct Subscriber {
    inbox: Arc<Inbox>,
    sequence: u64,
    policy: Policy,
}

/// The main thread's end.
#[derive(Debug, Default)]
pub struct Publisher {
    inboxes: Vec<Arc<Inbox>>,
    sequence: u64,
    /// Everything handed out that some worker may still run, with its number.
    kept: Vec<(u64, Policy)>,
}

impl Subscriber {
    /// Takes the newest image, if there is one. To be called between bursts only. True if it changed.
    #[inline]
    pub fn refresh(&mut self) -> bool {
        self.inbox.wanted.load(Ordering::Relaxed) != self.sequence && self.take()
    }

    /// The image to judge by.
    #[inline]
    pub fn image(&self) -> Option<&Image> {
        self.policy.as_deref()
    }

    #[cold]
    fn take(&mut self) -> bool {
        let mut changed = false;
        while let Some((sequence, policy)) = self.inbox.images.pop() {
            (self.sequence, self.policy) = (sequence, policy);
            changed = true;
        }
        self.inbox.taken.store(self.sequence, Ordering::Release);
        changed
    }
}

impl Publisher {
    /// An end for one more worker.
    pub fn subscribe(&mut self) -> Subscriber {
        let inbox = Arc::new(Inbox {
            images: ArrayQueue::new(INBOX),
            wanted: CachePadded::new(AtomicU64::new(0)),
            taken: CachePadded::new(AtomicU64::new(0)),
        });
        self.inboxes.push(Arc::clone(&inbox));
        Subscriber { inbox, sequence: 0, policy: None }
    }

    /// Hands `policy` to every worker. Err names a worker whose inbox is full because it does not move; then
    /// nobody gets it.
    pub fn publish(&mut self, policy: &Policy) -> Result<(), usize> {
        if let Some(stuck) = self.inboxes.iter().position(|inbox| inbox.images.is_full()) {
            return Err(stuck);
        }
        self.sequence += 1;
        self.kept.push((self.sequence, policy.clone()));
        for inbox in &self.inboxes {
            // Not full, and only this thread fills it.
            let _ = inbox.images.push((self.sequence, policy.clone()));
            inbox.wanted.store(self.sequence, Ordering::Release);
        }
        Ok(())
    }

    /// Ok when every worker runs what was published last; else a worker that does not yet.
    pub fn settled(&self) -> Result<(), usize> {
        let behind = |inbox: &Arc<Inbox>| inbox.taken.load(Ordering::Acquire) != self.sequence;
        self.inboxes.iter().position(behind).map_or(Ok(()), Err)
    }

    /// Lets go of what no worker can run any more.
    pub fn release(&mut self) {
        let oldest = self.inboxes.iter().map(|inbox| inbox.taken.load(Ordering::Acquire)).min();
        let oldest = oldest.unwrap_or(self.sequence);
        self.kept.retain(|(sequence, _)| *sequence >= oldest);
    }
}

/// Images under way to a worker that has not looked yet.
const INBOX: usize = 4;

#[cfg(test)]
mod tests {
    use super::*;
    use gate25_include::image::ImageBuilder;

    fn image(generation: u64) -> Policy {
        let words = ImageBuilder::new().finish(generation).unwrap();
        Some(Arc::new(Image::from_words(words).unwrap()))
    }

    fn generation(subscriber: &Subscriber) -> u64 {
        subscriber.image().map_or(0, Image::generation)
    }

    #[test]
    fn settled_only_when_every_worker_has_looked() {
        let mut publisher = Publisher::default();
        let (mut a, mut b) = (publisher.subscribe(), publisher.subscribe());
        assert!(!a.refresh());
        publisher.publish(&image(1)).unwrap();
        assert_eq!(publisher.settled(), Err(0));
        assert!(a.refresh() && !a.refresh());
        assert_eq!((generation(&a), generation(&b), publisher.settled()), (1, 0, Err(1)));
        assert!(b.refresh());
        assert_eq!((generation(&b), publisher.settled()), (1, Ok(())));
    }

    #[test]
    fn an_image_lives_until_the_last_worker_left_it_and_dies_with_the_publisher() {
        let mut publisher = Publisher::default();
        let (mut a, mut b) = (publisher.subscribe(), publisher.subscribe());
        let first = image(1);
        let weak = Arc::downgrade(first.as_ref().unwrap());
        publisher.publish(&first).unwrap();
        drop(first);
        assert!(a.refresh() && b.refresh());
        publisher.publish(&image(2)).unwrap();
        a.refresh();
        publisher.release();
        assert_eq!(weak.strong_count(), 2, "worker b and the publisher");
        b.refresh();
        assert_eq!(weak.strong_count(), 1, "the publisher alone: no worker unmaps");
        publisher.release();
        assert_eq!(weak.strong_count(), 0);
    }

    #[test]
    fn a_worker_that_does_not_move_is_named_and_nobody_gets_the_image() {
        let mut publisher = Publisher::default();
        let (mut moving, mut stuck) = (publisher.subscribe(), publisher.subscribe());
        for generation in 1..=4 {
            publisher.publish(&image(generation)).unwrap();
            moving.refresh();
        }
        assert_eq!(publisher.publish(&image(5)), Err(1));
        assert!(!moving.refresh());
        assert_eq!(generation(&moving), 4);
        assert!(stuck.refresh());
        assert_eq!((generation(&stuck), publisher.settled()), (4, Ok(())));
    }

    #[test]
    fn threads_see_every_generation_rise() {
        let mut publisher = Publisher::default();
        let workers: Vec<_> = (0..2).map(|_| publisher.subscribe()).collect();
        std::thread::scope(|scope| {
            for mut worker in workers {
                scope.spawn(move || {
                    let mut last = 0;
                    while last < 50 {
                        worker.refresh();
                        assert!(generation(&worker) >= last);
                        last = generation(&worker);
                    }
                });
            }
            for number in 1..=50 {
                let policy = image(number);
                while publisher.publish(&policy).is_err() {
                    std::thread::yield_now();
                }
                while publisher.settled().is_err() {
                    std::thread::yield_now();
                }
                publisher.release();
                assert_eq!(publisher.kept.len(), 1);
            }
        });
    }
}
