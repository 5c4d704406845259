//! rte_fib (dir24_8, next hops of 4 and 2 bytes, scalar and AVX-512) and rte_lpm (bulk and x4).

use std::cell::RefCell;
use std::ffi::CStr;
use std::hint::black_box;
use std::rc::Rc;

use dpdk_sys::peers::{Eal, Fib4, Form, Lpm4, NextHop};

use super::{fill, nodes, table_bytes};
use crate::lookup::gate::BURST;
use crate::lookup::one::{Field, Subject};
use crate::lookup::{Options, Row};
use crate::machine::Pages;
use crate::workload::Workload;

/// Memory that all tables of this file need for a workload.
pub(in crate::lookup) fn megabytes(workload: &Workload<u32>) -> usize {
    let nodes = nodes(&workload.prefixes, 24);
    let tables = 2 * table_bytes(4, nodes) + table_bytes(2, nodes);
    // Each RIB keeps two nodes a prefix, of 64 bytes at most; rte_lpm a rule of 8.
    let rules = workload.prefixes.len() as u64 * (2 * 2 * 64 + 8);
    ((tables + rules) >> 20) as usize + 256
}

/// Adds the subjects that are wanted and can be built.
pub(in crate::lookup) fn add<'e>(
    options: &Options,
    workload: &Workload<u32>,
    eal: &'e Eal,
    pages: Pages,
    field: &mut Field<'e>,
) {
    let keys: Rc<[u32]> = Rc::from(workload.keys.as_slice());
    let absent = |field: &mut Field<'e>, name: &str, note: String| {
        let row = Row::new(workload.name, name, pages, workload.prefixes.len());
        field.absent.push(Row { note: Some(note), ..row });
    };
    for (size, title, name) in [(NextHop::Four, "rte_fib 4 B", c"fib4"), (NextHop::Two, "rte_fib 2 B", c"fib2")] {
        if !options.wants(title) {
            continue;
        }
        match fib(options, workload, eal, size, name) {
            Err(note) => absent(field, title, note),
            Ok((table, build_s)) => {
                let bytes = table_bytes(if size == NextHop::Two { 2 } else { 4 }, nodes(&workload.prefixes, 24));
                for (form, form_name) in [(Form::Scalar, "scalar"), (Form::Avx512, "AVX-512")] {
                    let name = format!("{title} {form_name}");
                    match table.borrow_mut().select(form) {
                        Err(note) => absent(field, &name, note),
                        Ok(()) => {
                            let (table, keys) = (Rc::clone(&table), Rc::clone(&keys));
                            field.subjects.push(Box::new(Fib { name, table, form, keys, bytes, build_s }));
                        }
                    }
                }
            }
        }
    }
    if options.wants("rte_lpm") {
        match lpm(options, workload, eal) {
            Err(note) => absent(field, "rte_lpm", note),
            Ok((table, build_s)) => {
                let bytes = table_bytes(4, nodes(&workload.prefixes, 24));
                for (name, x4) in [("rte_lpm bulk", false), ("rte_lpm x4", true)] {
                    let (name, table, keys) = (name.to_owned(), Rc::clone(&table), Rc::clone(&keys));
                    field.subjects.push(Box::new(Lpm { name, table, x4, keys, bytes, build_s }));
                }
            }
        }
    }
}

type Built<T> = Result<(T, f64), String>;

fn fib<'e>(
    options: &Options,
    workload: &Workload<u32>,
    eal: &'e Eal,
    size: NextHop,
    name: &CStr,
) -> Built<Rc<RefCell<Fib4<'e>>>> {
    let routes = workload.prefixes.len() as u32 + 1;
    let mut table = Fib4::new(eal, name, size, routes, nodes(&workload.prefixes, 24) + 64)?;
    let build_s = fill(options, &workload.prefixes, |prefix, hop| table.add(prefix.start, prefix.length, hop))?;
    Ok((Rc::new(RefCell::new(table)), build_s))
}

fn lpm<'e>(options: &Options, workload: &Workload<u32>, eal: &'e Eal) -> Built<Rc<Lpm4<'e>>> {
    let rules = workload.prefixes.len() as u32 + 1;
    let mut table = Lpm4::new(eal, c"lpm", rules, nodes(&workload.prefixes, 24) + 64)?;
    let build_s = fill(options, &workload.prefixes, |prefix, hop| table.add(prefix.start, prefix.length, hop))?;
    Ok((Rc::new(table), build_s))
}

struct Fib<'e> {
    name: String,
    table: Rc<RefCell<Fib4<'e>>>,
    form: Form,
    keys: Rc<[u32]>,
    bytes: u64,
    build_s: f64,
}

impl Subject for Fib<'_> {
    fn name(&self) -> &str {
        &self.name
    }

    fn table(&self) -> (u64, f64) {
        (self.bytes, self.build_s)
    }

    fn pass(&mut self) {
        // It could be selected before, so it can be selected now.
        let _ = self.table.borrow_mut().select(self.form);
        let table = self.table.borrow();
        let mut hops = [0; BURST];
        for burst in self.keys.chunks(BURST) {
            table.lookup(black_box(burst), &mut hops);
            black_box(&mut hops);
        }
    }

    fn answers(&mut self) -> Vec<u32> {
        let _ = self.table.borrow_mut().select(self.form);
        let mut hops = vec![0; self.keys.len()];
        for (burst, hops) in self.keys.chunks(BURST).zip(hops.chunks_mut(BURST)) {
            self.table.borrow().lookup(burst, hops);
        }
        hops.into_iter().map(|hop| hop as u32).collect()
    }
}

struct Lpm<'e> {
    name: String,
    table: Rc<Lpm4<'e>>,
    x4: bool,
    keys: Rc<[u32]>,
    bytes: u64,
    build_s: f64,
}

impl Lpm<'_> {
    #[inline]
    fn burst(&self, burst: &[u32], hops: &mut [u32]) {
        if self.x4 { self.table.lookup_x4(burst, hops) } else { self.table.lookup_bulk(burst, hops) }
    }
}

impl Subject for Lpm<'_> {
    fn name(&self) -> &str {
        &self.name
    }

    fn table(&self) -> (u64, f64) {
        (self.bytes, self.build_s)
    }

    fn pass(&mut self) {
        let mut hops = [0; BURST];
        for burst in self.keys.chunks(BURST) {
            self.burst(black_box(burst), &mut hops);
            black_box(&mut hops);
        }
    }

    fn answers(&mut self) -> Vec<u32> {
        let mut hops = vec![0; self.keys.len()];
        for (burst, hops) in self.keys.chunks(BURST).zip(hops.chunks_mut(BURST)) {
            self.burst(burst, hops);
        }
        hops
    }
}
