//! The whole path on any bytes, under the catalogue's policy: burst and single form agree, an answer can be built
//! for every reject, and only for those.
#![no_main]

use std::sync::LazyLock;

use gate25_include::image::Image;
use gate25_path::{Action, Direction, Frame, Verdict, judge, judge_burst, reject};
use gate25_include::counters::Reason;
use libfuzzer_sys::fuzz_target;

static IMAGE: LazyLock<Image> =
    LazyLock::new(|| gate25_tests::differential::image(&gate25_tests::catalogue::policy()));

fuzz_target!(|data: &[u8]| {
    let image = Some(&*IMAGE);
    for direction in Direction::ALL {
        let single = judge(image, direction, data);
        let mut burst = [Verdict::pass(Reason::NoPolicy)];
        judge_burst(image, direction, &[data], &mut burst);
        assert_eq!(burst, [single]);
        if single.action == Action::Reject {
            let mut answer = [0; reject::MAX_ANSWER];
            assert!(reject::build(Frame::whole(data), &mut answer).is_some_and(|length| length >= 60));
        }
    }
});
