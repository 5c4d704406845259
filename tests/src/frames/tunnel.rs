//! Tunnel headers that are not IP: GRE and GTP-U.
//! Optional fields follow from the flags unless set.

use super::{Layer, ethertype, length16};

/// GRE (RFC 2784, RFC 2890).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Gre {
    /// The first sixteen bits: C 0x8000, R 0x4000, K 0x2000, S 0x1000, reserved, version.
    pub flags: u16,
    /// Protocol type; computed from the next layer.
    pub protocol: Option<u16>,
    /// Optional fields; by default four bytes for each of C, K and S that is set.
    pub optional: Option<Vec<u8>>,
}

impl Gre {
    /// A header with these flags and the optional fields they announce.
    #[must_use]
    pub fn new(flags: u16) -> Self {
        Self { flags, protocol: None, optional: None }
    }

    pub(super) fn encode(&self, next: Option<&Layer>, inner: Vec<u8>) -> Vec<u8> {
        let kind = self.protocol.unwrap_or_else(|| ethertype(next));
        let fields = (self.flags & 0xb000).count_ones() as usize;
        let optional = self.optional.clone().unwrap_or_else(|| vec![0; fields * 4]);
        [&self.flags.to_be_bytes()[..], &kind.to_be_bytes(), &optional, &inner].concat()
    }
}

/// GTP-U (3GPP TS 29.281 §5), to stand in [`super::Udp`] with destination port 2152.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Gtp {
    /// Version, PT, spare, E 0x04, S 0x02, PN 0x01.
    pub flags: u8,
    /// Message type; 255 is a G-PDU.
    pub message: u8,
    /// Bytes behind the first eight; computed.
    pub length: Option<u16>,
    /// The four optional bytes' last: type of the first extension header; computed.
    pub next: Option<u8>,
    /// Extension headers: type and content without the length byte in front and the next type behind; padded with
    /// zeros to a multiple of four bytes.
    pub extensions: Vec<(u8, Vec<u8>)>,
}

impl Default for Gtp {
    fn default() -> Self {
        Self::new()
    }
}

impl Gtp {
    /// A G-PDU with eight bytes of header.
    #[must_use]
    pub fn new() -> Self {
        Self { flags: 0x30, message: 255, length: None, next: None, extensions: Vec::new() }
    }

    /// With these bits of E 0x04, S 0x02, PN 0x01 set.
    #[must_use]
    pub fn flagged(bits: u8) -> Self {
        Self { flags: 0x30 | bits, ..Self::new() }
    }

    /// With those extension headers and E set; 0x85 is a PDU session container.
    #[must_use]
    pub fn extended(extensions: &[(u8, &[u8])]) -> Self {
        Self { extensions: extensions.iter().map(|(kind, body)| (*kind, body.to_vec())).collect(), ..Self::flagged(4) }
    }

    pub(super) fn encode(&self, inner: Vec<u8>) -> Vec<u8> {
        let mut optional = Vec::new();
        if self.flags & 7 != 0 {
            let first = self.extensions.first().map_or(0, |(kind, _)| *kind);
            optional.extend([0, 0, 0, self.next.unwrap_or(first)]);
        }
        for (index, (_, body)) in self.extensions.iter().enumerate() {
            let bytes = (body.len() + 2).next_multiple_of(4);
            let mut extension = vec![u8::try_from(bytes / 4).unwrap_or(255)];
            extension.extend(body);
            extension.resize(bytes - 1, 0);
            extension.push(self.extensions.get(index + 1).map_or(0, |(kind, _)| *kind));
            optional.extend(extension);
        }
        let length = self.length.unwrap_or(length16(optional.len() + inner.len()));
        let teid = [0, 0, 0x25, 0x25];
        [&[self.flags, self.message], &length.to_be_bytes()[..], &teid, &optional, &inner].concat()
    }
}
