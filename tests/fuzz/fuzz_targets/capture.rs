//! The reader of pcap and pcapng on any bytes: it ends, and says where it stopped.
#![no_main]

use gate25_control::capture::Capture;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let Ok(mut capture) = Capture::new("fuzz".into(), data) else { return };
    let mut packets = 0;
    loop {
        match capture.read() {
            Ok(Some(frame)) => {
                packets += 1;
                assert_eq!(frame.number, packets);
                assert!(frame.bytes.len() <= data.len());
            }
            Ok(None) => break,
            Err(error) => assert_eq!(error.packet, packets + 1),
        }
    }
});
