//! The path against the golden model: one verdict, one line, one answer. The first byte cuts the capture short.
#![no_main]

use std::sync::LazyLock;

use gate25_include::image::Image;
use gate25_tests::differential::{image, model, path, report, short_fault};
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
    let model = model(Some(policy), direction, Captured::whole(frame));
    let path = path(Some(image), direction, frame, frame.len());
    assert!(model == path, "{}", report(direction, frame, frame.len(), &model, &path));
    if choice & 2 != 0 {
        let captured = frame.len().saturating_sub(usize::from(choice >> 2));
        let fault = short_fault(policy, image, direction, frame, captured);
        assert!(fault.is_none(), "{}", fault.unwrap_or_default());
    }
});
