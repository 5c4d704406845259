//! What is counted for each pool and exemption, per worker. Labels: the pool's name, never a line.

use super::scope;

scope! {
    /// A pool's counters: one for each reason that names a pool, and the answers sent.
    PoolCounter "pool" &["pool", "reason"];
    Exempt "exempt" Counter "frames" "To port 25 from this exemption, forwarded.";
    StageOff "stage_off" Counter "frames" "To port 25 while the pool is in stage off, forwarded.";
    AllowedDestination "allowed_destination" Counter "frames" "To port 25 of an allowed destination, forwarded.";
    UnlistedDestination "unlisted_destination" Counter "frames" "To port 25 of a destination outside only, forwarded.";
    WouldDrop "would_drop" Counter "frames" "Forwarded now, dropped under enforcement.";
    Blocked "blocked" Counter "frames" "To port 25, dropped.";
    UndeterminedOverlap "undetermined_overlap" Counter "frames" "Overlapping fragments, dropped.";
    UndeterminedTiny "undetermined_tiny" Counter "frames" "First fragments without a TCP header, dropped.";
    UndeterminedChain "undetermined_chain" Counter "frames" "Header chains too long to read, dropped.";
    UndeterminedPassed "undetermined_passed" Counter "frames" "Packets that hide their TCP header, forwarded as the pool says.";
    ReturnBlocked "return_blocked" Counter "frames" "Answers from port 25, dropped.";
    ReturnWouldDrop "return_would_drop" Counter "frames" "Answers from port 25, forwarded now, dropped under enforcement.";
}
