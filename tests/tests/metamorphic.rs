//! What must not change a verdict of the packet path: tags, PPPoE, padding, harmless IPv4 options, fields nobody looks at.
//! No model is asked: a frame and its changed twin are judged by the path.

use gate25_include::image::Image;
use gate25_tests::catalogue;
use gate25_tests::differential::{Answer, image, path};
use gate25_tests::frames::{Ethernet, Layer, Mpls, Pppoe, Vlan, build};
use gate25_tests::generate::{self, Frames};
use gate25_tests::golden::Direction;

const PACKETS_PER_POLICY: usize = 2_000;

/// A packet, its IP version, and the source of choices.
struct Case<'a> {
    packet: &'a [u8],
    version: u8,
    choices: &'a mut Frames,
}

/// Frame of `middle` between Ethernet and the packet.
fn under(middle: Vec<Layer>, ethertype: u16, packet: &[u8]) -> Vec<u8> {
    let last = Layer::Raw(packet.to_vec());
    match middle.split_last() {
        None => build(&[Ethernet::typed(ethertype).into(), last]),
        // The layer in front of the packet announces it.
        Some((Layer::Vlan(tag), rest)) => {
            let tag = Vlan { ethertype: Some(ethertype), ..tag.clone() };
            build(&[vec![Ethernet::new().into()], rest.to_vec(), vec![tag.into(), last]].concat())
        }
        Some(_) => build(&[vec![Ethernet::new().into()], middle, vec![last]].concat()),
    }
}

fn ethertype(version: u8) -> u16 {
    if version == 4 { 0x0800 } else { 0x86dd }
}

/// Judges every packet of many policies plain and changed; `change` gives none where it does not apply.
fn unchanged(name: &str, answered: bool, change: impl Fn(&mut Case) -> Option<Vec<u8>>) {
    let mut compared = 0;
    for round in 0..12 {
        let policy = if round == 0 { catalogue::policy() } else { generate::policy(round) };
        let image: Image = image(&policy);
        let mut source = Frames::new(round, &policy, Vec::new());
        for _ in 0..PACKETS_PER_POLICY {
            let packet = source.packet();
            let version = packet.first().map_or(0, |byte| byte >> 4);
            if !matches!(version, 4 | 6) {
                continue;
            }
            let plain = under(Vec::new(), ethertype(version), &packet);
            let Some(changed) = change(&mut Case { packet: &packet, version, choices: &mut source }) else { continue };
            compared += 1;
            for direction in [Direction::Outbound, Direction::Inbound] {
                let judge = |frame: &[u8]| -> Answer {
                    let answer = path(Some(&image), direction, frame, frame.len());
                    if answered { answer } else { answer.unanswered() }
                };
                assert_eq!(judge(&plain), judge(&changed), "{name}, {direction:?}\n{plain:02x?}\n{changed:02x?}");
            }
        }
    }
    assert!(compared > 5_000, "{name}: only {compared} packets compared");
}

#[test]
fn up_to_eight_tags_change_nothing() {
    unchanged("tags", false, |case| {
        let tags = (0..=case.choices.below(8))
            .map(|_| Vlan::tagged([0x8100, 0x88a8, 0x9100, 0x9200][case.choices.below(4)], 25).into())
            .collect();
        Some(under(tags, ethertype(case.version), case.packet))
    });
}

#[test]
fn pppoe_changes_nothing() {
    unchanged("pppoe", false, |case| {
        let protocol: &[u8] = match (case.version, case.choices.below(2)) {
            (4, 0) => &[0x21],
            (4, _) => &[0, 0x21],
            (_, 0) => &[0x57],
            _ => &[0, 0x57],
        };
        Some(under(vec![Pppoe::ppp(protocol).into()], 0, case.packet))
    });
}

#[test]
fn labels_change_nothing_but_the_answer() {
    unchanged("mpls", false, |case| {
        let labels = case.choices.below(16) + 1;
        let stack = (1..=labels).map(|n| Mpls { label: 16, bottom: Some(n == labels) }.into()).collect();
        let mut frame = under(stack, 0, case.packet);
        frame[12..14].copy_from_slice(&[0x88, 0x47]);
        Some(frame)
    });
}

#[test]
fn padding_changes_nothing() {
    unchanged("padding", true, |case| {
        // A packet that its lengths say is cut might get whole, and hop-by-hop's zero length takes all there is.
        let field = |at: usize| usize::from(u16::from_be_bytes([case.packet[at], case.packet[at + 1]]));
        let whole = match case.version {
            4 => case.packet.len() >= 20 && field(2) <= case.packet.len(),
            _ => case.packet.len() >= 40 && field(4) != 0 && field(4) + 40 <= case.packet.len(),
        };
        let bytes = 1 + case.choices.below(60);
        whole.then(|| [under(Vec::new(), ethertype(case.version), case.packet), vec![0x5a; bytes]].concat())
    });
}

#[test]
fn harmless_options_change_nothing() {
    unchanged("options", true, |case| {
        let ihl = case.packet[0] & 0x0f;
        if case.version != 4 || case.packet.len() < 20 || !(5..15).contains(&ihl) {
            return None;
        }
        let total = u16::from_be_bytes([case.packet[2], case.packet[3]]).checked_add(4)?;
        let mut packet = case.packet.to_vec();
        packet[0] = 0x40 | (ihl + 1);
        packet[2..4].copy_from_slice(&total.to_be_bytes());
        packet.splice(20..20, [[1; 4], [148, 4, 0, 0]][case.choices.below(2)]);
        Some(under(Vec::new(), 0x0800, &packet))
    });
}

#[test]
fn fields_nobody_looks_at_change_nothing() {
    unchanged("fields", true, |case| {
        let mut packet = case.packet.to_vec();
        let unread: &[usize] = if case.version == 4 { &[1, 4, 5, 8, 10, 11] } else { &[1, 2, 3, 7] };
        let at = unread[case.choices.below(unread.len())];
        *packet.get_mut(at)? ^= 1 << case.choices.below(8);
        Some(under(Vec::new(), ethertype(case.version), &packet))
    });
}
