//! The digest of a policy: what it says, not how or in which order it came to say so.
//!
//! A sum (mod 2^128) of the xxh3 hashes of everything the policy holds: parameters, each pool, exemption and
//! group with its name, each prefix with its owner's name. A sum knows no order and no history, and a change costs
//! one subtraction and one addition. Numbers of pools, offsets of names and counter slots are history: they are not in it.
//! It tells policies apart; what guards the bytes of an image is the checksum.

use xxhash_rust::xxh3::{xxh3_64, xxh3_128};

use super::format::{self, pool};

/// The digest so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Digest(u128);

/// One summand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Item(u128);

/// Which table a prefix stands in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Place {
    /// A pool or exemption.
    Source = 1,
    /// A destination group.
    Destination = 2,
    /// Our tunnel ends, which have no owner.
    Tunnel = 3,
}

impl Digest {
    /// With one thing more.
    pub fn add(&mut self, item: Item) {
        self.0 = self.0.wrapping_add(item.0);
    }

    /// With one thing less.
    pub fn remove(&mut self, item: Item) {
        self.0 = self.0.wrapping_sub(item.0);
    }

    /// With all that another holds.
    pub fn join(&mut self, other: Digest) {
        self.0 = self.0.wrapping_add(other.0);
    }

    /// With the parameters of the whole policy, as an image holds it.
    pub fn with_parameters(mut self, reject_rate: u32) -> u128 {
        self.add(Item(xxh3_128(&[b"parameters" as &[u8], &reject_rate.to_le_bytes()].concat())));
        self.0
    }
}

impl Item {
    /// A pool or exemption: its record but for the place of its name, and the name.
    pub fn pool(record: &[u32; format::POOL_WORDS], name: &str) -> Item {
        let mut bytes = Vec::with_capacity(4 * (1 + format::POOL_WORDS) + name.len());
        bytes.extend(b"pool");
        for (index, word) in record.iter().enumerate() {
            if index != pool::NAME_OFFSET && index != pool::NAME_LENGTH {
                bytes.extend_from_slice(&word.to_le_bytes());
            }
        }
        bytes.extend_from_slice(name.as_bytes());
        Item(xxh3_128(&bytes))
    }

    /// A destination group and its bit.
    pub fn group(bit: u8, name: &str) -> Item {
        Item(xxh3_128(&[b"group" as &[u8], &[bit], name.as_bytes()].concat()))
    }

    /// A prefix and whose it is. `start` is the address in host order, `bits` 32 or 128.
    pub fn prefix(place: Place, bits: u8, start: u128, length: u8, owner: OwnerHash) -> Item {
        let mut bytes = [0; 32];
        let (head, rest) = bytes.split_at_mut(8);
        head.copy_from_slice(&[place as u8, bits, length, 0, 0, 0, 0, 0]);
        let (address, owner_bytes) = rest.split_at_mut(16);
        address.copy_from_slice(&start.to_le_bytes());
        owner_bytes.copy_from_slice(&owner.0.to_le_bytes());
        Item(xxh3_128(&bytes))
    }
}

/// The name of a pool, exemption or group as its prefixes know it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct OwnerHash(u64);

impl OwnerHash {
    /// Of this name.
    pub fn of(name: &str) -> OwnerHash {
        OwnerHash(xxh3_64(name.as_bytes()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sum_forgets_order_and_what_went_again() {
        let items: Vec<Item> = (0..5).map(|n| Item::prefix(Place::Source, 32, n, 32, OwnerHash::of("a"))).collect();
        let (mut one, mut other) = (Digest::default(), Digest::default());
        items.iter().for_each(|item| one.add(*item));
        items.iter().rev().for_each(|item| other.add(*item));
        assert_eq!(one, other);
        other.remove(items[3]);
        assert_ne!(one, other);
        other.add(items[3]);
        assert_eq!(one.with_parameters(7), other.with_parameters(7));
        assert_ne!(one.with_parameters(7), other.with_parameters(8));
    }

    #[test]
    fn whatever_tells_prefixes_apart_tells_their_items_apart() {
        let item =
            |place, bits, start, length, name: &str| Item::prefix(place, bits, start, length, OwnerHash::of(name));
        let all = [
            item(Place::Source, 32, 10, 31, "a"),
            item(Place::Destination, 32, 10, 31, "a"),
            item(Place::Tunnel, 32, 10, 31, "a"),
            item(Place::Source, 128, 10, 31, "a"),
            item(Place::Source, 32, 12, 31, "a"),
            item(Place::Source, 32, 10, 32, "a"),
            item(Place::Source, 32, 10, 31, "b"),
        ];
        for (index, one) in all.iter().enumerate() {
            assert_eq!(all.iter().position(|other| other == one), Some(index));
        }
    }
}
