//! gate25's side: an image made of a workload, in sealed memory as workers read it, and its burst look-up.

use std::hint::black_box;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::rc::Rc;
use std::time::Instant;

use gate25_include::image::format::{SOURCE_POOL_MASK, Section, header};
use gate25_include::image::{
    Action, Image, ImageBuilder, Kind, Match, PoolSpec, SourceMatch, Stage, Undetermined, source_value,
};
use gate25_include::memfd;
use gate25_include::table::{Entry, Incremental, Key, Kind as TableKind, four, six};
use ipnet::{IpNet, Ipv4Net, Ipv6Net};

use super::one::Subject;
use crate::machine::Pages;
use crate::workload::{Address, Prefix, Workload};

/// What differs between IPv4 and IPv6.
pub trait Family: Address + Key {
    /// The section that holds the source table.
    const SECTION: Section;
    /// A prefix as ipnet has it.
    fn net(prefix: &Prefix<Self>) -> IpNet;
    /// The image's look-up of a burst, in the best form.
    fn look_up(image: &Image, keys: &[Self], found: &mut [u32]);
    /// The table's look-up in each form of this machine, with its name; the best last, which is that of the image.
    fn forms() -> Vec<(&'static str, LookUp<Self>)>;
}

/// Looks up keys in the words of a table.
pub(super) type LookUp<A> = fn(table: &[u32], keys: &[A], found: &mut [u32]);

impl Family for u32 {
    const SECTION: Section = Section::Source4;

    fn net(prefix: &Prefix<u32>) -> IpNet {
        Ipv4Net::new_assert(Ipv4Addr::from_bits(prefix.start), prefix.length).into()
    }

    #[inline]
    fn look_up(image: &Image, keys: &[u32], found: &mut [u32]) {
        image.sources4(keys, found);
    }

    fn forms() -> Vec<(&'static str, LookUp<u32>)> {
        let of = |form| -> (_, LookUp<u32>) {
            match form {
                four::Form::Scalar => {
                    (SCALAR, |t, keys, found| four::find_burst_as(four::Form::Scalar, t, keys, found))
                }
                four::Form::Avx2 => (AVX2, |t, keys, found| four::find_burst_as(four::Form::Avx2, t, keys, found)),
                four::Form::Avx512 => {
                    (AVX512, |t, keys, found| four::find_burst_as(four::Form::Avx512, t, keys, found))
                }
            }
        };
        four::Form::all().map(of).collect()
    }
}

impl Family for u128 {
    const SECTION: Section = Section::Source6;

    fn net(prefix: &Prefix<u128>) -> IpNet {
        Ipv6Net::new_assert(Ipv6Addr::from_bits(prefix.start), prefix.length).into()
    }

    #[inline]
    fn look_up(image: &Image, keys: &[u128], found: &mut [u32]) {
        image.sources6(keys, found);
    }

    fn forms() -> Vec<(&'static str, LookUp<u128>)> {
        let of = |form: &six::Form| -> (_, LookUp<u128>) {
            match form {
                six::Form::Scalar => (SCALAR, |t, keys, found| six::find_burst_as(six::Form::Scalar, t, keys, found)),
                six::Form::Avx2 => (AVX2, |t, keys, found| six::find_burst_as(six::Form::Avx2, t, keys, found)),
                six::Form::Avx512 => (AVX512, |t, keys, found| six::find_burst_as(six::Form::Avx512, t, keys, found)),
            }
        };
        six::Form::all().iter().map(of).collect()
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
        let entries: Vec<Entry<A>> = workload.prefixes.iter().map(entry).collect();
        let start = Instant::now();
        let build = A::Build::from_sorted(black_box(&entries));
        let build_s = start.elapsed().as_secs_f64();
        drop(black_box(build));
        let words = image_words(&workload.prefixes, workload.owners, 1)?;
        let at = header::SECTIONS + 2 * A::SECTION as usize + 1;
        let bytes = words.get(at).map_or(0, |words| u64::from(*words) * 4);
        let image = Rc::new(seal(&words, pages)?);
        Ok(Sealed { image, bytes, build_s })
    }
}

fn entry<A: Family>(prefix: &Prefix<A>) -> Entry<A> {
    Entry { start: prefix.start, length: prefix.length, value: source_value(prefix.owner, prefix.length) }
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
    pub(super) sealed: Rc<Sealed>,
    pub(super) keys: Rc<[A]>,
}

impl<A: Family> Subject for Gate<A> {
    fn name(&self) -> &str {
        A::forms().last().map_or("", |(name, _)| name)
    }

    fn table(&self) -> (u64, f64) {
        (self.sealed.bytes, self.sealed.build_s)
    }

    fn pass(&mut self) {
        let mut found = [0; BURST];
        for burst in self.keys.chunks(BURST) {
            A::look_up(&self.sealed.image, black_box(burst), &mut found);
            black_box(&mut found);
        }
    }

    fn answers(&mut self) -> Vec<u32> {
        let mut found = vec![0; self.keys.len()];
        for (burst, found) in self.keys.chunks(BURST).zip(found.chunks_mut(BURST)) {
            A::look_up(&self.sealed.image, burst, found);
        }
        found.iter().map(|value| SourceMatch::of(*value).map_or(0, |found| u32::from(found.pool) + 1)).collect()
    }
}

/// The same table in another form: what a lesser machine does.
pub(super) struct Lesser<A> {
    sealed: Rc<Sealed>,
    keys: Rc<[A]>,
    name: &'static str,
    look_up: LookUp<A>,
}

impl<A: Family> Lesser<A> {
    /// Every form but the best, if there is a trie to look up in.
    pub(super) fn all(sealed: &Rc<Sealed>, keys: &Rc<[A]>) -> Vec<Lesser<A>> {
        let mut forms = A::forms();
        forms.pop();
        forms.retain(|_| TableKind::of(section::<A>(&sealed.image)) == Some(TableKind::Trie));
        let of = |(name, look_up)| Lesser { sealed: Rc::clone(sealed), keys: Rc::clone(keys), name, look_up };
        forms.into_iter().rev().map(of).collect()
    }
}

impl<A: Family> Subject for Lesser<A> {
    fn name(&self) -> &str {
        self.name
    }

    fn table(&self) -> (u64, f64) {
        (self.sealed.bytes, self.sealed.build_s)
    }

    fn pass(&mut self) {
        let table = section::<A>(&self.sealed.image);
        let mut found = [0; BURST];
        for burst in self.keys.chunks(BURST) {
            (self.look_up)(table, black_box(burst), &mut found);
            black_box(&mut found);
        }
    }

    fn answers(&mut self) -> Vec<u32> {
        let mut found = vec![0; self.keys.len()];
        (self.look_up)(section::<A>(&self.sealed.image), &self.keys, &mut found);
        found.into_iter().map(|value| value & SOURCE_POOL_MASK).collect()
    }
}

/// The words of the source table.
fn section<A: Family>(image: &Image) -> &[u32] {
    let at = header::SECTIONS + 2 * A::SECTION as usize;
    let word = |index: usize| image.words().get(index).map_or(0, |word| *word as usize);
    image.words().get(word(at)..word(at) + word(at + 1)).unwrap_or_default()
}

const AVX512: &str = "gate25 avx512";
const AVX2: &str = "gate25 avx2";
const SCALAR: &str = "gate25 scalar";

/// Keys that are looked up in one call, by every subject: a worker's burst.
pub(super) const BURST: usize = 64;

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
