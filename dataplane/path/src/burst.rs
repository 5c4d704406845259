//! Judges up to 64 frames at once: a first pass decides the ordinary ones, plain segments to port 25 are looked up
//! together, the rest go to the full parser.
//!
//! Ordinary is IPv4 without options or IPv6 without extension headers, untagged or behind VLAN tags, whole, with valid
//! lengths, TCP that does not concern port 25 or a protocol that is neither TCP nor a tunnel to our end. The
//! verdicts are those of [`judge`], frame by frame.

use gate25_include::counters::Reason;
use gate25_include::image::Image;

use crate::brief::Brief;
use crate::candidates::{Briefs, judge_segments};
use crate::ethernet::{IPV4, IPV6, MAX_TAGS, is_tag};
use crate::frame::Direction;
pub use crate::frames::BURST;
use crate::frames::{Frames, places};
use crate::gtpu::PORT as GTPU_PORT;
use crate::ipv6::is_extension;
use crate::parse::TCP;
use crate::tcp::THROUGH_FLAGS;
use crate::tunnel::{UDP, is_carrier};
use crate::verdict::{SMTP, Verdict, judge};
use crate::wide::Wide;

/// How frames are looked at. All forms give the same verdicts; one that the CPU has not is the next one down.
#[derive(Clone, Copy, Debug)]
pub enum Form {
    /// One by one.
    Scalar,
    /// The first pass eight at once with AVX2.
    Avx2,
    /// The first pass sixteen at once with AVX-512 and plain segments eight at once, or the next form down.
    Best,
}

/// The verdicts on a burst: most frames pass for one of two reasons and are a bit each, plain segments to port 25 have
/// a brief one, the others a whole one.
#[derive(Clone, Debug)]
pub struct Verdicts {
    ordinary: [(Reason, u64); 2],
    plain: Briefs,
    single: u64,
    verdicts: [Verdict; BURST],
}

impl Verdicts {
    /// On no frame.
    #[must_use]
    pub const fn new() -> Self {
        let none = Verdict::pass(Reason::NoPolicy);
        Self { ordinary: [(Reason::NoPolicy, 0); 2], plain: Briefs::NONE, single: 0, verdicts: [none; BURST] }
    }

    /// Two reasons, and a bit for each frame that passes for it and needs no more said.
    #[must_use]
    #[inline]
    pub const fn ordinary(&self) -> [(Reason, u64); 2] {
        self.ordinary
    }

    /// Place and verdict of the plain segments to port 25.
    #[inline]
    pub fn plain(&self) -> impl Iterator<Item = (usize, Brief)> {
        self.briefs(self.plain.judged)
    }

    /// A bit for each of [`Verdicts::plain`] that is `blocked`, of those over IPv4 and of those over IPv6. For no other reason
    /// one does not pass.
    #[must_use]
    #[inline]
    pub const fn plain_blocked(&self) -> [u64; 2] {
        self.plain.blocked
    }

    /// A bit for each of [`Verdicts::plain`] that is to be answered.
    #[must_use]
    #[inline]
    pub const fn plain_answered(&self) -> u64 {
        self.plain.answered
    }

    /// Place and verdict of the plain segments to port 25 whose bit is set in `mask`.
    #[inline]
    pub fn briefs(&self, mask: u64) -> impl Iterator<Item = (usize, Brief)> {
        places(self.plain.judged & mask).filter_map(|place| Some((place, *self.plain.briefs.get(place)?)))
    }

    /// Place and verdict of the other frames.
    #[inline]
    pub fn single(&self) -> impl Iterator<Item = (usize, &Verdict)> {
        places(self.single).filter_map(|place| Some((place, self.verdicts.get(place)?)))
    }

    /// The verdict on frame `place`, if there is such a frame; `frames` are those judged.
    #[must_use]
    pub fn get(&self, place: usize, frames: &Frames<'_>) -> Option<Verdict> {
        let has = |mask: u64| place < BURST && mask >> place & 1 == 1;
        if let Some((reason, _)) = self.ordinary.iter().find(|(_, mask)| has(*mask)) {
            return Some(Verdict::pass(*reason));
        }
        if has(self.plain.judged) {
            return self.plain.briefs.get(place).map(|brief| brief.verdict(frames.get(place)));
        }
        self.verdicts.get(place).copied().filter(|_| has(self.single))
    }
}

impl Default for Verdicts {
    fn default() -> Self {
        Self::new()
    }
}

/// Judges `frames` and writes one verdict for each into `verdicts`; of slices of different lengths the shorter
/// one counts.
pub fn judge_burst(image: Option<&Image>, direction: Direction, frames: &[&[u8]], verdicts: &mut [Verdict]) {
    judge_burst_by(Form::Best, image, direction, frames, verdicts);
}

/// [`judge_burst`] with a first pass of this form: for tests and measurements.
pub fn judge_burst_by(
    form: Form,
    image: Option<&Image>,
    direction: Direction,
    frames: &[&[u8]],
    verdicts: &mut [Verdict],
) {
    let mut found = Verdicts::new();
    for (frames, verdicts) in frames.chunks(BURST).zip(verdicts.chunks_mut(BURST)) {
        let frames: Frames<'_> = frames.iter().copied().take(verdicts.len()).collect();
        judge_frames(form, image, direction, &frames, &mut found);
        for (place, verdict) in verdicts.iter_mut().enumerate().take(frames.len()) {
            *verdict = found.get(place, &frames).unwrap_or(*verdict);
        }
    }
}

/// Judges a burst as workers do.
#[inline]
pub fn judge_frames(
    form: Form,
    image: Option<&Image>,
    direction: Direction,
    frames: &Frames<'_>,
    verdicts: &mut Verdicts,
) {
    verdicts.plain.clear();
    let Some(image) = image else {
        (verdicts.ordinary, verdicts.single) = ([(Reason::NoPolicy, frames.all()), (Reason::NoPolicy, 0)], 0);
        return;
    };
    let pass = FirstPass { direction, ends: image.has_tunnel_ends() };
    let mut sorted = Sorted::default();
    let wide = Wide::new(form);
    if let Some(wide) = wide {
        wide.sort(frames, pass.ends, direction, &mut sorted);
    }
    pass.sort_rest(frames, &mut sorted);
    verdicts.ordinary = match direction {
        Direction::Outbound => [(Reason::OtherPort, sorted.other_port), (Reason::NotTcp, sorted.not_tcp)],
        Direction::Inbound => [(Reason::Inbound, sorted.other_port | sorted.not_tcp), (Reason::Inbound, 0)],
    };
    if sorted.smtp4 | sorted.smtp6 != 0 {
        judge_segments(image, frames, &sorted, wide, &mut verdicts.plain);
    }
    // What has no verdict yet, whatever the first pass took it for: none of an earlier burst may stand.
    verdicts.single = frames.all() & !(sorted.other_port | sorted.not_tcp | verdicts.plain.judged);
    for place in places(verdicts.single) {
        if let Some(verdict) = verdicts.verdicts.get_mut(place) {
            *verdict = judge(Some(image), direction, frames.get(place));
        }
    }
}

/// What the first pass made of a burst, a bit for each frame; no frame is in two masks.
#[derive(Clone, Debug)]
pub(crate) struct Sorted {
    /// TCP that does not concern port 25.
    pub(crate) other_port: u64,
    /// Neither TCP nor a tunnel to our end.
    pub(crate) not_tcp: u64,
    /// Outbound TCP over IPv4 to port 25, with its first 14 bytes.
    pub(crate) smtp4: u64,
    /// The same over IPv6.
    pub(crate) smtp6: u64,
    /// Offset of the IP header of those to port 25.
    pub(crate) network_at: [u8; BURST],
}

impl Sorted {
    /// Frames in one of the masks.
    #[inline]
    const fn known(&self) -> u64 {
        self.other_port | self.not_tcp | self.smtp4 | self.smtp6
    }
}

impl Default for Sorted {
    #[inline]
    fn default() -> Self {
        Self { other_port: 0, not_tcp: 0, smtp4: 0, smtp6: 0, network_at: [0; BURST] }
    }
}

/// What the first pass takes a frame for.
#[derive(Clone, Copy)]
enum Class {
    OtherPort,
    NotTcp,
    /// Outbound, to port 25.
    Smtp,
}

/// The first pass, one by one.
struct FirstPass {
    direction: Direction,
    /// Whether there are tunnel ends of ours at all, in IPv4 and in IPv6.
    ends: (bool, bool),
}

impl FirstPass {
    /// Sorts what is in no mask yet and not beyond this pass.
    #[inline]
    fn sort_rest(&self, frames: &Frames<'_>, sorted: &mut Sorted) {
        for place in places(frames.all() & !sorted.known()) {
            let Some((class, network_at, v6)) = self.class(frames.get(place)) else { continue };
            let mask = match class {
                Class::OtherPort => &mut sorted.other_port,
                Class::NotTcp => &mut sorted.not_tcp,
                Class::Smtp if v6 => &mut sorted.smtp6,
                Class::Smtp => &mut sorted.smtp4,
            };
            *mask |= 1 << place;
            if let Some(at) = sorted.network_at.get_mut(place) {
                *at = network_at;
            }
        }
    }

    /// What an ordinary frame or a plain segment to port 25 is, where its IP header is, and whether that is IPv6.
    #[inline]
    fn class(&self, frame: &[u8]) -> Option<(Class, u8, bool)> {
        let mut rest = frame.get(12..)?;
        let mut kind = kind(rest)?;
        let mut network_at = 14;
        for _ in 0..MAX_TAGS {
            if !is_tag(kind) {
                break;
            }
            rest = rest.get(4..)?;
            kind = self::kind(rest)?;
            network_at += 4;
        }
        let packet = rest.get(2..)?;
        let class = match kind {
            IPV4 => self.ipv4(packet)?,
            IPV6 => self.ipv6(packet)?,
            _ => return None,
        };
        Some((class, network_at, kind == IPV6))
    }

    #[inline]
    fn ipv4(&self, packet: &[u8]) -> Option<Class> {
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
            UDP => Some(Class::NotTcp),
            protocol if is_carrier(protocol) && self.ends.0 => None,
            _ => Some(Class::NotTcp),
        }
    }

    #[inline]
    fn ipv6(&self, packet: &[u8]) -> Option<Class> {
        let (head, payload) = packet.split_first_chunk::<40>()?;
        let [first, _, _, _, l0, l1, next, ..] = head;
        let payload_len = usize::from(u16::from_be_bytes([*l0, *l1]));
        if first >> 4 != 6 || payload_len > payload.len() {
            return None;
        }
        match *next {
            TCP => self.tcp(payload, payload_len),
            UDP if self.ends.1 && is_gtpu(payload) => None,
            UDP => Some(Class::NotTcp),
            next if is_extension(next) || (is_carrier(next) && self.ends.1) => None,
            _ => Some(Class::NotTcp),
        }
    }

    /// TCP, unless it comes from port 25.
    #[inline]
    fn tcp(&self, payload: &[u8], payload_len: usize) -> Option<Class> {
        let [s0, s1, d0, d1] = *payload.first_chunk::<4>()?;
        let (source, destination) = (u16::from_be_bytes([s0, s1]), u16::from_be_bytes([d0, d1]));
        if payload_len < THROUGH_FLAGS {
            return None;
        }
        match self.direction {
            Direction::Outbound if destination == SMTP => Some(Class::Smtp),
            Direction::Inbound if source == SMTP && destination != SMTP => None,
            _ => Some(Class::OtherPort),
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
