//! gate25's side: an image made of a workload, in sealed memory as workers read it, and its burst look-up.

use std::hint::black_box;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::rc::Rc;
use std::time::Instant;

use gate25_include::image::format::{Section, header};
use gate25_include::image::{Action, Image, ImageBuilder, Kind, Match, PoolSpec, SourceValue, Stage, Undetermined};
use gate25_include::memfd;
use ipnet::{IpNet, Ipv4Net, Ipv6Net};

use super::one::Subject;
use crate::machine::Pages;
use crate::workload::{Address, Prefix, Workload};

/// What differs between IPv4 and IPv6.
pub trait Family: Address {
    /// The section that holds the source table.
    const SECTION: Section;
    /// A prefix as ipnet has it.
    fn net(prefix: &Prefix<Self>) -> IpNet;
    /// The image's look-up of a burst.
    fn look_up(image: &Image, keys: &[Self], found: &mut [SourceValue]);
}

impl Family for u32 {
    const SECTION: Section = Section::Source4;

    fn net(prefix: &Prefix<u32>) -> IpNet {
        Ipv4Net::new_assert(Ipv4Addr::from_bits(prefix.start), prefix.length).into()
    }

    #[inline]
    fn look_up(image: &Image, keys: &[u32], found: &mut [SourceValue]) {
        image.sources4(keys, found);
    }
}

impl Family for u128 {
    const SECTION: Section = Section::Source6;

    fn net(prefix: &Prefix<u128>) -> IpNet {
        Ipv6Net::new_assert(Ipv6Addr::from_bits(prefix.start), prefix.length).into()
    }

    #[inline]
    fn look_up(image: &Image, keys: &[u128], found: &mut [SourceValue]) {
        image.sources6(keys, found);
    }
}

/// The words of an image with these prefixes; pool number `n` is owner `n`.
///
/// # Errors
/// The builder refuses.
pub fn image_words<A: Family>(prefixes: &[Prefix<A>], owners: u16, generation: u64) -> Result<Vec<u32>, String> {
    let mut builder = ImageBuilder::new();
    for owner in 0..owners {
        let name = format!("pool-{owner:05}");
        builder.pool(&pool_named(&name, owner)).map_err(|error| error.to_string())?;
    }
    for prefix in prefixes {
        builder.source(A::net(prefix), prefix.owner).map_err(|error| error.to_string())?;
    }
    builder.finish(generation).map_err(|error| error.to_string())
}

/// A sealed image of a workload, and how it came about.
#[derive(Debug)]
pub(super) struct Sealed {
    pub(super) image: Rc<Image>,
    pub(super) bytes: u64,
    pub(super) build_s: f64,
}

impl Sealed {
    /// Builds, seals on these pages, opens as the dataplane does.
    pub(super) fn new<A: Family>(workload: &Workload<A>, pages: Pages) -> Result<Sealed, String> {
        let start = Instant::now();
        let words = image_words(&workload.prefixes, workload.owners, 1)?;
        let build_s = start.elapsed().as_secs_f64();
        let at = header::SECTIONS + 2 * A::SECTION as usize + 1;
        let bytes = words.get(at).map_or(0, |words| u64::from(*words) * 4);
        let image = Rc::new(seal(&words, pages)?);
        Ok(Sealed { image, bytes, build_s })
    }
}

/// A sealed copy of these words, checked and mapped.
pub(super) fn seal(words: &[u32], pages: Pages) -> Result<Image, String> {
    let kind = match pages {
        Pages::Huge => memfd::Pages::PreferHuge,
        Pages::Ordinary => memfd::Pages::Ordinary,
    };
    let fd = memfd::seal_copy(words, kind).map_err(|error| error.to_string())?;
    Image::open(fd).map_err(|error| error.to_string())
}

/// The image's burst look-up as a subject.
pub(super) struct Gate<A> {
    pub(super) name: String,
    pub(super) sealed: Sealed,
    pub(super) keys: Rc<[A]>,
}

impl<A: Family> Subject for Gate<A> {
    fn name(&self) -> &str {
        &self.name
    }

    fn table(&self) -> (u64, f64) {
        (self.sealed.bytes, self.sealed.build_s)
    }

    fn pass(&mut self) {
        let mut found = [SourceValue::default(); BURST];
        for burst in self.keys.chunks(BURST) {
            A::look_up(&self.sealed.image, black_box(burst), &mut found);
            black_box(&mut found);
        }
    }

    fn answers(&mut self) -> Vec<u32> {
        let mut found = vec![SourceValue::default(); self.keys.len()];
        for (burst, found) in self.keys.chunks(BURST).zip(found.chunks_mut(BURST)) {
            A::look_up(&self.sealed.image, burst, found);
        }
        found.iter().map(|value| value.matched().map_or(0, |found| u32::from(found.pool) + 1)).collect()
    }
}

/// Keys that are looked up in one call, as workers do.
pub(super) const BURST: usize = 32;

/// Pool `owner` of a workload.
pub fn pool_named(name: &str, owner: u16) -> PoolSpec<'_> {
    PoolSpec { counter_slot: owner.into(), name, ..POOL }
}

/// What every pool of a workload is, but for name and slot.
const POOL: PoolSpec<'static> = PoolSpec {
    kind: Kind::Pool,
    stage: Stage::Enforce,
    action: Action::Drop,
    matching: Match::Syn,
    return_traffic: false,
    undetermined: Undetermined::Drop,
    share: 100,
    line_prefix: 64,
    allow: 0,
    only: None,
    counter_slot: 0,
    name: "",
};
