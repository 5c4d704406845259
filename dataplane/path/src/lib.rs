//! Bytes to headers to verdict: pure functions.
