//! The path against the golden model: one verdict, one line, one answer. The first byte cuts the capture short.
#![no_main]

use std::sync::LazyLock;

use gate25_include::image::Image;
use gate25_tests::differential::{image, model, path, report};
use gate25_tests::golden::{Captured, Direction, Policy};
use libfuzzer_sys::fuzz_target;

static POLICY: LazyLock<(Policy, Image)> = LazyLock::new(|| {
    let policy = gate25_tests::catalogue::policy();
    let image = image(&policy);
    (policy, image)
});

fuzz_target!(|data: &[u8]| {
    let Some((choice, frame)) = data.split_first() else { return };
    let (policy, image) = &*POLICY;
    let direction = if choice & 1 == 0 { Direction::Outbound } else { Direction::Inbound };
    let wire_len = frame.len() + if choice & 2 == 0 { 0 } else { usize::from(choice >> 2) };
    let model = model(Some(policy), direction, Captured::short(frame, wire_len));
    let path = path(Some(image), direction, frame, wire_len);
    assert!(model == path, "{}", report(direction, frame, wire_len, &model, &path));
});
