//! Compile: a policy at a time to the words of an image.
//!
//! The same policy gives the same digest, in whatever order its file names things and whatever was compiled
//! before: the digest says what the policy says. Destination groups are numbered by name. Pool numbers and counter slots
//! are history, not policy: a name keeps its slot from image to image, a new name takes the next one ever given out.

mod numbers;
mod private;

use gate25_include::image::format::COUNTER_SLOTS;
use gate25_include::image::{BuildError, Image, ImageBuilder, Kind, PoolSpec};
use hashbrown::{HashMap, HashSet};

use crate::policy::{Action, Effective, Entry, Match, Policy, Pool, Stage, Undetermined};
pub use private::{Compiled, PrivateBuild};

/// Which counter slot each name has, and how many were ever given out.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Slots {
    by_name: HashMap<String, u32>,
    next: u32,
}

/// Why a policy does not become an image.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CompileError {
    /// All counter slots were given out to names, most of which are gone.
    #[error(
        "no counter slot is left for \"{name}\": {COUNTER_SLOTS} names were counted since the dataplane started; \
         restart the dataplane to count anew"
    )]
    SlotsUsedUp {
        /// The name that would need one.
        name: String,
    },
    /// The image builder refuses; a checked policy cannot make it, short of more than 16 GiB.
    #[error("the image cannot be built: {0}")]
    Build(#[from] BuildError),
}

/// Compiles what holds at a time, as the words of an image of this generation (above 0): a [`PrivateBuild`] that is
/// used once.
///
/// # Errors
/// [`CompileError`]; the image in force is not touched.
pub fn compile(at: &Effective<'_>, slots: &Slots, generation: u64) -> Result<Vec<u32>, CompileError> {
    let mut build = PrivateBuild::default();
    let compiled = build.compile(at, &mut slots.clone(), generation)?;
    Ok(compiled.to_words())
}

/// Everything of an image but its source tables. `numbers` holds the number of each pool and exemption by owner index.
fn fixed(at: &Effective<'_>, numbers: &[u16], slots: &mut Slots) -> Result<ImageBuilder, CompileError> {
    let policy = at.policy;
    let mut builder = ImageBuilder::new();
    builder.reject_rate(policy.reject_rate)?;
    builder.times(at.time, policy.next_change(at.time).unwrap_or(0));
    let groups = Groups::number(policy, &mut builder)?;
    add_pools(at, &groups, numbers, slots, &mut builder)?;
    let destinations = &policy.destination_prefixes;
    let four = destinations.v4.iter().map(|entry| (entry.prefix(), entry.owner));
    for (prefix, group) in four.chain(destinations.v6.iter().map(|entry| (entry.prefix(), entry.owner))) {
        builder.destination(prefix, groups.bit(group))?;
    }
    let ends = &policy.tunnel_ends;
    for prefix in ends.v4.iter().map(Entry::prefix).chain(ends.v6.iter().map(Entry::prefix)) {
        builder.tunnel(prefix)?;
    }
    Ok(builder)
}

impl Slots {
    /// The slots of the running image: what the next one has to keep.
    pub fn of(image: &Image) -> Self {
        let by_name = image.pools().map(|pool| (pool.name.to_owned(), pool.counter_slot));
        Self { by_name: by_name.collect(), next: image.next_slot() }
    }

    /// Adds what is known from images of the same dataplane that do not run any more, so that a name that
    /// comes back counts on, and none gets the slot of another.
    pub fn learn(&mut self, older: &Slots) {
        let taken: HashSet<u32> = self.by_name.values().copied().collect();
        let free = older.by_name.iter().filter(|(_, slot)| !taken.contains(*slot));
        for (name, slot) in free {
            self.by_name.entry_ref(name.as_str()).or_insert(*slot);
        }
        self.next = self.next.max(older.next);
    }

    /// The slot of a name, a new one if it has none.
    fn take(&mut self, name: &str) -> Result<u32, CompileError> {
        if let Some(&slot) = self.by_name.get(name) {
            return Ok(slot);
        }
        let slot = self.next;
        if slot as usize >= COUNTER_SLOTS {
            return Err(CompileError::SlotsUsedUp { name: name.to_owned() });
        }
        self.next += 1;
        self.by_name.insert(name.to_owned(), slot);
        Ok(slot)
    }
}

/// The image's group bits, by index of the policy's destinations.
struct Groups(Vec<u8>);

impl Groups {
    /// Adds the groups in the order of their names.
    fn number(policy: &Policy, builder: &mut ImageBuilder) -> Result<Self, CompileError> {
        let mut order: Vec<_> = policy.destinations.iter().enumerate().collect();
        order.sort_by_key(|(_, group)| &group.name);
        let mut bits = Vec::with_capacity(order.len());
        for (index, group) in order {
            bits.push((index, builder.group(&group.name)?));
        }
        bits.sort_unstable();
        Ok(Self(bits.into_iter().map(|(_, bit)| bit).collect()))
    }

    fn bit(&self, group: u16) -> u8 {
        self.0.get(usize::from(group)).copied().unwrap_or(u8::MAX)
    }

    /// A mask over the policy's groups as one over the image's.
    fn mask(&self, mask: u64) -> u64 {
        let set = self.0.iter().enumerate().filter(|(index, _)| mask >> index & 1 == 1);
        set.fold(0, |mask, (_, &bit)| mask | 1 << bit)
    }
}

/// Adds pools and exemptions in the order of their numbers; new names get their counter slots in the order of their
/// names, so that slots do not depend on the order of the file.
fn add_pools(
    at: &Effective<'_>,
    groups: &Groups,
    numbers: &[u16],
    slots: &mut Slots,
    builder: &mut ImageBuilder,
) -> Result<(), CompileError> {
    let pools = at.policy.pools.iter().map(|pool| (pool.name.as_str(), Some(pool)));
    let exempts = at.policy.exempts.iter().map(|exempt| (exempt.name.as_str(), None));
    let mut order: Vec<_> = pools.chain(exempts).zip(numbers).collect();
    order.sort_unstable_by_key(|((name, _), _)| *name);
    builder.next_slot(slots.next);
    let mut specs = Vec::with_capacity(order.len());
    for ((name, pool), number) in order {
        let counter_slot = slots.take(name)?;
        let spec = match pool {
            Some(pool) => pool_spec(pool, at.stage(pool), groups, counter_slot),
            None => PoolSpec { kind: Kind::Exempt, name, counter_slot, ..EXEMPT },
        };
        specs.push((*number, spec));
    }
    specs.sort_unstable_by_key(|(number, _)| *number);
    for (_, spec) in &specs {
        builder.pool(spec)?;
    }
    Ok(())
}

fn pool_spec<'a>(pool: &'a Pool, stage: Stage, groups: &Groups, counter_slot: u32) -> PoolSpec<'a> {
    PoolSpec {
        kind: Kind::Pool,
        stage,
        action: pool.action,
        matching: pool.matching,
        return_traffic: pool.return_traffic,
        undetermined: pool.undetermined,
        share: u32::from(pool.share),
        line_prefix: pool.line_prefix,
        allow: groups.mask(pool.allow),
        only: pool.only.map(|only| groups.mask(only)),
        counter_slot,
        name: &pool.name,
    }
}

/// What an exemption's record holds besides its name and slot.
const EXEMPT: PoolSpec<'static> = PoolSpec {
    kind: Kind::Exempt,
    stage: Stage::Off,
    action: Action::Drop,
    matching: Match::Syn,
    return_traffic: false,
    undetermined: Undetermined::Drop,
    share: 0,
    line_prefix: 64,
    allow: 0,
    only: None,
    counter_slot: 0,
    name: "",
};
