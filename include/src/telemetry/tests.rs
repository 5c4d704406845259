//! Writer and reader over one region.

use std::os::fd::AsFd;

use super::*;
use crate::counters::{LinkCounter, PoolCounter, PortCounter, ProcessCounter, Reason, Scope, WorkerCounter};

fn region() -> (Telemetry, TelemetryReader) {
    let identity = Identity { incarnation: 11, started_at: 22, pid: 33, tsc_hz: 44 };
    let telemetry = Telemetry::create("bng1", &["a", "b"], 2, identity).unwrap();
    let reader = TelemetryReader::open(telemetry.as_fd().try_clone_to_owned().unwrap()).unwrap();
    (telemetry, reader)
}

fn record(number: u64) -> DropRecord {
    DropRecord {
        time_ns: number,
        line: 1 << 127 | u128::from(number),
        line_length: 64,
        far: 0xffff_c000_0201,
        reason: Reason::ReturnBlocked,
        direction: Direction::Inbound,
        link: 1,
        slot: 65_535,
    }
}

#[test]
fn each_word_is_read_where_it_was_written() {
    let (telemetry, reader) = region();
    assert_eq!((reader.instance(), reader.link_name(1)), ("bng1".into(), "b".into()));
    assert_eq!(reader.identity().tsc_hz, 44);
    telemetry.process().set(ProcessCounter::AdoptNanoseconds, 5);
    telemetry.port(3).set(PortCounter::LinkChanges, 6);
    for worker in 0..2 {
        let own = telemetry.worker(worker);
        own.own.add(WorkerCounter::BurstLe64, 7);
        own.link(1, Direction::Inbound).add(LinkCounter::InboundUndetermined, 8);
        own.link(1, Direction::Inbound).reason(Reason::ReturnWouldDrop, 9);
        own.pool(65_535, PoolCounter::ReturnWouldDrop, 10);
        own.pool(65_535, PoolCounter::Blocked, 1);
        own.pool(0, PoolCounter::ReturnWouldDrop, 2);
        own.pool(65_536, PoolCounter::Blocked, 10);
    }
    assert_eq!(reader.process(ProcessCounter::AdoptNanoseconds), 5);
    assert_eq!(reader.port(3, PortCounter::LinkChanges), 6);
    assert_eq!(reader.worker(1, WorkerCounter::BurstLe64), 7);
    assert_eq!(reader.link(1, Direction::Inbound, LinkCounter::InboundUndetermined), 16);
    assert_eq!(reader.reason(1, Direction::Inbound, Reason::ReturnWouldDrop), 18);
    assert_eq!(reader.worker_links(1, LinkCounter::InboundUndetermined), 8);
    assert_eq!(reader.pool(65_535, PoolCounter::ReturnWouldDrop), 20);
    assert_eq!(reader.pool(65_535, PoolCounter::Blocked), 2);
    assert_eq!(reader.pool(0, PoolCounter::ReturnWouldDrop), 4);
    let pools = || PoolCounter::ALL.iter().flat_map(|counter| (0..65_538).map(|slot| reader.pool(slot, *counter)));
    assert_eq!(pools().sum::<u64>(), 26, "a slot beyond the last counts nowhere");
    let elsewhere: u64 = Reason::ALL.iter().map(|r| reader.reason(1, Direction::Outbound, *r)).sum();
    assert_eq!(elsewhere, 0);
}

#[test]
fn blocks_do_not_overlap_and_fill_whole_cache_lines() {
    let layout = Layout::new(Shape { workers: MAX_WORKERS, links: MAX_LINKS }).unwrap();
    let last = MAX_WORKERS - 1;
    let starts = [
        layout.process(),
        layout.worker(0),
        layout.link(0, 0, Direction::Outbound),
        layout.pools(0),
        layout.port(0),
        layout.name(0),
        layout.ring(0),
        layout.ring(last),
    ];
    assert!(starts.is_sorted() && starts.iter().all(|at| at % 8 == 0));
    assert!(layout.link(last, MAX_LINKS - 1, Direction::Inbound) + LINK_WORDS <= layout.pools(0));
    for (workers, links) in [(0, 1), (1, 0), (MAX_WORKERS + 1, 1), (1, MAX_LINKS + 1)] {
        assert_eq!(Layout::new(Shape { workers, links }), Err(LayoutError { workers, links }));
    }
}

#[test]
fn a_reader_gets_the_records_it_did_not_miss() {
    let (telemetry, reader) = region();
    let worker = telemetry.worker(1);
    assert_eq!(reader.records(1, 0), (vec![], 0, 0));
    worker.record(3, (0..3).map(record));
    assert_eq!(reader.records(1, 1), (vec![record(1), record(2)], 3, 0));
    let ring = RING_RECORDS as u64;
    (3..ring + 5).for_each(|number| worker.record(1, std::iter::once(record(number))));
    let (kept, next, missed) = reader.records(1, 3);
    assert_eq!((kept.len(), next, missed), (RING_RECORDS, ring + 5, 2));
    assert_eq!(kept.first(), Some(&record(5)));
    assert_eq!(reader.records(1, next), (vec![], next, 0));
    assert_eq!(reader.records(0, 0), (vec![], 0, 0));
}

#[test]
fn records_kept_together_are_as_many_as_there_are_and_the_ring_holds() {
    let (telemetry, reader) = region();
    let (worker, ring) = (telemetry.worker(0), RING_RECORDS as u64);
    worker.record(4, (0..3).map(record));
    worker.record(2, (3..9).map(record));
    worker.record(0, (5..9).map(record));
    assert_eq!(reader.records(0, 0), ((0..5).map(record).collect(), 5, 0));
    worker.record(RING_RECORDS, (5..ring + 5).map(record));
    assert_eq!(reader.records(0, 0), ((5..ring + 5).map(record).collect(), ring + 5, 5));
    worker.record(RING_RECORDS + 1, (ring + 5..).map(record));
    assert_eq!(reader.records(0, ring + 5), ((ring + 5..2 * ring + 5).map(record).collect(), 2 * ring + 5, 0));
}

#[test]
fn records_read_while_they_are_written_are_whole() {
    let (telemetry, reader) = region();
    std::thread::scope(|scope| {
        let many = |first: u64| telemetry.worker(0).record(64, (first..first + 64).map(record));
        scope.spawn(move || (0..200_000).step_by(64).for_each(many));
        let (mut next, mut seen, mut lost) = (0, 0, 0);
        while next < 200_000 {
            let (records, up_to, missed) = reader.records(0, next);
            for found in &records {
                assert_eq!(*found, record(found.time_ns));
            }
            (next, seen, lost) = (up_to, seen + records.len() as u64, lost + missed);
        }
        assert_eq!(seen + lost, 200_000);
        assert!(seen > 0);
    });
}

#[test]
fn another_layout_is_refused() {
    let words = crate::memfd::SharedWords::create(1 << 16).unwrap();
    let open = || TelemetryReader::open(words.as_fd().try_clone_to_owned().unwrap());
    assert!(matches!(open(), Err(TelemetryError::Header { what: "magic", .. })));
    let good = [MAGIC, ABI, layout_hash(), 0, 0, 0, 0, 0, u64::MAX, 1];
    for (word, value) in words.words().iter().zip(good) {
        word.store(value, std::sync::atomic::Ordering::Relaxed);
    }
    assert!(matches!(open(), Err(TelemetryError::Layout(_))));
    words.words()[header::WORKERS].store(1, std::sync::atomic::Ordering::Relaxed);
    assert!(matches!(open(), Err(TelemetryError::Header { what: "size", .. })));
}
