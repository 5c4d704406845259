//! Every named golden vector through the packet path, compared with the model (which is compared with the hand-written
//! expectations in `catalogue.rs`).

use gate25_tests::catalogue::{policy, vectors};
use gate25_tests::differential::{image, model, path, report};
use gate25_tests::golden::{Captured, Direction};

#[test]
fn the_path_agrees_on_every_golden_vector() {
    let policy = policy();
    let image = image(&policy);
    let mut differences = Vec::new();
    for vector in vectors() {
        let wire_len = vector.wire_len.unwrap_or(vector.frame.len());
        // Received on the other port too: what the vector does not name is compared all the same.
        for direction in [Direction::Outbound, Direction::Inbound] {
            let captured = Captured::short(&vector.frame, wire_len);
            let (by_model, by_path) = if vector.no_policy {
                (model(None, direction, captured), path(None, direction, &vector.frame, wire_len))
            } else {
                (model(Some(&policy), direction, captured), path(Some(&image), direction, &vector.frame, wire_len))
            };
            if by_model != by_path {
                let text = report(direction, &vector.frame, wire_len, &by_model, &by_path);
                differences.push(format!("{} ({}): {text}", vector.name, vector.shows));
            }
        }
    }
    assert!(differences.is_empty(), "{} differ:\n{}", differences.len(), differences.join("\n"));
}
