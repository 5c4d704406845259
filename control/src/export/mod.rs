//! Export: `/metrics`, `/healthz` and `/readyz`.
//!
//! One collector reads the telemetry when it is scraped: workers and dataplane do nothing for it, and a
//! dataplane that hangs or is gone gives `gate25_up 0` and keeps no scrape waiting. Names, kinds and help
//! come from include's table of counters; no label ever holds an address.

mod collector;
mod families;
mod http;

pub use collector::{Telemetry, is_up};
pub use families::{Family, family};
pub use http::{Limits, serve};
