//! Judges up to 64 frames at once: a first pass decides the ordinary ones, the rest go to the full parser.
//!
//! Ordinary is IPv4 without options or IPv6 without extension headers, untagged or behind VLAN tags, whole, with valid
//! lengths, TCP that does not concern port 25 or a protocol that is neither TCP nor a tunnel to our end. The
//! verdicts are those of [`judge`], frame by frame.

use gate25_include::counters::Reason;
use gate25_include::image::Image;

use crate::ethernet::{IPV4, IPV6, MAX_TAGS, is_tag};
use crate::frame::Direction;
use crate::ipv6::is_extension;
use crate::parse::TCP;
use crate::tcp::THROUGH_FLAGS;
use crate::tunnel::{UDP, is_carrier};
use crate::verdict::{SMTP, Verdict, judge};

/// Frames judged in one go; longer slices are taken in pieces of this size.
pub const BURST: usize = 64;

/// Judges `frames` and writes one verdict for each into `verdicts`; of slices of different lengths the shorter
/// one counts.
pub fn judge_burst(image: Option<&Image>, direction: Direction, frames: &[&[u8]], verdicts: &mut [Verdict]) {
    let Some(image) = image else {
        let count = frames.len().min(verdicts.len());
        verdicts.iter_mut().take(count).for_each(|verdict| *verdict = Verdict::pass(Reason::NoPolicy));
        return;
    };
    let pass = FirstPass { image, direction, ends: image.has_tunnel_ends() };
    for (frames, verdicts) in frames.chunks(BURST).zip(verdicts.chunks_mut(BURST)) {
        let mut rest = pass.run(frames, verdicts);
        while rest != 0 {
            let place = rest.trailing_zeros() as usize;
            rest &= rest - 1;
            if let (Some(frame), Some(verdict)) = (frames.get(place), verdicts.get_mut(place)) {
                *verdict = judge(Some(image), direction, frame);
            }
        }
    }
}

/// The first pass over one burst.
struct FirstPass<'a> {
    image: &'a Image,
    direction: Direction,
    /// Whether there are tunnel ends of ours at all, in IPv4 and in IPv6.
    ends: (bool, bool),
}

impl FirstPass<'_> {
    /// Writes the verdicts it is sure of; returns a bit for each frame that is left.
    #[inline]
    fn run(&self, frames: &[&[u8]], verdicts: &mut [Verdict]) -> u64 {
        let mut rest = 0;
        for (place, (frame, verdict)) in frames.iter().zip(verdicts).enumerate() {
            match self.ordinary(frame) {
                Some(reason) => *verdict = Verdict::pass(reason),
                None => rest |= 1 << place,
            }
        }
        rest
    }

    /// The reason of an ordinary frame.
    #[inline]
    fn ordinary(&self, frame: &[u8]) -> Option<Reason> {
        let mut rest = frame.get(12..)?;
        let mut kind = kind(rest)?;
        for _ in 0..MAX_TAGS {
            if !is_tag(kind) {
                break;
            }
            rest = rest.get(4..)?;
            kind = self::kind(rest)?;
        }
        let packet = rest.get(2..)?;
        match kind {
            IPV4 => self.ipv4(packet),
            IPV6 => self.ipv6(packet),
            _ => None,
        }
    }

    #[inline]
    fn ipv4(&self, packet: &[u8]) -> Option<Reason> {
        let (head, payload) = packet.split_first_chunk::<20>()?;
        let [first, _, l0, l1, _, _, f0, f1, _, protocol, _, _, source @ .., d0, d1, d2, d3] = head;
        let payload_len = usize::from(u16::from_be_bytes([*l0, *l1])).checked_sub(20)?;
        // No options, no fragment (the reserved bit does not matter), and what total_length says is there.
        if *first != 0x45 || (*f0 & 0x3f) | *f1 != 0 || payload_len > payload.len() {
            return None;
        }
        match *protocol {
            TCP => self.tcp(payload, payload_len),
            UDP if self.ends.0 => {
                let end = match self.direction {
                    Direction::Outbound => u32::from_be_bytes([*d0, *d1, *d2, *d3]),
                    Direction::Inbound => u32::from_be_bytes(*source),
                };
                (!self.image.is_tunnel_end4(end)).then_some(self.reason(Reason::NotTcp))
            }
            protocol if is_carrier(protocol) && self.ends.0 => None,
            _ => Some(self.reason(Reason::NotTcp)),
        }
    }

    #[inline]
    fn ipv6(&self, packet: &[u8]) -> Option<Reason> {
        let (head, payload) = packet.split_first_chunk::<40>()?;
        let [first, _, _, _, l0, l1, next, _, addresses @ ..] = head;
        let payload_len = usize::from(u16::from_be_bytes([*l0, *l1]));
        if first >> 4 != 6 || payload_len > payload.len() {
            return None;
        }
        match *next {
            TCP => self.tcp(payload, payload_len),
            UDP if self.ends.1 => {
                let end = match self.direction {
                    Direction::Outbound => addresses.last_chunk::<16>()?,
                    Direction::Inbound => addresses.first_chunk::<16>()?,
                };
                let end = u128::from_be_bytes(*end);
                (!self.image.is_tunnel_end6(end)).then_some(self.reason(Reason::NotTcp))
            }
            next if is_extension(next) || (is_carrier(next) && self.ends.1) => None,
            _ => Some(self.reason(Reason::NotTcp)),
        }
    }

    /// TCP that does not concern port 25.
    #[inline]
    fn tcp(&self, payload: &[u8], payload_len: usize) -> Option<Reason> {
        let [s0, s1, d0, d1] = *payload.first_chunk::<4>()?;
        let (source, destination) = (u16::from_be_bytes([s0, s1]), u16::from_be_bytes([d0, d1]));
        let ordinary = match self.direction {
            Direction::Outbound => destination != SMTP,
            Direction::Inbound => source != SMTP || destination == SMTP,
        };
        (ordinary && payload_len >= THROUGH_FLAGS).then_some(self.reason(Reason::OtherPort))
    }

    /// Inbound everything ordinary has one reason.
    #[inline]
    const fn reason(&self, outbound: Reason) -> Reason {
        match self.direction {
            Direction::Outbound => outbound,
            Direction::Inbound => Reason::Inbound,
        }
    }
}

/// The type a slice begins with.
#[inline]
fn kind(bytes: &[u8]) -> Option<u16> {
    bytes.first_chunk().map(|bytes| u16::from_be_bytes(*bytes))
}
