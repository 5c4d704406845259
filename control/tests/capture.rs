//! Capture files as other programs write them, whole, cut and damaged. The files are made here byte by byte, so
//! that reader and writer are not judged by each other.
#![forbid(unsafe_code)]

use std::io::Read;

use gate25_control::capture::{Capture, CaptureError, CapturedFrame, MAX_CAPTURED, PcapWriter, Problem, Resolution};

/// A number in one byte order.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Order {
    Little,
    Big,
}

impl Order {
    const BOTH: [Self; 2] = [Self::Little, Self::Big];

    fn u32(self, value: u32) -> [u8; 4] {
        if self == Self::Little { value.to_le_bytes() } else { value.to_be_bytes() }
    }

    fn u16(self, value: u16) -> [u8; 2] {
        if self == Self::Little { value.to_le_bytes() } else { value.to_be_bytes() }
    }
}

fn pcap_header(order: Order, magic: u32, link_type: u32) -> Vec<u8> {
    let mut out = order.u32(magic).to_vec();
    out.extend(order.u16(2));
    out.extend(order.u16(4));
    for word in [0, 0, 65_535, link_type] {
        out.extend(order.u32(word));
    }
    out
}

fn pcap_record(order: Order, time: (u32, u32), wire_len: u32, bytes: &[u8]) -> Vec<u8> {
    let words = [time.0, time.1, bytes.len() as u32, wire_len];
    words.iter().flat_map(|word| order.u32(*word)).chain(bytes.iter().copied()).collect()
}

fn block(order: Order, kind: u32, body: &[u8]) -> Vec<u8> {
    let padding = body.len().next_multiple_of(4) - body.len();
    let length = order.u32((12 + body.len() + padding) as u32);
    [&order.u32(kind)[..], &length, body, &vec![0; padding], &length].concat()
}

fn section(order: Order) -> Vec<u8> {
    let mut body = order.u32(0x1a2b_3c4d).to_vec();
    body.extend(order.u16(1));
    body.extend(order.u16(0));
    body.extend([0xff; 8]);
    block(order, 0x0a0d_0d0a, &body)
}

/// An interface with `if_tsresol` `units`.
fn interface(order: Order, link_type: u16, snap_len: u32, units: u8) -> Vec<u8> {
    let mut body = order.u16(link_type).to_vec();
    body.extend([0; 2]);
    body.extend(order.u32(snap_len));
    body.extend(order.u16(9));
    body.extend(order.u16(1));
    body.extend([units, 0, 0, 0, 0, 0, 0, 0]);
    block(order, 1, &body)
}

fn enhanced(order: Order, interface: u32, stamp: u64, wire_len: u32, bytes: &[u8]) -> Vec<u8> {
    let words = [interface, (stamp >> 32) as u32, stamp as u32, bytes.len() as u32, wire_len];
    let body: Vec<u8> = words.iter().flat_map(|word| order.u32(*word)).chain(bytes.iter().copied()).collect();
    block(order, 6, &body)
}

fn simple(order: Order, wire_len: u32, bytes: &[u8]) -> Vec<u8> {
    block(order, 3, &[&order.u32(wire_len)[..], bytes].concat())
}

type Packet = (u64, u32, Vec<u8>);

/// All packets as (time, length on the wire, bytes), and the error behind them.
fn read_from<R: Read>(reader: R) -> (Vec<Packet>, Option<CaptureError>) {
    let mut packets = Vec::new();
    let mut capture = match Capture::new("x.pcap".into(), reader) {
        Ok(capture) => capture,
        Err(error) => return (packets, Some(error)),
    };
    let error = loop {
        match capture.read() {
            Ok(Some(frame)) => {
                assert_eq!(frame.number, packets.len() as u64 + 1);
                packets.push((frame.time, frame.wire_len, frame.bytes.to_vec()));
            }
            Ok(None) => break None,
            Err(error) => break Some(error),
        }
    };
    assert_eq!(capture.read(), Ok(None), "nothing comes behind the end or an error");
    (packets, error)
}

fn read(file: &[u8]) -> (Vec<Packet>, Option<CaptureError>) {
    read_from(file)
}

const SECOND: u64 = 1_000_000_000;

#[test]
fn pcap_in_both_byte_orders_and_both_resolutions() {
    for order in Order::BOTH {
        for (magic, nanoseconds) in [(0xa1b2_c3d4, 7_000), (0xa1b2_3c4d, 7)] {
            let mut file = pcap_header(order, magic, 1);
            file.extend(pcap_record(order, (1_800_000_000, 7), 60, &[1; 60]));
            file.extend(pcap_record(order, (1_800_000_001, 0), 1500, &[2; 33]));
            file.extend(pcap_record(order, (0, 0), 0, &[]));
            let (packets, error) = read(&file);
            let expected = [
                (1_800_000_000 * SECOND + nanoseconds, 60, vec![1; 60]),
                (1_800_000_001 * SECOND, 1500, vec![2; 33]),
                (0, 0, vec![]),
            ];
            assert_eq!(packets, expected, "{order:?} {magic:08x}");
            assert_eq!(error, None);
            let resolution = Capture::new(String::new(), &file[..]).unwrap().resolution();
            assert_eq!(resolution == Resolution::Nano, magic == 0xa1b2_3c4d);
        }
    }
}

#[test]
fn pcapng_with_interfaces_sections_and_blocks_we_do_not_know() {
    for (order, other) in [(Order::Little, Order::Big), (Order::Big, Order::Little)] {
        let file = [
            section(order),
            interface(order, 1, 0, 6),
            block(order, 0x0bad, &[0; 9]),
            interface(order, 1, 0, 9),
            enhanced(order, 1, 1_800_000_000 * SECOND + 3, 5, &[1; 5]),
            block(order, 5, &[0; 20]),
            enhanced(order, 0, 1_800_000_000_000_000, 999, &[2; 6]),
            section(other),
            interface(other, 1, 3, 6),
            enhanced(other, 0, 1_000_000, 7, &[3; 7]),
            simple(other, 4, &[4; 3]),
            block(other, 4, &[]),
        ];
        let (packets, error) = read(&file.concat());
        let expected = [
            (1_800_000_000 * SECOND + 3, 5, vec![1; 5]),
            (1_800_000_000 * SECOND, 999, vec![2; 6]),
            (SECOND, 7, vec![3; 7]),
            (0, 4, vec![4; 3]),
        ];
        assert_eq!(packets, expected, "{order:?}");
        assert_eq!(error, None);
    }
}

/// Reads one byte at a time, as a pipe may.
struct Drip<'a>(&'a [u8]);

impl Read for Drip<'_> {
    fn read(&mut self, buf: &mut [u8]) -> std::io::Result<usize> {
        let end = buf.len().min(1);
        self.0.read(&mut buf[..end])
    }
}

/// A small file of each format, and where its packets end.
fn small_files() -> Vec<(Vec<u8>, Vec<usize>)> {
    let mut files = Vec::new();
    for order in Order::BOTH {
        let mut pcap = pcap_header(order, 0xa1b2_c3d4, 1);
        let mut pcapng = [section(order), interface(order, 1, 0, 6)].concat();
        let mut ends = (Vec::new(), Vec::new());
        for length in [0, 14, 61] {
            pcap.extend(pcap_record(order, (1, 2), length, &vec![9; length as usize]));
            ends.0.push(pcap.len());
            pcapng.extend(enhanced(order, 0, 1, length, &vec![9; length as usize]));
            ends.1.push(pcapng.len());
            pcapng.extend(block(order, 5, &[0; 12]));
        }
        files.push((pcap, ends.0));
        files.push((pcapng, ends.1));
    }
    files
}

#[test]
fn a_file_cut_at_any_byte_gives_the_packets_before_and_names_the_next() {
    for (file, ends) in small_files() {
        let mut whole = 0;
        for cut in 0..=file.len() {
            let (packets, error) = read(&file[..cut]);
            let expected = ends.iter().filter(|end| **end <= cut).count();
            assert_eq!(packets.len(), expected, "cut at {cut}");
            match error {
                None => whole += 1,
                Some(error) => {
                    assert_eq!(error.packet, expected as u64 + 1, "cut at {cut}: {error}");
                    assert!(error.offset <= cut as u64);
                    assert!(matches!(error.problem, Problem::Short { .. } | Problem::Empty), "cut at {cut}: {error}");
                    assert!(error.to_string().starts_with(&format!("x.pcap: packet {} at byte ", error.packet)));
                    assert!(!error.to_string().contains('\n'));
                }
            }
            assert_eq!(read_from(Drip(&file[..cut])), read(&file[..cut]), "cut at {cut}, byte by byte");
        }
        // A file may end behind its header, each packet and each other block.
        let blocks = if file[0] == 0x0a { 2 + 2 * ends.len() } else { 1 + ends.len() };
        assert_eq!(whole, blocks);
    }
}

#[test]
fn any_byte_changed_to_anything_is_no_panic_and_no_endless_file() {
    for (file, _) in small_files() {
        for at in 0..file.len() {
            for value in [0, 1, 0x7f, 0x80, 0xff] {
                let mut file = file.clone();
                file[at] = value;
                let (packets, _) = read(&file);
                assert!(packets.len() <= file.len() / 12);
            }
        }
    }
}

#[test]
fn the_error_says_packet_byte_what_and_remedy() {
    let order = Order::Little;
    let mut file = pcap_header(order, 0xa1b2_c3d4, 1);
    file.extend(pcap_record(order, (0, 0), 60, &[0; 60]));
    file.extend(pcap_record(order, (0, 0), 60, &[0; 60]));
    file.truncate(24 + 76 + 16 + 59);
    assert_eq!(
        read(&file).1.unwrap().to_string(),
        "x.pcap: packet 2 at byte 100: the file ends after 59 of the 60 bytes of a packet; it was cut, copy or capture it again"
    );
}

#[test]
fn a_huge_claimed_length_is_an_error_and_no_allocation() {
    let order = Order::Little;
    let mut file = pcap_header(order, 0xa1b2_c3d4, 1);
    file.extend([0, 0, u32::MAX, 60].iter().flat_map(|word| order.u32(*word)));
    let long = |what, claimed, limit| Some(Problem::Long { what, claimed, limit });
    let problem = |file: &[u8]| read(file).1.map(|error| error.problem);
    assert_eq!(problem(&file), long("a packet", u64::from(u32::MAX), 262_144));
    let begin = [section(order), interface(order, 1, 0, 6)].concat();
    let huge = [&begin[..], &order.u32(6), &order.u32(0xffff_fff0), &[0; 40]].concat();
    assert_eq!(problem(&huge), long("a block", 0xffff_fff0, 16 << 20));
    let one_more = |bytes: &[u8]| {
        [pcap_header(order, 0xa1b2_c3d4, 1), pcap_record(order, (0, 0), bytes.len() as u32, bytes)].concat()
    };
    assert_eq!(read(&one_more(&vec![1; MAX_CAPTURED])).0.len(), 1);
    assert_eq!(problem(&one_more(&vec![1; MAX_CAPTURED + 1])), long("a packet", 262_145, 262_144));
    let one_more = |bytes: &[u8]| [&begin[..], &enhanced(order, 0, 0, bytes.len() as u32, bytes)].concat();
    assert_eq!(read(&one_more(&vec![1; MAX_CAPTURED])).0.len(), 1);
    assert_eq!(problem(&one_more(&vec![1; MAX_CAPTURED + 1])), long("a packet", 262_145, 262_144));
}

#[test]
fn a_long_block_that_is_not_read_is_stepped_over() {
    let order = Order::Big;
    let secrets = block(order, 10, &vec![7; (16 << 20) + 1000]);
    let file = [section(order), interface(order, 1, 0, 6), secrets, enhanced(order, 0, 0, 3, &[1; 3])].concat();
    assert_eq!(read(&file), (vec![(0, 3, vec![1; 3])], None));
}

#[test]
fn other_link_types_are_refused_at_the_first_packet_that_has_one() {
    let order = Order::Little;
    let cooked = pcap_header(order, 0xa1b2_c3d4, 113);
    assert_eq!(read(&cooked), (vec![], None), "nothing in it, nothing to refuse");
    let file = [cooked, pcap_record(order, (0, 0), 3, &[0; 3])].concat();
    assert_eq!(
        read(&file).1.unwrap().to_string(),
        "x.pcap: packet 1 at byte 24: link type 113 is not read, only Ethernet (1); capture on an Ethernet interface, not on \"any\""
    );
    let with_fcs = pcap_header(order, 0xa1b2_c3d4, 0x2400_0001);
    assert_eq!(read(&[with_fcs, pcap_record(order, (0, 0), 3, &[0; 3])].concat()).0.len(), 1);
    let mixed = [
        section(order),
        interface(order, 1, 0, 6),
        interface(order, 113, 0, 6),
        enhanced(order, 0, 0, 3, &[0; 3]),
        enhanced(order, 1, 0, 3, &[0; 3]),
    ];
    let (packets, error) = read(&mixed.concat());
    assert_eq!((packets.len(), error.map(|error| (error.packet, error.problem))), {
        (1, Some((2, Problem::LinkType { found: 113 })))
    });
}

#[test]
fn what_is_no_capture_is_told_apart() {
    let problem = |file: &[u8]| read(file).1.unwrap().to_string();
    assert!(problem(b"").ends_with("the file is empty; capture again"));
    assert!(
        problem(&[0x1f, 0x8b, 8, 0, 0])
            .ends_with("1f 8b 08 00 are not those of pcap or pcapng; it is compressed, run gunzip on it")
    );
    assert!(problem(b"# hello").contains("name a capture"));
    let old = [&Order::Big.u32(0xa1b2_c3d4)[..], &[0, 2, 0, 3], &[0; 16]].concat();
    assert!(problem(&old).contains("format version 2.3 is not read; convert the file with `editcap -F pcap`"));
    let order = Order::Little;
    let head = [section(order), interface(order, 1, 0, 6)].concat();
    let with = |block: Vec<u8>| read(&[head.clone(), block].concat()).1.unwrap().problem;
    assert_eq!(with(block(order, 2, &[0; 28])), Problem::ObsoleteBlock);
    assert_eq!(with(enhanced(order, 1, 0, 0, &[])), Problem::UnknownInterface { interface: 1, known: 1 });
    let nothing_captured = read(&[head.clone(), simple(order, 5, &[])].concat());
    assert_eq!(nothing_captured, (vec![(0, 5, vec![])], None));
}

#[test]
fn the_writer_writes_what_the_reader_reads() {
    for (resolution, time) in
        [(Resolution::Micro, 1_800_000_000_000_001_000), (Resolution::Nano, 1_800_000_000_000_000_001)]
    {
        let frames = [
            CapturedFrame { number: 1, time, bytes: &[1; 60], wire_len: 60 },
            CapturedFrame { number: 2, time: 0, bytes: &[2; 10], wire_len: 1500 },
        ];
        let mut writer = PcapWriter::new(Vec::new(), resolution).unwrap();
        frames.iter().for_each(|frame| writer.write(frame).unwrap());
        let file = writer.finish().unwrap();
        let (fraction, magic) = if resolution == Resolution::Micro { (1, 0xa1b2_c3d4) } else { (1, 0xa1b2_3c4d) };
        let order = Order::Little;
        let mut expected = pcap_header(order, magic, 1);
        expected[16..20].copy_from_slice(&order.u32(262_144));
        expected.extend(pcap_record(order, (1_800_000_000, fraction), 60, &[1; 60]));
        expected.extend(pcap_record(order, (0, 0), 1500, &[2; 10]));
        assert_eq!(file, expected);
        assert_eq!(read(&file), (frames.iter().map(|f| (f.time, f.wire_len, f.bytes.to_vec())).collect(), None));
    }
}
