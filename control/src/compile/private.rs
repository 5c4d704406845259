//! The private build: the source tables of the last generation, kept by control over its life. A commit changes in them
//! what the policy changed, and copies the whole once, into the memfd that is sent.

use std::os::fd::OwnedFd;

use gate25_include::image::{Assembly, Image, OwnerHash, SourceTables, Sources, source_value};
use gate25_include::memfd::{MemfdError, Pages};
use gate25_include::table;

use super::numbers::Numbers;
use super::{CompileError, Slots, fixed};
use crate::policy::{Address, Effective, Entry};

/// Source tables and pool numbers of the last generation compiled.
#[derive(Debug, Default)]
pub struct PrivateBuild {
    tables: SourceTables,
    numbers: Numbers,
}

/// A policy at a time, ready to be copied.
#[derive(Debug)]
pub struct Compiled<'a> {
    assembly: Assembly<'a>,
    /// Unix second at which it changes next by itself; none for never.
    pub next_change: Option<i64>,
    /// Prefixes of the source tables that were touched; all of them in a build from scratch.
    pub touched: usize,
}

impl PrivateBuild {
    /// Brings the build to what holds at a time, as the image of this generation (above 0). `slots` gets the slots of new
    /// names. A build that fails is thrown away and made anew from the policy: that loses nothing but time.
    ///
    /// # Errors
    /// [`CompileError`] if it fails from scratch too; `slots` is as before.
    pub fn compile(
        &mut self,
        at: &Effective<'_>,
        slots: &mut Slots,
        generation: u64,
    ) -> Result<Compiled<'_>, CompileError> {
        let (touched, numbers) = match self.update(at) {
            Ok(updated) => updated,
            Err(_) => {
                *self = PrivateBuild::default();
                self.update(at)?
            }
        };
        let mut given = slots.clone();
        let builder = fixed(at, &numbers, &mut given)?;
        let assembly = builder.finish_with(&self.tables, generation)?;
        *slots = given;
        Ok(Compiled { assembly, next_change: at.policy.next_change(at.time), touched })
    }

    /// Brings numbers and tables to what holds; gives how many prefixes were touched, and the numbers by owner index.
    fn update(&mut self, at: &Effective<'_>) -> Result<(usize, Vec<u16>), CompileError> {
        let names = names(at);
        let numbers = self.numbers.renew(&names);
        let mut owners = vec![OwnerHash::default(); names.len()];
        for (name, number) in names.iter().zip(&numbers) {
            if let Some(place) = owners.get_mut(usize::from(*number)) {
                *place = OwnerHash::of(name);
            }
        }
        let four = at.sources4().map(|entry| valued(entry, &numbers)).collect();
        let six = at.sources6().map(|entry| valued(entry, &numbers)).collect();
        Ok((self.tables.update(Sources { four, six, owners })?, numbers))
    }
}

impl Compiled<'_> {
    /// Digest of the policy.
    pub fn digest(&self) -> u128 {
        self.assembly.digest()
    }

    /// Words of the image.
    pub fn words(&self) -> usize {
        self.assembly.words()
    }

    /// The image in memory of this process.
    pub fn to_words(&self) -> Vec<u32> {
        self.assembly.to_words()
    }

    /// The image in a fresh sealed memfd, on huge pages if there are any.
    ///
    /// # Errors
    /// Memory is short.
    pub fn seal(&self) -> Result<OwnedFd, MemfdError> {
        self.assembly.seal(Pages::PreferHuge)
    }

    /// Whether an image says the same and changes next at the same time.
    pub fn is(&self, image: &Image) -> bool {
        image.digest() == self.digest() && image.next_change() == self.next_change
    }
}

/// Names of pools and exemptions by owner index.
fn names<'a>(at: &Effective<'a>) -> Vec<&'a str> {
    let pools = at.policy.pools.iter().map(|pool| pool.name.as_str());
    pools.chain(at.policy.exempts.iter().map(|exempt| exempt.name.as_str())).collect()
}

fn valued<A: Address>(entry: &Entry<A>, numbers: &[u16]) -> table::Entry<A> {
    let number = numbers.get(usize::from(entry.owner)).copied().unwrap_or(u16::MAX);
    table::Entry { start: entry.address, length: entry.len, value: source_value(number, entry.len) }
}
