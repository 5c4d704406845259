//! Generations without a dataplane: workers are moved by hand.

use super::*;
use crate::adoption::Subscriber;
use gate25_include::image::ImageBuilder;
use gate25_include::memfd::{Pages, seal_copy};

const ASKER: Asker = Asker { client: 1, number: 2 };
const MS: Duration = Duration::from_millis(1);

fn image_fd(generation: u64) -> OwnedFd {
    seal_copy(&ImageBuilder::new().finish(generation).unwrap(), Pages::Ordinary).unwrap()
}

fn with_workers(count: usize) -> (Generations, Vec<Subscriber>) {
    let mut publisher = Publisher::default();
    let workers = (0..count).map(|_| publisher.subscribe()).collect();
    (Generations::new(publisher), workers)
}

/// Adopts and lets every worker move.
fn adopt(generations: &mut Generations, workers: &mut [Subscriber], number: u64, confirm: Option<Duration>) {
    generations.adopt(ASKER, image_fd(number), number, confirm, MS).unwrap();
    workers.iter_mut().for_each(|worker| assert!(worker.refresh()));
    let done = generations.step(3 * MS).unwrap();
    assert_eq!(done, Done { asker: Some(ASKER), result: Ok((number, 2 * MS)) });
}

fn running(workers: &[Subscriber]) -> Vec<u64> {
    workers.iter().map(|worker| worker.image().map_or(0, Image::generation)).collect()
}

#[test]
fn adopted_when_the_last_worker_has_moved() {
    let (mut generations, mut workers) = with_workers(2);
    generations.adopt(ASKER, image_fd(7), 7, None, MS).unwrap();
    workers[0].refresh();
    assert_eq!(generations.step(2 * MS), None);
    assert_eq!(generations.adopt(ASKER, image_fd(8), 8, None, MS).unwrap_err().refusal, Refusal::Busy);
    workers[1].refresh();
    assert_eq!(generations.step(5 * MS).unwrap().result, Ok((7, 4 * MS)));
    assert_eq!((generations.highest(), generations.previous_generation()), (7, 0));
}

#[test]
fn refusals_leave_everything_as_it_was() {
    let (mut generations, mut workers) = with_workers(1);
    adopt(&mut generations, &mut workers, 5, None);
    let unsealed = rustix::fs::memfd_create("t", rustix::fs::MemfdFlags::CLOEXEC).unwrap();
    let refusals = [
        generations.adopt(ASKER, image_fd(5), 5, None, MS),
        generations.adopt(ASKER, image_fd(4), 4, None, MS),
        generations.adopt(ASKER, image_fd(6), 9, None, MS),
        generations.adopt(ASKER, unsealed, 6, None, MS),
        generations.rollback(ASKER, MS),
        generations.confirm(5).map(drop),
    ]
    .map(|result| result.unwrap_err().refusal);
    use Refusal::{BadImage, NoPrevious, NothingPending, StaleGeneration};
    assert_eq!(refusals, [StaleGeneration, StaleGeneration, BadImage, BadImage, NoPrevious, NothingPending]);
    assert_eq!((running(&workers), generations.highest(), generations.counts.refused), (vec![5], 5, 4));
}

#[test]
fn a_stuck_worker_brings_the_others_back() {
    let (mut generations, mut workers) = with_workers(2);
    adopt(&mut generations, &mut workers, 1, None);
    generations.adopt(ASKER, image_fd(2), 2, None, Duration::ZERO).unwrap();
    workers[0].refresh();
    assert_eq!(running(&workers), [2, 1]);
    let done = generations.step(PATIENCE).unwrap();
    assert_eq!(done.result.unwrap_err().refusal, Refusal::WorkerStuck);
    workers.iter_mut().for_each(|worker| assert!(worker.refresh()));
    assert_eq!(running(&workers), [1, 1]);
    assert_eq!(generations.step(PATIENCE + MS).unwrap().asker, None);
    assert_eq!((generations.highest(), generations.previous_generation()), (1, 0));
    adopt(&mut generations, &mut workers, 2, None);
}

/// An image of this generation that was compiled for a second.
fn image_for(generation: u64, second: i64) -> OwnedFd {
    let mut builder = ImageBuilder::new();
    builder.times(second, 0);
    seal_copy(&builder.finish(generation).unwrap(), Pages::Ordinary).unwrap()
}

/// Lets what is due at a second come into force; gives what runs then.
fn wait_until(generations: &mut Generations, workers: &mut [Subscriber], wall: i64) -> u64 {
    generations.on_time(wall, MS);
    for worker in &mut *workers {
        worker.refresh();
    }
    generations.step(2 * MS);
    assert!(running(workers).iter().all(|runs| *runs == generations.generation()));
    generations.generation()
}

#[test]
fn planned_images_come_into_force_in_their_second_and_not_before() {
    let (mut generations, mut workers) = with_workers(2);
    adopt(&mut generations, &mut workers, 1, None);
    for (number, at) in [(2, 100), (3, 200), (4, 300)] {
        assert_eq!(generations.plan(image_for(number, at), number, 1), Ok(number as usize - 1));
    }
    assert_eq!((generations.highest(), generations.next_on_time()), (4, Some(100)));
    let mut at = |wall| wait_until(&mut generations, &mut workers, wall);
    // The clock jumps over the second: the last that is due.
    assert_eq!([at(99), at(100), at(100), at(301), at(9999)], [1, 2, 2, 4, 4]);
    assert_eq!((generations.counts.adopted, generations.counts.on_time), (3, 2));
    assert_eq!((generations.planned().len(), generations.previous_generation()), (0, 0));
}

#[test]
fn what_cannot_be_planned_changes_nothing() {
    let (mut generations, mut workers) = with_workers(1);
    let refusal = |result: Result<usize, Refused>| result.unwrap_err().refusal;
    assert_eq!(refusal(generations.plan(image_for(1, 100), 1, 0)), Refusal::NotPlanned, "behind nothing");
    adopt(&mut generations, &mut workers, 5, None);
    generations.plan(image_for(6, 100), 6, 5).unwrap();
    use Refusal::{BadImage, NotPlanned, StaleGeneration};
    for (number, second, announced, behind, why) in [
        (6, 200, 6, 5, StaleGeneration),
        (7, 200, 8, 5, BadImage),
        (7, 200, 7, 4, NotPlanned),
        (7, 100, 7, 5, NotPlanned),
        (7, 0, 7, 5, NotPlanned),
    ] {
        assert_eq!(refusal(generations.plan(image_for(number, second), announced, behind)), why);
    }
    for number in 7..22 {
        generations.plan(image_for(number, number as i64 * 100), number, 5).unwrap();
    }
    assert_eq!(refusal(generations.plan(image_for(22, 9000), 22, 5)), NotPlanned, "17 images");
    assert_eq!((generations.planned().len(), generations.highest()), (MAX_PLANNED, 21));
    generations.forget();
    assert_eq!(wait_until(&mut generations, &mut workers, 9999), 5);
    adopt(&mut generations, &mut workers, 22, Some(MS));
    assert_eq!(refusal(generations.plan(image_for(23, 100), 23, 22)), NotPlanned, "unconfirmed");
}

#[test]
fn a_plan_goes_with_its_image_and_comes_back_with_it() {
    let (mut generations, mut workers) = with_workers(1);
    adopt(&mut generations, &mut workers, 1, None);
    generations.plan(image_for(2, 100), 2, 1).unwrap();
    adopt(&mut generations, &mut workers, 3, Some(100 * MS));
    assert_eq!((generations.planned().len(), generations.next_on_time()), (0, None));
    assert_eq!(wait_until(&mut generations, &mut workers, 500), 3, "it waits for confirmation");
    generations.step(103 * MS);
    assert!(workers[0].refresh());
    assert_eq!(generations.step(104 * MS).unwrap().result, Ok((1, MS)));
    assert_eq!(generations.left(), Some(Left { generation: 3, at: 104 * MS, by_timer: true }));
    assert_eq!(wait_until(&mut generations, &mut workers, 500), 2, "its time came meanwhile");
    adopt(&mut generations, &mut workers, 4, None);
    assert_eq!(generations.planned().len(), 0);
    generations.rollback(ASKER, MS).unwrap();
    workers[0].refresh();
    generations.step(5 * MS);
    assert_eq!(generations.left(), Some(Left { generation: 4, at: 5 * MS, by_timer: false }));
}

#[test]
fn a_stuck_worker_postpones_what_is_due() {
    let (mut generations, mut workers) = with_workers(1);
    adopt(&mut generations, &mut workers, 1, None);
    generations.plan(image_for(2, 100), 2, 1).unwrap();
    generations.on_time(100, Duration::ZERO);
    assert_eq!(generations.step(PATIENCE).unwrap().result.unwrap_err().refusal, Refusal::WorkerStuck);
    workers[0].refresh();
    assert_eq!(generations.step(PATIENCE + MS).unwrap().result, Ok((1, MS)));
    assert_eq!(wait_until(&mut generations, &mut workers, 101), 2);
}

#[test]
fn a_successor_takes_the_plan_over() {
    let (mut generations, mut workers) = with_workers(1);
    let image = |number, second| Image::open(image_for(number, second)).unwrap();
    generations.restore(image(5, 50), vec![image(7, 200), image(6, 100), image(4, 300)]);
    let planned: Vec<u64> = generations.planned().iter().map(|image| image.generation()).collect();
    assert_eq!((planned, generations.highest()), (vec![6, 7], 7));
    workers[0].refresh();
    assert_eq!(wait_until(&mut generations, &mut workers, 100), 6);
}

#[test]
fn rollback_by_request_and_only_once() {
    let (mut generations, mut workers) = with_workers(1);
    adopt(&mut generations, &mut workers, 1, None);
    adopt(&mut generations, &mut workers, 2, None);
    assert_eq!(generations.previous_generation(), 1);
    generations.rollback(ASKER, MS).unwrap();
    workers[0].refresh();
    assert_eq!(generations.step(MS).unwrap().result, Ok((1, Duration::ZERO)));
    assert_eq!((running(&workers), generations.highest()), (vec![1], 2));
    assert_eq!(generations.rollback(ASKER, MS).unwrap_err().refusal, Refusal::NoPrevious);
}

#[test]
fn the_confirm_timer_goes_back_to_the_last_confirmed_image() {
    let (mut generations, mut workers) = with_workers(1);
    adopt(&mut generations, &mut workers, 1, None);
    adopt(&mut generations, &mut workers, 2, Some(100 * MS));
    assert_eq!(generations.confirm_deadline(), Some(103 * MS));
    adopt(&mut generations, &mut workers, 3, Some(200 * MS));
    assert_eq!(generations.confirm(2).unwrap_err().refusal, Refusal::NothingPending);
    assert_eq!(generations.step(202 * MS), None);
    assert!(!workers[0].refresh());
    assert_eq!(generations.step(203 * MS), None);
    assert!(workers[0].refresh());
    assert_eq!(generations.step(204 * MS).unwrap().asker, None);
    assert_eq!((running(&workers), generations.counts.rollbacks), (vec![1], 1));
}

#[test]
fn a_confirmed_image_stays() {
    let (mut generations, mut workers) = with_workers(1);
    adopt(&mut generations, &mut workers, 1, Some(100 * MS));
    assert_eq!(generations.confirm(1), Ok(1));
    assert_eq!(generations.step(Duration::from_secs(9)), None);
    assert!(!workers[0].refresh());
    assert_eq!(running(&workers), [1]);
}

#[test]
fn the_first_image_unconfirmed_ends_in_no_policy() {
    let (mut generations, mut workers) = with_workers(1);
    adopt(&mut generations, &mut workers, 1, Some(MS));
    generations.step(9 * MS);
    assert!(workers[0].refresh());
    assert_eq!(generations.step(9 * MS).unwrap().result, Ok((0, Duration::ZERO)));
    assert!(generations.in_force().is_none());
}
