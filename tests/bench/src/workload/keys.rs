//! Keys: addresses to look up.

use super::{Address, Prefix, host_bits};
use crate::random::Random;

/// `count` keys, uniform over the addresses that any of `prefixes` (sorted) covers.
pub fn covered<A: Address>(prefixes: &[Prefix<A>], count: usize, random: &mut Random) -> Vec<A> {
    let spans = spans(prefixes);
    let total = spans.last().map_or(0, |(end, _)| *end);
    let key = |_| {
        // The bias is at most 2^-3 of an address in 2^125 for IPv6, none to speak of for IPv4.
        let at = random.wide() % total.max(1);
        let (end, last) = spans.get(spans.partition_point(|(end, _)| *end <= at)).copied().unwrap_or_default();
        A::narrow(last.wrapping_sub(end.wrapping_sub(1).wrapping_sub(at)))
    };
    (0..count).map(key).collect()
}

/// The disjoint spans of covered space: addresses up to the end of each, and its last address.
fn spans<A: Address>(prefixes: &[Prefix<A>]) -> Vec<(u128, u128)> {
    let mut spans: Vec<(u128, u128)> = Vec::new();
    for prefix in prefixes {
        let (first, last) = (prefix.start.wide(), prefix.last().wide());
        let (end, before) = spans.last().copied().map_or((0, None), |(end, last)| (end, Some(last)));
        if before.is_none_or(|before| before < first) {
            spans.push((end + (last - first) + 1, last));
        }
    }
    spans
}

/// `count` keys: a prefix with the same chance for each, then uniform inside.
pub fn inside<A: Address>(prefixes: &[Prefix<A>], count: usize, random: &mut Random) -> Vec<A> {
    let key = |_| {
        let prefix = prefixes.get(random.below(prefixes.len() as u64) as usize)?;
        Some(A::narrow(prefix.start.wide() | (random.wide() & host_bits::<A>(prefix.length))))
    };
    (0..count).filter_map(key).collect()
}

/// `count` keys out of `lines`, the k-th of them with a probability in proportion to 1/k.
pub fn zipf<A: Address>(lines: &[A], count: usize, random: &mut Random) -> Vec<A> {
    let mut sum = 0.0;
    let sums: Vec<f64> = (1..=lines.len())
        .map(|rank| {
            sum += 1.0 / rank as f64;
            sum
        })
        .collect();
    let key = |_| {
        let at = random.unit() * sum;
        lines.get(sums.partition_point(|sum| *sum <= at).min(lines.len().saturating_sub(1))).copied()
    };
    (0..count).filter_map(key).collect()
}
