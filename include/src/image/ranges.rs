//! A look-up table as sorted ranges: the plain structure behind [`super::Image`].
//!
//! ```text
//! word 0        n, the number of ranges, at least 1
//! then          n starts, strictly ascending, the first is address 0
//!               (IPv4: 1 word; IPv6: 4 words, most significant first)
//! then          n values; range i reaches up to the address before start i+1
//! ```
//! A look-up is a binary search: log2(n) steps.

/// An address as the table orders it.
pub(super) trait Key: Copy + Ord {
    /// Words of a start.
    const WORDS: usize;
    /// The lowest address.
    const ZERO: Self;
    /// Reads a start.
    fn read(words: &[u32]) -> Self;
    /// Appends a start.
    fn write(self, to: &mut Vec<u32>);
    /// The last address of the prefix of `length` bits that starts here.
    fn last(self, length: u8) -> Self;
    /// The address behind this one, if there is one.
    fn next(self) -> Option<Self>;
}

impl Key for u32 {
    const WORDS: usize = 1;
    const ZERO: u32 = 0;

    #[inline]
    fn read(words: &[u32]) -> u32 {
        words.first().copied().unwrap_or(0)
    }

    fn write(self, to: &mut Vec<u32>) {
        to.push(self);
    }

    fn last(self, length: u8) -> u32 {
        self | u32::MAX.checked_shr(u32::from(length)).unwrap_or(0)
    }

    fn next(self) -> Option<u32> {
        self.checked_add(1)
    }
}

impl Key for u128 {
    const WORDS: usize = 4;
    const ZERO: u128 = 0;

    #[inline]
    fn read(words: &[u32]) -> u128 {
        words.iter().fold(0, |key, word| key << 32 | u128::from(*word))
    }

    fn write(self, to: &mut Vec<u32>) {
        to.extend([96, 64, 32, 0].map(|shift| (self >> shift) as u32));
    }

    fn last(self, length: u8) -> u128 {
        self | u128::MAX.checked_shr(u32::from(length)).unwrap_or(0)
    }

    fn next(self) -> Option<u128> {
        self.checked_add(1)
    }
}

/// The value of the range that holds `key`. 0 for a table that was never validated.
#[inline]
pub(super) fn find<K: Key>(table: &[u32], key: K) -> u32 {
    let Some((starts, values)) = split::<K>(table) else { return 0 };
    let (mut low, mut high) = (0, values.len());
    while high - low > 1 {
        let middle = usize::midpoint(low, high);
        let start = starts.get(middle * K::WORDS..(middle + 1) * K::WORDS).unwrap_or_default();
        if K::read(start) <= key {
            low = middle;
        } else {
            high = middle;
        }
    }
    values.get(low).copied().unwrap_or(0)
}

/// Starts and values, if the lengths fit.
fn split<K: Key>(table: &[u32]) -> Option<(&[u32], &[u32])> {
    let (count, rest) = table.split_first()?;
    let (starts, values) = rest.split_at_checked((*count as usize).checked_mul(K::WORDS)?)?;
    (values.len() == *count as usize && *count > 0).then_some((starts, values))
}

/// Checks shape, order and each value; on failure gives the place and what stands there.
pub(super) fn validate<K: Key>(table: &[u32], good: impl Fn(u32) -> bool) -> Result<(), (&'static str, usize, u64)> {
    let count = table.first().copied().unwrap_or(0);
    let (starts, values) = split::<K>(table).ok_or(("table length", 0, u64::from(count)))?;
    let mut before: Option<K> = None;
    for (index, words) in starts.chunks_exact(K::WORDS).enumerate() {
        let start = K::read(words);
        let in_order = before.map_or(start == K::ZERO, |before| before < start);
        if !in_order {
            return Err(("range start", index, u64::from(words.last().copied().unwrap_or(0))));
        }
        before = Some(start);
    }
    match values.iter().position(|value| !good(*value)) {
        Some(index) => Err(("table value", index, u64::from(values.get(index).copied().unwrap_or(0)))),
        None => Ok(()),
    }
}

/// A prefix and its value, host bits clear.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Entry<K> {
    pub(super) start: K,
    pub(super) length: u8,
    pub(super) value: u32,
}

/// Writes the table of `entries` (sorted, no prefix twice). `join` makes a prefix's value from the
/// value of the prefix around it and its own.
pub(super) fn build<K: Key>(entries: &[Entry<K>], mut join: impl FnMut(u32, u32) -> u32) -> Vec<u32> {
    let mut ranges: Vec<(K, u32)> = vec![(K::ZERO, 0)];
    let mut open: Vec<(K, u32)> = Vec::new();
    for entry in entries {
        close(&mut ranges, &mut open, Some(entry.start));
        let around = open.last().map_or(0, |(_, value)| *value);
        let value = join(around, entry.value);
        put(&mut ranges, entry.start, value);
        open.push((entry.start.last(entry.length), value));
    }
    close(&mut ranges, &mut open, None);
    let mut words = Vec::with_capacity(1 + ranges.len() * (K::WORDS + 1));
    words.push(ranges.len() as u32);
    ranges.iter().for_each(|(start, _)| start.write(&mut words));
    words.extend(ranges.iter().map(|(_, value)| *value));
    words
}

/// Ends every open prefix that ends before `start`.
fn close<K: Key>(ranges: &mut Vec<(K, u32)>, open: &mut Vec<(K, u32)>, start: Option<K>) {
    while let Some((last, _)) = open.last().copied() {
        if start.is_some_and(|start| last >= start) {
            return;
        }
        open.pop();
        if let Some(next) = last.next() {
            put(ranges, next, open.last().map_or(0, |(_, value)| *value));
        }
    }
}

/// Starts a range; an equal start replaces, an equal value continues.
fn put<K: Key>(ranges: &mut Vec<(K, u32)>, start: K, value: u32) {
    if ranges.last().is_some_and(|(at, _)| *at == start) {
        ranges.pop();
    }
    if ranges.last().map(|(_, before)| *before) != Some(value) {
        ranges.push((start, value));
    }
}
