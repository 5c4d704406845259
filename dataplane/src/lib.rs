//! Owns the NICs: poll-mode workers over DPDK.
