//! The contract both processes include: image, hand-over, telemetry, counters.
