//! Checks an image once, before anything looks at it: after this no index can lead outside.

use super::error::ImageError;
use super::format::{self, Section, header};
use super::pool::join;
use super::reader::Image;
use crate::table;

/// Where each section stands.
type Sections = [(usize, usize); Section::ALL.len()];

/// Magic, version, layout, size, sections, checksum; gives the sections.
pub(super) fn header(words: &[u32]) -> Result<Sections, ImageError> {
    let head = words.get(..format::HEADER_WORDS).ok_or(ImageError::Short { words: words.len() })?;
    let word = |index: usize| head.get(index).copied().unwrap_or(0);
    let long = |index: usize| join(word(index), word(index + 1));
    let found = [word(header::MAGIC), word(header::MAGIC + 1)];
    if found != format::MAGIC {
        return Err(ImageError::Magic { found });
    }
    if word(header::ABI) != format::ABI {
        return Err(ImageError::Abi { found: word(header::ABI) });
    }
    let needed = format::layout_hash();
    if long(header::LAYOUT) != needed {
        return Err(ImageError::Layout { found: long(header::LAYOUT), needed });
    }
    let said = word(header::TOTAL_WORDS) as usize;
    let body = words.get(..said).ok_or(ImageError::Size { said, held: words.len() })?;
    let sections = sections(body, word)?;
    let computed = format::checksum(body);
    if long(header::CHECKSUM) != computed {
        return Err(ImageError::Checksum { found: long(header::CHECKSUM), computed });
    }
    Ok(sections)
}

/// Sections lie one behind the other, from the header to the end, each on the next 64-byte line; what lies between
/// is 0.
fn sections(body: &[u32], word: impl Fn(usize) -> u32) -> Result<Sections, ImageError> {
    let mut places = [(0, 0); Section::ALL.len()];
    let mut next = format::HEADER_WORDS;
    for (index, section) in Section::ALL.into_iter().enumerate() {
        let offset = word(header::SECTIONS + 2 * index) as usize;
        let words = word(header::SECTIONS + 2 * index + 1) as usize;
        let end = offset.checked_add(words).filter(|end| *end <= body.len());
        let (Some(end), true) = (end, offset == next) else {
            return Err(ImageError::Section { section, offset, words });
        };
        next = end.next_multiple_of(table::LINE_WORDS);
        if body.get(end..next).is_none_or(|gap| gap.iter().any(|word| *word != 0)) {
            return Err(ImageError::Section { section, offset, words });
        }
        if let Some(place) = places.get_mut(index) {
            *place = (offset, words);
        }
    }
    if next == body.len() { Ok(places) } else { Err(ImageError::Size { said: body.len(), held: next }) }
}

/// The names as text.
pub(super) fn names(words: &[u32]) -> Result<String, ImageError> {
    let bytes: Vec<u8> = words.iter().flat_map(|word| word.to_le_bytes()).collect();
    let plain = |b: &u8| b.is_ascii_lowercase() || b.is_ascii_digit() || *b == b'-' || *b == 0;
    match bytes.iter().position(|byte| !plain(byte)) {
        Some(place) => Err(value("name byte", place, bytes.get(place).copied().unwrap_or(0).into())),
        None => Ok(String::from_utf8_lossy(&bytes).into_owned()),
    }
}

/// Header values, every pool record, every group, every table entry.
pub(super) fn content(image: &Image) -> Result<(), ImageError> {
    header_values(image)?;
    let pools = image.pool_count();
    for (number, record) in image.section(Section::Pools).chunks(format::POOL_WORDS).enumerate() {
        pool(image, number, record)?;
    }
    for (number, slot) in image.section(Section::Slots).iter().enumerate() {
        at_most("counter slot", number, *slot, format::COUNTER_SLOTS as u32 - 1)?;
        at_most("counter slot", number, *slot, image.next_slot().saturating_sub(1))?;
    }
    for (number, record) in image.section(Section::Groups).chunks(2).enumerate() {
        name(image, number, record.first(), record.get(1))?;
    }
    let sets = image.section(Section::GroupSets).len() / 2;
    let source = |bits: u32| {
        move |entry: u32| {
            let (pool, length) = (entry & format::SOURCE_POOL_MASK, entry >> format::SOURCE_LENGTH_SHIFT);
            entry == 0 || (pool >= 1 && pool as usize <= pools && length <= bits)
        }
    };
    let set = |entry: u32| (entry as usize) < sets;
    let end = |entry: u32| entry <= 1;
    let bad = |(what, place, found)| value(what, place, found);
    table::validate::<u32>(image.section(Section::Source4), source(32)).map_err(bad)?;
    table::validate::<u128>(image.section(Section::Source6), source(128)).map_err(bad)?;
    table::validate::<u32>(image.section(Section::Destination4), set).map_err(bad)?;
    table::validate::<u128>(image.section(Section::Destination6), set).map_err(bad)?;
    table::validate::<u32>(image.section(Section::Tunnel4), end).map_err(bad)?;
    table::validate::<u128>(image.section(Section::Tunnel6), end).map_err(bad)
}

fn header_values(image: &Image) -> Result<(), ImageError> {
    let pools = image.pool_count();
    let groups = image.word(header::GROUPS) as usize;
    at_most("pool count", 0, pools as u32, format::MAX_POOLS as u32)?;
    at_most("group count", 0, groups as u32, format::MAX_GROUPS as u32)?;
    at_most("reject_rate", 0, image.reject_rate(), format::MAX_REJECT_RATE)?;
    at_most("next slot", 0, image.next_slot(), format::COUNTER_SLOTS as u32)?;
    if image.generation() == 0 {
        return Err(value("generation", 0, 0));
    }
    let exact = [
        (Section::Slots, pools),
        (Section::Pools, pools * format::POOL_WORDS),
        (Section::Groups, groups * 2),
        (Section::GroupSets, (image.section(Section::GroupSets).len() & !1).max(2)),
    ];
    for (section, words) in exact {
        let found = image.section(section).len();
        if found != words {
            return Err(ImageError::Section { section, offset: 0, words: found });
        }
    }
    match image.section(Section::GroupSets) {
        [0, 0, ..] => Ok(()),
        _ => Err(value("first group set", 0, 1)),
    }
}

fn pool(image: &Image, number: usize, record: &[u32]) -> Result<(), ImageError> {
    use format::pool as word;
    let get = |index: usize| record.get(index).copied().unwrap_or(0);
    at_most("pool kind", number, get(word::KIND), 1)?;
    at_most("pool flags", number, get(word::FLAGS), word::FLAGS_MASK)?;
    at_most("pool stage", number, get(word::FLAGS) & word::STAGE_MASK, 2)?;
    at_most("pool share", number, get(word::SHARE), 100)?;
    if !(32..=128).contains(&get(word::LINE_PREFIX)) {
        return Err(value("pool line_prefix", number, get(word::LINE_PREFIX).into()));
    }
    for spare in record.get(word::NAME_LENGTH + 1..).unwrap_or_default() {
        at_most("pool spare word", number, *spare, 0)?;
    }
    name(image, number, record.get(word::NAME_OFFSET), record.get(word::NAME_LENGTH))
}

fn name(image: &Image, number: usize, offset: Option<&u32>, length: Option<&u32>) -> Result<(), ImageError> {
    let (offset, length) = (offset.copied().unwrap_or(0), length.copied().unwrap_or(0));
    let end = u64::from(offset) + u64::from(length);
    let bytes = image.section(Section::Names).len() as u64 * 4;
    if length == 0 || length as usize > format::MAX_NAME || end > bytes {
        return Err(value("name end", number, end));
    }
    Ok(())
}

fn at_most(what: &'static str, place: usize, found: u32, most: u32) -> Result<(), ImageError> {
    if found > most { Err(value(what, place, found.into())) } else { Ok(()) }
}

fn value(what: &'static str, place: usize, value: u64) -> ImageError {
    ImageError::Value { what, place, value }
}
