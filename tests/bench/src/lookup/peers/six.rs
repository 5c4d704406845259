//! rte_fib6 (trie, next hops of 4 bytes, scalar and AVX-512) and rte_lpm6.

use std::cell::RefCell;
use std::hint::black_box;
use std::rc::Rc;

use dpdk_sys::peers::{Eal, Fib6, Form, Lpm6};

use super::{fill, nodes, reserved, table_bytes};
use crate::lookup::gate::BURST;
use crate::lookup::one::{Field, Subject};
use crate::lookup::{Options, Row};
use crate::machine::Pages;
use crate::workload::Workload;

/// Memory that all tables of this file need for a workload.
pub(in crate::lookup) fn megabytes(workload: &Workload<u128>) -> usize {
    let tables = table_bytes(4, reserved(&workload.prefixes) + 1024) + table_bytes(4, nodes(&workload.prefixes, 24));
    // The RIB keeps two nodes a prefix, of 80 bytes at most; rte_lpm6 a hashed rule and two words a node.
    let rules = workload.prefixes.len() as u64 * (2 * 80 + 256);
    ((tables + rules) >> 20) as usize + 256
}

/// Adds the subjects that are wanted and can be built.
pub(in crate::lookup) fn add<'e>(
    options: &Options,
    workload: &Workload<u128>,
    eal: &'e Eal,
    pages: Pages,
    field: &mut Field<'e>,
) {
    let keys: Rc<[[u8; 16]]> = workload.keys.iter().map(|key| key.to_be_bytes()).collect();
    let absent = |field: &mut Field<'e>, name: &str, note: String| {
        let row = Row::new(workload.name, name, pages, workload.prefixes.len());
        field.absent.push(Row { note: Some(note), ..row });
    };
    let bytes = table_bytes(4, nodes(&workload.prefixes, 24));
    if options.wants("rte_fib6") {
        match fib(options, workload, eal) {
            Err(note) => absent(field, "rte_fib6", note),
            Ok((table, build_s)) => {
                for (form, name) in [(Form::Scalar, "rte_fib6 scalar"), (Form::Avx512, "rte_fib6 AVX-512")] {
                    match table.borrow_mut().select(form) {
                        Err(note) => absent(field, name, note),
                        Ok(()) => {
                            let (name, table, keys) = (name.to_owned(), Rc::clone(&table), Rc::clone(&keys));
                            field.subjects.push(Box::new(Fib { name, table, form, keys, bytes, build_s }));
                        }
                    }
                }
            }
        }
    }
    if options.wants("rte_lpm6") {
        match lpm(options, workload, eal) {
            Err(note) => absent(field, "rte_lpm6", note),
            Ok((table, build_s)) => field.subjects.push(Box::new(Lpm { table, keys, bytes, build_s })),
        }
    }
}

type Built<T> = Result<(T, f64), String>;

fn fib<'e>(options: &Options, workload: &Workload<u128>, eal: &'e Eal) -> Built<Rc<RefCell<Fib6<'e>>>> {
    let routes = workload.prefixes.len() as u32 + 1;
    let mut table = Fib6::new(eal, c"fib6", routes, reserved(&workload.prefixes) + 1024)?;
    let add = |prefix: &crate::workload::Prefix<u128>, hop| table.add(&prefix.start.to_be_bytes(), prefix.length, hop);
    let build_s = fill(options, &workload.prefixes, add)?;
    Ok((Rc::new(RefCell::new(table)), build_s))
}

fn lpm<'e>(options: &Options, workload: &Workload<u128>, eal: &'e Eal) -> Built<Lpm6<'e>> {
    let rules = workload.prefixes.len() as u32 + 1;
    let mut table = Lpm6::new(eal, c"lpm6", rules, nodes(&workload.prefixes, 24) + 1024)?;
    let add = |prefix: &crate::workload::Prefix<u128>, hop| table.add(&prefix.start.to_be_bytes(), prefix.length, hop);
    let build_s = fill(options, &workload.prefixes, add)?;
    Ok((table, build_s))
}

struct Fib<'e> {
    name: String,
    table: Rc<RefCell<Fib6<'e>>>,
    form: Form,
    keys: Rc<[[u8; 16]]>,
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
    table: Lpm6<'e>,
    keys: Rc<[[u8; 16]]>,
    bytes: u64,
    build_s: f64,
}

impl Subject for Lpm<'_> {
    fn name(&self) -> &str {
        "rte_lpm6"
    }

    fn table(&self) -> (u64, f64) {
        (self.bytes, self.build_s)
    }

    fn pass(&mut self) {
        let mut hops = [0; BURST];
        for burst in self.keys.chunks(BURST) {
            self.table.lookup(black_box(burst), &mut hops);
            black_box(&mut hops);
        }
    }

    fn answers(&mut self) -> Vec<u32> {
        let mut hops = vec![0; self.keys.len()];
        for (burst, hops) in self.keys.chunks(BURST).zip(hops.chunks_mut(BURST)) {
            self.table.lookup(burst, hops);
        }
        hops.into_iter().map(|hop| u32::try_from(hop).unwrap_or(0)).collect()
    }
}
