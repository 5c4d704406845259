//! Frames out of arbitrary bytes: each byte is a choice, so that proptest shrinks a frame by shrinking its choices.

use super::policy::{CARRIER, MX, MX6, OWN, OWN6, POOLS, STATIC, STRANGER, a4, a6};
use super::*;

/// Choices still to be made; when they run out the first possibility is taken.
pub(crate) struct Choices<'a>(pub(crate) &'a [u8]);

impl Choices<'_> {
    pub(crate) fn byte(&mut self) -> u8 {
        let Some((first, rest)) = self.0.split_first() else { return 0 };
        self.0 = rest;
        *first
    }

    pub(crate) fn below(&mut self, n: usize) -> usize {
        usize::from(self.byte()) % n
    }

    fn one_in(&mut self, n: usize) -> bool {
        self.below(n) == n - 1
    }

    fn of<T: Copy>(&mut self, all: &[T]) -> T {
        all[self.below(all.len())]
    }

    fn address4(&mut self) -> String {
        match self.below(8) {
            0..=3 => a4(POOLS[self.below(POOLS.len())].name),
            4 => self.of(&[MX, OWN, CARRIER]).to_owned(),
            5 => self.of(&[STATIC, STRANGER]).to_owned(),
            6 => "198.51.100.1".to_owned(),
            _ => self.of(&["255.255.255.255", "224.0.0.1", "0.0.0.0", "127.0.0.1"]).to_owned(),
        }
    }

    fn address6(&mut self) -> String {
        match self.below(8) {
            0..=3 => a6(POOLS[self.below(POOLS.len())].name),
            4 => MX6.to_owned(),
            5 => OWN6.to_owned(),
            6 => "2001:db8:ffff::1".to_owned(),
            _ => self.of(&["ff02::1", "::", "::1"]).to_owned(),
        }
    }

    /// An IP packet with consistent lengths, up to four levels deep.
    pub(crate) fn packet(&mut self, depth: usize) -> Vec<u8> {
        if self.below(2) == 0 { self.packet4(depth) } else { self.packet6(depth) }
    }

    pub(crate) fn packet4(&mut self, depth: usize) -> Vec<u8> {
        let (protocol, payload) = self.upper(depth);
        let mut header = v4(&self.address4(), &self.address4(), protocol);
        if self.one_in(6) {
            header = match self.below(4) {
                0 => header.options(&[1; 4]),
                1 => header.options(&route_option(131, self.of(&[4, 8, 12]), &[MX, "198.51.100.1"])),
                2 => header.options(&route_option(137, 4, &[OWN])),
                _ => header.options(&[7, self.byte(), self.byte()]),
            };
        }
        if self.one_in(4) {
            header = header.fragment(self.of(&[0, 1, 2, 63, 64]), self.below(4) != 0);
        }
        let payload = self.cut(payload);
        header.around(&payload)
    }

    fn packet6(&mut self, depth: usize) -> Vec<u8> {
        let (mut next, payload) = self.upper(depth);
        let mut payload = self.cut(payload);
        while self.one_in(3) && payload.len() < 1200 {
            (next, payload) = match self.below(6) {
                0 => (FRAGMENT, fragment6(next, self.of(&[0, 0, 1, 2, 63, 64]), self.below(2) == 0, &payload)),
                1 => (ROUTING, routing(next, self.of(&[0, 2, 4]), self.byte() & 1, &["2001:db8:ffff::1"], &payload)),
                2 => (AH, [&[next, 4][..], &[0; 22], &payload].concat()),
                3 => (DEST, long_ext(next, self.byte() % 64, &payload)),
                4 => (self.of(&[HOP, DEST, 135, 139, 140, 253, 254]), ext(next, &payload)),
                _ => reading::chain(15 + self.below(3), next, &payload),
            };
        }
        let payload = self.cut(payload);
        v6(&self.address6(), &self.address6(), next, &payload)
    }

    fn upper(&mut self, depth: usize) -> (u8, Vec<u8>) {
        let inner = |c: &mut Self| if depth < 4 { c.packet(depth + 1) } else { Vec::new() };
        let kind_of = |packet: &[u8]| if kind_of(packet) == 0x86dd { IP6 } else { IPIP };
        match self.below(8) {
            0..=2 => (TCP, self.segment()),
            3 => {
                let packet = inner(self);
                (kind_of(&packet), packet)
            }
            4 => {
                let packet = inner(self);
                let kind = super::kind_of(&packet);
                (GRE, gre(self.of(&[0, 0, 0x4000, 1]), kind, &[], &packet))
            }
            5 => {
                let packet = inner(self);
                let (flags, optional) = self.of(&[(0, &[][..]), (2, &[0; 4]), (4, &[0, 0, 0, 9, 1, 1, 1, 0])]);
                (UDP, gtpu(flags, optional, &packet))
            }
            6 => (UDP, udp(25, self.of(&[25, 53, 2152]), &[0; 8])),
            _ => (self.of(&[1, 58, 50, 59, 132, IPIP, IP6]), vec![0; self.below(48)]),
        }
    }

    fn segment(&mut self) -> Vec<u8> {
        let port = [25, 25, 25, 1025, 443];
        let mut segment = tcp(self.of(&port), self.of(&port), self.byte());
        if self.one_in(8) {
            segment[12] = self.byte();
        }
        [segment, vec![0; self.below(8)]].concat()
    }

    /// Now and then a payload loses its end before it gets its header, so that lengths stay consistent.
    fn cut(&mut self, mut payload: Vec<u8>) -> Vec<u8> {
        if self.one_in(8) {
            payload.truncate(self.below(80));
        }
        payload
    }

    /// A packet behind some link layer.
    pub(crate) fn frame(&mut self) -> Vec<u8> {
        let packet = self.packet(0);
        let v6 = super::kind_of(&packet) == 0x86dd;
        match self.below(8) {
            0..=3 => frame(&packet),
            4 => tagged(&[0x88a8, 0x8100, 0x9100][..self.below(4)], super::kind_of(&packet), &packet),
            5 => ethernet(0x8864, &pppoe(if v6 { &[0, 0x57] } else { &[0, 0x21] }, &packet)),
            6 => ethernet(0x8847, &mpls(1 + self.below(18), &packet)),
            _ => tagged(&[0x8100; 10][..self.below(11)], super::kind_of(&packet), &packet),
        }
    }

    /// A frame with a few bytes changed and perhaps its end lost.
    pub(crate) fn broken_frame(&mut self) -> Vec<u8> {
        let mut frame = self.frame();
        for _ in 0..self.below(4) {
            let at = (self.below(256) * 256 + self.below(256)) % frame.len();
            frame[at] = self.byte();
        }
        if self.one_in(4) {
            frame.truncate(self.below(200));
        }
        frame
    }
}
