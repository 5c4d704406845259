//! Judges up to 64 frames at once: a first pass decides the ordinary ones, the rest go to the full parser.
//!
//! Ordinary is IPv4 without options or IPv6 without extension headers, untagged or behind VLAN tags, whole, with valid
//! lengths, TCP that does not concern port 25 or a protocol that is neither TCP nor a tunnel to our end. The
//! verdicts are those of [`judge`], frame by frame.

use gate25_include::counters::Reason;
use gate25_include::image::Image;

use crate::ethernet::{IPV4, IPV6, MAX_TAGS, is_tag};
use crate::frame::Direction;
use crate::gtpu::PORT as GTPU_PORT;
use crate::ipv6::is_extension;
use crate::parse::TCP;
use crate::tcp::THROUGH_FLAGS;
use crate::tunnel::{UDP, is_carrier};
use crate::verdict::{SMTP, Verdict, judge};
use crate::wide::{LANES, Sure, Wide};

/// Frames judged in one go; longer slices are taken in pieces of this size.
pub const BURST: usize = 64;

/// How the first pass looks at frames. Both give the same verdicts.
#[derive(Clone, Copy, Debug)]
pub enum Form {
    /// One by one.
    Scalar,
    /// Eight at once where that is possible, else one by one.
    Best,
}

/// Judges `frames` and writes one verdict for each into `verdicts`; of slices of different lengths the shorter
/// one counts.
pub fn judge_burst(image: Option<&Image>, direction: Direction, frames: &[&[u8]], verdicts: &mut [Verdict]) {
    judge_burst_by(Form::Best, image, direction, frames, verdicts);
}

/// [`judge_burst`] with a first pass of this form: for tests and measurements.
#[inline]
pub fn judge_burst_by(
    form: Form,
    image: Option<&Image>,
    direction: Direction,
    frames: &[&[u8]],
    verdicts: &mut [Verdict],
) {
    let count = frames.len().min(verdicts.len());
    let (Some(frames), Some(verdicts)) = (frames.get(..count), verdicts.get_mut(..count)) else { return };
    let Some(image) = image else {
        verdicts.fill(Verdict::pass(Reason::NoPolicy));
        return;
    };
    let wide = match form {
        Form::Scalar => None,
        Form::Best => Wide::new(),
    };
    let pass = FirstPass { direction, ends: image.has_tunnel_ends(), wide };
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
struct FirstPass {
    direction: Direction,
    /// Whether there are tunnel ends of ours at all, in IPv4 and in IPv6.
    ends: (bool, bool),
    /// The form that looks at eight frames at once, if the CPU can.
    wide: Option<Wide>,
}

impl FirstPass {
    /// Writes the verdicts it is sure of; returns a bit for each frame that is left. Both slices are of one length.
    #[inline]
    fn run(&self, frames: &[&[u8]], verdicts: &mut [Verdict]) -> u64 {
        let (eights, frames) = if self.wide.is_some() { frames.as_chunks::<LANES>() } else { (&[][..], frames) };
        let (theirs, verdicts) = verdicts.split_at_mut_checked(eights.len() * LANES).unwrap_or_default();
        let mut rest = 0;
        let mut place = 0;
        if let Some(wide) = self.wide {
            for (frames, verdicts) in eights.iter().zip(theirs.as_chunks_mut::<LANES>().0) {
                rest |= u64::from(self.eight(wide, frames, verdicts)) << place;
                place += LANES;
            }
        }
        for (frame, verdict) in frames.iter().zip(verdicts) {
            rest |= u64::from(!self.one(frame, verdict)) << place;
            place += 1;
        }
        rest
    }

    /// Eight frames at once, without a branch on what they are; what that form does not know is looked at one by one.
    #[inline]
    fn eight(&self, wide: Wide, frames: &[&[u8]; LANES], verdicts: &mut [Verdict; LANES]) -> u8 {
        let Sure { other_port, not_tcp } = wide.look(frames, self.ends, self.direction);
        let (port, protocol) = (self.reason(Reason::OtherPort), self.reason(Reason::NotTcp));
        for (lane, verdict) in verdicts.iter_mut().enumerate() {
            *verdict = Verdict::pass(if other_port >> lane & 1 == 1 { port } else { protocol });
        }
        let mut unsure = !(other_port | not_tcp);
        let mut rest = 0;
        while unsure != 0 {
            let lane = unsure.trailing_zeros() as usize;
            unsure &= unsure - 1;
            if let (Some(frame), Some(verdict)) = (frames.get(lane), verdicts.get_mut(lane)) {
                rest |= u8::from(!self.one(frame, verdict)) << lane;
            }
        }
        rest
    }

    /// Writes an ordinary frame's verdict; false if it is left.
    #[inline]
    fn one(&self, frame: &[u8], verdict: &mut Verdict) -> bool {
        let reason = self.ordinary(frame);
        if let Some(reason) = reason {
            *verdict = Verdict::pass(reason);
        }
        reason.is_some()
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
        let [first, _, l0, l1, _, _, f0, f1, _, protocol, ..] = head;
        let payload_len = usize::from(u16::from_be_bytes([*l0, *l1])).checked_sub(20)?;
        // No options, no fragment (the reserved bit does not matter), and what total_length says is there.
        if *first != 0x45 || (*f0 & 0x3f) | *f1 != 0 || payload_len > payload.len() {
            return None;
        }
        match *protocol {
            TCP => self.tcp(payload, payload_len),
            UDP if self.ends.0 && is_gtpu(payload) => None,
            UDP => Some(self.reason(Reason::NotTcp)),
            protocol if is_carrier(protocol) && self.ends.0 => None,
            _ => Some(self.reason(Reason::NotTcp)),
        }
    }

    #[inline]
    fn ipv6(&self, packet: &[u8]) -> Option<Reason> {
        let (head, payload) = packet.split_first_chunk::<40>()?;
        let [first, _, _, _, l0, l1, next, ..] = head;
        let payload_len = usize::from(u16::from_be_bytes([*l0, *l1]));
        if first >> 4 != 6 || payload_len > payload.len() {
            return None;
        }
        match *next {
            TCP => self.tcp(payload, payload_len),
            UDP if self.ends.1 && is_gtpu(payload) => None,
            UDP => Some(self.reason(Reason::NotTcp)),
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

/// Whether whole UDP goes to GTP-U's port; no other UDP is looked into, wherever it goes.
#[inline]
fn is_gtpu(udp: &[u8]) -> bool {
    udp.get(2..4).is_some_and(|port| port == GTPU_PORT.to_be_bytes())
}

/// The type a slice begins with.
#[inline]
fn kind(bytes: &[u8]) -> Option<u16> {
    bytes.first_chunk().map(|bytes| u16::from_be_bytes(*bytes))
}
