//! One workload on one size of pages: build all subjects, compare their answers, time them in turns.

use std::rc::Rc;

use super::gate::{Family, Gate, Lesser, Sealed};
use super::row::{self, Row};
use super::{Options, swap};
use crate::machine::{self, Pages};
use crate::rounds::{Spread, alternate};
use crate::workload::{Workload, four, six};

/// Somebody who looks up the keys of a workload.
pub(super) trait Subject {
    /// Name and form; ours begin with `gate25`.
    fn name(&self) -> &str;
    /// Bytes of its table, and seconds it took to build.
    fn table(&self) -> (u64, f64);
    /// Looks up every key once, in bursts.
    fn pass(&mut self);
    /// For each key 0 or the owner of the longest prefix that holds it, plus 1.
    fn answers(&mut self) -> Vec<u32>;
}

/// Subjects that can be measured, and rows of those that cannot.
#[derive(Default)]
pub(super) struct Field<'e> {
    pub(super) subjects: Vec<Box<dyn Subject + 'e>>,
    pub(super) absent: Vec<Row>,
}

/// Measures `name` (one of [`super::WORKLOADS`]) and gives its rows.
pub(super) fn measure(options: &Options, name: &str, pages: Pages) -> Result<Vec<Row>, String> {
    let size = options.size();
    match name {
        "W1" => four(options, four::w1(size), pages),
        "W2" => four(options, four::w2(size), pages),
        "W3" => four(options, four::w3(size), pages),
        "W6" => six(options, six::w6(size), pages),
        _ => six(options, six::w7(size), pages),
    }
}

fn four(options: &Options, workload: Workload<u32>, pages: Pages) -> Result<Vec<Row>, String> {
    let cpu = start(options, pages)?;
    #[cfg(feature = "peers")]
    let eal = super::peers::start(cpu, pages, super::peers::four::megabytes(&workload))?;
    let mut field = ours(options, &workload, pages)?;
    #[cfg(feature = "peers")]
    super::peers::four::add(options, &workload, &eal, pages, &mut field);
    finish(options, &workload, pages, cpu, &mut field)
}

fn six(options: &Options, workload: Workload<u128>, pages: Pages) -> Result<Vec<Row>, String> {
    let cpu = start(options, pages)?;
    #[cfg(feature = "peers")]
    let eal = super::peers::start(cpu, pages, super::peers::six::megabytes(&workload))?;
    let mut field = ours(options, &workload, pages)?;
    #[cfg(feature = "peers")]
    super::peers::six::add(options, &workload, &eal, pages, &mut field);
    finish(options, &workload, pages, cpu, &mut field)
}

fn start(options: &Options, pages: Pages) -> Result<usize, String> {
    let free = machine::free_huge_pages();
    if pages == Pages::Huge && free < 16 {
        return Err(format!(
            "{free} huge pages of 2 MB are free; reserve some in /proc/sys/vm/nr_hugepages, or --pages 4K"
        ));
    }
    machine::pin(options.cpu)
}

fn ours<A: Family>(options: &Options, workload: &Workload<A>, pages: Pages) -> Result<Field<'static>, String> {
    let mut field = Field::default();
    let sealed = Rc::new(Sealed::new(workload, pages)?);
    let keys: Rc<[A]> = Rc::from(workload.keys.as_slice());
    let best = Gate { sealed: Rc::clone(&sealed), keys: Rc::clone(&keys) };
    if options.wants(best.name()) {
        field.subjects.push(Box::new(best));
    }
    for lesser in Lesser::all(&sealed, &keys) {
        if options.wants(lesser.name()) {
            field.subjects.push(Box::new(lesser));
        }
    }
    Ok(field)
}

fn finish<A: Family>(
    options: &Options,
    workload: &Workload<A>,
    pages: Pages,
    cpu: usize,
    field: &mut Field<'_>,
) -> Result<Vec<Row>, String> {
    same_answers(workload, &mut field.subjects)?;
    let times = alternate(options.rounds(), &mut field.subjects, |subject| subject.pass());
    let mut rows = Vec::new();
    for (subject, times) in field.subjects.iter().zip(times) {
        let speed = times.iter().map(|time| workload.keys.len() as f64 / time.as_secs_f64() / 1e6).collect();
        let (bytes, build_s) = subject.table();
        let row = Row::new(workload.name, subject.name(), pages, workload.prefixes.len());
        rows.push(row.with_table(bytes, build_s).with_speed(Spread::of(speed)));
    }
    rows.append(&mut field.absent);
    if !options.no_swap && options.wants(swap::NAME) {
        rows.push(swap::measure(options, workload, pages, cpu)?);
    }
    row::compare(&mut rows);
    Ok(rows)
}

/// Every subject must say the same of every key; the first one is the measure.
fn same_answers<A: Family>(workload: &Workload<A>, subjects: &mut [Box<dyn Subject + '_>]) -> Result<(), String> {
    let Some((first, others)) = subjects.split_first_mut() else { return Ok(()) };
    let expected = first.answers();
    for other in others {
        let found = other.answers();
        let differs = |index: &usize| expected.get(*index) != found.get(*index);
        if let Some(index) = (0..workload.keys.len()).find(differs) {
            return Err(format!(
                "{}: {} says {:?} of key {:x?}, {} says {:?}; nothing was timed",
                workload.name,
                first.name(),
                expected.get(index),
                workload.keys.get(index),
                other.name(),
                found.get(index)
            ));
        }
    }
    Ok(())
}
